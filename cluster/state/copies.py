"""The progress of copies that are behind, in bytes: what advances while a partition is not in sync. And which of them
are not behind at all.

The broker's own measure, the offset lag of DescribeLogDirs, is no help: a follower takes it from the high watermark it
knows, which is never beyond its own end. So a copy's size is compared with its leader's (KIP-113), and where it ends is
asked of whoever has it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kafka.errors import KafkaError

from cluster.cluster import Cluster
from cluster.model import Broker, Topic
from cluster.protocol import wire
from cluster.topics import offsets

if TYPE_CHECKING:
    from provisioner.agent.waiting import Emit

    Key = tuple[str, int]  # topic and number of a partition

# Seconds in which a copy must have what its leader had at their begin. A follower of an idle leader asks it twice a
# second (replica.fetch.wait.max.ms), one of a busy leader all the time.
LEVEL_SECONDS, PAUSE = 0.5, 0.05


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


def level(args: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """The copies of these partitions that are out of sync though they lack no record: within LEVEL_SECONDS they have
    all that their leader had. args: as for `look`.

    Returns level [[topic, partition, broker]]; none when no broker answers. Never raises for a dead broker.
    """
    cluster = Cluster(args["bootstrap"])
    wanted = {(topic, number) for topic, numbers in args["partitions"].items() for number in numbers}
    try:
        view = cluster.view(args["partitions"])
    except (OSError, KafkaError):
        return {"level": []}
    behind = out_of_sync(view["topics"], wanted)
    goals = _ends(view["brokers"], {(key, leader) for key, (leader, _) in behind.items()})
    until = time.monotonic() + LEVEL_SECONDS
    left = {(key, broker) for key, (_, copies) in behind.items() for broker in copies}
    found = reached(behind, goals, _ends(view["brokers"], left))
    while found < left and time.monotonic() < until:
        time.sleep(PAUSE)
        found |= reached(behind, goals, _ends(view["brokers"], left - found))
    return {"level": sorted([*key, broker] for key, broker in found)}


def reached(
    behind: Mapping[Key, tuple[int, Sequence[int]]],
    goals: Mapping[tuple[Key, int], int],
    ends: Mapping[tuple[Key, int], int],
) -> set[tuple[Key, int]]:
    """Those (partition, broker) whose copy ends where that of the partition's leader did, or later. behind: as
    `out_of_sync`; goals, ends {(partition, broker): where its copy ends}: of leaders, then of copies. Pure."""
    return {
        (key, broker)
        for (key, broker), end in ends.items()
        if (key, behind[key][0]) in goals and end >= goals[key, behind[key][0]]
    }


def _ends(brokers: Mapping[int, Broker], wanted: Iterable[tuple[Key, int]]) -> dict[tuple[Key, int], int]:
    """{(partition, broker): where its copy there ends}; a broker that does not answer has none."""
    asked: dict[int, dict[str, list[int]]] = {}
    for (topic, number), broker in sorted(wanted):
        asked.setdefault(broker, {}).setdefault(topic, []).append(number)
    found: dict[tuple[Key, int], int] = {}
    for broker, partitions in asked.items():
        try:
            with wire.Connection(brokers[broker].endpoint) as connection:
                ends = offsets.led(connection, partitions, offsets.LATEST, asker=offsets.NOBODY)
        except (OSError, KafkaError, KeyError):
            continue
        found |= {(key, broker): end for key, end in ends.items()}
    return found


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
