"""Restart services whose inputs changed: one node at a time, each one serving again before the next.

What a service reads only at its start is written in its host's turn, just before the restart: a value with which it
does not start is then on that one disk, and the other hosts would survive a power cut. What needs a restart is read
from the hosts (`outdated`), never remembered: an earlier run that was killed in a turn is finished by this one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from provisioner import timing
from provisioner.connect.fleet import Fleet
from provisioner.errors import ProvisionerError
from provisioner.resources import Service, services_of
from provisioner.resources.service import outdated
from provisioner.run.plan import Change, HostPlan, not_known, soon_on_disk
from provisioner.words import some

Say = Callable[[str, str], None]  # say(host, what it is doing)


@dataclass(frozen=True)
class Step:
    """One restart of the roll. reasons: the inputs that changed; none when a person asked for it. changes: what is
    written just before. serves: whether it serves now. begun: whether its next start would already read something new:
    an earlier run was cut off in its turn. needless: what is to be written is what the service runs with already, which
    the plan could not know; there is no restart then."""

    host: str
    service: Service
    reasons: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    serves: bool = True
    begun: bool = False
    needless: bool = False


class Gate(Protocol):
    """The rules of one unit's roll; `roles/<name>/gate.py` has the real ones. Each may raise HostFailed to stop it."""

    def order(self, hosts: Sequence[str]) -> Mapping[str, str]:
        """The hosts in the order in which they restart, each with why it stands there, "" for no reason of its own."""

    def permit(self, host: str) -> Any:
        """Return, with the state before, when the host's service may go down now."""

    def relieve(self, host: str, before: Any) -> bool:
        """Hand over what others can do as well before the host's service goes down; whether anything was."""

    def settle(self, host: str, before: Any) -> None:
        """Return when the restarted service is fully back."""

    def restore(self, hosts: Sequence[str]) -> str:
        """Put back what the restarts of these hosts have moved, once all are back; what was done, as a sentence, "" for
        nothing. A HostFailed is only a warning: the roll has succeeded."""


class Restarts(Protocol):
    """`roll`, or `together`."""

    def __call__(
        self, fleet: Fleet, steps: Sequence[Step], gate: Gate, write: Callable[[Step], None], /
    ) -> Iterator[str]: ...


def pending(plan: HostPlan, states: Mapping[str, Mapping[str, Any] | None], serving: Collection[str]) -> list[Step]:
    """The restarts that one host needs. states: of its services, as they are now; serving: the units that serve now.
    Pure."""
    steps = []
    planned = {restart.service.unit: restart for restart in plan.restarts}
    changing = [change.resource for restart in plan.restarts for change in restart.changes]
    soon = {**soon_on_disk(changing), **not_known(changing)}
    for service in services_of(plan.resources):
        state, restart = dict(states.get(service.key) or {}), planned.get(service.unit)
        changes = restart.changes if restart else ()
        reasons = tuple(outdated(service.inputs, state, soon))
        needless = bool(changes and not reasons and state.get("active"))
        if restart and changes and not needless:
            reasons = restart.reasons  # also when the service has died since the plan was made
        if reasons or needless:
            serves = service.unit in serving if service.ready else bool(state.get("active"))
            begun = bool(outdated(service.inputs, state, {}))
            steps.append(Step(plan.host, service, reasons, changes, serves, begun, needless))
    return steps


def read_pending(fleet: Fleet, plans: Mapping[str, HostPlan]) -> list[Step]:
    """Ask every host which of its services run with other inputs than there are on disk, or will be."""

    def ask(host: str) -> list[Step]:
        wires = [service.wire(content=False) for service in services_of(plans[host].resources)]
        if not wires:
            return []
        answer = fleet.sessions[host].request("read", resources=wires, wants={"serving": True})
        return pending(plans[host], answer["states"], answer["serving"])

    found = fleet.each(plans, ask).check()
    return [step for host in plans for step in found[host]]


def units(plans: Mapping[str, HostPlan], order: Sequence[str]) -> list[str]:
    """The services of all hosts, each after what it stands on: all restarts of one come before the next one's. order:
    of all services, since no host may have two of them. Pure."""
    found = {one.unit for plan in plans.values() for one in services_of(plan.resources)}
    return [unit for unit in order if unit in found]


def roll(fleet: Fleet, steps: Sequence[Step], gate: Gate, write: Callable[[Step], None]) -> Iterator[str]:
    """Restart one unit on its hosts, one at a time behind the gate; yields each host when it is done. write: makes the
    changes of a step. Raises HostFailed at the first that may not go down or does not come back: later nodes stay
    untouched, and keep the files that they have."""
    by_host = {step.host: step for step in steps}
    order = list(turns(gate.order(list(by_host)), by_host))
    for number, host in enumerate(order):
        step, untouched, tried = by_host[host], order[number:], False
        unit = step.service.unit
        try:
            with timing.timed(f"{unit} may go down", host):
                before = gate.permit(host)
            untouched = order[number + 1 :]
            if step.changes:
                write(step)
            with timing.timed(f"{unit} may go down", host):
                # Both take time, and what was true before may not be true any more.
                if gate.relieve(host, before) or step.changes:
                    before = gate.permit(host)
            tried = bool(step.reasons)
            fleet.reporter.host(host, f"restarting {unit}")
            took = fleet.request(host, "restart", service=step.service.wire(content=False))["seconds"]
            for part, seconds in took.items():
                timing.add(f"{unit} {part}", seconds, host)
            with timing.timed(f"{unit} in sync", host):
                gate.settle(host, before)
        except ProvisionerError as error:
            stopped(error, [name for name in untouched if by_host[name].changes], unit if tried else "")
            raise
        fleet.reporter.change(host, step.service.key, "restart", because(step.reasons))
        fleet.reporter.host(host, "")
        yield host


def cut_off(plans: Mapping[str, HostPlan], found: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
    """The (host, unit) that start at the same time, since none of them comes back alone. found: those that run and that
    nobody can connect to. Pure."""
    units = {unit for _, unit in found}
    all_of = {*found, *((step.host, step.service.unit) for step in not_running(plans) if step.service.unit in units)}
    return {(host, unit) for host, unit in all_of if sum(unit == one for _, one in all_of) > 1}


def starting(plans: Mapping[str, HostPlan], chosen: Collection[tuple[str, str]]) -> list[Step]:
    """The starts of services among these (host, unit) that do not run. Pure."""
    return [step for step in not_running(plans) if (step.host, step.service.unit) in chosen]


def not_running(plans: Mapping[str, HostPlan]) -> list[Step]:
    """The starts of all services that were deployed and do not run. Pure."""
    return [
        Step(plan.host, change.resource, changes=(change,), serves=False)
        for plan in plans.values()
        for change in plan.changes
        if isinstance(change.resource, Service) and change.actual and "active" in change.differs
    ]


def together(fleet: Fleet, steps: Sequence[Step], gate: Gate, write: Callable[[Step], None]) -> Iterator[str]:
    """Restart one unit on its hosts at the same time: nodes that nobody can connect to, each other included, so that
    none is missed, and none would come back alone. A start of one that does not run is among its changes. Yields each
    host that has restarted when it is done. write: as for `roll`. Raises HostFailed where one does not come back."""
    by_host = {step.host: step for step in steps}

    def restart(host: str) -> None:
        step = by_host[host]
        if step.changes:
            write(step)
        if step.reasons:
            fleet.reporter.host(host, f"restarting {step.service.unit}")
            took = fleet.request(host, "restart", service=step.service.wire(content=False))["seconds"]
            for part, seconds in took.items():
                timing.add(f"{step.service.unit} {part}", seconds, host)

    fleet.each(by_host, restart).check()
    for host, step in by_host.items():
        gate.settle(host, None)
        fleet.reporter.host(host, "")
        if step.reasons:
            fleet.reporter.change(host, step.service.key, "restart", because(step.reasons))
            yield host


def turns(order: Mapping[str, str], steps: Mapping[str, Step]) -> dict[str, str]:
    """The hosts in the order of their turns, each with why it has that turn. order: the gate's. What an earlier run has
    left on a disk untried is tried there before another host gets it; but one that does not serve comes first, since no
    gate lets another go down before that is back. Pure."""
    hosts = sorted(order, key=lambda host: (steps[host].serves, not steps[host].begun))
    return {host: _why_now(steps[host]) or order[host] for host in hosts}


def _why_now(step: Step) -> str:
    if not step.serves:
        return "it does not serve, and the others wait for it"
    return "files on its disk are untried: a wrong one then stops no other host" if step.begun else ""


def stopped(error: ProvisionerError, untouched: Collection[str], tried: str) -> None:
    """Add to the error that ends a roll what becomes of the new files. untouched: the hosts that would have got some
    and did not; tried: the unit that was started with them; "" for none."""
    if untouched:
        error.details.append(f"not touched, still with the old files: {some(list(untouched), 6)}")
    if tried:
        back = f"put the old one back in the inventory and deploy again: that starts {tried} here first"
        error.advice = "; ".join([*filter(None, [error.advice]), f"if a new value is the cause, {back}"])


def shown(reasons: Sequence[str]) -> str:
    """The first few inputs of a list, and how many more."""
    return some(reasons, 4)


def because(reasons: Sequence[str]) -> str:
    """The reason of a restart in words."""
    return f"runs with an older {shown(reasons)}" if reasons else "asked for"


def left_out(step: Step) -> str:
    """What --no-restart leaves to the next deploy, in words."""
    unit = step.service.unit
    if step.changes:
        return (
            f"{unit} needs a new {shown(step.reasons)}; left out with its restart (--no-restart), for the next deploy"
        )
    return f"{unit} {because(step.reasons)}; restart left out (--no-restart), the next deploy does it"
