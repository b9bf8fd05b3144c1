"""The inventory of a lab: the shipped one, with the lab's own host names, ports and keys put in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from lab.hosts import DEFAULT, HOSTS, prefix
from lab.state import State
from provisioner.errors import ConfigError, UsageError

# The variable that the kafka role takes its clients' port from, and what it is when an inventory does not say.
KAFKA_PORT, KAFKA_PORT_DEFAULT = "kafka_port", 9092


def write_derived(shipped: Path, state: State, ports: Mapping[str, Mapping[str, int]]) -> Path:
    """The file for a lab that is not the default one, made of a shipped inventory and written to the lab's state.

    The same YAML with each host called `<lab>-<host>`, its `ansible_port` and Kafka port replaced by the lab's ports
    (host -> use -> number, for every lab host), and the paths of key and known_hosts pointing to this lab's. Kafka
    listens on the very port that is published, so the address it advertises works inside and outside. `group_vars` of
    the shipped inventories apply as they are. ConfigError for a file that is not an inventory.
    """
    derived = derive(_read(shipped), state.lab, ports)
    _link(shipped.parent / "group_vars", state.directory / "inventory" / "group_vars")
    header = f"# Derived from the shipped inventory {shipped.name} for the lab {state.lab!r}; edits are overwritten.\n"
    return state.write_inventory(shipped.name, header + yaml.safe_dump(derived, sort_keys=False))


def hosts_of(root: Path, name: str) -> list[str]:
    """The lab hosts (without a lab's prefix) of a shipped inventory, in file order. UsageError lists valid names."""
    return lab_hosts(_read(shipped_inventory(root, name)))


def shipped_inventory(root: Path, name: str) -> Path:
    """The file of an inventory that describes lab hosts and nothing else; UsageError lists the names of those."""
    valid = names(root)
    if name not in valid:
        raise UsageError(f"no inventory {name!r} describes lab hosts", advice=f"--hosts is one of {', '.join(valid)}")
    return valid[name]


def names(root: Path) -> dict[str, Path]:
    """The inventories whose hosts are all lab hosts: name -> file."""
    files = sorted((root / "inventory").glob("*.yml"))
    return {file.stem: file for file in files if (found := _hosts(_read(file))) and set(found) <= set(HOSTS)}


def lab_hosts(inventory: Any) -> list[str]:
    """Every lab host that a parsed inventory names, in order, once."""
    return [host for host in dict.fromkeys(_hosts(inventory)) if host in HOSTS]


def derive(inventory: Any, lab: str, ports: Mapping[str, Mapping[str, int]]) -> Any:
    """The parsed inventory with this lab's names and ports. Pure. ports: host -> use -> number, for every lab host."""
    hosts = lab_hosts(inventory)
    kafka = {HOSTS[host]["kafka"]: ports[host]["kafka"] for host in hosts}
    said = set(_numbers(inventory))

    def value(node: Any) -> Any:
        if isinstance(node, dict):
            return {text(key) if isinstance(key, str) else key: value(item) for key, item in node.items()}
        if isinstance(node, list):
            return [value(item) for item in node]
        if isinstance(node, str):
            return text(node)
        return kafka.get(node, node) if isinstance(node, int) and not isinstance(node, bool) else node

    def text(old: str) -> str:
        new = re.sub(rf"(?<![\w.-])({'|'.join(hosts)})(?!\.?[\w-])", lambda m: prefix(lab) + m[1], old)
        new = new.replace(f"/lab/{DEFAULT}/", f"/lab/{lab}/")
        return re.sub(r"(?<![\d.])\d{4,5}(?![\d.])", lambda m: str(kafka.get(int(m[0]), m[0])), new)

    new = value(inventory)
    for name, variables in _host_entries(new):
        host = name.removeprefix(prefix(lab))
        if host in hosts and variables and "ansible_port" in variables:
            variables["ansible_port"] = ports[host]["ssh"]
            if HOSTS[host]["kafka"] == KAFKA_PORT_DEFAULT and KAFKA_PORT_DEFAULT not in said:
                variables[KAFKA_PORT] = ports[host]["kafka"]
    return new


def _host_entries(node: Any) -> Iterator[tuple[str, dict[str, Any] | None]]:
    """(host, its variables) for every mention in a `hosts:` mapping, at any depth of groups."""
    if not isinstance(node, dict):
        return
    for key, item in node.items():
        if key == "hosts" and isinstance(item, dict):
            yield from item.items()
        elif key != "vars":
            yield from _host_entries(item)


def _hosts(inventory: Any) -> list[str]:
    return [host for host, _ in _host_entries(inventory)]


def _numbers(node: Any) -> Iterator[int]:
    if isinstance(node, dict):
        for item in node.values():
            yield from _numbers(item)
    elif isinstance(node, list):
        for item in node:
            yield from _numbers(item)
    elif isinstance(node, str):
        yield from (int(digits) for digits in re.findall(r"\d{4,5}", node))
    elif isinstance(node, int):
        yield node


def _read(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise ConfigError(f"{path.name} is not valid YAML", details=str(error).splitlines()) from None


def _link(target: Path, link: Path) -> None:
    link.parent.mkdir(parents=True, exist_ok=True)
    if link.is_symlink() and link.readlink() == target:
        return
    link.unlink(missing_ok=True)
    if target.is_dir():
        link.symlink_to(target)
