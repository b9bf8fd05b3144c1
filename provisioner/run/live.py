"""Changes that running services take without a restart: foreseen in the plan, made after the files are written.

Both ask the host (`resources/live.py`): a run that was cut off between the two is finished by the next one.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

from provisioner.connect import requests
from provisioner.connect.fleet import Fleet
from provisioner.report.reporter import Row
from provisioner.resources import Resource, Service, services_of, sha256
from provisioner.run.plan import HostPlan
from provisioner.words import some


def foresee(fleet: Fleet, host: str, resources: Sequence[Resource], states: MutableMapping[str, Any]) -> None:
    """Put into the states of services what they will make of inputs that are about to be written; a service's own
    answer is about what is on disk now. One question, and only where such an input differs."""
    texts = {path: text for resource in resources for path, text in resource.written().items()}
    for service in services_of(resources):
        state, path = states.get(service.key), service.live.path if service.live else ""
        text = texts.get(path)
        if state and state["active"] and text is not None and sha256(text.encode()) != state["disk"].get(path):
            state["live"] = fleet.call(host, requests.foresee(service, text))["live"]


def adopt(fleet: Fleet, plan: HostPlan, row: Row) -> None:
    """Let the services of a host take what the plan says they can. Raises HostFailed when one does not."""
    for adoption in plan.adoptions:
        _apply(fleet, plan.host, adoption.service, row)


def tidy(fleet: Fleet, host: str, service: Service, row: Row) -> None:
    """After a restart: what was made without one before is in the process's own input now."""
    if service.live:
        _apply(fleet, host, service, row)


def _apply(fleet: Fleet, host: str, service: Service, row: Row) -> None:
    fleet.reporter.host(host, f"applying to {service.unit}")
    made = fleet.call(host, requests.adopt(service))["changes"]
    if made:
        row.applied += 1
        fleet.reporter.change(host, service.key, "apply", shown(made))
    fleet.reporter.host(host, "")


def shown(changes: Sequence[str]) -> str:
    """A service's changes in a line; more than a few are counted."""
    return f"{some(changes, 4)}, no restart"


def planned(plans: Mapping[str, HostPlan]) -> int:
    """How many services will take changes as they run."""
    return sum(len(plan.adoptions) for plan in plans.values())
