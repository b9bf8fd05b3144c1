"""How `status` asks Kafka and shows it: each broker, and the cluster as a whole. `roles/status.py` describes
these functions."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cluster import remote
from cluster.metadata import remote as of_metadata
from provisioner.connect.requests import Call
from provisioner.inventory.model import Inventory
from provisioner.run.target import Target
from provisioner.words import counted
from roles.kafka import listeners, metadata, protocol, service, split, topology
from roles.kafka.release import LINK
from roles.shared import kraft, since

if TYPE_CHECKING:
    from cluster.metadata.kraft.view import Advice

KEY = "cluster"
COLUMNS: Mapping[str, str] = {"LEADERS": "leaders"}
TOPICS_NAMED = 10  # in the document
PARTITIONS_NAMED = 5  # in a sentence
TROUBLES = (
    ("offline", "offline (no leader: neither written nor read)"),
    ("under_min_isr", "under min.insync.replicas (writes with acks=all fail)"),
    ("under_replicated", "under-replicated (a copy is behind or missing)"),
)


def look(call: Call, target: Target) -> Mapping[str, Any]:
    """As `cluster.state.node.look` answers, with bootstrap_servers (`listeners.bootstrap_servers`). Where the
    controllers are the cluster's own, also with quorum, what they say, and features, as
    `cluster.metadata.kraft.features.look` answers; with ZooKeeper, with protocol, that it is told to speak. since: when
    its version was installed. migration: as `migration_status.look` answers."""
    broker = topology.broker_id(target.host, target.members("kafka"))
    session = metadata.session(target)
    request = remote.broker_status(broker, **metadata.assumed(call, target), log_file=service.LOGS[0], session=session)
    local = listeners.door(target.host)
    servers = listeners.bootstrap_servers(target.members("kafka"))
    running = call(target.name, remote.running_version("kafka", service.STARTED, LINK))
    answer = {
        **call(target.name, request.at(local)),
        "since": running["since"],
        "bootstrap_servers": servers,
    }
    answer["migration"] = _migrates(call, target, answer)
    quorum = metadata.quorum(call, target) if metadata.own(target) else None
    if quorum is None:
        return {**answer, "protocol": running["protocol"]}
    if not answer["serving"]:
        return {**answer, "why": _why(answer["why"], quorum)}
    return {**answer, "quorum": quorum, "features": call(target.name, of_metadata.features().at(local))}


def _migrates(call: Call, target: Target, said: Mapping[str, Any]) -> dict[str, Any] | None:
    if not kraft.migration(target.members):
        return None
    from roles.kafka import migration_status  # few clusters are on that way

    return migration_status.look(call, target, bool(said["serving"] and said["under_replicated"]["count"]))


def _why(why: str, quorum: Mapping[str, Any]) -> str:
    """Why a broker does not serve; one that starts waits for the controllers, and opens no port before."""
    from cluster.metadata.kraft import view
    from cluster.metadata.kraft.seen import Seen

    seen = Seen.from_answers(quorum)
    return why if seen.leader is not None else f"{why}; {view.leaderless(view.document(seen, {}))}"


def members(inventory: Inventory) -> dict[str, int]:
    """{host: its broker id}"""
    brokers = [inventory.hosts[name] for name in inventory.groups.get("kafka", ())]
    return {broker.name: topology.broker_id(broker, brokers) for broker in brokers}


def entry(common: Mapping[str, Any], said: Mapping[str, Any], number: int | None) -> dict[str, Any]:
    """With broker_id, the partitions that it leads and those that it has a copy of, what it says about its cluster, and
    what Kafka says of each data directory; version_since: when its version was installed; protocol: that it is told to
    speak; hears: what the controllers say to a host whose broker does not serve."""
    serving, dirs, own = common["serving"], said.get("log_dirs") or {}, str(number)
    return {
        **common,
        "disks": [
            {
                **disk,
                "data_bytes": dirs.get(disk["path"], {}).get("size"),
                "error": dirs.get(disk["path"], {}).get("error") or None,
            }
            for disk in common["disks"]
        ],
        "broker_id": number,
        "version_since": since.written(said.get("since")),
        "protocol": said.get("protocol"),
        "leaders": said["leaders"].get(own, 0) if serving else None,
        "replicas": said["replicas"].get(own, 0) if serving else None,
        "says": {key: said[key] for key in ("brokers", "controller", "cluster_id")} if serving else None,
        "hears": None if serving else said.get("quorum"),
    }


def together(
    entries: Mapping[str, Mapping[str, Any]], said: Sequence[Mapping[str, Any]], members: Mapping[str, int]
) -> dict[str, Any] | None:
    """The cluster as seen by the broker that knows the most others; None when no broker answers."""
    serving = [view for view in said if view.get("serving")]
    if not serving:
        return None
    view = max(serving, key=lambda one: (len(one["brokers"]), one["controller"] is not None))
    names = {broker: name for name, broker in members.items()}
    sides = split.sides(
        split.View.of(name, one["broker_id"], one["says"]) for name, one in entries.items() if one.get("says")
    )
    numbers = {key: view[key] for key, _ in reversed(TROUBLES)}
    migrates = None
    if any(one.get("migration") for one in serving):
        from roles.kafka import migration_status

        migrates = migration_status.document(serving)
    quorum = _quorum(serving, names)
    # Where controllers lead, the one that a broker names to clients is any broker (KIP-590); their leader is the one.
    number = migrates["controller"] if migrates and migrates["since"] else view["controller"]
    number, host = (quorum["number"], quorum["leader"]) if quorum else (number, names.get(number))
    return {
        "cluster_id": view["cluster_id"],
        "controller": number,
        "controller_host": host,
        "quorum": quorum,
        "features": features_of(serving),
        "migration": migrates,
        "brokers_registered": list(view["brokers"]),
        "brokers_expected": sorted(members.values()),
        "topics": view["topics"],
        "partitions": view["partition_count"],
        "internal": dict(view["internal"]),
        "bootstrap_servers": [dict(one) for one in view["bootstrap_servers"]],
        **numbers,
        "at_min_isr": view["at_min_isr"],
        "under_way": next((one["under_way"] for one in serving if one["under_way"] is not None), None),
        "throttled": {who: throttled(serving, who) for who in ("ours", "others")},
        "leaders": {str(broker): view["leaders"].get(str(broker), 0) for broker in view["brokers"]},
        "split": [side.to_json() for side in sides] if len(sides) > 1 else None,
    }


def _quorum(views: Sequence[Mapping[str, Any]], names: Mapping[int, str]) -> dict[str, Any] | None:
    """The controllers, as the host sees them that hears most of them; None with ZooKeeper. number: the leader's id."""
    answers = [view["quorum"] for view in views if view.get("quorum") is not None]
    if not answers:
        return None
    from cluster.metadata.kraft import view as quorum
    from cluster.metadata.kraft.seen import Seen

    looks = [Seen.from_answers(one) for one in answers]
    seen = max(looks, key=lambda one: (one.leader is not None, sum(each.serving for each in one.controllers.values())))
    hosts = {**names, **{one.id: name for name, one in seen.controllers.items()}}
    return {**quorum.document(seen, hosts), "number": seen.leader}


def features_of(views: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The levels that are finalised, and the highest that all brokers here support; None with ZooKeeper."""
    answers = [view["features"] for view in views if view.get("features") and view["features"]["serving"]]
    if not answers:
        return None
    common = set.intersection(*(set(one["supported"]) for one in answers))
    return {
        # A level only rises while brokers run; the one that has read most of the metadata knows.
        "finalised": max((one["finalised"] for one in answers), key=lambda of: sum(of.values())),
        "supported": {name: min(one["supported"][name] for one in answers) for name in sorted(common)},
    }


def throttled(views: Sequence[Mapping[str, Any]], who: str) -> dict[str, Any]:
    """The throttle of "ours" or of "others": each broker knows its own, and every one that of all topics."""
    topics = sorted({topic for view in views for topic in view["throttled"][who]["topics"]})
    return {
        "brokers": sorted({int(broker) for view in views for broker in view["throttled"][who]["brokers"]}),
        "topics": {"count": len(topics), "first": topics[:TOPICS_NAMED]},
    }


def problems(found: Mapping[str, Any]) -> Iterator[str]:
    """Missing brokers, and partitions with a problem; a quorum without a leader, where no broker serves and the
    controllers are no services of their own, which say so themselves."""
    cluster = found[KEY]
    if not cluster:
        if lost := _no_leader(found):
            yield lost.what
        return
    sides = _sides(cluster)
    if said := split.problem(sides):
        yield said
    elsewhere = {broker for side in sides for broker in side.brokers}
    for broker in sorted(set(cluster["brokers_expected"]) - set(cluster["brokers_registered"]) - elsewhere):
        yield f"broker {broker} is not registered in the cluster"
    if cluster["quorum"]:
        from cluster.metadata.kraft import view

        yield from view.problems(cluster["quorum"])
    elif cluster["controller"] is None:
        yield "the cluster has no controller"
    for key, text in TROUBLES:
        if cluster[key]["count"]:
            yield f"{_partitions(cluster[key])} {text}"


def notes(found: Mapping[str, Any]) -> Iterator[str]:
    """Brokers outside the inventory, partitions that the next failure would stop, throttled copies, and an upgrade that
    has not come to its end."""
    cluster = found[KEY]
    if not cluster:
        return
    for broker in sorted(set(cluster["brokers_registered"]) - set(cluster["brokers_expected"])):
        yield f"broker {broker} is registered and not in the inventory"
    if cluster["at_min_isr"]["count"]:
        yield f"{_partitions(cluster['at_min_isr'])} without an in-sync copy to spare"
    yield from throttle_notes(cluster["throttled"])
    if cluster["migration"]:
        from roles.kafka import migration_status

        yield from migration_status.notes(cluster["migration"])
    brokers = {name: host["services"].get("kafka", {}) for name, host in found["hosts"].items()}
    yield from protocol.notes(brokers, time.time())


def doubtful(found: Mapping[str, Any]) -> bool:
    """Whether brokers do not know each other: one of them may have started a moment ago."""
    return bool(found[KEY] and found[KEY]["split"])


def advice(found: Mapping[str, Any]) -> Iterator[str]:
    """What to start first where the controllers have no leader; what brings back the hosts that left the cluster, be it
    with the broker or with the node that keeps the metadata."""
    if lost := _no_leader(found):
        yield lost.fix
    keepers = metadata.astray(found)
    sides = _sides(found[KEY]) if found[KEY] else []
    brokers = split.astray(sides)
    for name in dict.fromkeys([*brokers, *keepers]):
        broker = found["hosts"][name]["services"].get("kafka", {})
        number = broker["broker_id"] if name in brokers else None
        yield from split.way_back(
            name, number, [disk["path"] for disk in broker.get("disks", ())], keepers.get(name, ())
        )
    if len(sides) > 1 and not brokers:
        yield split.UNCLEAR


def _heard(found: Mapping[str, Any]) -> dict[str, Any] | None:
    """The quorum, where no broker serves: as the hosts hear it whose brokers run. None where none of them does."""
    entries = {name: host["services"].get("kafka", {}) for name, host in found["hosts"].items()}
    names = {one["broker_id"]: name for name, one in entries.items() if one}
    return _quorum([{"quorum": one.get("hears")} for one in entries.values()], names)


def _no_leader(found: Mapping[str, Any]) -> Advice | None:
    """What a quorum without a leader means, and what to start first. Controllers of their own say so themselves where
    no broker serves."""
    quorum = found[KEY]["quorum"] if found[KEY] else None if found.get("controllers") else _heard(found)
    if not quorum or quorum["leader"] is not None:
        return None
    from cluster.metadata.kraft import view

    return view.no_leader(quorum)


def _sides(cluster: Mapping[str, Any]) -> list[split.Side]:
    return [split.Side.from_json(side) for side in cluster["split"] or ()]


def throttle_notes(found: Mapping[str, Any]) -> Iterator[str]:
    """Throttled copies: by a rebalance, which may still run, or by somebody else."""
    ours, theirs = _throttle(found["ours"]), _throttle(found["others"])
    if ours:
        yield (
            f"copies of a rebalance are throttled ({ours}): if none is running, the same `invoke rebalance` "
            "finishes it and removes the throttle"
        )
    if theirs:
        yield (
            f"somebody else has throttled copies ({theirs}): this stays until they remove it "
            "(`kafka-configs.sh --delete-config`)"
        )


def word(entry: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """controller 1, broker 2"""
    cluster = found[KEY] or {}
    controllers = [side["controller"] for side in cluster.get("split") or ()] or [cluster.get("controller")]
    return f"{'controller' if entry['broker_id'] in controllers else 'broker'} {entry['broker_id']}"


def lines(found: Mapping[str, Any]) -> Iterator[str]:
    """Brokers, controller and partitions of the cluster."""
    cluster = found[KEY]
    if not cluster:
        if quorum := _heard(found):
            from cluster.metadata.kraft import view

            yield view.line(quorum)
        return
    known, expected = cluster["brokers_registered"], cluster["brokers_expected"]
    where = f" ({cluster['controller_host']})" if cluster["controller_host"] else ""
    who = "none" if cluster["controller"] is None else f"{cluster['controller']}{where}"
    yield f"cluster: {len(set(known) & set(expected))} of {len(expected)} brokers registered, controller {who}"
    own = cluster["internal"]
    users = f"{cluster['partitions'] - own['partitions']} of {counted(cluster['topics'] - own['topics'], 'topic')}"
    kafkas = f" and {own['partitions']} of Kafka's own" if own["partitions"] else ""
    yield (
        f"partitions: {users}{kafkas}, "
        f"{cluster['under_replicated']['count']} under-replicated, "
        f"{cluster['under_min_isr']['count']} under min ISR, {cluster['offline']['count']} offline"
    )
    if cluster["quorum"]:
        from cluster.metadata.kraft import view

        yield view.line(cluster["quorum"])
    if cluster["migration"]:
        from roles.kafka import migration_status

        yield migration_status.line(cluster["migration"], time.time())
    if cluster["under_way"]:
        yield f"moving: {counted(cluster['under_way'], 'partition')} under way"
    yield "leaders: " + ", ".join(f"broker {broker} {number}" for broker, number in cluster["leaders"].items())
    yield from listeners.told(cluster["bootstrap_servers"])


def _throttle(found: Mapping[str, Any]) -> str:
    """As in: brokers 1, 2; topics orders, clicks."""
    brokers, topics = found["brokers"], found["topics"]
    of_brokers = f"broker{'s' if len(brokers) != 1 else ''} {', '.join(map(str, brokers))}" if brokers else ""
    of_topics = f"topic{'s' if topics['count'] != 1 else ''} {_first(topics)}" if topics["count"] else ""
    return "; ".join(filter(None, [of_brokers, of_topics]))


def _partitions(found: Mapping[str, Any]) -> str:
    """As in: 3 partitions (orders-1, orders-2, orders-4)."""
    return f"{counted(found['count'], 'partition')} ({_first(found, PARTITIONS_NAMED)})"


def _first(found: Mapping[str, Any], most: int | None = None) -> str:
    """The first of those that were counted. found: {count, first}, of which not all need to be in `first`."""
    named = found["first"][:most]
    more = found["count"] - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")
