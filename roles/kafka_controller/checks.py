"""Problems of the controllers of an inventory, found before any connection; pure. Those of combined nodes are here,
too: what a controller needs does not depend on the process that it runs in."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from cluster.endpoint import PLAINTEXT, SSL
from provisioner.errors import ConfigError
from provisioner.words import counted
from roles.kafka import listeners, topology
from roles.kafka.checks import known_version
from roles.kafka.release import release
from roles.shared import checks, kraft, values
from roles.shared.checks import collected, members
from roles.shared.directories import DataDir

if TYPE_CHECKING:
    from provisioner.inventory.model import Host, Inventory

# Properties that other parts of the toolkit use as well, so that they have a variable of their own.
OWNED = {
    "node.id": "kafka_controller_id",
    "listeners": "kafka_controller_port",
    "advertised.listeners": "kafka_controller_address",
    "controller.quorum.bootstrap.servers": "kafka_controller_address",
    "controller.quorum.voters": "kafka_controller_address",
    "controller.listener.names": "kafka_controller_port",
    "log.dir": "kafka_controller_data_dir",
    "log.dirs": "kafka_controller_data_dir",
    "metadata.log.dir": "kafka_controller_data_dir",
    "default.replication.factor": "kafka_replication_factor",
    "min.insync.replicas": "kafka_min_insync_replicas",
    "num.partitions": "kafka_partitions",
}


EXAMPLE = "MkU3OEVBNTcwNTJENDM2Qk"  # of Kafka's documentation, "KRaft"
OWN_QUORUM, WITHOUT_ZOOKEEPER = (3, 9), (4, 0)


def versions(inventory: Inventory) -> list[ConfigError]:
    """The version is locked, the same as the brokers', and one whose quorum can change: 3.9 is the first (KIP-853)."""
    own, brokers = members(inventory, kraft.CONTROLLERS), members(inventory, kraft.BROKERS)
    if problems := known_version(own):
        return problems
    versions = {host.name: release(host.vars) for host in [*own, *brokers]}
    for name, one in versions.items():
        host = inventory.hosts[name]
        own_mode = kraft.on(host, partial(members, inventory))
        if not own_mode and one.number >= WITHOUT_ZOOKEEPER and kraft.SERVERS not in one.paired:
            if any(server.vars["zookeeper_version"] is None for server in members(inventory, kraft.SERVERS)):
                continue  # that no version follows from Kafka's is said already
            advice = "remove the group zookeeper or kafka_zookeeper_connect, or use 3.9.2, the newest with ZooKeeper"
            return [ConfigError(f"Kafka {one.version} runs without ZooKeeper", host=name, advice=advice)]
        if own_mode and one.number < OWN_QUORUM:
            summary = f"Kafka {one.version} cannot keep its metadata itself as the toolkit does it (KRaft, KIP-853)"
            advice = "use 3.9.2 or 4.x; or add the group zookeeper with its servers, or kafka_zookeeper_connect"
            return [ConfigError(summary, host=name, advice=advice)]
    other = {one.version: name for name, one in reversed(versions.items())}
    if own and len(other) > 1:
        details = [f"{name}: {version}" for version, name in other.items()]
        advice = "set it once for all hosts, under `all: vars:`"
        return [ConfigError("kafka_version differs between hosts of one cluster", details=details, advice=advice)]
    return []


def cluster_id(inventory: Inventory) -> list[ConfigError]:
    """The id of the cluster is one, and the same on all hosts."""
    hosts = [*members(inventory, kraft.CONTROLLERS), *members(inventory, kraft.BROKERS)]
    given = {host.vars["kafka_cluster_id"]: host for host in hosts}
    if len(given) > 1:
        details = [f"{host.name}: {value or 'not set'}" for value, host in given.items()]
        advice = "set it once for all hosts, under `all: vars:`, or remove it"
        return [ConfigError("kafka_cluster_id differs between hosts of one cluster", details=details, advice=advice)]
    for value, host in given.items():
        if value is not None and not kraft.is_uuid(value):
            details = [
                f"found: {value!r}, {counted(len(value), 'character')}",
                f"in:    {host.place('kafka_cluster_id')}",
            ]
            advice = (
                f"remove it, and the first deploy makes one; or write 22 letters, digits, - and _, such as {EXAMPLE}"
            )
            return [ConfigError("kafka_cluster_id is not the id of a cluster", details=details, advice=advice)]
    return []


def own_port(inventory: Inventory) -> list[ConfigError]:
    """The controller of a combined node has a port that no listener has, nor a controller of its own beside it."""
    out = []
    beside = {one.host: one.port for one in kraft.voters_in(kraft.OWN_UNIT, partial(members, inventory))}
    for one in kraft.voters_in(kraft.COMBINED_UNIT, partial(members, inventory)):
        ports = {door.port for door in one.doors}
        found = [door for door in listeners.of(inventory.hosts[one.host]) if door.port in ports]
        if found:
            variable = "kafka_controller_port" if one.protocol == PLAINTEXT else "kafka_controller_secure_port"
            summary = f"port {found[0].port} is used by Kafka listener {found[0].name} and the controller ({variable})"
            out.append(ConfigError(summary, host=one.host, advice="give each its own port"))
        elif beside.get(one.host) == one.port:
            summary = (
                f"port {one.port} is used by the controller in the broker's process (kafka_process_roles) and by the "
                "one of its own (kafka_controller_port)"
            )
            advice = (
                f"set kafka_combined_controller_port to the port that the combined node has ({one.port}, if the "
                "inventory did not say otherwise), and kafka_controller_port to another one"
            )
            out.append(ConfigError(summary, host=one.host, advice=advice))
    return out


def unique_ids(inventory: Inventory) -> list[ConfigError]:
    """No controller has the id of another controller or of a broker."""
    own, brokers = members(inventory, kraft.CONTROLLERS), members(inventory, kraft.BROKERS)
    problems = checks.unique_ids(own, "kafka_controller_id", kraft.controller_id, 0, 2**31 - 1)
    taken = {topology.broker_id(host, brokers): host.name for host in brokers}
    for host in own:
        number = kraft.controller_id(host, own)
        if number in taken:
            summary = f"kafka_controller_id {number} of {host.name} is the id of the broker of {taken[number]}"
            advice = "brokers and controllers share one space of ids: give the controller another one, such as"
            free = next(one for one in range(kraft.FIRST_ID, 2**31) if one not in taken)
            problems.append(ConfigError(summary, advice=f"{advice} {free}"))
    return problems


def addresses(inventory: Inventory) -> list[ConfigError]:
    """Controllers find each other, wherever they run."""
    of_group = partial(members, inventory)
    if of_group(kraft.SERVERS) and not kraft.migrating(of_group):
        return []
    found = kraft.controllers(of_group) if of_group(kraft.BROKERS) else []
    own = {one.host: (one.address, "kafka_controller_address") for one in found}
    apart = [one for name, one in kraft.named(found).items() if name == one.host]  # two on a host: see `own_port`
    advice = "set kafka_controller_address to a name or address that the others reach"
    return [
        *checks.loopback(own, "controllers", advice),
        *checks.same_address(
            [(one.place, one.host, "kafka_controller_address") for one in apart],
            "give each controller a kafka_controller_address of its own",
        ),
    ]


def limits(inventory: Inventory) -> list[ConfigError]:
    """Heap and stop timeout are large enough for a controller."""
    return checks.limits(members(inventory, kraft.CONTROLLERS), "kafka_controller", 64)


def own_properties(inventory: Inventory) -> list[ConfigError]:
    """kafka_controller_config sets no property that has a variable; JVM options are options."""
    own = members(inventory, kraft.CONTROLLERS)
    return [*checks.own_properties(own, "kafka_controller", OWNED.get), *values.changed(own, "kafka_controller_config")]


def known_properties(inventory: Inventory) -> list[ConfigError]:
    """kafka_controller_config sets properties that this version has, to values that it takes."""
    given = [host for host in members(inventory, kraft.CONTROLLERS) if host.vars["kafka_controller_config"]]
    if not given:
        return []
    from roles.kafka_controller import settings  # few inventories have any, and every run loads this file

    return settings.problems(given, OWNED.get)


CHECKS = (versions, cluster_id, unique_ids, addresses, collected(own_port), limits, own_properties, known_properties)


def ports(host: Host) -> list[tuple[int, str]]:
    """(port, its user) of a controller."""
    variables = {PLAINTEXT: "kafka_controller_port", SSL: "kafka_controller_secure_port"}
    return [(door.port, f"the controller ({variables[door.protocol]})") for door in kraft.listeners(host)]


def directories(host: Host) -> list[DataDir]:
    """The data directory of a controller."""
    return [DataDir(host.vars["kafka_controller_data_dir"], "kafka_controller_data_dir", "kafka-controller")]


def warnings(inventory: Inventory) -> list[str]:
    """Warnings about working but unwise settings."""
    of_group = partial(members, inventory)
    if not of_group(kraft.BROKERS) or (of_group(kraft.SERVERS) and not kraft.migrating(of_group)):
        return []
    found = kraft.controllers(of_group)
    voters, combined = len(found), sum(one.unit == kraft.COMBINED_UNIT for one in found)
    if 0 < combined < voters:
        return [
            f"{voters - combined} controllers are processes of their own and {combined} are in brokers' processes "
            "(kafka_process_roles): that is the step between the two, to be completed (docs/operations.md)"
        ]
    if not voters or voters % 2:
        return []
    return [
        f"{voters} controllers survive the loss of {(voters - 1) // 2}, no more than {voters - 1} would: "
        "use an odd number"
    ]
