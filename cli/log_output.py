"""Log lines of many hosts on their way to standard output: merged by time, in local time, until their reader goes."""

from __future__ import annotations

import re
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from provisioner.quantities import format_offset
from provisioner.report.cells import padded, width
from provisioner.report.lines import clean
from provisioner.report.terminal import ansi

COLOURS = ("cyan", "green", "yellow", "bold")
# How long the lines that were there at the start wait for those of a host that does not answer.
PATIENCE = 5.0  # seconds
# As services and the journal's reader begin a line: the host's own time, of which [time, unit, text] has the moment.
_TIME = re.compile(r"(\[?)\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[,.]\d{3}(?=\]|\s)")

Entry = Sequence[Any]  # [seconds since 1970, unit, text]
Line = tuple[str, Entry]  # with its host


class Output:
    """Lines on stdout from many threads; `gone` when their reader has gone."""

    def __init__(self, names: Sequence[str], units: Iterable[str], colour: bool) -> None:
        self._names = list(names)
        self._wide = max(map(width, names))
        self._unit_wide = max(map(width, units))
        self._colour = colour
        self._lock = threading.Lock()
        self.gone = False

    def write(self, lines: Iterable[Line]) -> None:
        """Print lines. Raises BrokenPipeError when nobody reads them."""
        with self._lock:
            try:
                for host, entry in lines:
                    head = f"{padded(host, self._wide)} {padded(entry[1], self._unit_wide)} "
                    if self._colour:
                        head = ansi([(COLOURS[self._names.index(host) % len(COLOURS)], head)])
                    sys.stdout.write(f"{head} {clean(local(entry))}\n")
                sys.stdout.flush()
            except BrokenPipeError:
                self.gone = True
                raise


class Merged:
    """Followed lines. Those that were there at the start are held until every host has brought its own, so that they
    come in the order of time; a host that does not answer holds up the others for PATIENCE only."""

    def __init__(
        self, hosts: Iterable[str], write: Callable[[Iterable[Line]], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._write, self._clock, self._began = write, clock, clock()
        self._missing, self._holding = set(hosts), True
        self._held: list[Line] = []
        self._lock = threading.Lock()

    def take(self, host: str, entries: Iterable[Entry]) -> None:
        """What a host has brought; also nothing, now and then. Raises BrokenPipeError when nobody reads."""
        self._add(host, [(host, entry) for entry in entries])

    def lost(self, host: str) -> None:
        """A host brings nothing more."""
        self._add(host, [])

    def _add(self, host: str, lines: list[Line]) -> None:
        with self._lock:
            self._missing.discard(host)
            if not self._holding:
                self._write(lines)
                return
            self._held += lines
            if not self._missing or self._clock() - self._began > PATIENCE:
                self._holding = False
                self._write(sorted(self._held, key=moment))
                self._held = []


def moment(line: Line) -> float:
    """When a line was written, seconds since 1970."""
    return float(line[1][0])


def local(entry: Entry) -> str:
    """The text of a line with the local time and its offset in place of the host's: "[2026-01-31 12:00:00,123+09:00]".
    Pure but for the local time zone."""
    seconds, _, text = entry
    found = _TIME.match(text)
    if not found:
        return str(text)
    milliseconds = round(seconds * 1000)
    at = datetime.fromtimestamp(milliseconds // 1000, timezone.utc).astimezone()
    return f"{found[1]}{at:%Y-%m-%d %H:%M:%S},{milliseconds % 1000:03d}{format_offset(at)}{text[found.end() :]}"


def together(answers: Mapping[str, Mapping[str, Any]]) -> list[Line]:
    """The answers of all hosts, merged by time. answers: as `journal.read` gives them."""
    return sorted(((name, entry) for name, answer in answers.items() for entry in answer["entries"]), key=moment)
