"""Who may change what ZooKeeper holds: its root is anybody's at first, and brokers, who own what they make
(zookeeper.set.acl), leave it so. Whoever may change the root deletes what is right below it, whose ever that is. Runs
on the host.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict

from cluster.endpoint import SSL
from cluster.metadata.zookeeper import znodes
from provisioner.agent.failure import Failure

if TYPE_CHECKING:
    from provisioner.agent.waiting import Emit

ROOT = "/"


def look(args: Dict[str, Any], emit: Emit) -> Dict[str, Any]:
    """Whether the root is somebody's alone. args: connect ("host:port", separated by commas); owner: their name, as in
    their certificate.

    Returns answers (whether a server did), and own. Never raises."""
    try:
        with znodes.connected(args["connect"].split(","), SSL) as client:
            return {"answers": True, "own": client.acl(ROOT) == _of(args["owner"])}
    except OSError:
        return {"answers": False, "own": False}


def take(args: Dict[str, Any], emit: Emit) -> Dict[str, Any]:
    """Give the root to them. args: as for `look`. Raises Failure."""
    try:
        with znodes.connected(args["connect"].split(","), SSL) as client:
            client.set_acl(ROOT, _of(args["owner"]))
    except OSError as error:
        raise Failure(
            f"cannot make the root of ZooKeeper's tree the nodes' own: {error.strerror or error}",
            advice="see `invoke status`, then run the same command again",
        ) from None
    return {}


def _of(owner: str) -> list[znodes.Right]:
    return [znodes.Right(znodes.EVERYTHING, "x509", owner)]
