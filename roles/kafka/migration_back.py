"""The way back of a migration from ZooKeeper, as far as it is no roll: controllers go with all that they know, and
ZooKeeper and the brokers' disks forget them. Nothing of it is needed any more: until the brokers left ZooKeeper, it has
everything.

What would stay is dangerous: a cluster with a /controller that nobody takes over has none, and the next controllers
would believe a /migration of earlier ones (`migration.trapped`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cluster.metadata import remote
from provisioner.connect import requests
from provisioner.resources import Directory, Resource
from provisioner.run.stages import Stage, at
from provisioner.run.uninstall import removal
from roles.kafka import metadata
from roles.shared import kraft

if TYPE_CHECKING:
    from provisioner.connect.requests import Call
    from provisioner.report.reporter import Reporter
    from provisioner.run.target import Target


def remove_controllers(
    call: Call, controllers: Sequence[Target], reporter: Reporter, check: bool
) -> dict[str, tuple[int, int]]:
    """Remove them with their metadata, and let ZooKeeper forget them. controllers: the hosts that have one. Returns
    {host: (0, things removed)}. Raises HostFailed."""
    from roles.removing import between  # which imports all roles

    inventory = at(controllers[0].inventory, Stage("", {kraft.MIGRATION: kraft.BESIDE}))
    # What such an inventory has without them, as a host of a controller's own has, the next deploy would bring again.
    plans = {one.name: removal(between(one.during(inventory), one), True) for one in controllers}
    there = {
        name: call(name, requests.look_for([*plan.services, *plan.rest]))["present"] for name, plan in plans.items()
    }
    for name, present in there.items():
        if present:
            reporter.change(name, f"service:{kraft.OWN_UNIT}", "-", "the controller, with its metadata")
    if check:
        return {name: (0, len(present)) for name, present in there.items() if present}
    for name, plan in plans.items():
        call(name, requests.remove(plan.services))
        reporter.host(name, "")
    # Asked by one that still has the certificate of its node.
    first = controllers[0]
    forget = remote.migration_forget(metadata.connect(first), metadata.protocol(first))
    for path in call(first.name, forget)["deleted"]:
        reporter.change(first.name, f"zookeeper:{path}", "-", "of controllers that are gone")
    for name, plan in plans.items():
        call(name, requests.remove(plan.rest))
        reporter.host(name, "")
    return {name: (0, len(present)) for name, present in there.items() if present}


def remove_copies(call: Call, brokers: Sequence[Target], reporter: Reporter, check: bool) -> dict[str, tuple[int, int]]:
    """Remove the brokers' copies of what such controllers knew: those of others could not go on from there. brokers:
    those that run with ZooKeeper alone. Raises HostFailed."""
    found: dict[str, tuple[int, int]] = {}
    for one in brokers:
        copies = [made.purged() for made in _copies(one)]
        if not call(one.name, requests.look_for(copies))["present"]:
            continue
        reporter.change(one.name, f"directory:{one['kafka_metadata_dir']}", "-", "what controllers knew that are gone")
        if not check:
            call(one.name, requests.remove(copies))
            reporter.host(one.name, "")
        found[one.name] = (0, 1)
    return found


def _copies(broker: Target) -> list[Resource]:
    from roles.kafka import role

    dual = broker.during(at(broker.inventory, Stage("", {kraft.MIGRATION: kraft.DUAL})))
    made = [one for one in role.resources(dual) if isinstance(one, Directory)]
    return [one for one in made if one.path == dual["kafka_metadata_dir"]]
