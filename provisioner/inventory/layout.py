"""Which hosts are in which group, and which variables were written where: what an inventory of any format becomes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

from provisioner.errors import ConfigError
from provisioner.inventory.written import alike
from provisioner.inventory.yaml_source import Encrypted, Raw
from provisioner.secrets import shown


@dataclass
class Group:
    """A group as the file defines it: its own hosts and child groups, in file order. place: where it is first named;
    children: name -> where that is written."""

    name: str
    place: str
    hosts: dict[str, None] = field(default_factory=dict)
    children: dict[str, str] = field(default_factory=dict)
    vars: dict[str, Raw] = field(default_factory=dict)


class Layout:
    """Groups and hosts in the file's order. A reader fills it; the answers are for after `complete`."""

    def __init__(self, label: str) -> None:
        """label: the file in messages."""
        self.label = label
        self.groups: dict[str, Group] = {"all": Group("all", label)}
        self.hosts: dict[str, dict[str, Raw]] = {}
        self._outer_first: list[str] = []

    def complete(self, problems: list[ConfigError]) -> bool:
        """Hosts of no group become `ungrouped`; what is wrong with the whole is added to `problems`. False where
        nothing further can be asked: groups contain each other, or there is no host."""
        outside = ("all", "ungrouped")
        grouped = {host for name, group in self.groups.items() if name not in outside for host in group.hosts}
        alone = dict.fromkeys(host for host in self.hosts if host not in grouped)
        if alone or "ungrouped" in self.groups:
            self.groups.setdefault("ungrouped", Group("ungrouped", self.label)).hosts = alone
        try:
            inner_first = TopologicalSorter({name: list(group.children) for name, group in self.groups.items()})
            self._outer_first = list(inner_first.static_order())[::-1]
        except CycleError as error:
            problems.append(self._loop(error.args[1]))
            return False
        if not self.hosts and not problems:
            advice = "add one below `hosts:` of a group, as `NAME:`"
            problems.append(ConfigError(f"{self.label} names no host", advice=advice))
        return bool(self.hosts)

    def _loop(self, way: list[str]) -> ConfigError:
        steps = [(parent, child) for child, parent in pairwise(way)]
        places = [self.groups[parent].children.get(child) for parent, child in steps]
        return ConfigError(
            f"{self.label}: groups that are below themselves: {', '.join(sorted(set(way)))}",
            details=[f"{child} below {parent}: {place}" for (parent, child), place in zip(steps, places, strict=True)],
            advice="take one of them out of the other's `children:`",
        )

    def members(self, group: str) -> tuple[str, ...]:
        """The hosts of a group and of its child groups."""
        return self._members[group]

    def listed(self, group: str) -> tuple[str, ...]:
        """The same hosts as Ansible lists them: those of the group itself, then those of its child groups, level by
        level. What counts positions (`groups['kafka'].index(...)`, `--limit kafka[0]`) must count as Ansible does."""
        level, found, seen = [group], dict[str, None](), set[str]()
        while level:
            seen.update(level)
            found.update({host: None for name in level for host in self.groups[name].hosts})
            below = [child for name in level for child in self._children(name) if child not in seen]
            level = list(dict.fromkeys(below))
        return tuple(found)

    def _children(self, group: str) -> list[str]:
        if group != "all":
            return list(self.groups[group].children)
        inner = {child for other in self.groups.values() for child in other.children if other.name != "all"}
        top = [name for name in self.groups if name not in inner and name != "all"]
        return sorted(top, key=lambda name: (name != "ungrouped", name not in self.groups["all"].children))

    def groups_of(self, host: str) -> tuple[str, ...]:
        """The groups a host is in, directly or through child groups, without "all"."""
        return self._groups_of.get(host, ())

    @cached_property
    def _members(self) -> Mapping[str, tuple[str, ...]]:
        below: dict[str, set[str]] = {}
        for name in reversed(self._outer_first):
            group = self.groups[name]
            below[name] = set(group.hosts).union(*(below[child] for child in group.children))
        place = {host: index for index, host in enumerate(self.hosts)}
        found = {name: tuple(sorted(below[name], key=place.__getitem__)) for name in self.groups}
        return {**found, "all": tuple(self.hosts)}

    @cached_property
    def _groups_of(self) -> Mapping[str, tuple[str, ...]]:
        found: dict[str, list[str]] = {}
        for name, members in self._members.items():
            for host in members if name != "all" else ():
                found.setdefault(host, []).append(name)
        return {host: tuple(names) for host, names in found.items()}

    def by_precedence(self) -> list[Group]:
        """Groups without "all", weakest first: outer before inner, then ansible_group_priority, then by name."""
        depth = dict.fromkeys(self._outer_first, 1)
        for name in self._outer_first:
            for child in self.groups[name].children if name != "all" else ():
                depth[child] = max(depth[child], depth[name] + 1)
        return sorted(
            (group for name, group in self.groups.items() if name != "all"),
            key=lambda group: (depth[group.name], _priority(group), group.name),
        )

    def merge(self, known: dict[str, Raw], new: Mapping[str, Raw], owner: str, problems: list[ConfigError]) -> None:
        """A host or group may be written in several places, but not say two things about one variable."""
        for name, raw in new.items():
            first = known.setdefault(name, raw)
            if not alike(first.value, raw.value):
                problems.append(
                    ConfigError(
                        f"{owner} has two values of {name}",
                        details=[_said(name, first), _said(name, raw)],
                        advice="keep one of them",
                    )
                )


def _said(name: str, raw: Raw) -> str:
    """A value and where it is written, for a message; no secret is in it."""
    value = "(encrypted)" if isinstance(raw.value, Encrypted) else shown(raw.text or raw.value, name)
    return f"{raw.place}: {value}"


def _priority(group: Group) -> int:
    raw = group.vars.get("ansible_group_priority")
    return raw.value if raw and isinstance(raw.value, int) else 1
