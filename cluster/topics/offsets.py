"""Where in a topic: its first offset, its end, an offset by number or by time, of each partition."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from kafka import errors as kafka_errors
from kafka.errors import KafkaError
from kafka.protocol.consumer import ListOffsetsRequest

from cluster.cluster import CONNECTION_TIMEOUT, SERVER_TIMEOUT
from cluster.model import Broker, Topic
from cluster.protocol import wire
from provisioner.agent.failure import Misnamed

if TYPE_CHECKING:
    Key = tuple[str, int]  # topic and number of a partition

LATEST, EARLIEST = -1, -2  # ListOffsetsRequest's timestamps that are none
# Of ListOffsetsRequest: LATEST is the end, or with COMMITTED where the first transaction begins that is still open.
UNCOMMITTED, COMMITTED = 0, 1
# Of ListOffsetsRequest, as whom one asks: a client hears from leaders alone, and where that ends which all copies have;
# NOBODY ("debugging consumer", as Kafka calls it) hears from any broker, and where its own copy ends.
CLIENT, NOBODY = -1, -2
READERS = 16  # threads: one broker's answer is not waited for by the others


def at(
    brokers: Mapping[int, Broker], topics: Mapping[str, Topic], *which: int, isolation: int = UNCOMMITTED
) -> dict[Key, tuple[int, ...]]:
    """{partition: an offset for each of `which`} as their leaders say; one whose leader does not answer has none.

    brokers, topics: as `wire.Connection.metadata` gives them. which: EARLIEST, LATEST, or a timestamp (epoch
    milliseconds) for the first record that is not older, -1 where there is no such record. isolation: UNCOMMITTED or
    COMMITTED.
    """
    by_leader: dict[int, dict[str, list[int]]] = {}
    for name, topic in topics.items():
        for found in topic.partitions:
            if found.leader in brokers:
                by_leader.setdefault(found.leader, {}).setdefault(name, []).append(found.partition)

    def ask(leader: int) -> dict[Key, tuple[int, ...]]:
        try:
            with wire.Connection(brokers[leader].endpoint, CONNECTION_TIMEOUT) as connection:
                answers = [led(connection, by_leader[leader], one, isolation) for one in which]
        except (OSError, KafkaError):
            return {}
        return {key: tuple(answer[key] for answer in answers) for key in set.intersection(*map(set, answers))}

    with ThreadPoolExecutor(max_workers=min(len(by_leader), READERS) or 1) as pool:
        return {key: found for of_leader in pool.map(ask, by_leader) for key, found in of_leader.items()}


def led(
    connection: wire.Connection,
    topics: Mapping[str, Sequence[int]],
    which: int,
    isolation: int = UNCOMMITTED,
    asker: int = CLIENT,
) -> dict[Key, int]:
    """An offset of each of these partitions that a broker leads at this moment, or as NOBODY has a copy of; which: as
    in `at`. Raises OSError and KafkaError."""
    kind = ListOffsetsRequest.ListOffsetsTopic
    request = ListOffsetsRequest(
        replica_id=asker,
        isolation_level=isolation,
        timeout_ms=SERVER_TIMEOUT,
        topics=[
            kind(
                name=name,
                partitions=[kind.ListOffsetsPartition(partition_index=number, timestamp=which) for number in numbers],
            )
            for name, numbers in topics.items()
        ],
    )
    return {
        (topic.name, found.partition_index): found.offset
        for topic in connection.call(request).topics
        for found in topic.partitions
        if not found.error_code
    }


def only(view: Mapping[str, Any], keys: Iterable[Key]) -> dict[str, Topic]:
    """The topics of a view with these partitions alone. Pure."""
    wanted = set(keys)
    found = {
        name: Topic(name, tuple(one for one in topic.partitions if one.key in wanted))
        for name, topic in view["topics"].items()
    }
    return {name: topic for name, topic in found.items() if topic.partitions}


def resolve(
    view: Mapping[str, Any], topic: str, partitions: Iterable[int], where: Mapping[str, Any]
) -> dict[int, tuple[int, int, int]]:
    """{partition: (offset, first, end)} of a place in a topic. where: {"to": "earliest" | "latest"},
    {"to": "offset", "offset": n}, {"to": "time", "timestamp": epoch milliseconds}, {"to": "end", "minus": n}.

    Raises Misnamed for an offset that a partition does not have, KafkaError for a partition without a leader.
    """
    keys = [(topic, partition) for partition in partitions]
    asked = (EARLIEST, LATEST, where["timestamp"]) if where["to"] == "time" else (EARLIEST, LATEST)
    found = at(view["brokers"], only(view, keys), *asked)
    _require(keys, found)
    return {key[1]: (_place(key, where, *found[key]), found[key][0], found[key][1]) for key in keys}


def ends(
    view: Mapping[str, Any], topic: str, partitions: Iterable[int], end: Mapping[str, Any], isolation: int
) -> dict[int, int]:
    """{partition: the offset of the first record that is not before `end`}: {"to": "latest"}, or {"to": "time",
    "timestamp": epoch milliseconds}. Raises KafkaError for a partition without a leader."""
    keys = [(topic, partition) for partition in partitions]
    asked = (LATEST, end["timestamp"]) if end["to"] == "time" else (LATEST,)
    found = at(view["brokers"], only(view, keys), *asked, isolation=isolation)
    _require(keys, found)
    # The last one is -1 where no record is as new as the time.
    return {key[1]: found[key][-1] if found[key][-1] >= 0 else found[key][0] for key in keys}


def _require(keys: Iterable[Key], found: Mapping[Key, Any]) -> None:
    for key in keys:
        if key not in found:
            raise kafka_errors.LeaderNotAvailableError(f"{key[0]}-{key[1]} has no leader that answers")


def _place(key: Key, where: Mapping[str, Any], first: int, last: int, timed: int = -1) -> int:
    to = where["to"]
    if to == "offset" and not first <= where["offset"] <= last:
        raise Misnamed(
            f"{key[0]}-{key[1]} has no offset {where['offset']}",
            advice=f"it has {first} to {last}, where {last} is the next one to be written",
        )
    places = {
        "earliest": first,
        "latest": last,
        "offset": where.get("offset"),
        "time": last if timed < 0 else timed,
        "end": max(first, last - where.get("minus", 0)),
    }
    return int(places[to])
