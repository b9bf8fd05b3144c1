"""Properties of a broker that limit each other, and those whose text Kafka reads in its own way: what
KafkaConfig.validateValues refuses beyond each value by itself. Pure; `tests/lab/test_catalogue.py` asks Kafka.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

Broken = tuple[str, str, str]  # property, what is wrong, what to do

# (what must not be larger, than what), as numbers.
ORDERED = (
    ("replica.fetch.wait.max.ms", "replica.socket.timeout.ms"),
    ("replica.fetch.wait.max.ms", "replica.lag.time.max.ms"),
    ("offsets.commit.required.acks", "offsets.topic.replication.factor"),
    ("broker.id", "reserved.broker.max.id"),
    ("group.share.max.size", "group.share.max.share.sessions"),
    *(
        (f"group.{kind}.{low}{what}", f"group.{kind}.{high}{what}")
        for kind in ("consumer", "share", "streams")
        for what in (
            "heartbeat.interval.ms",
            "session.timeout.ms",
            "assignment.interval.ms",
            "record.lock.duration.ms",
            "partition.max.record.locks",
            "delivery.count.limit",
        )
        for low, high in (("min.", ""), ("", "max."), ("min.", "max."))
    ),
    ("group.streams.num.standby.replicas", "group.streams.max.standby.replicas"),
)
_MIB = 2**20
# The assignors that Kafka itself has: their short names, by the kind of group, and the package of their classes.
_NAMED = {"consumer": ("uniform", "range"), "share": ("simple",)}
_ASSIGNORS = "org.apache.kafka.coordinator.group.assignor."
_KEPT_IN_ZOOKEEPER = "kafka.security.authorizer.AclAuthorizer"
_KEPT_IN_METADATA = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
_SHORT = r"(\d+)(?:\.(\d+))?(?:\.(\d+))?"


@dataclass(frozen=True)
class _Broker:
    """What a rule needs. own: the inventory's properties; values: everything that the broker would run with."""

    own: Mapping[str, str]
    values: Mapping[str, str]
    listeners: Sequence[str]
    inner: str  # the name of the listener that brokers use
    classes: frozenset[str] | None
    kraft: bool  # the cluster keeps its metadata itself

    def number(self, name: str) -> int | None:
        text = self.values.get(name, "").strip()
        return int(text) if re.fullmatch(r"[-+]?[0-9]+", text) else None

    def set_one(self, *names: str) -> str | None:
        """The first of these that the inventory sets."""
        return next((name for name in names if name in self.own), None)


def broken(
    own: Mapping[str, str],
    values: Mapping[str, str],
    listeners: Sequence[str],
    inner: str,
    classes: frozenset[str] | None,
    kraft: bool,
) -> Iterator[Broken]:
    """What Kafka would refuse. own: the inventory's properties as written; values: with the others that the broker runs
    with; listeners: their names; inner: that of the brokers among themselves; classes: those that can be loaded, None
    where that is not known; kraft: whether the cluster keeps its metadata itself."""
    broker = _Broker(own, values, listeners, inner, classes, kraft)
    yield from _ordered(broker)
    for names, rule in _RULES:
        if (name := broker.set_one(*names)) and (what := rule(broker)):
            yield name, f"{name}: {what}", ""


def _ordered(broker: _Broker) -> Iterator[Broken]:
    for low, high in ORDERED:
        name = broker.set_one(low, high)
        least, most = broker.number(low), broker.number(high)
        if name and least is not None and most is not None and least > most:
            other, relation = (high, "at most") if name == low else (low, "at least")
            what = f"{name} is {broker.number(name)}, and must be {relation} {other}, which is {broker.number(other)}"
            yield name, what, ""


def _idle(broker: _Broker) -> str:
    delay, idle = broker.number("connection.failed.authentication.delay.ms"), broker.number("connections.max.idle.ms")
    if delay is None or idle is None or idle < 0 or delay < idle:
        return ""
    return f"connection.failed.authentication.delay.ms ({delay}) must be less than connections.max.idle.ms ({idle})"


def _retention(broker: _Broker) -> str:
    return (
        "0 is no time to keep records; a duration such as 2d, or -1 for no limit"
        if broker.number("log.retention.ms") == 0
        else ""
    )


def _cleaner(broker: _Broker) -> str:
    buffer, threads = broker.number("log.cleaner.dedupe.buffer.size"), broker.number("log.cleaner.threads")
    if buffer is None or not threads or buffer // threads > _MIB:
        return ""
    return (
        f"log.cleaner.dedupe.buffer.size is {buffer}, and each of {threads} log.cleaner.threads needs more than {_MIB}"
    )


def _queued(broker: _Broker) -> str:
    queued, request = broker.number("queued.max.request.bytes"), broker.number("socket.request.max.bytes")
    if queued is None or request is None or queued <= 0 or queued >= request:
        return ""
    return f"queued.max.request.bytes ({queued}) must not be below socket.request.max.bytes ({request})"


def _per_address(broker: _Broker) -> str:
    overrides = broker.values.get("max.connections.per.ip.overrides", "").strip()
    for part in overrides.split(",") if overrides else []:
        if not re.fullmatch(r"\s*\[?[\w.:%-]+\]?:\d{1,9}\s*", part):
            return f"it takes host:number, separated by commas; found: {part!r}"
    if broker.number("max.connections.per.ip") == 0 and not overrides:
        return "0 lets nobody connect; max.connections.per.ip.overrides must name who may"
    return ""


def _control_plane(broker: _Broker) -> str:
    if broker.kraft:
        return "brokers that keep the metadata themselves refuse it"
    name = broker.own["control.plane.listener.name"].strip().upper()
    if name not in (one.upper() for one in broker.listeners):
        return f"there is no listener {name or 'without a name'}; listeners are: {', '.join(broker.listeners)}"
    return "it must be another listener than the brokers' own" if name == broker.inner.upper() else ""


def _early(broker: _Broker) -> str:
    wrong = [one for one in _members(broker.own["early.start.listeners"]) if one not in broker.listeners]
    return f"there is no listener {wrong[0]}; listeners are: {', '.join(broker.listeners)}" if wrong else ""


def _cordoned(broker: _Broker) -> str:
    text, known = broker.own.get("cordoned.log.dirs", "").strip(), _members(broker.values.get("log.dirs", ""))
    wrong = [one for one in _members(text) if one not in known and text != "*"]
    return f"there is no data directory {wrong[0]}; they are: {', '.join(known)}" if wrong else ""


def _migration(broker: _Broker) -> str:
    if broker.kraft or broker.own["zookeeper.metadata.migration.enable"].strip().lower() in ("", "false"):
        return ""
    return "this cluster keeps its metadata in ZooKeeper, where brokers refuse it"


def _protocols(broker: _Broker) -> str:
    found = _members(broker.own["group.coordinator.rebalance.protocols"])
    if broker.kraft:
        return "" if "classic" in found else "classic must be one of them"
    return "" if found == ["classic"] else "a cluster with ZooKeeper takes classic only"


def _assignors(broker: _Broker, kind: str) -> str:
    names = _NAMED[kind]
    known = {*names, *(f"{_ASSIGNORS}{name.capitalize()}Assignor" for name in names)}
    found = _members(broker.own[f"group.{kind}.assignors"])
    wrong = [one for one in found if one not in known and (broker.classes is not None or "." not in one)]
    return f"it takes {', '.join(names)} or classes in its jars; found: {wrong[0]!r}" if wrong else ""


def _authorizer(broker: _Broker) -> str:
    if not broker.kraft or broker.own["authorizer.class.name"].strip() != _KEPT_IN_ZOOKEEPER:
        return ""
    return f"it keeps its rules in ZooKeeper; {_KEPT_IN_METADATA} keeps them in the metadata of this cluster"


def _members(text: str) -> list[str]:
    return re.split(r"\s*,\s*", text.strip()) if text.strip() else []


def _principal(broker: _Broker) -> str:
    text = broker.own["principal.builder.class"].strip()
    if broker.classes is None or text.rsplit(".", 1)[-1].endswith("PrincipalBuilder"):
        return ""
    return f"{text} does not make principals"


def _record_format(version: str) -> int:
    """The format of records that a version writes (MetadataVersion.highestSupportedRecordVersion)."""
    found = re.match(_SHORT, version)
    number = tuple(int(part or 0) for part in found.groups()) if found else (99,)
    return 0 if number < (0, 10) else 1 if number < (0, 11) else 2


def _protocol(broker: _Broker) -> str:
    text = broker.own.get("inter.broker.protocol.version", "").strip()
    found = re.match(r"(\d+)\.(\d+)(-IV0)?", text)
    if not broker.kraft or not found or (int(found[1]), int(found[2]), not found[3]) >= (3, 0, True):
        return ""
    return f"brokers that keep the metadata themselves speak 3.0 or newer; found: {text!r}"


def _formats(broker: _Broker) -> str:
    protocol = broker.values.get("inter.broker.protocol.version", "")
    records = broker.values.get("log.message.format.version", "")
    if not protocol or not records or _record_format(protocol) >= _record_format(records):
        return ""
    return f"brokers that speak {protocol} cannot write the records of log.message.format.version {records}"


# The properties that a rule is about, and the rule: why their values are refused, "" when they are not.
_RULES: tuple[tuple[Sequence[str], Callable[[_Broker], str]], ...] = (
    (("connection.failed.authentication.delay.ms", "connections.max.idle.ms"), _idle),
    (("log.retention.ms",), _retention),
    (("log.cleaner.dedupe.buffer.size", "log.cleaner.threads"), _cleaner),
    (("queued.max.request.bytes", "socket.request.max.bytes"), _queued),
    (("max.connections.per.ip.overrides", "max.connections.per.ip"), _per_address),
    (("control.plane.listener.name",), _control_plane),
    (("early.start.listeners",), _early),
    (("zookeeper.metadata.migration.enable",), _migration),
    (("group.coordinator.rebalance.protocols",), _protocols),
    (("group.consumer.assignors",), partial(_assignors, kind="consumer")),
    (("group.share.assignors",), partial(_assignors, kind="share")),
    (("cordoned.log.dirs", "log.dirs"), _cordoned),
    (("authorizer.class.name",), _authorizer),
    (("principal.builder.class",), _principal),
    (("inter.broker.protocol.version",), _protocol),
    (("inter.broker.protocol.version", "log.message.format.version"), _formats),
)
# Every property that limits another one, or has a rule of its own.
CONCERNED = frozenset(name for names in (*ORDERED, *(names for names, _ in _RULES)) for name in names)
