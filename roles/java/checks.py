"""Problems of the Java that an inventory names, found before any connection; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioner.errors import ConfigError
from provisioner.inventory.loading import once
from provisioner.resources.places import HOMES, TEMPORARY, within
from roles.shared.directories import UNWRITTEN

if TYPE_CHECKING:
    from provisioner.inventory.model import Host, Inventory

# Which directories the sandbox of units hides (templates/os/sandbox.j2).
HIDDEN = {"/home": HOMES, "/root": HOMES, "/tmp": TEMPORARY, "/var/tmp": TEMPORARY}


def home(inventory: Inventory) -> list[ConfigError]:
    """java_home is a path that units and scripts take as it is, and that services can see."""
    found = [
        (host.name, _refused(host, why))
        for host in inventory.hosts.values()
        if (why := _why_not(str(host.vars["java_home"] or "")))
    ]
    return once(found, len(inventory.hosts))


def _why_not(path: str) -> str:
    if signs := sorted(set(UNWRITTEN.findall(path))):
        return f"has {' and '.join('a blank' if sign == ' ' else repr(sign) for sign in signs)} in it"
    return next((f"is in {hidden}, which {why}" for hidden, why in HIDDEN.items() if within(path, hidden)), "")


def _refused(host: Host, why: str) -> ConfigError:
    return ConfigError(
        f"java_home: {host.vars['java_home']!r} {why}",
        details=[f"in:    {host.place('java_home')}"],
        advice="install Java in a directory such as /opt/java, or let java_home be a link to it there",
    )


CHECKS = (home,)


def ports(host: Host) -> list[tuple[int, str]]:
    """Java listens nowhere."""
    return []


def warnings(inventory: Inventory) -> list[str]:
    """Nothing that works is unwise."""
    return []
