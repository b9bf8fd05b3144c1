"""What ZooKeeper knows of a migration to controllers (KIP-866): who is the cluster's controller, how far the
controllers have copied what is there, and which brokers are registered. Runs on the host."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Dict, List, Optional

from cluster.metadata.zookeeper.znodes import ANY_VERSION, NO_NODE, Client, ZooKeeperError, connected, places
from cluster.protocol.hello import describe
from provisioner.agent.failure import Failure

if TYPE_CHECKING:
    from provisioner.agent.waiting import Emit

CONTROLLER, MIGRATION, BROKERS = "/controller", "/migration", "/brokers/ids"
# Of /controller: which epoch of the controllers has written it; -1 or absent where a broker has (ControllerZNode).
KRAFT_EPOCH = "kraftControllerEpoch"
# Of /migration: how far they have copied what is there; -1 before they have (ZkMigrationLeadershipState).
OFFSET = "kraft_metadata_offset"


def look(args: Dict[str, Any], emit: Emit) -> Dict[str, Any]:
    """What is there. args: connect, as a broker's zookeeper.connect; protocol: in which it is spoken to.

    Returns answers (whether a server did); why, where not; controller: the id of the broker or controller that is the
    cluster's controller, None for none; kraft: whether that is a controller; offset: how far the controllers have
    copied what is there, -1 where they have not begun, None where none has ever been here; since: when they were first
    here, seconds since 1970, None where they were not; brokers: the ids that are registered. Never raises.
    """
    servers, root = places(args["connect"])
    try:
        with connected(servers, args["protocol"]) as client:
            controller, migration = _json(client, root + CONTROLLER), _json(client, root + MIGRATION)
            since = client.created(root + MIGRATION) if migration is not None else None
            brokers = [int(path.rpartition("/")[2]) for path in _children(client, root + BROKERS)]
    except (OSError, ValueError) as error:
        why = describe(error) if isinstance(error, OSError) else str(error)
        nothing: Dict[str, Any] = {"controller": None, "kraft": False, "offset": None, "since": None, "brokers": []}
        return {"answers": False, "why": why, **nothing}
    return {
        "answers": True,
        "why": "",
        "controller": None if controller is None else int(controller["brokerid"]),
        "kraft": controller is not None and int(controller.get(KRAFT_EPOCH, -1)) >= 0,
        "offset": None if migration is None else int(migration[OFFSET]),
        "since": since,
        "brokers": sorted(brokers),
    }


def forget(args: Dict[str, Any], emit: Emit) -> Dict[str, Any]:
    """Let ZooKeeper forget controllers that do not run any more: their /controller, which nobody would take over from
    them, and then /migration, by which new controllers would believe that they know all of it already. args: as for
    `look`. Returns deleted: the paths. Raises Failure."""
    servers, root = places(args["connect"])
    deleted = []
    try:
        with connected(servers, args["protocol"]) as client:
            controller = _json(client, root + CONTROLLER)
            theirs = controller is not None and int(controller.get(KRAFT_EPOCH, -1)) >= 0
            for path in (root + CONTROLLER, root + MIGRATION) if theirs else (root + MIGRATION,):
                try:
                    client.delete(path, ANY_VERSION)
                    deleted.append(path)
                except ZooKeeperError as error:
                    if error.errno != NO_NODE:
                        raise
    except (OSError, ValueError) as error:
        why = describe(error) if isinstance(error, OSError) else str(error)
        raise Failure(
            f"cannot delete what controllers have left in ZooKeeper: {why}",
            advice="see `invoke status`, then run the same command again",
        ) from None
    return {"deleted": deleted}


def _json(client: Client, path: str) -> Optional[Dict[str, Any]]:
    """What a znode says; None where there is none. Raises OSError, ValueError."""
    try:
        found: Dict[str, Any] = json.loads(client.get(path)[0])
    except ZooKeeperError as error:
        if error.errno != NO_NODE:
            raise
        return None
    return found


def _children(client: Client, path: str) -> List[str]:
    try:
        return client.children(path)
    except ZooKeeperError as error:
        if error.errno != NO_NODE:
            raise
        return []
