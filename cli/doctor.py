"""doctor: everything that is or will be wrong with the hosts of an inventory, and the mend; nothing is changed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cli.common import load_inventory
from cli.deploying import options
from cli.gathering import ask
from provisioner.connect.fleet import Fleet
from provisioner.errors import HostFailed, ProvisionerError, Several
from provisioner.report.choose import reporter
from provisioner.report.reporter import Reporter
from provisioner.run.deploy import Deploy
from roles import doctor as rules
from roles import site
from roles.shared import topology
from roles.status import document

Warning_ = tuple[str, str, str]  # host ("" for all), what was found, what to do


class Examination(Deploy):
    """A deploy's preflight, then a look at what runs. Its options say `check`, so that it takes no lock."""

    def examine(self, fleet: Fleet) -> tuple[list[ProvisionerError], list[Warning_]]:
        """(what is wrong, what will be)."""
        errors: list[ProvisionerError] = []
        for warning in self.site.warnings(self.inventory):
            self.reporter.warning(warning)
        try:
            self._preflight(fleet)
        except ProvisionerError as error:
            errors += error.errors if isinstance(error, Several) else [error]
        answers = fleet.each(self.plans, lambda name: ask(fleet, self.targets[name]))
        machines = fleet.each(self.plans, lambda name: self._machine(fleet, name))
        errors += [*answers.errors.values(), *machines.errors.values()]
        brokers = [self.inventory.hosts[name] for name in self.inventory.groups.get("kafka", ())]
        found = document(
            dict(answers),
            {},
            {broker.name: topology.broker_id(broker, brokers) for broker in brokers},
            list(self.inventory.groups.get("zookeeper", ())),
        )
        warnings: list[Warning_] = []
        for name, host in found["hosts"].items():
            warnings += [(name, *one) for one in rules.machine(machines[name])] if name in machines else []
            for unit, service in host["services"].items():
                warnings += [(name, *one) for one in rules.soon(unit, service)]
            if not any(one["installed"] for one in host["services"].values()):
                warnings.append((name, "nothing is deployed here yet", "`invoke deploy`"))
            elif number := len(self.plans[name].changes):
                things = "thing differs" if number == 1 else "things differ"
                warnings.append((name, f"{number} {things} from the inventory", "`invoke plan` shows what"))
        if any(one["installed"] for host in found["hosts"].values() for one in host["services"].values()):
            errors += [HostFailed(problem) for problem in found["problems"]]
            warnings += [("", note, "") for note in found["notes"]]
        clear = {
            listener.name: f"{listener.advertised_host}:{listener.advertised_port}"
            for broker in brokers
            for listener in topology.listeners(broker)
            if listener.protocol == "PLAINTEXT"
        }
        return errors, [*warnings, *(("", *one) for one in rules.clear_text(clear, len(brokers)))]

    def _machine(self, fleet: Fleet, name: str) -> dict[str, Any]:
        paths = [path for found in site.data_dirs(self.targets[name]).values() for path in found]
        return fleet.call(name, "provisioner.agent.examine", "look", {"paths": paths})


def doctor(hosts: str, extra_vars: list[str], **flags: Any) -> int:
    """Show every finding; exit code 0 when nothing is wrong now."""
    chosen = options(check=True, **flags)
    inventory = load_inventory(hosts, extra_vars)
    show = reporter()
    with show, Fleet(show) as fleet:
        errors, warnings = Examination(site, inventory, chosen, show, None).examine(fleet)
    return _tell(show, errors, warnings)


def _tell(show: Reporter, errors: list[ProvisionerError], warnings: Iterable[Warning_]) -> int:
    listed = list(dict.fromkeys(warnings))
    if listed:
        show.phase("Worth a look")
    for host, what, mend in listed:
        show.note(f"  {host}: {what}" if host else f"  {what}")
        if mend:
            show.note(f"    -> {mend}")
    if errors:
        show.phase("Wrong")
        for error in errors:
            show.error(error)
    advice = f", {len(listed)} worth a look" if listed else ""
    show.phase(f"{len(errors)} wrong{advice}" if errors else f"Nothing is wrong{advice}")
    return max((error.exit_code for error in errors), default=0)
