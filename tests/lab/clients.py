"""kafka-python on this machine, through the port that the lab publishes on the loopback address."""

from __future__ import annotations

import time
from collections.abc import Sequence

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic
from kafka.errors import KafkaError

from .hosts import LabHost


def wait_until_it_answers(host: LabHost, seconds: float = 60) -> None:
    """Return when the broker tells about its cluster; AssertionError with its last refusal if it does not in time."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            admin = KafkaAdminClient(bootstrap_servers=host.bootstrap, bootstrap_timeout_ms=2000)
            admin.close()
            return
        except KafkaError as refusal:
            assert time.monotonic() < deadline, f"{host.name} does not answer after {seconds:.0f} s: {refusal}"
            time.sleep(0.2)


def create_topic(host: LabHost, topic: str) -> None:
    """One partition, so that order is a promise."""
    admin = KafkaAdminClient(bootstrap_servers=host.bootstrap)
    try:
        admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    finally:
        admin.close()


def delete_topic(host: LabHost, topic: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=host.bootstrap)
    try:
        admin.delete_topics([topic])
    finally:
        admin.close()


def write(host: LabHost, topic: str, values: Sequence[bytes]) -> None:
    """Produce with acks=all; returns when every record is acknowledged."""
    producer = KafkaProducer(bootstrap_servers=host.bootstrap, acks="all")
    try:
        sent = [producer.send(topic, value) for value in values]
        for future in sent:
            future.get(timeout=30)
    finally:
        producer.close()


def give_up(host: LabHost, topic: str, value: bytes) -> None:
    """Write a record in a transaction, and abort it."""
    producer = KafkaProducer(bootstrap_servers=host.bootstrap, transactional_id=f"given-up-{topic}")
    try:
        producer.init_transactions()
        producer.begin_transaction()
        producer.send(topic, value)
        producer.flush()
        producer.abort_transaction()
    finally:
        producer.close()


def read_all(host: LabHost, topic: str) -> list[bytes]:
    """Every record of the topic's one partition, from its beginning to its end."""
    consumer = KafkaConsumer(bootstrap_servers=host.bootstrap, enable_auto_commit=False, consumer_timeout_ms=20_000)
    try:
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        end = consumer.end_offsets([partition])[partition]
        consumer.seek_to_beginning(partition)
        values: list[bytes] = []
        while consumer.position(partition) < end:
            batch = consumer.poll(timeout_ms=20_000)
            assert batch, f"{len(values)} records of {end} came, then none for 20 s"
            values += [record.value for records in batch.values() for record in records]
        return values
    finally:
        consumer.close()
