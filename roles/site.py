"""Which role applies to which hosts, in which order: the whole site on one page."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provisioner.errors import ProvisionerError
from roles.checks import CHECKS, warnings
from roles.finish import contents, departure, downtime, objections, verify
from roles.gates import gate
from roles.role import Role
from roles.shared import releases

if TYPE_CHECKING:
    from provisioner.inventory.model import Inventory
    from provisioner.resources import Service
    from provisioner.run.target import Target

__all__ = [
    "AGENT_LIBRARIES",
    "AGENT_PACKAGES",
    "CHECKS",
    "ROLES",
    "SERVICES",
    "Role",
    "contents",
    "data_dirs",
    "default_files",
    "departure",
    "downtime",
    "gate",
    "load",
    "logs",
    "next_steps",
    "objections",
    "roles_for",
    "services",
    "verify",
    "warnings",
]

# What travels to the hosts: the engine's host side, the roles' own, and the pure-Python client they use there.
AGENT_PACKAGES: Sequence[str] = (
    "provisioner.agent",
    "provisioner.resources",
    "cluster",
)
AGENT_LIBRARIES: Sequence[str] = ("kafka",)


# In the order in which they are applied: a service comes after everything it stands on.
ROLES = (
    Role("os", groups=("zookeeper", "kafka")),
    Role("java", groups=("zookeeper", "kafka")),
    Role("zookeeper", groups=("zookeeper",)),
    Role("kafka", groups=("kafka",)),
)


# The units that roles run and that a roll can restart, each named as its role, in the order in which they start.
SERVICES = tuple(role.name for role in ROLES if role.has("service"))


def roles_for(groups: Iterable[str], tags: Iterable[str] = ()) -> tuple[Role, ...]:
    """The roles of a host that is in these groups, in order; with tags, only those of these names."""
    of_host, wanted = set(groups), set(tags)
    return tuple(role for role in ROLES if of_host & set(role.groups) and (not wanted or role.name in wanted))


def services(target: Target) -> list[Service]:
    """The units that a host is to run, in the order in which they start."""
    return [service for role in roles_for(target.host.groups) for service in role.services(target)]


def data_dirs(target: Target) -> dict[str, list[str]]:
    """Where each unit of a host keeps its data; units that keep none are left out."""
    found = {role.name: part.data_dirs(target) for role, part in _parts("service", target.host.groups)}
    return {unit: paths for unit, paths in found.items() if paths}


def logs(groups: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Where the units of a host that is in these groups log: the files worth reading as one stream."""
    return {role.name: tuple(part.LOGS) for role, part in _parts("service", groups)}


def next_steps(targets: Sequence[Target]) -> list[str]:
    """What a person would want to type now, each role's for the hosts that it is on."""
    out: list[str] = []
    for role in ROLES:
        part = role.part("service")
        of_role = [target for target in targets if role in roles_for(target.host.groups)]
        if of_role and part and hasattr(part, "next_steps"):
            out += part.next_steps(of_role)
    return out


def _parts(name: str, groups: Iterable[str]) -> list[tuple[Role, Any]]:
    """Each role of a host that has this part, with the part."""
    return [(role, part) for role in roles_for(groups) if (part := role.part(name))]


def load(inventory: Inventory) -> None:
    """Import and read what planning will need on this side, whatever the hosts answer: done while they are asked."""
    import jinja2  # noqa: F401

    hosts = [host for host in inventory.hosts.values() if any(roles_for(host.groups))]
    for role in dict.fromkeys(role for host in hosts for role in roles_for(host.groups)):
        importlib.import_module(f"roles.{role.name}.role")
    with contextlib.suppress(ProvisionerError):  # whoever needs it says so, of the host that it is about
        for host in hosts:
            for release in (releases.kafka_release(host.vars), releases.zookeeper_release(host.vars)):
                releases.source(release, host.vars)


def default_files() -> list[Path]:
    """Every role's defaults.yml: together they are the list of variables that there are."""
    return [role.defaults for role in ROLES]
