"""How sessions with an inventory's hosts are opened: as the command line chose, with the site's agent running there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from provisioner.connect import payload, ssh
from provisioner.connect import settings as connection
from provisioner.connect.fleet import Fleet, Outcome
from provisioner.connect.route import Routes
from provisioner.connect.session import Ahead
from provisioner.inventory.model import Host
from provisioner.options import Options
from provisioner.timing import timed


class Site(Protocol):
    """What travels to every host; `roles/site.py` says what."""

    AGENT_PACKAGES: Sequence[str]
    AGENT_LIBRARIES: Sequence[str]

    def loaded(self, host: Host) -> Sequence[str]: ...


class Opener:
    """Opens sessions of one run, in any thread: `facts = opener.open(host)`."""

    def __init__(self, fleet: Fleet, site: Site, options: Options) -> None:
        self._fleet, self._site, self._options, self._routes = fleet, site, options, Routes()
        ssh.load()
        with timed("build the agent"):
            self._agent = payload.build(
                options.root, options.cache, packages=site.AGENT_PACKAGES, libraries=site.AGENT_LIBRARIES
            )

    def open(self, host: Host, ahead: Ahead = dict) -> dict[str, Any]:
        """Connect and start the agent; the host's facts. ahead: what it does ahead of the first request, besides the
        loading of modules. Raises ConfigError for what its variables and ssh's
        configuration cannot mean here, Unreachable, and HostFailed where the agent does not start."""
        chosen = self._options
        settings = connection.settings(
            host.name,
            host.vars,
            host.origin,
            accept_new=chosen.accept_new_host_keys,
            become_password=chosen.become_password,
        )

        def begin() -> Mapping[str, Any]:
            return {"modules": list(self._site.loaded(host)), **ahead()}

        return self._fleet.connect(settings, self._routes.to(settings), self._agent, begin)


def connect(fleet: Fleet, site: Site, hosts: Iterable[Host], options: Options) -> Outcome[dict[str, Any]]:
    """Open a session with each host, all at once; their facts."""
    opener, by_name = Opener(fleet, site, options), {host.name: host for host in hosts}
    return fleet.each(by_name, lambda name: opener.open(by_name[name]))
