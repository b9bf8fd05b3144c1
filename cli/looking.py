"""How status and doctor look at the services of a host: systemd, the process, the disks, and the service itself.

Only reads, and takes no lock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provisioner.connect import requests
from roles import site, status
from roles.status import Answer

if TYPE_CHECKING:
    from provisioner.connect.fleet import Fleet
    from provisioner.run.target import Target


def look(fleet: Fleet, target: Target) -> Answer:
    """What one host says about its services. Raises ProvisionerError."""
    services, data = site.services(target), site.data_dirs(target)
    found = fleet.read(
        target.name,
        lock=False,
        resources=[service.wire(content=False) for service in services],
        wants={"disks": [path for paths in data.values() for path in paths]},
    )
    states: dict[str, Any] = found["states"]
    by_unit = {service.unit: states.get(service.key) for service in services}
    active = {unit for unit, state in by_unit.items() if state and state["active"]}
    small = {
        unit: state and {"pid": state["pid"], "started_monotonic_us": state["started_monotonic_us"]}
        for unit, state in by_unit.items()
    }
    return Answer(
        services=services,
        states=states,
        data=data,
        disks=found["disks"],
        said={unit: part.look(fleet.call, target) for unit, part in status.parts().items() if unit in active},
        processes=fleet.call(target.name, requests.look_at_processes(small)),
    )
