"""Reasons against the plan of a host with a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from roles.shared import security
from roles.zookeeper.doors import UNIT

if TYPE_CHECKING:
    from provisioner.connect.requests import Call
    from provisioner.errors import ProvisionerError
    from provisioner.run.plan import HostPlan
    from provisioner.run.target import Target


def objections(target: Target, plan: HostPlan, call: Call) -> list[ProvisionerError]:
    """A certificate that cannot be made."""
    if not security.on(target.host):
        return []
    from roles.shared import tls

    return tls.objections(target, plan, UNIT)
