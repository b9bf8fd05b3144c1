"""Problems of the kernel settings that an inventory names, found before any connection; pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from provisioner.errors import ConfigError
from provisioner.inventory.loading import once

if TYPE_CHECKING:
    from provisioner.inventory.model import Host, Inventory

_NAME = re.compile(r"[a-z0-9_]+([./][\w-]+)+", re.ASCII | re.IGNORECASE)
# The kernel reads 010 as 8, and others do not.
_VALUE = re.compile(r"-?(0|[1-9][0-9]*)|[^0-9\s-][!-~ ]*|[0-9]+(\.[0-9]+)*([\t ]+[0-9]+)+")


def kernel_settings(inventory: Inventory) -> list[ConfigError]:
    """os_sysctl has names of kernel settings, and values that the kernel takes as they are written."""
    found = []
    for host in inventory.hosts.values():
        for name, value in host.vars["os_sysctl"].items():
            if why := wrong(name, value):
                details = [f"in:    {host.place('os_sysctl', str(name))}"]
                advice = "write it like this: os_sysctl: {vm.swappiness: 1}"
                found.append((host.name, ConfigError(f"os_sysctl: {why}", details=details, advice=advice)))
    return once(found, len(inventory.hosts))


def wrong(name: Any, value: Any) -> str:
    """What is wrong with one setting, "" for nothing."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        return f"{name!r} is not the name of a kernel setting"
    if isinstance(value, bool) or not isinstance(value, (int, str)) or not _VALUE.fullmatch(str(value)):
        return f"{name} takes a whole number or a word, and is {value!r}"
    return ""


CHECKS = (kernel_settings,)


def ports(host: Host) -> list[tuple[int, str]]:
    """The operating system's own are none of this role's."""
    return []


def warnings(inventory: Inventory) -> list[str]:
    """Nothing that works is unwise."""
    return []
