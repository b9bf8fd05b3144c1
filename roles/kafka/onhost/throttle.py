"""The throttle of moving copies: a rate on the brokers, and on the topics the list of copies that it is for.

Only those copies are slowed down: a follower that falls behind for another reason catches up at full speed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from typing import Any, Optional

from . import configs, wire
from .cluster import CONNECTION_TIMEOUT, first_answer
from .configs import BROKER, TOPIC

DYNAMIC = ("dynamic topic", "dynamic broker")  # set at run time, on this very topic or broker
RATES = ("leader.replication.throttled.rate", "follower.replication.throttled.rate")
LEADERS, FOLLOWERS = "leader.replication.throttled.replicas", "follower.replication.throttled.replicas"


def lists(
    before: Mapping[tuple[str, int], Iterable[int]], goals: Mapping[tuple[str, int], Iterable[int]]
) -> dict[str, dict[str, str]]:
    """What each topic's settings are to be while its partitions move: the copies that are read from (any that there
    are may lead) and those that are made. Pure. before: every copy there is, goals: where they are to be."""
    read: dict[str, list[str]] = {}
    made: dict[str, list[str]] = {}
    for (topic, number), goal in sorted(goals.items()):
        there = set(before.get((topic, number), ()))
        new = [broker for broker in goal if broker not in there]
        if not new:
            continue
        read.setdefault(topic, []).extend(f"{number}:{broker}" for broker in sorted(there))
        made.setdefault(topic, []).extend(f"{number}:{broker}" for broker in sorted(new))
    return {topic: {LEADERS: ",".join(read[topic]), FOLLOWERS: ",".join(made[topic])} for topic in made}


def set_rate(view: Mapping[str, Any], goals: Mapping[tuple[str, int], Iterable[int]], rate: int) -> None:
    """Throttle these moves to `rate` bytes per second on every broker, in and out. Raises KafkaError, OSError."""
    isr = {
        (name, found["partition"]): found["isr"]
        for name, topic in view["topics"].items()
        for found in topic["partitions"]
    }
    settings = lists(isr, goals)
    if not settings:
        return
    # The rate first: copies that are throttled to no rate would not be throttled at all.
    answering = []
    for broker, address in view["brokers"].items():
        with contextlib.suppress(OSError):  # it died a moment ago: nothing is copied from it or to it
            _alter(address, BROKER, {str(broker): dict.fromkeys(RATES, str(rate))})
            answering.append(address)
    first_answer(answering, lambda address: _alter(address, TOPIC, settings))


def find(brokers: Mapping[int, Any], topics: Iterable[str]) -> dict[str, list[str]]:
    """The brokers that have a rate, and the topics that have a list: {"brokers": [...], "topics": [...]}."""
    slowed: list[str] = []
    for broker, address in brokers.items():
        with contextlib.suppress(OSError):
            slowed += _described(address, BROKER, [str(broker)], RATES)
    names = list(topics)
    listed = first_answer(brokers.values(), lambda address: _described(address, TOPIC, names, (LEADERS, FOLLOWERS)))
    return {"brokers": slowed, "topics": sorted(listed)}


def clear(brokers: Mapping[int, Any], topics: Iterable[str]) -> None:
    """Remove every rate and every list, also those that an earlier run or another tool left behind."""
    found = find(brokers, topics)
    nothing = dict.fromkeys((LEADERS, FOLLOWERS))
    if found["topics"]:
        first_answer(brokers.values(), lambda address: _alter(address, TOPIC, dict.fromkeys(found["topics"], nothing)))
    for broker in found["brokers"]:
        _alter(brokers[int(broker)], BROKER, {broker: dict.fromkeys(RATES)})


def _described(address: Mapping[str, Any], kind: int, names: list[str], keys: Iterable[str]) -> list[str]:
    """Those of the resources on which one of these settings is set at run time. A broker answers for itself only."""
    if not names:
        return []
    with wire.Connection(address["host"], address["port"]) as connection:
        found = configs.describe(connection, kind, names, keys)
    # By where it was set: brokers hide the value of a rate, which they do not know the type of, as if it were a secret.
    return [name for name, settings in found.items() if any(one.source in DYNAMIC for one in settings.values())]


def _alter(address: Mapping[str, Any], kind: int, settings: Mapping[str, Mapping[str, Optional[str]]]) -> None:
    with wire.Connection(address["host"], address["port"], CONNECTION_TIMEOUT) as connection:
        configs.alter(connection, kind, settings)
