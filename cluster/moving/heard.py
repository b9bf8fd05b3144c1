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
    leads now; leaving: the brokers that are to have none."""

    goals: Mapping[Key, Sequence[int]]
    elected: Collection[Key]
    leaving: Collection[int]


def behind(topics: Topics, done: Done) -> list[str]:
    """The partitions that a broker does not tell as the controller has made them. Pure."""
    return [one.name for one in _partitions(topics) if _behind(one, done)]


def _behind(one: Partition, done: Done) -> bool:
    goal = tuple(done.goals.get(one.key, one.replicas))
    elsewhere = one.leader >= 0 and one.leader not in goal
    return one.replicas != goal or elsewhere or (one.key in done.elected and one.leader != goal[0])


def held(topics: Topics, done: Done) -> list[str]:
    """The partitions that were not moved and have a copy on a broker that leaves: they were made meanwhile. Pure."""
    left = set(done.leaving)
    return [one.name for one in _partitions(topics) if one.key not in done.goals and left.intersection(one.replicas)]


def _partitions(topics: Topics) -> Iterator[Partition]:
    return (partition for _, topic in sorted(topics.items()) for partition in topic.partitions)


def everywhere(brokers: Iterable[Broker], done: Done, emit: Emit) -> dict[str, Any]:
    """Ask each of these brokers until it shows all of it, for a while at most; one that does not answer is left out,
    and so is who has heard.

    Returns held, as above; and unaware {id as text: the partitions that this broker still shows otherwise}.
    """
    deadline = time.monotonic() + PATIENCE
    waiting = list(brokers)
    kept: set[str] = set()
    unaware: dict[int, list[str]] = {}
    with ThreadPoolExecutor(max_workers=min(len(waiting), 16) or 1) as pool:
        while True:
            answers = {one.id: topics for one, topics in zip(waiting, pool.map(_topics, waiting)) if topics is not None}
            kept.update(name for topics in answers.values() for name in held(topics, done))
            unaware = {broker: names for broker, topics in answers.items() if (names := behind(topics, done))}
            waiting = [broker for broker in waiting if broker.id in unaware]
            if not waiting or time.monotonic() > deadline:
                break
            late = some((f"broker {one.id}" for one in waiting))
            emit({"text": f"waiting until every broker has heard of it: {late}"})
            time.sleep(POLL_SECONDS)
    return {"held": sorted(kept), "unaware": {str(broker): names for broker, names in sorted(unaware.items())}}


def _topics(broker: Broker) -> Optional[Topics]:
    """All topics, as one broker shows them; None where it does not answer."""
    try:
        with wire.Connection(broker.endpoint) as connection:
            return dict(connection.metadata(None)["topics"])
    except (OSError, KafkaError):
        return None
