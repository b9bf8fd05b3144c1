"""Where a migration from ZooKeeper stands, as `status` shows it: what ZooKeeper knows says it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cluster import remote as brokers
from cluster.metadata import remote
from roles.kafka import listeners, metadata, migration, standstill, standstill_gate
from roles.kafka.migration import Zookeeper
from roles.kafka.restart_rules import ClusterState
from roles.shared import kraft, since

if TYPE_CHECKING:
    from provisioner.connect.requests import Call
    from provisioner.run.target import Target


def look(call: Call, target: Target, behind: bool = False) -> dict[str, Any] | None:
    """What ZooKeeper knows, as `cluster.metadata.zookeeper.migration.look` says it, with wanted: the inventory's step,
    and suspects {broker that may stand still (`standstill.suspects`): copies}. behind: whether there is a copy out of
    sync. None where the inventory has no migration."""
    wanted = kraft.migration(target.members)
    if not wanted:
        return None
    request = remote.migration_look(metadata.connect(target), metadata.protocol(target))
    found = call(target.name, request)
    return {**found, "wanted": wanted, "suspects": _suspects(call, target) if behind and found["answers"] else {}}


def _suspects(call: Call, target: Target) -> dict[int, int]:
    door = listeners.door(target.host)
    status = call(target.name, brokers.cluster_status(partitions=True, min_isr=1).at(door))
    if not status["serving"]:
        return {}
    state = ClusterState.from_status(status)
    found = standstill.suspects(state, standstill_gate.look(call, target, door, state))
    return {broker: len(standstill.missing(state)[broker]) for broker in found}


def document(views: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """For the document of `status`: step (where the cluster stands; None where ZooKeeper does not say), wanted (the
    inventory's), since (when the controllers began to lead the brokers; None where they do not), controller, offset
    (how far the controllers have copied what ZooKeeper knows), in_zookeeper (the ids that are registered there) and
    suspects {id of a broker that may stand still: copies that wait for it}. None where there is no migration."""
    answers = [view["migration"] for view in views if view.get("migration")]
    if not answers:
        return None
    said = next((one for one in answers if one["answers"]), answers[0])
    found = Zookeeper(said["controller"], said["kraft"], said["offset"], tuple(said["brokers"]))
    return {
        "step": migration.step_of(found) if said["answers"] else None,
        "wanted": said["wanted"],
        "since": since.written(said["since"]) if found.kraft else None,
        "controller": found.controller,
        "offset": found.offset,
        "in_zookeeper": list(found.brokers),
        "suspects": {str(broker): copies for broker, copies in said["suspects"].items()},
    }


def line(found: Mapping[str, Any], now: float) -> str:
    """migration from ZooKeeper: dual (controller 101 leads the brokers for 3 days; brokers in ZooKeeper: 1, 2, 3).
    now: seconds since 1970."""
    if found["step"] is None:
        return "migration from ZooKeeper: ZooKeeper does not say how far it is"
    known = since.ago([found["since"]], now)
    leads = "nobody leads" if found["controller"] is None else f"{found['controller']} leads the brokers{known}"
    there = ", ".join(map(str, found["in_zookeeper"])) or "none"
    return f"migration from ZooKeeper: {found['step']} ({leads}; brokers in ZooKeeper: {there})"


def notes(found: Mapping[str, Any]) -> Iterator[str]:
    """What comes next, and brokers that may stand still."""
    step, wanted = found["step"], found["wanted"]
    if step is not None and step != wanted:
        yield f"the migration from ZooKeeper is at {step}, and the inventory says {wanted}: `invoke deploy` goes there"
    elif step is not None:
        yield f"the migration from ZooKeeper is at {step}; {migration.next_step(step)}"
    # One look cannot tell a broker that stands still from one that is just about to report.
    for broker, copies in found["suspects"].items():
        yield f"{standstill.suspicion(int(broker), copies)}: `invoke deploy`, as the inventory is, restarts it then"
