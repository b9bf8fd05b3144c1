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
from cluster.metadata.kraft.restart_rules import majority
from provisioner.errors import Refused
from provisioner.resources import Initial, Resource
from provisioner.resources.frozen import replace
from provisioner.run.evidence import NOTHING
from provisioner.words import counted, some
from roles.kafka import listeners, metadata, migration, topology
from roles.shared import kraft, tls

if TYPE_CHECKING:
    from provisioner.connect.requests import Call
    from provisioner.run.evidence import Witness
    from provisioner.run.target import Target

NOT_KNOWN = "a new node is to be formatted, and the id of its cluster is not known"
SAY_IT = "start a broker, or set kafka_cluster_id (meta.properties of any node has it)"
ASKED = (kraft.COMBINED_UNIT, kraft.OWN_UNIT)  # the units that have a directory of metadata


class Known(NamedTuple):
    """What the hosts of a run and those that they reach know. clusters {id: a host that has it}; led: whether the
    controllers have ever had a leader; partitions: of a node's data; outside: the nodes that nobody could ask.
    blank: the hosts whose controllers are to be formatted, of so many in the inventory; leads: whether there is a
    leader now. told {host: "id@host:port:directory" of each controller that the one there was told of, while there was
    no leader}."""

    clusters: Mapping[str, str]
    led: bool
    partitions: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()
    blank: tuple[str, ...] = ()
    controllers: int = 0
    leads: bool = False
    told: Mapping[str, tuple[str, ...]] = NOTHING

    @property
    def lost(self) -> bool:
        """Whether the controllers with metadata are no majority of the inventory's."""
        return bool(self.blank) and self.controllers - len(self.blank) < majority(self.controllers)


def complete(witnesses: Sequence[Witness], call: Call) -> dict[str, list[Resource]]:
    """{host: its resources of this kind, with all that was not known before}. Raises Refused where what a new node
    belongs to cannot be known, or is contradicted."""
    undecided = {one.name: _undecided(one) for one in witnesses}
    if not any(undecided.values()):
        return {}
    tls.require_all([one.target for one in witnesses])
    new = {one.name: _nodes(one.target, undecided[one.name]) for one in witnesses}
    require_stopped({one.name: [unit for unit in new[one.name] if _lost(unit, one)] for one in witnesses})
    target = witnesses[0].target
    voters = kraft.controllers(target.members)
    known = _known(witnesses, call)._replace(
        blank=tuple(one.host for one in voters if one.unit in new.get(one.host, ())), controllers=len(voters)
    )
    if kraft.migrating(target.members):
        # ZooKeeper has their metadata, and the controllers get it from there.
        known = known._replace(partitions=())
    if known.led and known.lost:
        known = known._replace(leads=_has_leader(call, target))
    fresh = [host for host, found in undecided.items() if found]
    cluster = decide(known, target["kafka_cluster_id"], fresh) or new_id()
    if not known.led:
        require_told(known.told, first(cluster, voters))

    def decided(host: str, one: Initial) -> Resource:
        keeps_metadata = one in new[host].values()
        node = _node(one.user, host, voters) if keeps_metadata else None
        command = (*one.command, *flags(cluster, node, voters, known.led))
        return replace(one, command=command, decided=True, label=said(cluster, known, keeps_metadata))

    return {host: [decided(host, one) for one in found] for host, found in undecided.items() if found}


def require_stopped(running: Mapping[str, Sequence[str]]) -> None:
    """Raise Refused where a node runs whose meta.properties is gone. running {host: the units of such nodes}. A format
    would give the directory another id below a process that has read the old one, and votes by it. Pure."""
    there = {host: units for host, units in running.items() if units}
    if there:
        host, (unit, *_) = next(iter(there.items()))
        raise Refused(
            "a node runs whose meta.properties is gone: it would not start again",
            hosts=list(there),
            details=[f"{host}: {', '.join(units)}" for host, units in there.items()],
            advice="bring the file back from a backup; or stop the node and deploy, which makes a new node of it that "
            f"catches up from the others: `ssh {host} sudo systemctl stop {unit}`",
        )


def require_told(told: Mapping[str, tuple[str, ...]], voters: Sequence[str]) -> None:
    """Raise Refused where a controller that was formatted earlier was told of other first voters than these: each set
    could elect a leader of its own. Pure."""
    other = {host: of_host for host, of_host in told.items() if set(of_host) != set(voters)}
    if other:
        raise Refused(
            "the controllers that are to elect the first leader are not those of an earlier deploy, which was cut off",
            hosts=list(other),
            details=[
                *(f"{host} was told: {', '.join(of_host)}" for host, of_host in other.items()),
                f"the inventory: {', '.join(voters)}",
            ],
            advice="deploy with the inventory of then (the hosts, their order, ids and addresses), and change it "
            f"afterwards; or begin anew: `invoke uninstall --purge-data --limit {','.join(other)}`",
        )


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
            advice="bring back the disk or the host with the metadata: a new one would start without any topic; "
            "or empty the directory, if its disk was another cluster's",
        )
    if known.led and known.lost and not known.leads:
        raise Refused(
            f"{len(known.blank)} of {counted(known.controllers, 'controller')} {_are(known.blank)} without metadata, "
            "though there has been a leader, and the others cannot elect one that takes new ones in",
            hosts=list(known.blank),
            details=[f"no meta.properties: {', '.join(known.blank)}"],
            advice="bring back their disks, or their meta.properties, as they were; if the others are down, start "
            "these first (deploy with --limit); if this is to be a new cluster, empty what is left of the old one",
        )
    if known.led and not found and not given:
        raise Refused(NOT_KNOWN, hosts=list(fresh), advice=SAY_IT)
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
    return (*of, f"--initial-controllers={','.join(first(cluster, voters))}")


def first(cluster: str, voters: Sequence[kraft.Controller]) -> list[str]:
    """The controllers that are to elect the first leader of a cluster, as StorageTool takes them. Pure."""
    return [f"{one.id}@{one.place}:{kraft.directory_id(cluster, one.id)}" for one in voters]


def said(cluster: str, known: Known, node: bool) -> str:
    """The plan's line. node: whether a node's metadata is kept there, else its partitions."""
    if not node:
        return f"for partitions of cluster {cluster}"
    return f"a new node of cluster {cluster}" if known.clusters else f"a new cluster, {cluster}"


def new_id() -> str:
    """A random id of a cluster that does not begin with a dash, as Kafka's Uuid.randomUuid."""
    while (made := kraft.encoded(secrets.token_bytes(16))).startswith("-"):
        continue
    return made


def _undecided(witness: Witness) -> list[Initial]:
    """What a host still has to format."""
    resources = (change.resource for change in witness.plan.changes)
    return [one for one in resources if isinstance(one, Initial) and not one.decided]


def _nodes(target: Target, undecided: Sequence[Initial]) -> dict[str, Initial]:
    """{unit: the directory of its metadata} of those that a host has to format: of a new node, or of one that has lost
    it. Each unit has a user of its own name."""
    disks = {f"{path}/meta.properties" for path in (target["kafka_data_dirs"] if target.is_in(kraft.BROKERS) else ())}
    return {one.user: one for one in undecided if one.path not in disks}


def _lost(unit: str, one: Witness) -> bool:
    """Whether a node runs that should have its directory; a broker that knows ZooKeeper has none yet."""
    said = one.said.get(unit, {})
    with_zookeeper = migration.kind(said.get("running") or said.get("settings", {})) in (migration.OLD, migration.BOTH)
    return unit in one.active and not with_zookeeper


def _node(unit: str, host: str, voters: Sequence[kraft.Controller]) -> int | None:
    return next((one.id for one in voters if one.host == host and one.unit == unit), None)


def _known(witnesses: Sequence[Witness], call: Call) -> Known:
    clusters: dict[str, str] = {}
    told: dict[str, tuple[str, ...]] = {}
    led, partitions = False, dict[str, None]()
    for witness in witnesses:
        answers: list[Any] = [witness.said[unit] for unit in ASKED if unit in witness.said]
        for answer in answers:
            led = led or answer["led"]
            if answer["voters"]:
                told[witness.name] = tuple(f"{one['id']}@{one['place']}:{one['directory']}" for one in answer["voters"])
            for found in answer["dirs"].values():
                if found["cluster"]:
                    clusters.setdefault(found["cluster"], witness.name)
                partitions.update(dict.fromkeys(found["partitions"] or ()))
        if running := witness.serving.get("kafka", {}).get("cluster_id"):
            clusters.setdefault(running, witness.name)
    known = Known(clusters, led, tuple(partitions), told=told)
    return known if led and clusters else _with_others(known, witnesses, call)


def _with_others(known: Known, witnesses: Sequence[Witness], call: Call) -> Known:
    """With what the nodes outside of this run say of themselves, asked from the first host."""
    target, here = witnesses[0].target, {one.name for one in witnesses}
    others = [name for name, one in kraft.named(kraft.controllers(target.members)).items() if one.host not in here]
    clusters, led, outside = dict(known.clusters), known.led, list[str]()
    if others:
        answers = {name: one for name, one in (metadata.quorum(call, target) or {}).items() if name in others}
        outside = [name for name, answer in answers.items() if answer["leader"] is None]
        led = led or len(outside) < len(answers)
    brokers = [one for one in target.members("kafka") if one.name not in here]
    for broker in brokers if led and not clusters else ():
        status = call(target.name, remote.cluster_status(min_isr=1).at(listeners.inter_broker(broker).asked))
        if status["serving"]:
            clusters[status["cluster_id"]] = broker.name
            break
    else:
        if brokers and led and not clusters and not target["kafka_cluster_id"]:
            names = [f"broker {topology.broker_id(one, target.members('kafka'))} ({one.name})" for one in brokers]
            raise Refused(NOT_KNOWN, details=[f"none of these answers: {', '.join(names)}"], advice=SAY_IT)
    return known._replace(clusters=clusters, led=led, outside=tuple(outside))


def _has_leader(call: Call, target: Target) -> bool:
    """Whether any controller leads now or follows one, asked from this host."""
    return any(one["leader"] is not None for one in (metadata.quorum(call, target) or {}).values())


def _are(hosts: Sequence[str]) -> str:
    return "is" if len(hosts) == 1 else "are"
