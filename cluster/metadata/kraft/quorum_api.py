"""What a controller or a broker says of the quorum: the requests DescribeQuorum and DescribeCluster, and their answers
as bytes. Pure.

The fields are those of Kafka's DescribeQuorumResponse.json (KIP-595, times since KIP-836, directories since KIP-853)
and DescribeClusterResponse.json (controllers answer it since KIP-919).
"""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple

from cluster.endpoint import joined
from cluster.protocol.flexible import NO_DIRECTORY, TAGS, Reader, array, text
from cluster.protocol.hello import STRANGE

DESCRIBE_QUORUM, DESCRIBE_QUORUM_HIGHEST = 55, 2
DESCRIBE_CLUSTER, OF_CONTROLLERS = 60, 1  # the version that can be asked for controllers
UNSUPPORTED_VERSION = 35
NOT_LEADER = 6  # NOT_LEADER_OR_FOLLOWER: a healthy controller that does not lead
TOPIC = "__cluster_metadata"
_PARTITION = (0).to_bytes(4, "big") + TAGS
QUORUM_BODY = array([text(TOPIC) + array([_PARTITION]) + TAGS]) + TAGS
CLUSTER_BODY = b"\0\2" + TAGS  # without the operations that are allowed; EndpointType 2: controllers


def quorum_in(answer: Reader, version: int) -> Tuple[int, Dict[str, Any]]:
    """(error code, the quorum) of the body of a DescribeQuorum answer. Raises OSError for what is none.

    The quorum: leader, epoch, high_watermark (an offset; -1 while the leader has confirmed none), voters, observers and
    places, as `cluster.metadata.kraft.probe.quorum` has them. It means nothing where there is an error: a controller
    that does not lead names leader 0.
    """
    error = answer.number("h")
    if version >= 2:
        answer.text()
    found: Dict[str, Any] = {}

    def partition() -> None:
        nonlocal error
        answer.number("i")
        error = error or answer.number("h")
        if version >= 2:
            answer.text()
        found.update(leader=answer.number("i"), epoch=answer.number("i"), high_watermark=answer.number("q"))
        for kind in ("voters", "observers"):  # in no order
            found[kind] = sorted(answer.array(lambda: _replica(answer, version)), key=lambda one: one["id"])
        answer.tags()

    def topic() -> None:
        answer.text()
        answer.array(partition)
        answer.tags()

    answer.array(topic)
    if not error and not found:
        raise OSError(None, STRANGE)
    found["places"] = dict(answer.array(lambda: _node(answer))) if version >= 2 else {}
    return error, _with_ages(found)


def _node(answer: Reader) -> Tuple[str, str]:
    """(id, address) of a voter: of the first of its listeners."""
    number = answer.number("i")

    def listener() -> str:
        answer.text()
        place = joined(answer.text() or "", answer.number("H"))
        answer.tags()
        return place

    places = answer.array(listener)
    answer.tags()
    return str(number), next(iter(places), "")


def _replica(answer: Reader, version: int) -> Dict[str, Any]:
    found: Dict[str, Any] = {"id": answer.number("i")}
    found["directory"] = answer.uuid() if version >= 2 else NO_DIRECTORY
    found["end_offset"] = answer.number("q")
    found["fetched"], found["caught_up"] = (answer.number("q") if version >= 1 else -1 for _ in range(2))
    answer.tags()
    return found


def _with_ages(quorum: Dict[str, Any]) -> Dict[str, Any]:
    """Times of the leader's clock as ages in ms: compared with its own, so that no two hosts' clocks are. None for what
    the leader does not know."""
    replicas = [*quorum.get("voters", []), *quorum.get("observers", [])]
    now = next((one["caught_up"] for one in replicas if one["id"] == quorum["leader"]), -1)
    for one in replicas:
        for age, time in (("silent_ms", one.pop("fetched")), ("behind_ms", one.pop("caught_up"))):
            one[age] = max(now - time, 0) if min(now, time) >= 0 else None
    return quorum


def leader_in(answer: Reader) -> Tuple[int, Optional[int]]:
    """(error code, the leader that a controller knows: None when it knows none) of the body of a DescribeCluster
    answer. Raises OSError for what is none."""
    answer.number("i")  # how long the answer was throttled
    error = answer.number("h")
    answer.text()
    answer.number("b")
    answer.text()
    leader = answer.number("i")
    return error, leader if leader >= 0 else None
