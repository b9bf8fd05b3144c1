"""What a role's variables are: name, type, default and meaning, as its `defaults.yml` declares them.

    # Heap of the service (-Xms and -Xmx). Not set: a quarter of the host's memory.
    app_heap: !size
    # How long an unused connection stays open.
    app_idle_timeout: !duration 10m

The tag says the type, the comment above is the documentation, no value means "not set" (None). Untagged variables
have the YAML type of their default. Sizes become bytes, durations milliseconds, so that no template has to parse.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from provisioner.errors import ConfigError, raise_all
from provisioner.inventory.value_types import BOOL, INT, LIST, MAP, NUMBER, STR, TYPES, Type, choice, convert
from provisioner.inventory.yaml_source import Document, Raw, read, strings

_CHOICE = re.compile(r"(?P<choices>[^\s|]+(?:\|[^\s|]+)+)(?:\s+default\s+(?P<default>\S+))?")


@dataclass(frozen=True)
class Variable:
    """One documented variable. default: typed, or a template still to be rendered; written: as the file has it."""

    name: str
    type: Type
    default: Any
    doc: str
    file: str
    line: int
    written: str = ""

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}"

    @property
    def role(self) -> str:
        """The role that owns it: the directory its file is in."""
        return Path(self.file).parent.name


def is_template(value: Any) -> bool:
    """Does a value hold Jinja2 anywhere?"""
    return any("{{" in text or "{%" in text for text in strings(value))


def load_specs(paths: Iterable[Path]) -> dict[str, Variable]:
    """The variables that `paths` (roles' defaults.yml) declare, by name.

    Raises ConfigError, or Several, for bad YAML, a type that is unknown or cannot be told, a default that is
    not of its type, and a variable that two files declare.
    """
    specs: dict[str, Variable] = {}
    problems: list[ConfigError] = []
    for path in paths:
        try:
            document = read(path, "/".join(path.parts[-3:]))
            found = _declared(document, problems)
        except ConfigError as error:
            problems.append(error)
            continue
        for variable in found:
            first = specs.setdefault(variable.name, variable)
            if first is not variable:
                problems.append(ConfigError(f"{variable.place}: {variable.name} is already declared in {first.place}"))
    raise_all(problems)
    return specs


def _declared(document: Document, problems: list[ConfigError]) -> list[Variable]:
    if document.root is None or document.is_null(document.root):
        return []
    if not isinstance(document.root, yaml.MappingNode):
        raise document.error("expected variables, `name: value` in each line", document.root)
    found = []
    for key, node in document.items(document.root):
        try:
            found.append(_variable(document, key, node))
        except ConfigError as error:
            problems.append(error)
    return found


def _variable(document: Document, key: yaml.Node, node: yaml.Node) -> Variable:
    name, line = str(key.value), key.start_mark.line
    kind, raw = _typed_default(document, node)
    default = raw.value
    if default is not None and not is_template(default):
        default = convert(name, kind, raw)
    kind = replace(kind, optional=default is None)
    return Variable(name, kind, default, _comment_above(document.lines, line), document.label, line + 1, raw.text or "")


def _typed_default(document: Document, node: yaml.Node) -> tuple[Type, Raw]:
    if not node.tag.startswith("!"):
        raw = document.raw(node)
        for kind in (BOOL, INT, NUMBER, STR, LIST, MAP):
            if type(raw.value) in _PYTHON_TYPES[kind.name]:
                return kind, raw
        raise document.error("has no default to tell the type from", node, "add a tag such as !str, !int or !size")
    tag = node.tag[1:]
    document.resolve_plain(node)
    raw = document.raw(node)
    if tag == "choice":
        match = _CHOICE.fullmatch(str(raw.value))
        if not match:
            raise document.error("not a choice", node, 'write it like this: !choice "a|b default a"')
        return choice(tuple(match["choices"].split("|"))), Raw(match["default"], match["default"], raw.place)
    if tag not in TYPES:
        raise document.error(f"unknown type !{tag}", node, f"types: {', '.join([*TYPES, 'choice'])}")
    return TYPES[tag], raw


_PYTHON_TYPES: Mapping[str, tuple[type, ...]] = {
    "bool": (bool,),
    "int": (int,),
    "number": (float,),
    "str": (str,),
    "list": (list,),
    "map": (dict,),
}


def _comment_above(lines: list[str], line: int) -> str:
    """The comment block that ends right above `line`, without its marks."""
    comment: list[str] = []
    while line > 0 and lines[line - 1].startswith("#"):
        line -= 1
        comment.insert(0, re.sub("^#+ ?", "", lines[line]))
    return "\n".join(comment).strip()
