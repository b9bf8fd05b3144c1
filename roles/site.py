"""Which role applies to which hosts, in which order: the whole site on one page."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provisioner.errors import ProvisionerError
from provisioner.inventory.served import Served
from provisioner.resources import once
from roles import checks
from roles.role import Role, room
from roles.shared.gate import Gate, OneByOne
from roles.shared.releases import source

if TYPE_CHECKING:
    from provisioner.artifacts import ArchiveSource, ClosureSource
    from provisioner.connect.requests import Call
    from provisioner.inventory.model import Host, Inventory
    from provisioner.refusal import Refusal
    from provisioner.report.reporter import Reporter
    from provisioner.resources import Request, Resource, Service
    from provisioner.run.evidence import Agreed, Objection, Witness
    from provisioner.run.plan import HostPlan
    from provisioner.run.rolling import Say
    from provisioner.run.stages import Stage, Way
    from provisioner.run.target import Target
    from roles.shared.releases import Release
    from roles.shared.tls import Node, Shown


# Packages that are sent to the hosts: the engine's host side, what asks Kafka there, and its pure-Python client.
AGENT_PACKAGES: Sequence[str] = (
    "provisioner.agent",
    "provisioner.resources",
    "provisioner.words",
    "cluster",
)
AGENT_LIBRARIES: Sequence[str] = ("kafka",)
SHARING = "cluster.endpoint.sharing"


def loaded(host: Host) -> Sequence[str]:
    """The modules that a host's agent loads while it waits for its first request: TLS, where its services speak it."""
    from roles.shared import security

    return ("ssl",) if security.among_nodes(host) else ()


# In the order in which they are applied: a service comes after everything that it depends on.
ROLES = (
    Role("os", groups=("zookeeper", "kafka_controller", "kafka")),
    Role("java", groups=("zookeeper", "kafka_controller", "kafka")),
    Role("zookeeper", groups=("zookeeper",), alike=("zk",)),
    Role("kafka-controller", groups=("kafka_controller",), alike=("controller",), runs="kafka"),
    Role("kafka", groups=("kafka",), alike=("broker",)),
)

# Whose hosts a verb may connect to.
SERVED = Served({role.name: role.groups for role in ROLES}, {role.name: role.alike for role in ROLES})

ACCEPTED = "kafka_accept_downtime"  # the variable that permits what clients would lose by a restart

# The checks of an inventory, made before any connection.
CHECKS = checks.of(ROLES)

# The products with locked versions; a product comes before those that it depends on.
PRODUCTS = tuple(role.name for role in reversed(ROLES) if role.has("release"))

# The units that roles run and that a roll can restart, each named as its role, in the order in which they start.
SERVICES: Sequence[str] = tuple(role.name for role in ROLES if role.has("service"))


def roles_for(groups: Iterable[str], tags: Iterable[str] = ()) -> tuple[Role, ...]:
    """The roles of a host that is in these groups, in order; with tags, only those of these names."""
    of_host, wanted = set(groups), set(tags)
    return tuple(role for role in ROLES if of_host & set(role.groups) and (not wanted or role.name in wanted))


def groups_of(service: str) -> tuple[str, ...]:
    """The groups whose hosts run a service; none for "". Pure."""
    return next((role.groups for role in ROLES if role.name == service), ())


def parts(name: str) -> dict[str, Any]:
    """{role: its part of this name} of every role that has one, in order."""
    return {role.name: part for role in ROLES if (part := role.part(name))}


def parts_on(name: str, groups: Iterable[str], tags: Iterable[str] = ()) -> list[tuple[Role, Any]]:
    """Each role that has this part, with the part, of those of `roles_for`."""
    return [(role, part) for role in roles_for(groups, tags) if (part := role.part(name))]


def services(target: Target) -> list[Service]:
    """The units that a host is to run, in the order in which they start."""
    return [service for role in roles_for(target.host.groups) for service in role.services(target)]


def nodes(target: Target) -> dict[str, Node]:
    """The nodes of a host that have a certificate, by unit."""
    found = {
        role.name: part.node(target) for role, part in parts_on("service", target.host.groups) if hasattr(part, "node")
    }
    return {unit: node for unit, node in found.items() if node is not None}


def shown_to_clients(target: Target) -> dict[str, Shown]:
    """The certificates that units of a host show to clients instead of their node's, by unit."""
    found = {
        role.name: part.shown(target)
        for role, part in parts_on("service", target.host.groups)
        if hasattr(part, "shown")
    }
    return {unit: shown for unit, shown in found.items() if shown is not None}


def trusted_of_clients(target: Target) -> list[str]:
    """The files of a host that say whose certificates clients may show."""
    found = [
        part.trusted_of_clients(target)
        for _, part in parts_on("service", target.host.groups)
        if hasattr(part, "trusted_of_clients")
    ]
    return [path for path in found if path]


def data_dirs(target: Target) -> dict[str, list[str]]:
    """The data directories of each unit of a host; units without data are left out."""
    found = {role.name: part.data_dirs(target) for role, part in parts_on("service", target.host.groups)}
    return {unit: paths for unit, paths in found.items() if paths}


def logs(groups: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The log files of the units of a host that is in these groups: those worth reading as one stream."""
    return {role.name: tuple(part.LOGS) for role, part in parts_on("service", groups)}


def probes() -> dict[str, str]:
    """{unit: a regular expression for what our own checks leave in its logs}, of every role that says so."""
    return {name: part.PROBES for name, part in parts("service").items() if hasattr(part, "PROBES")}


def stops() -> dict[str, str]:
    """{main class of a server: the unit that runs it}, of every role whose unit is such a server."""
    return {part.MAIN: f"{name}.service" for name, part in parts("service").items() if hasattr(part, "MAIN")}


def releases(host: Host) -> list[Release]:
    """The versions of the products that a host's roles install. ConfigError when one is not locked."""
    names = dict.fromkeys(role.runs or role.name for role in roles_for(host.groups))
    return [part.release(host.vars) for role in ROLES if role.name in names and (part := role.part("release"))]


def sources(host: Host) -> list[ArchiveSource | ClosureSource]:
    """The sources of these versions, in the order of PRODUCTS."""
    return [source(release, host.vars) for release in reversed(releases(host))]


def warnings(inventory: Inventory) -> list[str]:
    """Warnings about working but unwise settings of an inventory: one sentence each."""
    return [*inventory.remarks, *checks.warnings(ROLES, inventory)]


def objections(target: Target, plan: HostPlan, call: Call) -> list[ProvisionerError]:
    """Reasons against the plan of a host, though it could be applied."""
    found = parts_on("objections", target.host.groups)
    return [problem for _, part in found for problem in part.objections(target, plan, call)]


def questions(target: Target, tags: Iterable[str] = ()) -> dict[str, Request]:
    """{role: what it asks the host about what is there}, of the roles of a run; for `judge`."""
    return {role.name: part.ask(target) for role, part in parts_on("evidence", target.host.groups, tags)}


def asked_first(target: Target, tags: Iterable[str] = ()) -> list[Request]:
    """What `contents` of the roles of a run asks this host first, in its order: it may be asked ahead."""
    found = parts_on("contents", target.host.groups, tags)
    return [question for _, part in found for question in part.asked_first(target)]


def asked_ahead(target: Target, tags: Iterable[str] = ()) -> list[list[Request]]:
    """What a run asks the services of a host in any case: whether they serve, and `asked_first`. What goes to the same
    place is in one list, to be asked one after another. target: without facts, as they are not known yet."""
    ready = [part.ready(target) for _, part in parts_on("service", target.host.groups, tags)]
    places: dict[object, list[Request]] = {}
    for number, one in enumerate([*map(once, ready), *asked_first(target, tags)]):
        places.setdefault(one.args.get("bootstrap", number), []).append(one)
    return list(places.values())


def beside(target: Target, tags: Iterable[str] = ()) -> list[str]:
    """The units that a host is not to run, of the roles of a run."""
    of_host = roles_for(target.host.groups)
    return [
        role.name for role in ROLES if role.has("service") and role not in of_host and (not tags or role.name in tags)
    ]


def judge(witnesses: Sequence[Witness], call: Call, agreed: Agreed) -> list[Objection]:
    """Where the inventory contradicts what is there, of all roles. agreed: as the command line permits."""
    found: list[Objection] = []
    for name, part in parts("evidence").items():
        if of_role := [one for one in witnesses if name in one.said]:
            found += part.judge(of_role, call, agreed)
    for one in witnesses:
        if one.beside:
            from roles.shared.evidence import left_behind, needless

            found += [left_behind(unit, one.name) for unit in one.beside if not needless(unit, one.said)]
    return found


def kept(witnesses: Sequence[Witness], call: Call) -> Stage | None:
    """What the services go on with, where the inventory says nothing about it and only they know. Raises HostFailed."""
    found = (part.kept(witnesses, call) for part in parts("kept").values())
    return next((one for one in found if one), None)


def way(witnesses: Sequence[Witness], call: Call) -> Way | None:
    """How to get from what runs to what the inventory says, where that takes several rolling restarts. Raises
    ProvisionerError."""
    found = (part.way(witnesses, call) for part in parts("stages").values())
    return next((one for one in found if one), None)


def as_it_runs(call: Call, hosts: Collection[str], inventory: Inventory) -> tuple[Inventory, str] | None:
    """(an inventory as these hosts run, a sentence about it), where it is a change ahead of them that takes several
    rolling restarts; else None."""
    found = (part.as_it_runs(call, hosts, inventory) for part in parts("stages").values())
    return next((one for one in found if one), None)


def complete(witnesses: Sequence[Witness], call: Call) -> dict[str, list[Resource]]:
    """{host: resources of its plan, with what only all hosts together know}, of all roles. Raises ProvisionerError."""
    found: dict[str, list[Resource]] = {}
    for part in parts("founding").values():
        for host, resources in part.complete(witnesses, call).items():
            found.setdefault(host, []).extend(resources)
    return found


def gate(unit: str, targets: Mapping[str, Target], call: Call, say: Say) -> Gate:
    """The gate of a unit; targets: all hosts of this run, those that it is asked about among them."""
    part = next(role for role in ROLES if role.name == unit).part("gate")
    found: Gate = part.gate(targets, call, say) if part else OneByOne()
    return found


def downtime(
    targets: Sequence[Target], restarts: Sequence[tuple[str, str]], call: Call, say: Say, accepted: bool = False
) -> list[str]:
    """What clients would lose by restarting these (host, unit), each reason with its evidence in one line. accepted:
    also on hosts whose inventory accepts it."""
    by_name = {target.name: target for target in targets}
    asked = [(host, unit) for host, unit in restarts if accepted or not by_name[host][ACCEPTED]]
    return _shown(gate(unit, by_name, call, say).downtime(host) for host, unit in asked)


def cut_off(target: Target, units: Collection[str], call: Call) -> list[str]:
    """Which of these units of a host nobody can connect to any more, while they run: they show a certificate that has
    ended."""
    found = {unit: node for unit, node in nodes(target).items() if unit in units}
    if not found:
        return []
    from roles.shared import ended  # hardly ever needed

    return ended.units(target.name, found, call)


def cut_off_elsewhere(asked: Target, unit: str, hosts: Iterable[Host], call: Call) -> list[str]:
    """On which of these hosts, of which none is connected to, the same is true of a unit, as one that is sees it."""
    own = nodes(asked).get(unit)
    if own is None:
        return []
    from roles.shared import ended

    doors = {
        host.name: {"": part.reached(host)}
        for host in hosts
        for role, part in parts_on("service", host.groups)
        if role.name == unit
    }
    return ended.units(asked.name, {name: own._replace(doors=door) for name, door in doors.items()}, call)


def outage(targets: Sequence[Target], cut_off: Collection[tuple[str, str]], accepted: bool = False) -> list[str]:
    """What clients lose by restarting these (host, unit) at the same time. accepted: also where the inventory accepts
    it on all of these hosts."""
    from roles.shared import ended

    names = {host for host, _ in cut_off}
    if not accepted and all(target[ACCEPTED] for target in targets if target.name in names):
        return []
    return ended.outage(names)


def departure(targets: Sequence[Target], call: Call, say: Say, service: str = "") -> list[str]:
    """What the cluster would lose if these hosts were removed, or only one service from them, each reason with its
    evidence in one line. Of a service that is removed from all hosts, only who uses it counts."""
    part = parts("gate").get(service)
    if part and hasattr(part, "in_use") and not _stays(targets, service):
        return _shown([part.in_use(targets, call)])
    by_name = {target.name: target for target in targets}
    leaving = {
        role.name: names
        for role, of_role in _of(targets)
        if role.has("gate")
        and service in ("", role.name)
        # A group may have none to run: controllers, where a migration has been taken back.
        and (names := [target.name for target in of_role if role.services(target)])
    }
    return _shown(gate(unit, by_name, call, say).departure(names) for unit, names in reversed(leaving.items()))


def _stays(targets: Sequence[Target], service: str) -> bool:
    """Whether a service stays on hosts that are not among these."""
    of_service = {host.name for group in groups_of(service) for host in targets[0].members(group)}
    return bool(of_service - {one.name for one in targets})


def contents(
    call: Call, targets: Sequence[Target], reporter: Reporter, tags: Sequence[str], check: bool
) -> dict[str, tuple[int, int]]:
    """Apply what the inventory lists about the content of services (check: only show it). {asked host: (things as
    listed or planned to be, things changed or to change)}; empty where nothing is listed, or --tags leaves the
    service out."""
    done: dict[str, tuple[int, int]] = {}
    for role, of_role in _of(targets):
        if (not tags or role.name in tags) and (part := role.part("contents")):
            for host, (ok, changed) in part.contents(call, of_role, reporter, check).items():
                before = done.get(host, (0, 0))
                done[host] = (before[0] + ok, before[1] + changed)
    return done


def before_restarts(call: Call, targets: Sequence[Target], reporter: Reporter) -> dict[str, tuple[int, int]]:
    """What new members of a service need before others of it may go down. {asked host: (0, things changed)}."""
    done: dict[str, tuple[int, int]] = {}
    for role, of_role in _of(targets):
        part = role.part("contents")
        if part and hasattr(part, "before_restarts"):
            for host, (_, changed) in part.before_restarts(call, of_role, reporter).items():
                done[host] = (0, done.get(host, (0, 0))[1] + changed)
    return done


def verify(call: Call, targets: Sequence[Target], reporter: Reporter, *, cli: bool = False) -> None:
    """Proof that the services work; each role that has one is asked, and says so where none of these hosts is its own.
    cli: with the official tools. Raises HostFailed."""
    for role in ROLES:
        if part := role.part("verify"):
            part.verify(
                call, [target for target in targets if role in roles_for(target.host.groups)], reporter, cli=cli
            )


def next_steps(targets: Sequence[Target]) -> list[str]:
    """Commands to try after a deploy, each role's for the hosts that it is on."""
    out: list[str] = []
    for role, of_role in _of(targets):
        part = role.part("service")
        if part and hasattr(part, "next_steps"):
            out += part.next_steps(of_role)
    return out


def _of(targets: Sequence[Target]) -> list[tuple[Role, list[Target]]]:
    """Each role with its hosts among these; roles that have none of them are left out."""
    found = [(role, [target for target in targets if role in roles_for(target.host.groups)]) for role in ROLES]
    return [(role, of_role) for role, of_role in found if of_role]


def _shown(refusals: Iterable[Refusal | None]) -> list[str]:
    return ["; ".join([lost.reason, *lost.details]) for lost in refusals if lost]


def load(inventory: Inventory) -> None:
    """Import and read what planning needs on this side in any case, while the hosts are asked."""
    import jinja2  # noqa: F401

    hosts = [host for host in inventory.hosts.values() if any(roles_for(host.groups))]
    for role in dict.fromkeys(role for host in hosts for role in roles_for(host.groups)):
        importlib.import_module(f"roles.{room(role.name)}.role")
        role.part("evidence")
        role.part("contents")
    with contextlib.suppress(ProvisionerError):  # reported when a host needs it
        for host in hosts:
            sources(host)


def default_files() -> list[Path]:
    """Every role's defaults.yml: together they declare all variables."""
    return [role.defaults for role in ROLES]
