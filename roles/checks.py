"""Problems of an inventory as a whole, found before any connection; pure.

Checks of one role alone are in its room (the part `checks`: `CHECKS`, `ports(host)`,
`directories(host)`, `warnings(inventory)`).
Each check takes the loaded inventory and answers with every problem it finds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from provisioner.connect import settings as connection
from provisioner.errors import ConfigError
from provisioner.inventory.loading import once
from roles.shared.checks import Check, collected
from roles.shared.directories import problems

if TYPE_CHECKING:
    from provisioner.inventory.model import Inventory
    from roles.role import Role


def of(roles: Sequence[Role]) -> tuple[Check, ...]:
    """Every check of a site, including the roles' own; a role comes before those that it depends on."""
    each = [partial(of_role, role) for role in reversed(roles) if role.has("checks")]
    first = (partial(someone_to_serve, roles), partial(connections, roles))
    return (*first, *each, collected(partial(ports, roles)), partial(directories, roles))


def of_role(role: Role, inventory: Inventory) -> list[ConfigError]:
    """The problems that one role finds."""
    part = role.part("checks")
    return [problem for check in (part.CHECKS if part else ()) for problem in collected(check)(inventory)]


def warnings(roles: Sequence[Role], inventory: Inventory) -> list[str]:
    """Warnings about working but unwise settings: one sentence each."""
    return [text for role in roles if (part := role.part("checks")) for text in part.warnings(inventory)]


def someone_to_serve(roles: Sequence[Role], inventory: Inventory) -> list[ConfigError]:
    """At least one host is in a group of a role."""
    groups = list(dict.fromkeys(group for role in reversed(roles) for group in role.groups))
    if any(inventory.groups.get(group) for group in groups):
        return []
    return [
        ConfigError(
            f"no host is in the group {', '.join(groups[:-1])} or {groups[-1]}, so there is nothing to deploy",
            details=[f"groups in {inventory.path.name}: {', '.join(inventory.everyone) or 'none'}"],
            advice="put the hosts into these groups, as inventory/single.yml does",
        )
    ]


def connections(roles: Sequence[Role], inventory: Inventory) -> list[ConfigError]:
    """What Ansible's variables ask for on the way to a host, and as which user, can be honoured."""
    found: list[tuple[str, ConfigError]] = []
    groups = {group for role in roles for group in role.groups}
    for host in inventory.hosts.values():
        if groups & set(host.groups):
            try:
                connection.settings(host.name, host.vars, host.origin)
            except ConfigError as error:
                found.append((host.name, ConfigError(error.summary, details=error.details, advice=error.advice)))
    return once(found, len(inventory.hosts))


def ports(roles: Sequence[Role], inventory: Inventory) -> list[ConfigError]:
    """No two services, or two listeners of one service, use one port of one host."""
    out = []
    for host in inventory.hosts.values():
        users = defaultdict(list)
        for role in reversed(roles):
            part = role.part("checks")
            if part and set(role.groups) & set(host.groups):
                for port, what in part.ports(host):
                    users[port].append(what)
        for port, services in users.items():
            if len(services) > 1:
                summary = f"port {port} is used by {' and '.join(services)}"
                out.append(ConfigError(summary, host=host.name, advice="give each its own port"))
    return out


def directories(roles: Sequence[Role], inventory: Inventory) -> list[ConfigError]:
    """Each data directory is its service's own, and nothing else's on that host."""
    services = [role.name for role in roles if role.has("service")]
    found: list[tuple[str, ConfigError]] = []
    for host in inventory.hosts.values():
        parts = [role.part("checks") for role in reversed(roles) if set(role.groups) & set(host.groups)]
        of_host = [one for part in parts if part and hasattr(part, "directories") for one in part.directories(host)]
        places = {one.variable: host.place(one.variable) for one in of_host}
        for error in problems(of_host, services):
            named = [f"in:    {place}" for name, place in places.items() if name in error.summary and place]
            error.details = list(dict.fromkeys(named))
            found.append((host.name, error))
    return once(found, len(inventory.hosts))
