"""uninstall: take the toolkit's work off hosts again, data and logs only when told to."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from cli import asking
from cli.common import ROOT, load_inventory
from cli.deploying import options
from provisioner.connect.fleet import Fleet
from provisioner.connect.opening import connect
from provisioner.errors import Refused
from provisioner.quantities import format_elapsed
from provisioner.report.choose import reporter
from provisioner.report.reporter import Reporter
from provisioner.resources import Resource
from provisioner.run.target import Target
from provisioner.run.uninstall import Removal, removal
from roles import site

AGENT = "provisioner.agent.removal"


def uninstall(hosts: str, extra_vars: list[str], purge: bool, yes: bool, accept: bool, **flags: Any) -> int:
    """Show what would be removed, ask, remove it. Raises what goes wrong.

    accept: also what the rest of the cluster needs. `yes` alone is not enough for that: scripts have it in them, and
    what is lost here does not come back when a restart is over.
    """
    chosen = options(**flags)
    inventory = load_inventory(hosts, extra_vars)
    members = inventory.limit(chosen.limit)
    with reporter() as show, Fleet(show) as fleet:
        facts = connect(fleet, site, members, chosen).check()
        targets = [Target(host, inventory, facts[host.name], ROOT / "templates") for host in members]
        plans: dict[str, Removal] = {}
        for target in targets:
            resources = [one for role in site.roles_for(target.host.groups) for one in role.resources(target)]
            plans[target.name] = removal(resources, purge)
        fleet.each(plans, fleet.lock).check()
        found = fleet.each(plans, lambda name: _call(fleet, name, "look", _all(plans[name]))).check()
        present = {name: answer["present"] for name, answer in found.items() if answer["present"]}
        if not present:
            show.phase("Nothing of the toolkit is on these hosts")
        else:
            _say(show, present, plans, purge)
            losses = [] if accept else site.departure(targets, fleet.call, show.host)
            confirm(show, list(present), purge, yes, losses)
        began = time.monotonic()
        _remove(fleet, show, plans, quiet=not present)
        if present:
            show.phase(f"Uninstalled in {format_elapsed(time.monotonic() - began)}")
    return 0


def _all(plan: Removal) -> list[Resource]:
    return [*plan.services, *plan.rest]


def _call(fleet: Fleet, name: str, function: str, resources: Sequence[Resource], **extra: Any) -> dict[str, Any]:
    wires = [resource.wire(content=False) for resource in resources]
    return fleet.call(name, AGENT, function, {"resources": wires, **extra})


def _say(show: Reporter, present: dict[str, list[str]], plans: dict[str, Removal], purge: bool) -> None:
    show.phase("To be removed")
    for name, things in present.items():
        for thing in things:
            show.change(name, thing, "-")
    keeps = {thing: None for plan in plans.values() for thing in plan.keeps}
    if keeps:
        show.note(f"Stays (--purge-data removes it, too): {', '.join(keeps)}")
    if purge:
        show.warning("--purge-data: every topic and record on these hosts is lost, and so are the logs")


def confirm(show: Reporter, names: list[str], purge: bool, yes: bool, losses: Sequence[str]) -> None:
    """Return when it may be done. losses: what the rest of the cluster would miss. Raises Refused where only
    --accept-downtime could permit that, UsageError for a question that nobody answers with yes."""
    if losses and (yes or not asking.terminal()):
        raise Refused(
            "the rest of the cluster needs these hosts, and nothing was removed",
            details=losses,
            advice="`invoke rebalance --drain HOST` moves a broker's partitions away first; --accept-downtime removes "
            "all the same",
        )
    for loss in losses:
        show.warning(f"the rest of the cluster needs these hosts: {loss}")
    what = "the services AND THEIR DATA" if purge else "the services"
    asking.confirm(show, f"Remove {what} from {', '.join(names)}?", yes, "nothing was removed")


def _remove(fleet: Fleet, show: Reporter, plans: dict[str, Removal], quiet: bool) -> None:
    """Stop each unit on all hosts before the next unit: a broker without ZooKeeper cannot hand its leaders over."""
    for unit in dict.fromkeys(service.unit for plan in plans.values() for service in plan.services):
        having = {n: [s for s in plan.services if s.unit == unit] for n, plan in plans.items()}
        fleet.each([n for n, found in having.items() if found], lambda n: _call(fleet, n, "remove", having[n])).check()  # noqa: B023

    def work(name: str) -> None:
        answer = _call(fleet, name, "remove", plans[name].rest, final=True)
        show.host(name, "")
        for why in [] if quiet else answer["stays"]:
            show.note(f"{name}: {why}")

    fleet.each(plans, work).check()
