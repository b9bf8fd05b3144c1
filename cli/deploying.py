"""deploy, plan, restart and smoke."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cli import hosts as opening
from cli.asking import ask, terminal
from cli.common import Run, names
from cli.hosts import Hosts
from provisioner import timing
from provisioner.errors import UsageError
from provisioner.report.choose import reporter
from provisioner.run.deploy import Deploy
from provisioner.run.evidence import DOWNGRADE, FEWER_COPIES, GIVE_UP_DATA, NO_WAY_BACK, SHRINK
from provisioner.run.restart import Restart
from roles import site


def smoke(run: Run, cli: bool) -> None:
    """Produce and consume through every listener of a deployed cluster. Raises what went wrong."""
    with Hosts(run) as hosts:
        targets = hosts.connect([host for host in hosts.members if site.parts_on("verify", host.groups)]).check()
        site.verify(hosts.fleet.call, list(targets.values()), hosts.show, cli=cli)


def deploy(run: Run, tags: str, timings: bool = False, **chosen: Any) -> int:
    """Run a deploy (or its check) and answer with its exit code. timings: then say where the time went. chosen: fields
    of `Options`."""
    timing.add("start of the program", timing.since_start())
    options = opening.options(run, tags, **chosen)
    with timing.timed("load the inventory"):
        inventory = run.inventory()
    show = reporter()
    code = Deploy(site, inventory, options, show, _asker()).run()
    if timings:
        show.phase("Timings")
        for line in timing.TIMINGS.table():
            show.note(line)
    return code


def agreed(
    shrink: str, give_up_data: str, downgrade: bool, fewer_copies: bool, no_way_back: bool
) -> dict[str, tuple[str, ...]]:
    """What the command line permits although the hosts contradict it, as `Options.agreed`."""
    named = {SHRINK: names(shrink), GIVE_UP_DATA: names(give_up_data)}
    given = {DOWNGRADE: downgrade, FEWER_COPIES: fewer_copies, NO_WAY_BACK: no_way_back}
    return {flag: found for flag, found in named.items() if found} | {flag: () for flag, on in given.items() if on}


def restart(run: Run, service: str, **chosen: Any) -> int:
    """Restart services one node at a time, and answer with the exit code. chosen: fields of `Options`."""
    services = names(service)
    if unknown := [name for name in services if name not in site.SERVICES]:
        raise UsageError(f"unknown service {unknown[0]}", details=[f"services are: {', '.join(site.SERVICES)}"])
    options = opening.options(run, smoke=False, **chosen)
    inventory = run.inventory()
    return Restart(site, inventory, options, reporter(), _asker(), services=services).run()


def _asker() -> Callable[[str], bool] | None:
    """How to ask the person at the terminal; None where there is none."""
    return ask if terminal() else None
