"""What an inventory is once it is loaded: hosts, their groups, their variables, and which of them --limit means."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from provisioner.errors import ConfigError
from provisioner.words import some


class Values(Mapping[str, Any]):
    """A host's variables. One of the user's own whose template cannot be rendered here (it may use a plugin that
    only Ansible has) is left out of iteration, and raises its ConfigError only when it is asked for."""

    def __init__(self, values: Mapping[str, Any], broken: Mapping[str, ConfigError]) -> None:
        self._values = values
        self._broken = broken

    def __getitem__(self, name: str) -> Any:
        if name in self._broken:
            raise self._broken[name]
        return self._values[name]

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Values({len(self)} variables)"  # values may be secret


@dataclass(frozen=True, eq=False)
class Host:
    """A host. groups: every group it is in, without "all"; origin: variable -> the file and line it was set in;
    inner: the same for the entries of a variable that is a map, by their keys."""

    name: str
    groups: tuple[str, ...]
    vars: Mapping[str, Any]
    origin: Mapping[str, str]
    inner: Mapping[str, Mapping[tuple[str, ...], str]] = field(default_factory=dict)

    def place(self, variable: str, *keys: str) -> str:
        """Where an entry of a map is written, or what is around it: "inventory/site.yml:7"; "" when not known."""
        known = self.inner.get(variable, {})
        found = (known[keys[:depth]] for depth in range(len(keys), 0, -1) if keys[:depth] in known)
        return next(found, self.origin.get(variable, ""))


@dataclass(frozen=True, eq=False)
class Inventory:
    """The hosts of one inventory file that roles serve, in file order. groups: name -> its hosts among them, "all"
    included; everyone: name -> all of its hosts, in Ansible's order; remarks: warnings, one sentence each; decrypt:
    opens what ansible-vault has encrypted, None without a password."""

    name: str
    path: Path
    hosts: Mapping[str, Host]
    groups: Mapping[str, tuple[str, ...]]
    everyone: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    decrypt: Callable[[str, str], str] | None = field(default=None, repr=False)

    def limit(self, pattern: str | None) -> tuple[Host, ...]:
        """The hosts of an Ansible pattern (`patterns.py`) that roles serve, in inventory order; None is all of them.

        Raises ConfigError for a pattern that means nothing, and when no host is left.
        """
        if not (pattern or "").strip(" ,:"):
            return tuple(self.hosts.values())
        from provisioner.inventory.patterns import Patterns

        groups = self.everyone or self.groups
        known = Patterns([*groups["all"]], groups)
        chosen = known.chosen(str(pattern))
        if left := tuple(host for name, host in self.hosts.items() if name in chosen):
            return left
        strangers = f": {some(sorted(chosen))} is none of the hosts that are deployed" if chosen else ""
        raise ConfigError(
            f"--limit {pattern} leaves no host{strangers}", advice=Patterns(list(self.hosts), self._named()).choice()
        )

    def _named(self) -> Mapping[str, tuple[str, ...]]:
        return {name: members for name, members in self.groups.items() if members}
