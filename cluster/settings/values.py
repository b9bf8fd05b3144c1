"""Values of settings as people type and read them: "2 d" for retention.ms=172800000, "1 GiB" for bytes. Pure.

What a value means follows from the setting's name, as in Kafka's own reference: *.ms are milliseconds, *.bytes bytes.
"""

from __future__ import annotations

import re
from typing import Any

from cluster.settings.properties import BLANKS
from provisioner.quantities import format_duration, format_size, parse_duration, parse_size

UNLIMITED = -1
LONGEST = 2**63 - 1  # Java's Long.MAX_VALUE, Kafka's own word for "never"
# Words for "no limit".
_NO_LIMIT = ("forever", "unlimited", "no limit", "none")
# Settings whose -1 has a meaning of its own.
_FOREVER = ("retention.ms", "log.retention.ms", "local.retention.ms")


def typed(name: str, value: Any) -> str:
    """The value of a setting as a broker wants it: typed("retention.ms", "2d") is "172800000".

    value: as a person or a YAML file says it; a bare number is in the setting's own unit. Raises ValueError.
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return ",".join(typed("", member) for member in value)
    if not isinstance(value, (str, int, float)):
        raise ValueError(f"{value!r} is not a value of a setting")
    text = str(value).strip(BLANKS)
    if is_duration(name) or is_size(name):
        if re.fullmatch(r"[0-9]+|-1|-2", text):  # -1: no limit; -2, of local.*: as the topic's
            return text
        if text.lower() in _NO_LIMIT:
            return str(UNLIMITED)
        return str(parse_duration(text) if is_duration(name) else parse_size(text))
    return text


def shown(name: str, value: str | None) -> str:
    """A value for people: "2 d", "1 GiB", "forever"; as it is where it has no unit."""
    if value is None:
        return "none"
    if not re.fullmatch(r"-?[0-9]+", value) or not (is_duration(name) or is_size(name)):
        return value or '""'
    number = int(value)
    if number in (UNLIMITED, LONGEST):
        return "forever" if name in _FOREVER else "no limit"
    if number < 0:
        return value
    if is_size(name):
        return format_size(number)
    return re.sub(r"(?<=\d)(?=[a-z])", " ", format_duration(number))


def written(name: str, value: str) -> str:
    """A value as `typed` reads it back to the same, with units where the setting has one: "2d" for
    retention.ms=172800000, "2m" for bytes, never rounded."""
    if not re.fullmatch(r"-1|[1-9][0-9]*", value) or not (is_duration(name) or is_size(name)):
        return value
    number = int(value)
    if number == UNLIMITED:
        return "forever" if name in _FOREVER else "unlimited" if name == "retention.bytes" else value
    if is_duration(name):
        return format_duration(number)
    for unit, size in (("t", 1024**4), ("g", 1024**3), ("m", 1024**2), ("k", 1024)):
        if number % size == 0:
            return f"{number // size}{unit}"
    return value


def is_duration(name: str) -> bool:
    """Whether a setting counts milliseconds."""
    return name.endswith(".ms")


def is_size(name: str) -> bool:
    """Whether a setting counts bytes."""
    return name.endswith((".bytes", ".bytes.per.second"))


def flat(name: str, value: Any) -> list[str]:
    """The flat spelling of nested maps: {"log": {"retention": {"hours": 48}}} -> ["log.retention.hours: 48"]."""
    if isinstance(value, dict):
        return [line for key, member in value.items() for line in flat(f"{name}.{key}" if name else str(key), member)]
    if isinstance(value, (list, tuple)):
        members = [text for member in value for text in (flat("", member) if isinstance(member, dict) else [member])]
        return [f"{name}: {','.join(map(str, members))}"]
    return [f"{name}: {value}"]
