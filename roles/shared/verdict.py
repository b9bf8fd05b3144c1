"""Would the product take this value for this property? Pure; as its own classes read values (ConfigDef.parseType and
its validators), so that a wrong one is refused before any connection."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cluster.settings import values
from provisioner.words import some
from roles.shared.catalogue import WHOLE, Property

_NUMBER = r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?[dDfF]?"  # Double.parseDouble, without its rarer spellings
_TEXTS = ("STRING", "PASSWORD", "CLASS", "LIST")
_CLASS = re.compile(r"[A-Za-z_$][\w$]*(\.[A-Za-z_$][\w$]*)+")


class Wrong(ValueError):
    """A value that the product would refuse. Its text says what is allowed, after the name of the property."""


def plain(one: Property, value: Any) -> str:
    """A value of an inventory or a command line as the product reads it: 2d is 172800000 where it counts
    milliseconds.

    Raises Wrong for a map, a list where one value is meant, and a value with a unit that cannot be read.
    """
    if isinstance(value, Mapping) or (isinstance(value, (list, tuple)) and not _flat(value)):
        raise Wrong("takes one value, not a map")
    if isinstance(value, (list, tuple)) and one.type != "LIST":
        raise Wrong("takes one value, not a list")
    if isinstance(value, bool) and one.type in _TEXTS and not {"true", "false"} & {*one.values, one.default}:
        raise Wrong("takes a text, and YAML reads yes, no, on and off as true or false: put it in quotes")
    if isinstance(value, float) and one.type in WHOLE:
        raise Wrong(f"takes {allowed(one)}, without a point or an exponent")
    if one.type not in WHOLE or isinstance(value, (bool, list, tuple)):
        return values.typed("", value)
    text = str(value).strip()
    if re.fullmatch(r"[-+]?[0-9]*|.*[eE][-+]?[0-9]+|[0-9]+\.[0-9]*", text):
        return text
    try:
        return values.typed(one.name, text)
    except ValueError as error:
        raise Wrong(f"takes {allowed(one)} ({error})") from None


def _flat(value: Sequence[Any]) -> bool:
    return all(isinstance(member, (str, int, float, bool)) for member in value)


def judge(one: Property, text: str, classes: frozenset[str] | None = None) -> None:
    """Raises Wrong where the product refuses `text`, which is as it stands in its file. classes: those that it could
    load, None where that is not known."""
    text = text.strip()
    if one.type == "BOOLEAN":
        taken = text.lower() in ("true", "false")
    elif one.type in WHOLE:
        least, most = WHOLE[one.type]
        taken = bool(re.fullmatch(r"[-+]?[0-9]{1,30}", text)) and least <= int(text) <= most and _within(one, int(text))
    elif one.type == "DOUBLE":
        taken = bool(re.fullmatch(_NUMBER, text)) and _within(one, float(text.rstrip("dDfF")))
    elif one.type == "LIST":
        members = re.split(r"\s*,\s*", text) if text else []
        taken = all(_listed(one, member) for member in members)
        taken = taken and (one.check != "class" or all(_loads(member, one, classes) for member in members))
    elif one.type == "CLASS":
        taken = _loads(text, one, classes)
    else:
        taken = _listed(one, text) and (one.check != "class" or text == "" or _loads(text, one, classes))
    if taken and one.check in CHECKS:
        taken = CHECKS[one.check](one, text)
    if not taken:
        high = WHOLE.get(one.type, (0, 0))[1]
        beyond = re.fullmatch(r"[+]?[0-9]{1,30}", text) and int(text) > high > 0
        raise Wrong(f"takes {allowed(one)}{f', {high} at most' if beyond and one.most is None else ''}")


def _loads(text: str, one: Property, classes: frozenset[str] | None) -> bool:
    return bool(_CLASS.fullmatch(text)) and (classes is None or text in classes or text == one.default)


def _within(one: Property, number: float) -> bool:
    if one.values and str(number) not in one.values:
        return False
    return (one.least is None or number >= one.least) and (one.most is None or number <= one.most)


def _listed(one: Property, text: str) -> bool:
    if not one.values or one.check == "version":
        return True
    return text in one.values or (one.open_case and text.upper() in {each.upper() for each in one.values})


def _version(one: Property, text: str) -> bool:
    """As ApiVersion and MetadataVersion read it: of 2.5.0 the first two numbers count, of 0.10.2 three."""
    known = {*one.values, *(each.partition("-")[0] for each in one.values)}
    return ".".join(text.split(".")[: 3 if text.startswith("0.") else 2]) in known


def _not_empty(one: Property, text: str) -> bool:
    return text != ""


def _replicas(one: Property, text: str) -> bool:
    return text in ("", "*") or all(re.fullmatch(r"\d+:\d+", part.strip()) for part in text.split(","))


def _voters(one: Property, text: str) -> bool:
    return text == "" or all(re.fullmatch(r"\s*\d+@\[?[\w.:-]+\]?:\d{1,5}\s*", part) for part in text.split(","))


def _servers(one: Property, text: str) -> bool:
    return text == "" or all(re.fullmatch(r"\s*\[?[\w.:-]+\]?:\d{1,5}\s*", part) for part in text.split(","))


def _threads(one: Property, text: str) -> bool:
    return int(text) == -1 or int(text) > 0


# The rules of validators that are neither a range nor a list.
CHECKS: Mapping[str, Callable[[Property, str], bool]] = {
    "version": _version,
    "not empty": _not_empty,
    "replicas": _replicas,
    "voters": _voters,
    "servers": _servers,
    "-1 or more than 0": _threads,
}
_IN_WORDS = {
    "not empty": "a text that is not empty",
    "replicas": "partition:broker pairs, separated by commas, or *",
    "voters": "id@host:port, separated by commas",
    "servers": "host:port, separated by commas",
    "-1 or more than 0": "a whole number, 1 or more, or -1",
    "class": "the name of a class in its jars",
}


def allowed(one: Property) -> str:
    """What a property takes, in words: "a whole number, 1 or more", "one of gzip, lz4, zstd"."""
    if one.check == "version":
        return f"a version such as {', '.join(dict.fromkeys(each.partition('-')[0] for each in one.values[-3:]))}"
    if one.check in _IN_WORDS and (one.type, one.check) != ("LIST", "not empty"):
        return _IN_WORDS[one.check]
    if one.type == "BOOLEAN":
        return "true or false"
    if one.values:
        listed = some(one.values, 12)
        return f"a list of {listed}" if one.type == "LIST" else f"one of {listed}"
    if one.type in WHOLE or one.type == "DOUBLE":
        return _number(one)
    return {"LIST": "a list: a,b,c", "CLASS": "the name of a class in its jars"}.get(one.type, "a text")


def _number(one: Property) -> str:
    kind = "a number" if one.type == "DOUBLE" else "a whole number"
    unit = ", or a duration such as 2d" if values.is_duration(one.name) else ""
    unit = ", or a size such as 1g" if values.is_size(one.name) else unit
    if one.least is not None and one.most is not None:
        return f"{kind} from {_short(one.least)} to {_short(one.most)}{unit}"
    if one.least is not None:
        return f"{kind}, {_short(one.least)} or more{unit}"
    return f"{kind}, {_short(one.most)} at most{unit}" if one.most is not None else f"{kind}{unit}"


def _short(number: float) -> str:
    return f"{number:g}" if isinstance(number, float) and abs(number) < 10**6 else str(number)
