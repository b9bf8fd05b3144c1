"""Let another broker become the controller before this one goes down.

A controller that shuts down moves its leaders away itself, and then ends with messages to other brokers still unsent: a
broker that did not receive its message waits for a stopped broker, with every acks=all write to it, until the next
controller works. That takes seconds. When another broker is the controller, it outlives the stopped one and sends all
messages.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Optional

from kafka.errors import KafkaError

from cluster.endpoint import Endpoint
from cluster.metadata.zookeeper.znodes import NO_NODE, Client, ZooKeeperError, connected, places
from cluster.moving.moving import Moving
from cluster.protocol.hello import describe, hello

if TYPE_CHECKING:
    from provisioner.agent.waiting import Emit

POLL = 0.02  # seconds
# Deleting the znode does not determine the next controller, and the old one may win: on a busy machine again and again,
# where the others have just been restarted and are slow for some seconds. Each election makes them faster, as they run
# its code once more, and a pause gives them time.
TRIES = 20
PAUSE = 0.1  # seconds, after an election that the old one has won


def hand_over(args: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Return when another broker is the controller and works, or when that cannot be achieved.

    args: broker (its id), bootstrap (its address), zookeeper (as in zookeeper.connect), protocol (in which its servers
    are spoken to), patience (seconds).
    Returns controller (None when none works), moved (whether it is another one), and why not. Never raises: a roll
    can continue without it.

    The controller is the broker that has created the znode /controller (Kafka's ZooKeeper data structures); when it is
    deleted, the brokers elect another one.
    """
    broker, deadline = int(args["broker"]), time.monotonic() + float(args["patience"])
    servers, root = places(args["zookeeper"])
    path = f"{root}/controller"
    try:
        with connected(servers, args["protocol"]) as client:
            for attempt in range(TRIES):
                owner, version = _owner(client, path, deadline)
                if owner != broker:
                    break
                if attempt:
                    time.sleep(PAUSE)
                client.delete(path, version)
            else:
                owner, _version = _owner(client, path, deadline)
        if owner in (None, broker):
            why = "none is elected" if owner is None else f"broker {broker} is elected every time"
            return {"moved": False, "controller": owner, "why": why}
        found = _at_work(args["bootstrap"], broker, deadline)
    except OSError as error:
        return {"moved": False, "controller": broker, "why": describe(error)}
    return {
        "moved": found is not None,
        "controller": found,
        "why": "the new one does not answer yet" if found is None else "",
    }


def _owner(client: Client, path: str, deadline: float) -> tuple[Optional[int], int]:
    """The owner of the controller's znode, and the znode's version; waits while it does not exist. Raises OSError."""
    while True:
        try:
            data, version = client.get(path)
            return int(json.loads(data)["brokerid"]), version
        except (ValueError, KeyError, TypeError) as error:
            raise OSError(None, f"{path} does not contain Kafka's controller") from error
        except ZooKeeperError as error:
            if error.errno != NO_NODE:
                raise
        if time.monotonic() > deadline:
            return None, 0
        time.sleep(POLL)


def _at_work(bootstrap: str, broker: int, deadline: float) -> Optional[int]:
    """The next controller, once it answers a request that a controller answers only after it has read the whole
    cluster; None when that does not happen. Raises OSError."""
    while time.monotonic() < deadline:
        found = hello(Endpoint.parse(bootstrap))["controller"]
        if found not in (None, broker):  # otherwise the broker itself has not heard of it yet
            try:
                Moving(bootstrap).under_way()
                return int(found)
            except (OSError, KafkaError):
                pass
        time.sleep(POLL)
    return None
