"""Ansible's tests (`x is match('...')`) that inventories use, beside Jinja2's own."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import Any

from provisioner.inventory.filters import Unusable, compiled, text

_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    **{name: lambda one, other: one == other for name in ("==", "=", "eq")},
    **{name: lambda one, other: one != other for name in ("!=", "<>", "ne")},
    **{name: lambda one, other: one < other for name in ("<", "lt")},
    **{name: lambda one, other: one <= other for name in ("<=", "le")},
    **{name: lambda one, other: one > other for name in (">", "gt")},
    **{name: lambda one, other: one >= other for name in (">=", "ge")},
}


def _version(value: Any, other: Any, operator: str = "==", strict: Any = None, version_type: str | None = None) -> bool:
    """Compare versions number by number, as Ansible's default, the loose kind, does."""
    if strict or version_type not in (None, "loose"):
        raise Unusable(f"versions of the type {version_type or 'strict'} are not supported")
    if operator not in _OPERATORS:
        raise Unusable(f"{operator!r} is not a comparison; they are {', '.join(_OPERATORS)}")
    try:
        return _OPERATORS[operator](_parts(value), _parts(other))
    except TypeError:
        raise Unusable(
            f"{value} and {other} cannot be compared: one has a letter where the other has a number"
        ) from None


def _parts(version: Any) -> list[Any]:
    if not text(version):
        raise Unusable("a version is empty")
    found = [part for part in re.split(r"(\d+|[a-z]+|\.)", text(version)) if part and part != "."]
    return [int(part) if part.isdigit() else part for part in found]


def _regex(
    value: Any, pattern: str, ignorecase: bool = False, multiline: bool = False, match_type: str = "search"
) -> bool:
    if match_type not in ("search", "match", "fullmatch"):
        raise Unusable(f"{match_type!r} is not a kind of match; they are search, match and fullmatch")
    return bool(getattr(compiled(pattern, ignorecase, multiline), match_type)(text(value)))


def _match(value: Any, pattern: str, ignorecase: bool = False, multiline: bool = False) -> bool:
    return _regex(value, pattern, ignorecase, multiline, "match")


def _search(value: Any, pattern: str, ignorecase: bool = False, multiline: bool = False) -> bool:
    return _regex(value, pattern, ignorecase, multiline)


def _subset(value: Any, other: Any) -> bool:
    return all(member in other for member in value)


def _truthy(value: Any, convert_bool: bool = False) -> bool:
    if convert_bool and isinstance(value, str):
        return value.lower() in ("true", "yes", "on", "y", "t", "1")
    return bool(value)


TESTS: Mapping[str, Callable[..., bool]] = {
    "abs": os.path.isabs,
    "all": all,
    "any": any,
    "contains": lambda value, member: member in value,
    "directory": os.path.isdir,
    "exists": os.path.exists,
    "falsy": lambda value, convert_bool=False: not _truthy(value, convert_bool),
    "file": os.path.isfile,
    "issubset": _subset,
    "issuperset": lambda value, other: _subset(other, value),
    "match": _match,
    "regex": _regex,
    "search": _search,
    "subset": _subset,
    "superset": lambda value, other: _subset(other, value),
    "truthy": _truthy,
    "version": _version,
    "version_compare": _version,
}
