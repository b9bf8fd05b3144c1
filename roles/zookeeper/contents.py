"""Whose is what the servers hold, as a part of a deploy: in a closed cluster, the nodes' alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cluster.endpoint import joined
from cluster.metadata import remote
from roles.shared import kraft, security
from roles.zookeeper import doors

if TYPE_CHECKING:
    from provisioner.connect.requests import Call
    from provisioner.report.reporter import Reporter
    from provisioner.resources import Request
    from provisioner.run.target import Target


def contents(call: Call, servers: Sequence[Target], reporter: Reporter, check: bool) -> dict[str, tuple[int, int]]:
    """Give it to the nodes, once, by way of the first server that answers; check: only look. servers: not empty.

    Returns {host by way of which: (1 where it was theirs, 1 where it was not)}; empty in an open cluster, and where no
    server answers. Raises HostFailed."""
    if not _owned(servers[0]):
        return {}
    for one in servers:
        found = call(one.name, _question(one))
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


def asked_first(target: Target) -> list[Request]:
    """What `contents` asks first, of the first server."""
    return [_question(target)] if _owned(target) and target.members(kraft.SERVERS)[0] == target.host else []


def _owned(server: Target) -> bool:
    return security.mode(server.host) in (security.OPEN, security.REQUIRED)


def _question(server: Target) -> Request:
    return remote.zookeeper_owner(_connect(server), doors.OWNER)


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
