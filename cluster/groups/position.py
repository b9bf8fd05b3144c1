"""Where a group stands in a partition: its lag, and what is wrong with the offset that it has committed. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Optional

if TYPE_CHECKING:
    from cluster.model import Topic

    # {topic: its partitions, None if they are not shown}, of the topics that exist
    Known = Mapping[str, Optional[Collection[int]]]

# What can be wrong with a group's place in a partition, as `groups.* --json` names it.
BEYOND_END = "beyond_end"  # committed is larger than the end: the topic was made again, or records were lost
BEFORE_START = "before_start"  # records were deleted before the group had read them
NO_TOPIC = "no_topic"  # the topic does not exist any more
NO_PARTITION = "no_partition"  # the topic exists, without this partition
NO_ANSWER = "no_answer"  # it has no leader, or its leader does not answer

GONE = (NO_TOPIC, NO_PARTITION)


def lag(committed: Optional[int], first: Optional[int], end: Optional[int]) -> Optional[int]:
    """Existing records that are not read yet; deleted records do not count. None if it is not known, as beyond the end:
    where the group would go on from there is up to its consumers (auto.offset.reset)."""
    if end is None or first is None or committed is None or committed > end:
        return None
    return max(0, end - max(committed, first))


def known(topics: Mapping[str, Topic]) -> Known:
    """The topics of a cluster's metadata that exist, with their partitions as far as they are shown."""
    return {
        name: None if topic.error else {one.partition for one in topic.partitions}
        for name, topic in topics.items()
        if topic.error not in ("UnknownTopicOrPartitionError", "InvalidTopicError")
    }


def judge(row: Mapping[str, Any], offsets: Optional[tuple[int, ...]], topics: Known) -> dict[str, Any]:
    """A row of `groups.look` with first, end, lag and problem (one of the words above, or None). offsets: the
    partition's (first, end), None where no leader answers."""
    first, end = offsets or (None, None)
    found: dict[str, Any] = {"first": first, "end": end, "lag": lag(row["committed"], first, end)}
    return {**row, **found, "problem": _problem(row, first, end, topics)}


def _problem(row: Mapping[str, Any], first: Optional[int], end: Optional[int], topics: Known) -> Optional[str]:
    if row["topic"] not in topics:
        return NO_TOPIC
    partitions = topics[row["topic"]]
    if partitions is not None and row["partition"] not in partitions:
        return NO_PARTITION
    if first is None or end is None:
        return NO_ANSWER
    committed = row["committed"]
    if committed is None:
        return None
    return BEYOND_END if committed > end else BEFORE_START if committed < first else None
