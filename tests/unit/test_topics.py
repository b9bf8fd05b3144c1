"""Topics as people list them: what is read, and what is refused with file and line, before any connection."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.topics.wanted import Wanted, colliding, wrong_name
from provisioner.errors import ConfigError, Several
from roles.kafka.checks import wanted_topics
from tests.support import roles as support

HEAD = """\
all:
  vars:
    topics:
"""
TAIL = """\
  children:
    zookeeper: {hosts: {h: {}}}
    kafka: {hosts: {h: {}}}
"""


def listed(directory: Path, text: str) -> list[Wanted]:
    """The topics of an inventory whose `topics:` holds these lines."""
    path = directory / "site.yml"
    body = "".join(f"      {line}\n" for line in text.splitlines())
    path.write_text(HEAD + body + TAIL)
    return wanted_topics(load(path))[0]


def load(path: Path):
    from provisioner.inventory.loading import load as load_inventory
    from roles import site

    return load_inventory(str(path), root=path.parent, specs=support.SPECS, checks=site.CHECKS)


def test_topics_are_read_as_typed(tmp_path):
    found = listed(
        tmp_path,
        "orders: {partitions: 6, replication_factor: 1, retention: 2d, retention_bytes: 10g}\n"
        "clicks: {config: {cleanup.policy: [compact, delete], max.message.bytes: 2m, retention.ms: null}}\n"
        "plain:",
    )
    assert found == [
        Wanted("orders", 6, 1, {"retention.ms": "172800000", "retention.bytes": "10737418240"}, "site.yml:4"),
        Wanted(
            "clicks",
            None,
            None,
            {"cleanup.policy": "compact,delete", "max.message.bytes": "2097152", "retention.ms": None},
            "site.yml:5",
        ),
        Wanted("plain", None, None, {}, "site.yml:6"),
    ]


def test_a_value_may_be_a_template(tmp_path):
    text = 'orders: {partitions: "{{ kafka_port - 9090 }}", retention: "{{ 1 + 1 }}d"}'
    (found,) = listed(tmp_path, text)
    assert (found.partitions, found.config) == (2, {"retention.ms": "172800000"})


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("x:\n  partitons: 3", ["unknown key partitons; did you mean partitions?", "site.yml:5", "`config:`"]),
        ("orders: {retention: 2x}", ["orders: retention", "unknown unit", "site.yml:4"]),
        ("orders: {retention: 300}", ["300 has no unit; write 300ms or 300s"]),
        ("orders: {retention_bytes: -5}", ["retention_bytes"]),
        ("orders: {partitions: 0}", ["partitions must be a whole number, 1 or more; found: 0"]),
        ("orders: {partitions: many}", ["partitions must be a whole number", "'many'"]),
        ("orders: {replication_factor: true}", ["replication_factor must be a whole number"]),
        ("orders: [6]", ["orders must be a map, and is [6]", "write it like this"]),
        ("orders: {config: [a]}", ["config must be a map"]),
        ("orders:\n  config:\n    segment.ms: 3z", ["orders: segment.ms", "site.yml:6"]),
        ("orders: {retention: 2d, config: {retention.ms: 5}}", ["says both retention and retention.ms"]),
        ("orders: {config: {follower.replication.throttled.replicas: '*'}}", ["not for this"]),
        ('"a b": {}', ["'a b' is not a topic's name"]),
        ("__consumer_offsets: {partitions: 99}", ["topic of Kafka's own"]),
    ],
)
def test_what_cannot_be_a_topic_is_refused_where_it_stands(tmp_path, text, parts):
    with pytest.raises(ConfigError) as caught:
        listed(tmp_path, text)
    assert all(part in str(caught.value) for part in parts), str(caught.value)


def test_all_that_is_wrong_is_said_at_once(tmp_path):
    with pytest.raises(Several) as caught:
        listed(tmp_path, "a: {partitions: 0}\nb: {retention: 1}\nc: {x: 1}")
    assert len(caught.value.errors) == 3


def test_a_misspelt_topics_is_noticed(tmp_path):
    path = tmp_path / "site.yml"
    path.write_text((HEAD + "      orders: {}\n" + TAIL).replace("topics:", "topcis:"))
    with pytest.raises(ConfigError, match="unknown variable topcis; did you mean topics"):
        load(path)


def test_brokers_of_one_cluster_have_the_same_topics(tmp_path):
    with pytest.raises(ConfigError, match="topics differs between the brokers"):
        support.inventory(tmp_path, kafka={"a": {"topics": {"x": {}}}, "b": {}}, zookeeper=["a"])


@pytest.mark.parametrize(
    ("name", "fine"),
    [
        ("orders", True),
        ("a.b_c-1", True),
        ("x" * 249, True),
        ("x" * 250, False),
        ("", False),
        (".", False),
        ("..", False),
        ("a/b", False),
        ("käse", False),
        ("orders\n", False),
        ("__transaction_state", False),
        ("__own", True),
        ("_schemas", True),
        ("...", True),
        ("provisioner-smoke-1700000000-x", False),
    ],
)
def test_names_are_kafkas(name, fine):
    assert (wrong_name(name) == "") is fine


@pytest.mark.parametrize(
    ("names", "there", "pairs"),
    [
        (["orders.created", "orders_created"], [], [("orders_created", "orders.created")]),
        (["a.b_c", "a_b.c", "a_b_c"], [], [("a_b.c", "a.b_c"), ("a_b_c", "a.b_c")]),
        (["a.b"], ["a_b", "x"], [("a.b", "a_b")]),
        (["a.b", "a-b", "ab", "A.b", "a..b"], ["c.d", "c_d"], []),
        (["a.b"], ["a.b"], []),
    ],
)
def test_names_that_are_one_in_the_names_of_metrics_collide(names, there, pairs):
    assert colliding(names, there) == pairs


def test_a_collision_is_said_with_both_places(tmp_path):
    with pytest.raises(ConfigError) as caught:
        listed(tmp_path, "orders.created: {}\nx: {}\norders_created: {}")
    message = str(caught.value)
    assert "Kafka takes only one of orders.created and orders_created" in message and "-> rename one" in message
    assert "in: site.yml:4" in message and "in: site.yml:6" in message


def test_more_copies_than_brokers_are_refused_before_any_connection(tmp_path):
    with pytest.raises(ConfigError, match=r"orders: replication_factor is 2, but the inventory has 1 broker"):
        listed(tmp_path, "orders: {replication_factor: 2}")
