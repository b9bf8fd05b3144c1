"""Which records of a topic are wanted, and where reading ends. Pure but for the clock."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from typing import Any, Optional

LATEST, TIME = "latest", "time"  # what `end` is to


class Chosen:
    """Records by their content. key: exactly this, None for any; grep: a regular expression that occurs in the key or
    the value, read as UTF-8, "" for all."""

    def __init__(self, key: Optional[bytes], grep: str) -> None:
        self._key, self._grep = key, re.compile(grep) if grep else None
        self.all = key is None and not grep

    def keeps(self, record: Any) -> bool:
        """Whether a record (of kafka.KafkaConsumer) is wanted."""
        if self._key is not None and record.key != self._key:
            return False
        if self._grep is None:
            return True
        return any(self._grep.search(data.decode("utf-8", "replace")) for data in (record.value, record.key) if data)


class Ends:
    """Where reading ends, partition by partition: at the end that a partition has now, or before the first record that
    is not older than a time, which may still be to come.

    end: {"to": "latest"}, {"to": "time", "timestamp": epoch milliseconds}, or None: nowhere. ask: {partition: offset}
    of that place as the cluster knows it; may fail.
    """

    def __init__(
        self,
        end: Optional[Mapping[str, Any]],
        ask: Callable[[], Mapping[int, int]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._end, self._ask, self._clock = end, ask, clock
        self._time: Optional[int] = end["timestamp"] if end and end["to"] == TIME else None
        self._found: dict[int, int] = {}
        self._asked = False

    def look(self) -> None:
        """Ask for the ends, once, as soon as they can be known. Raises what `ask` raises."""
        if self._asked or self._end is None:
            return
        if self._time is None or self._time <= self._clock() * 1000:
            found = self._ask()
            self._found = {**found, **self._found}
            self._asked = True

    def beyond(self, record: Any) -> bool:
        """Whether a record is behind the end of its partition."""
        if self._time is not None and (record.timestamp or 0) >= self._time:
            self._found.setdefault(record.partition, record.offset)
        end = self._found.get(record.partition)
        return end is not None and bool(record.offset >= end)

    def reached(self, positions: Mapping[int, Optional[int]]) -> bool:
        """Whether everything before the ends is read. positions: {partition: the next offset to be read}, of those that
        are read here."""
        if not positions or self._end is None:
            return False
        ends = ((self._found.get(partition), at) for partition, at in positions.items())
        return all(end is not None and at is not None and at >= end for end, at in ends)
