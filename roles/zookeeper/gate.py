"""The gate of the servers: the others must keep the quorum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from provisioner.connect.requests import Call
from provisioner.refusal import Refusal
from provisioner.run.rolling import Say
from provisioner.words import counted
from roles.shared.keeper_gate import KeeperGate
from roles.shared.waits import Nodes
from roles.zookeeper import service, topology

if TYPE_CHECKING:
    from cluster.metadata.keeper import Keeper
    from provisioner.run.target import Target


def gate(targets: Mapping[str, Target], call: Call, say: Say) -> KeeperGate:
    """The gate of the servers; targets: all hosts of the run."""
    nodes = Nodes("zookeeper", service.LOGS[0], targets, call)
    return KeeperGate(targets, partial(_ensemble, call), nodes, "zookeeper_start_stall", say)


def in_use(targets: Sequence[Target], call: Call) -> Refusal | None:
    """Who would lose the ensemble if all of it were removed, and nothing else; None where nobody is connected to it, as
    after a migration. targets: all of its hosts."""
    first = targets[0]
    seen = topology.ensemble(call, first.host, first.members("zookeeper")).members()
    others = {name: one.connections - 1 for name, one in seen.items() if one.connections > 1}  # one is ours
    if not others:
        return None
    return Refusal(
        "brokers or controllers are connected to ZooKeeper, which may go when a migration has ended",
        tuple(f"{name}: {counted(number, 'connection')}" for name, number in others.items()),
    )


def _ensemble(call: Call, target: Target) -> Keeper:
    return topology.ensemble(call, target.host, target.members("zookeeper"))
