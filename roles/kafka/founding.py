"""A new node of a KRaft cluster: for which cluster its directory is formatted, and as a voter of which quorum.

No host knows this alone. The answers of all hosts of a run decide it, and nothing is kept outside of the hosts: the id
of the cluster is that of any node which has one, and a new one only where no node can have one. A controller is
formatted with the first set of voters while no controller has ever led; after that, an empty directory is that of a
node which has lost its disk or is new, and may not vote before the quorum has taken it in (KIP-853).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from cluster import remote
from provisioner.errors import Refused
from provisioner.resources import Initial, Resource
from provisioner.resources.frozen import replace
from provisioner.words import some
from roles.kafka import listeners, metadata, topology
from roles.shared import kraft

if TYPE_CHECKING:
    from provisioner.connect.requests import Call
    from provisioner.run.evidence import Witness

ASKED = (kraft.COMBINED_UNIT, kraft.OWN_UNIT)  # the units that have a directory of metadata


class Known(NamedTuple):
    """What the hosts of a run and those that they reach know. clusters {id: a host that has it}; led: whether the
    controllers have ever had a leader; partitions: of a node's data; outside: the nodes that nobody could ask."""

    clusters: Mapping[str, str]
    led: bool
    partitions: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()


def complete(witnesses: Sequence[Witness], call: Call) -> dict[str, list[Resource]]:
    """{host: its resources of this kind, with all that was not known before}. Raises Refused where what a new node
    belongs to cannot be known, or is contradicted."""
    new = {one.name: _initial(one) for one in witnesses}
    if not any(new.values()):
        return {}
    target = witnesses[0].target
    known = _known(witnesses, call)
    voters = kraft.controllers(target.members)
    fresh = [host for host, found in new.items() if found]
    cluster = decide(known, target["kafka_cluster_id"], fresh) or new_id()
    return {
        host: [
            replace(
                one,
                command=(*one.command, *flags(cluster, node, voters, known.led)),
                decided=True,
                label=said(cluster, known),
            )
            for unit, one in found.items()
            for node in [_node(unit, host, voters)]
        ]
        for host, found in new.items()
        if found
    }


def decide(known: Known, given: str | None, fresh: Sequence[str]) -> str | None:
    """The id of the cluster that new nodes belong to, None for a new cluster. Raises Refused. Pure.

    given: the inventory's. fresh: the hosts with a node to format.
    """
    listed = [f"{host}: {cluster}" for cluster, host in known.clusters.items()]
    if len(known.clusters) > 1:
        raise Refused(
            "the nodes of this inventory belong to different clusters",
            details=listed,
            advice="an inventory is one cluster: remove the hosts of the other one, or empty what they had before",
        )
    found = next(iter(known.clusters), None)
    if found and given and found != given:
        raise Refused(
            f"kafka_cluster_id is {given}, and the cluster that is there is {found}",
            details=listed,
            advice="remove kafka_cluster_id, or correct it",
        )
    if known.partitions and not known.led:
        raise Refused(
            f"cluster {found} has partitions, and no controller has its metadata",
            hosts=list(fresh),
            details=[f"partitions such as {some(sorted(known.partitions, key=_own), 3)}"],
            advice="bring back the disk or the host with the metadata: a new one would start without any topic",
        )
    if known.outside and not known.led:
        raise Refused(
            "a new node is to be formatted, and whether its cluster is there already is not known",
            hosts=list(fresh),
            details=[f"neither in this run nor answering: {', '.join(known.outside)}"],
            advice="deploy without --limit, or start these nodes first",
        )
    return found or given


def _own(partition: str) -> bool:
    """Whether it is of one of Kafka's own topics, which mean nothing to a person."""
    return partition.startswith("__")


def flags(cluster: str, node: int | None, voters: Sequence[kraft.Controller], led: bool) -> tuple[str, ...]:
    """The rest of the command that formats a node. node: its id among the voters, None for a broker. Pure.

    An option and its value are one word, since an id may begin with a dash (KAFKA-19988).
    """
    of = (f"--cluster-id={cluster}",)
    if node is None:
        return of
    if led:
        return (*of, "--no-initial-controllers")
    first = (f"{one.id}@{one.place}:{kraft.directory_id(cluster, one.id)}" for one in voters)
    return (*of, f"--initial-controllers={','.join(first)}")


def said(cluster: str, known: Known) -> str:
    """The plan's line."""
    return f"a new node of cluster {cluster}" if known.clusters else f"a new cluster, {cluster}"


def new_id() -> str:
    """A random id of a cluster that does not begin with a dash, as Kafka's Uuid.randomUuid."""
    while (made := kraft.encoded(secrets.token_bytes(16))).startswith("-"):
        continue
    return made


def _initial(witness: Witness) -> dict[str, Initial]:
    """{unit: what it still has to format} on a host; each unit has a user of its own name."""
    found: dict[str, Initial] = {}
    for change in witness.plan.changes:
        if isinstance(change.resource, Initial) and not change.resource.decided:
            found[change.resource.user] = change.resource
    return found


def _node(unit: str, host: str, voters: Sequence[kraft.Controller]) -> int | None:
    return next((one.id for one in voters if one.host == host and one.unit == unit), None)


def _known(witnesses: Sequence[Witness], call: Call) -> Known:
    clusters: dict[str, str] = {}
    led, partitions = False, dict[str, None]()
    for witness in witnesses:
        answers: list[Any] = [witness.said[unit] for unit in ASKED if unit in witness.said]
        for answer in answers:
            led = led or answer["epoch"] > 0
            for found in answer["dirs"].values():
                if found["cluster"]:
                    clusters.setdefault(found["cluster"], witness.name)
                partitions.update(dict.fromkeys(found["partitions"] or ()))
        if running := witness.serving.get("kafka", {}).get("cluster_id"):
            clusters.setdefault(running, witness.name)
    known = Known(clusters, led, tuple(partitions))
    return known if led else _with_others(known, witnesses, call)


def _with_others(known: Known, witnesses: Sequence[Witness], call: Call) -> Known:
    """With what the nodes outside of this run say of themselves, asked from the first host."""
    target, here = witnesses[0].target, {one.name for one in witnesses}
    others = [name for name, one in kraft.named(kraft.controllers(target.members)).items() if one.host not in here]
    clusters, led, outside = dict(known.clusters), known.led, list[str]()
    if others:
        answers = {name: one for name, one in (metadata.quorum(call, target) or {}).items() if name in others}
        outside = [name for name, answer in answers.items() if answer["leader"] is None]
        led = len(outside) < len(answers)
    brokers = [one for one in target.members("kafka") if one.name not in here]
    for broker in brokers if led and not clusters else ():
        status = call(target.name, remote.cluster_status(min_isr=1).at(listeners.inter_broker(broker).advertised))
        if status["serving"]:
            clusters[status["cluster_id"]] = broker.name
            break
    else:
        if led and not clusters and not target["kafka_cluster_id"]:
            names = [f"broker {topology.broker_id(one, target.members('kafka'))} ({one.name})" for one in brokers]
            raise Refused(
                "a new node is to be formatted, and the id of its cluster is not known",
                details=[f"none of these answers: {', '.join(names)}"] if names else [],
                advice="start a broker, or set kafka_cluster_id (meta.properties of any node has it)",
            )
    return Known(clusters, led, known.partitions, tuple(outside))
