"""deploy, plan, restart and smoke."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable
from typing import Any

from cli.asking import ask, terminal
from cli.common import ROOT, load_inventory
from provisioner import timing
from provisioner.artifacts import cache_directory
from provisioner.connect.fleet import Fleet
from provisioner.connect.opening import connect
from provisioner.errors import UsageError
from provisioner.options import Options
from provisioner.report.choose import reporter
from provisioner.run.deploy import Deploy
from provisioner.run.restart import Restart
from provisioner.run.target import Target
from roles import site


def options(**flags: Any) -> Options:
    """The command line's flags as the engine's options; asks for the sudo password when told to."""
    tags = tuple(tag for tag in (flags.pop("tags", None) or "").split(",") if tag)
    known = [role.name for role in site.ROLES]
    if unknown := [tag for tag in tags if tag not in known]:
        raise UsageError(f"unknown tag {unknown[0]}", details=[f"tags are: {', '.join(known)}"])
    password = os.environ.get("PROVISIONER_BECOME_PASSWORD")
    if flags.pop("ask_become_pass", False):
        password = getpass.getpass("sudo password: ")
    return Options(
        root=ROOT,
        cache=cache_directory(),
        tags=tags,
        become_password=password,
        **{name: value for name, value in flags.items() if value not in (None, "")},
    )


def smoke(hosts: str, extra_vars: list[str], cli: bool, **flags: Any) -> None:
    """Produce and consume through every listener of a deployed cluster. Raises what went wrong."""
    chosen = options(**flags)
    inventory = load_inventory(hosts, extra_vars)
    with reporter() as show, Fleet(show) as fleet:
        members = [host for host in inventory.limit(chosen.limit) if "kafka" in host.groups]
        facts = connect(fleet, site, members, chosen).check()
        targets = [Target(host, inventory, facts[host.name], ROOT / "templates") for host in members]
        site.verify(fleet.call, targets, show, cli=cli)


def deploy(hosts: str, extra_vars: list[str], timings: bool = False, **flags: Any) -> int:
    """Run a deploy (or its check) and answer with its exit code. timings: then say where the time went."""
    timing.add("start of the program", timing.since_start())
    chosen = options(**flags)
    with timing.timed("load the inventory"):
        inventory = load_inventory(hosts, extra_vars)
    show = reporter()
    code = Deploy(site, inventory, chosen, show, _asker()).run()
    if timings:
        show.phase("Timings")
        for line in timing.TIMINGS.table():
            show.note(line)
    return code


def restart(hosts: str, extra_vars: list[str], service: str, **flags: Any) -> int:
    """Restart services one node at a time, and answer with the exit code."""
    services = [name for name in service.split(",") if name]
    if unknown := [name for name in services if name not in site.SERVICES]:
        raise UsageError(f"unknown service {unknown[0]}", details=[f"services are: {', '.join(site.SERVICES)}"])
    chosen = options(smoke=False, **flags)
    found = load_inventory(hosts, extra_vars)
    return Restart(site, found, chosen, reporter(), _asker(), services=services).run()


def _asker() -> Callable[[str], bool] | None:
    """How to ask the person at the terminal; None where there is none."""
    return ask if terminal() else None
