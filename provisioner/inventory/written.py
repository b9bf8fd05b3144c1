"""Numbers that remember how they were written, where YAML reads something else: 0123456 is 42798 to it, 1_000 is 1000,
12:34:56 is 45296 and 2.10 is 2.1.

They count as YAML's numbers and are the written text wherever text is needed: in a property, a name, a template.
"""

from __future__ import annotations

from typing import Any


class Written:
    """What both kinds of number share. text: as it was typed."""

    text: str

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__


class WrittenInt(Written, int):
    """A whole number with its text."""


class WrittenFloat(Written, float):
    """Any other number with its text."""


def written(value: int | float, text: str) -> int | float:
    """A number that YAML has read from `text`; the plain one where Python writes it in the same way."""
    if str(value) == text:
        return value
    found = WrittenInt(value) if isinstance(value, int) else WrittenFloat(value)
    found.text = text
    return found


def alike(one: Any, other: Any) -> bool:
    """Whether two values are the same, and numbers were written in the same way: 2.1 is not 2.10."""
    if isinstance(one, Written) or isinstance(other, Written):
        return str(one) == str(other)
    return bool(one == other)
