"""Let running services read inputs again that are to change, or have: one host after the other.

Each host gets the new files just before, and its service must work with them before the next host is touched. What it
does not take is then on one disk, and the service goes on with the old.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from provisioner import timing
from provisioner.connect import requests
from provisioner.connect.fleet import Fleet
from provisioner.errors import ProvisionerError
from provisioner.report.reporter import Row
from provisioner.run import apply as applying
from provisioner.run import rolling
from provisioner.run.apply import Payloads
from provisioner.run.plan import HostPlan, Reloading
from provisioner.words import some


def reload(
    fleet: Fleet, plans: Mapping[str, HostPlan], order: Sequence[str], payloads: Payloads, rows: Mapping[str, Row]
) -> None:
    """All that is planned. order: of all services. Raises HostFailed for the first that does not take it."""
    found = [
        (host, one)
        for unit in rolling.units(plans, order)
        for host, plan in plans.items()
        for one in plan.reloads
        if one.service.unit == unit
    ]
    if found:
        fleet.reporter.phase("Reload")
    for number, (host, one) in enumerate(found, 1):
        try:
            applying.apply(fleet, host, one.changes, payloads, rows[host])
            fleet.reporter.host(host, f"{one.service.unit} reads its files again")
            with timing.timed(f"reload {one.service.unit}", host):
                fleet.call(host, requests.reload(one.service))
        except ProvisionerError as error:
            rolling.stopped(error, dict.fromkeys(name for name, later in found[number:] if later.changes), "")
            raise
        rows[host].reloaded += 1
        fleet.reporter.change(host, one.service.key, "reload", shown(one))
        fleet.reporter.host(host, "")


def shown(one: Reloading) -> str:
    """What a service reads again, in a line."""
    return f"{some(one.what, 4)}, no restart"


def planned(plans: Mapping[str, HostPlan]) -> int:
    """How many services will read inputs again."""
    return sum(len(plan.reloads) for plan in plans.values())
