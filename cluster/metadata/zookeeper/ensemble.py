"""The ZooKeeper ensemble of a cluster, asked from one of the cluster's hosts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cluster.metadata.zookeeper import health
from provisioner.run.rolling import Call
from roles.shared import topology

if TYPE_CHECKING:
    from provisioner.inventory.model import Host
    from provisioner.run.target import Target


def servers(target: Target) -> tuple[Host, ...]:
    """The servers of this broker's ensemble; none for one that is not in the inventory and cannot be asked."""
    return () if target["kafka_zookeeper_connect"] else target.members("zookeeper")


def ensemble(call: Call, host: str, members: Sequence[Host]) -> dict[str, health.Member]:
    """Every server as it answers this host now, by name."""
    addresses = {
        member.name: [
            "127.0.0.1" if member.name == host else member.vars["zookeeper_address"],
            member.vars["zookeeper_port"],
        ]
        for member in members
    }
    answers = call(host, "cluster.metadata.zookeeper.probe", "ensemble", {"servers": addresses}) if addresses else {}
    return {name: health.Member.from_status(answer) for name, answer in answers.items()}


def assumed(call: Call, target: Target) -> dict[str, int]:
    """What a probe of this broker must assume instead of asking: {"min_isr": copies} while there is no quorum.

    A broker reads a topic's settings in ZooKeeper (ZkConfigRepository), and waits there as long as it takes, with one
    of its eight request threads (num.io.threads). A few such questions, and it serves nobody any more.
    """
    if health.has_quorum(ensemble(call, target.name, servers(target))):
        return {}
    return {"min_isr": topology.replication(target.host, len(target.members("kafka"))).min_insync}
