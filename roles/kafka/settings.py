"""What kafka_config may say: the names that Kafka knows beside its definitions, and what each means. Pure.

Properties that limit each other are in `limits.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cluster.settings.rules import RUN_TIME_ONLY
from provisioner.errors import ConfigError
from provisioner.inventory.loading import once
from provisioner.words import did_you_mean
from roles.kafka import limits, topology
from roles.kafka import listeners as doors
from roles.kafka.units import SYNONYMS, VARIABLES
from roles.shared import catalogue, checks, settings
from roles.shared.catalogue import Catalogue, Property
from roles.shared.kraft import LISTENER
from roles.shared.settings import Finding

if TYPE_CHECKING:
    from cluster.topics.wanted import Wanted
    from provisioner.inventory.model import Host

# Names of which a part is free, by what reads them: config providers (KIP-421), labels of metrics (KIP-606).
_FREE = re.compile(r"config\.providers(\.[\w-]+\.(class|param\..+))?|metrics\.context\..+")
_LISTENER = re.compile(r"listener\.name\.(?P<listener>[^.]+)\.(?P<rest>.+)")
_MECHANISM = re.compile(r"[a-z0-9-]+\.(?P<rest>sasl\..+)")
# Of the plugins that keep old segments elsewhere: the prefix is itself a property (KIP-405).
_PREFIXES = ("remote.log.storage.manager.impl.prefix", "remote.log.metadata.manager.impl.prefix")


VARIABLE = "kafka_config"

# Read only where listeners and advertised.listeners are not set (Kafka before 3.0).
_ADDRESSES = ("host.name", "port", "advertised.host.name", "advertised.port")

Owner = Callable[[str], "str | None"]


def problems(hosts: Sequence[Host], brokers: Sequence[Host], owner: Owner, kraft: bool) -> list[ConfigError]:
    """What is wrong with the properties of these brokers, each mistake once. brokers: all of the cluster; owner: the
    variable of a property that has one; kraft: whether the cluster keeps its metadata itself."""
    found = [(host.name, error) for host in hosts for error in _of(host, brokers, owner, kraft)]
    return once(found, len(brokers))


def _of(host: Host, brokers: Sequence[Host], owner: Owner, kraft: bool) -> Iterator[ConfigError]:
    known = catalogue.of("kafka", str(host.vars["kafka_version"]))
    if known is None:
        return
    rules = Rules(host, known, brokers, owner, kraft)
    prefixes = host.vars["kafka_custom_prefixes"]
    yield from settings.errors(host, VARIABLE, settings.findings(known, "broker", host.vars[VARIABLE], prefixes, rules))
    written = checks.given(host, VARIABLES)
    for one in settings.findings(known, "broker", written, (), rules):
        variable = next(variable for variable, name in VARIABLES.items() if name == one.keys[0])
        yield from settings.errors(host, variable, [one])


def without_effect(hosts: Iterable[Host], kraft: bool) -> list[str]:
    """Warnings about properties that Kafka takes and that change nothing, or will not for long; each once. kraft: as in
    `problems`."""
    return list(dict.fromkeys(line for host in hosts for line in _without_effect(host, kraft)))


def _without_effect(host: Host, kraft: bool) -> Iterator[str]:
    known = catalogue.of("kafka", str(host.vars["kafka_version"]))
    own = {name: value for name, value in host.vars[VARIABLE].items() if value is not None}
    for name, value in own.items():
        one = known.find("broker", name) if known and isinstance(name, str) else None
        why = _why_without(one, value, own, kraft) if one else ""
        if known and one and (why or "deprecated" in one.note):
            yield f"{VARIABLE}: {name} " + (why or f"is deprecated in Kafka {known.version}")


def _why_without(one: Property, value: Any, own: Mapping[str, Any], kraft: bool) -> str:
    group = next((names for names in SYNONYMS if one.name in names), frozenset())
    finer = [name for name in sorted(group, key=_rank) if name in own and _rank(name) < _rank(one.name)]
    if finer:
        return f"has no effect beside {finer[0]}, which counts finer"
    if one.name in _ADDRESSES:
        return "has no effect: a deploy sets listeners and advertised.listeners"
    if one.metadata == "KRaft" and not kraft and str(value).lower() != "false":
        return "has no effect: this cluster keeps its metadata in ZooKeeper"
    return ""


def _rank(name: str) -> int:
    return ("ms", "minutes", "hours").index(name.rpartition(".")[2])


def written(host: Host, brokers: Sequence[Host], owner: Owner, kraft: bool) -> tuple[Mapping[str, Any], Sequence[str]]:
    """kafka_config as server.properties has it: 2d as milliseconds; and the names whose values are no secrets, as far
    as is known. kraft: as in `problems`."""
    known = catalogue.of("kafka", str(host.vars["kafka_version"]))
    own = host.vars[VARIABLE]
    return settings.texts(known, "broker", own, Rules(host, known, brokers, owner, kraft)) if known else (own, ())


def of_topics(host: Host, wanted: Iterable[Wanted]) -> list[ConfigError]:
    """What is wrong with the settings of the topics that an inventory lists. host: a broker."""
    known = catalogue.of("kafka", str(host.vars["kafka_version"]))
    out: list[ConfigError] = []
    if known is None:
        return out
    for topic in wanted:
        for one in settings.findings(known, "topic", topic.config, (), TopicRules(known)):
            place = host.place("topics", topic.name, "config", *one.keys)
            details = [f"in: {place}"] if place else []
            out.append(ConfigError(f"topics: {topic.name}: {one.sentence}", details=details, advice=one.advice or None))
    return out


def asked(host: Host, section: str, given: Mapping[str, str | None]) -> list[Finding]:
    """What is wrong with settings of a command line. section: "broker" or "topic". A name that this version does not
    have in either is for the broker to judge, which may be of another version; so is what depends on what is in
    force."""
    known = catalogue.of("kafka", str(host.vars["kafka_version"]))
    if known is None:
        return []
    other = "broker" if section == "topic" else "topic"
    own = {name: value for name, value in given.items() if known.find(section, name) or known.find(other, name)}
    kraft = known.find("broker", "process.roles") is not None  # or may be: its listener is one to ask about
    rules = TopicRules(known) if section == "topic" else _Asked(host, known, [host], lambda name: None, kraft)
    return settings.findings(known, section, own, (), rules)


class Rules:
    """The rules of one broker: `roles.shared.settings.Rules`."""

    ignored = True

    def __init__(self, host: Host, found: Catalogue, brokers: Sequence[Host], owner: Owner, kraft: bool) -> None:
        self._host = host
        self._found = found
        self._own: Mapping[Any, Any] = host.vars[VARIABLE]
        self._options: Sequence[Any] = host.vars["kafka_jvm_opts"]
        self._brokers = brokers
        self._kraft = kraft
        self.owner = owner

    def free(self, name: str) -> Property | bool | None:
        """See `roles.shared.settings.Rules`."""
        listener = _LISTENER.fullmatch(name)
        if listener and listener["listener"] in self._listeners():
            rest = listener["rest"]
            mechanism = _MECHANISM.fullmatch(rest)
            return self._found.find("broker", rest) or (
                self._found.find("broker", mechanism["rest"]) if mechanism else None
            )
        if _FREE.fullmatch(name):
            return True
        prefixes = [str(self._value(one) or "") for one in _PREFIXES]
        return True if any(prefix and name.startswith(prefix) for prefix in prefixes) else None

    def _listeners(self) -> list[str]:
        quorum = [LISTENER] if self._kraft else []  # to which a broker connects, whether it has it or not
        return list(dict.fromkeys(name.lower() for name in (*self._doors()[0], *quorum)))

    def _doors(self) -> tuple[list[str], str]:
        """(the names of the node's listeners, that of the brokers among themselves)."""
        return [one.name for one in doors.of(self._host)], doors.inter_broker(self._host).name

    def unknown(self, name: str) -> tuple[str, str] | None:
        """See `roles.shared.settings.Rules`."""
        topic = self._found.find("topic", name)
        if topic and topic.other:
            return f"{name} is a topic's property; the broker's is {topic.other}", f"write {topic.other}"
        if topic:
            return f"{name} is a topic's property, and brokers have none for it", "set it below `config:` of the topic"
        if name in RUN_TIME_ONLY:
            return f"{name} can only be set at run time", "a broker that is moving replicas gets it from `--throttle`"
        listener = _LISTENER.fullmatch(name)
        if listener and listener["listener"] not in self._listeners():
            known = self._listeners()
            return (
                f"{name} is for the listener {listener['listener']}, which the broker does not have"
                + did_you_mean(listener["listener"].lower(), known),
                f"listeners are: {', '.join(known)} (in lower case here)",
            )
        if listener:
            return (
                f"{name}: {listener['rest']} is no property that a listener has",
                "see `invoke config.list --search ssl.`",
            )
        if name.startswith("confluent."):
            return (
                f"{name} is Confluent Platform's, and Apache Kafka ignores it",
                "remove it; where a plugin reads it, name its prefix: kafka_custom_prefixes: [confluent.]",
            )
        return None

    def classes(self) -> frozenset[str] | None:
        """See `roles.shared.settings.Rules`: a release archive, an option of the JVM or a plugin may bring others."""
        options = " ".join(map(str, self._options))
        if self._host.vars["kafka_archive"] or self._host.vars["kafka_custom_prefixes"] or "classpath" in options:
            return None
        return self._found.classes

    def _value(self, name: str) -> str | None:
        """What the broker will run with: the inventory's value, else the template's, else Kafka's default."""
        if self._own.get(name) is not None:
            return str(self._own[name])
        one = self._found.find("broker", name)
        return self._rendered().get(name, one.default if one else None)

    def _rendered(self) -> dict[str, str]:
        """Of server.properties, what the limits need (templates/kafka/server.properties.j2)."""
        wanted = topology.replication(self._host, len(self._brokers))
        several = {"replica.fetch.wait.max.ms": "100"} if wanted.factor > 1 else {}
        return {
            **({} if self._kraft else {"broker.id": str(topology.broker_id(self._host, self._brokers))}),
            "log.dirs": ",".join(self._host.vars["kafka_data_dirs"]),
            "offsets.topic.replication.factor": str(wanted.factor),
            "socket.request.max.bytes": "104857600",
            **several,
        }

    def together(self, own: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
        """See `roles.shared.settings.Rules`."""
        for name in own:
            one = self._found.find("broker", name)
            if self._kraft and one and one.metadata == "ZooKeeper":
                yield name, f"{name}: this cluster keeps its metadata itself, without ZooKeeper", "remove it"
        if not limits.CONCERNED.intersection(own):
            return
        values = {name: text for name in limits.CONCERNED if (text := self._value(name))}
        yield from limits.broken(own, {**values, **own}, *self._doors(), self.classes(), self._kraft)


class _Asked(Rules):
    """The same for a command line."""

    def together(self, own: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
        """See `roles.shared.settings.Rules`."""
        yield from ()


class TopicRules:
    """The rules of a topic's settings: `roles.shared.settings.Rules`."""

    ignored = False

    def __init__(self, found: Catalogue) -> None:
        self._found = found

    def owner(self, name: str) -> str | None:
        """See `roles.shared.settings.Rules`."""
        return None

    def free(self, name: str) -> Property | bool | None:
        """See `roles.shared.settings.Rules`."""
        return None

    def unknown(self, name: str) -> tuple[str, str] | None:
        """See `roles.shared.settings.Rules`."""
        one = self._found.find("broker", name)
        if one and one.other:
            return f"{name} is a broker's property; the topic's is {one.other}", f"write {one.other}"
        if one:
            return f"{name} is a broker's property, and topics have none for it", "set it in kafka_config"
        return None

    def classes(self) -> frozenset[str] | None:
        """See `roles.shared.settings.Rules`."""
        return None

    def together(self, own: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
        """See `roles.shared.settings.Rules`."""
        yield from ()
