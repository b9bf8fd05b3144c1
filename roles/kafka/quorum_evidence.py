"""The voters of a KRaft quorum, as evidence against an inventory that has fewer controllers, of either mode.

A voter that the inventory lacks still counts: the quorum waits for the confirmation of a node that nobody deploys,
restarts or looks at any more. It leaves by `invoke quorum.remove`, which asks whether the others can do without it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cluster.metadata import remote
from cluster.metadata.kraft.restart_rules import majority
from provisioner.run.evidence import Objection
from roles.kafka import listeners, metadata, topology
from roles.shared import evidence as shared
from roles.shared import kraft

if TYPE_CHECKING:
    from provisioner.connect.requests import Call
    from provisioner.run.evidence import Witness

VERB = "`invoke quorum.remove --controller"


def judge(witnesses: Sequence[Witness], call: Call) -> list[Objection]:
    """Voters that are no controllers of the inventory. Nothing is asked by a run that changes nothing, nor where no
    node serves: there is no quorum yet, or none that answers. witnesses: hosts of the run, of a KRaft cluster."""
    if all(one.plan.nothing for one in witnesses):
        return []
    found = _leader(witnesses, call)
    if found is None:
        return []
    host, said = found
    target = witnesses[0].target
    brokers = target.members(kraft.BROKERS)
    return lacking(
        {one["id"]: said["places"].get(str(one["id"]), "") for one in said["voters"]},
        [one.id for one in kraft.controllers(target.members)],
        {topology.broker_id(one, brokers): one.name for one in brokers},
        kraft.CONTROLLERS if kraft.apart(target.members) else kraft.BROKERS,
        host,
    )


def lacking(
    voters: Mapping[int, str], wanted: Collection[int], brokers: Mapping[int, str], group: str, host: str
) -> list[Objection]:
    """The contradictions. voters {id: address}: the quorum's; wanted: the ids of the inventory's controllers; brokers
    {id: host}: its brokers; group: its group of controllers; host: by way of which the quorum was asked. Pure."""
    stay = [number for number in voters if number in wanted]
    out = [
        Objection(
            f"it is voter {number} of the quorum and would be a broker alone: the quorum would go on counting on it",
            brokers[number],
            way=_way(number, stay, wanted, group),
        )
        for number in sorted(voters)
        if number in brokers and number not in wanted
    ]
    never = ""
    if len(stay) < majority(len(voters)):
        never = f"{len(stay)} of {len(voters)} voters would be the inventory's, and {majority(len(voters))} are needed"
    return out + shared.lacking(
        "controller",
        {number: address for number, address in voters.items() if number in wanted or number not in brokers},
        wanted,
        evidence="voters of the quorum",
        group=group,
        way=f"to take one out for good, use it for {VERB} {{names}}` (one at a time), then deploy without it",
        host=host,
        never=never,
    )


def _way(number: int, stay: Collection[int], wanted: Collection[int], group: str) -> str:
    """What comes before a combined node is a broker alone. stay: the controllers of the inventory that vote."""
    if group == kraft.CONTROLLERS and len(stay) < len(wanted):
        return (
            "let the new controllers join first: set kafka_process_roles: broker,controller for all brokers, and "
            'deploy (docs/operations.md, "Controllers of their own")'
        )
    if not stay:
        return "use the inventory in which it is a controller: the quorum is gone with the last of its voters"
    return f"take it out of the quorum first: {VERB} {number}`; to keep it, set kafka_process_roles: broker,controller"


def _leader(witnesses: Sequence[Witness], call: Call) -> tuple[str, Mapping[str, Any]] | None:
    """(the host that was asked, what the leader says); None where nobody serves or there is no leader. A broker is
    asked where one serves: it reaches a leader that the inventory does not have, too."""
    for one in witnesses:
        if kraft.COMBINED_UNIT in one.serving:
            door = listeners.door(one.target.host)
            said = call(one.name, remote.quorum_leader().at(door))
            return (one.name, said) if said["serving"] else None
    for one in witnesses:
        if kraft.OWN_UNIT in one.serving:
            answers = metadata.quorum(call, one.target) or {}
            return next(((one.name, said) for said in answers.values() if said["is_leader"]), None)
    return None
