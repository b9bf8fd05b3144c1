"""The progress of copies that are behind, in bytes: what advances while a partition is not in sync.

The broker's own measure, the offset lag of DescribeLogDirs, is no help: a follower takes it from the high watermark it
knows, which is never beyond its own end. So a copy's size is compared with its leader's (KIP-113).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kafka.errors import KafkaError

from cluster.cluster import Cluster
from cluster.model import Topic

if TYPE_CHECKING:
    from provisioner.agent.waiting import Emit

    Key = tuple[str, int]  # topic and number of a partition


def look(args: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """The copies of these partitions that are out of sync, on brokers that answer. args: bootstrap ("127.0.0.1:9092"),
    partitions {topic: [numbers]}.

    Returns copies (how many), copied and whole (bytes there, and bytes of their leaders' logs), and work: the bytes as
    they are on disk, also of a copy that is larger than its leader's. All 0 when no broker answers. Never waits, never
    raises for a dead broker.
    """
    cluster = Cluster(args["bootstrap"])
    wanted = {(topic, number) for topic, numbers in args["partitions"].items() for number in numbers}
    try:
        view = cluster.view(args["partitions"])
        behind = out_of_sync(view["topics"], wanted)
        asked = {broker for leader, copies in behind.values() for broker in (leader, *copies)}
        brokers = [broker for broker in view["brokers"].values() if broker.id in asked]
        return measure(behind, cluster.sizes(brokers, args["partitions"]))
    except (OSError, KafkaError):
        return measure({}, {})


def out_of_sync(topics: Mapping[str, Topic], wanted: Iterable[Key]) -> dict[Key, tuple[int, Sequence[int]]]:
    """{partition: (leader, brokers whose copies are not in sync)} of those that have a leader to copy from. Pure."""
    of_interest = set(wanted)
    return {
        found.key: (found.leader, found.behind)
        for topic in topics.values()
        for found in topic.partitions
        if found.key in of_interest and found.leader >= 0 and found.behind
    }


def measure(behind: Mapping[Key, tuple[int, Sequence[int]]], sizes: Mapping[Key, Mapping[int, int]]) -> dict[str, int]:
    """`look`'s answer. Pure. sizes {partition: {broker: bytes}}; a copy without a known size does not count."""
    pairs = [
        (sizes[key][broker], sizes[key].get(leader, 0))
        for key, (leader, copies) in behind.items()
        for broker in copies
        if broker in sizes.get(key, {})
    ]
    return {
        "copies": len(pairs),
        "copied": sum(min(copy, whole) for copy, whole in pairs),
        "whole": sum(whole for _, whole in pairs),
        "work": sum(copy for copy, _ in pairs),
    }
