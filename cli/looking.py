"""How status and doctor look at the services of a host: systemd, the process, the disks, and the service itself.

Only reads, and takes no lock.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from provisioner.connect import requests
from provisioner.errors import ProvisionerError, Unreachable
from roles import site, status
from roles.status import Answer

if TYPE_CHECKING:
    from provisioner.connect.fleet import Fleet
    from provisioner.inventory.model import Inventory
    from provisioner.run.target import Target

AGAIN_SECONDS = 1.5  # from the end of a look in which services contradict each other to the second one


def look(fleet: Fleet, target: Target) -> Answer:
    """What one host says about its services. Raises ProvisionerError."""
    services, data = site.services(target), site.data_dirs(target)
    credentials = {unit: node.credential for unit, node in site.nodes(target).items()}
    given = {unit: one.file for unit, one in site.shown_to_clients(target).items()}
    trusted = site.trusted_of_clients(target)
    found = fleet.read(
        target.name,
        lock=False,
        resources=[one.wire(content=False) for one in (*services, *credentials.values(), *given.values())],
        wants={"disks": [path for paths in data.values() for path in paths], "files": trusted},
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
        certificates={unit: states.get(one.key) for unit, one in credentials.items()},
        given={unit: states.get(one.key) for unit, one in given.items()},
        clients=[text for path in trusted if (text := found["files"][path])],
        said={unit: part.look(fleet.call, target) for unit, part in status.parts().items() if unit in active},
        processes=fleet.call(target.name, requests.look_at_processes(small)),
    )


def see(
    fleet: Fleet,
    inventory: Inventory,
    targets: Mapping[str, Target],
    lost: Mapping[str, ProvisionerError],
    known: Collection[str] = (),
) -> tuple[dict[str, Any], dict[str, ProvisionerError]]:
    """(the document of `status` about these hosts; why hosts have no answer in it). lost: the hosts that could not be
    asked. known: problems that are beyond doubt already.

    Where the inventory is ahead of its cluster (`kafka_security`), that is looked at as it runs, with a note.
    Where services contradict each other all are asked once more, and the second answer counts: a broker that has just
    started is known to some a moment before others.
    """

    def once() -> tuple[dict[str, Any], dict[str, ProvisionerError]]:
        answers = fleet.each(targets, lambda name: look(fleet, targets[name]))
        errors = {**lost, **answers.errors}
        why = {name: (not isinstance(error, Unreachable), error.summary) for name, error in errors.items()}
        return status.document(dict(answers), why, status.members(inventory)), errors

    found, errors = once()
    if not found["healthy"] and (other := site.as_it_runs(fleet.call, targets, inventory)):
        inventory, said = other
        targets = {name: one.during(inventory) for name, one in targets.items()}
        found, errors = once()
        found["notes"].append(said)
    if status.doubtful(found) and not set(known) & set(found["problems"]):
        time.sleep(AGAIN_SECONDS)
        found, errors = once()
    return found, errors
