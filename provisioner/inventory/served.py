"""Which part of an inventory is ours: the groups that roles apply to, and names of groups that were probably meant as
one of them.

An inventory often describes a whole site. What it says about machines in none of these groups concerns other tools, so
it is neither connected to nor checked; a group that is only misspelt must not become such a stranger without a word.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from provisioner.errors import ConfigError
from provisioner.inventory.layout import Layout
from provisioner.inventory.unknown import one_slip
from provisioner.inventory.variables import Variable
from provisioner.words import counted, some

# Words around the name of a service that do not make it another one: kafka_nodes, zookeeper-ensemble, prod_kafka.
_AROUND = {
    *("servers", "server", "nodes", "node", "hosts", "host", "machines", "machine", "members", "member", "instances"),
    *("instance", "clusters", "cluster", "group", "ensemble", "quorum", "all"),
    *("prod", "production", "staging", "stage", "testing", "test", "qa", "dev"),
}
_LEAST = 5  # letters of a word in which one may be wrong: "zk" is one letter away from too much


@dataclass(frozen=True)
class Served:
    """roles: role -> the groups that it applies to; alike: group -> other words for its hosts."""

    roles: Mapping[str, Collection[str]]
    alike: Mapping[str, Collection[str]] = field(default_factory=dict)

    @property
    def groups(self) -> tuple[str, ...]:
        """Every group that a role applies to."""
        return tuple(dict.fromkeys(group for groups in self.roles.values() for group in groups))

    def hosts(self, layout: Layout) -> list[str]:
        """The hosts that are in one of the groups, in the file's order."""
        ours = set(self.groups)
        return [host for host in layout.hosts if ours.intersection(layout.groups_of(host))]

    def needs(self, variable: Variable | None, groups: Collection[str]) -> bool:
        """Whether a host in these groups runs what a variable is for. None: a variable of the connection."""
        if variable is None or variable.role not in self.roles:
            return True
        return not set(self.roles[variable.role]).isdisjoint(groups)

    def meant(self, name: str) -> str | None:
        """The group that was probably meant by `name`: its last word that says anything is one for that group's
        hosts, or one slip away from the group's name."""
        words = [word.rstrip("0123456789") for word in re.split(r"[^a-z0-9]+", name.lower())]
        telling = [word for word in words if word and word not in _AROUND]
        last = telling[-1] if telling else ""
        for group in self.groups:
            for word in (group, *self.alike.get(group, ())):
                if last in (word, f"{word}s") or (len(last) >= _LEAST and one_slip(last, word)):
                    return group
        return None


def near_misses(layout: Layout, served: Served) -> tuple[list[ConfigError], list[str]]:
    """Groups whose name is almost that of one of ours: what is refused, and what is only remarked.

    Refused where the file does not mention the group that was meant, since its hosts would then be silently missing;
    an empty group of that name says that it is meant so. Remarked where both are there and differ.
    """
    refused, remarks = [], []
    for name in layout.groups:
        meant = None if name in (*served.groups, "all", "ungrouped") else served.meant(name)
        if meant is None:
            continue
        there = layout.members(meant) if meant in layout.groups else ()
        missing = [host for host in layout.members(name) if host not in there]
        if missing and meant not in layout.groups:
            refused.append(
                ConfigError(
                    f"{layout.groups[name].place}: there is a group {name} and no group {meant}; did you mean {meant}?",
                    details=[f"in {name}: {some(missing)}"],
                    advice=f"rename {name}, or put it below `children:` of a group {meant}; if it is something else, "
                    f"add an empty group {meant}",
                )
            )
        elif missing:
            remarks.append(
                f"{counted(len(missing), 'host')} of the group {name} ({some(missing)}) "
                f"{'is' if len(missing) == 1 else 'are'} not in the group {meant}, and left alone"
            )
    twice = [name for name in layout.groups if name in layout.hosts]
    remarks += [f"{name} is the name of a host and of a group: --limit {name} means the host" for name in twice]
    return refused, remarks
