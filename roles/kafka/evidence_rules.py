"""Where a plan contradicts the brokers that are there; pure.

`evidence.py` collects what each host says of its broker (`Seen`). Nothing here asks a host.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from provisioner.run.evidence import DOWNTIME, FEWER_COPIES, GIVE_UP_DATA, NOTHING, SHRINK, Consent, Objection
from provisioner.words import counted, some
from roles.shared import evidence as shared
from roles.shared import security

if TYPE_CHECKING:
    from cluster.model import Partition

MIN_IN_SYNC = "min.insync.replicas"
CONNECT, ROLES, AMONG = "zookeeper.connect", "process.roles", "inter.broker.listener.name"

# Settings that the toolkit derives from the number of brokers, and the variable that sets each.
DERIVED: Mapping[str, str] = {
    "default.replication.factor": "kafka_replication_factor",
    "offsets.topic.replication.factor": "kafka_replication_factor",
    "transaction.state.log.replication.factor": "kafka_replication_factor",
    MIN_IN_SYNC: "kafka_min_insync_replicas",
    "transaction.state.log.min.isr": "kafka_min_insync_replicas",
}


class Data(NamedTuple):
    """A data directory. cluster: the id in its meta.properties; partitions: None where they were not counted;
    old_format: whether it is that of a broker with ZooKeeper."""

    cluster: str | None = None
    partitions: tuple[str, ...] | None = None
    old_format: bool = False


class Seen(NamedTuple):
    """A host's broker as it is, and as it will be.

    present, wanted: its data directories; data: what is in each of both. now, then: its server.properties; `then` is
    `now` where the plan leaves it. chosen: the variables and properties that the inventory sets itself. version: the
    one in use, None for none. active: whether the unit runs. brokers {id: address}: those that are registered, as it
    knows them; {} for one that does not serve. cluster: the id that it serves. led: whether its disk has what
    controllers have said.
    """

    host: str
    number: int = 0
    present: tuple[str, ...] = ()
    wanted: tuple[str, ...] = ()
    data: Mapping[str, Data] = NOTHING
    now: Mapping[str, str] = NOTHING
    then: Mapping[str, str] = NOTHING
    chosen: frozenset[str] = frozenset()
    version: str | None = None
    wanted_version: str = ""
    active: bool = False
    brokers: Mapping[int, str] = NOTHING
    cluster: str | None = None
    led: bool = False

    @property
    def has_data(self) -> bool:
        """Whether a broker has ever run on its data."""
        return any(one.cluster for one in self.data.values())


def forgotten(seen: Sequence[Seen], members: Mapping[int, str]) -> list[Objection]:
    """Registered brokers that the inventory does not have. members {id: host}: the inventory's."""
    known: dict[int, str] = {}
    for one in seen:
        known |= one.brokers
    witness = next((one.host for one in seen if one.brokers), None)
    return shared.lacking(
        "broker",
        known,
        members,
        evidence="registered",
        group="kafka",
        way="to take one out for good, use it for `invoke rebalance --drain {names}` and `invoke uninstall --limit "
        "{names}`, then deploy without it",
        host=witness,
    )


def clusters(seen: Iterable[Seen]) -> list[Objection]:
    """Brokers whose data belongs to different clusters."""
    found = []
    for one in seen:
        found += [(data.cluster, one.host, path) for path, data in one.data.items() if data.cluster]
        found += [(one.cluster, one.host, "as it runs")] if one.cluster else []
    return shared.clusters(found)


def hidden(seen: Iterable[Seen]) -> list[Objection]:
    """Data directories that leave the list with partitions in them."""
    out = []
    for one in seen:
        there = {name for path in one.wanted for name in one.data.get(path, Data()).partitions or ()}
        for path in one.present:
            held = one.data.get(path, Data()).partitions or ()
            # Copied by hand while the broker was stopped: then nothing is missing.
            if path in one.wanted or not held or (not one.active and set(held) <= there):
                continue
            out.append(
                Objection(
                    f"{path} is in use and not in kafka_data_dirs any more: it holds {counted(len(held), 'partition')}"
                    ", which would be out of sight",
                    one.host,
                    (f"kafka_data_dirs: {', '.join(one.wanted)}", f"partitions: {some(held)}"),
                    way=f"keep it in the list; to take it out, add the new directory beside it, deploy, and empty it: "
                    f"`invoke rebalance --drain-dir {{host}}:{path}`",
                    consent=Consent(GIVE_UP_DATA, ((path,),)),
                )
            )
    return out


def fewer_copies(seen: Iterable[Seen]) -> list[Objection]:
    """Settings that follow from the number of brokers and would fall because there are fewer of them."""
    out = []
    for one in seen:
        lower = tuple(
            f"{key} {one.now[key]} -> {one.then.get(key, 'not set')}"
            for key, variable in DERIVED.items()
            if not {key, variable} & one.chosen and _number(one.then, key) < _number(one.now, key)
        )
        if lower:
            out.append(
                Objection(
                    "fewer copies: settings that follow from the number of brokers would fall",
                    one.host,
                    lower,
                    way="to keep them, set kafka_replication_factor and kafka_min_insync_replicas in the inventory",
                    consent=Consent(FEWER_COPIES),
                )
            )
    return out


def needs_more_copies(one: Seen) -> bool:
    """Whether the in-sync copies that a write needs, if its topic does not say, become more."""
    return MIN_IN_SYNC in one.now and _number(one.then, MIN_IN_SYNC) > _number(one.now, MIN_IN_SYNC)


def too_few_copies(one: Seen, partitions: Iterable[Partition], own: Collection[str] = ()) -> list[Objection]:
    """Topics that follow a rising min.insync.replicas and have fewer copies, or none to spare. own: the topics that say
    themselves what their writes need."""
    if not needs_more_copies(one):
        return []
    now, then = (_number(settings, MIN_IN_SYNC) for settings in (one.now, one.then))
    copies = {one.topic: len(one.replicas) for one in partitions if one.topic not in own}
    what = {
        "with fewer copies could not be written with acks=all any more": [t for t, n in copies.items() if n < then],
        f"with {then} copies could not be written with acks=all while any of their brokers restarts": [
            t for t, n in copies.items() if n == then
        ],
    }
    return [
        Objection(
            f"min.insync.replicas {now} -> {then}: {counted(len(topics), 'topic')} {words}",
            one.host,
            (f"topics: {some(topics)}",),
            way=f"keep kafka_min_insync_replicas: {now}; for more, give them more than {then} copies first (`invoke "
            "topics.alter`)",
            consent=Consent(DOWNTIME),
        )
        for words, topics in what.items()
        if topics
    ]


def split_apart(problem: str, steps: Sequence[str]) -> Objection:
    """Brokers or servers that have left the others. steps: the way back."""
    return Objection(problem, None, tuple(steps))


def _number(settings: Mapping[str, str], key: str) -> int:
    text = settings.get(key, "")
    return int(text) if text.isdigit() else 0 if key not in settings else 1 << 31


def elsewhere(seen: Iterable[Seen]) -> list[Objection]:
    """Brokers that would look for their metadata at another place than that of the data they have."""
    out = []
    for one in seen:
        now, then = one.now.get("zookeeper.connect", ""), one.then.get("zookeeper.connect", "")
        if one.has_data and now and then and _chroot(now) != _chroot(then):
            out.append(
                Objection(
                    f"another chroot in ZooKeeper: {_chroot(now)} -> {_chroot(then)}; the broker would find no topics "
                    "there, and another cluster than that of its data",
                    one.host,
                    (f"zookeeper.connect: {now} -> {then}",),
                    way=f"set kafka_zookeeper_chroot to {_chroot(now)}",
                )
            )
    return out


def mode(seen: Iterable[Seen]) -> list[Objection]:
    """Brokers whose metadata would be kept by others than now: groups decide that, and one is easily lost."""
    out = []
    for one in seen:
        was, soon = (CONNECT in settings and ROLES not in settings for settings in (one.now, one.then))
        if not one.has_data or was == soon or not one.now:
            continue
        what, way = (
            (
                "a broker of a ZooKeeper cluster would become a node of a new one that keeps its own metadata (KRaft)",
                "add the group zookeeper with its servers, or kafka_zookeeper_connect; kafka_migration leads from one "
                'to the other (docs/operations.md, "From ZooKeeper to KRaft")',
            )
            if was
            else ("a node of a KRaft cluster would become a broker of a ZooKeeper one", "remove the group zookeeper")
        )
        out.append(Objection(f"{what}: no topic of now would be there", one.host, way=way))
    return out


def reused(seen: Iterable[Seen]) -> list[Objection]:
    """Disks that come from a broker with ZooKeeper, on hosts of a KRaft cluster: Kafka takes them for formatted. A host
    with the configuration of that broker is `mode`'s; one with a copy of the controllers' metadata was migrated."""
    return [
        shared.reused(path, one.host)
        for one in seen
        for path in one.wanted
        if one.data.get(path, Data()).old_format and CONNECT not in one.now and not one.led
    ]


def _chroot(connect: str) -> str:
    return "/" + connect.partition("/")[2].strip("/")


def other_metadata(one: Seen, found: str | None) -> list[Objection]:
    """A broker whose new zookeeper.connect leads to another cluster. found: the id of the cluster there, None where
    there is none."""
    own = next((data.cluster for data in one.data.values() if data.cluster), None)
    if own is None or found == own:
        return []
    there = f"that of cluster {found}" if found else "empty"
    return [
        Objection(
            f"the broker's data belongs to cluster {own}, and the ZooKeeper that it would use is {there}",
            one.host,
            (f"zookeeper.connect: {one.now.get('zookeeper.connect')} -> {one.then.get('zookeeper.connect')}",),
            way="use the ZooKeeper of this cluster",
        )
    ]


def silent_metadata(one: Seen) -> list[Objection]:
    """A broker that runs, and whose new zookeeper.connect leads nowhere: it would not come back from its restart."""
    if not one.active:
        return []  # as when both are stopped so that ZooKeeper's port can change
    now, then = (settings.get("zookeeper.connect", "") for settings in (one.now, one.then))
    return [
        Objection(
            f"no ZooKeeper answers at {then}, which the broker would use from its restart on",
            one.host,
            (f"zookeeper.connect: {now} -> {then}",),
            way="correct the inventory (kafka_zookeeper_connect), or start that ZooKeeper first",
        )
    ]


def talk(seen: Sequence[Seen]) -> list[Objection]:
    """A listener for brokers that not all of them would have during the roll: they restart one by one."""
    running = [one for one in seen if one.active and AMONG in one.now]
    if not _several(seen):
        return []
    out = []
    for one in running:
        before, after = one.now[AMONG], one.then.get(AMONG, "")
        if before == after or security.NODES in (before, after):  # the latter is a stage of its own (`stages.py`)
            continue
        if any(after not in _listeners(other.now) for other in running):
            problem = f"{after} does not exist yet on all of them"
        elif before not in _listeners(one.then):
            problem = f"{before}, which the others use until their own restart, is gone"
        else:
            continue
        out.append(
            Objection(
                f"brokers would talk to each other over {after} instead of {before}, and restart one by one: {problem}",
                one.host,
                way=f"in two deploys: first with both listeners and kafka_inter_broker_listener: {before}, then with "
                f"{after}",
            )
        )
    return out


def renamed(seen: Sequence[Seen]) -> list[Objection]:
    """A listener of clients that gets another name: brokers restart one by one, and one tells of those only that have
    the listener it is asked at (KIP-103), so that partitions led by the others have no leader for a client."""
    out = []
    for one in seen if _several(seen) else ():
        then = _listeners(one.then)
        for before, port in _listeners(one.now).items():
            after = next((name for name, other in then.items() if other == port), before)
            # The brokers' own: see `talk`.
            if not one.active or before in then or before == one.now.get("inter.broker.listener.name"):
                continue
            if after != before:
                out.append(
                    Objection(
                        f"the listener at port {port} would be called {after} instead of {before}, and brokers restart "
                        "one by one: meanwhile clients find no leader for the partitions of brokers that call it "
                        "otherwise",
                        one.host,
                        way=f"keep the name {before}, which clients do not see; or first add {after} at a port of its "
                        "own, and move the clients to it",
                    )
                )
    return out


def _several(seen: Iterable[Seen]) -> bool:
    """Whether brokers run in a cluster with others, asked in this run or not (--limit)."""
    return max((len(one.brokers) for one in seen), default=0) > 1 or sum(one.active for one in seen) > 1


def _listeners(settings: Mapping[str, str]) -> dict[str, str]:
    """{name: port}"""
    found = (entry.strip().partition("://") for entry in settings.get("listeners", "").split(","))
    return {name: address.rpartition(":")[2] for name, _, address in found if name}


def held(host: str, number: int, address: str) -> Objection:
    """A broker's id that a broker on another machine has, and serves."""
    return Objection(
        f"broker {number} is registered at {address} and answers there, but no broker runs on this host: two machines "
        "would have one id",
        host,
        way="correct the host's address or its kafka_broker_id; if the other machine is to be replaced, stop its "
        "broker first",
    )


def undrained(partitions: Iterable[Partition], leaving: Mapping[int, str]) -> list[Objection]:
    """Brokers that are to leave and still have copies. leaving {id: address}."""
    held = {number: sum(number in one.replicas for one in partitions) for number in leaving}
    return [
        Objection(
            f"broker {number} still holds {counted(copies, 'partition')}",
            None,
            way="move them away first, with the inventory that has it: `invoke rebalance --drain "
            f"{shared.names(number, leaving[number])[0]}`",
        )
        for number, copies in held.items()
        if copies
    ]


def orphans(partitions: Iterable[Partition], known: Collection[int]) -> list[Objection]:
    """Copies on brokers that are neither registered nor in the inventory. known: the ids that are."""
    held = Counter(number for one in partitions for number in one.replicas if number not in known)
    return [
        Objection(
            f"the inventory knows less than the cluster: {counted(copies, 'partition')} should have a copy on broker "
            f"{number}, which is not registered and not in its group kafka",
            None,
            way=f"use the inventory that has it; if that broker is gone for good, `invoke rebalance --drain {number}`",
            consent=Consent(SHRINK, ((str(number),),)),
        )
        for number, copies in sorted(held.items())
    ]
