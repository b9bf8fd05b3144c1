"""An inventory file in Ansible's INI shape: `[group]`, `[group:vars]`, `[group:children]`, and a host in each line.

Values have the types that they have for Ansible, those of Python's literals (`1` is a number, `True` true, `yes` text),
but how they were typed is kept as well: a variable that is text gets 2.10, not 2.1. What Ansible takes for something
else without a word is an error with its line.
"""

from __future__ import annotations

import ast
import re
import shlex
import warnings
from typing import Any

from provisioner.errors import ConfigError
from provisioner.inventory.host_ranges import expand
from provisioner.inventory.layout import Group, Layout
from provisioner.inventory.written import written
from provisioner.inventory.yaml_source import Raw

_SECTION = re.compile(r"\[(?P<group>[^:\]\s]+)(?::(?P<kind>\w+))?\]\s*(?:#.*)?")
_KINDS = ("hosts", "vars", "children")
_YAML = re.compile(r"""---|[{"'%!?&-]|[^\s=\[]+\s*:(\s|$)""")


def looks_like_ini(text: str) -> bool:
    """Whether the first line that says something cannot begin a map in YAML."""
    lines = (line.strip() for line in text.splitlines())
    first = next((line for line in lines if line and line[0] not in "#;"), "")
    return bool(first) and not _YAML.match(first)


def parse(text: str, label: str, problems: list[ConfigError]) -> Layout:
    """What an inventory file describes, still to be completed. label: the file in messages. What is wrong with it is
    added to `problems`."""
    layout = Layout(label)
    reader = _Reader(layout, problems)
    for number, line in enumerate(text.splitlines(), 1):
        if (line := line.strip()) and line[0] not in "#;":
            reader.line(line, f"{label}:{number}")
    reader.end()
    if not layout.hosts and not problems:
        problems.append(ConfigError(f"{label} names no host", advice="write one in a line below its [group]"))
    return layout


class _Reader:
    def __init__(self, layout: Layout, problems: list[ConfigError]) -> None:
        self._layout, self._problems = layout, problems
        self._group: Group | None = None  # None before the first section: hosts of no group
        self._kind = "hosts"
        self._declared = {"all", "ungrouped"}  # by a section of their own that is not only their variables
        self._mentioned: dict[str, str] = {}  # groups that need such a section -> where they are named

    def line(self, line: str, place: str) -> None:
        """Take one line that is neither empty nor a comment."""
        if section := _SECTION.fullmatch(line):
            self._section(section["group"], section["kind"] or "hosts", place)
        elif line.startswith("[") and line.endswith("]"):
            self._problem(f"{line} is not a section", place, "write [group], [group:vars] or [group:children]")
        elif self._kind == "hosts":
            self._host(line, place)
        elif self._kind == "vars":
            self._variable(line, place)
        else:
            self._child(line.split("#")[0].strip(), place)

    def end(self) -> None:
        """Report groups that are used and not declared."""
        for name, place in self._mentioned.items():
            if name not in self._declared:
                self._problem(f"there is no group {name}", place, f"add a section [{name}], or correct the name")

    def _section(self, name: str, kind: str, place: str) -> None:
        if kind not in _KINDS:
            self._problem(f"[{name}:{kind}] is not a kind of section; they are {', '.join(_KINDS)}", place)
            kind = "vars"  # whose lines are the least likely to be wrong, too
        self._group, self._kind = self._named(name, place), kind
        if kind == "vars":
            self._mentioned.setdefault(name, place)
        else:
            self._declared.add(name)

    def _named(self, name: str, place: str) -> Group:
        return self._layout.groups.setdefault(name, Group(name, place))

    def _host(self, line: str, place: str) -> None:
        try:
            pattern, *assignments = shlex.split(line, comments=True)
            names, port = expand(pattern)
        except ValueError as error:
            yaml = "this looks like YAML; call the file NAME.yml" if line.endswith(":") else None
            self._problem(f"not a line of a host: {error}", place, yaml)
            return
        variables: dict[str, Raw] = {}
        for assignment in assignments:
            name, separator, value = assignment.partition("=")
            if not separator or not name:
                advice = "put a value with blanks in quotes; a comment begins with #"
                self._problem(f"{name or assignment} is not a variable of a host, such as name=value", place, advice)
                continue
            variables[name] = _raw(value, place)
        if port is not None:
            variables.setdefault("ansible_port", Raw(port, str(port), place))
        for name in names:
            if self._group is not None and self._group.name != "ungrouped":
                self._group.hosts[name] = None
            self._layout.merge(self._layout.hosts.setdefault(name, {}), variables, f"host {name}", self._problems)

    def _variable(self, line: str, place: str) -> None:
        name, separator, value = (part.strip() for part in line.partition("="))
        if not separator or not re.fullmatch(r"\S+", name):
            advice = "hosts stand below [group], variables of a group below [group:vars]"
            self._problem(f"{name.split()[0] if name else line} is not a variable, such as name=value", place, advice)
        elif self._group is not None:
            new = {name: _raw(value, place)}
            self._layout.merge(self._group.vars, new, f"group {self._group.name}", self._problems)

    def _child(self, name: str, place: str) -> None:
        if not re.fullmatch(r"[^:\]\s]+", name):
            self._problem(f"{name or 'nothing'} is not the name of a group", place, "one group stands in each line")
        elif name == "all":
            self._problem("all cannot be a child: it holds every group by itself", place)
        elif self._group is not None:
            self._named(name, place)
            self._mentioned.setdefault(name, place)
            self._group.children.setdefault(name, place)

    def _problem(self, summary: str, place: str, advice: str | None = None) -> None:
        self._problems.append(ConfigError(f"{place}: {summary}", advice=advice))


def _raw(typed: str, place: str) -> Raw:
    value = _typed(typed)
    if isinstance(value, str):
        return Raw(value, value, place)
    if isinstance(value, (list, dict)):
        return Raw(value, None, place)
    text = typed.split("#")[0].strip()
    return Raw(value if value is None or isinstance(value, bool) else written(value, text), text, place)


def _typed(typed: str) -> Any:
    """The value of a Python literal, as YAML could have held it; other text is itself."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            return _plain(ast.literal_eval(typed), typed)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return typed


def _plain(value: Any, typed: str) -> Any:
    if isinstance(value, (list, tuple, set)):
        return [_plain(member, str(member)) for member in value]
    if isinstance(value, dict):
        return {_plain(key, str(key)): _plain(member, str(member)) for key, member in value.items()}
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    return value.decode(errors="replace") if isinstance(value, bytes) else typed  # an ellipsis, a complex number
