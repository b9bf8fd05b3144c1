"""One deploy from loaded inventory to recap: connect, preflight, read, plan, apply, roll, verify.

Nothing on any host is changed before every host has passed preflight. Every step derives what is left to do from the
hosts, so a run that was killed anywhere is finished by the next one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from provisioner.connect.fleet import Fleet
from provisioner.errors import ProvisionerError, Refused, Several, Unreachable, raise_all
from provisioner.inventory.model import Host, Inventory
from provisioner.options import Options
from provisioner.report.reporter import End, Reporter, Row
from provisioner.resources import Service
from provisioner.run import ahead, downtime, evidence, live, plan, preflight, reloading, rolling, shown, stages
from provisioner.run import apply as applying
from provisioner.run.evidence import Objection, Witness
from provisioner.run.plan import HostPlan
from provisioner.run.preparation import Preparation, Prepared
from provisioner.run.site import Site
from provisioner.run.stages import Stage, Way
from provisioner.run.target import Target
from provisioner.timing import timed
from provisioner.words import some


class Deploy:
    """The state of one run. `run()` does it all and returns the exit code; the steps are methods in their order."""

    goes_stages = True  # whether it makes a change that takes several rolling restarts

    def __init__(
        self, site: Site, inventory: Inventory, options: Options, reporter: Reporter, ask: Callable[[str], bool] | None
    ) -> None:
        """ask: how to put a yes/no question to a person; None without a terminal."""
        self.site, self.inventory, self.options, self.reporter, self.ask = site, inventory, options, reporter, ask
        self.hosts: tuple[Host, ...] = inventory.limit(options.limit)
        self.targets: dict[str, Target] = {}
        self.plans: dict[str, HostPlan] = {}
        self.refused: list[Objection] = []  # contradictions that the command line does not permit
        self.kept: Stage | None = None  # what the services go on with, as only they know
        self.way: Way | None = None  # where what the inventory says takes several rolling restarts
        self.stage = 0  # of these, counted from 0
        self.serving: set[tuple[str, str]] = set()  # (host, unit) that served when the host was read
        self.left_out: set[tuple[str, str]] = set()  # (host, unit) that need a restart and get none in this run
        self.early: ahead.Answers = {}  # to what `contents` asks first
        self.cut_off: set[tuple[str, str]] = set()  # (host, unit) that restart at the same time: see `_find_cut_off`
        self.rows: dict[str, Row] = {host.name: Row() for host in self.hosts}
        self.changing = False  # whether a host may have been changed
        self.began = time.monotonic()

    def run(self) -> int:
        """Everything, ending in the recap. Expected failures are shown and become the exit code."""
        code, next_steps = 0, []
        with self.reporter, Fleet(self.reporter) as fleet:
            try:
                for warning in self.site.warnings(self.inventory):
                    self.reporter.warning(warning)
                preparation = self._preflight(fleet)
                self._show_plan(fleet)
                self._refuse()
                if not self.options.check:
                    self._all_changes(fleet, preparation)
                if self.way is None or not self.options.check:
                    self._contents(fleet)
                if not self.options.check:
                    self._verify(fleet)
                    self._begin_in_background(fleet)
                next_steps = self._next_steps()
            except ProvisionerError as error:
                self._blame(error)
                self.reporter.error(error)
                code = error.exit_code
            took = time.monotonic() - self.began
            self.reporter.recap(End(self.rows, took, next_steps, failed=code != 0, unchanged=not self.changing))
        return code

    # -- before anything changes -----------------------------------------------------------------------------------

    def _preflight(self, fleet: Fleet) -> Preparation:
        """Connect, gather facts, lock, read, and plan; raises everything that is wrong on all hosts at once."""
        self.reporter.phase("Preflight")
        preparation = Preparation(fleet, self.site, self.inventory, self.options)
        names = [host.name for host in self.hosts]
        found = fleet.each(names, preparation.host, meanwhile=preparation.load)
        met = preflight.doubled(preparation.machines, found.errors)
        for problem in preflight.clock_problems({name: one.ahead for name, one in found.items()}):
            self.reporter.warning(f"{problem}: start a time service (systemd-timesyncd, chrony) on them")
        self._take(fleet, preparation, found, met)
        return preparation

    def _take(
        self,
        fleet: Fleet,
        preparation: Preparation,
        found: Mapping[str, Prepared],
        met: list[tuple[str, ProvisionerError]],
    ) -> None:
        """Keep what was read of the hosts, and judge it; raises everything that is wrong. met: what was wrong before
        that, and with which host."""
        first, remarked = self.way is None, self.way is not None or self.kept is not None
        for name, one in found.items():
            met += [(name, problem) for problem in one.problems]
            if one.target is not None:
                self.targets[name] = one.target
            if one.plan is not None:
                self.plans[name] = one.plan
                self.serving |= {(name, unit) for unit in one.serving}
                self.rows[name].ok, self.rows[name].skipped = len(one.plan.resources), one.skipped
            for remark in one.remarks if not remarked else ():
                self.reporter.warning(f"{name}: {remark}")
        self.early = {key: answer for one in found.values() for key, answer in one.early.items()}
        errors = preflight.once(met)
        witnesses = [one.witness for one in found.values() if one.witness]
        if not remarked and not errors and (kept := self.site.kept(witnesses, fleet.call)):
            self.kept, self.inventory = kept, stages.at(self.inventory, kept)
            if kept.variables:
                self._again(fleet, preparation, self.inventory)
                return
        if first and not errors and self._staged(fleet, witnesses):
            self._stage(fleet, preparation, 0)
            return
        self._judge(fleet, witnesses)
        if not errors and not self.refused:
            self._complete(fleet, witnesses)
        if errors or any(one.consent is None for one in self.refused):
            raise_all([*errors, *(one.error() for one in self.refused)])

    def _staged(self, fleet: Fleet, witnesses: Sequence[Witness]) -> bool:
        """Whether what the inventory says takes several stages. What is to be said against going them is refused when
        the plan was shown. Raises Refused for a run that goes none."""
        way = self.site.way(witnesses, fleet.call)
        if way is None:
            return False
        if not (self.goes_stages and self.options.restart):
            advice = "deploy without it" if self.goes_stages else "`invoke deploy` does it"
            left = ", and --no-restart leaves them out" if self.goes_stages else " that were not made yet"
            raise Refused(f"{way.what} takes rolling restarts{left}", advice=advice)
        self.way = way
        self._object(way.objections)
        return True

    def _stage(self, fleet: Fleet, preparation: Preparation, number: int) -> None:
        """Read the hosts for one of the stages, and plan it; raises as `_take`."""
        assert self.way is not None
        self.stage = number
        self._again(fleet, preparation, stages.at(self.inventory, self.way.stages[number]))

    def _again(self, fleet: Fleet, preparation: Preparation, inventory: Inventory) -> None:
        """Read the hosts, and plan, for an inventory whose variables differ; raises as `_take`."""
        found = fleet.each(self.targets, lambda name: preparation.again(self.targets[name], inventory))
        self._take(fleet, preparation, found, [*found.errors.items()])

    def _complete(self, fleet: Fleet, witnesses: Sequence[Witness]) -> None:
        """Add to the plans what only all hosts together know."""
        if all(change.resource.decided for one in self.plans.values() for change in one.changes):
            return
        for name, made in self.site.complete(witnesses, fleet.call).items():
            self.plans[name] = plan.completed(self.plans[name], made)

    def _judge(self, fleet: Fleet, witnesses: Sequence[Witness]) -> None:
        """Compare what is there with what the inventory says, on all hosts together."""
        with timed("evidence"):
            self._object(self.site.judge(witnesses, fleet.call, self._agreed))

    def _object(self, objections: Iterable[Objection]) -> None:
        """Keep those that the command line does not permit; say the others."""
        refused, permitted = evidence.split(objections, self._agreed)
        self.refused += refused
        for one in permitted:
            self.reporter.warning(one.warning())

    @property
    def _agreed(self) -> evidence.Agreed:
        """What the command line permits."""
        return {**self.options.agreed, **({evidence.DOWNTIME: ()} if self.options.accept_downtime else {})}

    def _refuse(self) -> None:
        """End here, after the plan was shown, where the inventory contradicts what is there."""
        raise_all(one.error() for one in self.refused)

    def _show_plan(self, fleet: Fleet) -> None:
        if all(one.nothing for one in self.plans.values()):
            self.reporter.phase("No changes: every host is as it should be")
            return
        self.reporter.phase(self.way.heading(self.stage) if self.way and self.stage else "Plan")
        shown.show(self.reporter, self.plans, changes=self.options.check or self.options.diff, diffs=self.options.diff)
        for name, one in self.plans.items() if self.options.check else ():
            shown.count(self.rows[name], one)
        for text in [self.kept.what] if self.kept and not self.stage else ():
            self.reporter.note(text)
        for text in self.way.lines() if self.way and not self.stage else ():
            self.reporter.note(text)
        if self.options.check:
            downtime.show(self.site, fleet, self.targets, self._restarts, self.way.rolls if self.way else 1)

    # -- changing --------------------------------------------------------------------------------------------------

    def _all_changes(self, fleet: Fleet, preparation: Preparation) -> None:
        """What was planned, and the stages behind it, each read and planned when its turn comes."""
        for number in range(len(self.way.stages) if self.way else 1):
            if number:
                self._stage(fleet, preparation, number)
                self._show_plan(fleet)
                self._refuse()
            self._change(fleet)
            but = self.serving if all(one.nothing for one in self.plans.values()) else self.left_out
            self.early = {} if applying.await_services(fleet, self.plans, but) else self.early

    def _change(self, fleet: Fleet) -> None:
        """Apply on all hosts in parallel, then roll the restarts that the hosts turn out to need."""
        self._find_cut_off(fleet)
        if not self.stage:  # whoever agrees to the first of several knows of the others
            self._confirm_downtime(fleet)
        if all(one.nothing for one in self.plans.values()):
            return
        payloads = applying.Payloads(fleet)
        self.changing = True

        def work(name: str) -> None:
            plan, row = self.plans[name], self.rows[name]
            at_once = [one for one in plan.at_once if not self._starts_later(name, one)]
            applying.apply(fleet, name, at_once, payloads, row)
            live.adopt(fleet, plan, row)
            if self.options.restart:
                for restart in plan.restarts:
                    applying.deliver(fleet, name, restart.changes, payloads)
            self.reporter.host(name, "")

        if any(plan.at_once or plan.adoptions for plan in self.plans.values()):
            self.reporter.phase("Apply")
        fleet.each(self.plans, work).check()
        reloading.reload(fleet, self.plans, self.site.SERVICES, payloads, self.rows)
        self._roll(fleet, lambda step: applying.apply(fleet, step.host, step.changes, payloads, self.rows[step.host]))

    def _roll(self, fleet: Fleet, write: Callable[[rolling.Step], None]) -> None:
        found = rolling.read_pending(fleet, self.plans)
        for step in found:
            if step.needless:
                write(step)
        steps = [step for step in found if not step.needless]
        steps += rolling.starting(self.plans, self.cut_off)
        if not steps:
            return
        if not self.options.restart:
            for step in steps:
                self.rows[step.host].skipped += len(step.changes)
                self.reporter.warning(f"{step.host}: {rolling.left_out(step)}")
            # What the inventory says of their ports is true only after it.
            self.left_out = {(step.host, step.service.unit) for step in steps}
            return
        self.reporter.phase("Restart")
        together = [step for step in steps if (step.host, step.service.unit) in self.cut_off]
        for of_unit, gate in self.gated(fleet, together):
            self.roll(fleet, of_unit, gate, write, rolling.together)
        steps = [step for step in steps if step not in together]
        if not steps:
            return
        # A node that an interrupted run has just restarted may still be coming up: the others wait for it.
        applying.await_services(fleet, self.plans, but={(step.host, step.service.unit) for step in steps})
        self._count(self.site.before_restarts(fleet.call, list(self.targets.values()), self.reporter))
        for of_unit, gate in self.gated(fleet, steps):
            self.roll(fleet, of_unit, gate, write)

    def gated(self, fleet: Fleet, steps: Sequence[rolling.Step]) -> Iterator[tuple[list[rolling.Step], rolling.Gate]]:
        """The steps of one unit after the other, each with the gate that they pass."""
        for unit in rolling.units(self.plans, self.site.SERVICES):
            of_unit = [step for step in steps if step.service.unit == unit]
            if of_unit:
                yield of_unit, self.site.gate(unit, self.targets, fleet.call, self.reporter.host)

    def roll(
        self,
        fleet: Fleet,
        of_unit: Sequence[rolling.Step],
        gate: rolling.Gate,
        write: Callable[[rolling.Step], None] = lambda step: None,
        restart: rolling.Restarts = rolling.roll,
    ) -> None:
        """Restart one unit on its hosts, one at a time unless `restart` does it otherwise; counted in the recap. write:
        makes the changes of a step."""
        services, done = {step.host: step.service for step in of_unit}, list[str]()
        for name in restart(fleet, of_unit, gate, write):
            done.append(name)
            self.rows[name].restarted += 1
            live.tidy(fleet, name, services[name], self.rows[name])
        try:
            with timed(f"{of_unit[0].service.unit} restored"):
                restored = gate.restore(done)
        except ProvisionerError as error:
            self.reporter.warning("; ".join(filter(None, [error.lines()[0], error.advice])))
        else:
            if restored:
                self.reporter.note(restored)

    def _find_cut_off(self, fleet: Fleet) -> None:
        """Of the services that restart, those that run and that nobody can connect to any more. One of them is a node
        that is down, as for any roll. Several may wait for each other, and none would come back alone; so those of the
        unit that do not run start together with them, too."""
        asked = self.silent(self._restarts)
        self._require_others(fleet, asked)
        self.cut_off = rolling.cut_off(self.plans, self.not_reached(fleet, asked))

    def silent(self, services: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
        """Those of these (host, unit) that do not serve: {host: units}."""
        found: dict[str, list[str]] = {}
        for name, unit in services:
            if (name, unit) not in self.serving:
                found.setdefault(name, []).append(unit)
        return found

    def not_reached(self, fleet: Fleet, asked: Mapping[str, Sequence[str]]) -> list[tuple[str, str]]:
        """Of these units {host: of it} that run and do not serve, those that nobody can connect to: (host, unit)."""
        found = fleet.each(asked, lambda name: self.site.cut_off(self.targets[name], asked[name], fleet.call)).check()
        return [(name, unit) for name, of in found.items() for unit in of]

    def _require_others(self, fleet: Fleet, asked: Mapping[str, Sequence[str]]) -> None:
        """Raise Refused where a service of this run does not serve and nobody can connect to those of hosts that it
        leaves out: it would wait for them. asked {host: units} that restart and do not serve."""
        out = [host for host in self.inventory.hosts.values() if host.name not in self.targets]
        silent = {unit: name for name, units in asked.items() for unit in units}
        silent |= {step.service.unit: step.host for step in rolling.not_running(self.plans)}
        for unit, name in silent.items() if out else ():
            also = self.site.cut_off_elsewhere(self.targets[name], unit, out, fleet.call)
            if also:
                raise Refused(
                    f"nobody can connect to {unit} on {some(also)}: the certificates there have ended, and the nodes "
                    "of this run would wait for them in vain",
                    host=name,
                    advice="deploy without --limit: they all get new ones, and restart at the same time",
                )

    def _starts_later(self, host: str, change: plan.Change) -> bool:
        return isinstance(change.resource, Service) and (host, change.resource.unit) in self.cut_off

    @property
    def _restarts(self) -> list[tuple[str, str]]:
        """(host, unit) of what is planned to restart."""
        planned = self.plans.items() if self.options.restart else ()
        return [(name, restart.service.unit) for name, one in planned for restart in one.restarts]

    def _confirm_downtime(self, fleet: Fleet) -> None:
        """A restart that clients would notice needs a yes, before anything is changed."""
        self.confirm_downtime(
            fleet, self._restarts, "deploy with --accept-downtime, or with --no-restart to leave them to a later deploy"
        )

    def confirm_downtime(self, fleet: Fleet, restarts: Sequence[tuple[str, str]], advice: str) -> None:
        """restarts: (host, unit). Raises Refused where clients would notice them and the operator does not agree."""
        if not restarts or self.options.accept_downtime:
            return
        reasons = downtime.losses(self.site, fleet, self.targets, restarts, self.cut_off)
        ask = self.ask if not self.options.yes else None
        if reasons and not downtime.agreed(self.reporter, ask, reasons):
            raise Refused("these restarts mean downtime, and nothing was changed", details=reasons, advice=advice)

    # -- after -----------------------------------------------------------------------------------------------------

    def _contents(self, fleet: Fleet) -> None:
        """What the services hold, brought to what the inventory says; with --check only shown. Counted in the recap."""
        targets, chosen = list(self.targets.values()), self.options
        call = ahead.Ahead(fleet.call, {} if self.changing else self.early)
        self.changing = self.changing or not chosen.check
        self._count(self.site.contents(call, targets, self.reporter, chosen.tags, chosen.check))

    def _count(self, done: Mapping[str, tuple[int, int]]) -> None:
        """Add what was done by way of some hosts to the recap."""
        for name, (ok, changed) in done.items():
            self.rows[name].ok += ok
            self.rows[name].changed += changed

    def _verify(self, fleet: Fleet) -> None:
        if self.options.smoke:
            self.reporter.phase("Verify")
            with timed("smoke"):
                self.site.verify(fleet.call, list(self.targets.values()), self.reporter)

    def _begin_in_background(self, fleet: Fleet) -> None:
        """Begin what nobody waits for. A run that ends before has left it to the next one."""
        plans = {name: one.in_background for name, one in self.plans.items() if one.in_background}
        if plans:
            self.reporter.phase("In the background")
            payloads = applying.Payloads(fleet)
            fleet.each(plans, lambda name: applying.apply(fleet, name, plans[name], payloads, self.rows[name])).check()

    def _next_steps(self) -> list[str]:
        return [] if self.options.check else self.site.next_steps(list(self.targets.values()))

    def _blame(self, error: ProvisionerError) -> None:
        """Count an error where it belongs in the recap; hosts that were not planned have no ok resources."""
        for one in error.errors if isinstance(error, Several) else [error]:
            for name in one.hosts:
                if name in self.rows:
                    self.rows[name].unreachable += isinstance(one, Unreachable)
                    self.rows[name].failed += not isinstance(one, Unreachable)
