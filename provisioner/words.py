"""Sentences that are said in many places: how many there are, the first few of many, the name that was meant. Pure.

Runs on both sides, in Python 3.8's syntax.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Optional

NEAR = 0.7  # how alike a name must be to be what was meant, 0 to 1


def counted(number: int, noun: str) -> str:
    """A number of things: "1 partition", "1,200 partitions", "3 copies", "2 days"."""
    plural = noun[:-1] + "ies" if noun.endswith("y") and noun[-2] not in "aeo" else noun + "s"
    return f"{number:,} {noun if number == 1 else plural}"


def lasting(seconds: float) -> str:
    """For how long, in its largest unit: "3 days", "1 hour", "12 minutes"; below one, "less than a minute"."""
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            return counted(int(seconds // size), unit)
    return "less than a minute"


def some(names: Iterable[str], shown: int = 5, nothing: str = "") -> str:
    """The first few names of many, and how many more: "a, b, c and 4 more". nothing: what an empty list is called."""
    listed = list(names)
    more = f" and {len(listed) - shown} more" if len(listed) > shown else ""
    return ", ".join(listed[:shown]) + more if listed else nothing


def nearest(name: str, known: Iterable[str]) -> Optional[str]:
    """The known name that is most like `name`; None when none is near."""
    from difflib import get_close_matches

    close: list[str] = get_close_matches(name, list(known), n=1, cutoff=NEAR)
    return close[0] if close else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """'; did you mean X?' for the nearest known name, empty when none is near."""
    near = nearest(name, known)
    return f"; did you mean {near}?" if near else ""
