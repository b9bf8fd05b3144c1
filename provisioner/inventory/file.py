"""An inventory file in Ansible's YAML shape: groups, hosts and their vars.

The shape and the order in which values win are Ansible's own, so that one file serves both tools. What Ansible
skips with a warning, such as `host:` for `hosts:`, is an error here: a host that is silently missing is worse.
Values stay as written; `templating.py` renders them.
"""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from provisioner.errors import ConfigError
from provisioner.inventory.host_ranges import expand
from provisioner.inventory.layout import Group, Layout
from provisioner.inventory.yaml_source import Document, Raw

_SECTIONS = ("hosts", "vars", "children")


def parse(document: Document, problems: list[ConfigError]) -> Layout:
    """What an inventory file describes, still to be completed. What is wrong with it is added to `problems`."""
    layout = Layout(document.label)
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
        try:
            _Parser(document, layout, problems).groups(root, parent=None)
        except RecursionError:
            problems.append(ConfigError(f"{document.label}: groups are nested too deeply"))
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
                parent.children.setdefault(name, self.document.place(key))
            group = self.layout.groups.setdefault(name, Group(name, self.document.place(key)))
            for section, section_key, content in self.entries(body, "a group"):
                if section == "hosts":
                    self.hosts(content, group)
                elif section == "vars":
                    found = self.document.variables(content, self.problems)
                    self.layout.merge(group.vars, found, f"group {name}", self.problems)
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
            for section in [name for name in _SECTIONS if name in variables]:
                self.section_below_host(pattern, section, variables.pop(section))
            if port is not None:
                variables.setdefault("ansible_port", Raw(port, str(port), self.document.place(key)))
            for name in names:
                group.hosts[name] = None
                known = self.layout.hosts.setdefault(name, {})
                self.layout.merge(known, variables, f"host {name}", self.problems)

    def section_below_host(self, host: str, section: str, raw: Raw) -> None:
        """Ansible takes it for a variable of that name, so that what is in it has no effect."""
        advice = (
            f"write the variables directly below `{host}:`, without `vars:`"
            if section == "vars"
            else f"`{section}:` belongs below a group, beside `hosts:`"
        )
        self.problems.append(
            ConfigError(f"{raw.place}: {section} below the host {host}: a host has variables only", advice=advice)
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
