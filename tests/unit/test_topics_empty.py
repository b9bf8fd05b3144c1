"""topics.empty: which records go, what is said before, and what the leaders are asked."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from kafka import errors as kafka_errors

from cli import topics_empty
from cli.common import Run
from cluster import remote
from cluster.endpoint import Endpoint
from cluster.model import Broker, Partition, Topic
from cluster.topics import emptying, offsets
from provisioner.agent.failure import Failure
from provisioner.errors import UsageError
from tests.support.fake_cluster import FakeCluster
from tests.unit.test_topics_create import there

PLACES = [["orders", 0, 10, 60, 100], ["orders", 1, 0, 0, 7], ["clicks", 0, 5, 5, 5]]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    from cli import topics

    topics_there = {"orders": there(2), "clicks": there(1)}
    answers: dict[Any, Any] = {
        remote.topics_look: {"unmatched": [], "topics": topics_there},
        remote.records_before: {"places": PLACES},
        remote.remove_records: {},
    }
    return FakeCluster(answers).opened(monkeypatch, topics_empty, topics)


def test_the_records_that_are_older_are_counted_and_removed(cluster: FakeCluster):
    topics_empty.empty(Run("prod3"), "orders,clicks", "1970-01-02T00:00Z", yes=True)
    assert cluster.said[0].startswith("--> To be removed: records older than 1970-01-")
    assert cluster.said[1:] == ["  - orders: 50 of 97 records", "--> Removed 50 records of orders"]
    assert cluster.hosts.to(remote.records_before)[0]["before"] == 86_400_000
    assert [one["places"] for one in cluster.hosts.to(remote.remove_records)] == [[["orders", 0, 60]]]


@pytest.mark.parametrize(("check", "said"), [(True, "  - orders: 50 of 97 records"), (False, "")])
def test_nothing_is_removed_without_a_yes(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch, check: bool, said: str
):
    monkeypatch.setattr("cli.asking.terminal", lambda: False)
    if check:
        topics_empty.empty(Run("prod3", check=True), "orders", "", yes=False)
        assert cluster.said == ["--> To be removed: all records", said]
    else:
        with pytest.raises(UsageError, match="nothing was removed: there is no terminal to ask at"):
            topics_empty.empty(Run("prod3"), "orders", "", yes=False)
    assert cluster.hosts.to(remote.remove_records) == []


def test_without_such_records_nobody_is_asked(cluster: FakeCluster):
    cluster.hosts.also({remote.records_before: {"places": PLACES[1:]}})
    topics_empty.empty(Run("prod3"), "orders,clicks", "now", yes=False)
    assert cluster.said == ["--> No changes: orders, clicks have no such records"]


@pytest.mark.parametrize(
    ("topic", "why"),
    [
        ({**there(), "internal": True}, "Kafka's own topics are not emptied"),
        (there(cleanup_policy="compact"), "Kafka removes no records by their age where cleanup.policy is compact"),
    ],
)
def test_topics_that_are_not_emptied(topic: dict[str, Any], why: str):
    if "cleanup" in why:
        from tests.support.settings import of_topic

        topic["settings"]["cleanup.policy"] = of_topic("cleanup.policy", "compact", True, "delete").to_wire()
    with pytest.raises(UsageError, match=why):
        topics_empty.refuse({"it": topic})
    topic["settings"]["cleanup.policy"] = {**topic["settings"]["retention.ms"], "value": "compact,delete"}
    topics_empty.refuse({"it": {**topic, "internal": False}})


@pytest.mark.parametrize(("before", "why"), [("2099-01-01", "is still to come"), ("soon", "--before soon")])
def test_a_time_that_is_none(before: str, why: str):
    with pytest.raises(UsageError, match=why):
        topics_empty.older_than(before, 1e9)


# -- on the host


def view(*leaders: int) -> dict[str, Any]:
    partitions = tuple(Partition("orders", number, (1, 2), leader=leader) for number, leader in enumerate(leaders))
    return {
        "brokers": {number: Broker(number, Endpoint("h", number)) for number in (1, 2)},
        "topics": {"orders": Topic("orders", partitions)},
    }


class Leaders:
    """Brokers that remove records. answers: {broker: [{partition: error}]}, one for each request in turn."""

    def __init__(self, views: list[dict[str, Any]], answers: dict[int, list[dict[int, Any]]]) -> None:
        self.views, self.answers = views, answers
        self.asked: list[tuple[int, dict[int, int]]] = []

    def view(self, topics: Any) -> dict[str, Any]:
        return self.views.pop(0) if len(self.views) > 1 else self.views[0]

    def connection(self, endpoint: Endpoint, timeout: float) -> Any:
        outer = self

        class Connection:
            def __enter__(self) -> Any:
                return self

            def __exit__(self, *_: object) -> None: ...

            def call(self, request: Any) -> Any:
                wanted = {one.partition_index: one.offset for topic in request.topics for one in topic.partitions}
                outer.asked.append((endpoint.port, wanted))
                errors = outer.answers.get(endpoint.port, [])
                codes = errors.pop(0) if errors else {}
                found = [
                    SimpleNamespace(partition_index=number, error_code=getattr(codes.get(number), "errno", 0))
                    for number in wanted
                ]
                return SimpleNamespace(topics=[SimpleNamespace(name="orders", partitions=found)])

        return Connection()

    def remove(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(emptying, "Cluster", lambda bootstrap: self)
        monkeypatch.setattr(emptying.wire, "Connection", self.connection)
        places = [["orders", 0, 60], ["orders", 1, 7]]
        emptying.remove({"bootstrap": "h:1", "places": places}, lambda event: None)


def test_each_leader_removes_its_own(monkeypatch: pytest.MonkeyPatch):
    leaders = Leaders([view(1, 2)], {})
    leaders.remove(monkeypatch)
    assert sorted(leaders.asked) == [(1, {0: 60}), (2, {1: 7})]


def test_a_partition_that_has_moved_is_removed_by_its_next_leader(monkeypatch: pytest.MonkeyPatch):
    moved = kafka_errors.NotLeaderForPartitionError
    leaders = Leaders([view(1, -1), view(2, 1)], {1: [{0: moved}]})
    leaders.remove(monkeypatch)
    assert leaders.asked[0] == (1, {0: 60}) and sorted(leaders.asked[1:]) == [(1, {1: 7}), (2, {0: 60})]


def test_a_refusal_is_named_and_the_others_are_done(monkeypatch: pytest.MonkeyPatch):
    leaders = Leaders([view(1, 2)], {1: [{0: kafka_errors.PolicyViolationError}]})
    with pytest.raises(Failure, match="orders-0 did not remove records") as refused:
        leaders.remove(monkeypatch)
    assert refused.value.details == ["orders-0: PolicyViolationError"] and (2, {1: 7}) in leaders.asked


@pytest.mark.parametrize(
    ("before", "at", "places"),
    [
        (None, {0: (10, 100), 1: (0, 7)}, [["orders", 0, 10, 100, 100], ["orders", 1, 0, 7, 7]]),
        (5, {0: (10, 100, 60), 1: (0, 7, -1)}, [["orders", 0, 10, 60, 100], ["orders", 1, 0, 7, 7]]),
    ],
)
def test_where_the_records_that_stay_begin(
    monkeypatch: pytest.MonkeyPatch, before: int | None, at: dict[int, tuple[int, ...]], places: list[Any]
):
    monkeypatch.setattr(emptying, "Cluster", lambda bootstrap: Leaders([view(1, 2)], {}))
    found = {("orders", number): offsets for number, offsets in at.items()}
    monkeypatch.setattr(offsets, "at", lambda brokers, topics, *which: found)
    asked = {"bootstrap": "h:1", "topics": ["orders"], "before": before}
    assert emptying.look(asked, lambda event: None)["places"] == places
    del found["orders", 1]
    with pytest.raises(Failure, match="orders-1 has no leader that answers"):
        emptying.look(asked, lambda event: None)
