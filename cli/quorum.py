"""quorum.remove: take a controller out of the quorum of a cluster without ZooKeeper, while the others go on."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from cli.asking import confirm
from cli.cluster import Cluster, opened
from cli.common import Run
from cluster import remote
from cluster.metadata import remote as nodes
from cluster.metadata.kraft import changes, view
from cluster.metadata.kraft.quorum_api import NOT_LEADER
from cluster.metadata.kraft.restart_rules import majority, may_leave
from cluster.metadata.kraft.seen import Seen
from provisioner.errors import HostFailed, Refused, Unreachable, UsageError, raise_all
from provisioner.report.reporter import Reporter
from provisioner.words import counted
from roles.shared import kraft
from roles.shared.checks import members

LOOK_SECONDS = 3.0  # a voter of a healthy quorum is level with its leader about twice a second
LEAVE_SECONDS = 20.0  # the leader waits until the voters that stay have noted it; one that leaves lets them elect first
PAUSE = 0.3
PASSING = (0, changes.NOT_FOUND, changes.TIMED_OUT, NOT_LEADER, None)  # answers after which a second look decides


class Known(NamedTuple):
    """What the inventory says of the controllers. controllers: its own; brokers {id: host}; apart: whether the
    controllers are processes of their own."""

    controllers: Sequence[kraft.Controller]
    brokers: Mapping[int, str]
    apart: bool

    @property
    def names(self) -> dict[str, int]:
        """{host: the id of its controller}; of combined nodes also of those that are a broker alone, as one is whose
        inventory has changed already."""
        found = {} if self.apart else {host: number for number, host in self.brokers.items()}
        return found | {one.host: one.id for one in reversed(self.controllers)}

    def of(self, host: str) -> list[int]:
        """The ids that a host's controllers have: of its own, and of its broker where that is, or was, one as well."""
        listed = [one.id for one in self.controllers if one.host == host]
        return list(dict.fromkeys([*listed, *(number for number, name in self.brokers.items() if name == host)]))

    def host(self, number: int) -> str | None:
        """The host of a node; None for one that the inventory does not have."""
        own = next((one.host for one in self.controllers if one.id == number), None)
        return own or self.brokers.get(number)

    def called(self, number: int) -> str:
        """controller 103 (kafka3)"""
        host = self.host(number)
        return f"controller {number}" + (f" ({host})" if host else "")


def remove(run: Run, controller: str, yes: bool) -> int:
    """Show who leaves and who stays, ask, remove it, and say what comes next. Raises what goes wrong."""
    with opened(run, stream=sys.stdout) as cluster:
        known = _known(cluster, run.hosts)
        number = _number(controller, known)
        _connect(cluster, run.check)
        show, driver = cluster.show, cluster.driver
        show.host(driver.name, "looking at the quorum")
        seen = _settled(cluster, known, number)
        show.host(driver.name, "")
        if controller in known.names and (two := [one for one in known.of(controller) if seen.voter(one)])[1:]:
            raise UsageError(
                f"--controller {controller}: the host has two controllers",
                details=[known.called(one) for one in two],
                advice="name the one that leaves by its id",
            )
        voter = seen.voter(number)
        if voter is None:
            if known.host(number) is None and all(one.id != number for one in seen.observers):
                raise UsageError(f"--controller {controller}: no such voter", details=[_listed(seen, known)])
            show.phase(f"Nothing to do: {known.called(number)} is no voter of the quorum ({_listed(seen, known)})")
            return 0
        _plan(show, seen, known, number)
        if run.check:
            return 0
        confirm(show, f"Take {known.called(number)} out of the quorum?", yes, "nothing was changed")
        after = _leave(cluster, known, number, voter.directory)
        show.phase(f"{known.called(number)} has left: {view.line(view.document(after, _hosts(known)))}")
        for line in next_steps(known, number, run.hosts):
            show.note(line)
    return 0


def next_steps(known: Known, number: int, inventory: str) -> Iterator[str]:
    """What comes after a controller has left the quorum, in order. Pure."""
    host = known.host(number)
    listed = any(one.id == number for one in known.controllers)
    follows = "it follows the quorum without a vote until it stops"
    last = "deploy, so that no node asks it any more"
    if host is None:
        yield f"the inventory does not have it, so that nothing else changes; if it still runs, {follows}: stop it"
    elif number in known.brokers:
        yield f"{host} goes on as it is, and {follows}; for good:"
        role = f"set kafka_process_roles: broker for {host}, and " if listed else ""
        yield f"  to keep it as a broker: {role}deploy, which restarts it as a broker alone"
        yield (
            f"  to remove it: `invoke rebalance --hosts {inventory} --drain {host}`, "
            f"`invoke uninstall --hosts {inventory} --limit {host}`, then take {host} out of the inventory, and {last}"
        )
    else:
        beside = host in known.brokers.values()
        only = f" --service {kraft.OWN_UNIT}`, which leaves the broker there alone" if beside else "`"
        yield f"{host} goes on as it is, and {follows}; for good:"
        yield (
            f"  `invoke uninstall --hosts {inventory} --limit {host}{only}; then take {host} out of the group "
            f"{kraft.CONTROLLERS}, and {last}"
        )
    if listed:
        yield "  a deploy whose inventory has it as a controller takes it into the quorum again, if it runs"


def _known(cluster: Cluster, inventory: str) -> Known:
    of_group = partial(members, cluster.inventory)
    if not kraft.on(next(iter(cluster.brokers.values())), of_group):
        raise UsageError(
            f"{inventory} is a cluster with ZooKeeper: there is no quorum of controllers",
            advice="a ZooKeeper server leaves by `invoke uninstall --limit HOST`, then a deploy without it",
        )
    brokers = {number: host.name for number, host in cluster.brokers.items()}
    return Known(kraft.controllers(of_group), brokers, kraft.apart(of_group))


def _number(controller: str, known: Known) -> int:
    """The id that --controller means: of a host of the inventory, or of any node."""
    if controller in known.names:
        return known.names[controller]
    if controller.isdecimal() and len(controller) < 11:
        return int(controller)
    listed = ", ".join(f"{host} ({number})" for host, number in known.names.items())
    problem = f"--controller {controller}: no such controller" if controller else "which one? --controller is missing"
    raise UsageError(problem, details=[f"controllers are: {listed}; or an id"])


def _connect(cluster: Cluster, check: bool) -> None:
    """A session with every node's host, and its lock: a roll would stop voters meanwhile. One may be gone already."""
    hosts = [*members(cluster.inventory, kraft.CONTROLLERS), *cluster.brokers.values()]
    cluster.reach(*dict.fromkeys(hosts))
    raise_all(error for error in cluster.lost.values() if not isinstance(error, Unreachable))
    if cluster.fleet.sessions:
        for name, error in cluster.lost.items():
            cluster.show.warning(f"{name} is left as it is: {error.summary}")
    if not check:
        cluster.fleet.each(cluster.fleet.sessions, cluster.fleet.lock).check()


def _look(cluster: Cluster, known: Known) -> Seen:
    """The quorum now. Its leader is asked by way of a broker where the inventory does not have it."""
    named = kraft.named(known.controllers)
    where = {name: (one.id, one.address, one.port) for name, one in named.items()}
    seen = Seen.from_answers(cluster.fleet.call(cluster.driver.name, nodes.kraft_quorum(where)))
    if seen.leader is None and (said := cluster.call(nodes.quorum_leader()))["serving"]:
        return Seen.from_leader(said, seen.controllers)
    return seen


def _settled(cluster: Cluster, known: Known, number: int) -> Seen:
    """The quorum, as soon as it can do without a voter. Raises Refused when it cannot, after a moment."""
    seen = _look(cluster, known)
    goal, until = seen.high_watermark if seen.leader is not None else None, time.monotonic() + LOOK_SECONDS
    while (seen.leader is None or seen.voter(number)) and (refusal := may_leave(seen, number, goal)):
        # How many voters there are, and of which kind, does not change by waiting.
        if (seen.leader is not None and (len(seen.voters) == 1 or seen.fixed)) or time.monotonic() >= until:
            raise Refused(refusal.reason, details=refusal.details, advice=_advice(seen, known))
        time.sleep(PAUSE)
        seen = _look(cluster, known)
    return seen


def _advice(seen: Seen, known: Known) -> str:
    if seen.leader is None:
        return view.no_leader(view.document(seen, _hosts(known))).fix
    if len(seen.voters) == 1:
        return "add another controller to the inventory first, and deploy"
    if seen.fixed:
        return "Kafka 4.1 or newer makes it one that can change: `kafka-features.sh upgrade --feature kraft.version=1`"
    return "bring back what is missing (deploy starts what is down), then run the same command again"


def _plan(show: Reporter, seen: Seen, known: Known, number: int) -> None:
    show.phase("Plan")
    leads = "; it leads, and the others elect another leader" if seen.leader == number else ""
    show.change(known.host(number) or f"controller {number}", f"voter:{number}", "-", f"out of the quorum{leads}")
    stay = len(seen.voters) - 1
    show.note(f"{counted(len(seen.voters), 'voter')} -> {stay}, of which {majority(stay)} must agree")
    if stay % 2 == 0:
        show.warning(f"{counted(stay, 'voter')} bear no more losses than {stay - 1} would: add or remove another one")


def _leave(cluster: Cluster, known: Known, number: int, directory: str) -> Seen:
    """Remove the voter, and wait until the others have a leader without it. An answer that was lost is asked for again:
    what was done is not done twice. Raises HostFailed."""
    driver, until = cluster.driver, time.monotonic() + LEAVE_SECONDS
    status = cluster.call(remote.cluster_status(min_isr=1))
    if not status["serving"]:
        raise HostFailed(f"its broker does not answer any more: {status['why']}", host=driver.name)
    cluster.show.host(driver.name, "the quorum notes it")
    while True:
        answer = cluster.call(nodes.remove_voter(status["cluster_id"], number, directory))
        seen = _look(cluster, known)
        if seen.leader not in (None, number) and seen.voter(number) is None:
            cluster.show.host(driver.name, "")
            return seen
        if answer["error"] not in PASSING or time.monotonic() >= until:
            raise HostFailed(
                f"{known.called(number)} could not be removed from the quorum: "
                f"{answer['why'] or 'the controllers have no leader'}",
                host=driver.name,
                advice="see how the quorum is (`invoke status`), then run the same command again",
            )
        time.sleep(PAUSE)


def _listed(seen: Seen, known: Known) -> str:
    return f"voters are: {', '.join(f'{known.host(one.id) or one.id} ({one.id})' for one in seen.voters)}"


def _hosts(known: Known) -> dict[int, str]:
    return {**known.brokers} | {one.id: one.host for one in known.controllers}
