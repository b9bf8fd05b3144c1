"""Leaders given back after a roll: which partitions, a few at a time, and when nobody wants that."""

from __future__ import annotations

from typing import Any

import pytest
from kafka.errors import NotControllerError

from cluster.model import Partition, Topic
from cluster.moving import leaders
from provisioner.agent.failure import Failure


def partition(number: int = 0, leader: int = 2, isr: tuple[int, ...] = (1, 2, 3)) -> Partition:
    return Partition("orders", number, (1, 2, 3), leader=leader, isr=isr)


class FakeCluster:
    """Answers as the controller does: codes {partition number: error code}, 0 for the others."""

    def __init__(self, partitions: list[Partition], codes: dict[int, int] | None = None) -> None:
        self.topic, self.codes = Topic("orders", tuple(partitions)), codes or {}
        self.elections: list[list[Any]] = []
        self.broken: Exception | None = None
        self.asked, self.late = 0, 0

    def view(self) -> dict[str, Any]:
        return {"brokers": {}, "topics": {"orders": self.topic}}

    def at(self, brokers: Any, topics: dict[str, Topic], which: int) -> dict[Any, tuple[int, ...]]:
        """Ends of partitions, as their leaders say: none before they were asked `late` times."""
        self.asked += 1
        partitions = topics["orders"].partitions if topics else ()
        assert all(one.leader == one.replicas[0] for one in partitions)
        return {one.key: (7,) for one in partitions} if self.asked > self.late else {}

    def elect_leaders(self, keys: list[Any]) -> dict[Any, int]:
        if self.broken:
            raise self.broken
        self.elections.append(keys)
        return {(topic, number): self.codes.get(number, 0) for topic, number in keys}


def restore(monkeypatch: pytest.MonkeyPatch, cluster: FakeCluster) -> dict[str, Any]:
    monkeypatch.setattr(leaders, "Moving", lambda bootstrap: cluster)
    monkeypatch.setattr(leaders.offsets, "at", cluster.at)
    return leaders.restore({"bootstrap": "b:9092"}, lambda event: None)


@pytest.mark.parametrize(
    ("found", "due"),
    [
        (partition(), True),
        (partition(leader=1), False),  # it leads already
        (partition(isr=(2, 3)), False),  # it could not lead
        (partition(isr=(1, 2)), False),  # a copy is behind: nothing moves until it is back
        (partition(leader=-1, isr=(1, 2, 3)), True),
    ],
)
def test_a_leader_returns_where_every_copy_is_in_sync(found: Partition, due: bool):
    assert leaders.due([Topic("orders", (found,))]) == ([("orders", 0)] if due else [])


def test_leaders_return_a_few_at_a_time_and_then_more(monkeypatch: pytest.MonkeyPatch):
    cluster = FakeCluster([partition(number) for number in range(120)])
    assert restore(monkeypatch, cluster) == {"returned": 120, "refused": {}}
    assert [len(keys) for keys in cluster.elections] == [4, 8, 16, 32, 50, 10]
    assert [key for keys in cluster.elections for key in keys] == [("orders", number) for number in range(120)]


def test_the_next_leaders_return_when_those_before_lead(monkeypatch: pytest.MonkeyPatch):
    cluster = FakeCluster([partition(number) for number in range(5)])
    cluster.late = 3
    asked: list[int] = []
    elect = cluster.elect_leaders

    def noted(keys):
        asked.append(cluster.asked)
        return elect(keys)

    monkeypatch.setattr(cluster, "elect_leaders", noted)
    assert restore(monkeypatch, cluster)["returned"] == 5
    assert asked == [0, 4], "the second election came before the leaders of the first answered"


def test_a_leader_that_does_not_answer_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(leaders, "PATIENCE", 0.05)
    cluster = FakeCluster([partition(number) for number in range(5)])
    cluster.late = 10**9
    assert restore(monkeypatch, cluster)["returned"] == 5


@pytest.mark.parametrize(
    ("size", "seconds", "then"), [(4, 0.02, 8), (32, 0.1, 50), (50, 0.02, 50), (16, 0.11, 8), (4, 2.0, 4)]
)
def test_an_election_is_larger_after_a_quick_one_and_smaller_after_a_slow_one(size: int, seconds: float, then: int):
    assert leaders.following(size, seconds) == then


def test_leaders_that_do_not_return_are_counted_by_their_reason(monkeypatch: pytest.MonkeyPatch):
    # 80: the preferred broker cannot lead; 84: somebody else has elected it meanwhile.
    cluster = FakeCluster([partition(number) for number in range(4)], {1: 80, 2: 84, 3: 80})
    assert restore(monkeypatch, cluster) == {"returned": 1, "refused": {"PreferredLeaderNotAvailableError": 2}}


def test_a_cluster_in_which_all_lead_is_asked_for_no_election(monkeypatch: pytest.MonkeyPatch):
    cluster = FakeCluster([partition(leader=1)])
    assert restore(monkeypatch, cluster) == {"returned": 0, "refused": {}} and not cluster.elections


def test_a_cluster_without_a_controller_is_a_failure_in_words(monkeypatch: pytest.MonkeyPatch):
    cluster = FakeCluster([partition()])
    cluster.broken = NotControllerError("none")
    with pytest.raises(Failure, match="cannot give the leaders back to their preferred brokers"):
        restore(monkeypatch, cluster)
