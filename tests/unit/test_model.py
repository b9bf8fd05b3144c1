"""Brokers, partitions, topics and settings: the same on both sides of the wire."""

from __future__ import annotations

import json

import pytest

from cluster.endpoint import Endpoint
from cluster.model import Broker, Partition, Setting, Topic

PART = Partition("orders", 3, (1, 2, 3), leader=1, isr=(1, 3), min_isr=2, moving=True, earliest=5, latest=9)
MEASURED = PART.measured({1: 10, 3: 30})


def test_a_partition_survives_the_wire_with_what_was_asked_for():
    wire = json.loads(json.dumps(MEASURED.to_wire("min_isr", "moving", "earliest", "latest", "sizes")))
    assert wire["sizes"] == {"1": 10, "3": 30} and Partition.from_wire(wire) == MEASURED
    bare = Partition.from_wire(json.loads(json.dumps(MEASURED.to_wire())))
    assert bare == Partition("orders", 3, (1, 2, 3), leader=1, isr=(1, 3))


def test_a_topic_survives_the_wire():
    settings = {"retention.ms": Setting("retention.ms", "1", "default")}
    topic = Topic("orders", (PART,), internal=True, settings=settings)
    assert (
        Topic.from_wire("orders", json.loads(json.dumps(topic.to_wire("min_isr", "moving", "earliest", "latest"))))
        == topic
    )


def test_a_topic_counts_its_partitions():
    topic = Topic("orders", (MEASURED, Partition("orders", 4, (1, 2), 5)))
    assert (topic.size, topic.moving, topic.factors) == (35, 1, (2, 3))


@pytest.mark.parametrize(
    ("replicas", "leader", "isr", "electable"),
    [
        ((1, 2), 2, (1, 2), True),
        ((1, 2), 1, (1, 2), False),
        ((1, 2), 2, (2,), False),  # the preferred leader is behind
        ((1, 2), -1, (1,), True),
        ((), -1, (), False),
    ],
)
def test_the_preferred_replica_is_elected_where_it_can_lead(replicas, leader, isr, electable):
    assert Partition("t", 0, replicas, leader=leader, isr=isr).electable is electable


def test_copies_that_are_not_in_sync_are_behind():
    assert PART.behind == (2,) and PART.under_replicated and not PART.in_sync([1, 2, 3]).under_replicated


def test_a_broker_is_told_as_an_address_and_a_rack():
    assert Broker(1, Endpoint("kafka1", 9092), "a").to_wire() == {"host": "kafka1", "port": 9092, "rack": "a"}


def test_a_setting_survives_the_wire():
    synonyms = (("retention.ms", "1", "dynamic topic"), ("log.retention.ms", "2", "static file"))
    setting = Setting("retention.ms", "1", "dynamic topic", synonyms=synonyms)
    assert Setting.from_wire(json.loads(json.dumps(setting.to_wire()))) == setting
    assert setting.own and setting.without("dynamic topic") == ("2", "static file")
