"""For how long something has been so, as `status` and `doctor` say it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timezone

from provisioner.words import lasting
from roles.shared import expiry


def written(when: float | None) -> str | None:
    """A time, seconds since 1970, for machines: "2027-01-31T18:00:00Z". None where it is not known."""
    return None if when is None else expiry.written(when)


def read(text: str) -> float:
    """The time of `written`, seconds since 1970. Raises ValueError."""
    return datetime.strptime(text, expiry.FORMAT).replace(tzinfo=timezone.utc).timestamp()


def ago(times: Iterable[str | None], now: float) -> str:
    """As a part of a sentence, " for 3 days": since the latest of these `written` times; "" where none is known."""
    known = [read(one) for one in times if one]
    return f" for {lasting(now - max(known))}" if known else ""
