"""Requests that only a rebalance makes: partitions under way, new moves, removing the throttle, preferred leaders."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from kafka.errors import KafkaError
from kafka.protocol.admin import (
    AlterPartitionReassignmentsRequest,
    ElectLeadersRequest,
    ListPartitionReassignmentsRequest,
)

from cluster.cluster import SERVER_TIMEOUT, Cluster
from cluster.moving import throttle
from cluster.protocol import wire

if TYPE_CHECKING:
    Key = tuple[str, int]  # topic and number of a partition

PREFERRED = 0


class Moving(Cluster):
    """A cluster whose partitions move."""

    def under_way(self) -> dict[Key, tuple[list[int], list[int]]]:
        """{partition: (its target brokers, the brokers that receive a copy)}."""
        with self.controller() as connection:
            answer = connection.call(ListPartitionReassignmentsRequest(timeout_ms=SERVER_TIMEOUT, topics=None))
        wire.raise_for(answer.error_code, answer.error_message)
        return {
            (topic.name, found.partition_index): (
                [broker for broker in found.replicas if broker not in found.removing_replicas],
                list(found.adding_replicas),
            )
            for topic in answer.topics
            for found in topic.partitions
        }

    def assign(self, goals: dict[Key, list[int]]) -> dict[Key, tuple[int, str]]:
        """Give moves to the controller; {partition: (error code or 0, its message)}."""
        topic_type = AlterPartitionReassignmentsRequest.ReassignableTopic
        partition_type = topic_type.ReassignablePartition
        topics = [
            topic_type(
                name=name,
                partitions=[
                    partition_type(partition_index=number, replicas=goals[name, number]) for number in sorted(numbers)
                ],
            )
            for name, numbers in by_topic(goals).items()
        ]
        with self.controller() as connection:
            answer = connection.call(AlterPartitionReassignmentsRequest(timeout_ms=SERVER_TIMEOUT, topics=topics))
        wire.raise_for(answer.error_code, answer.error_message)
        return {
            (topic.name, found.partition_index): (found.error_code, found.error_message or "")
            for topic in answer.responses
            for found in topic.partitions
        }

    def unthrottle(self) -> None:
        """Remove the throttle unless moves are still under way: these continue throttled, and the next run looks
        after them. If the cluster does not answer now, the next run asks it."""
        try:
            if not self.under_way():
                view = self.view()
                throttle.clear(view["brokers"], view["topics"])
        except (OSError, KafkaError):
            return

    def elect(self, view: dict[str, Any]) -> set[Key]:
        """Make the first replica of every partition its leader if possible; the partitions whose leader changed. view:
        the cluster as it is now."""
        due = {found.key for topic in view["topics"].values() for found in topic.partitions if found.electable}
        return {key for key, code in self.elect_leaders(due).items() if code == 0} if due else set()

    def elect_leaders(self, keys: Iterable[Key]) -> dict[Key, int]:
        """Make the first replica of each of these partitions its leader; {partition: error code or 0}."""
        topics = [
            ElectLeadersRequest.TopicPartitions(topic=name, partitions=sorted(numbers))
            for name, numbers in by_topic(keys).items()
        ]
        request = ElectLeadersRequest(election_type=PREFERRED, topic_partitions=topics, timeout_ms=SERVER_TIMEOUT)
        with self.controller() as connection:
            answer = connection.call(request)
        wire.raise_for(getattr(answer, "error_code", 0))
        return {
            (topic.topic, found.partition_id): found.error_code
            for topic in answer.replica_election_results
            for found in topic.partition_result
        }


def by_topic(keys: Iterable[Key]) -> dict[str, list[int]]:
    """{topic: partition numbers}. Pure."""
    found: dict[str, list[int]] = {}
    for topic, number in keys:
        found.setdefault(topic, []).append(number)
    return found
