"""The gate of the servers: the others must keep the quorum."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from provisioner.connect.requests import Call
from provisioner.run.rolling import Say
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


def _ensemble(call: Call, target: Target) -> Keeper:
    return topology.ensemble(call, target.host, target.members("zookeeper"))
