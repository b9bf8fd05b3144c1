"""Topics and groups by name: found, or an error that suggests the nearest name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Optional

from kafka import errors as kafka_errors

from cluster.cluster import Cluster, answering
from provisioner.agent.failure import Failure, Misnamed
from provisioner.words import did_you_mean, some

SHOWN = 8


def topic_view(cluster: Cluster, topic: str) -> dict[str, Any]:
    """The cluster with this topic, as `wire.Connection.metadata` returns it. Raises Misnamed if the topic does not
    exist."""
    with answering(f"look for the topic {topic}"):
        view = cluster.view([topic])
        error = view["topics"][topic].error if topic in view["topics"] else ""
        if error == "InvalidTopicError":
            raise Misnamed(f"{topic!r} cannot be a topic's name", advice="letters, digits, '.', '_' and '-', up to 249")
        if error == "UnknownTopicOrPartitionError":
            topics = cluster.view()["topics"]
            raise missing("topic", topic, [name for name in topics if not topics[name].internal])
        if error and error != "LeaderNotAvailableError":
            raise getattr(kafka_errors, error)
    return view


def partitions(view: Mapping[str, Any], topic: str, wanted: Optional[int]) -> list[int]:
    """The numbers of a topic's partitions, or the one that is wanted. Raises Misnamed if it does not exist. Pure."""
    known = [one.partition for one in view["topics"][topic].partitions]
    if wanted is None:
        return known
    if wanted not in known:
        raise Misnamed(f"{topic} has no partition {wanted}", advice=f"its partitions are 0 to {max(known)}")
    return [wanted]


def missing(kind: str, name: str, known: Iterable[str]) -> Failure:
    """The error for a name that does not exist. Pure."""
    there = sorted(known)
    return Misnamed(
        f"there is no {kind} {name}{did_you_mean(name, there)}",
        [f"{kind}s are: {some(there, SHOWN)}" if there else f"there are no {kind}s"],
    )
