"""The throttle of moving copies: a rate on the brokers, and on the topics the list of copies that it is for.

Only those copies are slowed down: a follower that falls behind for another reason catches up at full speed.

These settings are marked (`marks.py`), so that any later run can remove them, and only them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from typing import Any, Optional

from cluster.cluster import CONNECTION_TIMEOUT, first_answer
from cluster.model import Broker, Setting
from cluster.moving import log_dirs, marks
from cluster.moving.marks import FOLLOWERS, LEADERS, LISTS, MARKS, RATES
from cluster.protocol import wire
from cluster.settings import configs
from cluster.settings.configs import BROKER, TOPIC
from cluster.settings.sources import DYNAMIC_BROKER, OWN

DYNAMIC = (OWN, DYNAMIC_BROKER)  # set at run time, on this very topic or broker


def lists(
    before: Mapping[tuple[str, int], Iterable[int]], goals: Mapping[tuple[str, int], Iterable[int]]
) -> dict[str, dict[str, str]]:
    """The settings of each topic while its partitions move: the copies that are read (any existing copy
    may lead) and those that are made. Pure. before: all existing copies, goals: where they are to be."""
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


def at_run_time(settings: Mapping[str, Setting]) -> dict[str, str]:
    """{name: value} of what is set at run time on this very topic or broker; "" for a value that is hidden. Pure."""
    return {name: one.value or "" for name, one in settings.items() if one.source in DYNAMIC}


def whose(there: Mapping[str, str]) -> tuple[bool, bool]:
    """(whether one broker or topic has a throttle of ours, whether one of somebody else). Pure.

    there: as `at_run_time` gives it.
    """
    listed = [there[name] for name in LISTS if name in there]
    return (
        any(mark in there for mark in (*MARKS.values(), marks.DIRECTORIES_MARK)) or any(map(marks.is_ours, listed)),
        any(rate in there and MARKS[rate] not in there for rate in RATES) or any(map(marks.others, listed)),
    )


def by_whom(
    brokers: Mapping[str, Mapping[str, Setting]], topics: Mapping[str, Mapping[str, Setting]]
) -> dict[str, dict[str, list[str]]]:
    """{"ours": {"brokers": ids, "topics": names}, "others": the same} of settings as described. Pure."""
    on = {"brokers": brokers, "topics": topics}
    return {
        who: {
            kind: sorted(name for name, settings in found.items() if whose(at_run_time(settings))[place])
            for kind, found in on.items()
        }
        for place, who in enumerate(("ours", "others"))
    }


def set_rate(view: Mapping[str, Any], goals: Mapping[tuple[str, int], Iterable[int]], rate: int) -> set[str]:
    """Throttle these moves to `rate` bytes per second on every broker, in and out; the topics that have some. Raises
    KafkaError, OSError."""
    isr = {found.key: found.isr for topic in view["topics"].values() for found in topic.partitions}
    wanted = lists(isr, goals)
    if not wanted:
        return set()
    # The rate first: copies that are throttled to no rate would not be throttled at all.
    answering = []
    for broker in view["brokers"].values():
        with contextlib.suppress(OSError):  # it went down a moment ago: no copy is read from it or written to it
            there = at_run_time(_ask(broker, BROKER, [str(broker.id)], marks.OF_BROKER)[str(broker.id)])
            free = [one for one in RATES if one not in there or MARKS[one] in there]
            if free:
                rates = {name: str(rate) for one in free for name in (one, MARKS[one])}
                _alter(broker, BROKER, {str(broker.id): rates})
            answering.append(broker)
    found = first_answer(answering, lambda broker: _ask(broker, TOPIC, wanted, LISTS))
    settings = {
        topic: {name: marks.with_ours(at_run_time(there).get(name, ""), ours) for name, ours in wanted[topic].items()}
        for topic, there in found.items()
    }
    first_answer(answering, lambda broker: _alter(broker, TOPIC, settings))
    return set(settings)


def find(brokers: Mapping[int, Broker], topics: Iterable[str]) -> dict[str, dict[str, list[str]]]:
    """The throttled brokers and topics, as `by_whom` returns them. A broker that does not answer is left out."""
    of_brokers: dict[str, dict[str, Setting]] = {}
    for broker in brokers.values():
        with contextlib.suppress(OSError):
            of_brokers.update(_ask(broker, BROKER, [str(broker.id)], marks.OF_BROKER))
    names = list(topics)
    return by_whom(of_brokers, first_answer(brokers.values(), lambda broker: _ask(broker, TOPIC, names, LISTS)))


def replace(view: Mapping[str, Any], goals: Mapping[tuple[str, int], Iterable[int]], rate: Optional[int]) -> None:
    """Throttle these moves, None: not at all, and nothing else that is ours. What is throttled before and after is so
    at every moment between: a run that dies here leaves no copy unthrottled."""
    slowed = set_rate(view, goals, rate) if rate else set()
    if slowed:
        _clear_lists(view["brokers"], set(view["topics"]) - slowed)
    else:
        clear(view["brokers"], view["topics"])


def clear(brokers: Mapping[int, Broker], topics: Iterable[str]) -> None:
    """Remove every rate and every list of ours, of this run and of earlier ones; but not the rate of a broker that
    still moves partitions between its directories."""
    _clear_lists(brokers, topics)
    for name in find(brokers, ())["ours"]["brokers"]:
        broker = brokers[int(name)]
        there = at_run_time(_ask(broker, BROKER, [name], marks.OF_BROKER)[name])
        gone = {one: None for rate, mark in MARKS.items() if mark in there for one in (rate, mark)}
        if marks.DIRECTORIES_MARK in there and not _between_directories(broker):
            gone.update(dict.fromkeys(marks.OF_DIRECTORIES))
        if gone:
            _alter(broker, BROKER, {name: gone})


def limit_directories(broker: Broker, rate: Optional[int]) -> None:
    """Limit the moves between a broker's own directories to `rate` bytes per second; None removes a limit of ours. What
    somebody else has set stays. Raises KafkaError, OSError."""
    there = of_directories(broker)
    ours, any_ = (name in there for name in (marks.DIRECTORIES_MARK, marks.DIRECTORIES))
    if ours or (rate is not None and not any_):
        value = None if rate is None else str(rate)
        _alter(broker, BROKER, {str(broker.id): dict.fromkeys(marks.OF_DIRECTORIES, value)})


def of_directories(broker: Broker) -> dict[str, str]:
    """What is set of OF_DIRECTORIES, as `at_run_time` gives it. Raises KafkaError, OSError."""
    return at_run_time(_ask(broker, BROKER, [str(broker.id)], marks.OF_DIRECTORIES)[str(broker.id)])


def _between_directories(broker: Broker) -> bool:
    """Whether copies are on their way between directories: those that an interrupted run has begun go on, throttled."""
    with wire.Connection(broker.endpoint) as connection:
        return any(one.coming for one in log_dirs.describe(connection))


def _clear_lists(brokers: Mapping[int, Broker], topics: Iterable[str]) -> None:
    names = list(topics)
    listed = first_answer(brokers.values(), lambda broker: _ask(broker, TOPIC, names, LISTS))
    settings = {
        topic: {name: marks.others(value) or None for name, value in at_run_time(there).items()}
        for topic, there in listed.items()
        if whose(at_run_time(there))[0]
    }
    if settings:
        first_answer(brokers.values(), lambda broker: _alter(broker, TOPIC, settings))


def _ask(broker: Broker, kind: int, names: Iterable[str], keys: Iterable[str]) -> dict[str, dict[str, Setting]]:
    """These settings of resources. A broker answers for itself only; a deleted topic is left out."""
    with wire.Connection(broker.endpoint) as connection:
        return configs.describe(connection, kind, names, keys)


def _alter(broker: Broker, kind: int, settings: Mapping[str, Mapping[str, Optional[str]]]) -> None:
    with wire.Connection(broker.endpoint, CONNECTION_TIMEOUT) as connection:
        configs.alter(connection, kind, settings)
