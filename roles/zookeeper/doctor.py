"""Foreseeable problems of ZooKeeper. `roles/doctor.py` describes these functions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from provisioner.inventory.addresses import is_loopback
from provisioner.inventory.model import Host, Inventory
from roles.doctor import Finding
from roles.shared import certificates, security
from roles.zookeeper.doors import UNIT

if TYPE_CHECKING:
    from provisioner.run.evidence import Witness

FULL_DISK = "ZooKeeper stops when it cannot write: add space"


def inventory(inventory: Inventory) -> Iterator[Finding]:
    """Ports that are open to anybody."""
    servers = [inventory.hosts[name] for name in inventory.groups.get("zookeeper", ())]
    open_to_all = sorted({port for server in servers for port in _ports(server, len(servers))})
    if open_to_all:
        listed = ", ".join(map(str, open_to_all))
        what = "port {} takes" if len(open_to_all) == 1 else "ports {} take"
        yield Finding(
            f"ZooKeeper's {what.format(listed)} anybody: whoever gets there can delete the whole cluster's metadata",
            "let only the brokers and the other ZooKeeper servers get there, by a firewall; or set kafka_security",
        )


def host(witness: Witness) -> Iterator[Finding]:
    """A certificate that ends."""
    yield from certificates.ending(witness, UNIT)


def _ports(server: Host, servers: int) -> Iterator[int]:
    """The ports of a server that neither encrypt nor authenticate and that other machines reach."""
    if security.on(server):
        return
    own = server.vars["zookeeper_config"]
    if not is_loopback(str(own.get("clientPortAddress", ""))):
        yield server.vars["zookeeper_port"]
    if servers > 1 and str(own.get("sslQuorum", "")).lower() != "true":
        yield from (server.vars["zookeeper_quorum_port"], server.vars["zookeeper_election_port"])
