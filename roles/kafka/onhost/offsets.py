"""Where in a topic: its first offset, its end, an offset by number or by time, of each partition."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from kafka import errors as kafka_errors
from kafka.protocol.consumer import ListOffsetsRequest

from provisioner.agent.failure import Failure

from . import wire
from .cluster import CONNECTION_TIMEOUT

# ListOffsetsRequest's timestamps that are none.
LATEST, EARLIEST = -1, -2
READERS = 8  # threads: one broker's answer is not waited for by the others


def at(view: Mapping[str, Any], wanted: Iterable[tuple[str, int]], timestamp: int) -> dict[tuple[str, int], int]:
    """{(topic, partition): offset} at LATEST, EARLIEST or the first record that is not older than a timestamp (epoch
    milliseconds; -1 where there is none), asked of every leader. view: as `Cluster.view` gives it, with these topics.

    A partition without a leader, or unknown to it, is left out. Raises OSError and KafkaError.
    """
    leaders = {(name, p["partition"]): p["leader"] for name, one in view["topics"].items() for p in one["partitions"]}
    by_leader: dict[int, dict[str, list[int]]] = {}
    for topic, partition in wanted:
        leader = leaders.get((topic, partition), -1)
        if leader in view["brokers"]:
            by_leader.setdefault(leader, {}).setdefault(topic, []).append(partition)

    def ask(leader: int) -> dict[tuple[str, int], int]:
        address = view["brokers"][leader]
        kind = ListOffsetsRequest.ListOffsetsTopic
        topics = [
            kind(
                name=topic,
                partitions=[kind.ListOffsetsPartition(partition_index=one, timestamp=timestamp) for one in partitions],
            )
            for topic, partitions in by_leader[leader].items()
        ]
        with wire.Connection(address["host"], address["port"], CONNECTION_TIMEOUT) as connection:
            answer = connection.call(ListOffsetsRequest(replica_id=-1, isolation_level=0, topics=topics))
        found = {}
        for topic in answer.topics:
            for one in topic.partitions:
                if wire.name_of(one.error_code) != "UnknownTopicOrPartitionError":
                    wire.raise_for(one.error_code)
                    found[topic.name, one.partition_index] = one.offset
        return found

    if not by_leader:
        return {}
    with ThreadPoolExecutor(max_workers=min(len(by_leader), READERS)) as pool:
        return {place: offset for answer in pool.map(ask, by_leader) for place, offset in answer.items()}


def resolve(
    view: Mapping[str, Any], topic: str, partitions: Iterable[int], where: Mapping[str, Any]
) -> dict[int, int]:  # fmt: skip
    """{partition: offset} of a place in a topic. where: {"to": "earliest" | "latest"}, {"to": "offset", "offset": n},
    {"to": "time", "timestamp": epoch milliseconds}, {"to": "end", "minus": n}.

    Raises Failure for an offset that a partition does not have, KafkaError for a partition without a leader.
    """
    wanted = [(topic, partition) for partition in partitions]
    first, last = at(view, wanted, EARLIEST), at(view, wanted, LATEST)
    for place in wanted:
        if place not in first or place not in last:
            raise kafka_errors.LeaderNotAvailableError(f"{topic}-{place[1]} has no leader")
    to = where["to"]
    if to == "earliest":
        found = first
    elif to == "latest":
        found = last
    elif to == "end":
        found = {place: max(first[place], last[place] - where["minus"]) for place in wanted}
    elif to == "time":
        timed = at(view, wanted, where["timestamp"])
        found = {place: last[place] if timed.get(place, -1) < 0 else timed[place] for place in wanted}
    else:
        for place in wanted:
            if not first[place] <= where["offset"] <= last[place]:
                raise Failure(
                    f"{topic}-{place[1]} has no offset {where['offset']}",
                    advice=f"it has {first[place]} to {last[place]}, where {last[place]} is the next one to be written",
                )
        found = dict.fromkeys(wanted, where["offset"])
    return {partition: found[topic, partition] for _, partition in wanted}
