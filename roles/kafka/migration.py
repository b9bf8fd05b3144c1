"""From ZooKeeper to controllers (`kafka_migration`): where a cluster stands, and whether it may take the step that the
inventory asks for. Pure; `migration_gate.py` asks the cluster.

Each step is one deploy:

1. controllers: they run beside ZooKeeper; brokers do not know them
2. dual: brokers know both, and a controller leads them; what changes is written to both
3. brokers: brokers do without ZooKeeper; the controllers still write to it
4. neither the variable nor the group zookeeper: the controllers leave it, and nothing leads back

Where a cluster stands is read from what its nodes run with and from ZooKeeper, never remembered: a run that was cut off
is finished by the next one, or taken back by one that asks for the step before.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from provisioner.errors import ConfigError
from provisioner.words import counted, some
from roles.kafka.release import release
from roles.shared import kraft
from roles.shared.checks import members, one_for_all

if TYPE_CHECKING:
    from cluster.metadata.kraft.seen import Seen
    from provisioner.inventory.model import Inventory

FLAG, ROLES, CONNECT = kraft.MIGRATES, "process.roles", "zookeeper.connect"
VERSION = (3, 9)  # the only ones that have both, and controllers that can be told of each other at run time
END = "end"  # the goal of an inventory without the variable, of a cluster that is on the way
ORDER = (*kraft.STEPS, END)
# How a broker runs, and what that means, as the rest of "the brokers ...".
OLD, BOTH, OWN = kraft.SERVERS, "dual", "kraft"
KINDS = {OLD: "run with ZooKeeper", BOTH: "know both", OWN: "do without ZooKeeper"}


class Stands(NamedTuple):
    """Where a cluster stands, by what its nodes run with and have on disk. brokers {kind, a key of KINDS: hosts}; new:
    hosts whose broker was never deployed; controllers: hosts that have one; led: whether these have had a leader; left:
    those of them that do not write to ZooKeeper; leaving: these, and those that will not after their next start."""

    brokers: Mapping[str, Sequence[str]]
    new: Sequence[str] = ()
    controllers: Sequence[str] = ()
    led: bool = False
    left: Sequence[str] = ()
    leaving: Sequence[str] = ()


class Refusal(NamedTuple):
    """Why a step must not be taken now, and what to do."""

    what: str
    way: str = ""
    details: tuple[str, ...] = ()


class Zookeeper(NamedTuple):
    """What ZooKeeper knows, as `cluster.metadata.zookeeper.migration.look` says it."""

    controller: int | None = None
    kraft: bool = False
    offset: int | None = None
    brokers: tuple[int, ...] = ()

    @property
    def copied(self) -> bool:
        """Whether controllers have copied what is there."""
        return self.offset is not None and self.offset >= 0

    @property
    def migrated(self) -> bool:
        """Whether a controller leads the brokers, with all that ZooKeeper knows."""
        return self.kraft and self.offset is not None and self.offset > 0


def kind(settings: Mapping[str, str]) -> str:
    """How a broker runs by its server.properties: a key of KINDS; "" where there is none."""
    if ROLES in settings:
        return OWN
    if settings.get(FLAG) == "true":
        return BOTH
    return OLD if CONNECT in settings else ""


def settings(said: Mapping[str, Mapping[str, Any]]) -> list[Mapping[str, str]]:
    """What the Kafka nodes of a host run with, and what is on its disk. said {role: the answer of its host}."""
    found = [said[unit] for unit in (kraft.COMBINED_UNIT, kraft.OWN_UNIT) if unit in said]
    return [one for answer in found for one in (answer.get("running"), answer.get("settings")) if one]


def skipped(goal: str, now: Stands) -> Refusal | None:
    """Why this step is not the next one, nor the one before; None where it is."""
    there = set(now.brokers)
    if now.left and goal != END:
        return Refusal(
            "the migration from ZooKeeper has ended: controllers have left ZooKeeper, which knows nothing newer, and "
            "there is no way back",
            "remove kafka_migration and the group zookeeper",
            (f"without ZooKeeper: {some(now.left)}",),
        )
    if now.new and goal != kraft.BACK:
        return Refusal(
            f"{_asked(goal)} is for brokers that run, and {some(now.new)} {_have(now.new)} none yet",
            "deploy without kafka_migration and without the group kafka_controller first"
            if not there
            else "leave them out until the migration has ended, or deploy them with the step before",
        )
    if goal in (kraft.BACK, kraft.BESIDE) and OWN in there:
        return _first(kraft.DUAL, goal, now)
    if goal == kraft.DUAL and not now.controllers:
        return _first(kraft.BESIDE, goal, now)
    if goal == kraft.DUAL and {OLD, OWN} <= there:
        return _first(kraft.MOVED, goal, now)
    if goal == kraft.MOVED and (OLD in there or not now.controllers):
        return _first(kraft.DUAL if now.controllers else kraft.BESIDE, goal, now)
    if goal == END and there != {OWN}:
        return _first(kraft.MOVED if OLD not in there else kraft.DUAL, goal, now)
    return None


def arrived(goal: str, now: Stands) -> bool:
    """Whether all brokers that were seen run as this step wants it; the first controllers come with one."""
    wanted = {kraft.BESIDE: OLD, kraft.DUAL: BOTH, kraft.MOVED: OWN}.get(goal)
    begins = goal == kraft.BESIDE and not now.controllers
    return {*now.brokers} == {wanted} and not (begins or now.new or now.left)


def taken_back(goal: str, now: Stands) -> bool:
    """Whether a step back ends an attempt: the controllers go, with their data, before brokers forget them."""
    return goal == kraft.BACK or (goal == kraft.BESIDE and BOTH in now.brokers)


def begins(goal: str, now: Stands) -> bool:
    """Whether no node has taken this step yet. What goes on with one that was cut off cannot ask for all brokers: one
    of them may just be starting, and the roll waits for it."""
    if goal == kraft.BESIDE and not taken_back(goal, now):
        return not now.controllers
    taken = {kraft.BESIDE: OLD, kraft.DUAL: BOTH, kraft.MOVED: OWN}.get(goal)
    return taken is not None and taken not in now.brokers


def needs_quorum(goal: str, now: Stands) -> bool:
    """Whether a step is taken only with all controllers in the quorum. Not the rest of the last one, from which no way
    leads back: the one that is missing may just be starting, as it was cut off in its restart, and the roll waits."""
    if goal == END:
        return not now.leaving
    return goal == kraft.MOVED or (goal == kraft.DUAL and OLD in now.brokers)


def trapped(goal: str, now: Stands, found: Zookeeper) -> Refusal | None:
    """Controllers without metadata beside what earlier ones have left in ZooKeeper: they would take it for copied, and
    "bring" ZooKeeper to what they know, which is no topic at all. Kafka itself does not look."""
    if taken_back(goal, now) or not found.copied or (now.led and {*now.brokers} != {OLD}):
        return None
    return Refusal(
        "ZooKeeper says that controllers have copied what it knows (/migration), and these have not: they would delete "
        "every topic there",
        "deploy with kafka_migration: back, which removes what the earlier attempt has left; then begin again",
        (
            f"/migration: kraft_metadata_offset {found.offset}",
            f"controllers that have metadata: {'known to no broker' if now.led else 'none'}",
        ),
    )


def not_migrated(found: Zookeeper, controllers: Collection[int]) -> Refusal | None:
    """Why brokers cannot do without ZooKeeper yet: no controller leads them, or none has copied what it knows."""
    if found.migrated and found.controller in controllers:
        return None
    leads = "nobody" if found.controller is None else f"broker {found.controller}"
    leads = f"controller {found.controller}" if found.kraft else leads
    return Refusal(
        "the controllers have not copied yet what ZooKeeper knows",
        "wait, and run the same command again; `invoke logs` shows what keeps them from it",
        (f"/controller: {leads}", f"/migration: kraft_metadata_offset {found.offset}"),
    )


def not_ready(seen: Seen, controllers: Mapping[int, str]) -> Refusal | None:
    """Why the quorum cannot take over: Kafka does not ask whether all of it is there. controllers {id: host}: the
    inventory's."""
    problems = [*_missing(seen, controllers)]
    if not problems:
        return None
    ready = len(controllers) - len(problems)
    return Refusal(
        f"the controllers are not ready: {ready} of {counted(len(controllers), 'controller')} in the quorum and level"
        if seen.leader is not None
        else "the controllers have no leader",
        "deploy with the step before, which starts what is down (`invoke status` shows it); then run this again",
        tuple(problems),
    )


def _missing(seen: Seen, controllers: Mapping[int, str]) -> Iterator[str]:
    silent = {one.id: one.why for one in seen.controllers.values() if not one.serving}
    for number, host in controllers.items():
        voter, name = seen.voter(number), f"{host} ({number})"
        if number in silent:
            yield f"{name}: {silent[number]}"
        elif seen.leader is None:
            yield f"{name}: it follows nobody"
        elif voter is None:
            yield f"{name}: it is no voter"
        elif number != seen.leader and not (voter.alive and voter.caught_up()):
            yield f"{name}: it lags behind the leader"


def under_way(found: Zookeeper, brokers: Mapping[int, str], observers: Collection[int]) -> str:
    """What is still missing after brokers have left ZooKeeper; "" for nothing. brokers {id: host}."""
    if here := [f"{brokers.get(number, 'broker')} ({number})" for number in found.brokers]:
        return f"still registered in ZooKeeper: {some(here)}"
    late = [f"{host} ({number})" for number, host in brokers.items() if number not in observers]
    return f"do not follow the controllers yet: {some(late)}" if late else ""


def step_of(found: Zookeeper) -> str:
    """Where a cluster stands, by what ZooKeeper knows alone: one of STEPS."""
    if found.migrated:
        return kraft.DUAL if found.brokers else kraft.MOVED
    return kraft.BACK if found.offset is None else kraft.BESIDE


def next_step(goal: str) -> str:
    """What a person does next, when the step is done."""
    following = {kraft.BESIDE: kraft.DUAL, kraft.DUAL: kraft.MOVED}.get(goal)
    if goal == kraft.BACK:
        return "nothing of the migration is left: remove kafka_migration and the group kafka_controller"
    if following:
        return f"next: kafka_migration: {following}"
    return (
        "next: when this has proved itself, remove kafka_migration and the group zookeeper and deploy (there is no way "
        "back then); after that, `invoke uninstall --service zookeeper`"
    )


def _first(step: str, goal: str, now: Stands) -> Refusal:
    hosts = [f"{some(names)}: {KINDS[one]}" for one, names in now.brokers.items()]
    return Refusal(
        f"{_asked(goal)} skips a step: kafka_migration: {step} comes first",
        f"deploy with kafka_migration: {step}" + (" (and the group zookeeper)" if goal == END else ""),
        (*hosts, f"controllers: {some(now.controllers) or 'none'}"),
    )


def _asked(goal: str) -> str:
    return "an inventory without ZooKeeper" if goal == END else f"kafka_migration: {goal}"


def _have(hosts: Sequence[str]) -> str:
    return "has" if len(hosts) == 1 else "have"


# -- of an inventory alone


def problems(inventory: Inventory) -> list[ConfigError]:
    """The groups, the version and the variables allow a migration."""
    of_group = partial(members, inventory)
    brokers = of_group(kraft.BROKERS)
    given = [host for host in brokers if host.vars[kraft.MIGRATION]]
    if not given:
        return []
    if differs := one_for_all(brokers, kraft.MIGRATION):
        return differs
    step, details = kraft.migration(of_group), [f"in: {given[0].place(kraft.MIGRATION)}"]

    def error(what: str, advice: str) -> list[ConfigError]:
        return [ConfigError(f"kafka_migration: {step} {what}", details=details, advice=advice)]

    if any(host.vars["kafka_zookeeper_connect"] for host in brokers):
        return error("is for the servers of the inventory", "put the servers into the group zookeeper")
    lacking = [one for one in (kraft.SERVERS, kraft.CONTROLLERS) if not of_group(one)]
    if lacking:
        return error(
            f"needs the groups zookeeper, kafka_controller and kafka, and {lacking[0]} has no hosts",
            "add it; or remove kafka_migration, if the migration has not begun or has ended",
        )
    if combined := [host.name for host in brokers if "controller" in kraft.process_roles(host, of_group)]:
        return error(
            f"is for controllers that are processes of their own, and those of {some(combined)} are not",
            "remove kafka_process_roles; controllers may be on the brokers' hosts",
        )
    try:
        used = release(brokers[0].vars)
    except ConfigError:  # another check says so
        return []
    if used.number[:2] != VERSION:
        return error(
            f"is for Kafka 3.9, not for {used.version}", "upgrade to 3.9.2 first, and to 4.x when the migration is over"
        )
    return []
