"""Opens the hosts of a verb: options, inventory, what is shown meanwhile, sessions. The same for every verb."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from typing import Any, TextIO

from cli.asking import secret
from cli.common import Run
from cli.project import ROOT
from provisioner.artifacts import cache_directory
from provisioner.connect.fleet import Fleet, Outcome
from provisioner.connect.opening import Opener, connect
from provisioner.errors import UsageError
from provisioner.inventory.model import Host
from provisioner.options import Options
from provisioner.report.choose import reporter
from provisioner.run.target import Target
from roles import site


def options(run: Run, tags: str = "", **chosen: Any) -> Options:
    """The command line as the engine's options; asks for the sudo password when told to. chosen: further fields of
    `Options`. Raises UsageError for a tag that no role has."""
    wanted, known = tuple(tag for tag in tags.split(",") if tag), [role.name for role in site.ROLES]
    if unknown := [tag for tag in wanted if tag not in known]:
        raise UsageError(f"unknown tag {unknown[0]}", details=[f"tags are: {', '.join(known)}"])
    password = os.environ.get("PROVISIONER_BECOME_PASSWORD")
    if run.ask_become_pass:
        password = secret("sudo password: ")
    return Options(
        root=ROOT,
        cache=cache_directory(),
        tags=wanted,
        limit=run.limit or None,
        accept_new_host_keys=run.accept_new_host_keys,
        become_password=password,
        **{"check": run.check, **chosen},
    )


class Hosts:
    """The hosts of an inventory, for one verb. Making it reads the inventory; use it as a context manager: within,
    `show` shows what goes on, and `connect` opens sessions; at the end all of them are closed.

    inventory, options: as they were chosen. members: the hosts that --limit leaves. fleet: the open sessions.
    """

    def __init__(self, run: Run, stream: TextIO | None = None, **chosen: Any) -> None:
        """stream: where what goes on is shown, None for standard output; a verb whose answer is there shows it on
        standard error. chosen: as for `options`. Raises UsageError and ConfigError."""
        self.options = options(run, **chosen)
        self.inventory = run.inventory()
        self.members: list[Host] = list(self.inventory.limit(self.options.limit))
        self.show = reporter(stream)
        self.fleet = Fleet(self.show)
        self._open = ExitStack()

    def __enter__(self) -> Hosts:
        self._open.enter_context(self.show)
        self._open.enter_context(self.fleet)
        return self

    def __exit__(self, *exception: Any) -> None:
        self._open.__exit__(*exception)

    def connect(self, hosts: Iterable[Host]) -> Outcome[Target]:
        """Open a session with each host that has none, all at once; {name: host with its facts} of these."""
        missing = {host.name: host for host in hosts if host.name not in self.fleet.sessions}
        facts = connect(self.fleet, site, missing.values(), self.options) if missing else Outcome({}, {})
        return Outcome({name: self._target(missing[name], one) for name, one in facts.items()}, facts.errors)

    def open(self, host: Host) -> Target:
        """Open a session with one host that has none, in the thread that calls this: nobody waits for it at the end.
        Raises ProvisionerError."""
        return self._target(host, Opener(self.fleet, site, self.options).open(host))

    def _target(self, host: Host, facts: Mapping[str, Any]) -> Target:
        return Target(host, self.inventory, facts, self.options.root / "templates")
