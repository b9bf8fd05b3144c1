"""uninstall: remove the toolkit's work from hosts, data and logs only with --purge-data."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Sequence

from cli import asking
from cli.common import Run
from cli.hosts import Hosts
from provisioner.connect import requests
from provisioner.connect.fleet import Fleet
from provisioner.errors import Refused, UsageError
from provisioner.inventory.model import Host
from provisioner.quantities import format_elapsed
from provisioner.report.reporter import Reporter
from provisioner.resources import Resource
from provisioner.run.target import Target
from provisioner.run.uninstall import Removal, removal
from provisioner.words import some
from roles import removing, site


def uninstall(run: Run, service: str, purge: bool, yes: bool, accept: bool) -> int:
    """Show what would be removed, ask, remove it. Raises what goes wrong.

    service: only that one, where others of the host stay; "" for everything. accept: also what the rest of the cluster
    needs. `yes` alone is not enough for that: scripts have it in them, and what is lost here does not come back when a
    restart is over.
    """
    with Hosts(run) as hosts:
        show, fleet = hosts.show, hosts.fleet
        targets = _targets(hosts, service)
        plans: dict[str, Removal] = {}
        whole = [target.name for target in targets if not removing.others(target, service)]
        for target in targets:
            plans[target.name] = removal(removing.of_service(target, service), purge)
        fleet.each(plans, fleet.lock).check()
        found = fleet.each(plans, lambda name: fleet.call(name, requests.look_for(_all(plans[name])))).check()
        present = {name: answer["present"] for name, answer in found.items() if answer["present"]}
        if not present:
            show.phase("Nothing of the toolkit is on these hosts")
        else:
            _say(show, present, plans, purge)
            losses = [] if accept else site.departure(targets, fleet.call, show.host, service)
            confirm(show, list(present), purge, yes, losses)
        began = time.monotonic()
        _remove(fleet, show, plans, whole, quiet=not present)
        if present:
            show.phase(f"Uninstalled in {format_elapsed(time.monotonic() - began)}")
    return 0


def _targets(hosts: Hosts, service: str) -> list[Target]:
    """The hosts that run the service, also where the inventory has it nowhere any more; all of them where none is
    named. Raises UsageError for one that none runs, Refused for one that must stay."""
    if service not in ("", *site.SERVICES):
        raise UsageError(f"unknown service {service}", details=[f"services are: {', '.join(site.SERVICES)}"])
    if found := _having(service, hosts.members):
        return list(hosts.connect(found).check().values())
    advice = None
    if removing.told(service) and not _having(service, hosts.inventory.hosts.values()):
        targets = list(hosts.connect(hosts.members).check().values())
        if left := removing.left(targets, service, hosts.fleet.call):
            return left
        advice = "where its hosts are in this inventory no more, write one that has them alone, in the group "
        advice += f"{', '.join(site.groups_of(service))}, and use that"
    raise UsageError(f"no service {service} on {some(host.name for host in hosts.members)}", advice=advice)


def _having(service: str, members: Iterable[Host]) -> list[Host]:
    """Those that run the service, as their inventory says; all of them where none is named."""
    return [host for host in members if not service or service in (role.name for role in site.roles_for(host.groups))]


def _all(plan: Removal) -> list[Resource]:
    return [*plan.services, *plan.rest]


def _say(show: Reporter, present: dict[str, list[str]], plans: dict[str, Removal], purge: bool) -> None:
    show.phase("To be removed")
    for name, things in present.items():
        for thing in things:
            show.change(name, thing, "-")
    keeps = {thing: None for plan in plans.values() for thing in plan.keeps}
    if keeps:
        show.note(f"Stays (--purge-data removes what deploys have made of it): {', '.join(keeps)}")
    if purge:
        show.warning("--purge-data: every topic and record on these hosts is lost, and so are the logs")


def confirm(show: Reporter, names: list[str], purge: bool, yes: bool, losses: Sequence[str]) -> None:
    """Return when it may be done. losses: what the rest of the cluster would miss. Raises Refused where only
    --accept-downtime could permit that, UsageError for a question that nobody answers with yes."""
    if losses and (yes or not asking.terminal()):
        raise Refused(
            "the rest of the cluster needs these hosts, and nothing was removed",
            details=losses,
            advice="`invoke rebalance --drain HOST` moves a broker's partitions away first, `invoke quorum.remove` "
            "takes a controller out of its quorum, `kafka_migration` takes a cluster away from ZooKeeper; "
            "--accept-downtime removes all the same",
        )
    for loss in losses:
        show.warning(f"the rest of the cluster needs these hosts: {loss}")
    what = "the services AND THEIR DATA" if purge else "the services"
    asking.confirm(show, f"Remove {what} from {', '.join(names)}?", yes, "nothing was removed")


def _remove(fleet: Fleet, show: Reporter, plans: dict[str, Removal], whole: Collection[str], quiet: bool) -> None:
    """Stop each unit on all hosts before the next unit, whichever hosts have both: a broker whose metadata nobody keeps
    any more cannot hand its leaders over, and waits for that (KAFKA-19905). whole: the hosts on which nothing stays."""
    for unit in reversed(site.SERVICES):
        having = {name: [one for one in plan.services if one.unit == unit] for name, plan in plans.items()}
        asked = {name: requests.remove(found) for name, found in having.items() if found}
        fleet.each(asked, lambda name: fleet.call(name, asked[name])).check()  # noqa: B023

    def work(name: str) -> None:
        answer = fleet.call(name, requests.remove(plans[name].rest, final=name in whole))
        show.host(name, "")
        for why in [] if quiet else answer["stays"]:
            show.note(f"{name}: {why}")

    fleet.each(plans, work).check()
