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
from typing import TYPE_CHECKING, Any, Dict, Iterable, Iterator, List, NamedTuple, Optional

from .growing import Growing
from .loglines import MOST_BYTES, Record, Wanted, backwards, entries, head, records

if TYPE_CHECKING:
    from collections.abc import Callable

    Emit = Callable[[dict[str, Any]], None]

Entry = List[Any]  # [seconds since 1970, service, text]
_REPEATED = re.compile(r"(WARN|ERROR|FATAL) ")  # how a service's own lines begin in the journal
_GOES_ON = re.compile(r"\s|Caused by:|Suppressed:|[\w.$]+(Exception|Error)\b")
_FATAL = re.compile(r"Error\b|Exception in thread|.*OutOfMemoryError|Caused by:")  # what a JVM says that does not start
BLOCK = 256 * 1024
MOST = 20_000  # lines of one file or journal in one answer
POLL_SECONDS = 0.3


def read(args: Dict[str, Any], emit: Emit) -> Dict[str, Any]:
    """The newest lines. args: services {unit: [log files]}; lines: how many at most of each unit; since: seconds back;
    level, grep and hide as `loglines.Wanted` takes them: only these count as lines.

    Returns entries [[time, unit, text]] by time.
    """
    lines, since, wanted = int(args.get("lines") or MOST), args.get("since"), _wanted(args)
    oldest = time.time() - float(since) if since is not None else 0.0
    found_of_all: List[Entry] = []
    for unit, files in args["services"].items():
        found = [entry for path in files for entry in newest(unit, path, lines, oldest, wanted)]
        # The journal cannot be asked for lines of ours, so more of them are looked through.
        said = _journal(unit, MOST if wanted.chooses else lines, oldest)
        found += of_journal(unit, said, bool(files), wanted)
        found_of_all += sorted(found, key=_time)[-lines:]
    return {"entries": sorted(found_of_all, key=_time)}


def follow(args: Dict[str, Any], emit: Emit) -> Dict[str, Any]:
    """What `read` answers, as an event, then every new line as it comes, as long as the run lasts. args: as `read`."""
    wanted = _wanted(args)
    # Before reading, so that no line falls in between; one written at this very moment may come twice.
    tails = [Tail(unit, path, wanted) for unit, files in args["services"].items() for path in files]
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
            found = [entry for tail in tails for entry in tail.more()]
            ready, _, _ = select.select([source], [], [], POLL_SECONDS)
            if ready:
                data = os.read(source, BLOCK)
                if not data:  # without a journal the files go on
                    time.sleep(POLL_SECONDS)
                buffer += data
                *whole, buffer = buffer.split(b"\n")
                for unit, files in args["services"].items():
                    found += of_journal(unit, [line for line in whole if _about(line, unit)], bool(files), wanted)
            # Also when there is nothing to say: this is how the agent notices that the control machine is gone.
            emit({"entries": sorted(found, key=_time)})
    finally:
        watching.kill()
        watching.wait()


class Tail:
    """The end of a growing file, over its rotations."""

    def __init__(self, unit: str, path: str, wanted: Wanted) -> None:
        self.unit, self._wanted = unit, wanted
        self._file, self._last = Growing(path), Record(time.time(), "", [])
        self._keeping: Optional[bool] = None  # the record that the last lines belong to

    def more(self) -> List[Entry]:
        """The whole lines that were added since the last time, of wanted records."""
        out: List[Entry] = []
        for record in records(self._file.more(), self._last):
            if self._keeping is None or head(record.lines[0]):  # else it goes on with what came before
                self._keeping = self._wanted.keeps(self.unit, record.level, record.lines)
            self._last = record
            out += entries(self.unit, record) if self._keeping else []
        return out


def newest(unit: str, path: str, lines: int, oldest: float, wanted: Wanted) -> List[Entry]:
    """The last lines of wanted records of a log file and, when it does not reach back far enough, of its rotated
    predecessors; a few more, since a record is not taken apart."""
    found: List[Entry] = []  # the last one first
    for place in (path, *(f"{path}.{number}" for number in range(1, 100))):
        if not os.path.exists(place) or len(found) >= lines:
            break
        held = 0
        try:
            for record in backwards(place):
                if 0 < record.time < oldest:
                    return found[::-1]
                if record.time < oldest or not wanted.keeps(unit, record.level, record.lines):
                    continue
                found += entries(unit, record)[::-1]
                held += sum(map(len, record.lines))
                if len(found) >= lines or held > MOST_BYTES:
                    break
        except OSError as error:
            found.append([time.time(), unit, f"{place} is not read: {error.strerror}"])
    return found[::-1]


class Said(NamedTuple):
    """An entry of the journal. level: what systemd says of its own lines, as one of LEVELS."""

    time: float
    who: str
    text: str
    level: str


def of_journal(unit: str, lines: Iterable[bytes], has_files: bool, wanted: Wanted) -> List[Entry]:
    """Journal entries (JSON, a line each) as wanted entries, without what the service's own files have already. Pure
    but for the local time zone."""
    out: List[Entry] = []
    repeated = False
    for one in parsed(lines):
        own = _REPEATED.match(one.text) if one.who != "systemd" else None
        if has_files and one.who != "systemd":
            repeated = bool(own) or (repeated and bool(_GOES_ON.match(one.text)))
            if repeated:
                continue
        level = own[1] if own else one.level if one.who == "systemd" else _of_the_jvm(one.text)
        shown = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(one.time)) + f",{int(one.time * 1000) % 1000:03d}"
        text = f"[{shown}] {one.who}: {one.text}"
        if wanted.keeps(unit, level, [text]):
            out.append([one.time, unit, text])
    return out


def _of_the_jvm(text: str) -> str:
    """The level of a line that a JVM writes before a service can log, or when it cannot any more."""
    return "ERROR" if _FATAL.match(text) else "WARN"


def parsed(lines: Iterable[bytes]) -> Iterator[Said]:
    """Each journal entry."""
    for line in lines:
        if not line.strip():
            continue
        entry = json.loads(line)
        text = entry.get("MESSAGE") or ""
        if isinstance(text, list):  # bytes, when it is not plain text
            text = bytes(text).decode("utf-8", "replace")
        priority = int(entry.get("PRIORITY") or 6)  # syslog's: 3 is an error, 4 a warning
        level = "ERROR" if priority <= 3 else "WARN" if priority == 4 else "INFO" if priority <= 6 else "DEBUG"
        moment = int(entry["__REALTIME_TIMESTAMP"]) / 1e6
        yield Said(moment, str(entry.get("SYSLOG_IDENTIFIER", "journal")), text, level)


def _wanted(args: Dict[str, Any]) -> Wanted:
    return Wanted(args.get("level") or "", args.get("grep") or "", args.get("hide"))


def _time(entry: Entry) -> float:
    return float(entry[0])


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
