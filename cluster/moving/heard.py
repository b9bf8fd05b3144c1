"""Wait until every broker shows moves and elections as the controller has made them.

A move is done, and a leader elected, when the controller says so. It tells the brokers afterwards, each by itself, and
on a busy machine one of them may name the old copies for seconds to come: to its clients, and to whoever is about to
stop the broker that was emptied.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Optional

from kafka.errors import KafkaError

from cluster.model import Broker, Partition, Topic
from cluster.protocol import wire
from provisioner.resources.frozen import dataclass
from provisioner.words import some

if TYPE_CHECKING:
    from provisioner.agent.waiting import Emit

    Topics = Mapping[str, Topic]
    Key = tuple[str, int]  # topic and number of a partition

PATIENCE = 30.0  # seconds; a broker that is merely busy has heard of it by then
POLL_SECONDS = 0.25


@dataclass(frozen=True)
class Done:
    """What the controller has done. goals: {partition: its brokers}; elected: the partitions that their first broker
    leads now; leaving: the brokers that are to have none; known: the partitions that were there when it began."""

    goals: Mapping[Key, Sequence[int]]
    elected: Collection[Key]
    leaving: Collection[int]
    known: Collection[Key] = ()


def behind(topics: Topics, done: Done) -> list[str]:
    """The partitions that a broker does not tell as the controller has made them. Pure."""
    return [one.name for one in _partitions(topics) if _behind(one, done)]


def _behind(one: Partition, done: Done) -> bool:
    if _returned(one, done):
        return True
    goal = tuple(done.goals.get(one.key, one.replicas))
    elsewhere = one.leader >= 0 and one.leader not in goal
    return one.replicas != goal or elsewhere or (one.key in done.elected and one.leader != goal[0])


def held(topics: Topics, done: Done) -> list[str]:
    """The partitions that were made meanwhile and have a copy on a broker that leaves. Pure.

    One that was there before and was not moved had none: a broker that shows one is behind the times.
    """
    return [one.name for one in _partitions(topics) if one.key not in done.known and _unexpected(one, done)]


def _returned(one: Partition, done: Done) -> bool:
    """Whether it is shown with a copy that it did not have when it began, on a broker that is to have none."""
    return one.key in done.known and _unexpected(one, done)


def _unexpected(one: Partition, done: Done) -> bool:
    """Whether it was not moved, and has a copy on a broker that is to have none."""
    return one.key not in done.goals and not set(done.leaving).isdisjoint(one.replicas)


def _partitions(topics: Topics) -> Iterator[Partition]:
    return (partition for _, topic in sorted(topics.items()) for partition in topic.partitions)


def everywhere(brokers: Iterable[Broker], done: Done, emit: Emit) -> dict[str, Any]:
    """Ask each of these brokers until it shows all of it, for a while at most; one that does not answer is left out,
    and so is who has heard.

    Returns held, as above, with those that somebody has moved to a broker that leaves: all show them there to the end;
    and unaware {id as text: the partitions that this broker still shows otherwise}.
    """
    deadline = time.monotonic() + PATIENCE
    waiting = list(brokers)
    kept: set[str] = set()
    unaware: dict[int, list[str]] = {}
    returned: dict[int, set[str]] = {}  # of each broker that answers, by its latest answer
    with ThreadPoolExecutor(max_workers=min(len(waiting), 16) or 1) as pool:
        while True:
            answers = {one.id: topics for one, topics in zip(waiting, pool.map(_topics, waiting)) if topics is not None}
            kept.update(name for topics in answers.values() for name in held(topics, done))
            returned.update(
                (broker, {one.name for one in _partitions(topics) if _returned(one, done)})
                for broker, topics in answers.items()
            )
            unaware = {broker: names for broker, topics in answers.items() if (names := behind(topics, done))}
            waiting = [broker for broker in waiting if broker.id in unaware]
            if not waiting or time.monotonic() > deadline:
                break
            late = some((f"broker {one.id}" for one in waiting))
            emit({"text": f"waiting until every broker has heard of it: {late}"})
            time.sleep(POLL_SECONDS)
    moved = set.intersection(*returned.values()) if returned else set()
    late_names = {broker: [name for name in names if name not in moved] for broker, names in sorted(unaware.items())}
    return {
        "held": sorted(kept | moved),
        "unaware": {str(broker): names for broker, names in late_names.items() if names},
    }


def _topics(broker: Broker) -> Optional[Topics]:
    """All topics, as one broker shows them; None where it does not answer."""
    try:
        with wire.Connection(broker.endpoint) as connection:
            return dict(connection.metadata(None)["topics"])
    except (OSError, KafkaError):
        return None
