"""What services have logged on this host: their own files, and what systemd and the JVM say about them in the journal.

A service writes its warnings to the journal as well as to its file; here they come once, from the file, which has
them in order with the rest. What only the journal has (starts, stops, kills, a JVM that cannot start) comes from there.
"""

from __future__ import annotations

import json
import os
import re
import select
import subprocess
import time
from typing import TYPE_CHECKING, Any, Dict, Iterable, Iterator, List, Optional, Tuple

from . import walk

if TYPE_CHECKING:
    from collections.abc import Callable

    Emit = Callable[[dict[str, Any]], None]

Entry = List[Any]  # [seconds since 1970, service, text]
# "[2025-01-31 12:00:00,123] INFO ..." (Kafka), "2025-01-31 12:00:00,123 [main] INFO ..." (ZooKeeper)
_TIME = re.compile(r"\[?(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)[,.](\d{3})\]?")
_REPEATED = re.compile(r"(WARN|ERROR|FATAL) ")  # how a service's own lines begin in the journal
_GOES_ON = re.compile(r"\s|Caused by:|Suppressed:|[\w.$]+(Exception|Error)\b")
BLOCK = 256 * 1024
MOST = 20_000  # lines of one file or journal in one answer
MOST_BYTES = 64 << 20  # of one file in one answer, however long its lines are
POLL_SECONDS = 0.3


def read(args: Dict[str, Any], emit: Emit) -> Dict[str, Any]:
    """The newest lines. args: services {unit: [log files]}; lines: how many at most of each unit; since: seconds back.

    Returns entries [[time, unit, text]] by time.
    """
    lines, since = int(args.get("lines") or MOST), args.get("since")
    oldest = time.time() - float(since) if since is not None else 0.0
    entries: List[Entry] = []
    for unit, files in args["services"].items():
        found = [entry for path in files for entry in newest(unit, path, lines, oldest)]
        found += of_journal(unit, _journal(unit, lines, oldest), bool(files))
        entries += sorted(found, key=lambda entry: entry[0])[-lines:]
    return {"entries": sorted(entries, key=lambda entry: entry[0])}


def follow(args: Dict[str, Any], emit: Emit) -> Dict[str, Any]:
    """What `read` answers, as an event, then every new line as it comes, as long as the run lasts. args: as `read`."""
    # Before reading, so that no line falls in between; one written at this very moment may come twice.
    tails = [Tail(unit, path) for unit, files in args["services"].items() for path in files]
    emit({"entries": read(args, emit)["entries"]})
    units = [f"--unit={unit}.service" for unit in args["services"]]
    watching = subprocess.Popen(
        ["journalctl", "--follow", "--lines=0", "--output=json", *units],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert watching.stdout is not None
    source, buffer = watching.stdout.fileno(), b""
    try:
        while True:
            entries = [entry for tail in tails for entry in tail.more()]
            ready, _, _ = select.select([source], [], [], POLL_SECONDS)
            if ready:
                data = os.read(source, BLOCK)
                if not data:  # without a journal the files go on
                    time.sleep(POLL_SECONDS)
                buffer += data
                *whole, buffer = buffer.split(b"\n")
                for unit, files in args["services"].items():
                    entries += of_journal(unit, [line for line in whole if _about(line, unit)], bool(files))
            # Also when there is nothing to say: this is how the agent notices that the control machine is gone.
            emit({"entries": sorted(entries, key=lambda entry: entry[0])})
    finally:
        watching.kill()
        watching.wait()


class Tail:
    """The end of a growing file, over its rotations."""

    def __init__(self, unit: str, path: str) -> None:
        self.unit, self.path = unit, path
        self._rest, self._last = b"", time.time()
        found = _stat(path)
        self._inode, self._offset = found or (0, 0)

    def more(self) -> List[Entry]:
        """The whole lines that were added since the last time."""
        found = _stat(self.path)
        if found is None:
            return []
        inode, size = found
        if inode != self._inode or size < self._offset:
            self._inode, self._offset, self._rest = inode, 0, b""
        if size == self._offset:
            return []
        try:
            with os.fdopen(walk.opened(self.path), "rb") as file:
                file.seek(self._offset)
                data = file.read(MOST_BYTES)
        except OSError:
            return []
        self._offset += len(data)
        *whole, self._rest = (self._rest + data).split(b"\n")
        entries = timed(self.unit, (line.decode("utf-8", "replace") for line in whole), self._last)
        self._last = entries[-1][0] if entries else self._last
        return entries


def newest(unit: str, path: str, lines: int, oldest: float) -> List[Entry]:
    """The last lines of a log file and, when it does not reach back far enough, of its rotated predecessors."""
    found: List[Entry] = []
    for place in (path, *(f"{path}.{number}" for number in range(1, 100))):
        if not os.path.exists(place) or len(found) >= lines:
            break
        try:
            part = timed(unit, last_lines(place, lines - len(found), oldest), 0.0)
        except OSError as error:
            part = [[time.time(), unit, f"{place} is not read: {error.strerror}"]]
        found = [entry for entry in part if entry[0] >= oldest] + found
        if part and part[0][0] and part[0][0] < oldest:
            break
    return found


def last_lines(path: str, lines: int, oldest: float) -> List[str]:
    """At most `lines` lines from the end of a regular file, read backwards only as far as needed. Raises OSError."""
    with os.fdopen(walk.opened(path), "rb") as file:
        start = file.seek(0, os.SEEK_END)
        data = b""
        while start and data.count(b"\n") <= lines and len(data) < MOST_BYTES:
            begin = max(start - BLOCK, 0)
            file.seek(begin)
            data, start = file.read(start - begin) + data, begin
            first = timed("", [line.decode("utf-8", "replace") for line in data.split(b"\n")[1:2]], 0.0)
            if first and 0 < first[0][0] < oldest:
                break
    text = data.decode("utf-8", "replace")
    if start:
        text = text.partition("\n")[2]
    return text.splitlines()[-lines:]


def timed(unit: str, lines: Iterable[str], before: float) -> List[Entry]:
    """Lines with their times; one without a time (a stack trace) has that of the line before it."""
    out: List[Entry] = []
    for line in lines:
        found = _TIME.match(line)
        if found:
            before = time.mktime(time.strptime(found[1], "%Y-%m-%d %H:%M:%S")) + int(found[2]) / 1000
        out.append([before, unit, line])
    return out


def of_journal(unit: str, lines: Iterable[bytes], has_files: bool) -> List[Entry]:
    """Journal entries (JSON, a line each) as entries, without what the service's own files have already. Pure."""
    out: List[Entry] = []
    repeated = False
    for moment, who, text in parsed(lines):
        if has_files and who != "systemd":
            repeated = bool(_REPEATED.match(text)) or (repeated and bool(_GOES_ON.match(text)))
            if repeated:
                continue
        shown = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment)) + f",{int(moment * 1000) % 1000:03d}"
        out.append([moment, unit, f"[{shown}] {who}: {text}"])
    return out


def parsed(lines: Iterable[bytes]) -> Iterator[Tuple[float, str, str]]:
    """(time, who, text) of each journal entry."""
    for line in lines:
        if not line.strip():
            continue
        entry = json.loads(line)
        text = entry.get("MESSAGE") or ""
        if isinstance(text, list):  # bytes, when it is not plain text
            text = bytes(text).decode("utf-8", "replace")
        yield int(entry["__REALTIME_TIMESTAMP"]) / 1e6, str(entry.get("SYSLOG_IDENTIFIER", "journal")), text


def _about(line: bytes, unit: str) -> bool:
    if not line.strip():
        return False
    entry = json.loads(line)
    return f"{unit}.service" in (entry.get("_SYSTEMD_UNIT"), entry.get("UNIT"))


def _journal(unit: str, lines: int, oldest: float) -> List[bytes]:
    argv = ["journalctl", f"--unit={unit}.service", f"--lines={lines}", "--output=json", "--no-pager"]
    argv += [f"--since=@{oldest:.0f}"] if oldest else []
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return done.stdout.splitlines()


def _stat(path: str) -> "Optional[Tuple[int, int]]":
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_size
