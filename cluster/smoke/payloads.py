"""What the smoke check writes, and whether it came back: same content, each record once, same order. Pure."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Sequence, Set
from typing import Optional

SMOKE, BENCH = "smoke", "bench"
PREFIXES = tuple(f"provisioner-{what}-" for what in (SMOKE, BENCH))  # of topics and groups that are here for a moment
PREFIX = PREFIXES[0]
# A run takes seconds; what is older than this was left by one that was killed.
LEFTOVER_AFTER = 600  # seconds
RETENTION_MS = 3_600_000
RECORD_BYTES = 100
SHOWN = 3
_NAME = re.compile(f"(?:{'|'.join(map(re.escape, PREFIXES))})" + r"(\d{10})-")


def topic_name(run: str, now: Optional[float] = None, what: str = SMOKE) -> str:
    """A topic of its own for one run; carries the time, so that a later run knows what was left behind."""
    return f"provisioner-{what}-{int(time.time() if now is None else now):010d}-{run}"


def leftovers(names: Sequence[str], now: float) -> list[str]:
    """Which topics or groups were left by killed runs. now: epoch seconds."""
    found = [(name, _NAME.match(name)) for name in names]
    return [name for name, match in found if match and now - int(match.group(1)) > LEFTOVER_AFTER]


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
        _some(foreign, "that nobody wrote, or altered"),
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
