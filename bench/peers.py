"""What the other tools are given: one inventory in Ansible's format, made from our roles, that says for every host
which users, directories, files and services it is to hold.

Each tool renders the templates itself, from templates/ and the variables here, so a setting that is changed on its
command line goes through its own templating. Nothing here asks a host.
"""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from provisioner.errors import ConfigError
from provisioner.inventory.model import Host, Inventory
from provisioner.resources import Resource
from provisioner.run.target import Target
from roles import site

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"

# What the roles ask of a lab host: heaps are set by the lab's inventories, so its memory does not matter.
FACTS = {
    "os": {"id": "debian", "version_id": "12", "pretty": "Debian 12"},
    "arch": {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine()),
}


class Recorder(Target):
    """A target that remembers what each template was rendered with."""

    def __init__(self, host: Host, inventory: Inventory) -> None:
        super().__init__(host, inventory, FACTS, TEMPLATES)
        self.rendered: dict[str, dict[str, Any]] = {}

    def render(self, template: str, **extra: Any) -> str:
        text = super().render(template, **extra)
        self.rendered[text] = {"template": template, "extra": plain(extra)}
        return text


def plain(value: Any) -> Any:
    """A role's value as JSON can hold it: dataclasses become mappings."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return plain({field.name: getattr(value, field.name) for field in dataclasses.fields(value)})
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def inventory(found: Inventory) -> dict[str, Any]:
    """The inventory for the peers. A host's variables are typed (sizes in bytes, durations in milliseconds); beside
    them, under the name of each role, what that role puts on the host. ConfigError for what a peer could not render."""
    hosts = {name: {**plain(host.vars), **_roles(Recorder(host, found))} for name, host in found.hosts.items()}
    groups: dict[str, Any] = {
        name: {"hosts": {member: {} for member in members}}
        for name, members in found.groups.items()
        if name in ("zookeeper", "kafka")
    }
    return {"all": {"hosts": hosts, "children": groups}}


def _roles(target: Recorder) -> dict[str, Any]:
    roles = site.roles_for(target.host.groups)
    return {f"{role.name}_role": _resources(target, role.name, role.resources(target)) for role in roles}


def _resources(target: Recorder, role: str, resources: Sequence[Resource]) -> dict[str, Any]:
    """One role's resources by sort, each in the order in which the role lists them."""
    sorts = ("users", "directories", "templates", "contents", "links", "packages", "archives", "services")
    out: dict[str, Any] = {"name": role, **{sort: [] for sort in sorts}}
    for one in resources:
        for sort, entry in _entries(target, one):
            out[sort].append(entry)
    return out


def _entries(target: Recorder, one: Resource) -> Iterator[tuple[str, Any]]:
    """(sort, what a peer needs to know) of what a resource says of itself."""
    unknown = ConfigError(f"the bench has no way to tell its peers about {one.key}", host=target.name)
    described = one.described()
    if described is None:
        raise unknown
    sort, entries = described
    for entry in entries:
        match sort, entry:
            case "files", {"content": text, "template": template, **file}:
                if text in target.rendered:
                    yield "templates", {**file, **target.rendered[text]}
                elif template:
                    raise unknown
                else:
                    yield "contents", {**file, "content": text}
            case "archives", _:
                source = one.payload_source
                yield sort, {"source": str(source and source.obtain(lambda *_: None).path), **entry}
            case "services", {"name": name, "ready": {"port": port}}:
                yield sort, {"name": name, "port": port}
            case "services", {"name": name, "ready": {"bootstrap": place} | {"server": place}}:
                yield sort, {"name": name, "port": int(place.rsplit(":", 1)[1])}
            case "packages", {"name": name}:
                yield sort, name
            case (("users" | "directories" | "links"), _):
                yield sort, entry
            case _:
                raise unknown
