"""The gate of the controllers: the others must keep the quorum."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from provisioner.connect.requests import Call
from provisioner.run.rolling import Say
from roles.kafka import metadata
from roles.kafka_controller import service
from roles.shared.keeper_gate import KeeperGate

if TYPE_CHECKING:
    from cluster.metadata.keeper import Keeper
    from provisioner.run.target import Target


def gate(targets: Mapping[str, Target], call: Call, say: Say) -> KeeperGate:
    """The gate of the controllers; targets: all hosts of the run."""
    nodes = metadata.controllers(targets, call, service.NAME)
    return KeeperGate(targets, partial(_quorum, call), nodes, "kafka_controller_start_stall", say)


def _quorum(call: Call, target: Target) -> Keeper:
    return metadata.keeper(target, call, service.NAME)
