"""Records as `consume` writes them: by a template, or as JSON. Pure; values and keys are written as they are."""

from __future__ import annotations

import bisect
import json
import re
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from typing import Any, Optional

from cluster.records.lines import packed

FIELDS = ("topic", "partition", "offset", "timestamp", "key", "value", "headers")
_FIELD = re.compile(r"\{(\w*)\}")


def fields(template: str) -> list[str]:
    """The names in braces of a template."""
    return _FIELD.findall(template)


def by_template(template: str, zone: Sequence[Sequence[int]] = ()) -> Callable[[Any], bytes]:
    """A function from a record (of kafka.KafkaConsumer) to its line: the template with {name} replaced, names as in
    FIELDS. What is null is written as null, as the official tools do; times in ISO 8601, headers as name=value,...

    zone: the offsets of a time zone, [[since when, seconds east of UTC]] in order; none for UTC."""
    since = [begin for begin, _ in zone]
    pieces = _FIELD.split(template)
    literals, names = [piece.encode() for piece in pieces[::2]], pieces[1::2]

    def line(record: Any) -> bytes:
        out = [literals[0]]
        for name, literal in zip(names, literals[1:]):
            if name == "timestamp":
                at = bisect.bisect_right(since, (record.timestamp or 0) // 1000) - 1
                out += (_time(record.timestamp, zone[max(at, 0)][1] if zone else None).encode(), literal)
            else:
                out += (_field(record, name), literal)
        out.append(b"\n")
        return b"".join(out)

    return line


def _field(record: Any, name: str) -> bytes:
    found = getattr(record, name)
    if name == "headers":
        return b",".join(header.encode() + b"=" + _bytes(value) for header, value in found)
    return str(found).encode() if name in ("topic", "partition", "offset") else _bytes(found)


def _bytes(value: Any) -> bytes:
    return b"null" if value is None else bytes(value)


def _time(milliseconds: Optional[int], east: Optional[int]) -> str:
    """Epoch milliseconds in ISO 8601; "none" for a record that has no time: None or -1, by its format's age. east:
    seconds east of UTC, None for UTC as such."""
    if milliseconds is None or milliseconds < 0:
        return "none"
    whole, rest = divmod(milliseconds, 1000)
    text = f"{datetime.fromtimestamp(whole + (east or 0), timezone.utc):%Y-%m-%dT%H:%M:%S}.{rest:03d}"
    if east is None:
        return f"{text}Z"
    hours, minutes = divmod(abs(east) // 60, 60)
    return f"{text}{'-' if east < 0 else '+'}{hours:02d}:{minutes:02d}"


def as_json(record: Any) -> bytes:
    """A record as one line of JSON, which `produce --json` reads again. timestamp: epoch milliseconds, null for none;
    bytes that are not text become {"base64": ...}."""
    found = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp if (record.timestamp or 0) >= 0 else None,
        "key": packed(record.key),
        "value": packed(record.value),
        "headers": [[name, packed(value)] for name, value in record.headers],
    }
    return json.dumps(found, ensure_ascii=False).encode() + b"\n"
