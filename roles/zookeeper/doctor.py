"""Foreseeable problems of ZooKeeper. `roles/doctor.py` describes these functions."""

from __future__ import annotations

from provisioner.inventory.model import Inventory
from roles.doctor import Finding

FULL_DISK = "ZooKeeper stops when it cannot write: add space"


def inventory(inventory: Inventory) -> tuple[Finding, ...]:
    """An inventory alone shows no problem of ZooKeeper."""
    return ()
