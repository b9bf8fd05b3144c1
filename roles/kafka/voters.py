"""The voters of a KRaft quorum, brought to the controllers of the inventory: after the services are up.

A controller with a new directory (a host that was added, or one that lost its disk) follows the quorum and has no vote.
The quorum has to take it in. Of one that lost its disk, the lost directory leaves the quorum first: Kafka does not take
two voters with one id, and the old one could not be trusted anyway (KIP-853). Nothing is remembered between the two
steps: the next run sees what is left to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from provisioner.errors import HostFailed
from roles.kafka import listeners, metadata
from roles.shared import kraft

if TYPE_CHECKING:
    from cluster.metadata.kraft.seen import Seen
    from cluster.remote import ByBroker
    from provisioner.connect.requests import Call
    from provisioner.report.reporter import Reporter
    from provisioner.run.target import Target

MOST_BEHIND = 1000  # records of metadata: the leader waits until a new voter is level, but not for long


class Joining(NamedTuple):
    """A controller that is to become a voter. directory: its present one; lost: the one that it had before, "" for
    none."""

    controller: kraft.Controller
    directory: str
    lost: str


def contents(call: Call, targets: Sequence[Target], reporter: Reporter, check: bool) -> dict[str, tuple[int, int]]:
    """Take the controllers into the quorum that follow it without a vote. {host by way of which: (voters as the
    inventory has them, those that were or would be taken in)}. Raises HostFailed."""
    target = targets[0]
    answers = metadata.quorum(call, target)
    if answers is None:
        return {}
    from cluster.metadata.kraft.seen import Seen

    seen = Seen.from_answers(answers)
    voters = kraft.controllers(target.members)
    wanted = joining(seen, voters)
    if wanted and not check:
        leader = next((one for one in voters if one.id == seen.leader), voters[0])
        cluster = _cluster(call, target)
        for one in wanted:
            _join(call, target, leader, cluster, one)
    for one in wanted:
        lost = f", instead of its lost directory {one.lost}" if one.lost else ""
        reporter.change(one.controller.host, f"voter:{one.controller.id}", "+", f"in the quorum{lost}")
    return {target.name: (len(voters) - len(wanted), len(wanted))}


def joining(seen: Seen, voters: Sequence[kraft.Controller]) -> list[Joining]:
    """The controllers of the inventory that are up, follow the leader, and have no vote. Pure."""
    found = []
    for one in voters:
        voter = seen.voter(one.id)
        observer = next((each for each in seen.observers if each.id == one.id and each.alive), None)
        level = observer is not None and seen.end() - observer.end_offset <= MOST_BEHIND
        if observer is None or not level or (voter is not None and (voter.alive or one.id == seen.leader)):
            continue
        found.append(Joining(one, observer.directory, voter.directory if voter else ""))
    return found


def _join(call: Call, target: Target, leader: kraft.Controller, cluster: str, one: Joining) -> None:
    from cluster.metadata import remote
    from cluster.metadata.kraft import changes

    controller = one.controller
    if one.lost:
        _ask(call, target, leader, remote.remove_voter(cluster, controller.id, one.lost), one, changes.NOT_FOUND)
    place = [(kraft.LISTENER, controller.address, controller.port)]
    request = remote.add_voter(cluster, controller.id, one.directory, place)
    _ask(call, target, leader, request, one, changes.DUPLICATE)


def _ask(
    call: Call, target: Target, leader: kraft.Controller, request: ByBroker, one: Joining, done_before: int
) -> None:
    answer = call(target.name, request.at(leader.place))
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
        request = remote.cluster_status(min_isr=1).at(door.local if broker.name == target.name else door.advertised)
        if (answer := call(target.name, request))["serving"]:
            return str(answer["cluster_id"])
    raise HostFailed(
        "a controller could not become a voter, as no broker says the id of the cluster",
        host=target.name,
        advice="run the same command again when a broker is up",
    )
