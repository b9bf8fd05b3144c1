"""Ansible's filters that inventories use, with the results that Ansible documents; Jinja2's own are there anyway.

Not offered are those that look at the hosts of a play, at collections, or give another value in each run: a deploy that
changes nothing must find nothing to change. For that reason, too, lists that Ansible takes for sets keep their order.
A test compares each filter with Ansible's own.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import math
import os
import posixpath
import random
import re
import shlex
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import yaml
from jinja2 import Undefined, pass_environment
from jinja2.filters import do_unique

_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
_UNITS = "BKMGTPEZY"
_UUIDS = uuid.UUID("361E6D51-FAEC-444A-9079-341386DA8E2E")  # Ansible's documented default namespace of to_uuid


class Unusable(Exception):
    """What a template asks of a filter cannot be had: a sentence for its author."""


# -- text


def text(value: Any) -> str:
    """A value as a filter of strings sees it: numbers are written out. Raises UndefinedError where there is none."""
    return value if isinstance(value, str) else str(value)


def _flags(ignorecase: bool, multiline: bool) -> int:
    return (re.IGNORECASE if ignorecase else 0) | (re.MULTILINE if multiline else 0)


def compiled(pattern: str, ignorecase: bool = False, multiline: bool = False) -> re.Pattern[str]:
    """A regular expression of a template. Raises Unusable."""
    try:
        return re.compile(pattern, _flags(ignorecase, multiline))
    except re.error as error:
        raise Unusable(f"{pattern!r} is not a regular expression: {error}") from None


def _regex_replace(
    value: Any,
    pattern: str = "",
    replacement: str = "",
    ignorecase: bool = False,
    multiline: bool = False,
    count: int = 0,
    mandatory_count: int = 0,
) -> str:
    found, times = compiled(pattern, ignorecase, multiline).subn(replacement, text(value), count=count)
    if mandatory_count and times != mandatory_count:
        raise Unusable(f"{pattern!r} matches {times} times, not {mandatory_count} times")
    return found


def _regex_search(value: Any, pattern: str, *groups: str, ignorecase: bool = False, multiline: bool = False) -> Any:
    """The match, or the groups that are named as `\\1` or `\\g<name>`; None without a match."""
    match = compiled(pattern, ignorecase, multiline).search(text(value))
    if match is None or not groups:
        return match[0] if match else None
    names = [re.fullmatch(r"\\+(?:(\d+)|g<(\w+)>)", group) for group in groups]
    if not all(names):
        raise Unusable(r"groups of regex_search are written '\1' or '\g<name>'")
    try:
        return [match[int(name[1]) if name[1] else name[2]] for name in names if name]
    except IndexError:
        raise Unusable(f"{pattern!r} has no such group") from None


def _regex_findall(value: Any, pattern: str, multiline: bool = False, ignorecase: bool = False) -> list[Any]:
    return compiled(pattern, ignorecase, multiline).findall(text(value))


def _regex_escape(value: Any, re_type: str = "python") -> str:
    if re_type != "python":
        raise Unusable(f"regex_escape for {re_type} is not supported")
    return re.escape(text(value))


def _b64encode(value: Any, encoding: str = "utf-8", urlsafe: bool = False) -> str:
    encode = base64.urlsafe_b64encode if urlsafe else base64.b64encode
    return encode(text(value).encode(encoding)).decode()


def _b64decode(value: Any, encoding: str = "utf-8", urlsafe: bool = False) -> str:
    decode = base64.urlsafe_b64decode if urlsafe else base64.b64decode
    return decode(text(value)).decode(encoding)


def _hash(value: Any, algorithm: str = "sha1") -> str:
    if algorithm not in hashlib.algorithms_guaranteed or algorithm.startswith("shake"):
        raise Unusable(f"{algorithm!r} is not a hash that there is")
    return hashlib.new(algorithm, text(value).encode()).hexdigest()


def _quote(value: Any) -> str:
    return shlex.quote("" if value is None else text(value))


def _bool(value: Any) -> bool:
    word = text(value).strip().lower()
    if isinstance(value, (int, float)) and value in (0, 1):
        return bool(value)
    if word not in (*_TRUE, *_FALSE):
        raise Unusable(f"{value!r} is neither true nor false")
    return word in _TRUE


def _human_readable(value: Any, isbits: bool = False, unit: str | None = None) -> str:
    size, base = float(value), "bits" if isbits else "Bytes"
    named = unit.upper() if unit else None
    power = next(
        (p for p in range(len(_UNITS) - 1, 0, -1) if (named == _UNITS[p] if named else size >= 1024**p)),
        0,
    )
    return f"{size / 1024**power:.2f} {_UNITS[power] + base[0] if power else base}"


def _human_to_bytes(value: Any, default_unit: str | None = None, isbits: bool = False) -> int:
    match = re.fullmatch(r"\s*(\d*\.?\d+)\s*([A-Za-z]*)\s*", text(value))
    unit = (match[2] or default_unit or "") if match else ""
    power = _UNITS.find(unit[:1].upper()) if unit else 0
    rest = unit[1:] if power > 0 else unit
    allowed = ("", "b", "bit", "bits") if isbits else ("", "b", "byte", "bytes")
    if match is None or power < 0 or rest.lower() not in allowed:
        raise Unusable(f"{value!r} is not a size, such as 10 MB")
    return round(float(match[1]) * float(1024**power))


# -- JSON and YAML


def _to_json(value: Any, **options: Any) -> str:
    return json.dumps(value, default=str, **options)


def _to_nice_json(value: Any, indent: int = 4, sort_keys: bool = True, **options: Any) -> str:
    return json.dumps(value, default=str, indent=indent, sort_keys=sort_keys, separators=(",", ": "), **options)


def _from_json(value: Any) -> Any:
    try:
        return json.loads(text(value))
    except ValueError as error:
        raise Unusable(f"not JSON: {error}") from None


def _to_yaml(value: Any, default_flow_style: bool | None = None, **options: Any) -> str:
    return str(yaml.safe_dump(value, allow_unicode=True, default_flow_style=default_flow_style, **options))


def _to_nice_yaml(value: Any, indent: int = 4, **options: Any) -> str:
    return _to_yaml(value, default_flow_style=False, indent=indent, **options)


def _from_yaml(value: Any) -> Any:
    try:
        return yaml.safe_load(text(value))
    except yaml.YAMLError:
        raise Unusable("not YAML") from None


# -- lists and maps


@pass_environment
def _extract(environment: Any, key: Any, container: Any, inner: Any = ()) -> Any:
    """`groups['servers'] | map('extract', hostvars, 'app_port')`"""
    steps = inner if isinstance(inner, (list, tuple)) else [inner]
    value = environment.getitem(container, key)
    for step in steps:
        value = environment.getitem(value, step)
    return value


def _merged(weak: Mapping[Any, Any], strong: Mapping[Any, Any], recursive: bool, lists: str) -> dict[Any, Any]:
    out = dict(weak)
    for key, value in strong.items():
        old = out.get(key)
        if recursive and isinstance(old, Mapping) and isinstance(value, Mapping):
            out[key] = _merged(old, value, recursive, lists)
        elif isinstance(old, list) and isinstance(value, list):
            out[key] = _LIST_MERGES[lists](old, value)
        else:
            out[key] = value
    return out


_LIST_MERGES: Mapping[str, Callable[[list[Any], list[Any]], list[Any]]] = {
    "replace": lambda old, new: new,
    "keep": lambda old, new: old,
    "append": lambda old, new: old + new,
    "prepend": lambda old, new: new + old,
    "append_rp": lambda old, new: [each for each in old if each not in new] + new,
    "prepend_rp": lambda old, new: new + [each for each in old if each not in new],
}


def _combine(*maps: Any, recursive: bool = False, list_merge: str = "replace") -> dict[Any, Any]:
    if list_merge not in _LIST_MERGES:
        raise Unusable(f"list_merge of combine is one of {', '.join(_LIST_MERGES)}")
    found: dict[Any, Any] = {}
    for each in _flatten(maps, 1):
        if not isinstance(each, Mapping):
            raise Unusable(f"combine takes maps; {type(each).__name__} is none")
        found = _merged(found, each, recursive, list_merge)
    return found


def _dict2items(value: Any, key_name: str = "key", value_name: str = "value") -> list[dict[str, Any]]:
    if not isinstance(value, Mapping):
        raise Unusable("dict2items takes a map")
    return [{key_name: key, value_name: member} for key, member in value.items()]


def _items2dict(value: Any, key_name: str = "key", value_name: str = "value") -> dict[Any, Any]:
    try:
        return {item[key_name]: item[value_name] for item in value}
    except (KeyError, TypeError):
        raise Unusable(f"items2dict takes a list of maps with {key_name} and {value_name}") from None


def _flatten(value: Iterable[Any], levels: int | None = None, skip_nulls: bool = True) -> list[Any]:
    found: list[Any] = []
    for member in value:
        if skip_nulls and (member is None or member in ("None", "null")):
            continue
        if isinstance(member, (list, tuple)) and (levels is None or levels >= 1):
            found += _flatten(member, None if levels is None else levels - 1, skip_nulls)
        else:
            found.append(member)
    return found


@pass_environment
def _unique(environment: Any, value: Any, case_sensitive: bool = False, attribute: Any = None) -> list[Any]:
    members = list(value)
    try:
        return list(do_unique(environment, members, case_sensitive, attribute))
    except TypeError:  # of members that have no hash, such as maps
        return _once(members)


def _once(members: Iterable[Any]) -> list[Any]:
    found: list[Any] = []
    for member in members:
        if member not in found:
            found.append(member)
    return found


def _difference(first: Sequence[Any], second: Sequence[Any]) -> list[Any]:
    return _once(member for member in first if member not in second)


def _symmetric_difference(first: Sequence[Any], second: Sequence[Any]) -> list[Any]:
    return _once([*_difference(first, second), *_difference(second, first)])


def _tuples(make: Callable[..., Iterable[Any]]) -> Callable[..., list[list[Any]]]:
    return lambda *arguments, **options: [list(one) for one in make(*arguments, **options)]


def _random(value: Any, start: int = 0, step: int = 1, seed: Any = None) -> Any:
    if seed is None:
        raise Unusable("random without a seed would give another value in each run; write random(seed=...)")
    chosen = random.Random(seed)
    return chosen.randrange(start, value, step) if isinstance(value, int) else chosen.choice(list(value))


def _shuffle(value: Iterable[Any], seed: Any = None) -> list[Any]:
    if not seed:
        raise Unusable("shuffle without a seed would give another order in each run; write shuffle(seed=...)")
    members = list(value)
    random.Random(seed).shuffle(members)
    return members


# -- the rest


def _mandatory(value: Any, msg: str | None = None) -> Any:
    if isinstance(value, Undefined):
        raise Unusable(msg or f"{value._undefined_name} is mandatory and not set")
    return value


def _ternary(value: Any, yes: Any, no: Any, none: Any = None) -> Any:
    if value is None and none is not None:
        return none
    return yes if value else no


def _path_join(value: Any) -> str:
    return posixpath.join(*([value] if isinstance(value, str) else value))


FILTERS: Mapping[str, Callable[..., Any]] = {
    "b64decode": _b64decode,
    "b64encode": _b64encode,
    "basename": posixpath.basename,
    "bool": _bool,
    "checksum": _hash,
    "combinations": _tuples(itertools.combinations),
    "combine": _combine,
    "commonpath": posixpath.commonpath,
    "dict2items": _dict2items,
    "difference": _difference,
    "dirname": posixpath.dirname,
    "expanduser": os.path.expanduser,
    "extract": _extract,
    "flatten": _flatten,
    "from_json": _from_json,
    "from_yaml": _from_yaml,
    "hash": _hash,
    "human_readable": _human_readable,
    "human_to_bytes": _human_to_bytes,
    "intersect": lambda first, second: _once(member for member in first if member in second),
    "items2dict": _items2dict,
    "log": lambda value, base=math.e: math.log10(value) if base == 10 else math.log(value, base),
    "mandatory": _mandatory,
    "md5": lambda value: _hash(value, "md5"),
    "normpath": posixpath.normpath,
    "path_join": _path_join,
    "permutations": _tuples(itertools.permutations),
    "pow": math.pow,
    "product": _tuples(itertools.product),
    "quote": _quote,
    "random": _random,
    "realpath": os.path.realpath,
    "regex_escape": _regex_escape,
    "regex_findall": _regex_findall,
    "regex_replace": _regex_replace,
    "regex_search": _regex_search,
    "relpath": os.path.relpath,
    "root": lambda value, base=2: math.sqrt(value) if base == 2 else math.pow(value, 1.0 / float(base)),
    "sha1": _hash,
    "shuffle": _shuffle,
    "split": lambda value, *arguments: text(value).split(*arguments),
    "splitext": lambda path: list(posixpath.splitext(path)),
    "symmetric_difference": _symmetric_difference,
    "ternary": _ternary,
    "to_json": _to_json,
    "to_nice_json": _to_nice_json,
    "to_nice_yaml": _to_nice_yaml,
    "to_uuid": lambda value, namespace=_UUIDS: str(uuid.uuid5(uuid.UUID(str(namespace)), text(value))),
    "to_yaml": _to_yaml,
    "union": lambda first, second: _once([*first, *second]),
    "unique": _unique,
    "zip": _tuples(zip),
    "zip_longest": _tuples(itertools.zip_longest),
}
