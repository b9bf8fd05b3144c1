"""doctor: everything that is or will be wrong with the hosts of an inventory, and how to fix it; nothing is changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from cli.common import Run
from cli.hosts import Hosts
from cli.looking import see
from provisioner.connect import requests
from provisioner.connect.fleet import Fleet
from provisioner.errors import HostFailed, ProvisionerError, Several
from provisioner.report.reporter import Reporter
from provisioner.run.deploy import Deploy
from provisioner.run.evidence import Witness
from provisioner.words import counted
from roles import doctor as rules
from roles import site
from roles.doctor import Finding


class Examination(Deploy):
    """A deploy's preflight, then a look at what runs. Its options say `check`, so that it takes no lock."""

    goes_stages = False

    def examine(self, fleet: Fleet) -> tuple[list[ProvisionerError], list[Finding], list[str]]:
        """(what is wrong, what will be, what to do about what takes several steps)."""
        errors: list[ProvisionerError] = []
        self.witnesses: dict[str, Witness] = {}
        for warning in self.site.warnings(self.inventory):
            self.reporter.warning(warning)
        try:
            self._preflight(fleet)
            self._refuse()
        except ProvisionerError as error:
            errors += error.errors if isinstance(error, Several) else [error]
        known = {error.summary for error in errors}
        found, lost = see(fleet, self.inventory, {name: self.targets[name] for name in self.plans}, {}, known)
        machines = fleet.each(self.plans, lambda name: self._machine(fleet, name))
        errors += [*lost.values(), *machines.errors.values()]
        findings: list[Finding] = []
        answering = {name: host["services"] for name, host in found["hosts"].items() if name not in lost}
        for name, services in answering.items():
            of_host = list(rules.machine(machines[name])) if name in machines else []
            for unit, service in services.items():
                of_host += rules.soon(unit, service)
            if name in self.witnesses:
                of_host += rules.host(self.witnesses[name])
            findings += [replace(one, host=name) for one in [*of_host, *self._state(name, services)]]
        if any(map(_deployed, answering.values())):
            said = tuple(f"{name}: " for name in lost)  # an error by itself
            problems = [problem for problem in found["problems"] if problem not in known]
            errors += [HostFailed(problem) for problem in problems if not problem.startswith(said)]
            findings += [*map(Finding, found["notes"]), *rules.cluster(found)]
        said_already = {line for error in errors for line in error.details}
        steps = [] if said_already.issuperset(found["advice"]) else found["advice"]
        return errors, [*findings, *rules.inventory(self.inventory)], steps

    def _judge(self, fleet: Fleet, witnesses: Sequence[Witness]) -> None:
        self.witnesses = {one.name: one for one in witnesses}
        super()._judge(fleet, witnesses)

    def _state(self, name: str, services: Mapping[str, Any]) -> Iterator[Finding]:
        """How far a host is from what the inventory says."""
        number = len(self.plans[name].changes)
        if not _deployed(services):
            yield Finding("nothing is deployed here yet", "`invoke deploy`")
        elif number:
            differ = "differs" if number == 1 else "differ"
            yield Finding(f"{counted(number, 'thing')} {differ} from the inventory", "`invoke plan` shows what")

    def _machine(self, fleet: Fleet, name: str) -> dict[str, Any]:
        paths = [path for found in site.data_dirs(self.targets[name]).values() for path in found]
        secrets = rules.secret_files(self.witnesses[name]) if name in self.witnesses else []
        return fleet.call(name, requests.examine(paths, secrets))


def _deployed(services: Mapping[str, Any]) -> bool:
    return any(service["installed"] for service in services.values())


def doctor(run: Run) -> int:
    """Show every finding; exit code 0 when nothing is wrong now."""
    with Hosts(run, check=True) as hosts:
        found = Examination(site, hosts.inventory, hosts.options, hosts.show, None).examine(hosts.fleet)
    return _show(hosts.show, *found)


def _show(show: Reporter, errors: list[ProvisionerError], findings: Iterable[Finding], steps: Iterable[str]) -> int:
    """Everything found, the same only once; the exit code. steps: what to do about it, where that takes several."""
    listed = list(dict.fromkeys(findings))
    if listed:
        show.phase("Worth a look")
    for finding in listed:
        show.note(f"  {finding.host}: {finding.what}" if finding.host else f"  {finding.what}")
        if finding.fix:
            show.note(f"    -> {finding.fix}")
    if errors:
        show.phase("Wrong")
        for error in errors:
            show.error(error)
    for number, step in enumerate(steps):
        show.note(f"{'    ' if number else '  ->'} {step}")
    advice = f", {len(listed)} worth a look" if listed else ""
    show.phase(f"{len(errors)} wrong{advice}" if errors else f"Nothing is wrong{advice}")
    return max((error.exit_code for error in errors), default=0)
