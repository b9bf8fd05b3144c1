"""The voters of a KRaft quorum, brought to the controllers of the inventory: after the services are up.

A controller with a new directory (a host that was added, or one that lost its disk) follows the quorum and has no vote.
The quorum has to take it in. Of one that lost its disk, the lost directory leaves the quorum first: Kafka does not take
two voters with one id, and the old one could not be trusted anyway (KIP-853). Nothing is remembered between the two
steps: the next run sees what is left to do.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from cluster.metadata import remote
from provisioner.errors import HostFailed
from roles.kafka import listeners, metadata
from roles.shared import kraft

if TYPE_CHECKING:
    from cluster.metadata.kraft.seen import Seen
    from cluster.remote import ByBroker
    from provisioner.connect.requests import Call
    from provisioner.report.reporter import Reporter
    from provisioner.resources import Request
    from provisioner.run.target import Target

JOIN_SECONDS = 10.0  # until a controller that has just started is known to the leader, and level with it
PAUSE = 0.3
MOST_BEHIND = 1000  # records of metadata: the leader waits until a new voter is level, but not for long


class Joining(NamedTuple):
    """A controller that is to become a voter. directory: its present one; lost: the one that it had before, "" for
    none."""

    controller: kraft.Controller
    directory: str
    lost: str


def contents(
    call: Call, targets: Sequence[Target], reporter: Reporter, check: bool, unit: str
) -> dict[str, tuple[int, int]]:
    """Take the controllers of a unit into the quorum that follow it without a vote. {host by way of which: (voters as
    the inventory has them, those that were or would be taken in)}. Raises HostFailed."""
    target = targets[0]
    first, voters = question(target, unit), kraft.voters_in(unit, target.members)
    if first is None:
        return {}
    if target.is_in(kraft.BROKERS) and _all_vote(call(target.name, first), voters):
        return {target.name: (len(voters), 0)}
    seen, late = _settled(call, target, voters, JOIN_SECONDS if not check else 0.0)
    for silent in late:
        reporter.warning(
            f"{silent.host}: controller {silent.id} is up and does not fetch from the leader, so that its vote is "
            "missing: deploy again when it does (`invoke logs` shows why it does not)"
        )
    wanted = joining(seen, voters)
    if wanted and not check:
        everyone = kraft.controllers(target.members)
        leader = next((one for one in everyone if one.id == seen.leader), voters[0])
        cluster = _cluster(call, target)
        for one in wanted:
            _join(call, target, leader, cluster, one)
    for one in wanted:
        lost = f", instead of its lost directory {one.lost}" if one.lost else ""
        reporter.change(one.controller.host, f"voter:{one.controller.id}", "+", f"in the quorum{lost}")
    return {target.name: (len(voters) - len(wanted), len(wanted))}


def question(target: Target, unit: str) -> Request | None:
    """What `contents` asks first, None where it asks nothing. target: the first of its targets. A broker on it has the
    leader asked: that one is asked anyway, and where all vote its answer says so."""
    if not metadata.controlled(target) or not kraft.voters_in(unit, target.members):
        return None
    if target.is_in(kraft.BROKERS):
        return remote.quorum_leader().at(listeners.door(target.host))
    return metadata.quorum_question(target)


def _all_vote(said: Mapping[str, Any], voters: Sequence[kraft.Controller]) -> bool:
    """Whether each of these controllers votes. said: the answer of a broker."""
    from cluster.metadata.kraft.seen import Seen

    return bool(said["serving"]) and {one.id for one in voters} <= Seen.from_leader(said).voting


def before_restarts(call: Call, targets: Sequence[Target], reporter: Reporter, unit: str) -> dict[str, tuple[int, int]]:
    """The same before a roll: whoever has joined is one more that the others can rely on while one restarts; a quorum
    of one could not spare it at all. {host by way of which: (0, those that were taken in)}. Raises HostFailed."""
    done = contents(call, targets, reporter, False, unit)
    return {host: (0, changed) for host, (_, changed) in done.items() if changed}


def _settled(
    call: Call, target: Target, voters: Sequence[kraft.Controller], patience: float
) -> tuple[Seen, list[kraft.Controller]]:
    """The quorum as soon as its leader hears of every controller that is up, and those of which it never did."""
    from cluster.metadata.kraft.seen import Seen

    until = time.monotonic() + patience
    while True:
        seen = Seen.from_answers(metadata.quorum(call, target) or {})
        late = apart(seen, voters)
        if not late or time.monotonic() >= until:
            return seen, late
        time.sleep(PAUSE)


def apart(seen: Seen, voters: Sequence[kraft.Controller]) -> list[kraft.Controller]:
    """The controllers of the inventory that are up, and neither fetch from the leader as voters nor are level with it
    so that they can become voters: those that have just started. Pure."""
    if seen.leader is None:
        return []
    up = {one.id for one in seen.controllers.values() if one.serving}
    join = {one.controller.id for one in joining(seen, voters)}
    return [one for one in voters if one.id in up - seen.voting - join]


def joining(seen: Seen, voters: Sequence[kraft.Controller]) -> list[Joining]:
    """The controllers of the inventory that are up, follow the leader, and have no vote. Pure."""
    found = []
    for one in voters:
        voter = seen.voter(one.id)
        observer = next((each for each in seen.observers if each.id == one.id and each.alive), None)
        level = observer is not None and seen.end() - observer.end_offset <= MOST_BEHIND
        if observer is None or not level or one.id in seen.voting:
            continue
        found.append(Joining(one, observer.directory, voter.directory if voter else ""))
    return found


def _join(call: Call, target: Target, leader: kraft.Controller, cluster: str, one: Joining) -> None:
    from cluster.metadata.kraft import changes

    controller = one.controller
    if one.lost:
        _ask(call, target, leader, remote.remove_voter(cluster, controller.id, one.lost), one, changes.NOT_FOUND)
    places = [(door.name, controller.address, door.port) for door in controller.doors]
    request = remote.add_voter(cluster, controller.id, one.directory, places)
    _ask(call, target, leader, request, one, changes.DUPLICATE)


def _ask(
    call: Call, target: Target, leader: kraft.Controller, request: ByBroker, one: Joining, done_before: int
) -> None:
    from cluster.metadata.kraft import changes

    until = time.monotonic() + JOIN_SECONDS
    # The leader asks the newcomer first, and may have no connection yet to one that was down (AddVoterHandler).
    while (answer := call(target.name, request.at(leader.asked)))["error"] == changes.TIMED_OUT:
        if time.monotonic() >= until:
            break
        time.sleep(PAUSE)
    if not answer["done"] and answer["error"] != done_before:
        raise HostFailed(
            f"controller {one.controller.id} follows the quorum, and could not become a voter: {answer['why']}",
            host=one.controller.host,
            advice="run the same command again when all controllers are up (`invoke status`)",
        )


def _cluster(call: Call, target: Target) -> str:
    """The id of the cluster, as a broker says it. Raises HostFailed where none answers."""
    from cluster import remote

    for broker in target.members(kraft.BROKERS):
        door = listeners.inter_broker(broker)
        request = remote.cluster_status(min_isr=1).at(door.asked_here if broker.name == target.name else door.asked)
        if (answer := call(target.name, request))["serving"]:
            return str(answer["cluster_id"])
    raise HostFailed(
        "a controller could not become a voter, as no broker says the id of the cluster",
        host=target.name,
        advice="run the same command again when a broker is up",
    )
