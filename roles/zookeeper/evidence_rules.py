"""Where a plan contradicts the ZooKeeper servers that are there; pure.

`evidence.py` collects what each host says of its server (`Seen`). Nothing here asks a host.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from cluster.metadata.zookeeper.restart_rules import majority
from provisioner.run.evidence import NOTHING, Objection
from provisioner.words import some
from roles.shared import evidence as shared

STOPPED = "stop Kafka and ZooKeeper on all hosts first (`systemctl stop kafka zookeeper`), then deploy: the cluster is "
STOPPED += "down meanwhile"
IN_ENSEMBLE = ("leader", "follower", "observer")  # how a server serves that is not alone


class Seen(NamedTuple):
    """A host's server as it is, and as it will be.

    servers, servers_then {id: "host:quorum port:election port"}: its ensemble, none for a server that is alone. port,
    port_then: for clients. dirs, dirs_then: (of the snapshots, of the transaction log), None for a host without a
    server. data: the directories that hold transactions. active: whether the unit runs. mode: how
    it serves ("leader", "standalone", ...), "" where it does not.
    """

    host: str
    number: int = 0
    servers: Mapping[int, str] = NOTHING
    servers_then: Mapping[int, str] = NOTHING
    port: str = ""
    port_then: str = ""
    dirs: tuple[str, str] | None = None
    dirs_then: tuple[str, str] = ("", "")
    data: frozenset[str] = frozenset()
    version: str | None = None
    wanted_version: str = ""
    active: bool = False
    mode: str = ""

    @property
    def has_data(self) -> bool:
        """Whether the server has ever taken part in a cluster's life on its present directories."""
        return bool(self.dirs and self.data & set(self.dirs))

    @property
    def matters(self) -> bool:
        """Whether its configuration says something about a cluster: one that never worked says nothing."""
        return self.has_data or self.active


def known(seen: Iterable[Seen]) -> dict[int, str]:
    """{id: "host:port"} of every server that some configuration names."""
    found: dict[int, str] = {}
    for one in seen:
        if one.matters:
            found |= {number: address.rsplit(":", 1)[0] for number, address in one.servers.items()}
    return found


def forgotten(seen: Sequence[Seen], members: Mapping[int, str]) -> list[Objection]:
    """Configured servers that the inventory does not have. members {id: host}: the inventory's.

    A write counts when a majority has it. So few may stay only while any majority of before has one of them.
    """
    there = known(seen)
    stay = [number for number in there if number in members]
    least = len(there) - len(there) // 2
    never = ""
    if there and len(stay) < least:
        never = (
            f"{len(stay)} of {len(there)} servers may lack what the others have agreed on: at least {least} must stay"
        )
    return shared.lacking(
        "ZooKeeper server",
        there,
        members,
        evidence="its ensemble",
        group="zookeeper",
        way="to take one out for good, use it for `invoke uninstall --limit {names}`, then deploy without it",
        host=next((one.host for one in seen if one.matters and one.servers), None),
        never=never,
    )


def running_on(name: str, address: str) -> Objection:
    """A server that is to leave the ensemble and still runs: it would go on with its own majority."""
    return Objection(
        f"the ZooKeeper server at {address} still runs: it would go on as a member of the old ensemble",
        None,
        way=f"remove it first, with the inventory that has it: `invoke uninstall --limit {name}`",
    )


def ports(seen: Iterable[Seen], brokers: int) -> list[Objection]:
    """Ports that cannot change one server at a time, while the servers run. brokers: how many of these servers' clients
    are brokers of the inventory."""
    out = []
    for one in seen:
        if not one.active:
            continue
        shared_ids = [number for number in one.servers if number in one.servers_then]
        moved = [number for number in shared_ids if _ports(one.servers[number]) != _ports(one.servers_then[number])]
        if moved:
            number = moved[0]
            out.append(
                Objection(
                    "the ports among ZooKeeper servers cannot change one server at a time: a server with the new ones "
                    "does not find the others, and they do not find it",
                    one.host,
                    (f"server.{number}: {one.servers[number]} -> {one.servers_then[number]}",),
                    way=STOPPED,
                )
            )
        elif one.port and one.port_then and one.port != one.port_then and (brokers > 1 or len(one.servers_then) > 1):
            out.append(
                Objection(
                    f"zookeeper_port changes from {one.port} to {one.port_then}: every broker would lose ZooKeeper "
                    "until its own restart, and they restart one by one",
                    one.host,
                    way=STOPPED,
                )
            )
    return out


def election_address(server: str) -> str:
    """host:port at which a running server always listens, of "host:quorum port:election port"."""
    host, _, election = server.rsplit(":", 2)
    return f"{host}:{election}"


def _ports(server: str) -> list[str]:
    return server.split(":")[-2:]


def empty_majority(seen: Sequence[Seen], members: Collection[int]) -> list[Objection]:
    """Servers without data that would be a quorum by themselves, and begin a cluster of their own. One that serves in
    an ensemble has what its leader has, though no file may say so yet: an ensemble just begun has no transaction."""
    there, by_number = known(seen), {one.number: one for one in seen}
    full = [one for one in seen if one.has_data]
    if not full or len(members) < 2:
        return []
    empty = [
        number
        for number in members
        if (number in by_number and not by_number[number].has_data and by_number[number].mode not in IN_ENSEMBLE)
        or (number not in by_number and number not in there)
    ]
    if len(empty) < majority(len(members)):
        return []
    hosts = [by_number[number].host for number in empty if number in by_number]
    return [
        Objection(
            f"{len(empty)} of {len(members)} ZooKeeper servers have no data: they would be a majority and begin an "
            f"empty cluster, and {some([one.host for one in full])} would throw its data away to follow them",
            None,
            (f"without data: {some(hosts)}",) if hosts else (),
            way="let one server at a time get the data: add one host after the other to the group zookeeper, or, for "
            "hosts that have lost everything, deploy with --limit one after the other",
        )
    ]


def alone(seen: Sequence[Seen], number_of_members: int) -> list[Objection]:
    """A server that runs alone and is to become a member: the others would wait for it, while it waits for them."""
    named = {number for one in seen if one.matters for number in one.servers}
    return [
        Objection(
            "ZooKeeper runs alone here, and cannot become a member of an ensemble while it runs",
            one.host,
            way="stop it (`systemctl stop kafka zookeeper` on {host}), then deploy: the cluster is down meanwhile",
        )
        for one in seen
        if one.active and one.has_data and not one.servers and number_of_members > 1 and one.number not in named
    ]


def strangers(seen: Sequence[Seen]) -> list[tuple[Seen, Seen]]:
    """Pairs of servers with data that do not name each other's ensemble: another cluster's, or a split one's."""
    full = [one for one in seen if one.has_data]
    pairs = []
    for position, one in enumerate(full):
        for other in full[position + 1 :]:
            if not set(one.servers.values()) & set(other.servers.values()):
                pairs.append((one, other))
    return pairs


def split(seen: Sequence[Seen]) -> list[Objection]:
    """A server that runs alone on data of an ensemble that goes on without it."""
    out = []
    for pair in strangers(seen):
        for one, other in (pair, pair[::-1]):
            if not one.servers and one.number in other.servers:
                out.append(
                    Objection(
                        "the cluster is split: ZooKeeper runs alone here, and is a member of the ensemble of "
                        f"{other.host}",
                        one.host,
                        (f"{other.host} has server.{one.number}={other.servers[one.number]}",),
                        way='the way back is in docs/operations.md, "A split cluster"',
                    )
                )
    return list({one.host: one for one in out}.values())


def moved_data(seen: Iterable[Seen]) -> list[Objection]:
    """Directories that would be left behind with the data in them."""
    out = []
    for one in seen:
        if one.dirs is None or one.dirs == one.dirs_then:
            continue
        for what, before, after in zip(("snapshots", "transaction log"), one.dirs, one.dirs_then, strict=True):
            if before == after or before not in one.data or (not one.active and after in one.data):
                continue
            out.append(
                Objection(
                    f"the {what} of ZooKeeper would move from {before} to {after}, and the data would stay behind",
                    one.host,
                    way=f"keep {before}; to move it, one host at a time: `systemctl stop zookeeper`, `cp -a {before}/. "
                    f"{after}/`, and deploy with --limit {{host}}",
                )
            )
            break
    return out
