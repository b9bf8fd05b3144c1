"""How a cluster that runs is closed (`kafka_security`), and opened again, without an outage.

Each stage is one rolling restart, and whatever a node of it does, a node of the one before or after understands:

0. off: nodes speak over the listeners of then
1. the listeners with TLS are there as well
2. nodes speak over these; those of before are still there
3. open or required: nodes have no other listeners any more, with `required` clients neither

`controller.listener.names` says where a node is: nodes speak over the first of them. What says it in a cluster with
ZooKeeper is in `zookeeper_stages.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from cluster import remote
from provisioner.errors import ProvisionerError, Refused
from provisioner.run.stages import Stage, Way, at, to_go
from provisioner.words import some
from roles.kafka import clients, listeners, migration, service
from roles.shared import kraft, security

if TYPE_CHECKING:
    from provisioner.connect.requests import Call
    from provisioner.inventory.model import Inventory
    from provisioner.run.evidence import Witness

CLOSED = len(security.WAY) - 1

# What a stage does, on the way up and down.
UP = {1: "listeners with TLS are added", 2: "nodes speak over them"}
LAST = {
    security.OPEN: "nodes have no listener without TLS any more",
    security.REQUIRED: "the listeners without TLS are closed, and nobody may do what no rule allows",
}
DOWN = {
    2: "the listeners without TLS are added",
    1: "nodes speak over them",
    0: "the listeners with TLS are closed, and nobody has to have a name",
}


def way(witnesses: Sequence[Witness], call: Call) -> Way | None:
    """The stages that are to go; None where the cluster is where the inventory wants it, or is new. Raises Refused."""
    moves = _migrates(witnesses)
    if moves:
        from roles.kafka import migration_gate  # few clusters are on that way

        _all(witnesses, kraft.MIGRATION)
        if found := migration_gate.way(witnesses, call):
            return found
    closes = _closing(witnesses, call)
    if closes and moves:
        raise Refused(
            f"{closes.what} is a change of its own", advice="make it before the migration, or when it is over"
        )
    return closes


def _migrates(witnesses: Sequence[Witness]) -> bool:
    """Whether there is a migration from ZooKeeper: the inventory asks for one, or a node says that it is in one."""
    nodes = [one for one in witnesses if kraft.COMBINED_UNIT in one.said or kraft.OWN_UNIT in one.said]
    if not nodes:
        return False
    of_group = nodes[0].target.members
    left = any(kraft.OWN_UNIT in one.beside for one in witnesses) and bool(of_group(kraft.SERVERS))
    flagged = (settings.get(migration.FLAG) for one in nodes for settings in migration.settings(one.said))
    return bool(kraft.migration(of_group)) or left or "true" in flagged


def _closing(witnesses: Sequence[Witness], call: Call) -> Way | None:
    nodes = [one for one in witnesses if any(said.get("controllers") for said in one.said.values())]
    present = {position(names) for one in nodes for said in one.said.values() for names in said.get("controllers", ())}
    if not nodes:
        from roles.kafka import zookeeper_stages  # what a cluster without ZooKeeper does not load

        nodes = zookeeper_stages.nodes(witnesses)
        present = {one for node in nodes for one in zookeeper_stages.positions(node)}
    if not nodes:
        return None
    target = nodes[0].target
    mode = security.mode(target.host)
    goal = place(mode)
    positions = to_go(present, goal)
    if not positions:
        return None
    _all(witnesses, security.VARIABLE)
    _room(target.inventory)
    now = "off" if max(present) == 0 else "on" if min(present) == CLOSED else "on the way"
    said = {**UP, CLOSED: LAST[mode]} if goal == CLOSED else DOWN
    found = tuple(Stage(said[one], {} if one == goal else {security.VARIABLE: security.WAY[one]}) for one in positions)
    return Way(f"{security.VARIABLE}: {now} -> {mode}", found, tuple(clients.cut_off(nodes, call)))


def as_it_runs(call: Call, asked: Collection[str], inventory: Inventory) -> tuple[Inventory, str] | None:
    """(the inventory as its brokers run, a sentence about it); None where they run as it says. asked: hosts that are
    connected to.

    For verbs that only ask: between an edit and its deploy, or where that was cut off, nodes have other listeners than
    the inventory says. They are asked where the broker that is furthest behind listens, as none is two stages ahead.
    """
    brokers = [name for name in inventory.groups.get(kraft.BROKERS, ()) if name in asked]
    found = [one for one in (_mode(call, name) for name in brokers) if one]
    if not found:
        return None
    mode = min(found, key=place)
    wanted = security.mode(inventory.hosts[brokers[0]])
    if place(mode) == place(wanted):
        return None
    said = (
        f"{security.VARIABLE} of the inventory ({wanted}) is not what the cluster runs with: it is asked as it runs; "
        "`invoke deploy` makes it so, `invoke plan` shows how"
    )
    return at(inventory, Stage("", {security.VARIABLE: mode})), said


def _mode(call: Call, host: str) -> str | None:
    """How closed the broker of a host is, as it runs; None where that is not known, or its kind is another one."""
    request = remote.broker_evidence(config=service.CONFIG, started=service.STARTED, link="", dirs=())
    try:
        said = call(host, request)
    except ProvisionerError:
        return None
    running = said["running"] or said["settings"]
    if not running:
        return None
    if said["controllers"]:
        there = position(said["controllers"][-1])
    else:
        from roles.kafka import zookeeper_stages

        there = zookeeper_stages.broker(running)
    if there < CLOSED:
        return security.WAY[there]
    return security.REQUIRED if running.get(security.DECIDED[-1]) == "false" else security.OPEN


def place(mode: str) -> int:
    """Where a node of this mode is. Pure."""
    return security.WAY.index(mode) if mode in security.WAY else CLOSED


def position(names: str) -> int:
    """Where a node is, by the names of the controllers' listeners that it knows. Pure."""
    listed = [name.strip() for name in names.split(",")]
    secure = security.secured(kraft.LISTENER)
    if secure not in listed:
        return 0
    return CLOSED if len(listed) == 1 else 2 if listed[0] == secure else 1


def _room(inventory: Inventory) -> None:
    """Raise Refused where listeners with and without TLS would need one port, while there are both."""
    both = at(inventory, Stage("", {security.VARIABLE: security.MOVED}))
    for host in (both.hosts[name] for name in inventory.groups.get(kraft.BROKERS, ())):
        ports = [one.port for one in listeners.of(host)]
        if twice := sorted({port for port in ports if ports.count(port) > 1}):
            raise Refused(
                f"port {twice[0]} would be that of a listener with TLS and of one without, which are beside each other "
                "on the way",
                host=host.name,
                advice="give the secured one another port (kafka_secure_port; in kafka_listeners: secure_port)",
            )


def _all(witnesses: Sequence[Witness], variable: str) -> None:
    """Raise Refused where nodes of the cluster are in no such run: they would be left behind, alone."""
    target = witnesses[0].target
    seen = {(role, one.name) for one in witnesses for role in one.said}
    units = {kraft.SERVERS: kraft.SERVERS, kraft.BROKERS: kraft.COMBINED_UNIT, kraft.CONTROLLERS: kraft.OWN_UNIT}
    wanted = {(unit, host.name) for group, unit in units.items() for host in target.members(group)}
    if missing := sorted({host for _, host in wanted - seen}):
        raise Refused(
            f"{variable} changes for all nodes of a cluster together, and some are not in this run",
            details=[f"not in this run: {some(missing)}"],
            advice="deploy without --limit and --tags",
        )
