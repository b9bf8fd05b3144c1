"""Where a lab cluster's copies are, and what holds them back, as a client is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType

from .cluster import Cluster

RECORD = 50_000  # bytes


def asked(cluster: Cluster, question: Callable[[KafkaAdminClient], Any]) -> Any:
    """What the cluster answers to a client."""
    admin = KafkaAdminClient(bootstrap_servers=cluster.bootstrap[:3])
    try:
        return question(admin)
    finally:
        admin.close()


def fill(cluster: Cluster, topic: str, assignments: Mapping[int, Sequence[int]], each: int) -> None:
    """Make a topic with its copies on these brokers, and write `each` large records to every partition."""
    new = {topic: {"assignments": {number: list(brokers) for number, brokers in assignments.items()}}}
    asked(cluster, lambda admin: admin.create_topics(new))
    producer = KafkaProducer(bootstrap_servers=cluster.bootstrap, acks="all")
    for number in range(len(assignments) * each):
        producer.send(topic, bytes(RECORD), partition=number % len(assignments))
    producer.close(timeout=60)


def partitions(cluster: Cluster) -> list[dict[str, Any]]:
    """Every partition of every topic, as the brokers describe it."""
    topics = asked(cluster, lambda admin: admin.describe_topics())
    return [{"topic": topic["name"], **partition} for topic in topics for partition in topic["partitions"]]


def copies(cluster: Cluster) -> Counter[int]:
    """How many copies each broker has."""
    return Counter(broker for partition in partitions(cluster) for broker in partition["replica_nodes"])


def leaders(cluster: Cluster) -> Counter[int]:
    """How many partitions each broker leads."""
    return Counter(partition["leader_id"] for partition in partitions(cluster))


def under_way(cluster: Cluster) -> Any:
    """The partitions that are being moved."""
    return asked(cluster, lambda admin: admin.list_partition_reassignments())


def throttles(cluster: Cluster) -> set[str]:
    """The settings of a throttle, with their marks, that are in force anywhere: "resource: setting"."""
    topics = {partition["topic"] for partition in partitions(cluster)}

    def describe(admin: KafkaAdminClient) -> Any:
        brokers = [str(broker["broker_id"]) for broker in admin.describe_cluster()["brokers"]]
        return admin.describe_configs(
            [ConfigResource(ConfigResourceType.TOPIC, topic) for topic in sorted(topics)]
            + [ConfigResource(ConfigResourceType.BROKER, broker) for broker in brokers]
        )

    found = asked(cluster, describe)
    return {
        f"{name}: {setting}"
        for of_kind in found.values()
        for name, values in of_kind.items()
        for setting in values  # its value is hidden for brokers
        if ".replication.throttled." in setting
    }
