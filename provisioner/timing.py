"""Where the time of a run goes: parts are timed where they happen, `--timings` shows the table.

One table per process, as one process is one run. Timing is always on: an addition costs a microsecond, and what is
measured is what every user runs.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

# With more hosts than this, the middle and the slowest one say more than a column each.
COLUMNS = 6


class Timings:
    """Seconds by part and host, in the order in which the parts first began. Safe to use from any thread."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._seconds: dict[str, dict[str, float]] = {}

    def add(self, part: str, seconds: float, host: str = "") -> None:
        """Add to a part; of one host, or "" for what is done for all of them."""
        with self._lock:
            of_part = self._seconds.setdefault(part, {})
            of_part[host] = of_part.get(host, 0.0) + seconds

    @contextmanager
    def timed(self, part: str, host: str = "") -> Iterator[None]:
        """Add the time until the block ends, however it ends."""
        with self._lock:
            self._seconds.setdefault(part, {})
        began = self._clock()
        try:
            yield
        finally:
            self.add(part, self._clock() - began, host)

    def table(self) -> list[str]:
        """The lines to show: a row per part, a column per host. The sum of a row would mean nothing: hosts work at the
        same time."""
        hosts = sorted({host for of_part in self._seconds.values() for host in of_part if host})
        names = hosts if len(hosts) <= COLUMNS else ["median", "slowest", "which"]
        rows = [["seconds", "all", *names]]
        for part, of_part in self._seconds.items():
            by_host = {host: of_part[host] for host in hosts if host in of_part}
            cells = [_shown(by_host.get(host)) for host in hosts] if names == hosts else _summary(by_host)
            rows.append([part, _shown(of_part.get("")), *cells])
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        return ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip() for row in rows]


def _shown(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.3f}"


def _summary(by_host: dict[str, float]) -> Sequence[str]:
    if not by_host:
        return ("", "", "")
    ordered = sorted(by_host.values())
    middle = (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
    slowest = max(by_host, key=lambda host: by_host[host])
    return _shown(middle), _shown(by_host[slowest]), slowest


def since_start() -> float:
    """Seconds since this process began, to a hundredth; 0.0 where /proc does not show it."""
    try:
        fields = Path("/proc/self/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        began = int(fields[19]) / os.sysconf("SC_CLK_TCK")  # field 22 of proc(5), after the name: since boot
        return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - began)
    except (OSError, ValueError, IndexError, AttributeError):
        return 0.0


TIMINGS = Timings()
add, timed = TIMINGS.add, TIMINGS.timed
