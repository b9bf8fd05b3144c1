"""Lines of bytes into records: what `produce` reads. Pure.

A line is a record's value; with a separator, key and value; or, as `consume --json` writes them, a JSON object.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any, List, Mapping, NamedTuple, Optional, Sequence, Tuple

LINE_LIMIT = 32 << 20  # bytes held for one line; brokers take no request of more than 100 MiB

Headers = List[Tuple[str, Optional[bytes]]]
FIELDS = ("key", "value", "headers", "partition", "timestamp")
SHOWN = 5  # partitions whose offsets are named
READ_ONLY = ("topic", "offset")  # in what `consume --json` writes; the broker gives new ones


class Record(NamedTuple):
    """What is to be written. line: the number of the line it comes from. partition, timestamp (milliseconds): None
    leaves them to the partitioner and the clock. A value of None is a tombstone."""

    line: int
    key: Optional[bytes]
    value: Optional[bytes]
    headers: Headers
    partition: Optional[int] = None
    timestamp: Optional[int] = None

    @property
    def size(self) -> int:
        """Bytes in a batch at most: contents, and every length and delta as long as it can get."""
        headers = sum(len(name.encode()) + len(value or b"") + 10 for name, value in self.headers)
        return len(self.key or b"") + len(self.value or b"") + headers + 40


class Lines:
    """Whole lines, without their newline, of pieces that end anywhere."""

    def __init__(self) -> None:
        self._parts: List[bytes] = []
        self._held = 0

    def add(self, data: bytes) -> List[bytes]:
        """The lines that `data` completes. Raises ValueError when one gets longer than LINE_LIMIT."""
        first, *others = data.split(b"\n")
        self._parts.append(first)
        self._held += len(first)
        if self._held > LINE_LIMIT:
            raise ValueError(f"a line is longer than {LINE_LIMIT >> 20} MiB: is the input text?")
        if not others:
            return []
        done = [b"".join(self._parts), *others[:-1]]
        self._parts, self._held = [others[-1]], len(others[-1])
        return done

    def rest(self) -> List[bytes]:
        """The last line, when it does not end in a newline; at most one."""
        last = b"".join(self._parts)
        self._parts, self._held = [], 0
        return [last] if last else []


class Parser:
    """Lines into records, counted. separator: between key and value, b"" for no keys; as_json: lines are objects;
    headers: for every record, after its own."""

    def __init__(self, separator: bytes, as_json: bool, headers: Sequence[Tuple[str, bytes]]) -> None:
        self._separator, self._json = separator, as_json
        self._headers: Headers = list(headers)
        self.line = 0

    def record(self, line: bytes) -> Record:
        """The record that a line means. Raises ValueError with the number of the line."""
        self.line += 1
        if self._json:
            try:
                return self._object(json.loads(line.decode()))
            except ValueError as error:
                raise ValueError(f"line {self.line} is not a record as JSON: {error}") from None
        if not self._separator:
            return Record(self.line, None, line, self._headers)
        key, found, value = line.partition(self._separator)
        if not found:
            raise ValueError(f"line {self.line} has no key: it does not contain {self._separator.decode()!r}")
        return Record(self.line, key, value, self._headers)

    def _object(self, found: Any) -> Record:
        if not isinstance(found, dict) or "value" not in found:
            raise ValueError('it must be an object with a "value"')
        unknown = [name for name in found if name not in FIELDS + READ_ONLY]
        if unknown:
            raise ValueError(f"unknown field {unknown[0]}; fields are {', '.join(FIELDS)}")
        for name in ("partition", "timestamp"):
            number = found.get(name)
            if number is not None and (type(number) is not int or number < 0):
                raise ValueError(f"{name} is {json.dumps(number)}, not a number")
        headers = found.get("headers") or []
        if isinstance(headers, dict):
            headers = list(headers.items())
        if not all(isinstance(one, (list, tuple)) and len(one) == 2 and isinstance(one[0], str) for one in headers):
            raise ValueError('headers must be like {"name": "value"} or [["name", "value"]]')
        return Record(
            self.line,
            unpacked(found.get("key")),
            unpacked(found["value"]),
            [(name, unpacked(value)) for name, value in headers] + self._headers,
            found.get("partition"),
            found.get("timestamp"),
        )


def packed(data: Optional[bytes]) -> Any:
    """Bytes in JSON: null, the text that they are, or {"base64": ...} where they are none."""
    if data is None:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


def unpacked(value: Any) -> Optional[bytes]:
    """The way back from `packed`. Raises ValueError for anything else."""
    if value is None:
        return None
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, dict) and list(value) == ["base64"]:
        try:
            return base64.b64decode(value["base64"], validate=True)
        except (binascii.Error, TypeError, ValueError):
            raise ValueError("base64 that is none") from None
    raise ValueError(f'{json.dumps(value)[:40]} is neither text, null nor {{"base64": ...}}')


def summary(count: int, topic: str, offsets: Mapping[Any, Any]) -> str:
    """The number of records and their offsets: "3 records, orders-0 offsets 5-7". Pure."""
    text = "1 record" if count == 1 else f"{count} records"  # no separators: scripts read this number
    places = [
        f"{topic}-{partition} offset {first}" if first == last else f"{topic}-{partition} offsets {first}-{last}"
        for partition, (first, last) in sorted(offsets.items(), key=lambda item: int(item[0]))
    ]
    more = f" and {len(places) - SHOWN} more partitions" if len(places) > SHOWN else ""
    return f"{text}, {', '.join(places[:SHOWN])}{more}" if places else text
