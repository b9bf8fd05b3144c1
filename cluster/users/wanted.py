"""The users of an inventory (`kafka_users`), and what each is to be allowed. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from cluster.protocol.login import MECHANISM, SECOND
from cluster.users import quotas
from cluster.users.rules import Rule
from provisioner.errors import ConfigError
from provisioner.words import did_you_mean

EXAMPLE = (
    "write it like this: kafka_users: {orders: {password: '...', read: [orders*], write: [orders], groups: [orders*]}}"
)
# What clients and Kafka's own tools take in every place where a user's name stands.
NAME = re.compile(r"[A-Za-z0-9._-]+")
# {key of an entry: (kind of resource, operation)}
RIGHTS = {
    "read": ("topic", "read"),
    "write": ("topic", "write"),
    "create": ("topic", "create"),
    "groups": ("group", "read"),
    "transactions": ("transactional-id", "write"),
}
# {key of an entry: for which of Kafka's mechanisms it is the password}. They may be different, and are good at the same
# time: a user gets another one without a moment at which clients with either are refused.
PASSWORDS = {"password": MECHANISM, "password_sha256": SECOND}
KEYS = (*PASSWORDS, "certificate", *RIGHTS, "quota")
SHORTEST = 8  # characters of a password
OURS = "provisioner-"  # how users begin that the toolkit makes for a moment
NODES = ("kafka", "ANONYMOUS")  # what nodes are called in their certificates, and who has no name
LONGEST = 64  # characters of a name in a certificate (X.520, ub-common-name)


class User(NamedTuple):
    """A user as it is to be. passwords: {mechanism: password}; quota: exactly this one; None where the inventory does
    not mention it; certificate: whether its clients may show one instead of a password."""

    name: str
    passwords: Mapping[str, str]
    rules: tuple[Rule, ...]
    quota: quotas.Quota | None = None
    certificate: bool = False

    def __repr__(self) -> str:
        return f"User({self.name!r}, rules={self.rules!r})"


def parse(given: Mapping[Any, Any], place: Callable[..., str]) -> tuple[list[User], list[ConfigError]]:
    """The users, and all that is wrong with the list. place: where an entry is written, by its keys."""
    users: list[User] = []
    problems: list[ConfigError] = []
    for name, entry in given.items():
        found = [
            ConfigError(f"kafka_users: {why}", details=in_place(place(str(name))), advice=advice)
            for why, advice in _wrong(name, entry)
        ]
        problems += found
        if not found:
            passwords = {PASSWORDS[key]: str(entry[key]) for key in PASSWORDS if entry.get(key) is not None}
            shown = entry.get("certificate") is True
            users.append(User(str(name), passwords, _rules(str(name), entry), _quota(entry), shown))
    return users, problems


def in_place(place: str) -> list[str]:
    """The line of a message that says where an entry is written."""
    return [f"in: {place}"] if place else []


def _rules(user: str, entry: Mapping[str, Any]) -> tuple[Rule, ...]:
    found = []
    for key, (kind, operation) in RIGHTS.items():
        for name in map(str, _names(entry.get(key))):
            prefixed = name.endswith("*") and name != "*"
            found.append(Rule(user, operation, kind, name[:-1] if prefixed else name, prefixed))
    return tuple(dict.fromkeys(found))


def _quota(entry: Mapping[str, Any]) -> quotas.Quota | None:
    if "quota" not in entry:
        return None
    given = entry["quota"] or {}
    return {quotas.KINDS[key].key: quotas.KINDS[key].parse(value) for key, value in given.items() if value is not None}


def _wrong(name: Any, entry: Any) -> Iterator[tuple[str, str]]:
    """(what is wrong with an entry, what to do). No value of an entry is shown: a password may be anywhere in it."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        yield f"{name!r} is no name of a user", "use letters, digits, . _ and - only"
        return
    if name.startswith(OURS):
        yield f"{name} begins as the users of this toolkit's own checks do", "give it another name"
    if not isinstance(entry, Mapping):
        yield f"{name} is not a map", EXAMPLE
        return
    for key in entry:
        if key not in KEYS:
            yield f"{name} has an unknown key {key}{did_you_mean(str(key), KEYS)}", f"keys: {', '.join(KEYS)}"
    yield from _wrong_certificate(name, entry.get("certificate"))
    given = {key: entry[key] for key in PASSWORDS if entry.get(key) is not None}
    wrong = any(isinstance(one, (Mapping, list, bool)) or str(one) == "" for one in given.values())
    if wrong or (not given and entry.get("certificate") is not True):
        advice = "set one, encrypted by ansible-vault or from the environment; or certificate: true, instead of one"
        yield f"{name} has no password", advice
    elif any(len(str(one)) < SHORTEST for one in given.values()):
        yield f"the password of {name} is shorter than {SHORTEST} characters", "use a longer one"
    for key in RIGHTS:
        for one in _names(entry.get(key)):
            if (
                not isinstance(one, (str, int))
                or isinstance(one, bool)
                or not re.fullmatch(r"[A-Za-z0-9._-]*\*?", str(one))
                or not str(one)
            ):
                yield f"{name}: {key} has an entry that is no name", "list names, or beginnings of names with * behind"
    yield from _wrong_quota(name, entry.get("quota"))


def _wrong_certificate(name: str, given: Any) -> Iterator[tuple[str, str]]:
    if given is None or given is False:
        return
    if given is not True:
        yield f"{name}: certificate is neither true nor false", "certificate: true; `invoke certs.issue` makes one"
    elif name in NODES:
        yield f"{name} cannot have a certificate: nodes, or those without a name, are called so", "use another name"
    elif len(name) > LONGEST:
        yield f"{name} is longer than the {LONGEST} characters that a certificate has for a name", "use a shorter one"


def _wrong_quota(name: str, quota: Any) -> Iterator[tuple[str, str]]:
    if quota is not None and not isinstance(quota, Mapping):
        yield f"{name}: quota is not a map", "write it like this: quota: {produce: 10m, consume: 20m, requests: 50}"
        return
    for key, value in (quota or {}).items():
        kind = quotas.KINDS.get(key)
        if kind is None:
            near = did_you_mean(str(key), quotas.KINDS)
            yield f"{name}: quota has an unknown key {key}{near}", f"keys: {', '.join(quotas.KINDS)}"
        elif value is not None:
            try:
                kind.parse(value)
            except ValueError:
                yield f"{name}: quota: {key} is not {kind.expected}", "write a value above 0, or leave it out: no limit"


def _names(value: Any) -> Sequence[Any]:
    return [] if value is None else list(value) if isinstance(value, (list, tuple)) else [value]
