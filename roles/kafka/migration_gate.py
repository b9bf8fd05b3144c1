"""A step of a migration from ZooKeeper, judged by the cluster as it is: before anything changes (`way`), and when all
nodes run with it (`settle`). The rules are in `migration.py`."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cluster import remote
from cluster.endpoint import PLAINTEXT, SSL
from cluster.metadata import remote as of_metadata
from cluster.metadata.kraft.seen import Seen
from cluster.model import Partition
from provisioner.errors import HostFailed, Refused
from provisioner.run.evidence import NO_WAY_BACK, Consent, Objection
from provisioner.run.stages import Stage, Way
from provisioner.words import counted, some
from roles.kafka import listeners, metadata, migration, protocol, topology
from roles.kafka.migration import END, Refusal, Stands, Zookeeper
from roles.kafka.release import release
from roles.shared import kraft
from roles.shared.evidence import version_in

if TYPE_CHECKING:
    from provisioner.connect.requests import Call
    from provisioner.report.reporter import Reporter
    from provisioner.run.evidence import Witness
    from provisioner.run.target import Target

SECONDS = 120.0  # for the controllers to copy what ZooKeeper knows, and for brokers to be known to them
COMING = 30.0  # for a broker that has just started, and its copies (replica.lag.time.max.ms)
PAUSE = 0.5
TLS = "zookeeper.ssl.client.enable"


def way(witnesses: Sequence[Witness], call: Call) -> Way | None:
    """What the step takes, where that is more than one roll or needs a yes; None else. Raises Refused."""
    target = witnesses[0].target
    goal, now = kraft.migration(target.members) or END, stands(witnesses)
    if goal == END and target.members(kraft.SERVERS):
        raise _left_alone(now)
    _refuse(migration.skipped(goal, now))
    found = _zookeeper(witnesses, call)
    if goal != END:
        _refuse(migration.trapped(goal, now, found))
    if all(one.plan.nothing for one in witnesses) and not migration.taken_back(goal, now):
        return None
    _forward(goal, now, found, witnesses, call)
    if goal == END:
        return _end(now)
    if goal == kraft.BESIDE and migration.taken_back(goal, now):
        back = Stage("controllers are removed, and brokers forget them", {kraft.MIGRATION: kraft.BACK})
        return Way("kafka_migration: dual -> controllers", (back, Stage("controllers begin anew", {}, False)))
    return None


def arrived(witnesses: Sequence[Witness]) -> bool:
    """Whether the brokers of these hosts run as the inventory's step wants it."""
    return migration.arrived(kraft.migration(witnesses[0].target.members), stands(witnesses))


def stands(witnesses: Sequence[Witness]) -> Stands:
    """Where the cluster stands, by its files and as it runs. A broker counts as the one of both that is nearer to
    ZooKeeper, as it may run so."""
    brokers: dict[str, list[str]] = {}
    new, controllers, led, left, leaving = list[str](), list[str](), False, list[str](), list[str]()
    for one in witnesses:
        for unit, said in one.said.items():
            running = said.get("running") or said.get("settings", {})
            if unit == kraft.COMBINED_UNIT:
                found = migration.kind(running)
                (brokers.setdefault(found, []) if found else new).append(one.name)
            elif unit == kraft.OWN_UNIT and said["settings"]:
                controllers.append(one.name)
                led = led or said["led"]
                if migration.FLAG not in running:
                    left.append(one.name)
                if migration.FLAG not in running or migration.FLAG not in said["settings"]:
                    leaving.append(one.name)
    return Stands(brokers, new, controllers, led, left, leaving)


def settle(call: Call, brokers: Sequence[Target], reporter: Reporter) -> dict[str, tuple[int, int]]:
    """Wait until the step is complete, and say what comes next. brokers: those of the run. Raises HostFailed when that
    does not happen in time."""
    target = brokers[0]
    goal = kraft.migration(target.members)
    check: Callable[[], str] | None = {
        kraft.BESIDE: lambda: _said(migration.not_ready(_seen(call, target), _controllers(target))),
        kraft.DUAL: lambda: _said(migration.not_migrated(look(call, target), [*_controllers(target)])),
        kraft.MOVED: lambda: migration.under_way(look(call, target), _brokers(target), _observers(call, target)),
    }.get(goal)
    until = time.monotonic() + SECONDS
    while check and (missing := check()):
        if time.monotonic() >= until:
            raise HostFailed(
                f"kafka_migration: {goal} is not complete after {SECONDS:.0f} seconds: {missing}",
                host=target.name,
                advice="`invoke logs` shows what keeps the controllers from it; the same deploy waits again, and one "
                "with the step before goes back",
            )
        reporter.host(target.name, f"waiting for the migration: {missing}")
        time.sleep(PAUSE)
    reporter.host(target.name, "")
    reporter.note(f"migration from ZooKeeper: {goal} is done; {migration.next_step(goal)}")
    return {target.name: (1, 0)}


def look(call: Call, target: Target) -> Zookeeper:
    """What ZooKeeper knows, asked from a host of an inventory with servers. Raises HostFailed where it is silent."""
    connect = metadata.connect(target)
    return _read(call(target.name, of_metadata.migration_look(connect, metadata.protocol(target))), target.name)


def led(call: Call, target: Target, brokers: Collection[int]) -> bool:
    """Whether there is a controller that brokers can report to, of either kind. brokers: those that are up. Raises
    HostFailed where ZooKeeper is silent."""
    found = look(call, target)
    return _seen(call, target).leader is not None if found.kraft else found.controller in brokers


# -- before anything changes


def _forward(goal: str, now: Stands, found: Zookeeper, witnesses: Sequence[Witness], call: Call) -> None:
    """Raise Refused where the step must not be taken now."""
    target = witnesses[0].target
    if goal != kraft.BACK:
        _require_one_thing(goal, witnesses)
    if migration.begins(goal, now):
        _require_in_sync(witnesses, call)
    if migration.needs_quorum(goal, now):
        _refuse(migration.not_ready(_seen(call, target), _controllers(target)))
    if goal == kraft.MOVED and migration.BOTH in now.brokers:
        _refuse(migration.not_migrated(found, [*_controllers(target)]))


def _require_one_thing(goal: str, witnesses: Sequence[Witness]) -> None:
    """Raise Refused where the version or what brokers speak would change with it, or is not the one for it."""
    for one in witnesses:
        said = one.said.get(kraft.COMBINED_UNIT)
        if said is None:
            continue
        wanted, there = release(one.target.host.vars).version, version_in(said["link"])
        if there and there != wanted:
            raise Refused(
                f"this step of the migration runs with Kafka {there}, and the inventory says {wanted}",
                host=one.name,
                advice=f"set kafka_version: {there}; upgrade before the migration, or when it is over",
            )
        told = protocol.told(one.target) or next(
            (text for each in migration.settings(one.said) if (text := each.get(protocol.PROPERTY))), ""
        )
        if told and protocol.number(told) != migration.VERSION and goal != END:
            raise Refused(
                f"the brokers speak protocol {protocol.shown(told)}, and a migration needs 3.9",
                host=one.name,
                advice="end the upgrade first: kafka_protocol: '3.9', and deploy without kafka_migration",
            )


def _require_in_sync(witnesses: Sequence[Witness], call: Call) -> None:
    """Raise Refused where a broker is missing, or a copy; but one that has just started may still come up, and its
    copies catch up."""
    brokers = [one for one in witnesses if kraft.COMBINED_UNIT in one.said]
    until = time.monotonic() + COMING
    while problem := _missing(brokers, call):
        running = all(kraft.COMBINED_UNIT in {*one.active, *one.serving} for one in brokers)
        if not running or time.monotonic() >= until:
            raise problem
        time.sleep(PAUSE)


def _missing(brokers: Sequence[Witness], call: Call) -> Refused | None:
    doors = {one.name: listeners.door(one.target.host) for one in brokers if kraft.COMBINED_UNIT not in one.serving}
    down = [name for name, door in doors.items() if any(call(name, remote.answering([door])).values())]
    if down:
        return Refused(
            f"a step of the migration begins with all brokers, and some do not serve: {some(down)}",
            hosts=down,
            advice="start them first (`invoke status` shows why they are down)",
        )
    target = brokers[0].target
    status = call(target.name, remote.cluster_status(partitions=True, min_isr=1).at(listeners.door(target.host)))
    behind = [one for one in map(Partition.from_wire, status.get("partitions", ())) if one.under_replicated]
    if not behind:
        return None
    return Refused(
        "a step of the migration begins with all copies in sync, and some are missing: "
        f"{counted(len(behind), 'partition')} under-replicated",
        details=[some(map(str, behind))],
        advice="wait until they are (`invoke status`), then run the same command again; where a broker stands "
        "still, a deploy of the step before restarts it",
    )


def _end(now: Stands) -> Way | None:
    """The last step, which needs a yes of its own."""
    if len(now.left) == len(now.controllers):
        return None
    said = Objection(
        "the controllers would leave ZooKeeper, which ends the migration: there is no way back from there",
        None,
        way="to go on as it is, keep kafka_migration: brokers and the group zookeeper",
        consent=Consent(NO_WAY_BACK),
    )
    return Way("the migration from ZooKeeper ends", (Stage("controllers leave ZooKeeper", {}),), (said,))


def _left_alone(now: Stands) -> Refused:
    """An inventory with ZooKeeper and without the variable, of a cluster that is on the way."""
    step = kraft.DUAL if migration.OWN in now.brokers else kraft.BACK
    return Refused(
        "a migration from ZooKeeper is under way, and the inventory does not say how far it is to go",
        details=[f"{some(names)}: {migration.KINDS[one]}" for one, names in now.brokers.items()],
        advice=f"to take it back, deploy with kafka_migration: {step} and the group kafka_controller; to go on, use "
        "the inventory that has them",
    )


def _zookeeper(witnesses: Sequence[Witness], call: Call) -> Zookeeper:
    """What ZooKeeper knows, asked from a node that is told where it is. Nothing where none is. Raises Refused."""
    for one in witnesses:
        for settings in migration.settings(one.said):
            if connect := settings.get(metadata.CONNECT):
                way_in = SSL if settings.get(TLS) == "true" else PLAINTEXT
                return _read(call(one.name, of_metadata.migration_look(connect, way_in)), one.name)
    return Zookeeper()


def _read(said: Mapping[str, Any], host: str) -> Zookeeper:
    if not said["answers"]:
        raise HostFailed(
            f"ZooKeeper does not say how far the migration is: {said['why']}",
            host=host,
            advice="`invoke status` shows its servers",
        )
    return Zookeeper(said["controller"], said["kraft"], said["offset"], tuple(said["brokers"]))


def _refuse(problem: Refusal | None) -> None:
    if problem:
        raise Refused(problem.what, details=list(problem.details), advice=problem.way)


def _said(problem: Refusal | None) -> str:
    return "; ".join([problem.what, *problem.details]) if problem else ""


# -- the cluster


def _seen(call: Call, target: Target) -> Seen:
    return Seen.from_answers(metadata.quorum(call, target) or {})


def _observers(call: Call, target: Target) -> list[int]:
    return [one.id for one in _seen(call, target).observers if one.alive]


def _controllers(target: Target) -> dict[int, str]:
    return {one.id: one.host for one in kraft.controllers(target.members)}


def _brokers(target: Target) -> dict[int, str]:
    brokers = target.members(kraft.BROKERS)
    return {topology.broker_id(one, brokers): one.name for one in brokers}
