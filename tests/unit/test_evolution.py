"""The steps of `script/evolution`: where a cluster may go from where it is, and what its inventory says there."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.evolution import (
    BACK,
    BESIDE,
    CONTROLLER_KILLED,
    DUAL,
    KEEPER_GONE,
    KEEPER_KILLED,
    LAST,
    LEFT,
    MOVED,
    NEW,
    OLD,
    State,
    drawn,
    inventory,
    named,
    possible,
)

BASE = yaml.safe_load((Path(__file__).resolve().parents[2] / "inventory/prod3.yml").read_text())


def names(state: State) -> set[str]:
    return {step.name for step in possible(state)} - {"another setting", "a restart", "a broker killed"}


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (State(), {"up to 3.9.2"}),
        (State(LAST, final=False), {"down to 2.5.0", "3.9.2 for good"}),
        (State(LAST), {"to controllers"}),
        (State(LAST, way=BESIDE), {"to dual", "back"}),
        (State(LAST, way=BACK), {"to controllers", "as before"}),
        (State(LAST, way=DUAL), {"to brokers", "back to controllers"}),
        (State(LAST, way=MOVED), {"ZooKeeper left", "back to dual"}),
        (State(LAST, way=LEFT), {"up to 4.3.1"}),
        (State(NEW, final=False, way=LEFT), {"down to 3.9.2", "4.3.1 for good"}),
        (State(NEW, way=LEFT), set()),
    ],
)
def test_where_a_cluster_may_go(state: State, expected: set[str]):
    assert names(state) == expected


@pytest.mark.parametrize(
    ("state", "groups", "said"),
    [
        (State(), {"zookeeper", "kafka"}, {"kafka_version": OLD}),
        (State(LAST, final=False), {"zookeeper", "kafka"}, {"kafka_version": LAST}),
        (State(LAST), {"zookeeper", "kafka"}, {"kafka_version": LAST, "kafka_protocol": "3.9"}),
        (
            State(LAST, way=DUAL),
            {"zookeeper", "kafka", "kafka_controller"},
            {"kafka_version": LAST, "kafka_migration": "dual"},
        ),
        (State(LAST, way=LEFT), {"kafka", "kafka_controller"}, {"kafka_version": LAST}),
        (State(NEW, way=LEFT), {"kafka", "kafka_controller"}, {"kafka_version": NEW, "kafka_features": "4.3"}),
    ],
)
def test_what_the_inventory_says(state: State, groups: set[str], said: dict[str, Any]):
    made = inventory(BASE, state)
    assert set(made["all"]["children"]) == groups
    variables = made["all"]["vars"]
    assert {
        name: variables[name]
        for name in ("kafka_version", "kafka_protocol", "kafka_migration", "kafka_features")
        if name in variables
    } == said
    assert "zookeeper" in BASE["all"]["children"] and "kafka_config" not in BASE["all"]["vars"]


def test_a_step_by_its_name():
    left = named("ZooKeeper left", State(LAST, way=MOVED))
    assert left.state == State(LAST, way=LEFT) and left.flags == ("--accept-no-way-back",)
    assert named(KEEPER_KILLED, State(LAST, way=MOVED)).command == "kill zookeeper"
    assert named(CONTROLLER_KILLED, State(LAST, way=DUAL)).command == "kill kafka-controller"
    assert named(KEEPER_GONE, State(LAST, way=LEFT)).command == "uninstall"
    wrong = ("to brokers", State(LAST)), (KEEPER_KILLED, State(LAST, way=LEFT)), (KEEPER_GONE, State(LAST, way=MOVED))
    for name, state in wrong:
        with pytest.raises(AssertionError, match="no step from"):
            named(name, state)


def test_another_setting_is_another_one():
    made = [inventory(BASE, State(setting=number))["all"]["vars"]["kafka_config"] for number in range(2)]
    assert made[0] != made[1]


def test_the_same_seed_takes_the_same_steps_and_some_get_to_the_end():
    ends = set()
    for seed in range(40):
        walks = []
        for _ in range(2):
            rng, state = random.Random(seed), State()
            steps = []
            for _ in range(20):
                step = drawn(rng, state)
                steps.append(step.name)
                state = step.state
            walks.append(steps)
        assert walks[0] == walks[1]
        ends.add((state.version, state.way))
    assert (NEW, LEFT) in ends
