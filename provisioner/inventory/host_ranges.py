"""Host names as an inventory writes them: `broker[1:3]`, `node-[a:c]`, `name:2222`."""

from __future__ import annotations

import re
import string

from provisioner.inventory.addresses import is_ipv6

_RANGE = re.compile(r"(?P<head>[^\[]*)\[(?P<range>[^\]]*)\](?P<tail>.*)")
_NUMBER = re.compile("[0-9]{1,9}")
_LETTERS = string.ascii_letters
MOST = 10_000  # hosts of one range: more is a slip of the finger, and would fill the memory first


def expand(pattern: str) -> tuple[list[str], int | None]:
    """The host names that `pattern` stands for, and the SSH port where one is given.

    `broker[1:3]`, `node-[a:c]`, `db[01:09:2]` count, ends included; several ranges multiply. `name:2222` and
    `[fe80::1]:2222` carry a port. Raises ValueError, as a sentence, for what is not a host name or cannot be counted.
    """
    port = None
    head, colon, tail = pattern.rpartition(":")
    if (
        colon
        and _NUMBER.fullmatch(tail)
        and ":" not in re.sub(r"\[[^\]]*\]", "", head)
        and head.count("[") == head.count("]")
    ):
        pattern, port = head, int(tail)
    if pattern.startswith("[") and pattern.endswith("]") and is_ipv6(pattern[1:-1]):
        return [pattern[1:-1]], port
    if pattern.endswith(":") and not is_ipv6(pattern):
        raise ValueError(f"{pattern!r} is not a host name: a port follows a ':'")
    return _names(pattern), port


def _names(pattern: str) -> list[str]:
    match = _RANGE.fullmatch(pattern)
    if not match:
        if not re.fullmatch(r"[^\s\[\],!&]+", pattern):
            raise ValueError(f"{pattern!r} is not a host name")
        return [pattern]
    tails = _names(match["tail"]) if match["tail"] else [""]
    counted = _count(match["range"], pattern)
    if len(counted) * len(tails) > MOST:
        raise ValueError(f"{pattern!r}: ranges of more than {MOST:,} hosts")
    return [match["head"] + each + tail for each in counted for tail in tails]


def _count(text: str, pattern: str) -> list[str]:
    bounds = text.split(":")
    if len(bounds) not in (2, 3) or not bounds[1]:
        raise ValueError(f"{pattern!r}: a range is [first:last] or [first:last:step]")
    first, last, step = bounds[0] or "0", bounds[1], bounds[2] if len(bounds) == 3 else "1"
    if not _NUMBER.fullmatch(step) or int(step) < 1:
        raise ValueError(f"{pattern!r}: the step of a range is a whole number above 0")
    if _NUMBER.fullmatch(first) and _NUMBER.fullmatch(last):
        width = len(first) if first.startswith("0") and len(first) > 1 else 0
        if width and len(last) != width:
            raise ValueError(f"{pattern!r}: {first} and {last} have to be equally long")
        numbers = range(int(first), int(last) + 1, int(step))
        if len(numbers) > MOST:
            raise ValueError(f"{pattern!r}: a range of more than {MOST:,} hosts")
        counted = [str(number).zfill(width) for number in numbers]
    elif len(first) == len(last) == 1 and first in _LETTERS and last in _LETTERS:
        counted = list(_LETTERS[_LETTERS.index(first) : _LETTERS.index(last) + 1 : int(step)])
    else:
        raise ValueError(f"{pattern!r}: a range counts numbers or single letters")
    if not counted:
        raise ValueError(f"{pattern!r}: the range ends before it begins")
    return counted
