"""What can be wrong with an inventory as a whole, found before any connection; pure.

Each check takes the loaded inventory and answers with every problem it finds.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from cluster.topics.wanted import Wanted, parse
from provisioner.errors import ConfigError, ProvisionerError
from roles.kafka import listeners as doors
from roles.kafka import topology
from roles.shared import releases
from roles.shared.jvm import MIB, jvm_size, one_line
from roles.zookeeper import topology as zookeeper

if TYPE_CHECKING:
    from provisioner.inventory.model import Host, Inventory

Check = Callable[["Inventory"], "list[ConfigError]"]

# Properties that other parts of the toolkit must know as well, and so have a variable of their own.
OWNED = {
    "kafka_config": {
        "broker.id": "kafka_broker_id",
        "node.id": "kafka_broker_id",
        "listeners": "kafka_listeners",
        "advertised.listeners": "kafka_listeners",
        "listener.security.protocol.map": "kafka_listeners",
        "inter.broker.listener.name": "kafka_inter_broker_listener",
        "security.inter.broker.protocol": "kafka_inter_broker_listener",
        "log.dir": "kafka_data_dirs",
        "log.dirs": "kafka_data_dirs",
        "zookeeper.connect": "kafka_zookeeper_connect",
        "default.replication.factor": "kafka_replication_factor",
        "min.insync.replicas": "kafka_min_insync_replicas",
    },
    "zookeeper_config": {
        "dataDir": "zookeeper_data_dir",
        "dataLogDir": "zookeeper_txn_dir",
        "clientPort": "zookeeper_port",
        "tickTime": "zookeeper_tick",
    },
}


def members(inventory: Inventory, group: str) -> list[Host]:
    """The hosts of a group in inventory order; none when there is no such group."""
    return [inventory.hosts[name] for name in inventory.groups.get(group, ())]


def someone_to_serve(inventory: Inventory) -> list[ConfigError]:
    """There are brokers or ZooKeeper servers, and brokers have a ZooKeeper."""
    brokers, servers = members(inventory, "kafka"), members(inventory, "zookeeper")
    if not brokers and not servers:
        return [
            ConfigError(
                "no host is in the group kafka or zookeeper, so there is nothing to deploy",
                details=[f"groups in {inventory.path.name}: {', '.join(inventory.groups) or 'none'}"],
                advice="put the hosts into these groups, as inventory/single.yml does",
            )
        ]
    lost = [host.name for host in brokers if not servers and not host.vars["kafka_zookeeper_connect"]]
    advice = "add a group zookeeper, or set kafka_zookeeper_connect"
    return [ConfigError("brokers without a ZooKeeper", details=lost, advice=advice)] if lost else []


def versions(inventory: Inventory) -> list[ConfigError]:
    """Every version asked for is locked, is the same on all hosts, and an archive's name agrees with it."""
    problems: dict[str, ConfigError] = {}
    asked = defaultdict(list)
    brokers = members(inventory, "kafka")
    for host in [*brokers, *(server for server in members(inventory, "zookeeper") if server not in brokers)]:
        try:
            if host in brokers or not host.vars["zookeeper_version"]:
                asked[releases.kafka_release(host.vars).version].append(host.name)
            releases.zookeeper_release(host.vars)
        except ConfigError as error:
            problems.setdefault(error.summary, error)
        for product, pattern in (("kafka", r"kafka_[\d.]+-(\d[\d.]*\d)"), ("zookeeper", r"zookeeper-(\d[\d.]*\d)")):
            named = re.search(pattern, str(host.vars[f"{product}_archive"] or "").rsplit("/", 1)[-1])
            version = _version(host, product)
            if named and version and named[1] != version:
                summary = f"{product}_archive is version {named[1]} and {product}_version says {version}"
                problems.setdefault(summary, ConfigError(summary, host=host.name, advice="make them agree"))
    if len(asked) > 1:
        details = [f"{version}: {', '.join(names)}" for version, names in sorted(asked.items())]
        advice = "set it once for all hosts, under `all: vars:` (ZooKeeper's version follows from it)"
        problems["mixed"] = ConfigError(
            "kafka_version differs between hosts of one cluster", details=details, advice=advice
        )
    return list(problems.values())


def archives(inventory: Inventory) -> list[ConfigError]:
    """Release archives that are named are there, with a digest that can be read."""
    problems: dict[str, ConfigError] = {}
    for product, release in (("kafka", releases.kafka_release), ("zookeeper", releases.zookeeper_release)):
        for host in members(inventory, product):
            if host.vars[f"{product}_archive"] and _version(host, product):
                try:
                    releases.source(release(host.vars), host.vars)
                except ConfigError as error:
                    problems.setdefault(error.summary, error)
    return list(problems.values())


def _version(host: Host, product: str) -> str | None:
    try:
        chosen = releases.kafka_release if product == "kafka" else releases.zookeeper_release
        return chosen(host.vars).version
    except ConfigError:
        return None


def unique_ids(inventory: Inventory) -> list[ConfigError]:
    """No two brokers share an id, no two ZooKeeper servers share a myid, and each is in its range."""
    out = []
    for group, variable, find, low, high in (
        ("kafka", "kafka_broker_id", topology.broker_id, 0, 2**31 - 1),
        ("zookeeper", "zookeeper_myid", zookeeper.myid, 1, 255),
    ):
        hosts = members(inventory, group)
        holders = defaultdict(list)
        for host in hosts:
            holders[find(host, hosts)].append(host.name)
        for number, names in holders.items():
            if len(names) > 1:
                advice = f"give each a {variable} of its own"
                out.append(ConfigError(f"{variable} {number} is used by {' and '.join(names)}", advice=advice))
            if not low <= number <= high:
                out.append(ConfigError(f"{variable} {number} is not between {low} and {high}", host=names[0]))
    return out


def ports(inventory: Inventory) -> list[ConfigError]:
    """No two services, or two doors of one service, on one port of one host."""
    out = []
    for host in inventory.hosts.values():
        users = defaultdict(list)
        if host.name in inventory.groups.get("kafka", ()):
            for listener in doors.of(host):
                users[listener.port].append(f"Kafka listener {listener.name}")
        if host.name in inventory.groups.get("zookeeper", ()):
            for what in ("port", "quorum_port", "election_port"):
                users[int(host.vars[f"zookeeper_{what}"])].append(f"ZooKeeper (zookeeper_{what})")
        for port, services in users.items():
            if len(services) > 1:
                advice = "give each its own port"
                out.append(
                    ConfigError(f"port {port} is wanted by {' and '.join(services)}", host=host.name, advice=advice)
                )
    return out


def listeners(inventory: Inventory) -> list[ConfigError]:
    """Every listener is complete, names are unique, and all brokers talk over the same one."""
    out, names = [], {}
    for host in members(inventory, "kafka"):
        found = [listener.name for listener in doors.of(host)]
        if len(set(found)) < len(found):
            out.append(ConfigError(f"kafka_listeners uses a name twice: {', '.join(found)}", host=host.name))
        names[host.name] = doors.inter_broker(host).name
    if len(set(names.values())) > 1:
        details = [f"{host}: {name}" for host, name in names.items()]
        out.append(ConfigError("brokers must use one listener name among themselves", details=details))
    return out


def replication(inventory: Inventory) -> list[ConfigError]:
    """Replication fits the number of brokers, and a write can succeed at all."""
    out = []
    brokers = members(inventory, "kafka")
    for host in brokers:
        wanted = topology.replication(host, len(brokers))
        if not 1 <= wanted.factor <= len(brokers):
            summary = f"kafka_replication_factor is {wanted.factor} and there are {len(brokers)} brokers"
            out.append(ConfigError(summary, host=host.name, advice="lower it, or add brokers"))
        elif not 1 <= wanted.min_insync <= wanted.factor:
            summary = f"kafka_min_insync_replicas is {wanted.min_insync} and there are {wanted.factor} copies"
            out.append(ConfigError(summary, host=host.name, advice="no write with acks=all could ever succeed"))
    return out


def limits(inventory: Inventory) -> list[ConfigError]:
    """Heaps and stop timeouts that a service can live with."""
    out = []
    for group, least in (("kafka", 256), ("zookeeper", 64)):
        for host in members(inventory, group):
            heap, stop = host.vars[f"{group}_heap"], host.vars[f"{group}_stop_timeout"]
            if heap is not None and heap < least * MIB:
                summary = f"{group}_heap is {jvm_size(heap)}, too small to run in"
                out.append(ConfigError(summary, host=host.name, advice=f"give it {least}m or more"))
            if stop < 300_000:
                advice = "a stop that is forced too early leaves a log to recover"
                out.append(
                    ConfigError(f"{group}_stop_timeout is {stop / 1000:g}s, below 300s", host=host.name, advice=advice)
                )
    return out


def own_properties(inventory: Inventory) -> list[ConfigError]:
    """kafka_config and zookeeper_config leave alone what has a variable; JVM options are options."""
    out = []
    for group in ("kafka", "zookeeper"):
        config = f"{group}_config"
        for host in members(inventory, group):
            for key in host.vars[config]:
                owner = OWNED[config].get(key) or ("zookeeper_address" if re.match(r"server\.\d", str(key)) else None)
                if owner:
                    summary = f"{config} sets {key}, which other parts of the deploy must know"
                    out.append(ConfigError(summary, host=host.name, advice=f"set the variable {owner} instead"))
                elif not isinstance(key, str) or not re.fullmatch(r"[\w.\-]+", key):
                    out.append(ConfigError(f"{config} has a key that is no property name: {key!r}", host=host.name))
            try:
                one_line(host.vars[f"{group}_jvm_opts"], variable=f"{group}_jvm_opts")
            except ConfigError as error:
                error.host = host.name
                out.append(error)
    return out


def topics(inventory: Inventory) -> list[ConfigError]:
    """`topics` is the same on all brokers, as there is one cluster, and each entry is a topic."""
    brokers = members(inventory, "kafka")
    other = next((host for host in brokers if host.vars["topics"] != brokers[0].vars["topics"]), None)
    if other is not None:
        details = [f"{host.name}: {host.place('topics') or 'not set'}" for host in (brokers[0], other)]
        advice = "set it once for all hosts, under `all: vars:`"
        return [ConfigError("topics differs between the brokers of one cluster", details=details, advice=advice)]
    if brokers and brokers[0].vars["topics"]:
        doors.door(brokers[0])
    return wanted_topics(inventory)[1]


def wanted_topics(inventory: Inventory) -> tuple[list[Wanted], list[ConfigError]]:
    """The topics that an inventory lists, and what is wrong with the list."""
    first = next(iter(members(inventory, "kafka")), None)
    return ([], []) if first is None else parse(first.vars["topics"], partial(first.place, "topics"))


def _collected(check: Check) -> Check:
    """A check in which a raised ConfigError (a listener that is none) is a finding like any other."""

    def run(inventory: Inventory) -> list[ConfigError]:
        try:
            return check(inventory)
        except ConfigError as error:
            return [error]

    run.__name__, run.__doc__ = check.__name__, check.__doc__
    return run


CHECKS: tuple[Check, ...] = tuple(
    _collected(check)
    for check in (
        someone_to_serve,
        versions,
        archives,
        unique_ids,
        listeners,
        ports,
        replication,
        limits,
        own_properties,
        topics,
    )
)


def warnings(inventory: Inventory) -> list[str]:
    """What works and is still not wise: one sentence each."""
    out = []
    servers = members(inventory, "zookeeper")
    if servers and len(servers) % 2 == 0:
        spare = (len(servers) - 1) // 2
        out.append(
            f"{len(servers)} ZooKeeper servers survive the loss of {spare}, no more than {len(servers) - 1} would: "
            "use an odd number"
        )
    for host in members(inventory, "kafka"):
        try:
            version = releases.kafka_release(host.vars)
        except ProvisionerError:
            continue
        if version.zookeeper and _version(host, "zookeeper") not in (version.zookeeper, None):
            out.append(
                f"{host.name}: Kafka {version.version} is tested here with ZooKeeper {version.zookeeper}, "
                f"not {_version(host, 'zookeeper')}"
            )
    return out
