"""topics.create where topics are there already: nothing to do, or what differs and how it changes."""

from __future__ import annotations

from typing import Any

import pytest

from cli import topics_change
from cli.common import Run
from cluster import remote
from provisioner.errors import ProvisionerError
from tests.support.fake_cluster import FakeCluster
from tests.support.settings import of_topic

DEFAULTS = {"retention.ms": "604800000", "min.cleanable.dirty.ratio": "0.5", "max.message.bytes": "1048588"}


def there(partitions: int = 3, copies: int = 3, **own: str) -> dict[str, Any]:
    named = {key.replace("_", "."): value for key, value in own.items()}
    settings = {key: of_topic(key, named.get(key, value), key in named, value) for key, value in DEFAULTS.items()}
    return {
        "internal": False,
        "partitions": [
            {
                "topic": "orders",
                "partition": number,
                "leader": 1,
                "replicas": list(range(1, copies + 1)),
                "isr": [1],
                "moving": False,
                "earliest": 0,
                "latest": 0,
                "sizes": {},
            }
            for number in range(partitions)
        ],
        "settings": {key: one.to_wire() for key, one in settings.items()},
    }


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    topics = {"orders": there(retention_ms="172800000"), "clicks": there()}
    answers = {
        remote.topics_look: {"brokers": {"1": None, "2": None, "3": None}, "topics": topics},
        remote.topic_defaults: {"partitions": 1, "factor": 3, "settings": DEFAULTS},
        remote.check_topics: {"refused": [], "there": []},
        remote.change_topics: {},
    }
    return FakeCluster(answers).opened(monkeypatch, topics_change)


def create(topic: str, partitions: str = "", factor: str = "", *settings: str, retention: str = "") -> None:
    topics_change.create(Run("prod3"), topic, partitions, factor, {"set": settings, "retention": retention})


@pytest.mark.parametrize(
    ("partitions", "settings", "retention"),
    [
        ("", (), ""),
        ("3", (), ""),
        ("3", ("min.cleanable.dirty.ratio=0.50", "retention.ms=172800000"), ""),
        ("", (), "2d"),
    ],
)
def test_a_topic_that_is_there_as_asked_is_no_error_and_nothing_changes(
    cluster: FakeCluster, partitions: str, settings: tuple[str, ...], retention: str
):
    create("orders", partitions, "", *settings, retention=retention)
    assert cluster.said == ["--> No changes: orders exists as asked"]
    assert cluster.hosts.to(remote.change_topics) == []


def test_what_is_missing_is_made_beside_what_is_there(cluster: FakeCluster):
    create("orders,new", "3")
    assert cluster.said[0] == "--> No changes: orders exists as asked"
    assert cluster.said[-1] == "--> Created new, known to every broker"
    (made,) = cluster.hosts.to(remote.change_topics)
    assert [one["name"] for one in made["create"]] == ["new"]


@pytest.mark.parametrize(
    ("arguments", "differs", "advice"),
    [
        (("6",), "partitions: 3, asked for 6", "`invoke topics.alter --topic orders --partitions 6` changes it"),
        (("", "2"), "copies: 3, asked for 2", "`invoke topics.alter --topic orders --replication-factor 2` changes it"),
        (
            ("", "", "retention.ms=1d"),
            "retention.ms: 2 d, asked for 1 d",
            "`invoke topics.alter --topic orders --set retention.ms=86400000` changes it",
        ),
        (("2",), "partitions: 3, asked for 2", "Kafka never removes partitions: delete the topic, or make another one"),
        (
            ("2", "1"),
            "partitions: 3, asked for 2",
            "`invoke topics.alter --topic orders --replication-factor 1` changes it; Kafka never removes partitions: "
            "delete the topic, or make another one",
        ),
    ],
)
def test_what_differs_is_said_with_the_verb_that_changes_it(
    cluster: FakeCluster, arguments: tuple[str, ...], differs: str, advice: str
):
    with pytest.raises(ProvisionerError, match="the topic orders exists already, and is not as asked") as refused:
        create("orders,new", *arguments)
    assert refused.value.exit_code == 1 and refused.value.details[0] == differs and refused.value.advice == advice
    assert refused.value.details[-1] == "nothing was changed" and cluster.hosts.to(remote.change_topics) == []


@pytest.mark.parametrize("topic", ["orders", "new"])
def test_an_unknown_setting_is_refused_before_anything_else(cluster: FakeCluster, topic: str):
    with pytest.raises(ProvisionerError, match=r"unknown setting retention\.mss; did you mean retention\.ms\?"):
        create(topic, "9", "", "retention.mss=1")
    assert cluster.hosts.to(remote.change_topics) == []
