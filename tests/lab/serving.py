"""Asks a lab's Kafka from this machine, as a client would: does it serve, are old records still there."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import TypeVar

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic
from kafka.errors import KafkaError

T = TypeVar("T")


def eventually(check: Callable[[], T], *, seconds: float, what: str, every: float = 0.2) -> T:
    """The first answer of `check` that is true; AssertionError with the last refusal when there is none in time.
    every: seconds from one look to the next; 1 where a look is a command of its own, which keeps a processor busy."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            found = check()
            last = repr(found)
            if found:
                return found
        except (AssertionError, KafkaError, OSError) as error:
            last = f"{type(error).__name__}: {error}"
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}; last: {last}"
        time.sleep(every)


def produce(bootstrap: str, topic: str, values: list[str], partition: int = 0) -> None:
    """Write records to one partition with acks=all; raises KafkaError when one is not acknowledged."""
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all", request_timeout_ms=5000, max_block_ms=5000)
    try:
        for sent in [producer.send(topic, value.encode(), partition=partition) for value in values]:
            sent.get(timeout=10)
    finally:
        producer.close(timeout=1)


def records(bootstrap: str, topic: str) -> list[str]:
    """Everything in partition 0, from the start to the end as it is now."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, consumer_timeout_ms=5000)
    partition = TopicPartition(topic, 0)
    try:
        end = consumer.end_offsets([partition])[partition]
        consumer.assign([partition])
        consumer.seek_to_beginning(partition)
        found: list[str] = []
        while consumer.position(partition) < end:
            message = next(consumer, None)
            if message is None:
                break
            found.append(message.value.decode())
        return found
    finally:
        consumer.close()


def create_topic(bootstrap: str, topic: str) -> None:
    """One partition, one copy. Goes through the controller and ZooKeeper, so it proves that both are at work."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=5000)
    try:
        admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)], timeout_ms=5000)
    finally:
        admin.close()


def delete_topic(bootstrap: str, topic: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=5000)
    try:
        admin.delete_topics([topic], timeout_ms=5000)
    finally:
        admin.close()


def serves(bootstrap: str) -> bool:
    """A new topic takes a record and gives it back. Raises KafkaError or OSError where that does not work."""
    topic = f"serving-{uuid.uuid4().hex[:8]}"
    create_topic(bootstrap, topic)
    produce(bootstrap, topic, ["ping"])
    found = records(bootstrap, topic)
    delete_topic(bootstrap, topic)
    return found == ["ping"]
