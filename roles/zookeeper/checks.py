"""Problems of the ZooKeeper servers of an inventory, found before any connection; pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cluster.endpoint import joined
from provisioner.errors import ConfigError
from roles.shared import checks, security, values
from roles.shared.checks import collected, members
from roles.shared.directories import DataDir
from roles.zookeeper import topology
from roles.zookeeper.release import release

if TYPE_CHECKING:
    from provisioner.inventory.model import Host, Inventory

# Properties that other parts of the toolkit use as well, so that they have a variable of their own.
OWNED = {
    "dataDir": "zookeeper_data_dir",
    "dataLogDir": "zookeeper_txn_dir",
    "clientPort": "zookeeper_port",
    "tickTime": "zookeeper_tick",
}
# The first version that was tried.
CLOSED = (3, 5, 10)
# What says how servers are spoken to.
DECIDED = re.compile(
    r"secureClientPort(Address)?|clientPortAddress|client\.portUnification|portUnification|sslQuorum.*|ssl\..+|"
    r"serverCnxnFactory|fips-mode|authProvider\.x509"
)
# What is in zoo.cfg as the variable has it.
VARIABLES = {
    "zookeeper_tick": "tickTime",
    "zookeeper_init_limit": "initLimit",
    "zookeeper_sync_limit": "syncLimit",
    "zookeeper_max_client_connections": "maxClientCnxns",
    "zookeeper_snapshots_kept": "autopurge.snapRetainCount",
}


def versions(inventory: Inventory) -> list[ConfigError]:
    """The version is locked, and an archive has it in its name."""
    return checks.versions(members(inventory, "zookeeper"), "zookeeper", release, r"zookeeper-(\d[\d.]*\d)")


def unique_ids(inventory: Inventory) -> list[ConfigError]:
    """No two servers share a myid."""
    return checks.unique_ids(members(inventory, "zookeeper"), "zookeeper_myid", topology.myid, 1, 255)


def addresses(inventory: Inventory) -> list[ConfigError]:
    """Servers find each other."""
    found = {host.name: str(host.vars["zookeeper_address"]) for host in members(inventory, "zookeeper")}
    every = [
        (joined(address, inventory.hosts[name].vars["zookeeper_quorum_port"]), name, "zookeeper_address")
        for name, address in found.items()
    ]
    own = {name: (address, "zookeeper_address") for name, address in found.items()}
    return [
        *checks.loopback(own, "ZooKeeper servers", "set zookeeper_address to a name or address that the others reach"),
        *checks.same_address(every, "give each server a zookeeper_address of its own"),
    ]


def limits(inventory: Inventory) -> list[ConfigError]:
    """Heap and stop timeout are large enough for a server."""
    return checks.limits(members(inventory, "zookeeper"), "zookeeper", 64)


def owner(key: str) -> str | None:
    """The variable of a property of zoo.cfg that other parts of the toolkit must know as well; None for any other."""
    return OWNED.get(key) or ("zookeeper_address" if re.match(r"server\.\d", key) else None)


def own_properties(inventory: Inventory) -> list[ConfigError]:
    """zookeeper_config sets no property that has a variable; JVM options are options."""
    servers = members(inventory, "zookeeper")
    return [*checks.own_properties(servers, "zookeeper", owner), *values.changed(servers, "zookeeper_config")]


def known_properties(inventory: Inventory) -> list[ConfigError]:
    """zookeeper_config, and the variables that are properties, set some that this version has, to values that it
    takes."""
    servers = members(inventory, "zookeeper")
    given = [host for host in servers if host.vars["zookeeper_config"] or checks.given(host, VARIABLES)]
    if not given:
        return []
    from roles.zookeeper import settings  # few inventories have any, and every run loads this file

    return settings.problems(given, len(servers), owner, VARIABLES)


def closed(inventory: Inventory) -> list[ConfigError]:
    """A server of a closed cluster is of a version that can be, and no property says otherwise who gets in."""
    out = []
    for host in members(inventory, "zookeeper"):
        if not security.on(host):
            continue
        if (version := release(host.vars)).number < CLOSED:
            summary = f"kafka_security with ZooKeeper is for ZooKeeper 3.5.10 and newer, not for {version.version}"
            out.append(ConfigError(summary, host=host.name, advice="leave kafka_security out, or zookeeper_version"))
        for name in host.vars["zookeeper_config"]:
            if DECIDED.fullmatch(str(name)):
                summary = f"zookeeper_config sets {name}, which follows from kafka_security"
                details = [f"in: {host.place('zookeeper_config', name)}"]
                advice = "remove it, or leave kafka_security out"
                out.append(ConfigError(summary, host=host.name, details=details, advice=advice))
    return out


CHECKS = (versions, unique_ids, addresses, limits, own_properties, known_properties, collected(closed))


def ports(host: Host) -> list[tuple[int, str]]:
    """(port, its user) of a server."""
    variables = [f"zookeeper_{what}" for what in ("port", "quorum_port", "election_port")]
    return [(int(host.vars[variable]), f"ZooKeeper ({variable})") for variable in variables]


def directories(host: Host) -> list[DataDir]:
    """The data directories of a server; the same one twice is one for both."""
    found = {host.vars[variable]: variable for variable in ("zookeeper_txn_dir", "zookeeper_data_dir")}
    return [DataDir(path, variable, "zookeeper") for path, variable in found.items() if path is not None]


def warnings(inventory: Inventory) -> list[str]:
    """Warnings about working but unwise settings."""
    servers = len(members(inventory, "zookeeper"))
    if not servers or servers % 2:
        return []
    return [
        f"{servers} ZooKeeper servers survive the loss of {(servers - 1) // 2}, no more than {servers - 1} would: "
        "use an odd number"
    ]
