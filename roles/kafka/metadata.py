"""The keeper of the metadata of a broker's cluster, ZooKeeper or the cluster's own controllers (KRaft): the only file
in this room that says which. The groups of the inventory decide it (`roles/shared/kraft.py`)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from cluster.endpoint import PLAINTEXT, SSL
from cluster.metadata import remote
from provisioner.errors import ConfigError
from provisioner.inventory.loading import once
from provisioner.inventory.value_types import HOST, PORT
from roles.kafka import migration, topology
from roles.kafka import release as kafka
from roles.shared import kraft, releases
from roles.shared.checks import members
from roles.shared.properties import escaped
from roles.shared.waits import Nodes
from roles.zookeeper import doors, release, service
from roles.zookeeper import topology as zookeeper

if TYPE_CHECKING:
    from cluster.metadata.keeper import Keeper
    from provisioner.connect.requests import Call
    from provisioner.errors import ProvisionerError
    from provisioner.inventory.model import Host, Inventory
    from provisioner.resources import Request
    from provisioner.run.evidence import Witness
    from provisioner.run.target import Target
    from roles.shared.releases import Release

CONNECT = "zookeeper.connect"  # the property of a broker that leads to it
OWN_ZNODES = doors.OWNED  # that of a broker whose entries there are its own

# Properties of a broker that have a variable of their own.
OWNED = {
    CONNECT: "kafka_zookeeper_connect",
    "process.roles": "kafka_process_roles",
    "controller.quorum.bootstrap.servers": "kafka_controller_address",
    "controller.quorum.voters": "kafka_controller_address",
    "controller.listener.names": "kafka_controller_port",
    "metadata.log.dir": "kafka_metadata_dir",
}


def own(target: Target) -> bool:
    """Whether the cluster keeps its metadata itself (KRaft)."""
    return kraft.on(target.host, target.members)


def kept_itself(inventory: Inventory) -> bool:
    """The same of an inventory that is only being checked."""
    brokers = members(inventory, "kafka")
    return bool(brokers) and kraft.on(brokers[0], partial(members, inventory))


def owner(inventory: Inventory, owned: Mapping[str, str]) -> Callable[[str], str | None]:
    """The variable of a property, of those that have one; none for what leads to a ZooKeeper that the cluster does not
    have: what the property is worth there says more."""
    apart = {CONNECT} if kept_itself(inventory) else set()
    return {name: variable for name, variable in owned.items() if name not in apart}.get


def controlled(target: Target) -> bool:
    """Whether there are controllers: the cluster's own, or in a migration those beside ZooKeeper."""
    return own(target) or kraft.migrating(target.members)


def follows(target: Target) -> bool:
    """Whether the broker keeps a copy of the controllers' metadata: where they are the cluster's own, and in a
    migration, beside ZooKeeper's."""
    return own(target) or kraft.migration(target.members) == kraft.DUAL


def migrating(target: Target) -> dict[str, Any] | None:
    """What server.properties says of the controllers while the broker knows both them and ZooKeeper; else None."""
    if kraft.migration(target.members) != kraft.DUAL:
        return None
    doors_ = kraft.listeners(target.host)
    return {
        "bootstrap": kraft.bootstrap(target.members),
        "names": ",".join(door.name for door in doors_),
        "elsewhere": doors_,
        "session": kraft.session(target.members),
    }


def protocol(target: Target) -> str:
    """How ZooKeeper is spoken to from this host, as of an `Endpoint`."""
    return doors.protocol(target.host)


def of_controllers(target: Target, unit: str) -> dict[str, str]:
    """The properties by which controllers go on writing to ZooKeeper in a migration; none outside of one. unit: whose
    certificate they show there."""
    if not kraft.migrating(target.members):
        return {}
    way_in = doors.client(target.host, unit=unit)
    return {kraft.MIGRATES: "true", CONNECT: escaped(connect(target)), **way_in}


def closed(target: Target) -> dict[str, str]:
    """The properties of a broker that close its way to the keeper; none where that is its own controllers', whose
    listeners are among the broker's."""
    return {} if own(target) else doors.client(target.host, kafka.reads_java_only(target.host.vars))


def server_position(settings: Mapping[str, str]) -> int:
    """Where a server of ZooKeeper is between open and closed, by its zoo.cfg: an index of `security.WAY`."""
    return doors.position(settings)


def keeper(target: Target, call: Call, unit: str = kraft.COMBINED_UNIT) -> Keeper:
    """The keeper of the metadata, asked from this host. One outside the inventory cannot be asked. unit: whose nodes
    are called as their hosts (`kraft.named`)."""
    if own(target) or unit == kraft.OWN_UNIT:
        from cluster.metadata.kraft.quorum import Quorum

        found = kraft.named(kraft.controllers(target.members), unit)
        return Quorum(call, target.name, {name: one.where for name, one in found.items()})
    servers = () if target["kafka_zookeeper_connect"] else target.members("zookeeper")
    return zookeeper.ensemble(call, target.host, servers, connect(target))


def node(target: Target) -> bool:
    """Whether this host's broker keeps the metadata, too: a combined node."""
    return own(target) and "controller" in kraft.process_roles(target.host, target.members)


def unread(inventory: Inventory) -> list[str]:
    """A warning where brokers are told how long a session lasts, and the controllers, who decide it, are not."""
    hosts = members(inventory, kraft.BROKERS)
    told = any(kraft.SESSION in host.vars["kafka_config"] for host in hosts)
    if not told or not kept_itself(inventory) or not kraft.apart(partial(members, inventory)):
        return []
    return [f"kafka_config: {kraft.SESSION} is up to the controllers: set it in kafka_controller_config"]


def session(target: Target) -> float | None:
    """How long the controllers hold the session of a silent broker, seconds; None for ZooKeeper, which a broker tells
    itself."""
    return kraft.session(target.members) / 1000 if own(target) else None


def quorum(call: Call, target: Target) -> dict[str, Any] | None:
    """What all controllers say, asked from this broker's host, as `cluster.metadata.kraft.probe.quorum`; None where
    there are none: ZooKeeper is asked on its own hosts."""
    if not controlled(target):
        return None
    found: dict[str, Any] = call(target.name, quorum_question(target))
    return found


def quorum_question(target: Target) -> Request:
    """What `quorum` asks. target: of a cluster that has controllers."""
    voters = kraft.named(kraft.controllers(target.members))
    return remote.kraft_quorum({name: one.where for name, one in voters.items()})


def nodes(sessions: Mapping[str, Target], call: Call) -> Nodes:
    """The keeper's nodes, as systemd sees them on the hosts that can be asked (`sessions`)."""
    target = next(iter(sessions.values()))
    if not own(target):
        return Nodes("zookeeper", service.LOGS[0], sessions, call)
    return controllers(sessions, call, kraft.COMBINED_UNIT)


def controllers(sessions: Mapping[str, Target], call: Call, unit: str) -> Nodes:
    """The controllers, as systemd sees them. unit: as for `keeper`."""
    found = kraft.named(kraft.controllers(next(iter(sessions.values())).members), unit)
    places = {name: (one.host, one.unit, f"/var/log/{one.unit}/server.log") for name, one in found.items()}
    return Nodes(unit, f"/var/log/{unit}/server.log", sessions, call, places)


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

    if status.KEY not in found or not found[status.KEY]["servers"]:
        return {}
    services = {name: found["hosts"][name]["services"]["zookeeper"] for name in status.astray(found)}
    return {name: [disk["path"] for disk in one["disks"]] for name, one in services.items()}


def apart(witnesses: Sequence[Witness]) -> dict[str, list[str]]:
    """The same, from what preflight has read."""
    from roles.zookeeper import evidence

    return evidence.apart(witnesses)


def cluster_at(call: Call, host: str, settings: Mapping[str, str]) -> tuple[bool, str | None]:
    """(whether the keeper answers that a server.properties leads to, the id of the cluster whose metadata it keeps:
    None for an empty one), as a host reaches it."""
    protocol = SSL if settings.get("zookeeper.ssl.client.enable") == "true" else PLAINTEXT
    found = call(host, remote.zookeeper_cluster_id(settings[CONNECT], protocol))
    return bool(found["answers"]), found["id"]


def names(target: Target) -> list[str]:
    """The names that a broker must be able to resolve for it."""
    if own(target):
        return [one.address for one in kraft.controllers(target.members)]
    if target["kafka_zookeeper_connect"]:
        return []
    return zookeeper.addresses(target.host, target.members("zookeeper"))


def elsewhere(target: Target) -> dict[str, str]:
    """{name: whose it is, as the rest of a sentence} of the names by which other hosts are reached."""
    if own(target):
        others = [one for one in kraft.controllers(target.members) if one.host != target.name]
        return {one.address: f"the controller of {one.host} is reached by it" for one in others}
    if target["kafka_zookeeper_connect"]:
        return {}
    servers = [server for server in target.members("zookeeper") if server.name != target.name]
    return {server.vars["zookeeper_address"]: f"ZooKeeper on {server.name} is reached by it" for server in servers}


def unit(target: Target) -> str:
    """The unit whose journal tells of the metadata, wherever it runs."""
    return "zookeeper" if not own(target) else kraft.OWN_UNIT if kraft.apart(target.members) else kraft.COMBINED_UNIT


def unit_here(target: Target) -> str:
    """The unit on the broker's own host that it depends on, as systemd names it; "" when that is elsewhere."""
    if own(target):
        return f"{kraft.OWN_UNIT}.service" if target.is_in(kraft.CONTROLLERS) else ""
    return "zookeeper.service" if target.is_in("zookeeper") else ""


def assumed(call: Call, target: Target) -> dict[str, int]:
    """What a probe of this broker must assume instead of asking: {"min_isr": copies} while there is no quorum.

    A broker reads a topic's settings in ZooKeeper (ZkConfigRepository), and waits there as long as it takes, with one
    of its eight request threads (num.io.threads). After a few such questions it serves no client any more.
    """
    # A broker that keeps the metadata itself answers from its own copy.
    if own(target) or keeper(target, call).has_quorum():
        return {}
    return {"min_isr": topology.replication(target.host, len(target.members("kafka"))).min_insync}


def last_before(wanted: Release) -> str:
    """The newest version that runs with ZooKeeper, where the one that is wanted does not; "" where it does."""
    return "" if wanted.paired else releases.newest("kafka", paired="zookeeper")


def left_behind(error: ProvisionerError) -> bool:
    """Whether an inventory is refused because the version that it wants has no ZooKeeper, and it has."""
    return error.summary.endswith(release.WITHOUT)


def missing(inventory: Inventory) -> list[ConfigError]:
    """Groups that contradict each other: metadata that two would keep, or nobody."""
    of_group = partial(members, inventory)
    servers, controllers, brokers = (of_group(group) for group in (kraft.SERVERS, kraft.CONTROLLERS, kraft.BROKERS))
    if migrating := migration.problems(inventory):
        return migrating
    if servers and controllers and not kraft.migration(of_group):
        advice = (
            "remove the group zookeeper for a cluster that keeps its metadata itself (KRaft), or kafka_controller; to "
            "go from the one to the other, set kafka_migration"
        )
        return [ConfigError("the groups zookeeper and kafka_controller would both keep the metadata", advice=advice)]
    lost = [host.name for host in brokers if host.vars["kafka_zookeeper_connect"]]
    if controllers and lost:
        summary = "kafka_zookeeper_connect is set, and the group kafka_controller would keep the metadata, too"
        return [ConfigError(summary, details=[f"hosts: {', '.join(lost)}"], advice="remove one of them")]
    if lost and len(lost) < len(brokers) and not servers:
        others = [host.name for host in brokers if host.name not in lost]
        advice = "set kafka_zookeeper_connect for all hosts, under `all: vars:`"
        return [ConfigError("kafka_zookeeper_connect is not set for every broker", details=others, advice=advice)]
    if brokers and not servers and not lost and not kraft.controllers(of_group):
        advice = "set kafka_process_roles: broker,controller for one or three brokers, or add a group kafka_controller"
        return [ConfigError("no broker is a controller", advice=advice)]
    if controllers and not brokers:
        return [
            ConfigError("the group kafka has no hosts, and controllers alone serve no client", advice="add a broker")
        ]
    return []


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
    for host in members(inventory, "kafka") if members(inventory, "zookeeper") else ():
        try:
            broker, keeper = kafka.release(host.vars), release.release(host.vars).version
        except ConfigError:  # the checks say so
            continue
        tested = broker.paired.get("zookeeper", keeper)
        if keeper != tested:
            out.append(f"{host.name}: Kafka {broker.version} is tested here with ZooKeeper {tested}, not {keeper}")
    return out
