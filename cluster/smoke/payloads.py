"""What the smoke check writes, and whether it came back: same content, each record once, same order. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence, Set
from typing import Optional

RECORD_BYTES = 100
SHOWN = 3


def payloads(run: str, leg: str, count: int) -> list[bytes]:
    """`count` records, each different from every other record of any leg and run, RECORD_BYTES or a bit more long."""
    width = len(str(max(count - 1, 0)))
    heads = (f"{run}|{leg}|{number:0{width}d}|" for number in range(count))
    # The filler differs from record to record, so that a mixed-up or cut tail shows too.
    return [
        (head + (f"{index:x}." * RECORD_BYTES)[: RECORD_BYTES - len(head)]).encode() for index, head in enumerate(heads)
    ]


def compare(expected: Sequence[bytes], actual: Sequence[bytes], maybe: Set[bytes] = frozenset()) -> Optional[str]:
    """None when `actual` is `expected`: every record, once, in order. Else one line that says what is different.

    maybe: records whose write was not acknowledged; the broker may have them or not, so they prove nothing.
    """
    seen = [value for value in actual if value not in maybe]
    if seen == list(expected):
        return None
    times = Counter(seen)
    wanted = set(expected)
    lost = [value for value in expected if not times[value]]
    duplicated = [value for value in expected if times[value] > 1]
    foreign = [value for value in seen if value not in wanted]
    found = [
        _some(lost, "lost"),
        _some(duplicated, "duplicated"),
        _some(foreign, "that no producer wrote, or altered"),
    ]
    differences = [text for text in found if text]
    if not differences:
        place = next(i for i, value in enumerate(expected) if seen[i] != value)
        differences = [f"out of order from position {place}: {_show(seen[place])} instead of {_show(expected[place])}"]
    return f"{len(expected)} written, {len(seen)} read: " + "; ".join(differences)


def _some(values: Sequence[bytes], what: str) -> str:
    if not values:
        return ""
    more = ", ..." if len(values) > SHOWN else ""
    return f"{len(values)} {what} ({', '.join(_show(value) for value in values[:SHOWN])}{more})"


def _show(value: bytes) -> str:
    # Run, leg and number identify a record; the filler would only bury them.
    text = value[:60].decode("utf-8", "backslashreplace")
    return text.rsplit("|", 1)[0] if text.count("|") >= 3 else repr(text)
