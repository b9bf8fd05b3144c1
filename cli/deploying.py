"""deploy, plan, restart and smoke."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cli.asking import ask, terminal
from cli.common import Run, load_inventory
from cli.hosts import Hosts
from cli.hosts import options as options_of
from provisioner import timing
from provisioner.errors import UsageError
from provisioner.options import Options
from provisioner.report.choose import reporter
from provisioner.run.deploy import Deploy
from provisioner.run.restart import Restart
from roles import site


def options(**flags: Any) -> Options:
    """The options of a verb that takes no Run yet."""
    names = ("limit", "ask_become_pass", "accept_new_host_keys")
    run = Run("", **{name: flags.pop(name) for name in names if name in flags})
    return options_of(run, **flags)


def smoke(run: Run, cli: bool) -> None:
    """Produce and consume through every listener of a deployed cluster. Raises what went wrong."""
    with Hosts(run) as hosts:
        targets = hosts.connect([host for host in hosts.members if "kafka" in host.groups]).check()
        site.verify(hosts.fleet.call, list(targets.values()), hosts.show, cli=cli)


def deploy(run: Run, tags: str, timings: bool = False, **chosen: Any) -> int:
    """Run a deploy (or its check) and answer with its exit code. timings: then say where the time went. chosen: fields
    of `Options`."""
    timing.add("start of the program", timing.since_start())
    options = options_of(run, tags, **chosen)
    with timing.timed("load the inventory"):
        inventory = load_inventory(run.hosts, run.extra_vars)
    show = reporter()
    code = Deploy(site, inventory, options, show, _asker()).run()
    if timings:
        show.phase("Timings")
        for line in timing.TIMINGS.table():
            show.note(line)
    return code


def restart(run: Run, service: str, **chosen: Any) -> int:
    """Restart services one node at a time, and answer with the exit code. chosen: fields of `Options`."""
    services = [name for name in service.split(",") if name]
    if unknown := [name for name in services if name not in site.SERVICES]:
        raise UsageError(f"unknown service {unknown[0]}", details=[f"services are: {', '.join(site.SERVICES)}"])
    options = options_of(run, smoke=False, **chosen)
    inventory = load_inventory(run.hosts, run.extra_vars)
    return Restart(site, inventory, options, reporter(), _asker(), services=services).run()


def _asker() -> Callable[[str], bool] | None:
    """How to ask the person at the terminal; None where there is none."""
    return ask if terminal() else None
