"""Topics with more copies, or fewer: nothing moves that need not, racks first, then the brokers that bear least."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.model import Partition
from cluster.moving.layout import Move
from cluster.moving.rebalance import plan, resize
from tests.support.layout import NO_RACKS, applied, clusters, copies

RACKS: dict[int, str | None] = {1: "a", 2: "b", 3: "c", 4: "a"}


@pytest.mark.parametrize(
    ("before", "factor", "racks", "after"),
    [
        ((1,), 1, NO_RACKS, (1,)),
        ((1,), 2, NO_RACKS, (1, 2)),
        ((2,), 4, NO_RACKS, (2, 1, 3, 4)),
        ((1,), 3, RACKS, (1, 2, 3)),
        ((4,), 2, RACKS, (4, 2)),  # 1 stands in the same rack
        ((1, 2, 3), 2, NO_RACKS, (1, 2)),
        ((3, 2, 1), 1, NO_RACKS, (3,)),
        ((1, 4, 2), 2, RACKS, (1, 2)),  # two in rack a: the one that is not the preferred leader
        ((4, 2, 1), 2, RACKS, (4, 2)),
        ((1, 9, 2), 2, NO_RACKS, (1, 2)),  # a broker that may have none gives up its copy first
        ((9, 1, 2), 2, NO_RACKS, (1, 2)),
        ((9, 8), 1, NO_RACKS, (9,)),
        ((9,), 2, NO_RACKS, (9, 1)),
    ],
)
def test_one_partition(before: tuple[int, ...], factor: int, racks: Any, after: tuple[int, ...]):
    moves = resize([Partition("orders", 0, before, 7)], {"orders": factor}, [1, 2, 3, 4], racks)
    assert moves == ([] if after == before else [Move("orders", 0, before, after, 7)])


def test_copies_that_are_added_and_removed_are_told_from_those_that_change_their_broker():
    more, fewer = Move("orders", 0, (1,), (1, 2, 3)), Move("orders", 0, (1, 2, 3), (1,))
    assert (more.copies, more.added, more.removed) == ((), (2, 3), ())
    assert (fewer.copies, fewer.added, fewer.removed) == ((), (), (2, 3))
    both = Move("orders", 0, (1, 2), (1, 3, 4))
    assert (both.copies, both.added, both.removed) == (((2, 3),), (4,), ())
    moved = Move("orders", 0, (1, 2), (3, 2))
    assert (moved.copies, moved.added, moved.removed) == (((1, 3),), (), ())


def test_new_copies_go_to_the_brokers_that_bear_least_of_all_topics():
    partitions = [Partition("logs", n, (1, 2)) for n in range(6)] + [Partition("orders", n, (1,)) for n in range(6)]
    after = applied(partitions, resize(partitions, {"orders": 2}, [1, 2, 3, 4], NO_RACKS))
    assert copies(after, [1, 2, 3, 4]) == {1: 12, 2: 6, 3: 3, 4: 3}


def test_more_copies_than_brokers_and_fewer_than_one_are_refused_by_topic():
    partitions = [Partition("orders", 0, (1,))]
    with pytest.raises(ValueError, match="4 copies of orders need as many brokers; the cluster has 3"):
        resize(partitions, {"orders": 4}, [1, 2, 3], NO_RACKS)
    with pytest.raises(ValueError, match="orders: at least 1 is needed"):
        resize(partitions, {"orders": 0}, [1, 2, 3], NO_RACKS)


@st.composite
def resized(draw: Any, racks: bool = False) -> Any:
    """(partitions, wanted factors, {broker: rack}, partitions afterwards)."""
    partitions, brokers = draw(clusters(racks=racks))
    wanted = draw(st.dictionaries(st.sampled_from(["t0", "t1", "t2"]), st.integers(1, len(brokers)), max_size=2))
    return partitions, wanted, brokers, applied(partitions, resize(partitions, wanted, brokers, brokers))


@given(resized(racks=True))
def test_every_topic_has_the_wanted_copies_and_its_preferred_leaders_and_nothing_else_changes(found: Any):
    partitions, wanted, brokers, after = found
    for old, new in zip(partitions, after, strict=True):
        factor = wanted.get(old.topic, len(old.replicas))
        assert len(set(new.replicas)) == len(new.replicas) == factor and set(new.replicas) <= set(brokers)
        assert new.replicas[0] == old.replicas[0]
        fewer, more = sorted([old.replicas, new.replicas], key=len)
        assert set(fewer) <= set(more), "a copy has moved"
        if factor >= len(old.replicas):
            assert new.replicas[: len(old.replicas)] == old.replicas
    assert resize(after, wanted, brokers, brokers) == []


@given(resized(racks=True))
def test_copies_stand_in_as_many_racks_as_adding_and_removing_allows(found: Any):
    partitions, _, racks, after = found

    def spread(partition: Partition) -> int:
        return len({racks[broker] for broker in partition.replicas})

    for old, new in zip(partitions, after, strict=True):
        more = len(new.replicas) - len(old.replicas)
        if more > 0:
            assert spread(new) == min(spread(old) + more, len(set(racks.values())))
        else:
            assert spread(new) == min(spread(old), len(new.replicas))


@given(resized())
def test_no_other_choice_would_have_levelled_the_load_better(found: Any):
    partitions, _, brokers, after = found
    load = copies(after, sorted(brokers))
    for old, new in zip(partitions, after, strict=True):
        added, dropped = set(new.replicas) - set(old.replicas), set(old.replicas) - set(new.replicas)
        for source in added:
            assert all(load[source] - load[to] < 2 for to in set(brokers) - set(new.replicas))
        for source in set(new.replicas[1:]):
            assert all(load[source] - load[to] < 2 for to in dropped)


@given(clusters(copies=2), st.integers(1, 3))
def test_a_level_cluster_stays_level_while_all_of_it_grows(cluster: Any, factor: int):
    partitions, brokers = cluster
    level = applied(partitions, plan(partitions, brokers, brokers))
    factor = min(len(level[0].replicas) + factor, len(brokers))
    after = applied(level, resize(level, dict.fromkeys(["t0", "t1", "t2"], factor), brokers, brokers))
    load = copies(after, sorted(brokers)).values()
    assert max(load) - min(load) <= 1
