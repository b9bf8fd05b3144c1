"""The table of what may be called on a host about the nodes that keep the metadata: ZooKeeper's servers, and KRaft's
controllers. `cluster/remote.py` is the same for the brokers, and says how such a table is used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cluster.remote import ByBroker
from provisioner.resources import Request

LOCAL = "127.0.0.1"

# -- ZooKeeper


def zookeeper_ready(server: str, *, unit: str, log_file: str, timeout: float, stall: float) -> Request:
    """Wait until the host's own server serves, times in seconds: `metadata.zookeeper.probe.ready`. server: where it is
    asked there, as `Endpoint.parse` takes it."""
    args = {"server": server, "unit": unit, "log_file": log_file, "timeout": timeout, "stall": stall}
    return Request("cluster.metadata.zookeeper.probe", "ready", args)


def zookeeper_status(server: str, config: str) -> Request:
    """The host's own server now: `metadata.zookeeper.probe.status`. server: as for `zookeeper_ready`; config: the path
    of its zoo.cfg."""
    return Request("cluster.metadata.zookeeper.probe", "status", {"server": server, "config": config})


def zookeeper_ensemble(servers: Mapping[str, str]) -> Request:
    """All servers at once: `metadata.zookeeper.probe.ensemble`. servers: {name: where it is asked}."""
    return Request("cluster.metadata.zookeeper.probe", "ensemble", {"servers": dict(servers)})


def zookeeper_evidence(*, config: str, started: str, link: str, dirs: Sequence[str]) -> Request:
    """What a host's files say about the server on it: `metadata.zookeeper.evidence.look`. dirs: as they are wanted."""
    args = {"config": config, "started": started, "link": link, "dirs": list(dirs)}
    return Request("cluster.metadata.zookeeper.evidence", "look", args)


def zookeeper_listening(addresses: Sequence[str]) -> Request:
    """Which of these addresses accept a connection: `metadata.zookeeper.probe.listening`."""
    return Request("cluster.metadata.zookeeper.probe", "listening", {"addresses": list(addresses)})


def zookeeper_cluster_id(connect: str, protocol: str) -> Request:
    """Whose metadata is there: `metadata.zookeeper.evidence.cluster_id`. connect: as in zookeeper.connect; protocol: in
    which the servers are spoken to, as of an `Endpoint`."""
    return Request("cluster.metadata.zookeeper.evidence", "cluster_id", {"connect": connect, "protocol": protocol})


def zookeeper_owner(connect: str, owner: str) -> Request:
    """Whether only one name may change the root of the tree, over TLS: `metadata.zookeeper.rights.look`. owner: that
    name."""
    return Request("cluster.metadata.zookeeper.rights", "look", {"connect": connect, "owner": owner})


def zookeeper_own(connect: str, owner: str) -> Request:
    """Let only them change anything there: `metadata.zookeeper.rights.take`."""
    return Request("cluster.metadata.zookeeper.rights", "take", {"connect": connect, "owner": owner})


def zookeeper_release(connect: str) -> Request:
    """Let anybody change anything there again: `metadata.zookeeper.rights.release`."""
    return Request("cluster.metadata.zookeeper.rights", "release", {"connect": connect})


def hand_over(broker: int, *, zookeeper: str, protocol: str, patience: float) -> ByBroker:
    """Make another broker the controller: `metadata.zookeeper.handover.hand_over`. zookeeper: as in zookeeper.connect;
    protocol: as for `zookeeper_cluster_id`; patience: seconds."""
    args = {"broker": broker, "zookeeper": zookeeper, "protocol": protocol, "patience": patience}
    return ByBroker("cluster.metadata.zookeeper.handover", "hand_over", args)


def migration_look(connect: str, protocol: str) -> Request:
    """What ZooKeeper knows of a migration to controllers: `metadata.zookeeper.migration.look`. As for
    `zookeeper_cluster_id`."""
    return Request("cluster.metadata.zookeeper.migration", "look", {"connect": connect, "protocol": protocol})


def migration_forget(connect: str, protocol: str) -> Request:
    """Let it forget controllers that are gone: `metadata.zookeeper.migration.forget`."""
    return Request("cluster.metadata.zookeeper.migration", "forget", {"connect": connect, "protocol": protocol})


# -- the quorum of KRaft


def controller_ready(
    controller: int, port: int, *, protocol: str, unit: str, log_file: str, timeout: float, stall: float
) -> Request:
    """Wait until the host's own controller answers and knows a leader, times in seconds:
    `metadata.kraft.probe.ready`. controller: its id."""
    args = {"id": controller, "host": LOCAL, "port": port}
    args["protocol"] = protocol
    waits = {"unit": unit, "log_file": log_file, "timeout": timeout, "stall": stall}
    return Request("cluster.metadata.kraft.probe", "ready", {**args, **waits})


def kraft_quorum(controllers: Mapping[str, Sequence[Any]]) -> Request:
    """All controllers at once: `metadata.kraft.probe.quorum`. controllers: {name: [id, address, port, protocol]}."""
    return Request(
        "cluster.metadata.kraft.probe", "quorum", {"controllers": {n: list(c) for n, c in controllers.items()}}
    )


def quorum_leader() -> ByBroker:
    """What the leader of the quorum says, by way of a broker: `metadata.kraft.probe.through_broker`."""
    return ByBroker("cluster.metadata.kraft.probe", "through_broker")


def add_voter(cluster: str, voter: int, directory: str, listeners: Sequence[Sequence[Any]]) -> ByBroker:
    """Make an observer a voter of the quorum: `metadata.kraft.changes.add_voter`. Ask a broker, or the leader.
    directory: its metadata directory's id; listeners: [[name, host, port]]."""
    args = {"cluster": cluster, "voter": voter, "directory": directory, "listeners": [list(one) for one in listeners]}
    return ByBroker("cluster.metadata.kraft.changes", "add_voter", args)


def remove_voter(cluster: str, voter: int, directory: str) -> ByBroker:
    """Remove a voter of the quorum: `metadata.kraft.changes.remove_voter`. Ask a broker, or the leader. directory: its
    metadata directory's id."""
    args = {"cluster": cluster, "voter": voter, "directory": directory}
    return ByBroker("cluster.metadata.kraft.changes", "remove_voter", args)


def features() -> ByBroker:
    """The features of the cluster, and those of a node: `metadata.kraft.features.look`. Ask a broker or a
    controller."""
    return ByBroker("cluster.metadata.kraft.features", "look")


def update_features(levels: Mapping[str, int], *, check: bool) -> ByBroker:
    """Finalise higher levels of features: `metadata.kraft.features.update`. Ask a broker. levels: {feature: level};
    check: only let the controllers validate it."""
    return ByBroker("cluster.metadata.kraft.features", "update", {"levels": dict(levels), "check": check})
