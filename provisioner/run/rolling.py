"""Restart services whose inputs changed: one node at a time, each one serving again before the next.

What needs a restart is read from the hosts again after the changes were made (`outdated`), never carried over from
the plan: an earlier run that was killed before its restarts is finished by this one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from provisioner import timing
from provisioner.connect.fleet import Fleet
from provisioner.resources import Service, services_of
from provisioner.resources.service import outdated
from provisioner.run.plan import HostPlan
from provisioner.words import some

Say = Callable[[str, str], None]  # say(host, what it is doing)


@dataclass(frozen=True)
class Step:
    """One restart of the roll. reasons: the inputs that changed; none when a person asked for it."""

    host: str
    service: Service
    reasons: tuple[str, ...] = ()


class Gate(Protocol):
    """The rules of one unit's roll; `roles/<name>/gate.py` has the real ones. Each may raise HostFailed to stop it."""

    def order(self, hosts: Sequence[str]) -> list[str]:
        """The hosts in the order in which they restart."""

    def permit(self, host: str) -> Any:
        """Return, with the state before, when the host's service may go down now."""

    def relieve(self, host: str, before: Any) -> bool:
        """Hand over what others can do as well before the host's service goes down; whether anything was."""

    def settle(self, host: str, before: Any) -> None:
        """Return when the restarted service is fully back."""


def pending(host: str, services: Iterable[Service], states: Mapping[str, Mapping[str, Any] | None]) -> list[Step]:
    """The restarts that one host needs, from its services' states as they are now. Pure."""
    steps = []
    for service in services:
        reasons = outdated(service.inputs, dict(states.get(service.key) or {}), {})
        if reasons:
            steps.append(Step(host, service, tuple(reasons)))
    return steps


def read_pending(fleet: Fleet, plans: Mapping[str, HostPlan]) -> list[Step]:
    """Ask every host which of its services run with other inputs than there are on disk."""

    def ask(host: str) -> list[Step]:
        services = services_of(plans[host].resources)
        wires = [service.wire(content=False) for service in services]
        answer = fleet.sessions[host].request("read", resources=wires) if wires else {"states": {}}
        return pending(host, services, answer["states"])

    found = fleet.each(plans, ask).check()
    return [step for host in plans for step in found[host]]


def units(plans: Mapping[str, HostPlan]) -> list[str]:
    """The services of all hosts, each after what it stands on: all restarts of one come before the next one's. Pure."""
    return list(dict.fromkeys(one.unit for plan in plans.values() for one in services_of(plan.resources)))


def roll(fleet: Fleet, steps: Sequence[Step], gate: Gate) -> Iterator[str]:
    """Restart one unit on its hosts, one at a time behind the gate; yields each host when it is done. Raises HostFailed
    at the first that may not go down or does not come back: later nodes stay untouched."""
    by_host = {step.host: step for step in steps}
    for host in gate.order(list(by_host)):
        step = by_host[host]
        unit = step.service.unit
        with timing.timed(f"{unit} may go down", host):
            before = gate.permit(host)
            if gate.relieve(host, before):
                before = gate.permit(host)
        fleet.reporter.host(host, f"restarting {unit}")
        took = fleet.request(host, "restart", service=step.service.wire(content=False))["seconds"]
        for part, seconds in took.items():
            timing.add(f"{unit} {part}", seconds, host)
        with timing.timed(f"{unit} in sync", host):
            gate.settle(host, before)
        fleet.reporter.change(host, step.service.key, "restart", because(step.reasons))
        fleet.reporter.host(host, "")
        yield host


def shown(reasons: Sequence[str]) -> str:
    """The first few inputs of a list, and how many more."""
    return some(reasons, 4)


def because(reasons: Sequence[str]) -> str:
    """The reason of a restart in words."""
    return f"runs with an older {shown(reasons)}" if reasons else "asked for"
