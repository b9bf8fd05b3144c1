"""Values that must not be shown, whatever they are called: what was decrypted in this run, and what decrypts it.

`secrets.py` hides by name, and a value may be read by any name. These are hidden wherever they appear: in a diff, an
error, a plan. Values that are hardly a secret and would hide half of every text are left out: short ones, and names of
hosts and groups.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

MASK = "********"
SHORTEST = 4  # characters; a shorter one would be found inside other words
_COMMON = frozenset({"true", "false", "none", "null", "localhost"})

_values: set[str] = set()
_names: set[str] = set()
_pattern: re.Pattern[str] | None = None
_size = 0  # of both sets, which only grow, when the pattern was made


def add(text: str) -> None:
    """Let no text show a line of this value any more."""
    lines = {line.strip() for line in text.splitlines()}
    _values.update(one for one in lines if len(one) >= SHORTEST and one.lower() not in _COMMON)


def leave(names: Iterable[str]) -> None:
    """Go on showing these, whatever value is the same."""
    _names.update(names)


def without(text: str) -> str:
    """The text without any of these values."""
    global _pattern, _size
    if not _values:
        return text
    size = len(_values) + len(_names)
    if size != _size:
        _pattern = _compiled()
        _size = size
    return text if _pattern is None else _pattern.sub(MASK, text)


def forget() -> None:
    """As at the start of a run."""
    global _size
    _values.clear()
    _names.clear()
    _size = 0


def _compiled() -> re.Pattern[str] | None:
    # Also as JSON, properties files and shells have it; the longest first, or a part of one would stay.
    forms = {form for one in _values - _names for form in (one, json.dumps(one)[1:-1], one.replace("\\", "\\\\"))}
    ordered = sorted(forms, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, ordered))) if ordered else None
