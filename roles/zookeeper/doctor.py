"""What will be wrong with ZooKeeper one day. `roles/doctor.py` says what these are for."""

from __future__ import annotations

from provisioner.inventory.model import Inventory
from roles.doctor import Finding

FULL_DISK = "ZooKeeper stops when it cannot write: add space"


def inventory(inventory: Inventory) -> tuple[Finding, ...]:
    """An inventory alone shows nothing that will hurt ZooKeeper."""
    return ()
