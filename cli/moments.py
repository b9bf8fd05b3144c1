"""Times as people type them: how long ago, a time of day, a date, ISO 8601; and back, local with its offset. Pure.

A time without an offset is that of whoever types it: the control machine's local time.
"""

from __future__ import annotations

import re
import time
from datetime import datetime, timedelta, timezone, tzinfo
from datetime import time as clock_time

from provisioner.errors import UsageError
from provisioner.quantities import format_offset, parse_duration

FORMS = "how long ago (2h), a time (18:00, 'yesterday 18:00', 2026-01-31T18:00, with +09:00 or Z), a day or now"

# A comma before the milliseconds, as in the services' logs.
_TIME = re.compile(
    r"(?:(?P<day>today|yesterday|\d{4}-\d\d-\d\d)(?:[t\s]\s*|$))?"
    r"(?:(?P<hour>\d\d?)(?::(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,6}))?)?)?)?"
    r"\s*(?P<zone>z|[+-]\d\d(?::?\d\d)?)?"
)


def moment(flag: str, text: str, now: float | None = None) -> float:
    """A time in seconds since 1970. now: the same, of now. Raises UsageError, which names the flag."""
    try:
        return parse(text, time.time() if now is None else now)
    except ValueError as error:
        raise UsageError(f"{flag} {text}: {error}", details=[f"it is {FORMS}"]) from None


def parse(text: str, now: float) -> float:
    """A time in seconds since 1970. A time of day without a day is the last one that has been. now: the same, of now.

    Raises ValueError.
    """
    written = text.strip().lower()
    if written == "now":
        return now
    found = _TIME.fullmatch(written) if written else None
    if found and (found["day"] or found["minute"]) and (found["hour"] or not found["zone"]):
        return _moment(found, now)
    ago = parse_duration(written.removesuffix("ago").strip())
    if ago < 0:
        raise ValueError(f"{text!r} is not a duration")
    return max(0.0, now - ago / 1000)


def said(seconds: float) -> str:
    """A time for people: "2026-01-31 18:00:00 +09:00", local, with its offset."""
    found = datetime.fromtimestamp(seconds, timezone.utc).astimezone()
    return f"{found:%Y-%m-%d %H:%M:%S} {format_offset(found)}"


def zone(since: int = 1990, until: int = 2060) -> list[list[int]]:
    """The offsets of the local time zone: [[since when, seconds east of UTC]] in order, for those who do not know it.
    since, until: years. Pure but for the local time zone."""
    begin, end, step = _year(since), _year(until), 14 * 86400
    found = [[begin, _east(begin)]]
    for at in range(begin + step, end, step):
        if _east(at) == found[-1][1]:
            continue
        low, high = at - step, at  # the change lies between them
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if _east(middle) == found[-1][1] else (low, middle)
        found.append([high, _east(high)])
    return found


def _year(number: int) -> int:
    return int(datetime(number, 1, 1, tzinfo=timezone.utc).timestamp())


def _east(seconds: int) -> int:
    return time.localtime(seconds).tm_gmtoff


def _moment(found: re.Match[str], now: float) -> float:
    zone = _zone(found["zone"])
    today = datetime.fromtimestamp(now, timezone.utc).astimezone(zone).date()
    days = {"today": today, "yesterday": today - timedelta(days=1)}
    day = found["day"] or "today"
    date = days.get(day) or datetime.strptime(day, "%Y-%m-%d").date()
    at = clock_time(
        int(found["hour"] or 0),
        int(found["minute"] or 0),
        int(found["second"] or 0),
        int((found["fraction"] or "").ljust(6, "0")),
    )
    try:
        seconds = _seconds(datetime.combine(date, at), zone)
        if not found["day"] and seconds > now:
            seconds = _seconds(datetime.combine(date - timedelta(days=1), at), zone)
    except OverflowError:
        raise ValueError("this is too long ago") from None
    return seconds


def _seconds(naive: datetime, zone: tzinfo | None) -> float:
    return (naive.replace(tzinfo=zone) if zone else naive).timestamp()


def _zone(text: str | None) -> tzinfo | None:
    """None: the local one, whose offset depends on the time."""
    if not text:
        return None
    if text == "z":
        return timezone.utc
    minutes = int(text[1:3]) * 60 + int(text[3:].lstrip(":") or 0)
    return timezone(timedelta(minutes=minutes if text[0] == "+" else -minutes))
