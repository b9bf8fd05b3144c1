"""Removes the oldest records of topics (DeleteRecords): up to an offset of each partition, which a time may say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Optional

from kafka import errors as kafka_errors
from kafka.errors import KafkaError
from kafka.protocol.admin import DeleteRecordsRequest

from cluster.cluster import CONNECTION_TIMEOUT, SERVER_TIMEOUT, Cluster, answering
from cluster.model import Broker
from cluster.protocol import wire
from cluster.topics import offsets
from provisioner.agent.failure import Failure
from provisioner.agent.waiting import until
from provisioner.words import some

if TYPE_CHECKING:
    from provisioner.agent.waiting import Emit

    Key = tuple[str, int]  # topic and number of a partition

# Seconds until every partition has a leader that does it: in all, and without progress.
TIMEOUT, STALL = 120.0, 30.0


def look(args: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """What topics have that is older than a time. args: bootstrap; topics [names]; before: epoch milliseconds, None for
    everything that is there now.

    Returns places: [[topic, partition, first offset, the first one to stay, end]]. Raises Failure, also for a partition
    without a leader.
    """
    before = args["before"]
    with answering("find the offsets"):
        view = Cluster(args["bootstrap"]).view(args["topics"])
        asked = (offsets.EARLIEST, offsets.LATEST) if before is None else (offsets.EARLIEST, offsets.LATEST, before)
        found = offsets.at(view["brokers"], view["topics"], *asked)
        keys = [one.key for topic in view["topics"].values() for one in topic.partitions]
        missing = [f"{topic}-{number}" for topic, number in keys if (topic, number) not in found]
        if missing:
            raise kafka_errors.LeaderNotAvailableError(f"{some(missing)} has no leader that answers")
    # The last one is -1 where every record is older than the time.
    places = [
        [*key, found[key][0], found[key][-1] if found[key][-1] >= 0 else found[key][1], found[key][1]] for key in keys
    ]
    return {"places": places}


def remove(args: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Remove records. args: bootstrap; places [[topic, partition, the first offset to stay]].

    Returns nothing. Raises Failure with the partitions that refuse; the others are done.
    """
    cluster = Cluster(args["bootstrap"])
    left: dict[Key, int] = {(topic, partition): offset for topic, partition, offset in args["places"]}
    refused: dict[Key, str] = {}

    def attempt() -> tuple[Optional[dict[str, Any]], str]:
        seen = ""
        try:
            view = cluster.view(sorted({topic for topic, _ in left}))
            leaders = {one.key: one.leader for topic in view["topics"].values() for one in topic.partitions}
            for leader in {leaders.get(key, -1) for key in left}:
                share = {key: offset for key, offset in left.items() if leaders.get(key, -1) == leader}
                seen = _by(view["brokers"].get(leader), share, left, refused) or seen
        except (OSError, KafkaError) as error:
            seen = wire.describe(error)
        return ({} if not left else None), seen

    until(attempt, what="the removal of records", timeout=TIMEOUT, stall=STALL, emit=emit)
    if refused:
        raise Failure(
            f"{some(f'{topic}-{number}' for topic, number in refused)} did not remove records",
            details=[f"{topic}-{number}: {why}" for (topic, number), why in refused.items()],
            advice="the others are done; fix the cause and run the same command again",
        )
    return {}


def _by(leader: Optional[Broker], share: Mapping[Key, int], left: dict[Key, int], refused: dict[Key, str]) -> str:
    """Let a leader remove its share; done and refused ones go out of `left`. Returns why some may work later."""
    if leader is None:
        return "a partition has no leader"
    kind = DeleteRecordsRequest.DeleteRecordsTopic
    topics: dict[str, list[Any]] = {}
    for (topic, number), offset in share.items():
        topics.setdefault(topic, []).append(kind.DeleteRecordsPartition(partition_index=number, offset=offset))
    request = DeleteRecordsRequest(
        topics=[kind(name=topic, partitions=partitions) for topic, partitions in topics.items()],
        timeout_ms=SERVER_TIMEOUT,
    )
    seen = ""
    with wire.Connection(leader.endpoint, CONNECTION_TIMEOUT) as connection:
        for topic in connection.call(request).topics:
            for found in topic.partitions:
                error = kafka_errors.for_code(found.error_code)
                if found.error_code and error.retriable:
                    seen = wire.name_of(found.error_code)
                    continue
                del left[topic.name, found.partition_index]
                if found.error_code:
                    refused[topic.name, found.partition_index] = wire.name_of(found.error_code)
    return seen
