"""What a role is: a room of its own, with one required file and parts that are found by presence.

`roles/<name>/role.py` says what a host needs and what is installed on it. Everything else is in further files of
its room, which `roles/site.py` uses if they exist:

| part | what it is for |
|---|---|
| `service` | the unit, its data, its logs and what our own checks leave in them; commands to try after a deploy |
| `release` | the versions of the product that it installs |
| `catalogue` | the properties of a version, by its own classes |
| `checks` | problems of an inventory, before any connection |
| `gate` | may the unit go down, and is it back |
| `status` | how `status` asks the service and shows it |
| `doctor` | foreseeable problems |
| `evidence` | contradictions between the inventory and what is there |
| `founding` | what only all hosts together know of what is to be made |
| `stages` | a change that takes several rolling restarts |
| `objections` | reasons against the plan of a host |
| `contents` | what the service holds and an inventory lists |
| `verify` | the proof that the service works |
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from provisioner.resources import Resource, Service
    from provisioner.run.preflight import Needs
    from provisioner.run.target import Target

ROOMS = Path(__file__).parent


@dataclass(frozen=True)
class Role:
    """A role and the groups it applies to. Its name is also its `--tags` name and, if it runs one, its unit's; its room
    is called the same, with _ for -. alike: other words for the hosts of the group of its name, by which a group that
    was meant is recognised. runs: the role whose product it runs, if that is not its own."""

    name: str
    groups: tuple[str, ...]
    alike: tuple[str, ...] = ()
    runs: str = ""

    def has(self, part: str) -> bool:
        """Whether its room has this part; nothing is imported for the answer."""
        return _has(self.name, part)

    def part(self, name: str) -> ModuleType | None:
        """`roles/<role>/<name>.py`, imported when it is first asked for; None where the room has no such file."""
        return _part(self.name, name)

    def services(self, target: Target) -> list[Service]:
        """The units that it runs on a host, without rendering anything: they are among its resources."""
        part = self.part("service")
        return list(part.services(target)) if part else []

    def needs(self, target: Target) -> Needs:
        """What must be true of the host before anything is changed."""
        needs: Needs = _role(self.name).needs(target)
        return needs

    def resources(self, target: Target) -> list[Resource]:
        """What is to be on the host, in order."""
        resources: list[Resource] = _role(self.name).resources(target)
        return resources

    @property
    def defaults(self) -> Path:
        """The file that declares its variables."""
        return ROOMS / room(self.name) / "defaults.yml"


@cache
def _part(role: str, name: str) -> ModuleType | None:
    return importlib.import_module(f"roles.{room(role)}.{name}") if _has(role, name) else None


@cache
def _has(role: str, part: str) -> bool:
    return (ROOMS / room(role) / f"{part}.py").is_file()


def _role(name: str) -> ModuleType:
    return importlib.import_module(f"roles.{room(name)}.role")


def room(role: str) -> str:
    """The name of a role's folder."""
    return role.replace("-", "_")
