"""The quorum of controllers, asked of each of them directly, all at once, a few milliseconds each.

Only the leader knows how far the others are. One that does not lead answers with an error instead, and is healthy
nevertheless; which leader it follows is another question (`quorum_api.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Optional

from cluster.endpoint import PLAINTEXT, Endpoint, joined
from cluster.metadata.kraft import quorum_api as api
from cluster.protocol.flexible import Dialogue
from cluster.protocol.hello import describe
from provisioner.agent.waiting import Unit, until

if TYPE_CHECKING:
    from provisioner.agent.waiting import Emit

ANSWER_TIMEOUT = 2.0  # seconds, for connecting and for each part of an answer
NO_QUORUM = "the service there belongs to no KRaft quorum"  # a broker in ZooKeeper mode, or another service
NO_LEADER = "it knows no leader"
# ControllerApis.handleDescribeCluster: only from metadata.version 3.7 on, which it learns from the metadata.
UNKNOWN_LEADER = "it does not say whom it follows: it has not read the metadata yet, or metadata.version is below 3.7"


def quorum(args: Dict[str, Any], emit: Emit) -> Dict[str, Any]:
    """Every controller as it answers now. args: controllers {name: [id, address, port, protocol]}.

    Returns {name: answer}: serving (bool: it answers at all), why (when it does not, or names no leader), id, leader
    (the id that it takes for the leader's; None when it names none), is_leader; of the leader also epoch,
    high_watermark (an offset; -1 while it has confirmed none), voters and observers: [{id, directory (as Kafka writes
    it; zeros in a static quorum), end_offset (-1: unknown), silent_ms (since its last fetch), behind_ms (since it was
    level with the leader)}], both None when unknown, and places {id as text: "host:port" where the others reach a
    voter}, none in a static quorum. Ages are of the leader's clock. Never waits, never raises.
    """
    from concurrent.futures import ThreadPoolExecutor

    controllers = dict(args["controllers"])
    with ThreadPoolExecutor(max_workers=min(len(controllers), 16) or 1) as pool:
        return dict(zip(controllers, pool.map(lambda where: look(*where), controllers.values())))


def through_broker(args: Dict[str, Any], emit: Emit) -> Dict[str, Any]:
    """The leader's answer, by way of a broker, for a host that does not reach the controllers. args: bootstrap.

    Returns serving; when it does not: why; else leader, epoch, high_watermark, voters, observers and places as `quorum`
    does.
    A broker without a leader waits for the next one, so that its answer may be that it timed out.
    """
    try:
        with Dialogue(Endpoint.parse(args["bootstrap"]), ANSWER_TIMEOUT) as broker:
            error, found = _describe(broker)
    except OSError as failure:
        return {"serving": False, "why": describe(failure)}
    if error:
        return {"serving": False, "why": NO_LEADER if error == api.NOT_LEADER else f"error {error}"}
    return {"serving": True, "why": "", **found}


def ready(args: Dict[str, Any], emit: Emit) -> Dict[str, Any]:
    """Wait until this controller answers and follows a leader, or leads.

    args: id, host, port, protocol; timeout and stall in seconds; unit and log_file, optional, for early ends and
    evidence.
    Returns what `quorum` says of it, and "seconds". Raises Failure when that does not happen in time.
    """
    number, host, port = int(args["id"]), args["host"], int(args["port"])
    protocol = args.get("protocol", PLAINTEXT)

    def attempt() -> tuple[Optional[Dict[str, Any]], str]:
        answer = look(number, host, port, protocol)
        if not answer["serving"]:
            return None, answer["why"]
        return (answer, "") if answer["leader"] is not None else (None, answer["why"])

    return until(
        attempt,
        what=f"controller {number} at {joined(host, port)}",
        timeout=float(args["timeout"]),
        stall=float(args["stall"]),
        emit=emit,
        unit=Unit(args["unit"], args.get("log_file", "")) if args.get("unit") else None,
    )


def look(number: int, host: str, port: int, protocol: str = PLAINTEXT) -> Dict[str, Any]:
    """One controller, as `quorum` answers."""
    try:
        with Dialogue(Endpoint(host, int(port), protocol), ANSWER_TIMEOUT) as controller:
            error, found = _describe(controller)
            if error == 0:
                return _leader(number, found)
            if error != api.NOT_LEADER:
                return _silent(number, f"error {error}")
            return {"serving": True, "id": number, "is_leader": False, **_followed(controller)}
    except OSError as failure:
        return _silent(number, describe(failure))


def _describe(other: Dialogue) -> tuple[int, Dict[str, Any]]:
    """(error code, the quorum). Raises OSError."""
    version = other.version(api.DESCRIBE_QUORUM, api.DESCRIBE_QUORUM_HIGHEST)
    if version is None:
        raise OSError(None, NO_QUORUM)
    return api.quorum_in(other.ask(api.DESCRIBE_QUORUM, version, api.QUORUM_BODY), version)


def _leader(number: int, found: Dict[str, Any]) -> Dict[str, Any]:
    if found["leader"] != number:
        return _silent(number, f"controller {found['leader']} answers there")
    return {"serving": True, "why": "", "id": number, "is_leader": True, **found}


def _followed(controller: Dialogue) -> Dict[str, Any]:
    """The leader that a controller follows, and why it names none. Raises OSError of the connection."""
    if controller.version(api.DESCRIBE_CLUSTER, api.OF_CONTROLLERS) != api.OF_CONTROLLERS:
        return {"leader": None, "why": UNKNOWN_LEADER}
    error, leader = api.leader_in(controller.ask(api.DESCRIBE_CLUSTER, api.OF_CONTROLLERS, api.CLUSTER_BODY))
    if error:
        return {"leader": None, "why": UNKNOWN_LEADER if error == api.UNSUPPORTED_VERSION else f"error {error}"}
    return {"leader": leader, "why": NO_LEADER if leader is None else ""}


def _silent(number: int, why: str) -> Dict[str, Any]:
    return {"serving": False, "why": why, "id": number, "leader": None, "is_leader": False}
