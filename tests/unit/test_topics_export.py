"""topics.export writes what `topics:` reads: an exported page changes nothing where it was exported."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as some

from cli.topics_export import text
from cluster.model import Partition, Setting, Topic
from cluster.settings.values import typed, written
from cluster.topics import plan as topic_plan
from cluster.topics.listed import entries, entry
from cluster.topics.plan import Cluster
from cluster.topics.wanted import parse
from tests.support.settings import of_topic

SETTINGS = {
    "retention.ms": "604800000",
    "retention.bytes": "-1",
    "cleanup.policy": "delete",
    "compression.type": "producer",
    "max.message.bytes": "1048588",
    "min.cleanable.dirty.ratio": "0.5",
    "segment.ms": "604800000",
    "unclean.leader.election.enable": "false",
}
CLUSTER = Cluster({1: None, 2: None, 3: None}, 1, 3, SETTINGS)


def topic(name: str = "orders", partitions: int = 1, copies: int = 3, **own: str) -> Topic:
    named = {key.replace("_", "."): value for key, value in own.items()}
    settings: dict[str, Setting] = {
        key: of_topic(key, named.get(key, value), key in named, value) for key, value in {**SETTINGS, **named}.items()
    }
    made = tuple(Partition(name, number, tuple(range(1, copies + 1)), leader=1) for number in range(partitions))
    return Topic(name, made, settings=settings)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (topic(), {}),
        (topic(partitions=6, copies=2), {"partitions": 6, "replication_factor": 2}),
        (topic(retention_ms="172800000", retention_bytes="10737418240"), {"retention": "2d", "retention_bytes": "10g"}),
        (topic(retention_ms="-1"), {"retention": "forever"}),
        (topic(retention_ms="604800000", min_cleanable_dirty_ratio="0.50"), {}),  # its own, and the same
        (
            topic(cleanup_policy="compact", max_message_bytes="2097152", unclean_leader_election_enable="true"),
            {
                "config": {
                    "cleanup.policy": "compact",
                    "max.message.bytes": "2m",
                    "unclean.leader.election.enable": True,
                }
            },
        ),
        (topic(max_message_bytes="1048589"), {"config": {"max.message.bytes": 1048589}}),
        (topic(segment_ms="3600001"), {"config": {"segment.ms": "3600001ms"}}),
        (topic(leader_replication_throttled_replicas="0:1"), {}),
    ],
)
def test_an_entry_is_what_differs(found: Topic, expected: dict[str, object]):
    assert entry(found, CLUSTER) == expected


def test_without_a_known_default_the_number_of_copies_is_written():
    assert entry(topic(), Cluster({}, 1, None, SETTINGS)) == {"replication_factor": 3}


NAMES = (
    "retention.ms",
    "retention.bytes",
    "segment.ms",
    "max.message.bytes",
    "local.retention.ms",
    "index.interval.bytes",
)


@given(some.sampled_from(NAMES), some.integers(-1, 2**63 - 1))
def test_a_written_value_is_read_back_to_the_same(name: str, number: int):
    assert typed(name, written(name, str(number))) == str(number)


def test_an_exported_page_is_ready_for_the_inventory():
    topics = {
        one.name: one
        for one in (
            topic("orders", 6, retention_ms="172800000"),
            topic("010", 1, compression_type="none"),
            topic("yes", 2, 1),
            topic("a" * 249, 3, retention_bytes="1073741824", max_message_bytes="2097152"),
            topic("plain"),
        )
    }
    page = text(entries(topics, CLUSTER), CLUSTER)
    lines = page.splitlines()
    assert lines[:3] == [
        "# What an entry does not name is the brokers' default: 1 partition, 3 copies.",
        "topics:",
        "  orders: {partitions: 6, retention: 2d}",
    ]
    assert len(lines) == 2 + len(topics) and lines[-1] == "  plain: {}"
    wanted, problems = parse(yaml.safe_load(page)["topics"], lambda *keys: "")
    assert not problems and [one.name for one in wanted] == list(topics)
    plan = topic_plan.make(wanted, topics, CLUSTER)
    assert plan.nothing and not plan.strays and not topic_plan.problems(wanted, topics, CLUSTER)


def test_without_topics_the_page_says_so():
    assert yaml.safe_load(text({}, CLUSTER)) == {"topics": {}}
