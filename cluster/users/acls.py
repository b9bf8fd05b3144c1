"""Rules of an inventory that `kafka_users` cannot say (`kafka_acls`): they deny, or hold for one address, for any
principal and any resource. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from cluster.users import principals, rules
from cluster.users.check import OPERATIONS
from cluster.users.rules import CLUSTER, EVERYWHERE, Rule
from cluster.users.wanted import OURS, in_place
from provisioner.errors import ConfigError
from provisioner.words import did_you_mean, nearest

EXAMPLE = (
    "write it like this: kafka_acls: [{principal: 'User:CN=app,O=x', operation: [read, describe], resource: topic, "
    "name: orders*}]"
)
KEYS = ("principal", "operation", "resource", "name", "prefixed", "permission", "host")
# {what other tools call a key: what it is called here}
ELSEWHERE = {
    **dict.fromkeys(("user", "users", "principals"), "principal"),
    **dict.fromkeys(("type", "resource_type", "resourceType", "kind"), "resource"),
    **dict.fromkeys(("pattern", "pattern_type", "patternType", "resource_pattern_type"), "prefixed"),
    **dict.fromkeys(("resource_name", "resourceName", "resource-name"), "name"),
    **dict.fromkeys(("permission_type", "permissionType", "allow", "deny", "effect"), "permission"),
    **dict.fromkeys(("hosts", "address", "ip"), "host"),
}
PERMISSIONS = {"allow": True, "deny": False}
# What can be asked of a kind of resource: what `acls.check` asks by itself, and what few brokers are ever asked.
ACCEPTED = {
    **OPERATIONS,
    "group": (*OPERATIONS["group"], "describe-configs", "alter-configs"),
    "transactional-id": (*OPERATIONS["transactional-id"], "two-phase-commit"),
    "delegation-token": ("describe",),
    "user": ("create-tokens", "describe-tokens"),
}
TOPIC = re.compile(r"[A-Za-z0-9._-]+|\*")


class _Wrong(Exception):
    """What is wrong with an entry, and what to do. key: of the entry, "" for all of it."""

    def __init__(self, key: str, why: str, advice: str = EXAMPLE) -> None:
        super().__init__(why)
        self.key, self.why, self.advice = key, why, advice


def parse(given: Sequence[Any], place: Callable[..., str]) -> tuple[list[Rule], list[ConfigError]]:
    """The rules, and all that is wrong with the list. place: where an entry is written, by its index and key."""
    said: list[tuple[Rule, str]] = []
    problems: list[ConfigError] = []
    for number, entry in enumerate(given):
        try:
            said += [(rule, str(number)) for rule in _rules(entry)]
        except _Wrong as wrong:
            where = in_place(place(str(number), *filter(None, [wrong.key])))
            problems.append(ConfigError(f"kafka_acls: {wrong.why}", details=where, advice=wrong.advice))
    first: dict[Rule, str] = {}
    for rule, index in said:
        for other, why, advice in (
            (rule, "is listed twice", "remove one of the two"),
            (rule._replace(allow=not rule.allow), "is both allowed and denied, and what denies wins", "remove one"),
        ):
            if other in first:
                places = [*in_place(place(first[other])), *in_place(place(index))]
                what = f"kafka_acls: {rule.who}: {rule} {why}"
                problems.append(ConfigError(what, details=list(dict.fromkeys(places)), advice=advice))
        first.setdefault(rule, index)
    return [*first], problems


def _rules(entry: Any) -> Iterator[Rule]:
    """The rules of an entry, one for each operation. Raises _Wrong."""
    if not isinstance(entry, Mapping):
        raise _Wrong("", f"{entry!r} is not a map")
    for key in entry:
        if key not in KEYS:
            meant = ELSEWHERE.get(str(key))
            near = f"; did you mean {meant}?" if meant else did_you_mean(str(key), KEYS)
            raise _Wrong("", f"unknown key {key}{near}", f"keys: {', '.join(KEYS)}")
    kind = _of(entry, "resource", [*rules.KINDS])
    name, prefixed = _name(entry, kind)
    type_, user = _principal(entry)
    allow = PERMISSIONS[_of(entry, "permission", [*PERMISSIONS], "allow")]
    host = _host(entry)
    for operation in _operations(entry, kind):
        yield Rule(user, operation, kind, name, prefixed, allow, host, type_)


def _text(entry: Mapping[str, Any], key: str, value: Any) -> str:
    if value is None or value == "":
        raise _Wrong("", f"an entry has no {key}")
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        what = "a list" if isinstance(value, (list, tuple)) else "a map" if isinstance(value, Mapping) else repr(value)
        raise _Wrong(
            key, f"{key} is {what}, and must be text", "make an entry for each" if what == "a list" else EXAMPLE
        )
    text = str(value)
    if text != text.strip() or not text.isprintable():
        raise _Wrong(key, f"{key} {text!r} has blanks or signs in it that cannot be seen", "remove them")
    return text


def _of(entry: Mapping[str, Any], key: str, known: Sequence[str], default: str = "") -> str:
    """The value of a key that has few, in any spelling of Kafka's tools."""
    text = _text(entry, key, default if entry.get(key) is None else entry[key])
    found = {_plain(one): one for one in known}
    if _plain(text) not in found:
        near = nearest(_plain(text), found)
        hint = f"; did you mean {found[near]}?" if near else ""
        raise _Wrong(key, f"{key} {text} is not one of {', '.join(known)}{hint}", f"{key}s: {', '.join(known)}")
    return found[_plain(text)]


def _plain(text: str) -> str:
    """transactionalId, TRANSACTIONAL_ID and transactional-id are one."""
    return re.sub("[^a-z]", "", text.lower())


def _operations(entry: Mapping[str, Any], kind: str) -> list[str]:
    given = entry.get("operation")
    listed = given if isinstance(given, (list, tuple)) and given else [given]
    known = ["all", *ACCEPTED[kind]]
    found = []
    for one in listed:
        name = _of({"operation": one}, "operation", [*rules.OPERATIONS])
        if name not in known:
            raise _Wrong(
                "operation", f"nobody asks for {name} of a {kind}", f"operations of a {kind}: {', '.join(known)}"
            )
        found.append(name)
    return found


def _name(entry: Mapping[str, Any], kind: str) -> tuple[str, bool]:
    """(name, whether it is how names begin)."""
    prefixed = entry.get("prefixed")
    if prefixed is not None and not isinstance(prefixed, bool):
        raise _Wrong("prefixed", "prefixed is neither true nor false", "prefixed: true is for names that begin so")
    given = CLUSTER if kind == "cluster" and entry.get("name") is None else entry.get("name")
    name = _text(entry, "name", given)
    if kind == "cluster" and (name != CLUSTER or prefixed):
        raise _Wrong("name", f"the cluster is called {CLUSTER}, not {name}{'*' if prefixed else ''}", "leave name out")
    if prefixed is None and name.endswith("*") and name != "*":
        name, prefixed = name[:-1], True
    if prefixed and name.endswith("*"):
        raise _Wrong("name", f"name {name} has a * behind it beside prefixed: true", "write the name without *")
    if kind == "topic" and not TOPIC.fullmatch(name):
        raise _Wrong(
            "name", f"{name} is no name of a topic", "letters, digits, . _ and -, or a beginning with * behind"
        )
    if kind == "user" and name != "*":
        name = ":".join(_typed("name", name))
    return name, bool(prefixed)


def _typed(key: str, text: str) -> tuple[str, str]:
    try:
        return principals.typed(text)
    except ValueError as error:
        raise _Wrong(key, f"{key} {text}: {error}", "write User:NAME; User:* is everyone") from None


def _principal(entry: Mapping[str, Any]) -> tuple[str, str]:
    text = _text(entry, "principal", entry.get("principal"))
    found = _typed("principal", text)
    if found[1].startswith(OURS):
        raise _Wrong("principal", f"{text} is a user of this toolkit's own checks", "leave it out")
    return found


def _host(entry: Mapping[str, Any]) -> str:
    text = _text(entry, "host", entry["host"] if entry.get("host") is not None else EVERYWHERE)
    try:
        return text if text == EVERYWHERE else principals.address(text)
    except ValueError:
        why = f"host {text} is no address: brokers compare a client's address, no names and no networks"
        raise _Wrong("host", why, "write one address, or make an entry for each") from None
