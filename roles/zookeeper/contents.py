"""What the servers hold, as a part of a deploy: in a closed cluster, the root of the tree is the nodes' own."""

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
    """Give the root to the nodes, once, by way of the first server that answers; check: only look. servers: not empty.

    Returns {host by way of which: (1 where it was theirs, 1 where it was not)}; empty in an open cluster, and where no
    server answers. Raises HostFailed."""
    if not security.among_nodes(servers[0].host):
        return {}
    for one in servers:
        connect = joined(remote.LOCAL, one["zookeeper_port"])
        found = call(one.name, remote.zookeeper_owner(connect, doors.OWNER))
        if not found["answers"]:
            continue
        if found["own"]:
            return {one.name: (1, 0)}
        reporter.phase("ZooKeeper")
        reporter.change(one.name, "zookeeper:/", "~", f"only {doors.OWNER} may change it")
        if not check:
            call(one.name, remote.zookeeper_own(connect, doors.OWNER))
        return {one.name: (0, 1)}
    return {}
