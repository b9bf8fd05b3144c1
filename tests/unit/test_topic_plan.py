"""The plan of topics: tables of (wanted, actual) -> what is to be done, and that doing it leaves nothing to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.model import Partition, Topic
from cluster.moving.throttle import FOLLOWERS
from cluster.settings.sources import same
from cluster.topics.plan import Cluster, Plan, make, problems, warnings
from cluster.topics.wanted import Wanted
from provisioner.resources import frozen
from tests.support.settings import of_topic

WEEK, TWO_DAYS = "604800000", "172800000"
DEFAULTS = {"retention.ms": WEEK, "cleanup.policy": "delete", "min.insync.replicas": "2", "segment.bytes": "1073741824"}
THREE = Cluster({1: "a", 2: "b", 3: "c"}, partitions=1, factor=3, settings=DEFAULTS)


def topic(name: str = "orders", partitions: int = 3, copies: int = 3, moving: int = 0, **own: str) -> Topic:
    """A topic as the cluster has it; own: settings of its own, _ for a dot."""
    set_on_it = {key.replace("_", "."): value for key, value in own.items()}
    settings = {key: of_topic(key, value, False, value) for key, value in DEFAULTS.items()}
    settings |= {key: of_topic(key, value, True, DEFAULTS.get(key)) for key, value in set_on_it.items()}
    replicas = [tuple((number + step) % 3 + 1 for step in range(copies)) for number in range(partitions)]
    return Topic(name, placed(name, replicas, moving), settings=settings)


def placed(name: str, replicas: Iterable[tuple[int, ...]], moving: int = 0) -> tuple[Partition, ...]:
    return tuple(Partition(name, number, one, moving=number < moving) for number, one in enumerate(replicas))


def planned(wanted: Wanted, *there: Topic) -> Plan:
    return make([wanted], {one.name: one for one in there}, THREE)


def test_a_topic_that_is_not_there_is_made():
    one = Wanted("orders", 6, 3, {"retention.ms": TWO_DAYS})
    plan = planned(one)
    assert plan.create == (one,) and plan.changes == 1 and not plan.nothing


@pytest.mark.parametrize(
    ("wanted", "there"),
    [
        (Wanted("orders"), topic()),
        (Wanted("orders", 3, 3), topic()),
        (Wanted("orders", config={"retention.ms": WEEK}), topic()),  # the default is what is wanted
        (Wanted("orders", config={"retention.ms": TWO_DAYS}), topic(retention_ms=TWO_DAYS)),
        (Wanted("orders", config={"retention.ms": None}), topic()),
        (Wanted("orders", config={"cleanup.policy": "delete "}), topic()),
    ],
)
def test_what_is_as_wanted_needs_nothing(wanted, there):
    plan = planned(wanted, there)
    assert plan.nothing and plan.changes == 0 and not plan.prunes


@pytest.mark.parametrize(
    ("wanted", "there", "before", "after"),
    [
        ({"retention.ms": TWO_DAYS}, topic(), WEEK, TWO_DAYS),
        ({"retention.ms": WEEK}, topic(retention_ms=TWO_DAYS), TWO_DAYS, WEEK),
        ({"retention.ms": None}, topic(retention_ms=TWO_DAYS), TWO_DAYS, None),
    ],
)
def test_settings_are_changed_one_by_one(wanted, there, before, after):
    plan = planned(Wanted("orders", config=wanted), there)
    change = plan.settings["orders"]["retention.ms"]
    assert (change.before.value, change.after) == (before, after) and len(plan.settings["orders"]) == 1
    assert plan.changes == 1 and plan.create == () and plan.grow == {}


def test_a_setting_of_its_own_that_is_not_listed_is_left_alone_but_named():
    plan = planned(Wanted("orders"), topic(retention_ms=TWO_DAYS))
    assert plan.nothing and list(plan.strays["orders"]) == ["retention.ms"] and plan.prunes


def test_partitions_grow_and_never_shrink():
    assert planned(Wanted("orders", 6), topic()).grow == {"orders": (3, 6)}
    assert planned(Wanted("orders", 2), topic()).grow == {}
    (problem,) = problems([Wanted("orders", 2, place="site.yml:7")], {"orders": topic()}, THREE)
    assert "has 3 partitions and cannot have 2" in problem.summary and problem.details == ["in: site.yml:7"]


def test_another_replication_factor_moves_copies_of_this_topic_alone():
    plan = planned(Wanted("orders", factor=3), topic(copies=2), topic("other", copies=1))
    assert plan.factors == {"orders": ((2,), 3)}
    assert {move.topic for move in plan.moves} == {"orders"} and len(plan.moves) == 3
    assert all(len(move.after) == 3 and move.after[:2] == move.before for move in plan.moves)


def test_a_partition_with_another_number_of_copies_is_mended():
    uneven = frozen.replace(topic(), partitions=placed("orders", [(1, 2, 3), (1, 2), (3, 1, 2)]))
    (move,) = planned(Wanted("orders", factor=3), uneven).moves
    assert (move.partition, move.after) == (1, (1, 2, 3))


def test_what_is_not_listed_is_named_and_kafkas_own_is_not():
    there = [topic(), topic("by-hand"), frozen.replace(topic("__consumer_offsets"), internal=True)]
    plan = planned(Wanted("orders"), *there)
    assert plan.unmanaged == {"by-hand": 0} and plan.nothing


def test_what_an_interrupted_run_has_left_goes_on():
    assert planned(Wanted("orders"), topic(moving=2)).moving == {"orders": 2}
    assert not planned(Wanted("orders"), topic(moving=2)).nothing
    assert planned(Wanted("orders"), topic(), topic("other", moving=2)).nothing  # somebody else's


@pytest.mark.parametrize(
    ("wanted", "there", "expected"),
    [
        (Wanted("orders", factor=4), None, "replication factor 4, and 3 brokers are up (1, 2, 3)"),
        (Wanted("orders", factor=4), topic(), "replication factor 4"),
        (Wanted("orders", config={"retention.m": "1"}), None, "retention.m; did you mean retention.ms?"),
        (Wanted("orders", config={"nonsense": "1"}), topic(), "unknown setting nonsense"),
        (Wanted("orders"), frozen.replace(topic(), internal=True), "topic of Kafka's own"),
        (Wanted("orders", 6, 3), frozen.replace(topic(), internal=True), "topic of Kafka's own"),
        (Wanted("orders", None, 3, {"retention.ms": "1"}), frozen.replace(topic(), internal=True), "of Kafka's own"),
    ],
)
def test_what_this_cluster_cannot_do_is_a_problem(wanted, there, expected):
    (problem,) = problems([wanted], {"orders": there} if there else {}, THREE)
    assert expected in problem.summary


def test_kafkas_own_topics_get_more_copies_and_nothing_else():
    own = frozen.replace(topic("__consumer_offsets", copies=1), internal=True)
    wanted = Wanted("__consumer_offsets", factor=3)
    assert problems([wanted], {own.name: own}, THREE) == []
    assert {len(move.after) for move in planned(wanted, own).moves} == {3}


def test_a_default_factor_that_the_brokers_cannot_hold_is_a_problem():
    short = replace(THREE, racks={1: "a"}, factor=None)
    (problem,) = problems([Wanted("orders")], {}, short)
    assert "default replication factor is more than the number of brokers: 1 broker is up" in problem.summary
    assert problems([Wanted("orders", factor=1)], {}, short) == []


@pytest.mark.parametrize(
    ("wanted", "there", "expected"),
    [
        (Wanted("orders", 6), topic(), ["records with a key go to other partitions"]),
        (Wanted("orders", factor=1), None, ["min.insync.replicas is 2 and there is 1 copy"]),
        (Wanted("orders", config={"min.insync.replicas": "4"}), topic(), ["min.insync.replicas is 4"]),
        (Wanted("orders", 3, 3), topic(), []),
        (Wanted("orders"), topic(copies=1), []),  # as it was: not what this run does
    ],
)
def test_what_works_and_hurts_is_said_before(wanted, there, expected):
    actual = {"orders": there} if there else {}
    found = warnings([wanted], actual, THREE, make([wanted], actual, THREE))
    assert len(found) == len(expected) and all(part in text for part, text in zip(expected, found, strict=True))


# -- doing what the plan says leaves nothing to do

KEYS = st.sampled_from(sorted(DEFAULTS))
VALUES = st.sampled_from(["1", "2", "0.5", "compact,delete"])
COUNTS = st.integers(1, 6)
FACTORS = st.integers(1, 3)
NAMES = st.sampled_from(["a", "b", "c", "d"])


@st.composite
def clusters(draw: Any) -> dict[str, Topic]:
    found = {}
    for name in draw(st.sets(NAMES)):
        own = {key.replace(".", "_"): value for key, value in draw(st.dictionaries(KEYS, VALUES)).items()}
        found[name] = topic(name, draw(COUNTS), draw(FACTORS), **own)
    return found


@st.composite
def wishes(draw: Any) -> list[Wanted]:
    return [
        Wanted(
            name, draw(st.none() | COUNTS), draw(st.none() | FACTORS), draw(st.dictionaries(KEYS, st.none() | VALUES))
        )
        for name in sorted(draw(st.sets(NAMES)))
    ]


def applied(actual: Mapping[str, Topic], plan: Plan, prune: bool) -> dict[str, Topic]:
    """The cluster afterwards, in the order in which a run does it."""
    found = dict(actual)
    for one in plan.create:
        own = {key.replace(".", "_"): value for key, value in one.config.items() if value is not None}
        found[one.name] = topic(one.name, one.partitions or THREE.partitions, one.factor or 3, moving=0, **own)
    for name, changes in plan.settings.items():
        settings = dict(found[name].settings)
        for key, change in changes.items():
            default = settings[key].default
            settings[key] = (
                of_topic(key, default, False, default)
                if change.after is None
                else of_topic(key, change.after, True, default)
            )
        found[name] = frozen.replace(found[name], settings=settings)
    for move in plan.moves:
        moved = [one.replicas for one in found[move.topic].partitions]
        assert moved[move.partition] == move.before
        moved[move.partition] = move.after
        found[move.topic] = frozen.replace(found[move.topic], partitions=placed(move.topic, moved))
    for name, (before, after) in plan.grow.items():
        replicas = [one.replicas for one in found[name].partitions]
        assert len(replicas) == before
        found[name] = frozen.replace(found[name], partitions=placed(name, replicas + [replicas[0]] * (after - before)))
    if prune:
        for name, strays in plan.strays.items():
            back = {key: of_topic(key, one.default, False, one.default) for key, one in strays.items()}
            found[name] = frozen.replace(found[name], settings={**found[name].settings, **back})
        found = {name: one for name, one in found.items() if name not in plan.unmanaged}
    return found


@given(clusters(), wishes(), st.booleans())
def test_after_the_plan_there_is_nothing_to_do(actual, wanted, prune):
    possible = [
        one
        if one.partitions is None or one.name not in actual
        else replace(one, partitions=max(one.partitions, len(actual[one.name].partitions)))
        for one in wanted
    ]
    assert problems(possible, actual, THREE) == []
    plan = make(possible, actual, THREE)
    after = applied(actual, plan, prune)
    again = make(possible, after, THREE)
    assert again.nothing and again.moves == ()
    assert not (prune and again.prunes)
    assert prune or set(actual) <= set(after), "what is not listed was deleted without --prune"
    for one in possible:
        assert all(
            same(after[one.name].settings[key].value, value) for key, value in one.config.items() if value is not None
        )


def test_the_bookkeeping_of_a_throttle_is_nobodys_setting():
    there = frozen.replace(topic(), settings={**topic().settings, FOLLOWERS: of_topic(FOLLOWERS, "0:1", True, "")})
    assert planned(Wanted("orders"), there).strays == {}


@pytest.mark.parametrize(
    ("name", "there", "said"), [("a.b", "a_b", 1), ("a_b", "a.b", 1), ("a.b", "a.b", 0), ("a.b", "a-b", 0)]
)
def test_a_new_topic_that_collides_with_one_of_the_cluster_is_refused(name, there, said):
    found = problems([Wanted(name, place="site.yml:3")], {there: topic(there)}, THREE)
    assert len(found) == said
    assert all(f"Kafka takes only one of {there} and {name}" in str(one) and "site.yml:3" in str(one) for one in found)
