"""The keeper of the metadata of a broker's cluster: the only file in this room that says that it is ZooKeeper."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cluster import remote
from provisioner.errors import ConfigError
from provisioner.inventory.loading import once
from provisioner.inventory.value_types import HOST, PORT
from roles.kafka import release as kafka
from roles.kafka import topology
from roles.shared.checks import members
from roles.shared.waits import Nodes
from roles.zookeeper import release, service
from roles.zookeeper import topology as zookeeper

if TYPE_CHECKING:
    from cluster.metadata.keeper import Keeper
    from provisioner.connect.requests import Call
    from provisioner.inventory.model import Host, Inventory
    from provisioner.run.evidence import Witness
    from provisioner.run.target import Target

CONNECT = "zookeeper.connect"  # the property of a broker that leads to it

# Properties of a broker that have a variable of their own.
OWNED = {CONNECT: "kafka_zookeeper_connect"}


def keeper(target: Target, call: Call) -> Keeper:
    """The keeper of the metadata, asked from this broker's host. One outside the inventory cannot be asked."""
    servers = () if target["kafka_zookeeper_connect"] else target.members("zookeeper")
    return zookeeper.ensemble(call, target.host, servers, connect(target))


def nodes(sessions: Collection[str], call: Call) -> Nodes:
    """The keeper's nodes, as systemd sees them on the hosts that can be asked (`sessions`)."""
    return Nodes("zookeeper", service.LOGS[0], sessions, call)


def connect(target: Target) -> str:
    """The value of a broker's zookeeper.connect: the servers, each host:port, and the chroot behind the last."""
    given = target["kafka_zookeeper_connect"]
    chroot = str(target["kafka_zookeeper_chroot"] or "").strip("/")
    servers = given or zookeeper.connect(target.host, target.members("zookeeper"))
    return str(servers) + (f"/{chroot}" if chroot else "")


def astray(found: Mapping[str, Any]) -> dict[str, list[str]]:
    """{host: the data directories of its node} of the nodes of the metadata's keeper that have to come back to the
    others. found: the document of `status`."""
    from roles.zookeeper import status  # as below: what only some runs need is not loaded by every run

    services = {name: found["hosts"][name]["services"]["zookeeper"] for name in status.astray(found)}
    return {name: [disk["path"] for disk in one["disks"]] for name, one in services.items()}


def apart(witnesses: Sequence[Witness]) -> dict[str, list[str]]:
    """The same, from what preflight has read."""
    from roles.zookeeper import evidence

    return evidence.apart(witnesses)


def cluster_at(call: Call, host: str, connect: str) -> tuple[bool, str | None]:
    """(whether the keeper at this address answers, the id of the cluster whose metadata it keeps: None for an empty
    one), as a host reaches it. connect: as in `connect`."""
    found = call(host, remote.zookeeper_cluster_id(connect))
    return bool(found["answers"]), found["id"]


def names(target: Target) -> list[str]:
    """The names that a broker must be able to resolve for it."""
    if target["kafka_zookeeper_connect"]:
        return []
    return zookeeper.addresses(target.host, target.members("zookeeper"))


def elsewhere(target: Target) -> dict[str, str]:
    """{name: whose it is, as the rest of a sentence} of the names by which other hosts are reached."""
    if target["kafka_zookeeper_connect"]:
        return {}
    servers = [server for server in target.members("zookeeper") if server.name != target.name]
    return {server.vars["zookeeper_address"]: f"ZooKeeper on {server.name} is reached by it" for server in servers}


def unit_here(target: Target) -> str:
    """The unit on the broker's own host that it depends on, as systemd names it; "" when that is elsewhere."""
    return "zookeeper.service" if target.is_in("zookeeper") else ""


def assumed(call: Call, target: Target) -> dict[str, int]:
    """What a probe of this broker must assume instead of asking: {"min_isr": copies} while there is no quorum.

    A broker reads a topic's settings in ZooKeeper (ZkConfigRepository), and waits there as long as it takes, with one
    of its eight request threads (num.io.threads). After a few such questions it serves no client any more.
    """
    if keeper(target, call).has_quorum():
        return {}
    return {"min_isr": topology.replication(target.host, len(target.members("kafka"))).min_insync}


def missing(inventory: Inventory) -> list[ConfigError]:
    """Brokers without a keeper of their metadata."""
    if members(inventory, "zookeeper"):
        return []
    lost = [host.name for host in members(inventory, "kafka") if not host.vars["kafka_zookeeper_connect"]]
    advice = "add a group zookeeper, or set kafka_zookeeper_connect"
    return [ConfigError("brokers without a ZooKeeper", details=lost, advice=advice)] if lost else []


def addressed(inventory: Inventory) -> list[ConfigError]:
    """Addresses in kafka_zookeeper_connect and paths in kafka_zookeeper_chroot that are none."""
    out = []
    hosts = members(inventory, "kafka")
    for host in hosts:
        given, chroot = host.vars["kafka_zookeeper_connect"], host.vars["kafka_zookeeper_chroot"] or ""
        for variable, value, why in (
            ("kafka_zookeeper_connect", given, _no_servers(str(given or ""), bool(chroot.strip("/")))),
            ("kafka_zookeeper_chroot", chroot, _no_path(chroot)),
        ):
            if why:
                details = [f"found: {value!r} ({why})", f"in:    {host.place(variable)}"]
                example = "zk1:2181,zk2:2181" if value is given else "/kafka"
                advice = f"write it like this: {variable}: {example}"
                out.append(
                    (host.name, ConfigError(f"{variable} is not what it must be", details=details, advice=advice))
                )
    return once(out, len(hosts))


def _no_servers(given: str, chroot: bool) -> str:
    """What is wrong with a list of servers, each host or host:port, with a path behind the last."""
    servers, slash, path = given.partition("/")
    if slash and chroot:
        return "it has a path in it, and kafka_zookeeper_chroot has one as well"
    if slash and (why := _no_path(path)):
        return f"its path: {why}"
    for server in servers.split(",") if given else ():
        name, colon, port = server.rpartition(":")
        if not colon or server.endswith("]"):
            name, port = server, "2181"
        try:
            if name.count(":") and not name.startswith("["):
                raise ValueError("an IPv6 address stands in brackets")
            HOST.parse(name, None)
            PORT.parse(port, None)
        except ValueError as error:
            return f"{server!r}: {error}" if str(error) else f"{server!r}: the port must be {PORT.expected}"
    return ""


def _no_path(path: str) -> str:
    """What is wrong with the path of a chroot (ZooKeeper's PathUtils, and what its list of servers is separated by)."""
    parts = path.strip("/").split("/")
    if path.strip("/") and not all(parts):
        return "it has an empty part"
    if {".", ".."} & {*parts}:
        return "it has . or .. in it"
    if strange := re.search(r"[^!-~]|,", path):
        return f"it has {strange[0]!r} in it"
    return ""


def following(inventory: Inventory) -> list[Host]:
    """The hosts without a broker that run a version which follows from kafka_version."""
    servers = (host for host in members(inventory, "zookeeper") if "kafka" not in host.groups)
    return [host for host in servers if not host.vars["zookeeper_version"]]


def untested(inventory: Inventory) -> list[str]:
    """A warning for each broker whose version is not tested here with the keeper's."""
    out = []
    for host in members(inventory, "kafka"):
        try:
            broker, keeper = kafka.release(host.vars), release.release(host.vars).version
        except ConfigError:  # the checks say so
            continue
        tested = broker.paired.get("zookeeper", keeper)
        if keeper != tested:
            out.append(f"{host.name}: Kafka {broker.version} is tested here with ZooKeeper {tested}, not {keeper}")
    return out
