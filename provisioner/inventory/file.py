"""An inventory file in Ansible's YAML shape: groups, hosts and their vars, and the vars files beside it.

The shape and the order in which values win are Ansible's own, so that one file serves both tools. What Ansible
skips with a warning, such as `host:` for `hosts:`, is an error here: a host that is silently missing is worse.
Values stay as written; `templating.py` renders them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from provisioner.errors import ConfigError
from provisioner.inventory.host_ranges import expand
from provisioner.inventory.yaml_source import Document, Raw, read
from provisioner.secrets import shown

_SECTIONS = ("hosts", "vars", "children")
_VARS_EXTENSIONS = ("", ".yml", ".yaml", ".json")


@dataclass
class Group:
    """A group as the file defines it: its own hosts and child groups, in file order."""

    name: str
    hosts: dict[str, None] = field(default_factory=dict)
    children: dict[str, None] = field(default_factory=dict)
    vars: dict[str, Raw] = field(default_factory=dict)


class Layout:
    """Which hosts are in which group, and which variables were written where. Everything keeps the file's order."""

    def __init__(self) -> None:
        self.groups: dict[str, Group] = {"all": Group("all")}
        self.hosts: dict[str, dict[str, Raw]] = {}

    def members(self, group: str) -> tuple[str, ...]:
        """The hosts of a group and of its child groups."""
        if group == "all":
            return tuple(self.hosts)
        wanted = {host for name in self._below(group) for host in self.groups[name].hosts}
        return tuple(host for host in self.hosts if host in wanted)

    def groups_of(self, host: str) -> tuple[str, ...]:
        """The groups a host is in, directly or through child groups, without "all"."""
        return tuple(name for name in self.groups if name != "all" and host in self.members(name))

    def by_precedence(self) -> list[Group]:
        """Groups without "all", weakest first: outer before inner, then ansible_group_priority, then by name."""
        return sorted(
            (group for name, group in self.groups.items() if name != "all"),
            key=lambda group: (self._depth(group.name), _priority(group), group.name),
        )

    def loops(self) -> list[str]:
        """Groups that are children of themselves, on whatever way."""
        return [name for name, group in self.groups.items() if any(name in self._below(c) for c in group.children)]

    def _below(self, group: str) -> set[str]:
        found: set[str] = set()
        waiting = [group]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting.extend(self.groups[name].children)
        return found

    def _depth(self, group: str) -> int:
        parents = [name for name, other in self.groups.items() if group in other.children and name != "all"]
        return 1 + max((self._depth(parent) for parent in parents), default=0)


def parse(document: Document, problems: list[ConfigError]) -> Layout:
    """The layout an inventory file describes. What is wrong with it is added to `problems`."""
    layout = Layout()
    root = document.root
    if root is None or document.is_null(root):
        problems.append(ConfigError(f"{document.label} is empty", advice="write at least `all: {hosts: {NAME: }}`"))
    elif not isinstance(root, yaml.MappingNode):
        problems.append(
            document.error(
                "not an inventory in YAML: it has to start with a group such as `all:`", root, document.ini_advice()
            )
        )
    else:
        _Parser(document, layout, problems).groups(root, parent=None)
        if loops := layout.loops():
            summary = f"{document.label}: groups that are below themselves: {', '.join(loops)}"
            problems.append(ConfigError(summary, advice="take one of them out of the other's `children:`"))
        grouped = {host for name in layout.groups if name != "all" for host in layout.groups[name].hosts}
        alone = [host for host in layout.hosts if host not in grouped]
        if alone:
            layout.groups["ungrouped"] = Group("ungrouped", hosts=dict.fromkeys(alone))
        if not layout.hosts and not problems:
            problems.append(
                ConfigError(f"{document.label} names no host", advice="add one below `hosts:` of a group, as `NAME:`")
            )
    return layout


class _Parser:
    def __init__(self, document: Document, layout: Layout, problems: list[ConfigError]) -> None:
        self.document = document
        self.layout = layout
        self.problems = problems

    def groups(self, node: yaml.Node, parent: Group | None) -> None:
        for name, key, body in self.entries(node, "groups"):
            if parent and name == "all":
                self.problem("`all` cannot be a child: it holds every group by itself", key)
                continue
            if parent:
                parent.children[name] = None
            group = self.layout.groups.setdefault(name, Group(name))
            for section, section_key, content in self.entries(body, "a group"):
                if section == "hosts":
                    self.hosts(content, group)
                elif section == "vars":
                    self.merge(group.vars, self.document.variables(content, self.problems), f"group {name}")
                elif section == "children":
                    self.groups(content, group)
                else:
                    self.problem(
                        f"a group has {', '.join(_SECTIONS)}; {section} is none of them",
                        section_key,
                        f"variables go below `vars:`, groups inside {name} below `children:`",
                    )

    def hosts(self, node: yaml.Node, group: Group) -> None:
        for pattern, key, body in self.entries(node, "hosts"):
            try:
                names, port = expand(pattern)
            except ValueError as error:
                self.problem(str(error), key, "write a host as `name:`, `broker[1:3]:` or `broker-[a:c]:`")
                continue
            variables = self.document.variables(body, self.problems)
            if port is not None:
                variables.setdefault("ansible_port", Raw(port, str(port), self.document.place(key)))
            for name in names:
                group.hosts[name] = None
                self.merge(self.layout.hosts.setdefault(name, {}), variables, f"host {name}")

    def merge(self, known: dict[str, Raw], new: dict[str, Raw], owner: str) -> None:
        """A host or group may be written in several places, but not say two things about one variable."""
        for name, raw in new.items():
            first = known.setdefault(name, raw)
            if first.value != raw.value:
                self.problems.append(
                    ConfigError(
                        f"{owner} has two values of {name}",
                        details=[_said(name, first), _said(name, raw)],
                        advice="keep one of them",
                    )
                )

    def entries(self, node: yaml.Node, what: str) -> Iterator[tuple[str, yaml.Node, yaml.Node]]:
        """Name, key and value node of each entry; none for an empty node. A lone string is a map with one key."""
        if self.document.is_null(node):
            return
        if isinstance(node, yaml.ScalarNode) and what != "a group":
            yield node.value, node, yaml.ScalarNode("tag:yaml.org,2002:null", "", node.start_mark, node.end_mark)
            return
        if not isinstance(node, yaml.MappingNode):
            self.problem(
                f"expected {what} as a map", node, "write each entry as `name:` in a line of its own, without `-`"
            )
            return
        try:
            items = self.document.items(node)
        except ConfigError as error:
            self.problems.append(error)
            return
        for key, value in items:
            if isinstance(key, yaml.ScalarNode) and key.tag == "tag:yaml.org,2002:str":
                yield key.value, key, value
            else:
                self.problem("a name must be a string", key, "put a name that looks like a number in quotes")

    def problem(self, summary: str, node: yaml.Node, advice: str | None = None) -> None:
        self.problems.append(self.document.error(summary, node, advice))


def _said(name: str, raw: Raw) -> str:
    """A value and where it is written, for a message; no secret is in it."""
    return f"{raw.place}: {shown(raw.text or raw.value, name)}"


def vars_files(directory: Path, name: str) -> list[Path]:
    """The files with variables of group or host `name`: NAME, NAME.yml, NAME.yaml, NAME.json or all files in NAME/."""
    for extension in _VARS_EXTENSIONS:
        path = directory / (name + extension)
        if path.is_dir():
            return _files_below(path)
        if path.exists():
            return [path]
    return []


def read_vars(paths: list[Path], root: Path, problems: list[ConfigError]) -> dict[str, Raw]:
    """The variables of these files; a later file wins."""
    found: dict[str, Raw] = {}
    for path in paths:
        try:
            document = read(path, label(path, root))
        except ConfigError as error:
            problems.append(error)
            continue
        found.update(document.variables(document.root, problems))
    return found


def label(path: Path, root: Path) -> str:
    """How messages call a file: from the project's root where it is inside, else as given."""
    relative = os.path.relpath(path, root)
    return str(path) if relative.startswith("..") else relative


def _files_below(directory: Path) -> list[Path]:
    found: list[Path] = []
    for path in sorted(directory.iterdir()):
        if path.name.startswith(".") or path.name.endswith("~"):
            continue
        if path.is_dir() and not path.suffix:
            found.extend(_files_below(path))
        elif path.is_file() and path.suffix in _VARS_EXTENSIONS:
            found.append(path)
    return found


def _priority(group: Group) -> int:
    raw = group.vars.get("ansible_group_priority")
    return raw.value if raw and isinstance(raw.value, int) else 1
