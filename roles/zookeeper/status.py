"""How `status` asks ZooKeeper and shows it: each server, and the ensemble as a whole. `roles/status.py` describes
these functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cluster import remote
from provisioner.connect.requests import Call
from provisioner.inventory.model import Inventory
from provisioner.run.target import Target
from roles.zookeeper import topology

KEY = "ensemble"
COLUMNS: Mapping[str, str] = {}


def look(call: Call, target: Target) -> Mapping[str, Any]:
    """As `cluster.metadata.zookeeper.probe.status` answers."""
    return call(target.name, remote.zookeeper_status(target["zookeeper_port"]))


def members(inventory: Inventory) -> dict[str, int]:
    """{host: its server id}"""
    servers = [inventory.hosts[name] for name in inventory.groups.get("zookeeper", ())]
    return {server.name: topology.myid(server, servers) for server in servers}


def entry(common: Mapping[str, Any], said: Mapping[str, Any], number: int | None) -> dict[str, Any]:
    """With mode ("leader", "follower", "standalone"; None for one that does not serve), and synced_followers of a
    leader."""
    return {**common, "mode": said.get("mode"), "synced_followers": said.get("synced_followers")}


def together(
    entries: Mapping[str, Mapping[str, Any]], said: Sequence[Mapping[str, Any]], members: Mapping[str, int]
) -> dict[str, Any]:
    """The leader, the followers, and the servers that do not serve."""
    modes = {name: entries[name].get("mode") for name in members if name in entries}
    return {
        "servers": list(members),
        "leader": next((name for name, mode in modes.items() if mode in ("leader", "standalone")), None),
        "followers": [name for name, mode in modes.items() if mode == "follower"],
        "not_serving": [name for name, mode in modes.items() if mode is None],
    }


def problems(found: Mapping[str, Any]) -> Iterator[str]:
    """Problems of the ensemble; none while --limit leaves out a server, since that one may lead."""
    ensemble = found[KEY]
    if not set(ensemble["servers"]) <= set(found["hosts"]):
        return
    servers = {name: host["services"].get("zookeeper", {}) for name, host in found["hosts"].items()}
    leader, followers = ensemble["leader"], len(ensemble["followers"])
    if leader is None:
        if any(server.get("active") for server in servers.values()):
            yield "ZooKeeper has no leader: brokers cannot register, topics cannot change"
        return
    synced = servers[leader]["synced_followers"]
    if synced is not None and synced < followers:
        yield f"ZooKeeper: {synced} of {followers} followers are in sync with {leader}"


def notes(found: Mapping[str, Any]) -> Iterator[str]:
    """A working ensemble has no notes."""
    yield from ()


def word(entry: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """leader"""
    return str(entry["mode"])


def lines(found: Mapping[str, Any]) -> Iterator[str]:
    """The leader of the ensemble."""
    ensemble = found[KEY]
    if ensemble["leader"]:
        followers = ", ".join(ensemble["followers"])
        alone = len(ensemble["servers"]) == 1
        yield f"ensemble: {ensemble['leader']} {'serves alone' if alone else 'leads'}" + (
            f", followed by {followers}" if followers else ""
        )
