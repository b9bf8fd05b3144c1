"""One deploy from loaded inventory to recap: connect, preflight, read, plan, apply, roll, verify.

Nothing on any host is changed before every host has passed preflight. Every step derives what is left to do from the
hosts, so a run that was killed anywhere is finished by the next one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from . import apply as applying
from . import connection, live, payload, plan, preflight, rolling
from .errors import HostFailed, ProvisionerError, Refused, Several, Unreachable
from .fleet import Fleet, Outcome
from .inventory import Host, Inventory
from .plan import HostPlan
from .preflight import Needs
from .report import Reporter, Row
from .resources import Resource
from .target import Target
from .timing import timed


class Role(Protocol):
    """What the engine needs of a role; `roles/site.py` has the real ones."""

    @property
    def name(self) -> str: ...
    def needs(self, target: Target) -> Needs: ...
    def resources(self, target: Target) -> list[Resource]: ...


class Site(Protocol):
    """What the engine needs of the whole of the roles."""

    AGENT_PACKAGES: Sequence[str]
    AGENT_LIBRARIES: Sequence[str]

    def roles_for(self, groups: Iterable[str], tags: Iterable[str] = ()) -> Sequence[Role]: ...
    def warnings(self, inventory: Inventory) -> list[str]: ...
    def downtime(
        self, targets: Sequence[Target], restarts: Sequence[tuple[str, str]], call: rolling.Call, say: rolling.Say
    ) -> list[str]: ...
    def gate(self, unit: str, targets: Mapping[str, Target], call: rolling.Call, say: rolling.Say) -> rolling.Gate: ...
    def contents(
        self, call: Callable[..., dict[str, Any]], targets: Sequence[Target], reporter: Reporter, tags: Sequence[str],
        check: bool,
    ) -> Mapping[str, tuple[int, int]]: ...  # fmt: skip
    def verify(self, call: Callable[..., dict[str, Any]], targets: Sequence[Target], reporter: Reporter) -> None: ...
    def next_steps(self, targets: Sequence[Target]) -> list[str]: ...


@dataclass(frozen=True)
class Options:
    """The command line's choices. cache: where artifacts and the built agent are kept on this machine."""

    check: bool = False
    diff: bool = False
    limit: str | None = None
    tags: tuple[str, ...] = ()
    smoke: bool = True
    yes: bool = False
    restart: bool = True
    accept_downtime: bool = False
    accept_new_host_keys: bool = False
    become_password: str | None = None
    root: Path = field(default_factory=Path.cwd)
    cache: Path = field(default_factory=Path.cwd)


class Deploy:
    """The state of one run. `run()` does it all and returns the exit code; the steps are methods in their order."""

    def __init__(
        self, site: Site, inventory: Inventory, options: Options, reporter: Reporter, ask: Callable[[str], bool] | None
    ) -> None:
        """ask: how to put a yes/no question to a person; None where there is no one to ask."""
        self.site, self.inventory, self.options, self.reporter, self.ask = site, inventory, options, reporter, ask
        self.hosts: tuple[Host, ...] = inventory.limit(options.limit)
        self.targets: dict[str, Target] = {}
        self.plans: dict[str, HostPlan] = {}
        self.rows: dict[str, Row] = {host.name: Row() for host in self.hosts}
        self.began = time.monotonic()

    def run(self) -> int:
        """Everything, ending in the recap. Expected failures are shown and become the exit code."""
        code, next_steps = 0, []
        with self.reporter, Fleet(self.reporter) as fleet:
            try:
                for warning in self.site.warnings(self.inventory):
                    self.reporter.warning(warning)
                self._preflight(fleet)
                self._show_plan()
                if not self.options.check:
                    self._change(fleet)
                    applying.await_services(fleet, self.plans)
                self._contents(fleet)
                if not self.options.check:
                    self._verify(fleet)
                next_steps = self._next_steps()
            except ProvisionerError as error:
                self._blame(error)
                self.reporter.error(error)
                code = error.exit_code
            self.reporter.recap(self.rows, time.monotonic() - self.began, next_steps)
        return code

    # -- before anything changes -----------------------------------------------------------------------------------

    def _preflight(self, fleet: Fleet) -> None:
        """Connect, gather facts, lock, read, and plan; raises everything that is wrong on all hosts at once."""
        self.reporter.phase("Preflight")
        before = time.time()
        facts = connect(fleet, self.site, self.hosts, self.options)
        after = time.time()
        errors: list[ProvisionerError] = list(facts.errors.values())
        offsets = {name: found["clock"] - (before + after) / 2 for name, found in facts.items()}
        for problem in preflight.clock_problems(offsets):
            self.reporter.warning(f"{problem}: start a time service (systemd-timesyncd, chrony) on them")
        needs = self._targets(facts, errors)
        answers = fleet.each(needs, lambda name: self._read(fleet, name, needs[name]))
        errors += answers.errors.values()
        for name, (host_plan, problems) in answers.items():
            self.plans[name] = host_plan
            errors += problems
        if errors:
            raise errors[0] if len(errors) == 1 else Several(errors)

    def _targets(self, facts: Outcome[dict[str, Any]], errors: list[ProvisionerError]) -> dict[str, Needs]:
        """A Target per connected host, with the problems that facts alone tell; the needs of those that can be read."""
        by_name = {host.name: host for host in self.hosts}
        fine = {}
        for name, found in facts.items():
            target = Target(by_name[name], self.inventory, found, self.options.root / "templates")
            try:
                needs = preflight.merge(role.needs(target) for role in self.site.roles_for(target.host.groups))
            except ProvisionerError as error:
                errors.append(error)
                continue
            foreign = preflight.problems(name, preflight.foreign(found, needs))
            errors += [*foreign, *preflight.problems(name, preflight.basics(found, needs))]
            self.targets[name] = target
            if not foreign:
                fine[name] = needs
        return fine

    def _read(self, fleet: Fleet, name: str, needs: Needs) -> tuple[HostPlan, list[ProvisionerError]]:
        """Lock a host (unless only checking), read its actual state, and plan; problems found on the way."""
        session, target = fleet.sessions[name], self.targets[name]
        fleet.reporter.host(name, "reading")
        if not self.options.check:
            fleet.lock(name)
        with timed("resources", name):
            everything = [(role, role.resources(target)) for role in self.site.roles_for(target.host.groups)]
        wanted = {role.name for role in self.site.roles_for(target.host.groups, self.options.tags)}
        resources = [resource for role, found in everything if role.name in wanted for resource in found]
        self.rows[name].skipped = sum(len(found) for role, found in everything if role.name not in wanted)
        with timed("read", name):
            found = session.request(
                "read", fleet.show(name), resources=[resource.wire(content=False) for resource in resources],
                wants=preflight.wants(needs),
            )  # fmt: skip
        problems: list[ProvisionerError] = [
            HostFailed(f"{one['resource']}: {one['summary']}", host=name, details=one["details"], advice=one["advice"])
            for one in found["problems"]
        ]
        problems += preflight.problems(name, preflight.details(needs, found))
        for resource in resources:
            if remark := resource.remark(found["states"].get(resource.key)):
                self.reporter.warning(f"{name}: {remark}")
        self.rows[name].ok = len(resources)
        live.foresee(fleet, name, resources, found["states"])
        fleet.reporter.host(name, "")
        with timed("plan", name):
            return plan.make(name, resources, found["states"]), problems

    def _show_plan(self) -> None:
        changes = sum(len(one.changes) for one in self.plans.values())
        restarts = sum(len(one.restarts) for one in self.plans.values())
        adoptions = live.planned(self.plans)
        if not changes and not restarts and not adoptions:
            self.reporter.phase("No changes: every host is as it should be")
            return
        self.reporter.phase("Plan")
        for name, one in self.plans.items():
            for change in one.changes:
                if self.options.check or self.options.diff:
                    self.reporter.change(name, change.resource.key, change.action, change.note)
                if self.options.diff:
                    self.reporter.diff(name, change.resource.key, plan.diff(change))
            for adoption in one.adoptions:
                self.reporter.change(name, adoption.service.key, "apply", live.shown(adoption.changes))
            for restart in one.restarts:
                self.reporter.change(name, restart.service.key, "restart", will_restart(restart.reasons))
            if self.options.check:
                self.rows[name].changed = len(one.changes) + len(one.adoptions) + len(one.restarts)
        adds = sum(change.action == "+" for one in self.plans.values() for change in one.changes)
        at_run_time = f", {adoptions} to apply at run time" if adoptions else ""
        self.reporter.note(f"{adds} to add, {changes - adds} to change{at_run_time}, {restarts} to restart")

    # -- changing --------------------------------------------------------------------------------------------------

    def _change(self, fleet: Fleet) -> None:
        """Apply on all hosts in parallel, then roll the restarts that the hosts turn out to need."""
        self._confirm_downtime(fleet)
        if all(one.nothing for one in self.plans.values()):
            return
        self.reporter.phase("Apply")
        payloads = applying.Payloads(fleet)

        def work(name: str) -> None:
            applying.apply(fleet, self.plans[name], payloads, self.rows[name])
            live.adopt(fleet, self.plans[name], self.rows[name])
            self.reporter.host(name, "")

        fleet.each(self.plans, work).check()
        self._roll(fleet)

    def _roll(self, fleet: Fleet) -> None:
        steps = rolling.read_pending(fleet, self.plans)
        if not steps:
            return
        if not self.options.restart:
            for step in steps:
                self.reporter.warning(
                    f"{step.host}: {step.service.unit} {rolling.because(step.reasons)}; "
                    "restart left out (--no-restart), the next deploy does it"
                )
            return
        self.reporter.phase("Restart")
        # A node that an interrupted run has just restarted may still be coming up: the others wait for it.
        applying.await_services(fleet, self.plans, but={(step.host, step.service.unit) for step in steps})
        for of_unit, gate in self.gated(fleet, steps):
            self.roll(fleet, of_unit, gate)

    def gated(self, fleet: Fleet, steps: Sequence[rolling.Step]) -> Iterator[tuple[list[rolling.Step], rolling.Gate]]:
        """The steps of one unit after the other, each with the gate that they pass."""
        for unit in rolling.units(self.plans):
            of_unit = [step for step in steps if step.service.unit == unit]
            if of_unit:
                yield of_unit, self.site.gate(unit, self.targets, fleet.call, self.reporter.host)

    def roll(self, fleet: Fleet, of_unit: Sequence[rolling.Step], gate: rolling.Gate) -> None:
        """Restart one unit on its hosts, one at a time; counted in the recap."""
        services = {step.host: step.service for step in of_unit}
        for name in rolling.roll(fleet, of_unit, gate):
            self.rows[name].changed += 1
            live.tidy(fleet, name, services[name], self.rows[name])

    def _confirm_downtime(self, fleet: Fleet) -> None:
        """A restart that clients would notice needs a yes, before anything is changed."""
        restarts = [(name, restart.service.unit) for name, one in self.plans.items() for restart in one.restarts]
        if self.options.restart:
            self.confirm_downtime(
                fleet, restarts, "deploy with --accept-downtime, or with --no-restart to restart later"
            )

    def confirm_downtime(self, fleet: Fleet, restarts: Sequence[tuple[str, str]], advice: str) -> None:
        """restarts: (host, unit). Raises Refused where clients would notice them and nobody says yes."""
        if not restarts or self.options.accept_downtime:
            return
        reasons = self.site.downtime(list(self.targets.values()), restarts, fleet.call, self.reporter.host)
        if not reasons:
            return
        if self.options.yes or (self.ask is not None and self._asked(reasons)):
            return
        raise Refused("these restarts mean downtime, and nothing was changed", details=reasons, advice=advice)

    def _asked(self, reasons: Sequence[str]) -> bool:
        assert self.ask is not None
        with self.reporter.paused():
            return self.ask("\n".join([*reasons, "Restart anyway?"]))

    # -- after -----------------------------------------------------------------------------------------------------

    def _contents(self, fleet: Fleet) -> None:
        """What the services hold, brought to what the inventory says; with --check only shown. Counted in the recap."""
        targets, chosen = list(self.targets.values()), self.options
        done = self.site.contents(fleet.call, targets, self.reporter, chosen.tags, chosen.check)
        for name, (ok, changed) in done.items():
            self.rows[name].ok += ok
            self.rows[name].changed += changed

    def _verify(self, fleet: Fleet) -> None:
        if self.options.smoke:
            self.reporter.phase("Verify")
            with timed("smoke"):
                self.site.verify(fleet.call, list(self.targets.values()), self.reporter)

    def _next_steps(self) -> list[str]:
        if self.options.check:
            return []
        return self.site.next_steps(list(self.targets.values()))

    def _blame(self, error: ProvisionerError) -> None:
        """Count an error where it belongs in the recap; hosts that were not planned have no ok resources."""
        for one in error.errors if isinstance(error, Several) else [error]:
            if one.host in self.rows:
                row = self.rows[one.host]
                row.unreachable += isinstance(one, Unreachable)
                row.failed += not isinstance(one, Unreachable)


def connect(fleet: Fleet, site: Site, hosts: Iterable[Host], options: Options) -> Outcome[dict[str, Any]]:
    """Open a session with each host, the site's agent running there; their facts."""
    with timed("build the agent"):
        agent = payload.build(
            options.root, options.cache, packages=site.AGENT_PACKAGES, libraries=site.AGENT_LIBRARIES
        )  # fmt: skip
    settings = [
        connection.settings(
            host.name, host.vars, accept_new=options.accept_new_host_keys, become_password=options.become_password
        )
        for host in hosts
    ]
    return fleet.connect(settings, agent)


def will_restart(reasons: Sequence[str]) -> str:
    """The reason of a planned restart in words."""
    return "needed: it would run with an older " + rolling.shown(reasons)
