"""A server in its ensemble: its id, and the addresses under which others reach the servers; pure functions of hosts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cluster.endpoint import Endpoint, joined
from cluster.metadata.zookeeper.ensemble import Ensemble
from roles.shared.members import HostLike, number
from roles.zookeeper import doors

if TYPE_CHECKING:
    from provisioner.connect.requests import Call


def myid(host: HostLike, members: Sequence[HostLike]) -> int:
    """`zookeeper_myid`, or the host's position among the `members` of the group, counted from 1."""
    return number(host, members, "zookeeper_myid")


def addresses(host: HostLike, servers: Sequence[HostLike]) -> list[str]:
    """Names under which this host reaches the servers. A single server on the same host needs no name."""
    if [server.name for server in servers] == [host.name]:
        return ["127.0.0.1"]
    return [str(server.vars["zookeeper_address"]) for server in servers]


def connect(host: HostLike, servers: Sequence[HostLike]) -> str:
    """The servers as this host reaches them: host:port, separated by commas."""
    reached = zip(addresses(host, servers), servers, strict=True)
    return ",".join(joined(address, server.vars["zookeeper_port"]) for address, server in reached)


def quorum_address(server: HostLike) -> str:
    """Where the other servers reach it, as zoo.cfg has it: host:quorum port:election port."""
    quorum = joined(str(server.vars["zookeeper_address"]), server.vars["zookeeper_quorum_port"])
    return f"{quorum}:{server.vars['zookeeper_election_port']}"


def ensemble(call: Call, host: HostLike, servers: Sequence[HostLike], connect: str = "") -> Ensemble:
    """These servers, asked from one host. connect: as brokers are told, for what only brokers can be asked to do."""
    places = {
        server.name: doors.here(server)
        if server.name == host.name
        else Endpoint(
            str(server.vars["zookeeper_address"]), int(server.vars["zookeeper_port"]), doors.protocol(server)
        ).to_wire()
        for server in servers
    }
    return Ensemble(call, host.name, places, connect, doors.protocol(host))
