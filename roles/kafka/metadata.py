"""Who keeps the metadata of a broker's cluster: the only place in this room that says ZooKeeper does."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from roles.kafka import topology
from roles.shared.waits import Nodes
from roles.zookeeper import service
from roles.zookeeper import topology as zookeeper

if TYPE_CHECKING:
    from cluster.metadata.keeper import Keeper
    from provisioner.run.rolling import Call
    from provisioner.run.target import Target


def keeper(target: Target, call: Call) -> Keeper:
    """Who keeps the metadata, asked from this broker's host. One that the inventory does not have cannot be asked."""
    servers = () if target["kafka_zookeeper_connect"] else target.members("zookeeper")
    return zookeeper.ensemble(call, target.host, servers, connect(target))


def nodes(sessions: Collection[str], call: Call) -> Nodes:
    """The keeper's nodes, as systemd sees them on the hosts that can be asked (`sessions`)."""
    return Nodes("zookeeper", service.LOGS[0], sessions, call)


def connect(target: Target) -> str:
    """What a broker's zookeeper.connect says: the servers, each host:port, and the chroot behind the last."""
    given = target["kafka_zookeeper_connect"]
    chroot = str(target["kafka_zookeeper_chroot"] or "").strip("/")
    servers = given or zookeeper.connect(target.host, target.members("zookeeper"))
    return str(servers) + (f"/{chroot}" if chroot else "")


def names(target: Target) -> list[str]:
    """The names that a broker must be able to resolve for it."""
    if target["kafka_zookeeper_connect"]:
        return []
    return zookeeper.addresses(target.host, target.members("zookeeper"))


def unit_here(target: Target) -> str:
    """The unit on the broker's own host that it stands on, as systemd calls it; "" when that is elsewhere."""
    return "zookeeper.service" if target.is_in("zookeeper") else ""


def assumed(call: Call, target: Target) -> dict[str, int]:
    """What a probe of this broker must assume instead of asking: {"min_isr": copies} while there is no quorum.

    A broker reads a topic's settings in ZooKeeper (ZkConfigRepository), and waits there as long as it takes, with one
    of its eight request threads (num.io.threads). A few such questions, and it serves nobody any more.
    """
    if keeper(target, call).has_quorum():
        return {}
    return {"min_isr": topology.replication(target.host, len(target.members("kafka"))).min_insync}
