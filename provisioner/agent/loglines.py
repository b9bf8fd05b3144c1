"""Records of a log: a line with a time, and what follows it without one (a stack trace); which of them are wanted.

A file is read backwards, and only as far as needed: the newest hundred errors may be in the last megabyte or in a
file that was rotated away yesterday.
"""

from __future__ import annotations

import functools
import os
import re
import time
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional

from . import walk

LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")  # log4j's and logback's
BLOCK = 256 * 1024
MOST_BYTES = 64 << 20  # of one line, and of what one file adds to an answer
SCANNED = 1 << 30  # bytes of one file that are looked through at most; services limit theirs
RECORD_LINES = 1000  # a longer record is taken apart
# "[2025-01-31 12:00:00,123] INFO ..." (Kafka), "2025-01-31 12:00:00,123 [main] INFO ..." (ZooKeeper)
_TIME = re.compile(r"\[?(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)[,.](\d{3})\]?")
_LEVEL = re.compile(rf"\s({'|'.join(LEVELS)})\s")


class Record(NamedTuple):
    """time: seconds since 1970, 0.0 where none is known. level: one of LEVELS, "" where it has none."""

    time: float
    level: str
    lines: List[str]


class Wanted:
    """Which records are wanted. level: the least severe one, "" for all; grep: a regular expression that one of the
    lines has, "" for all; hide: {unit: what the first line of records has that are not wanted, errors apart}."""

    def __init__(self, level: str = "", grep: str = "", hide: Optional[Dict[str, str]] = None) -> None:
        self._least = LEVELS.index(level) if level else 0
        self._grep = re.compile(grep)
        self._hide = {unit: re.compile(pattern) for unit, pattern in (hide or {}).items()}
        self.chooses = bool(level or grep)

    def keeps(self, unit: str, level: str, lines: List[str]) -> bool:
        """Whether a record is wanted. A record without a level counts as one of INFO."""
        severity = LEVELS.index(level or "INFO")
        if severity < self._least:
            return False
        hide = self._hide.get(unit)
        if hide and severity < LEVELS.index("ERROR") and hide.search(lines[0]):
            return False
        return any(map(self._grep.search, lines))


def head(line: str) -> Optional[Record]:
    """The record that begins with this line; None for a line without a time. Pure but for the local time zone."""
    found = _TIME.match(line)
    if not found:
        return None
    level = _LEVEL.search(line, found.end())
    return Record(_second(found[1]) + int(found[2]) / 1000, level[1] if level else "", [line])


def records(lines: Iterable[str], before: Record) -> Iterator[Record]:
    """The records of lines, in order; those at the beginning without a time have the time and level of `before`."""
    current = Record(before.time, before.level, [])
    for line in lines:
        begun = head(line)
        if begun is None:
            current.lines.append(line)
            continue
        if current.lines:
            yield current
        current = begun
    if current.lines:
        yield current


def backwards(path: str) -> Iterator[Record]:
    """The records of a regular file, the last one first. Raises OSError."""
    after: List[str] = []  # lines without a time, the last one first
    for line in _lines_backwards(path):
        begun = head(line)
        after.append(line)
        if begun:
            yield begun._replace(lines=after[::-1])
        elif len(after) >= RECORD_LINES:
            yield Record(0.0, "", after[::-1])
        else:
            continue
        after = []
    if after:
        yield Record(0.0, "", after[::-1])


def _lines_backwards(path: str) -> Iterator[str]:
    with os.fdopen(walk.opened(path), "rb") as file:
        begin = end = file.seek(0, os.SEEK_END)
        parts: List[bytes] = []  # of the line whose beginning is not read yet, the last one first
        held = 0
        while begin and end - begin < SCANNED and held < MOST_BYTES:
            begin, stop = max(begin - BLOCK, 0), begin
            file.seek(begin)
            block = file.read(stop - begin)
            first, *rest = block[:-1].split(b"\n") if stop == end and block.endswith(b"\n") else block.split(b"\n")
            if not rest:
                parts.append(first)
                held += len(first)
                continue
            yield _text([rest[-1], *reversed(parts)])
            for line in reversed(rest[:-1]):
                yield _text([line])
            parts, held = [first], len(first)
        if parts and not begin:
            yield _text(parts[::-1])


def _text(parts: Iterable[bytes]) -> str:
    return b"".join(parts).decode("utf-8", "replace")


@functools.lru_cache(maxsize=1024)
def _second(text: str) -> float:
    return time.mktime(time.strptime(text, "%Y-%m-%d %H:%M:%S"))


def entries(unit: str, record: Record) -> List[List[Any]]:
    """A record as lines, [time, unit, text] each."""
    return [[record.time, unit, line] for line in record.lines]
