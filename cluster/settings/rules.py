"""The settings of brokers as people name and read them. Pure; `cluster/settings/brokers.py` reads them from brokers.

By broker: {id: {name: Setting}}.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cluster.model import Setting
from cluster.settings import values
from cluster.settings.sources import DYNAMIC_BROKER, DYNAMIC_CLUSTER, PER_BROKER, READ_ONLY, STATIC
from provisioner.errors import UsageError
from provisioner.secrets import is_secret, mask
from provisioner.words import nearest

ByBroker = Mapping[int, Mapping[str, Setting]]

HIDDEN = "********"
# What every broker has for itself.
OWN = frozenset(
    {
        "broker.id",
        "node.id",
        "broker.rack",
        "listeners",
        "advertised.listeners",
        "log.dir",
        "log.dirs",
        "metadata.log.dir",
        "host.name",
        "port",
        "advertised.host.name",
        "advertised.port",
    }
)
# Settings that a broker takes at run time only, so that none lists them before they are set.
RUN_TIME_ONLY = (
    "leader.replication.throttled.rate",
    "follower.replication.throttled.rate",
    "replica.alter.log.dirs.io.max.bytes.per.second",
)
_LISTENER = re.compile(r"listener\.name\.[^.]+\.(?P<setting>.+)")


def patterns(given: Iterable[str]) -> list[str]:
    """Names or patterns of a flag that may be repeated or have several, separated by commas."""
    return [part.strip() for one in given for part in one.split(",") if part.strip()]


def assignments(given: Iterable[str]) -> dict[str, str]:
    """The values of --set NAME=VALUE. Durations and sizes may have a unit: log.retention.ms=2d. Raises UsageError."""
    out: dict[str, str] = {}
    for one in given:
        name, separator, value = one.partition("=")
        name = name.strip()
        if not separator or not name:
            raise UsageError(f"--set {mask(one)}: this is not NAME=VALUE", advice="as in --set log.retention.ms=2d")
        if name in out:
            raise UsageError(f"--set {name} is given twice")
        out[name] = _plain(name, value.strip())
    return out


def _plain(name: str, value: str) -> str:
    """A duration or size with a unit as the number that Kafka takes; anything else as it is, for Kafka to judge."""
    if is_secret(name) or not re.fullmatch(r"[0-9.]+\s*[A-Za-z]+", value):
        return value
    try:
        return values.typed(name, value)
    except ValueError as error:
        raise UsageError(f"--set {name}={value}: {error}") from None


def base(name: str) -> str:
    """The setting behind one that is for a single listener: listener.name.inside.ssl.keystore.type -> the last part."""
    found = _LISTENER.fullmatch(name)
    return found["setting"] if found else name


def require_known(asked: Iterable[str], known: Iterable[str], *, patterns: bool) -> None:
    """Raises UsageError, with what may have been meant, for a name (or pattern, if allowed) that fits no setting."""
    there = [*known, *RUN_TIME_ONLY]
    for one in asked:
        name = base(one)
        fits = any(fnmatch.fnmatchcase(each, name) if patterns else each == name for each in there)
        if not fits and not _of_mechanism(name, there):
            near = nearest(name, there)
            raise UsageError(
                f"there is no setting {one}" + (f"; did you mean {near}?" if near else ""),
                advice=None if near else "`invoke broker.config --all` lists all settings, --name 'log.*' some of them",
            )


def matches(name: str, asked: Iterable[str]) -> bool:
    """Whether a setting is asked for; nothing asked for is everything."""
    wanted = list(asked)
    return not wanted or any(fnmatch.fnmatchcase(name, one) for one in wanted)


def _of_mechanism(name: str, known: Iterable[str]) -> bool:
    """SASL settings of a listener begin with the mechanism's name: scram-sha-256.sasl.jaas.config."""
    return any(each.startswith("sasl.") and name.endswith(f".{each}") for each in known)


def said(name: str, setting: Setting | None) -> str:
    """A setting's value for people."""
    if setting is None:
        return "not set"
    return HIDDEN if setting.sensitive else human(name, setting.value)


def human(name: str, value: str | None) -> str:
    """`172800000 (2 d)`: a value as it is, and in words where these say exactly the same."""
    text = values.shown(name, value)
    if value is None or not re.fullmatch(r"-?[0-9]+", value) or text == value:
        return text
    try:
        exact = values.typed(name, text) == value
    except ValueError:
        exact = False
    return f"{value} ({text})" if exact and not text.endswith((" ms", " B")) else value


def sourced(value: str, source: str) -> str:
    """`8 (static file)`, `172800000 (2 d, static file)`: a value for people, and where it comes from."""
    return f"{value[:-1]}, {source})" if value.endswith(")") else f"{value} ({source})"


@dataclass(frozen=True)
class Row:
    """Brokers for which a setting is the same, by value and by where it comes from."""

    name: str
    value: str
    source: str
    update_mode: str
    brokers: tuple[int, ...]


def rows(found: ByBroker) -> list[Row]:
    """All settings by name; one row where the brokers agree."""
    out = []
    for name in sorted({name for settings in found.values() for name in settings}):
        alike: dict[tuple[str, str, str], list[int]] = {}
        for broker, settings in found.items():
            one = settings.get(name)
            if one is not None:
                alike.setdefault((said(name, one), one.source, one.update_mode), []).append(broker)
        out += [Row(name, *what, tuple(brokers)) for what, brokers in alike.items()]
    return out


def disagreeing(found: ByBroker) -> list[str]:
    """The settings whose values differ among brokers and should not: not those of OWN, and no secrets, whose
    values brokers do not return."""
    out = []
    for name in sorted({name for settings in found.values() for name in settings} - OWN):
        values = [settings.get(name) for settings in found.values()]
        secret = any(one is not None and one.sensitive for one in values)
        if not secret and len({one and one.value for one in values}) > 1:
            out.append(name)
    return out


@dataclass(frozen=True)
class Difference:
    """A setting of a server.properties that is not what its broker runs with. wanted: the file's value, force: the one
    in force; None for none. why: in words."""

    name: str
    wanted: str | None
    force: str | None
    why: str


# Two names of one setting: a broker takes each from the other where only that is in its file (KIP-631).
TWINS = {"node.id": "broker.id", "broker.id": "node.id"}


def differences(settings: Mapping[str, Setting], file: Mapping[str, str]) -> list[Difference]:
    """Differences between the file on a broker's disk and the values in force. Secrets are left out: a broker does not
    return them. settings: at least all that are not a default."""
    out = []
    for name in sorted({*settings, *file}):
        one, wanted = settings.get(name), file.get(name, file.get(TWINS.get(name, name)))
        if one.sensitive if one else is_secret(name):
            continue
        force, source = (one.value, one.source) if one else (None, "default")
        started = one.at(STATIC) if one else None
        if source in (DYNAMIC_BROKER, DYNAMIC_CLUSTER):
            if one is None or one.at(source) != wanted:
                out.append(Difference(name, wanted, force, f"set at run time ({source}), which beats the file"))
        elif wanted != started:
            why = "not in force: the broker runs with what the file said when it started"
            out.append(Difference(name, wanted, force if started is not None else None, why))
    return out


@dataclass(frozen=True)
class Change:
    """What setting or unsetting would do on one broker. before, after: values in force, for people."""

    broker: int
    name: str
    before: str
    after: str
    note: str = ""


def planned(found: ByBroker, wanted: Mapping[str, str | None], source: str) -> list[Change]:
    """What a change at run time does on each broker. wanted: {name: value, None to take it back}; source: where it is
    set, DYNAMIC_BROKER or DYNAMIC_CLUSTER."""
    return [
        _change(broker, name, value, settings.get(name), source)
        for name, value in wanted.items()
        for broker, settings in found.items()
    ]


def due(found: ByBroker, wanted: Mapping[str, str | None], source: str) -> bool:
    """Whether a broker needs the change: it does not have it at this source yet. A secret's value is not
    known, so setting one is always due."""
    for name, value in wanted.items():
        for settings in found.values():
            one = settings.get(name)
            there = one is not None and one.has(source)
            if value is None and there:
                return True
            if value is not None and (one is None or not there or one.sensitive or one.at(source) != value):
                return True
    return False


def overriding(found: ByBroker, names: Iterable[str]) -> list[tuple[int, str]]:
    """(broker, setting) of those that have a value of their own, set at run time, whatever all brokers have."""
    wanted = list(names)
    return [
        (broker, name)
        for broker, settings in found.items()
        for name in wanted
        if name in settings and settings[name].has(DYNAMIC_BROKER)
    ]


def _change(broker: int, name: str, value: str | None, one: Setting | None, source: str) -> Change:
    secret = one.sensitive if one else is_secret(name)
    before = sourced(said(name, one), one.source) if one else "not set"
    if source == DYNAMIC_CLUSTER and one and one.source == DYNAMIC_BROKER:
        return Change(broker, name, before, before, "this broker's own value stays in force (see --broker)")
    if value is None:
        if one is None or not one.has(source):
            return Change(broker, name, before, before)
        then, where = one.without(source)
        return Change(broker, name, before, sourced(HIDDEN if secret else human(name, then), where))
    after = sourced(HIDDEN if secret else human(name, value), source)
    # A secret's old value is not known: it may well be another one.
    return Change(broker, name, before, after, "the new value is not shown" if secret else "")


def refuse(found: ByBroker, names: Iterable[str], source: str) -> None:
    """Raises UsageError for settings that take a restart, or cannot be set for all brokers at once."""
    modes = {name: one.update_mode for settings in found.values() for name, one in settings.items()}
    names = list(names)
    if fixed := [name for name in names if modes.get(base(name)) == READ_ONLY]:
        listed = ", ".join(f"{name}: ..." for name in fixed)
        raise UsageError(
            f"{', '.join(fixed)} cannot change at run time: it needs a restart",
            advice=f"set kafka_config: {{{listed}}} in the inventory, then deploy, which restarts one broker at a time",
        )
    if source == DYNAMIC_CLUSTER and (each := [name for name in names if modes.get(name) == PER_BROKER]):
        raise UsageError(
            f"{', '.join(each)} must be set for each broker separately", advice="name the broker: --broker 1"
        )


def listed(brokers: Sequence[int]) -> str:
    """1, 2, 3"""
    return ", ".join(map(str, brokers))
