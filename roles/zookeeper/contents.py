"""Whose is what the servers hold, as a part of a deploy: in a closed cluster, the nodes' alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cluster.endpoint import joined
from cluster.metadata import remote
from roles.shared import security
from roles.zookeeper import doors

if TYPE_CHECKING:
    from provisioner.connect.requests import Call
    from provisioner.report.reporter import Reporter
    from provisioner.run.target import Target


def contents(call: Call, servers: Sequence[Target], reporter: Reporter, check: bool) -> dict[str, tuple[int, int]]:
    """Give it to the nodes, once, by way of the first server that answers; check: only look. servers: not empty.

    Returns {host by way of which: (1 where it was theirs, 1 where it was not)}; empty in an open cluster, and where no
    server answers. Raises HostFailed."""
    if security.mode(servers[0].host) not in (security.OPEN, security.REQUIRED):
        return {}
    for one in servers:
        found = call(one.name, remote.zookeeper_owner(_connect(one), doors.OWNER))
        if not found["answers"]:
            continue
        if found["own"]:
            return {one.name: (1, 0)}
        reporter.phase("ZooKeeper")
        reporter.change(one.name, "zookeeper:/", "~", f"only {doors.OWNER} may change what is there")
        if not check:
            call(one.name, remote.zookeeper_own(_connect(one), doors.OWNER))
        return {one.name: (0, 1)}
    return {}


def before_restarts(call: Call, servers: Sequence[Target], reporter: Reporter) -> dict[str, tuple[int, int]]:
    """On the way back, before brokers come without a name: it is anybody's again. Returns as `contents`. Raises
    HostFailed."""
    one = servers[0]
    if (
        security.mode(one.host) != security.ADDED
        or not call(one.name, remote.zookeeper_release(_connect(one)))["changed"]
    ):
        return {}
    reporter.change(one.name, "zookeeper:/", "~", "anybody may change what is there")
    return {one.name: (0, 1)}


def _connect(server: Target) -> str:
    return joined(remote.LOCAL, server["zookeeper_port"])
