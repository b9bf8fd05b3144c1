"""How the moves of a rebalance are handed out and watched, on a cluster made up: a few at a time, until all arrived."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.cluster import first_answer
from cluster.endpoint import Endpoint
from cluster.model import Partition, Topic
from cluster.moving import reassign
from provisioner.agent.failure import Failure


class FakeCluster:
    """Takes moves as the controller does; each arrives when `arrive` says so."""

    def __init__(self) -> None:
        self.flying: dict[Any, list[int]] = {}
        self.asked: list[dict[Any, list[int]]] = []
        self.codes: dict[Any, int] = {}
        self.broken: Exception | None = None
        self.sizes_now: dict[Any, dict[int, int]] = {}

    def under_way(self) -> dict[Any, tuple[list[int], list[int]]]:
        if self.broken:
            raise self.broken
        return {key: (goal, goal[-1:]) for key, goal in self.flying.items()}

    def assign(self, goals: dict[Any, list[int]]) -> dict[Any, tuple[int, str]]:
        self.asked.append(goals)
        self.flying |= {key: goal for key, goal in goals.items() if not self.codes.get(key)}
        return {key: (self.codes.get(key, 0), "said so") for key in goals}

    def view(self) -> dict[str, Any]:
        return {"brokers": {}}

    def sizes(self, brokers: Any) -> dict[Any, dict[int, int]]:
        return self.sizes_now


def moves(number: int, topic: str = "orders") -> dict[Any, list[int]]:
    return {(topic, partition): [1, 4] for partition in range(number)}


def watch(cluster: FakeCluster, queue: dict[Any, list[int]], stall: float = 60.0) -> reassign.Watch:
    return reassign.Watch(cluster, queue, stall, {})  # type: ignore[arg-type]


@pytest.fixture
def said() -> list[dict[str, Any]]:
    return []


def test_only_so_many_are_under_way_at_once_and_the_next_begin_as_they_arrive(said: list[dict[str, Any]]):
    cluster, rest = FakeCluster(), 5
    at_work = watch(cluster, moves(reassign.AT_ONCE + rest))
    assert at_work.advance(said.append)
    assert len(cluster.flying) == reassign.AT_ONCE
    assert at_work.advance(said.append)
    assert [len(batch) for batch in cluster.asked] == [reassign.AT_ONCE], "more than may be under way were begun"
    cluster.flying.clear()
    assert at_work.advance(said.append)
    assert [len(batch) for batch in cluster.asked] == [reassign.AT_ONCE, rest]
    cluster.flying.clear()
    assert not at_work.advance(said.append)
    assert at_work.seen == reassign.AT_ONCE + rest
    assert [report["left"] for report in said] == [reassign.AT_ONCE + rest, reassign.AT_ONCE + rest, rest]


def test_moves_of_an_earlier_run_are_waited_for(said: list[dict[str, Any]]):
    cluster = FakeCluster()
    cluster.flying = {("orders", 7): [1, 4]}
    at_work = watch(cluster, {})
    assert at_work.advance(said.append) and said[-1]["left"] == 1
    cluster.flying.clear()
    assert not at_work.advance(said.append)
    assert at_work.seen == 1


def test_a_partition_under_way_elsewhere_is_redirected_even_when_there_is_no_room(said: list[dict[str, Any]]):
    cluster = FakeCluster()
    cluster.flying = moves(reassign.AT_ONCE)
    watch(cluster, {("orders", 0): [1, 3], ("other", 0): [1, 3]}).advance(said.append)
    assert cluster.asked == [{("orders", 0): [1, 3]}]


def test_a_topic_deleted_meanwhile_is_left_out_and_a_refusal_names_the_partition(said: list[dict[str, Any]]):
    cluster = FakeCluster()
    cluster.codes = {("orders", 0): reassign.GONE[0]}
    at_work = watch(cluster, moves(2))
    at_work.advance(said.append)
    assert at_work.skipped == {"orders"} and list(cluster.flying) == [("orders", 1)]

    cluster.codes = {("logs", 0): 39}
    with pytest.raises(Failure, match=r"refuses to move logs-0 to brokers 1, 4"):
        watch(cluster, moves(1, "logs")).advance(said.append)


def test_what_is_missing_is_counted_in_bytes_of_copies_that_are_not_there_yet(said: list[dict[str, Any]]):
    cluster = FakeCluster()
    cluster.sizes_now = {("orders", 0): {1: 1000, 4: 400}, ("orders", 1): {1: 500}}
    cluster.flying = {("orders", 0): [1, 4]}
    watch(cluster, {("orders", 1): [1, 4]}).advance(said.append)
    assert said[-1]["bytes_left"] == 600 + 500


def test_it_gives_up_only_when_nothing_advances(said: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch):
    now = [0.0]
    monkeypatch.setattr(reassign.time, "monotonic", lambda: now[0])
    cluster = FakeCluster()
    cluster.flying = moves(2)
    at_work = watch(cluster, {}, stall=10.0)
    at_work.advance(said.append)
    now[0] = 9.0
    cluster.flying.popitem()
    assert at_work.advance(said.append)
    now[0] = 18.0
    assert at_work.advance(said.append), "one had arrived 9 s before"
    now[0] = 20.0
    with pytest.raises(Failure, match="no copy has advanced for 10 s") as failure:
        at_work.advance(said.append)
    assert "orders-0" in failure.value.details[0]


def test_a_controller_that_goes_away_is_waited_for(said: list[dict[str, Any]]):
    cluster = FakeCluster()
    at_work = watch(cluster, moves(1))
    cluster.broken = ConnectionResetError(None, "connection closed by the other side")
    assert at_work.advance(said.append) and not cluster.asked
    cluster.broken = None
    assert at_work.advance(said.append) and len(cluster.asked) == 1


def test_a_broker_that_died_a_moment_ago_does_not_keep_the_others_from_being_asked():
    asked: list[int] = []

    def ask(endpoint: Endpoint) -> str:
        asked.append(endpoint.port)
        if endpoint.port == 1:
            raise ConnectionRefusedError(None, "Connection refused")
        return "answer"

    assert first_answer([Endpoint("kafka", port) for port in (1, 2, 3)], ask) == "answer"
    assert asked == [1, 2]
    with pytest.raises(OSError, match="refused"):
        first_answer([Endpoint("kafka", 1)], ask)


def test_what_was_under_way_when_it_was_planned_counts_though_it_arrived_before_the_work_began(said):
    going = {("orders", 0): [1, 2]}
    at_work = reassign.Watch(FakeCluster(), {}, 60.0, going)  # type: ignore[arg-type]
    assert not at_work.advance(said.append)
    assert at_work.goals == going and at_work.seen == 1


def test_a_partition_that_has_just_arrived_is_not_taken_for_one_with_a_copy_more(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reassign.time, "sleep", lambda seconds: None)
    cluster = FakeCluster()
    cluster.flying = {("single", 0): [1, 2, 3]}
    stale = Topic("orders", (Partition("orders", 0, (1, 2, 3)), Partition("orders", 1, (4, 1, 2, 3))))
    known = Topic("orders", (Partition("orders", 0, (1, 2, 3)), Partition("orders", 1, (1, 2, 3))))
    views = [stale, stale, known]

    def view() -> dict[str, Any]:
        cluster.flying.clear()
        old = Topic("single", (Partition("single", 0, (4, 1, 2, 3)),))
        return {"brokers": {}, "topics": {"orders": views.pop(0), "single": old}}

    monkeypatch.setattr(cluster, "view", view)
    found, goals, under_way = reassign.settled(cluster)  # type: ignore[arg-type]
    assert found["topics"]["orders"] == known
    assert goals == {("single", 0): [1, 2, 3]}, "what arrived while it was looked at has the copies it went for"
    assert under_way == 0


def test_leaders_are_elected_once_the_broker_that_is_asked_knows_that_the_moves_are_done(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(reassign.time, "sleep", lambda seconds: None)
    cluster = FakeCluster()
    stale = {"topics": {"orders": Topic("orders", (Partition("orders", 0, (4, 1, 2, 3)),))}}
    known = {"topics": {"orders": Topic("orders", (Partition("orders", 0, (4, 1, 2)),))}}
    views = [stale, stale, known]
    monkeypatch.setattr(cluster, "view", lambda: views.pop(0))
    goals = {("orders", 0): [4, 1, 2], ("deleted", 0): [1]}
    assert reassign.arrived(cluster, goals) is known  # type: ignore[arg-type]


def test_a_move_that_the_broker_that_is_asked_never_hears_of_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch,
):
    now = [0.0]
    monkeypatch.setattr(reassign.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(reassign.time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    cluster = FakeCluster()
    stale = {"topics": {"orders": Topic("orders", (Partition("orders", 0, (4, 1, 2, 3)),))}}
    monkeypatch.setattr(cluster, "view", lambda: stale)
    assert reassign.arrived(cluster, {("orders", 0): [4, 1, 2]}) is stale  # type: ignore[arg-type]
    assert now[0] < 10
