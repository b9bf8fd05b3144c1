"""The table of what may be called about Kafka on a host: a function here for each function there, its parameters typed.

A call site reads like a call and is checked like one: `call(host, remote.answering([address]))`. What an argument means
in full, and what comes back, is documented by the function on the host, which each entry names.

Most functions are about the cluster and reach it by way of one broker. Their entries are `ByBroker`: they become a
request when it is said which broker that is, `remote.topic_defaults().at("127.0.0.1:9092")`. The nodes that keep the
metadata have a table of their own, `cluster/metadata/remote.py`, and so has the engine,
`provisioner/connect/requests.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from provisioner.resources import Request

Partitions = Mapping[str, Sequence[int]]  # {topic: numbers}


@dataclass(frozen=True)
class ByBroker:
    """A request that lacks one thing: the address of the broker by way of which the cluster is asked."""

    module: str
    function: str
    args: Mapping[str, Any] = field(default_factory=dict)

    def at(self, bootstrap: str) -> Request:
        """The request to a host that reaches a broker at this address, "127.0.0.1:9092"."""
        return Request(self.module, self.function, {"bootstrap": bootstrap, **self.args})


# -- one broker, and the cluster as it sees it


def broker_ready(
    broker: int, *, unit: str, log_file: str, timeout: float, stall: float, session: float | None = None
) -> ByBroker:
    """Wait until a broker serves, times in seconds: `state.serving.ready`. session: how long the cluster's own
    controllers hold that of a silent broker; None with ZooKeeper."""
    args = {"broker_id": broker, "unit": unit, "log_file": log_file, "timeout": timeout, "stall": stall}
    return ByBroker("cluster.state.serving", "ready", args if session is None else {**args, "session": session})


def answering(addresses: Sequence[str]) -> Request:
    """Which brokers answer at this moment, {address: "" or why not}: `state.serving.answering`."""
    return Request("cluster.state.serving", "answering", {"addresses": list(addresses)})


def cluster_status(*, partitions: bool = False, min_isr: int | None = None) -> ByBroker:
    """The cluster as a broker sees it: `state.probe.status`. partitions: list every one of them. min_isr: assume this
    instead of asking for topics' settings."""
    return ByBroker("cluster.state.probe", "status", {"partitions": partitions, "min_isr": min_isr})


def broker_status(
    broker: int, min_isr: int | None = None, *, log_file: str = "", session: float | None = None
) -> ByBroker:
    """What a broker knows and holds: `state.node.look`. min_isr: as for `cluster_status`; session: as for
    `broker_ready`."""
    more: dict[str, Any] = {} if session is None else {"log_file": log_file, "session": session}
    return ByBroker("cluster.state.node", "look", {"broker": broker, "min_isr": min_isr, **more})


def watch_broker(broker: int, *, unit: str, dirs: Sequence[str], quorum: bool) -> ByBroker:
    """Look at a broker and its host again and again, whenever the feed brings a byte: `live.sample.look`. dirs: of its
    data; quorum: whether the cluster keeps its metadata itself."""
    args = {"broker": broker, "unit": unit, "dirs": list(dirs), "quorum": quorum}
    return ByBroker("cluster.live.sample", "look", args)


def running_version(unit: str, started: str, link: str) -> Request:
    """The version that a broker's process runs, and its protocol: `state.running.look`. started: the copy of the
    server.properties that it was started with; link: leads to the version that is installed."""
    return Request("cluster.state.running", "look", {"unit": unit, "started": started, "link": link})


def copies_behind(partitions: Partitions) -> ByBroker:
    """How far the copies of partitions are that are not in sync: `state.copies.look`."""
    return ByBroker("cluster.state.copies", "look", {"partitions": {topic: list(n) for topic, n in partitions.items()}})


def copies_level(partitions: Partitions) -> ByBroker:
    """Which copies that are not in sync lack no record: `state.copies.level`."""
    return ByBroker("cluster.state.copies", "level", {"partitions": {name: list(n) for name, n in partitions.items()}})


def broker_evidence(*, config: str, started: str, link: str, dirs: Sequence[str], metadata: str = "") -> Request:
    """What a host's files say about the broker or controller on it: `state.evidence.look`. dirs: the wanted data
    directories; metadata: that of the metadata, where the node keeps it itself."""
    args = {"config": config, "started": started, "link": link, "dirs": list(dirs)}
    return Request("cluster.state.evidence", "look", args | ({"metadata": metadata} if metadata else {}))


# -- settings


def adopt_settings(broker: int) -> ByBroker:
    """Whether a broker can take a server.properties as it runs, and letting it: `settings.dynamic.bring`."""
    return ByBroker("cluster.settings.dynamic", "bring", {"broker": broker})


def adopt_held_settings() -> ByBroker:
    """The same for a controller, which takes only what the cluster holds for all nodes: `settings.held.adopt`."""
    return ByBroker("cluster.settings.held", "adopt")


def held_settings() -> ByBroker:
    """What a KRaft cluster holds for all brokers: `settings.held.look`."""
    return ByBroker("cluster.settings.held", "look")


def broker_settings(names: Sequence[str], *, defaults: bool) -> ByBroker:
    """The settings in force on each broker: `settings.brokers.look`. names: patterns or names, none for all; defaults:
    those, too, that have their default on every broker."""
    return ByBroker("cluster.settings.brokers", "look", {"names": list(names), "defaults": defaults})


def alter_broker_settings(settings: Mapping[str, str | None], *, broker: int | None, check: bool) -> ByBroker:
    """Set settings at run time, or with None take them back: `settings.brokers.alter`. broker: None for all of them;
    check: only let the brokers judge it."""
    return ByBroker("cluster.settings.brokers", "alter", {"broker": broker, "settings": dict(settings), "check": check})


# -- topics


def topics_look(
    *,
    patterns: Sequence[str] | None = None,
    internal: bool = False,
    records: bool = False,
    sizes: bool = False,
    settings: Sequence[str] | None = None,
    keys: Sequence[str] | None = None,
) -> ByBroker:
    """Topics and what they hold: `topics.look.look`. patterns: names and globs, None for all; internal: Kafka's own,
    too; records, sizes: ask for these; settings: the topics that are described, None for all; keys: settings that are
    always among the answer, None for all."""
    args = {
        "patterns": None if patterns is None else list(patterns),
        "internal": internal,
        "records": records,
        "sizes": sizes,
        "settings": None if settings is None else list(settings),
        "keys": None if keys is None else list(keys),
    }
    return ByBroker("cluster.topics.look", "look", args)


def topic_defaults() -> ByBroker:
    """What a topic becomes that says nothing: `topics.look.defaults`."""
    return ByBroker("cluster.topics.look", "defaults")


def check_topics(
    *,
    create: Sequence[Mapping[str, Any]] = (),
    settings: Mapping[str, Mapping[str, str | None]] | None = None,
    grow: Mapping[str, int] | None = None,
) -> ByBroker:
    """Let the cluster check changes of topics without making any: `topics.changes.check`. Arguments as for
    `change_topics`."""
    args = {"create": list(create), "settings": dict(settings or {}), "grow": dict(grow or {})}
    return ByBroker("cluster.topics.changes", "check", args)


def change_topics(
    *,
    create: Sequence[Mapping[str, Any]] = (),
    settings: Mapping[str, Mapping[str, str | None]] | None = None,
    grow: Mapping[str, int] | None = None,
    delete: Sequence[str] = (),
) -> ByBroker:
    """Change topics, and wait until every broker has heard of it: `topics.changes.change`. create: [{name, partitions,
    factor, config}]; settings: {topic: {setting: value, None to take it off}}; grow: {topic: partitions}."""
    args = {"create": list(create), "settings": dict(settings or {}), "grow": dict(grow or {}), "delete": list(delete)}
    return ByBroker("cluster.topics.changes", "change", args)


def records_before(topics: Sequence[str], before: int | None) -> ByBroker:
    """Which records are older than a time, None for all: `topics.emptying.look`. before: epoch milliseconds."""
    return ByBroker("cluster.topics.emptying", "look", {"topics": list(topics), "before": before})


def remove_records(places: Sequence[Sequence[Any]]) -> ByBroker:
    """Remove the oldest records: `topics.emptying.remove`. places: [[topic, partition, the first offset to stay]]."""
    return ByBroker("cluster.topics.emptying", "remove", {"places": [list(place) for place in places]})


def settle_topics(factors: Mapping[str, int]) -> ByBroker:
    """Wait until every broker knows where copies are: `topics.changes.settle`. factors: {topic: copies}."""
    return ByBroker("cluster.topics.changes", "settle", {"factors": dict(factors)})


# -- copies that move


def copies_look() -> ByBroker:
    """Where every copy is and what is under way: `moving.reassign.look`."""
    return ByBroker("cluster.moving.reassign", "look")


def move_copies(
    moves: Sequence[Mapping[str, Any]],
    *,
    throttle: int | None,
    stall: float,
    going: Sequence[Mapping[str, Any]] = (),
    leaving: Sequence[int] = (),
) -> ByBroker:
    """Move copies, and wait for what is under way: `moving.reassign.work`. moves: [{topic, partition, replicas}];
    throttle: bytes per second and broker, None for no limit; stall: give up after so many seconds without advance;
    going: what `copies_look` told of those under way; leaving: the brokers that are to have no copy any more."""
    args = {"moves": list(moves), "going": list(going), "throttle": throttle, "stall": stall, "leaving": list(leaving)}
    return ByBroker("cluster.moving.reassign", "work", args)


def restore_leaders() -> ByBroker:
    """Elect the preferred leaders of partitions that have all copies in sync: `moving.leaders.restore`."""
    return ByBroker("cluster.moving.leaders", "restore")


def directories_look(broker: int, *, path: str) -> ByBroker:
    """The data directories of a broker: `moving.drain_dir.look`. broker: its id; path: the one to be emptied. Ask it on
    its own host."""
    return ByBroker("cluster.moving.drain_dir", "look", {"broker": broker, "path": path})


def empty_directory(
    broker: int,
    *,
    path: str,
    moves: Sequence[Sequence[Any]],
    staying: Sequence[str],
    reserve: int,
    throttle: int | None,
    stall: float,
) -> ByBroker:
    """Move every partition out of a data directory of a broker: `moving.drain_dir.work`. moves: [[topic, partition,
    directory]]; staying: directories that may get what turns up meanwhile; reserve: bytes that stay free there;
    throttle, stall: as for `move_copies`."""
    args = {
        "broker": broker,
        "path": path,
        "moves": [list(move) for move in moves],
        "staying": list(staying),
        "reserve": reserve,
        "throttle": throttle,
        "stall": stall,
    }
    return ByBroker("cluster.moving.drain_dir", "work", args)


# -- consumer groups


def groups_look(group: str | None = None) -> ByBroker:
    """Groups with their lag: `groups.groups.look`. group: None for all."""
    return ByBroker("cluster.groups.groups", "look", {"group": group})


def group_destination(topics: Mapping[str, Sequence[int] | None], where: Mapping[str, Any]) -> ByBroker:
    """Where a reset would move a group: `groups.groups.destination`. topics: {topic: partitions, None for all}; where:
    a place, as `topics.offsets.resolve` takes it."""
    return ByBroker("cluster.groups.groups", "destination", {"topics": dict(topics), "where": dict(where)})


def move_group(group: str, coordinator: int, places: Sequence[Sequence[Any]]) -> ByBroker:
    """Commit offsets for a group that has no members: `groups.groups.move`. places: [[topic, partition, offset]]."""
    args = {"group": group, "coordinator": coordinator, "places": [list(place) for place in places]}
    return ByBroker("cluster.groups.groups", "move", args)


def delete_group(group: str, coordinator: int) -> ByBroker:
    """Delete a group that has no members: `groups.groups.delete`."""
    return ByBroker("cluster.groups.groups", "delete", {"group": group, "coordinator": coordinator})


# -- records: these are streamed to


def produce(
    topic: str,
    *,
    acks: int,
    compression: str,
    json: bool,
    separator: str,
    headers: Sequence[tuple[str, str]],
    partition: int | None,
    patience: float,
    typed: bool,
) -> ByBroker:
    """Write what the feed brings to a topic: `records.produce.run`."""
    args = {
        "topic": topic,
        "acks": acks,
        "compression": compression,
        "json": json,
        "separator": separator,
        "headers": list(headers),
        "partition": partition,
        "patience": patience,
        "typed": typed,
    }
    return ByBroker("cluster.records.produce", "run", args)


def consume(
    topic: str,
    *,
    start: Mapping[str, Any],
    end: Mapping[str, Any] | None,
    partition: int | None,
    group: str,
    key: str | None,
    grep: str,
    committed: bool,
    count: int | None,
    timeout: float | None,
    format: str | None,
    zone: Sequence[Sequence[int]],
) -> ByBroker:
    """Bring records of a topic as lines: `records.consume.run`."""
    args = {
        "topic": topic,
        "start": dict(start),
        "end": None if end is None else dict(end),
        "key": key,
        "grep": grep,
        "committed": committed,
        "partition": partition,
        "group": group,
        "count": count,
        "timeout": timeout,
        "format": format,
        "zone": [list(one) for one in zone],
    }
    return ByBroker("cluster.records.consume", "run", args)


def bench_produce(
    *,
    partitions: int,
    factor: int,
    records: int,
    size: int,
    throughput: int,
    acks: str,
    compression: str,
    patience: float,
) -> ByBroker:
    """Measure how fast the cluster takes records: `records.bench.run`. factor: -1 for the brokers' default; throughput:
    records per second, -1 for no limit."""
    args = {
        "partitions": partitions,
        "factor": factor,
        "records": records,
        "size": size,
        "throughput": throughput,
        "acks": acks,
        "compression": compression,
        "patience": patience,
    }
    return ByBroker("cluster.records.bench", "run", args)


def bench_consume(
    *, partitions: int, factor: int, records: int, size: int, compression: str, patience: float
) -> ByBroker:
    """Measure how fast the cluster gives records: `records.bench_consume.run`. factor: -1 for the brokers' default."""
    args = {
        "partitions": partitions,
        "factor": factor,
        "records": records,
        "size": size,
        "compression": compression,
        "acks": "1",  # that is how the topic is filled, which is not measured
        "throughput": -1,
        "patience": patience,
    }
    return ByBroker("cluster.records.bench_consume", "run", args)


# -- the smoke check


def smoke(legs: Sequence[Mapping[str, Any]], join: str, strangers: Sequence[str] = ()) -> Request:
    """The smoke check with the native client: `smoke.smoke.run`. join: "auto" or "always"."""
    return Request("cluster.smoke.smoke", "run", {"legs": list(legs), "join": join, "strangers": list(strangers)})


def smoke_cli(legs: Sequence[Mapping[str, Any]], new_options: bool = True) -> Request:
    """The smoke check with the official console tools: `smoke.smoke_cli.run`."""
    return Request("cluster.smoke.smoke_cli", "run", {"legs": list(legs), "new_options": new_options})
