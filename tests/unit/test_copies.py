"""How far copies that are behind have come: which copies count, and what they add up to."""

from __future__ import annotations

import pytest

from cluster.model import Partition, Topic
from cluster.state import copies


def topic(name, *partitions):
    return Topic(
        name,
        tuple(
            Partition(name, number, tuple(replicas), leader=leader, isr=tuple(isr))
            for number, leader, replicas, isr in partitions
        ),
    )


def test_only_wanted_partitions_with_a_leader_and_a_copy_behind_count():
    topics = {
        "orders": topic("orders", (0, 1, [1, 2, 3], [1, 3]), (1, 1, [1, 2, 3], [1, 2, 3]), (2, -1, [2, 3], [2])),
        "other": topic("other", (0, 1, [1, 2], [1])),
        "gone": topic("gone"),
    }
    wanted = [("orders", 0), ("orders", 1), ("orders", 2), ("gone", 0)]
    assert copies.out_of_sync(topics, wanted) == {("orders", 0): (1, (2,))}


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ({1: 100, 2: 40}, {"copies": 1, "copied": 40, "whole": 100, "work": 40}),
        ({1: 100, 2: 140}, {"copies": 1, "copied": 100, "whole": 100, "work": 140}),  # the leader's has expired
        ({1: 100, 2: 0}, {"copies": 1, "copied": 0, "whole": 100, "work": 0}),
        ({1: 100}, {"copies": 0, "copied": 0, "whole": 0, "work": 0}),  # the broker with the copy does not answer
        ({2: 40}, {"copies": 1, "copied": 0, "whole": 0, "work": 40}),  # the leader does not
        ({}, {"copies": 0, "copied": 0, "whole": 0, "work": 0}),
    ],
)
def test_a_copy_is_compared_with_its_leaders(sizes, expected):
    assert copies.measure({("t", 0): (1, [2])}, {("t", 0): sizes}) == expected


def test_all_copies_behind_add_up():
    sizes = {("t", 0): {1: 100, 2: 40, 3: 60}, ("u", 1): {3: 10, 2: 1}}
    found = copies.measure({("t", 0): (1, [2, 3]), ("u", 1): (3, [2])}, sizes)
    assert found == {"copies": 3, "copied": 101, "whole": 210, "work": 101}


def test_no_broker_that_answers_is_no_answer_and_no_error():
    arguments = {"bootstrap": "127.0.0.1:1", "partitions": {"t": [0]}}
    assert copies.look(arguments, lambda event: None) == {"copies": 0, "copied": 0, "whole": 0, "work": 0}
