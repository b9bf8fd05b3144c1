"""A site without hosts: an inventory written in a test, loaded by the real loader, with facts made up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from provisioner.inventory.loading import load
from provisioner.inventory.model import Inventory
from provisioner.inventory.variables import load_specs
from provisioner.resources import File, Resource
from provisioner.resources.frozen import replace
from provisioner.run.target import Target
from roles import site
from roles.shared import releases

ROOT = Path(__file__).parents[2]
SPECS = load_specs(site.default_files())

FACTS = {
    "os": {"id": "debian", "version_id": "12", "codename": "bookworm", "pretty": "Debian GNU/Linux 12 (bookworm)"},
    "arch": "amd64",
    "memory": 8 * 2**30,
    "cpus": 2,
    "python": "3.11.2",
    "init": "systemd",
    "nofile_hard": 1048576,
    "clock": 0.0,
    "hostname": "h",
}


def inventory(
    directory: Path,
    kafka: dict[str, Any] | list[str] | None = None,
    zookeeper: dict[str, Any] | list[str] | None = None,
    *,
    kafka_controller: dict[str, Any] | list[str] | None = None,
    check: bool = True,
    **variables: Any,
) -> Inventory:
    """An inventory with these hosts per group (names, or {name: variables}) and these variables for all."""
    children = {
        group: {"hosts": hosts if isinstance(hosts, dict) else {name: {} for name in hosts}}
        for group, hosts in (("zookeeper", zookeeper), ("kafka_controller", kafka_controller), ("kafka", kafka))
        if hosts
    }
    path = directory / "site.yml"
    path.write_text(yaml.safe_dump({"all": {"vars": variables, "children": children}}))
    return load(str(path), root=directory, specs=SPECS, served=site.SERVED, checks=site.CHECKS if check else ())


def single(directory: Path, **variables: Any) -> Inventory:
    """One host that is ZooKeeper and broker."""
    return inventory(directory, kafka=["single1"], zookeeper=["single1"], **variables)


def of_version(directory: Path, version: str, *names: str, **variables: Any) -> Inventory:
    """Hosts (one) with this Kafka: with ZooKeeper where that version runs with it, else brokers that are controllers,
    too."""
    hosts = [*names] or ["single1"]
    servers = hosts if releases.release("kafka", version).paired else None
    return inventory(directory, kafka=hosts, zookeeper=servers, kafka_version=version, **variables)


def three(directory: Path, **variables: Any) -> Inventory:
    """Three hosts, each ZooKeeper and broker."""
    names = ["kafka1", "kafka2", "kafka3"]
    return inventory(directory, kafka=names, zookeeper=names, **variables)


def target(site_inventory: Inventory, name: str | None = None, **facts: Any) -> Target:
    """A host of it (the first) as roles see it."""
    host = site_inventory.hosts[name] if name else next(iter(site_inventory.hosts.values()))
    return Target(host, site_inventory, {**FACTS, **facts}, ROOT / "templates")


def resources(of: Target) -> list[Resource]:
    """Everything that all roles want on that host, in order."""
    return [resource for role in site.roles_for(of.host.groups) for resource in role.resources(of)]


def files(of: Target) -> dict[str, File]:
    """Its files by path."""
    return {resource.path: resource for resource in resources(of) if isinstance(resource, File)}


def text(of: Target, path: str) -> str:
    """What one of its files will hold."""
    content = files(of)[path].content
    assert content is not None
    return content


def replaced(resource: Any, **changes: Any) -> Any:
    """A resource with other attributes."""
    return replace(resource, **changes)
