"""Careless edits: the same for the same seed, every kind in a round; and the judge of what a cluster has become."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.careless import ROUND, deck, edit
from tests.support.careless_kinds import KINDS, Stranger
from tests.support.one_cluster import broken, lowered

BASE = yaml.safe_load((Path(__file__).resolve().parents[2] / "inventory/prod3.yml").read_text())
STRANGER = Stranger("single1", 2221, 9092)


@pytest.mark.parametrize("seed", range(3 * ROUND))
def test_an_edit_changes_a_copy_of_the_inventory_and_says_how(seed: int):
    before = copy.deepcopy(BASE)
    made = edit(BASE, STRANGER, seed)
    assert before == BASE
    assert made.inventory != BASE and made.name
    assert made == edit(BASE, STRANGER, seed)
    assert not [flag for flag in made.flags if "{" in flag]
    assert yaml.safe_load(yaml.safe_dump(made.inventory)) == made.inventory


def test_a_round_holds_every_kind():
    for number in range(3):
        cards = deck(number)
        assert len(cards) == ROUND
        assert {id(kind) for kind in KINDS} <= {id(card) for card in cards}
    assert deck(0) != deck(1)


def test_other_seeds_of_a_kind_choose_other_hosts_and_flags():
    made = [edit(BASE, STRANGER, seed) for seed in range(6 * ROUND)]
    assert len({one.name for one in made}) > 2 * ROUND
    assert len({one.flags for one in made}) > 6
    assert len({one.name for one in made if one.name.startswith("renamed")}) > 1
    assert any("; and " in one.name for one in made)


# -- the judge ---------------------------------------------------------------------------------------------------------


def view(number: int, **also: Any) -> dict[str, Any]:
    """What the host of broker `number` says: it leads t-<number>, which has the records 0 to 10."""
    partitions = {f"t-{one}": {"leader": one, "replicas": [1, 2, 3], "isr": [3, 2, 1]} for one in (1, 2, 3)}
    broker = {
        "id": number,
        "brokers": {"1": "kafka1:9092", "2": "kafka2:9092", "3": "kafka3:9092"},
        "cluster": "abc",
        "partitions": partitions,
        "kept": {f"t-{number}": [0, 10]},
        "settings": {"min.insync.replicas": "2", "default.replication.factor": "3"},
    }
    return {"broker": {**broker, **also}, "zookeeper": "leader" if number == 2 else "follower"}


def views(**other: Any) -> dict[str, Any]:
    return {**{f"kafka{number}": view(number) for number in (1, 2, 3)}, **other}


def partitions(**other: Any) -> dict[str, Any]:
    return {**view(1)["broker"]["partitions"], **{name.replace("_", "-"): one for name, one in other.items()}}


SILENT = {"broker": None, "zookeeper": "follower"}
LED_ELSEWHERE = {"kept": {"t-2": [0, 12], "t-1": [0, 10]}}


@pytest.mark.parametrize(
    ("now", "missing", "expected"),
    [
        (views(), 0, []),
        (views(kafka1=view(1, kept={}), kafka2=view(2, **LED_ELSEWHERE)), 0, []),
        (views(kafka1=view(1, kept={"t-1": [0, 9]})), 0, ["t-1 had the records 0 to 10, and has 0 to 9"]),
        (views(kafka1=view(1, kept={"t-1": [4, 10]})), 0, ["t-1 had the records 0 to 10, and has 4 to 10"]),
        (views(kafka1=view(1, kept={})), 0, ["t-1 is led by no broker that answers"]),
        (views(kafka1=view(1, cluster="xyz")), 0, ["kafka1: cluster abc -> xyz"]),
        (views(kafka1=view(1, id=4)), 0, ["kafka1: id 1 -> 4"]),
        (views(kafka1=view(1, brokers={"1": "kafka1:9092"})), 0, ["kafka1: it knows the brokers 1"]),
        (views(kafka1=view(1, partitions={**partitions(), "t-4": {}})), 0, []),
        (
            views(kafka1=view(1, partitions={k: v for k, v in partitions().items() if k != "t-3"})),
            0,
            ["kafka1: t-3 is out of sight"],
        ),
        (views(kafka1=view(1, partitions=partitions(t_3={"leader": -1}))), 0, ["kafka1: t-3 has no leader"]),
        (
            views(kafka1=view(1, partitions=partitions(t_3={"leader": 1, "replicas": [1, 2], "isr": [1, 2]}))),
            0,
            ["kafka1: t-3 is on the brokers [1, 2], it was on [1, 2, 3]"],
        ),
        (
            views(kafka1=view(1, partitions=partitions(t_3={"leader": 1, "replicas": [1, 2, 3], "isr": [1]}))),
            0,
            ["kafka1: t-3 is in sync on [1] of [1, 2, 3] only"],
        ),
        (views(kafka1=SILENT, kafka2=view(2, **LED_ELSEWHERE)), 0, ["no broker answers on kafka1"]),
        (views(kafka1=SILENT, kafka2=view(2, **LED_ELSEWHERE)), 1, []),
        (views(kafka1=SILENT), 1, ["t-1 is led by no broker that answers"]),
        (
            views(kafka3={**view(3), "zookeeper": "standalone"}),
            0,
            ["ZooKeeper: follower, leader, standalone"],
        ),
    ],
)
def test_hosts_are_the_cluster_that_they_were_or_it_is_said_why_not(now, missing, expected):
    assert broken(views(), now, missing=missing) == expected


def test_a_setting_of_redundancy_that_falls_is_named():
    low = view(2, settings={"min.insync.replicas": None, "default.replication.factor": "3"})
    assert lowered(views(), views(kafka2=low, kafka1=SILENT)) == ["kafka2: min.insync.replicas 2 -> None"]
    high = view(2, settings={"min.insync.replicas": "3", "default.replication.factor": "3"})
    assert lowered(views(), views(kafka2=high)) == []
