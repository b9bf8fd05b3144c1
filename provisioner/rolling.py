"""Restart services whose inputs changed: one node at a time, each one serving again before the next.

What needs a restart is read from the hosts again after the changes were made (`outdated`), never carried over from
the plan: an earlier run that was killed before its restarts is finished by this one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .fleet import Fleet
from .plan import HostPlan
from .resources import Service
from .resources.service import outdated


@dataclass(frozen=True)
class Step:
    """One restart of the roll."""

    host: str
    service: Service
    reasons: tuple[str, ...]


def order(pending: Iterable[Step], units: Sequence[str]) -> list[Step]:
    """All restarts of one unit before the next unit's, in the order of `units` (a service after what it stands on),
    hosts in the order given. Pure."""
    steps = list(pending)
    return sorted(steps, key=lambda step: units.index(step.service.unit))


def pending(host: str, services: Iterable[Service], states: Mapping[str, Mapping[str, Any] | None]) -> list[Step]:
    """The restarts that one host needs, from its services' states as they are now. Pure."""
    steps = []
    for service in services:
        reasons = outdated(service.inputs, dict(states.get(service.key) or {}), {})
        if reasons:
            steps.append(Step(host, service, tuple(reasons)))
    return steps


def read_pending(fleet: Fleet, plans: Mapping[str, HostPlan]) -> list[Step]:
    """Ask every host which of its services run with other inputs than there are on disk; in rolling order."""

    def ask(host: str) -> list[Step]:
        services = [resource for resource in plans[host].resources if isinstance(resource, Service)]
        wires = [service.wire(content=False) for service in services]
        answer = fleet.sessions[host].request("read", resources=wires) if wires else {"states": {}}
        return pending(host, services, answer["states"])

    found = fleet.each(plans, ask).check()
    units = list(dict.fromkeys(r.unit for plan in plans.values() for r in plan.resources if isinstance(r, Service)))
    return order([step for host in plans for step in found[host]], units)


def roll(fleet: Fleet, steps: Sequence[Step]) -> dict[str, int]:
    """Restart in order, waiting for each to serve. Raises HostFailed at the first that does not: later nodes stay
    untouched. Answers {host: restarts}."""
    done: dict[str, int] = {}
    for step in steps:
        fleet.reporter.host(step.host, f"restarting {step.service.unit}")
        fleet.sessions[step.host].request("restart", fleet.show(step.host), service=step.service.wire(content=False))
        fleet.reporter.change(step.host, step.service.key, "restart", because(step.reasons))
        done[step.host] = done.get(step.host, 0) + 1
    return done


def shown(reasons: Sequence[str]) -> str:
    """The first few inputs of a list, and how many more."""
    return ", ".join(reasons[:4]) + (f" and {len(reasons) - 4} more" if len(reasons) > 4 else "")


def because(reasons: Sequence[str]) -> str:
    """The reason of a restart in words."""
    return f"runs with an older {shown(reasons)}"
