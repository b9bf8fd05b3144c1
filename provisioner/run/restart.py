"""A roll on demand: the same restarts as a deploy's, behind the same gates, without changing anything else."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from provisioner.connect.fleet import Fleet
from provisioner.errors import HostFailed, Refused, UsageError, raise_all
from provisioner.resources import services_of
from provisioner.run import downtime, rolling
from provisioner.run.deploy import Deploy
from provisioner.run.evidence import SHRINK
from provisioner.run.rolling import Step
from provisioner.words import counted


class Restart(Deploy):
    """One `restart` run: preflight as for a deploy, then every wanted service, one node at a time."""

    goes_stages = False

    def __init__(self, *arguments: Any, services: Sequence[str] = ()) -> None:
        """arguments: as for Deploy. services: the units to restart; empty: all that the roles run."""
        super().__init__(*arguments)
        self.services = tuple(services)

    def steps(self) -> list[Step]:
        """What is to restart on the limited hosts. Raises UsageError when there is nothing of the kind, HostFailed when
        it was never deployed."""
        found = [(name, service) for name, one in self.plans.items() for service in services_of(one.resources)]
        known = list(dict.fromkeys(service.unit for _, service in found))
        if unknown := [name for name in self.services if name not in known]:
            hosts = "this host" if len(self.plans) == 1 else "these hosts"
            raise UsageError(
                f"there is no service {unknown[0]} on {hosts}", details=[f"--service is one of: {', '.join(known)}"]
            )
        wanted = [Step(name, service) for name, service in found if service.unit in (self.services or known)]
        absent = [
            HostFailed(f"{step.service.unit} was never deployed here", host=step.host, advice="deploy first")
            for step in wanted
            for change in self.plans[step.host].changes
            if change.resource == step.service and change.actual is None
        ]
        raise_all(absent)
        return wanted

    def turns(self, fleet: Fleet) -> Iterator[tuple[list[Step], rolling.Gate]]:
        """The steps of one unit after the other, each with the gate that they pass. A host on whose disk something is
        untried since an earlier run goes first, as in a deploy."""
        pending = {(one.host, one.service.unit): one for one in rolling.read_pending(fleet, self.plans)}
        steps = [
            replace(
                step,
                serves=not step.service.ready or (step.host, step.service.unit) in self.serving,
                begun=(step.host, step.service.unit) in pending and pending[step.host, step.service.unit].begun,
            )
            for step in self.steps()
        ]
        return self.gated(fleet, steps)

    def _show_plan(self, fleet: Fleet) -> None:
        steps = self.steps()
        waiting = [name for name, one in self.plans.items() if one.changes]
        if waiting:
            self.reporter.warning(f"not deployed yet, and left alone by a restart: changes on {', '.join(waiting)}")
        if not self.options.check:
            return
        for step in steps:
            self.rows[step.host].restarted += 1
        self.reporter.phase("Restart, one after the other")
        for of_unit, gate in self.turns(fleet):
            by_host = {step.host: step for step in of_unit}
            order = rolling.turns(gate.order(list(by_host)), by_host)
            for number, (host, why) in enumerate(order.items(), 1):
                turn = f"{number} of {len(order)}"
                self.reporter.change(host, by_host[host].service.key, "restart", f"{turn}: {why}" if why else turn)
        self.reporter.note(f"{len(steps)} to restart")
        downtime.show(self.site, fleet, self.targets, [(step.host, step.service.unit) for step in steps])

    def _refuse(self) -> None:
        """A restart writes nothing, so only what the inventory does not know matters: the gates must know everybody."""
        raise_all(one.error() for one in self.refused if one.consent and one.consent.flag == SHRINK)

    def _contents(self, fleet: Fleet) -> None:
        """A restart changes nothing else."""

    def _require_reachable(self, fleet: Fleet, steps: Sequence[Step]) -> None:
        """Raise Refused where nobody can connect to a service, and a restart alone does not change that."""
        asked = self.silent((step.host, step.service.unit) for step in steps)
        raise_all(
            Refused(
                f"{unit} shows a certificate that has ended, so nobody can connect to it; a restart makes no new one",
                host=name,
                advice="`invoke deploy --accept-downtime` does, and restarts what has to restart",
            )
            for name, unit in self.not_reached(fleet, asked)
        )

    def _change(self, fleet: Fleet) -> None:
        steps = self.steps()
        self._require_reachable(fleet, steps)
        self.confirm_downtime(
            fleet, [(step.host, step.service.unit) for step in steps], "restart with --accept-downtime"
        )
        self.reporter.phase("Restart")
        gated = list(self.turns(fleet))
        # Ask every gate for every node before the first one goes down: what will be refused is refused with nothing
        # restarted. Each node is asked for again when its turn comes.
        for of_unit, gate in gated:
            for name in gate.order([step.host for step in of_unit]):
                gate.permit(name)
        self.changing = True
        for of_unit, gate in gated:
            began = time.monotonic()
            self.roll(fleet, of_unit, gate)
            hosts, seconds = counted(len(of_unit), "host"), time.monotonic() - began
            self.reporter.note(f"{of_unit[0].service.unit}: {hosts} restarted in {seconds:.1f} s")
