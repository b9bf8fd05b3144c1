"""How `status` asks ZooKeeper and shows it: each server, and the ensemble as a whole. `roles/status.py` describes
these functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cluster.metadata import remote
from provisioner.connect.requests import Call
from provisioner.inventory.model import Inventory
from provisioner.run.target import Target
from roles.zookeeper import doors, service, split, topology

KEY = "ensemble"
COLUMNS: Mapping[str, str] = {}
VOTING = ("leader", "follower")


def look(call: Call, target: Target) -> Mapping[str, Any]:
    """As `cluster.metadata.zookeeper.probe.status` answers; instead of the servers that its zoo.cfg names, differs: how
    these differ from the inventory's, as `split.Named`."""
    answer = call(target.name, remote.zookeeper_status(doors.here(target.host), service.CONFIG))
    servers = target.members("zookeeper")
    expected = {str(topology.myid(one, servers)): str(one.vars["zookeeper_address"]) for one in servers}
    named = answer.pop("named", None)
    return answer if named is None else {**answer, "differs": split.compare(named, expected)}


def members(inventory: Inventory) -> dict[str, int]:
    """{host: its server id}"""
    servers = [inventory.hosts[name] for name in inventory.groups.get("zookeeper", ())]
    return {server.name: topology.myid(server, servers) for server in servers}


def entry(common: Mapping[str, Any], said: Mapping[str, Any], number: int | None) -> dict[str, Any]:
    """With mode ("leader", "follower", "standalone"; None for one that does not serve), synced_followers of a leader,
    the last transaction and the number of znodes at it, and the servers that only its zoo.cfg names (strangers) or
    only the inventory (lacking)."""
    differs = said.get("differs") or split.Named((), ())
    return {
        **common,
        "mode": said.get("mode"),
        "synced_followers": said.get("synced_followers"),
        "zxid": said.get("zxid"),
        "znodes": said.get("znodes"),
        "strangers": list(differs.strangers),
        "lacking": list(differs.lacking),
    }


def together(
    entries: Mapping[str, Mapping[str, Any]], said: Sequence[Mapping[str, Any]], members: Mapping[str, int]
) -> dict[str, Any]:
    """The leader (the first one of several), the followers, the servers that run alone though they are not the only
    one, and those that do not serve."""
    modes = {name: entries[name].get("mode") for name in members if name in entries}
    return {
        "servers": list(members),
        "leader": next(iter(split.leaders(members, modes)), None),
        "leaders": split.leaders(members, modes),
        "standalone": split.alone(members, modes),
        "diverged": split.diverged(
            {name: (one["zxid"], one["znodes"]) for name, one in entries.items() if one.get("mode") in VOTING},
            next(iter(split.leaders(members, modes)), None),
        ),
        "followers": [name for name, mode in modes.items() if mode == "follower"],
        "not_serving": [name for name, mode in modes.items() if mode is None],
    }


def problems(found: Mapping[str, Any]) -> Iterator[str]:
    """Servers that are not one ensemble, whatever --limit says; other problems of the ensemble only when --limit leaves
    out no server, since that one may lead."""
    ensemble = found[KEY]
    yield from split.problems(ensemble["servers"], _modes(found))
    for name in ensemble["diverged"]:
        ours, theirs = (found["hosts"][one]["services"]["zookeeper"]["znodes"] for one in (name, ensemble["leader"]))
        yield (
            f"{name} follows {ensemble['leader']} and has other data at the same transaction: {ours} znodes instead of "
            f"{theirs}"
        )
    for name, host in found["hosts"].items():
        strangers = host["services"].get("zookeeper", {}).get("strangers")
        if strangers:
            yield f"{name}: {service.CONFIG} names ZooKeeper servers that the inventory lacks: {', '.join(strangers)}"
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
    """Servers that were not told of all others yet, but those that are a problem already."""
    for name, host in found["hosts"].items():
        server = host["services"].get("zookeeper", {})
        if server.get("lacking") and not server["strangers"] and name not in found[KEY]["standalone"]:
            yield f"{name}: {service.CONFIG} does not name {', '.join(server['lacking'])} yet: the next deploy does it"


def doubtful(found: Mapping[str, Any]) -> bool:
    """Whether a server runs alone, several lead, or data differ: it may just have been restarted, or have been asked
    between two changes."""
    return bool(found[KEY]["diverged"] or list(split.problems(found[KEY]["servers"], _modes(found))))


def advice(found: Mapping[str, Any]) -> Iterator[str]:
    """None of its own: what brings a server back begins with its broker, so the brokers' role says it."""
    yield from ()


def astray(found: Mapping[str, Any]) -> list[str]:
    """The hosts whose server has to come back to the others."""
    return [*split.astray(found[KEY]["servers"], _modes(found)), *found[KEY]["diverged"]]


def _modes(found: Mapping[str, Any]) -> dict[str, str | None]:
    return {name: host["services"].get("zookeeper", {}).get("mode") for name, host in found["hosts"].items()}


def word(entry: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """leader"""
    return str(entry["mode"])


def lines(found: Mapping[str, Any]) -> Iterator[str]:
    """The leaders of the ensemble, of which there should be one, and the servers that run without it."""
    ensemble = found[KEY]
    parts = []
    if leaders := ensemble["leaders"]:
        followers = ", ".join(ensemble["followers"])
        leads = "serves alone" if len(ensemble["servers"]) == 1 else "leads" if len(leaders) == 1 else "lead"
        parts.append(f"{', '.join(leaders)} {leads}" + (f", followed by {followers}" if followers else ""))
    if apart := ensemble["standalone"]:
        parts.append(f"{', '.join(apart)} {'runs' if len(apart) == 1 else 'run'} apart")
    if parts:
        yield f"ensemble: {'; '.join(parts)}"
