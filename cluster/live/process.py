"""The process of a service, looked at again and again: CPU, heap, age. Read from /proc and the JVM's own GC log, so
that a look starts no process and asks the JVM nothing."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any, NamedTuple, Optional

from provisioner.agent import process, units
from provisioner.agent.failure import Failure
from provisioner.agent.files import text_of

AGAIN_SECONDS = 10.0  # from one question to systemd for a process to the next, while there is none
NEVER = float("-inf")
TICKS = os.sysconf("SC_CLK_TCK")  # of a second, in /proc


class Stat(NamedTuple):
    """cpu: seconds that it has used; started: seconds after the machine's start."""

    cpu: float
    started: float


class Process:
    """unit: of the service. find: the main process of a unit, 0 when it does not run."""

    def __init__(self, unit: str, find: Optional[Callable[[str], int]] = None) -> None:
        self._unit, self._find = unit, find or main_pid
        self._pid, self._started = 0, -1.0
        self._asked = NEVER
        self._serving = False
        self._log, self._log_size = "", -1
        self._heap: dict[str, Any] = {}

    def look(self, serving: bool) -> Optional[dict[str, Any]]:
        """{cpu (seconds so far), uptime (seconds), heap_used, heap_max (bytes, None when not known)}; None while there
        is no process. heap_used is what was left after the last garbage collection. serving: whether the service
        answers, so that there is a process to be found."""
        if serving and not self._serving:
            self._asked = NEVER
        self._serving = serving
        stat = self._stat() or self._next()
        if stat is None:
            return None
        size = _size(self._log)
        if size != self._log_size:
            found = process.of(self._pid)
            self._heap = {key: found[key] for key in ("heap_used", "heap_max")}
            self._log_size = size
        uptime = time.clock_gettime(time.CLOCK_BOOTTIME) - stat.started
        return {"cpu": stat.cpu, "uptime": round(uptime, 1), **self._heap}

    def _stat(self) -> Optional[Stat]:
        """Of the process that is known, as long as it is the same one."""
        found = parse(text_of(f"/proc/{self._pid}/stat")) if self._pid else None
        return found if found and found.started == self._started else None

    def _next(self) -> Optional[Stat]:
        """Of the process that has come in its place, for which systemd is asked."""
        if time.monotonic() - self._asked < AGAIN_SECONDS:
            return None
        self._asked = time.monotonic()
        self._pid = self._find(self._unit)
        found = parse(text_of(f"/proc/{self._pid}/stat")) if self._pid else None
        if found is not None:
            self._started = found.started
            self._log = process.gc_log(text_of(f"/proc/{self._pid}/cmdline").split("\0"))
            self._log_size = -2  # is read in any case
        return found


def main_pid(unit: str) -> int:
    """The main process of a unit; 0 when it does not run, or systemd does not answer."""
    try:
        state = units.show((unit,))[unit]
    except (Failure, OSError):
        return 0
    return int(state["pid"]) if state else 0


def parse(text: str) -> Optional[Stat]:
    """/proc/PID/stat, whose second field may hold anything; None for a process that is not there. Pure."""
    fields = text.rpartition(")")[2].split()
    if len(fields) < 20:
        return None
    return Stat((int(fields[11]) + int(fields[12])) / TICKS, int(fields[19]) / TICKS)


def _size(path: str) -> int:
    """-1 for a file that is not there."""
    try:
        return os.stat(path).st_size if path else -1
    except OSError:
        return -1
