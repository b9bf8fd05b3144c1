"""What a shell may offer: names that this machine knows without asking a host.

A press of Tab waits for the answer, so what the roles have is found by the files of their rooms: importing the roles
would take longer than all the rest.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.project import ROOT
from provisioner.inventory import naming

if TYPE_CHECKING:
    from provisioner.inventory.layout import Layout

ROLES = ROOT / "roles"
Names = Mapping[str, str]  # name -> what it is, "" where that is plain


class Local:
    """What is known of one inventory and of the roles. given: what --hosts is, "" without it; verb: whose flags they
    are."""

    def __init__(self, project: Path, given: str, verb: str) -> None:
        self._project, self._verb = project, verb
        self._given = given or os.environ.get("INVOKE_HOSTS", "") or naming.only(project)

    def of(self, flag: str) -> Names:
        """The values that a flag may have; none where that is not known. flag: without its dashes."""
        source = SOURCES.get(flag)
        return source(self) if source else dict.fromkeys(FIXED.get(flag, ()), "")

    def inventories(self) -> Names:
        return dict.fromkeys(naming.names(self._project), "")

    def hosts(self) -> Names:
        return {name: ", ".join(self._layout.groups_of(name)) for name in self._layout.hosts} if self._layout else {}

    def hosts_and_groups(self) -> Names:
        if not self._layout:
            return {}
        from provisioner.words import counted

        groups = {name: counted(len(self._layout.members(name)), "host") for name in self._layout.groups}
        return {**self.hosts(), **groups}

    def topics(self) -> Names:
        """Those that the inventory lists."""
        for written in self._written():
            topics = written.get("topics")
            if topics is not None and isinstance(topics.value, Mapping):
                return {str(name): "" for name in topics.value}
        return {}

    def settings(self) -> Names:
        """The properties that the verb may set, as the newest version has them: {name: type}."""
        section = "topic" if self._verb.startswith("topics.") else "broker"
        for found in _newest("json"):
            properties = json.loads(found.read_text(encoding="utf-8"))["properties"]
            if section in properties:
                return {name: one["type"].lower() for name, one in properties[section].items()}
        return {}

    def assigned(self) -> Names:
        return {f"{name}=": said for name, said in self.settings().items()}

    def variables(self) -> Names:
        """The roles' variables, with the `=` that --extra-vars wants: {name: first line of the comment above}."""
        found: dict[str, str] = {}
        for file in sorted(ROLES.glob("*/defaults.yml")):
            comment = ""
            for line in file.read_text(encoding="utf-8").splitlines():
                if variable := re.match(r"([a-z]\w*):", line):
                    found[f"{variable[1]}="] = comment
                comment = (comment or line[2:]) if line.startswith("# ") else ""
        return found

    def services(self) -> Names:
        return {name: "" for name in self.roles() if (ROLES / name.replace("-", "_") / "service.py").is_file()}

    def roles(self) -> Names:
        return {file.parent.name.replace("_", "-"): "" for file in sorted(ROLES.glob("*/role.py"))}

    def products(self) -> Names:
        return {file.parent.parent.name: "" for file in _newest("yml")}

    def versions(self) -> Names:
        return {file.stem: file.parent.parent.name for file in sorted(ROLES.glob("*/versions/*.yml"), key=_number)}

    def targets(self) -> Names:
        """Where a verb leads to: a version of Kafka, or a place among the records."""
        places = dict.fromkeys(("earliest", "latest"), "")
        versions = {name: "" for name, product in self.versions().items() if product == "kafka"}
        return versions if self._verb.startswith("upgrade.") else places

    def _written(self) -> Iterable[Mapping[str, Any]]:
        """The variables as they are written, of one host of each group."""
        layout = self._layout
        if layout is None:
            return
        from provisioner.inventory.layers import Layers

        layers = Layers(layout, self._path.parent, self._project, {}, {})
        for host in dict.fromkeys(layout.members(group)[0] for group in layout.groups if layout.members(group)):
            yield layers.read(host, [])

    @cached_property
    def _path(self) -> Path:
        from provisioner.inventory import sources

        return sources.find(self._given, self._project)

    @cached_property
    def _layout(self) -> Layout | None:
        from provisioner.errors import ConfigError
        from provisioner.inventory import sources

        problems: list[ConfigError] = []
        layout = sources.layout_of(self._path, self._project, problems) if self._given else None
        return layout if layout and layout.complete(problems) else None


def _newest(kind: str) -> list[Path]:
    """The file of the newest version of each product. kind: "yml" for its lock, "json" for its catalogue."""
    found = sorted(ROLES.glob(f"*/versions/*.{kind}"), key=_number)
    return list({file.parent: file for file in found}.values())


def _number(file: Path) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", file.stem)]


SOURCES: Mapping[str, Callable[[Local], Names]] = {
    "hosts": Local.inventories,
    "limit": Local.hosts_and_groups,
    "broker": Local.hosts,
    "controller": Local.hosts,
    "drain": Local.hosts,
    "shrink": Local.hosts,
    "topic": Local.topics,
    "set": Local.assigned,
    "config": Local.assigned,
    "set-file": Local.assigned,
    "ask": Local.settings,
    "unset": Local.settings,
    "name": Local.settings,
    "search": Local.settings,
    "extra-vars": Local.variables,
    "service": Local.services,
    "tags": Local.roles,
    "product": Local.products,
    "version": Local.versions,
    "to": Local.targets,
}
# Of which there are always the same.
FIXED: Mapping[str, tuple[str, ...]] = {
    "acks": ("all", "1"),
    "compression": ("none", "gzip", "lz4", "zstd"),
    "isolation": ("read_uncommitted", "read_committed"),
    "level": ("DEBUG", "INFO", "WARN", "ERROR"),
    "offset": ("earliest", "latest"),
    "retention": ("1d", "7d", "forever"),
    "image": ("bookworm", "trixie"),
}
LISTS = frozenset({"limit", "drain", "shrink", "topic", "unset", "name", "tags", "service", "search"})  # a,b
