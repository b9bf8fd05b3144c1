"""A data directory is emptied while records are written to it, by a run that is killed and one that goes on from there;
then it leaves."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic

from .cluster import Cluster
from .copies import RECORD, asked
from .hosts import LabHost
from .serving import delete_topic, eventually
from .unchanged import unchanged

FIRST, SECOND = "/var/lib/kafka/data", "/var/lib/kafka/second"
TOPICS, PARTITIONS, EACH = ("ore", "coal"), 4, 40  # 2 MB in every partition
LIVE, OFFSETS = "live", "__consumer_offsets"
FINISH = "the same `invoke rebalance` finishes it and removes the throttle"


# Both directories; what is out of use is deleted after 1 s, not after 60.
QUICK = {"log.segment.delete.delay.ms": 1000}
BOTH = ("--extra-vars", json.dumps({"kafka_data_dirs": [FIRST, SECOND], "kafka_config": QUICK}))


@pytest.fixture
def cluster(single: LabHost) -> Iterator[Cluster]:
    """The single host with two data directories and topics in both, as a cluster; with one directory again afterwards,
    as it was."""
    found = Cluster((single,), {}, single.inventory)
    single.deploy("--no-smoke", "--accept-downtime", *BOTH)
    asked(found, lambda admin: admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in (*TOPICS, LIVE)]))
    producer = KafkaProducer(bootstrap_servers=single.bootstrap, acks="all")
    for number in range(len(TOPICS) * PARTITIONS * EACH):
        topic, place = TOPICS[number % len(TOPICS)], number // len(TOPICS)
        producer.send(topic, bytes(RECORD), partition=place % PARTITIONS)
    producer.close(timeout=60)
    commit(single.bootstrap)
    # Kafka's own topic may be there from before, and then it is in the first one.
    moved = [f"{OFFSETS}-{number}" for number in range(10)]
    goals = {(OFFSETS, number, 1): SECOND for number in range(len(moved))}
    asked(found, lambda admin: admin.alter_replica_log_dirs(goals))
    eventually(lambda: set(moved) <= set(held(found, SECOND).get(OFFSETS, [])), seconds=60, what="offsets in both")
    yield found
    for topic in (*TOPICS, LIVE):
        delete_topic(single.bootstrap, topic)
    single.invoke("rebalance", "--drain-dir", SECOND, "--yes", "--throttle", "none")  # after a test that failed
    single.deploy("--no-smoke", "--accept-downtime")
    single.sh(f"rm -r {SECOND}; grep -l {SECOND} /var/lib/provisioner/once/* | xargs rm")


def commit(bootstrap: str) -> None:
    """Commit an offset, so that Kafka's own topic with them is there."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, group_id="miners", enable_auto_commit=False)
    consumer.assign([TopicPartition(TOPICS[0], 0)])
    consumer.seek_to_end()
    consumer.position(TopicPartition(TOPICS[0], 0))
    consumer.commit()
    consumer.close()


def held(cluster: Cluster, path: str) -> dict[str, list[str]]:
    """The partitions that the broker has in a directory, by topic, and under "future" those on their way into it."""

    def describe(admin: KafkaAdminClient) -> Any:
        (broker,) = admin.describe_log_dirs()
        return next(one for one in broker["log_dirs"] if one["log_dir"] == path)

    found: dict[str, list[str]] = {}
    for topic in asked(cluster, describe)["topics"]:
        for one in topic["partitions"]:
            kind = "future" if one["is_future_key"] else topic["name"]
            found.setdefault(kind, []).append(f"{topic['name']}-{one['partition_index']}")
    return found


@contextmanager
def writing(bootstrap: str) -> Iterator[list[tuple[int, int]]]:
    """100 records a second with acks=all to all partitions of LIVE, until the block ends; the (partition, offset) of
    those that are acknowledged."""
    producer, ended = KafkaProducer(bootstrap_servers=bootstrap, acks="all"), threading.Event()
    acknowledged: list[tuple[int, int]] = []
    refused: list[BaseException] = []

    def work() -> None:
        number = 0
        while not ended.wait(0.01):
            sent = producer.send(LIVE, b"%d" % number, partition=number % PARTITIONS)
            sent.add_callback(lambda found: acknowledged.append((found.partition, found.offset)))
            sent.add_errback(refused.append)
            number += 1

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield acknowledged
    finally:
        ended.set()
        thread.join(timeout=30)
        producer.close(timeout=30)
    assert not refused, f"{len(refused)} records were refused: {refused[:3]}"


def readable(bootstrap: str, topic: str) -> set[tuple[int, int]]:
    """(partition, offset) of every record of a topic that can be read, from its beginning."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
    consumer.assign(partitions)
    consumer.seek_to_beginning()
    ends, deadline = consumer.end_offsets(partitions), time.monotonic() + 60
    found: set[tuple[int, int]] = set()
    while any(consumer.position(one) < ends[one] for one in partitions):
        assert time.monotonic() < deadline, f"{len(found)} records of {topic} read, and then no more"
        for records in consumer.poll(timeout_ms=500).values():
            found.update((record.partition, record.offset) for record in records)
    consumer.close()
    return found


def test_a_directory_is_emptied_under_load_after_a_kill_too_and_no_record_is_out_of_sight(
    cluster: Cluster, single: LabHost
):
    before = single.pids()
    there = held(cluster, SECOND)
    assert {*TOPICS, LIVE, OFFSETS} <= set(there), f"nothing to prove: {sorted(there)}"
    with unchanged(single):
        refused = single.deploy("--no-smoke", expect=2)
    assert f"`invoke rebalance --drain-dir {single.name}:{SECOND}`" in refused
    drain = ("rebalance", "--drain-dir", f"{single.name}:{SECOND}")
    assert "nothing was moved" in cluster.invoke(*drain, *BOTH, expect=1) and held(cluster, SECOND) == there

    with writing(single.bootstrap) as acknowledged:
        with cluster.running(*drain, *BOTH, "--yes", "--throttle", "300k") as first:
            first.says("--> Move")
            eventually(lambda: "future" in held(cluster, FIRST), seconds=60, what="copies are made")
            refused = cluster.invoke("restart", *BOTH, "--accept-downtime", expect=5)
            assert f"{single.name}: another run is at work here" in refused
            first.kill()
        assert "future" in held(cluster, FIRST), "nothing was under way any more: the kill proves nothing"
        assert FINISH in cluster.invoke("status", *BOTH)

        output = cluster.invoke(*drain, "--yes", "--throttle", "none")
        assert "under way from before: they go on" in output
        assert f"--> Emptied {single.name}:{SECOND} in " in output
        assert output.endswith("as long as it has it: deploy now\n"), "the inventory has it no more"
        assert held(cluster, SECOND) == {} and "future" not in held(cluster, FIRST)
        assert single.sh(f"find {SECOND} -mindepth 1 -type d") == ""
        assert FINISH not in cluster.invoke("status", *BOTH)
        again = cluster.invoke(*drain, *BOTH, "--yes")
        assert "Nothing to do" in again and "now take it out of kafka_data_dirs and deploy" in again
    assert len(acknowledged) > 300 and single.pids() == before, "it is done by the running broker"

    single.deploy("--no-smoke", "--accept-downtime")
    for topic in TOPICS:
        assert len(readable(single.bootstrap, topic)) == PARTITIONS * EACH
    assert set(acknowledged) <= readable(single.bootstrap, LIVE)
