"""The plan of a rebalance as properties of every cluster, and the lists, sentences and progress around it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cli.rebalance import _due, _refuse
from cli.throttle import rate_of
from cluster.model import Partition
from cluster.moving.carrying import Progress
from cluster.moving.rebalance import plan, too_few
from provisioner.errors import UsageError
from tests.support.layout import NO_RACKS, applied, clusters, copies


def leads(partitions: Sequence[Partition], brokers: Sequence[int]) -> dict[int, int]:
    return {broker: sum(p.replicas[0] == broker for p in partitions) for broker in brokers}


@given(clusters(racks=True), st.data())
def test_every_partition_keeps_its_copies_on_different_brokers(cluster: Any, data: Any):
    partitions, racks = cluster
    leaving = data.draw(st.sets(st.sampled_from(sorted(racks)), max_size=len(racks) - 1))
    assume(not too_few(partitions, racks, leaving))
    after = applied(partitions, plan(partitions, racks, racks, leaving))
    for old, new in zip(partitions, after, strict=True):
        assert len(new.replicas) == len(old.replicas) == len(set(new.replicas))
        assert set(new.replicas) <= set(racks) - leaving


@given(clusters(), st.data())
def test_without_racks_every_broker_has_its_share_within_one_whoever_leaves(cluster: Any, data: Any):
    partitions, racks = cluster
    leaving = data.draw(st.sets(st.sampled_from(sorted(racks)), max_size=len(racks) - 1))
    assume(not too_few(partitions, racks, leaving))
    after = applied(partitions, plan(partitions, racks, racks, leaving))
    load = copies(after, sorted(set(racks) - leaving)).values()
    assert max(load) - min(load) <= 1


@given(clusters())
def test_without_racks_no_copy_moves_that_need_not(cluster: Any):
    partitions, racks = cluster
    moves = plan(partitions, racks, racks)
    before = sorted(copies(partitions, sorted(racks)).values(), reverse=True)
    share, more = divmod(sum(before), len(before))
    # The fullest brokers keep one more where the shares do not come out even: what is above that has to go.
    needed = sum(max(0, load - share - (place < more)) for place, load in enumerate(before))
    assert sum(len(move.copies) for move in moves) == needed


@given(clusters(racks=True))
def test_copies_stand_in_as_many_racks_as_there_can_be(cluster: Any):
    partitions, racks = cluster
    after = applied(partitions, plan(partitions, racks, racks))
    for partition in after:
        found = len({racks[broker] for broker in partition.replicas})
        assert found == min(len(partition.replicas), len(set(racks.values())))


@given(clusters(racks=True))
def test_within_racks_no_single_move_would_level_the_load_any_more(cluster: Any):
    partitions, racks = cluster
    after = applied(partitions, plan(partitions, racks, racks))
    load = copies(after, sorted(racks))
    for partition in after:
        for source in partition.replicas:
            for to in set(racks) - set(partition.replicas):
                there = {racks[broker] for broker in partition.replicas}
                then = {racks[broker] for broker in partition.replicas if broker != source} | {racks[to]}
                assert load[source] - load[to] < 2 or len(then) < len(there)


@given(clusters(copies=3))
def test_leaders_are_spread_within_one_where_every_partition_has_as_many_copies(cluster: Any):
    partitions, racks = cluster
    assume(len({len(partition.replicas) for partition in partitions}) == 1)
    after = applied(partitions, plan(partitions, racks, racks))
    led = leads(after, sorted(racks)).values()
    assert max(led) - min(led) <= 1


@given(clusters(racks=True), st.booleans())
def test_a_levelled_cluster_is_left_alone(cluster: Any, with_racks: bool):
    partitions, racks = cluster
    known = racks if with_racks else NO_RACKS
    after = applied(partitions, plan(partitions, racks, known))
    assert plan(after, racks, known) == []


@given(clusters(brokers=4), st.randoms(use_true_random=False))
def test_an_interrupted_rebalance_ends_where_the_whole_one_would_have(cluster: Any, random: Any):
    partitions, racks = cluster
    moves = plan(partitions, racks, racks)
    some = applied(partitions, [move for move in moves if random.random() < 0.5])
    rest = plan(some, racks, racks)
    load = copies(applied(some, rest), sorted(racks)).values()
    assert max(load) - min(load) <= 1
    # Leaders may be levelled in another way; copies are not made twice.
    assert sum(len(m.copies) for m in rest) <= sum(len(m.copies) for m in moves)


def test_a_new_broker_takes_its_share_of_every_topic_and_gives_nothing():
    partitions = [
        Partition(topic, number, tuple((number + place) % 3 + 1 for place in range(3)))
        for topic in ("orders", "clicks")
        for number in range(12)
    ]
    moves = plan(partitions, [1, 2, 3, 4], NO_RACKS)
    assert {to for move in moves for _, to in move.copies} == {4}
    assert Counter(move.topic for move in moves if move.copies) == {"orders": 9, "clicks": 9}
    assert set(leads(applied(partitions, moves), [1, 2, 3, 4]).values()) == {6}


def test_a_broker_in_a_shared_rack_relieves_only_the_one_it_shares_it_with():
    racks: dict[int, str | None] = {1: "a", 2: "b", 3: "c", 4: "a"}
    partitions = [Partition("orders", number, (1, 2, 3)) for number in range(6)]
    moves = plan(partitions, racks, racks)
    assert [way for move in moves for way in move.copies] == [(1, 4)] * 3


def test_a_drain_moves_only_what_is_on_the_broker_that_leaves():
    partitions = [Partition("orders", number, (number % 4 + 1, (number + 1) % 4 + 1)) for number in range(12)]
    moves = plan(partitions, [1, 2, 3, 4], NO_RACKS, leaving=[4])
    assert {source for move in moves for source, _ in move.copies} == {4}
    assert set(copies(applied(partitions, moves), [1, 2, 3, 4]).values()) == {8, 0}


def test_copies_on_brokers_that_the_inventory_does_not_know_stay():
    partitions = [Partition("orders", number, (9, 1)) for number in range(4)]
    after = applied(partitions, plan(partitions, [1, 2], {1: None, 2: None, 9: None}))
    assert all(9 in partition.replicas for partition in after)
    assert copies(after, [1, 2]) == {1: 2, 2: 2}


def test_more_copies_than_brokers_that_stay_is_said_before():
    partitions = [Partition("orders", 0, (1, 2, 3)), Partition("logs", 0, (1, 2))]
    assert too_few(partitions, [1, 2, 3], leaving=[3]) == [partitions[0]]
    assert too_few(partitions, [1, 2, 3, 4], leaving=[3]) == []
    with pytest.raises(ValueError, match="orders"):
        plan(partitions, [1, 2, 3], NO_RACKS, leaving=[3])


@pytest.mark.parametrize(("leaving", "known"), [(9, False), (3, True), (4, True), (5, True)])
def test_a_drain_of_a_broker_that_nobody_knows_is_a_mistake(leaving: int, known: bool):
    cluster: Any = {1: SimpleNamespace(name="kafka1"), 3: SimpleNamespace(name="kafka3")}
    state = {"brokers": {"1": None, "3": None, "4": None}}  # 4 is in no inventory any more
    partitions = [Partition("orders", 0, (1,), leader=1), Partition("logs", 0, (5,), leader=5)]  # 5 is down for good
    if known:
        _refuse(cluster[1], state, partitions, cluster, {leaving})
        return
    with pytest.raises(UsageError, match="--drain 9: no such broker") as caught:
        _refuse(cluster[1], state, partitions, cluster, {leaving})
    assert caught.value.details == ["brokers are: kafka1 (1), kafka3 (3)"]


def test_the_plan_of_a_large_cluster_moves_no_more_than_the_new_broker_s_share():
    partitions = [Partition(f"t{n % 50}", n // 50, tuple((n + p) % 9 + 1 for p in range(3))) for n in range(1200)]
    moves = plan(partitions, range(1, 11), NO_RACKS)
    assert sum(len(move.copies) for move in moves) == 360


NOTHING: dict[str, Any] = {who: {"brokers": [], "topics": []} for who in ("ours", "others")}


@pytest.mark.parametrize(
    ("change", "due"),
    [
        ({}, False),
        ({"under_way": 1}, True),
        ({"throttled": {**NOTHING, "ours": {"brokers": ["1"], "topics": []}}}, True),
        ({"throttled": {**NOTHING, "others": {"brokers": ["1"], "topics": ["orders"]}}}, False),
        ({"partitions": [Partition("t", 0, (2, 1), leader=1, isr=(1, 2)).to_wire("size")]}, True),
        # A preferred leader that is not in sync cannot lead: there is nothing to do about it here.
        ({"partitions": [Partition("t", 0, (2, 1), leader=1, isr=(1,)).to_wire("size")]}, False),
    ],
)
def test_there_is_something_to_do_also_when_no_copy_has_to_move(change: dict[str, Any], due: bool):
    state = {
        "under_way": 0,
        "throttled": NOTHING,
        "partitions": [Partition("t", 0, (1, 2), leader=1, isr=(1, 2)).to_wire("size")],
    }
    assert _due([], {**state, **change}) is due


def test_a_throttle_is_a_size_or_none_and_anything_else_is_said():
    assert (rate_of("50m"), rate_of("none")) == (50 * 2**20, None)
    with pytest.raises(UsageError, match="--throttle fast"):
        rate_of("fast")


class Shown:
    """What a reporter was told of progress."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, int, int | None]] = []
        self.doing: list[str] = []

    def progress(self, key: str, label: str, done: int, total: int | None) -> None:
        self.lines.append((label, done, total))

    def host(self, name: str, text: str) -> None:
        self.doing.append(text)


@pytest.fixture
def progress() -> Callable[[Sequence[float]], tuple[Progress, Shown]]:
    def make(times: Sequence[float]) -> tuple[Progress, Shown]:
        shown, clock = Shown(), iter(times)
        return Progress(shown, "kafka1", lambda: next(clock)), shown  # type: ignore[arg-type]

    return make


def test_progress_says_what_is_left_how_fast_and_how_long(progress: Any):
    line, shown = progress([0.0, 2.0])
    line.event({"left": 3, "bytes_left": 100 * 2**20, "bytes": 100 * 2**20})
    line.event({"left": 1, "bytes_left": 80 * 2**20, "bytes": 100 * 2**20})
    line.end()
    assert shown.lines[1] == ("1 partition left, 10 MiB/s, 8.0 seconds to go", 20 * 2**20, 100 * 2**20)
    assert shown.lines[-1] == ("copied", 100 * 2**20, 100 * 2**20)


def test_progress_is_not_complete_before_the_last_partition_is(progress: Any):
    line, shown = progress([0.0])
    line.event({"left": 1, "bytes_left": 0, "bytes": 10})
    assert shown.lines == [("1 partition left", 9, 10)]


def test_empty_partitions_have_progress_too(progress: Any):
    line, shown = progress([])
    line.event({"left": 2, "bytes_left": 0, "bytes": 0})
    line.end()
    assert (shown.doing, shown.lines) == (["2 partitions left"], [])
