"""Who may change what ZooKeeper holds. Brokers own what they make (zookeeper.set.acl), not what is there already, nor
the root of the tree: and whoever may change that deletes what is right below it, whose ever it is. Runs on the host.

The root is the last to change in either direction, so that it says whether all others have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Iterator, Sequence

from cluster.endpoint import PLAINTEXT, SSL
from cluster.metadata.zookeeper import znodes
from provisioner.agent.failure import Failure

if TYPE_CHECKING:
    from provisioner.agent.waiting import Emit

ROOT = "/"
RESERVED = "/zookeeper"  # ZooKeeper's own
ANYBODY = [znodes.ANYBODY]


def look(args: Dict[str, Any], emit: Emit) -> Dict[str, Any]:
    """Whether all of it is somebody's alone. args: connect ("host:port", separated by commas); owner: their name, as in
    their certificate.

    Returns answers (whether a server did), and own. Never raises."""
    try:
        with znodes.connected(args["connect"].split(","), SSL) as client:
            return {"answers": True, "own": client.acl(ROOT) == _of(args["owner"])}
    except OSError:
        return {"answers": False, "own": False}


def take(args: Dict[str, Any], emit: Emit) -> Dict[str, Any]:
    """Give all of it to them. args: as for `look`. Raises Failure."""
    try:
        with znodes.connected(args["connect"].split(","), SSL) as client:
            give(client, _of(args["owner"]))
    except OSError as error:
        raise _failed("make what is in ZooKeeper the nodes' own", error) from None
    return {}


def release(args: Dict[str, Any], emit: Emit) -> Dict[str, Any]:
    """Give all of it back to anybody. args: connect. Returns changed: whether it was not. Raises Failure."""
    servers = args["connect"].split(",")
    try:
        try:
            client = znodes.connected(servers, SSL)
        except OSError:
            client = znodes.connected(servers, PLAINTEXT)  # nothing has been closed so far
        with client:
            if client.acl(ROOT) == ANYBODY:
                return {"changed": False}
            give(client, ANYBODY)
    except OSError as error:
        raise _failed("let brokers without a certificate change what is in ZooKeeper", error) from None
    return {"changed": True}


def give(client: znodes.Client, rights: Sequence[znodes.Right]) -> None:
    """Set the rights of all that is there. Raises OSError."""
    for path in (*_below(client, ROOT), ROOT):
        try:
            client.set_acl(path, rights)
        except znodes.ZooKeeperError as error:
            if error.errno != znodes.NO_NODE:  # one that goes meanwhile needs none
                raise


def _below(client: znodes.Client, path: str) -> Iterator[str]:
    try:
        found = client.children(path)
    except znodes.ZooKeeperError as error:
        if error.errno != znodes.NO_NODE:
            raise
        return
    for one in found:
        if one != RESERVED:
            yield one
            yield from _below(client, one)


def _of(owner: str) -> list[znodes.Right]:
    return [znodes.Right(znodes.EVERYTHING, "x509", owner)]


def _failed(what: str, error: OSError) -> Failure:
    return Failure(
        f"cannot {what}: {error.strerror or error}", advice="see `invoke status`, then run the same command again"
    )
