"""The types a variable can have: how a value is read, and the words for saying that it is something else."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any

from provisioner.errors import ConfigError
from provisioner.inventory import addresses
from provisioner.inventory.written import Written
from provisioner.inventory.yaml_source import Raw
from provisioner.quantities import parse_duration, parse_size
from provisioner.secrets import is_secret, shown

PORTS = range(1, 65536)


@dataclass(frozen=True)
class Type:
    """A type of variables. expected and example: the words for an error message; optional: may be None, "not set".

    parse(value, text) gives the typed value; text is the scalar as written, None for a computed value.
    It raises ValueError, with the reason as its text where "must be <expected>" does not say it all.
    """

    name: str
    expected: str
    example: str
    parse: Callable[[Any, str | None], Any]
    secret: bool = False
    optional: bool = False


def _int(value: Any, text: str | None) -> int:
    if isinstance(value, str) and re.fullmatch(r"[-+]?(0|[1-9][0-9]{0,30})", value.strip()):
        return _within_64_bits(int(value))
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError
    found, text = int(value), str(value) if isinstance(value, Written) else text  # a template may have brought it here
    if text and re.fullmatch(r"[-+]?0[0-9_]+", text):
        raise ValueError(f"YAML reads {text} as the octal number {found}; write it without the leading 0")
    if text and ":" in text:
        raise ValueError(f"YAML reads {text} as the number {found}")
    return _within_64_bits(found)


def _within_64_bits(number: int) -> int:
    """What Kafka, the JVM and the kernel count with."""
    if not -(2**63) <= number < 2**63:
        raise ValueError("it has more than 64 bits")
    return number


def _number(value: Any, text: str | None) -> float:
    if isinstance(value, bool):
        raise ValueError
    if not isinstance(value, float):
        return _int(value, text)
    if not isfinite(value):
        raise ValueError
    if ":" in str(value):
        raise ValueError(f"YAML reads {value} as the number {float(value)}")
    return float(value)


def _str(value: Any, text: str | None) -> str:
    """What was written counts: 3.10 stays "3.10", on stays "on", 0027 stays "0027"."""
    if isinstance(value, str):
        return value
    if text is not None and (value is not None or not text):  # null and ~ are no text, and an empty value is none
        return text
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    raise ValueError


def _bool(value: Any, text: str | None) -> bool:
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else None
    if word in ("true", "yes", "on"):
        return True
    if word in ("false", "no", "off"):
        return False
    raise ValueError


def _list(value: Any, text: str | None) -> list[Any]:
    if isinstance(value, (list, tuple)):
        return list(value)
    raise ValueError


def _map(value: Any, text: str | None) -> dict[Any, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    raise ValueError


def _size(value: Any, text: str | None) -> int:
    return parse_size(value if isinstance(value, str) else _int(value, text))


def _duration(value: Any, text: str | None) -> int:
    if text is None and isinstance(value, int) and not isinstance(value, (bool, Written)):
        return _within_64_bits(value)  # computed from other durations, which are milliseconds by now
    return parse_duration(value if isinstance(value, str) else _int(value, text))


def _port(value: Any, text: str | None) -> int:
    port = _int(value, text)
    if port not in PORTS:
        raise ValueError
    return port


def _host(value: Any, text: str | None) -> str:
    return addresses.host(_str(value, text))


def _ssh_host(value: Any, text: str | None) -> str:
    return addresses.ssh_host(_str(value, text))


def _path(value: Any, text: str | None) -> str:
    if not isinstance(value, str) or not value.startswith("/"):
        raise ValueError
    return _normalized(value)


def _paths(value: Any, text: str | None) -> list[str]:
    if isinstance(value, str):
        raise ValueError("one path stands in brackets, too")
    entries = _list(value, text)
    if not entries:
        raise ValueError("it needs one path at least")
    for entry in entries:
        if entry is None:
            raise ValueError("an entry is empty; YAML reads ~ as empty, too")
        if not isinstance(entry, str):
            raise ValueError(f"{entry!r} is not text")
        if not entry.startswith("/"):
            raise ValueError(f"{entry!r} does not begin with /")
    return [_normalized(entry) for entry in entries]


def _normalized(path: str) -> str:
    """An absolute path with single slashes. What `.` and `..` lead to depends on links of the host."""
    parts = [part for part in path.split("/") if part]
    if {".", ".."} & set(parts) or "\n" in path:
        raise ValueError(f"{path!r} has . or .. in it")
    return "/" + "/".join(parts)


def _connection(value: Any, text: str | None) -> str:
    word = _str(value, text).rsplit(".", 1)[-1]
    if word not in ("ssh", "smart", "paramiko", "paramiko_ssh"):
        raise ValueError("hosts are reached over SSH only, this machine too")
    return word


STR = Type("str", "a string", '"text"', _str)
SECRET = Type("secret", "a string", '"text"', _str, secret=True)
INT = Type("int", "a whole number", "3", _int)
NUMBER = Type("number", "a number", "0.5", _number)
BOOL = Type("bool", "true or false", "true", _bool)
LIST = Type("list", "a list", "[a, b]", _list)
MAP = Type("map", "a map", "{name: value}", _map)
SIZE = Type("size", "a size: bytes, or a number with k, m, g or t", "512m", _size)
DURATION = Type("duration", "a duration: a number with ms, s, m, h or d", "300s", _duration)
PORT = Type("port", f"a port from {PORTS[0]} to {PORTS[-1]}", "9092", _port)
HOST = Type("host", "a host name or an IP address", "host1.example.com", _host)
SSH_HOST = replace(HOST, parse=_ssh_host)
SSH_PORT = replace(PORT, example="22")
CONNECTION = Type("connection", "ssh", "ssh", _connection)
PATH = Type("path", "an absolute path without '..' and '.'", "/var/lib/data", _path)
PATHS = Type("paths", "a list of absolute paths without '..' and '.'", "[/disk1/data, /disk2/data]", _paths)
TYPES: Mapping[str, Type] = {
    t.name: t for t in (STR, SECRET, INT, NUMBER, BOOL, LIST, MAP, SIZE, DURATION, PORT, HOST, PATH, PATHS)
}


def choice(choices: tuple[str, ...]) -> Type:
    """The type of one word out of `choices`."""

    def parse(value: Any, text: str | None) -> str:
        # YAML reads the word off as false.
        word = "off" if value is False and "off" in choices else _str(value, text)
        if word not in choices:
            raise ValueError
        return word

    return Type("choice", "one of " + ", ".join(choices), choices[0], parse)


def convert(name: str, kind: Type, raw: Raw) -> Any:
    """The typed value of variable `name`. Raises ConfigError saying what was expected, what was found and where."""
    if raw.value is None and kind.optional:
        return None
    if raw.value is None and kind.name in ("list", "map"):
        return kind.parse([] if kind.name == "list" else {}, None)  # a heading whose entries are all commented out
    try:
        return kind.parse(raw.value, raw.text)
    except ValueError as error:
        found = "(hidden)" if kind.secret or is_secret(name) else _shown(raw)
        if kind.name == "map" and raw.value is not None:  # of settings, and any of them may be secret
            found = f"{_kind(raw)} (hidden)".strip()
        reason = f" ({error})" if str(error) else ""
        raise ConfigError(
            f"{name} must be {kind.expected}",
            details=[f"found: {found}{reason}", f"in:    {raw.place}"],
            advice=f"write it like this: {name}: {kind.example}" + (", or remove it" if raw.value is None else ""),
        ) from None


def _shown(raw: Raw) -> str:
    if raw.value is None:
        return "nothing"
    value = shown(raw.value)
    text = repr(value) if isinstance(value, (str, list, dict)) or raw.text is None else raw.text
    return f"{_kind(raw)} {text if len(text) <= 80 else text[:77] + '...'}".strip()


def _kind(raw: Raw) -> str:
    return {bool: "the boolean", list: "the list", dict: "the map", str: "the string"}.get(type(raw.value), "")
