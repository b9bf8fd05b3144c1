"""Sizes and durations as people write them ("6g", "2d"), and back again for logs and messages.

Sizes are counted in bytes with powers of 1024, as the JVM's -Xmx counts them. Durations are counted in milliseconds
and always carry a unit: a bare "300" would mean seconds to one reader and milliseconds to the next.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from provisioner.words import counted

if TYPE_CHECKING:
    from datetime import datetime

_SIZE_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}
_DURATION_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_UNIT_NAMES = {"sec": "s", "secs": "s", "min": "m", "mins": "m"} | {
    form: unit
    for unit, word in (("s", "second"), ("m", "minute"), ("h", "hour"), ("d", "day"), ("w", "week"))
    for form in (word, word + "s")
}
_QUANTITY = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?)\s*(?P<unit>[a-z]*)", re.IGNORECASE)
_UNLIMITED = -1


def parse_size(value: int | str) -> int:
    """Bytes in `value`: an int (bytes), "1073741824", "512m", "1.5g", "6GiB"; -1 stays -1 ("no limit").

    k, m, g and t are powers of 1024, with or without a "b" or "ib" after them.
    Raises ValueError when it is not a size or not a whole number of bytes.
    """
    if isinstance(value, bool):
        raise ValueError(f"{value!r} is not a size")
    if isinstance(value, int):
        return _not_negative(value)
    text = value.strip()
    if text == str(_UNLIMITED):
        return _UNLIMITED
    number, unit = _split(text, "size")
    unit = re.sub("i?b$", "", unit)
    if unit not in _SIZE_UNITS:
        raise ValueError(f"{value!r} has an unknown unit; sizes end in k, m, g or t")
    return _whole(number, _SIZE_UNITS[unit], value, "bytes")


def parse_duration(value: int | str) -> int:
    """Milliseconds in `value`: "300s", "1.5h", "2d", "172800000ms"; 0 and -1 ("no limit") need no unit.

    Units: ms, s, m (minutes), h, d, w, or their English names.
    Raises ValueError when it is not a duration, has no unit or is not a whole number of milliseconds.
    """
    if isinstance(value, bool):
        raise ValueError(f"{value!r} is not a duration")
    text = str(value).strip()
    if text in ("0", str(_UNLIMITED)):
        return int(text)
    number, unit = _split(text, "duration")
    if not unit:
        raise ValueError(f"{text} has no unit; write {text}ms or {text}s")
    unit = _UNIT_NAMES.get(unit, unit)
    if unit not in _DURATION_UNITS:
        raise ValueError(f"{text!r} has an unknown unit; durations end in ms, s, m, h, d or w")
    return _whole(number, _DURATION_UNITS[unit], text, "milliseconds")


def format_size(size: int) -> str:
    """`size` bytes for people: "823 B", "58.2 MiB", "6 GiB"."""
    amount, unit = float(size), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if abs(amount) < 1024:
            break
        amount, unit = amount / 1024, larger
    return f"{amount:.1f}".removesuffix(".0") + f" {unit}"


def format_duration(milliseconds: int) -> str:
    """`milliseconds` as `parse_duration` reads it, exactly, in the largest unit that divides it: 172800000 -> "2d"."""
    for unit in ("d", "h", "m", "s"):
        if milliseconds > 0 and milliseconds % _DURATION_UNITS[unit] == 0:
            return f"{milliseconds // _DURATION_UNITS[unit]}{unit}"
    return f"{milliseconds}ms" if milliseconds > 0 else str(milliseconds)


def format_elapsed(seconds: float) -> str:
    """Elapsed time as a person says it: "0.4 seconds", "12.3 seconds", "2 minutes 5 seconds", "1 hour 3 minutes"."""
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} seconds"
    whole = round(seconds)
    if whole < 3600:
        large, small = counted(whole // 60, "minute"), counted(whole % 60, "second")
    else:
        minutes = round(whole / 60)
        large, small = counted(minutes // 60, "hour"), counted(minutes % 60, "minute")
    return f"{large} {small}" if not small.startswith("0 ") else large


def format_offset(moment: datetime) -> str:
    """The offset of a time that has one: "+09:00"."""
    text = moment.strftime("%z")
    return f"{text[:3]}:{text[3:5]}"


def _split(text: str, kind: str) -> tuple[str, str]:
    match = _QUANTITY.fullmatch(text)
    if not match:
        raise ValueError(f"{text!r} is not a {kind}")
    return match["number"], match["unit"].lower()


def _whole(number: str, factor: int, value: object, unit: str) -> int:
    """number * factor without floating point: "0.1" of a large unit must not gain or lose a byte."""
    integral, _, fraction = number.partition(".")
    scaled, rest = divmod(int(integral + fraction) * factor, int(10 ** len(fraction)))
    if rest:
        raise ValueError(f"{value!r} is not a whole number of {unit}")
    return scaled


def _not_negative(value: int) -> int:
    if value < _UNLIMITED:
        raise ValueError(f"{value} is negative")
    return value
