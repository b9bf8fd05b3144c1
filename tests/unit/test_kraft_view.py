"""The quorum as `status` and `doctor` show it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cluster.metadata.kraft import quorum_api, view
from cluster.metadata.kraft.seen import Controller, Seen
from cluster.protocol.flexible import Reader
from tests.support.controllers import LEADER

NAMES = {1: "kafka1", 2: "kafka2", 3: "kafka3", 4: "broker4"}
HOSTS = {name: number for number, name in NAMES.items() if number < 4}
WHOLE = [(1, 0), (2, 200), (3, 400)]  # (id, behind in ms) of voters


def document(
    voters: list[tuple[int, int | None]],
    leader: int | None = 1,
    silent: tuple[str, ...] = (),
    hosts: dict[str, int] = HOSTS,
    **third: Any,
) -> dict[str, Any]:
    """The document of a quorum. third: what the last voter has instead."""
    controllers = {name: Controller(n, "Connection refused" if name in silent else "") for name, n in hosts.items()}
    rows: list[dict[str, Any]] = [
        {"id": n, "directory": f"disk{n}", "end_offset": 100, "silent_ms": age, "behind_ms": age} for n, age in voters
    ]
    rows[-1].update(third)
    said = {"leader": leader, "epoch": 7, "high_watermark": 100, "voters": rows, "observers": []}
    return view.document(Seen(controllers) if leader is None else Seen.from_leader(said, controllers), NAMES)


def test_the_document_and_the_table_of_a_real_answer():
    _, said = quorum_api.quorum_in(Reader(LEADER), 2)
    found = view.document(Seen.from_leader(said, {name: Controller(n) for name, n in HOSTS.items()}), NAMES)
    assert json.loads(json.dumps(found)) == found
    assert (found["leader"], found["epoch"], found["high_watermark"]) == ("kafka1", 24, 737)
    assert found["controllers"] == HOSTS and found["not_serving"] == {}
    assert found["voters"][1] == {
        "host": "kafka2",
        "id": 2,
        "directory": "p7B6rdrHZzktKrbWiOjUmg",
        "leader": False,
        "lag": None,
        "behind_ms": None,
        "silent_ms": None,
        "replaced": True,
    }
    rows = [view.cells(row, True) for row in found["voters"]] + [view.cells(row, False) for row in found["observers"]]
    assert rows == [
        ("kafka1", "leader", "0", "now"),
        ("kafka2", "voter", "?", "never"),
        ("kafka3", "voter", "1", "now"),
        ("kafka2", "observer", "1", "now"),
        ("broker4", "observer", "1", "now"),
    ]
    assert list(view.problems(found)) == [
        "kafka2 is up with another metadata directory than voter 2 has, so it has no vote"
    ]


def test_the_quorum_in_a_line():
    assert view.line(document(WHOLE)) == "quorum: kafka1 leads (epoch 7), followed by kafka2, kafka3"
    assert view.line(document([(1, 0)])) == "quorum: kafka1 leads (epoch 7), alone"
    assert view.line(document([(1, 0), (9, 0)], leader=9)) == "quorum: 9 leads (epoch 7), followed by kafka1"
    assert view.line(document(WHOLE, None)) == "quorum: no leader"


@pytest.mark.parametrize(
    ("found", "problems"),
    [
        (document(WHOLE), []),
        (document([*WHOLE[:2], (3, 1999)]), []),
        (
            document(WHOLE, behind_ms=61_000, end_offset=70),
            ["kafka3 is a voter of the quorum and lags behind the leader (last level 61 s ago, 30 behind)"],
        ),
        (
            document([*WHOLE[:2], (3, None)], silent=("kafka3",)),
            ["kafka3 is a voter of the quorum and does not fetch from the leader"],
        ),
        (document([*WHOLE[:2], (3, 2000)]), ["kafka3 is a voter of the quorum and does not fetch from the leader"]),
        (
            document(WHOLE[:2]),
            ["kafka3 is a controller of the inventory and no voter of the quorum: `invoke deploy` takes it in"],
        ),
        (
            document([*WHOLE, (9, 100)]),
            ["the quorum counts on controller 9, unknown to the inventory: `invoke quorum.remove` takes one out"],
        ),
        (
            document(WHOLE, None, ("kafka2", "kafka3")),
            [f"the controllers have no leader (1 of 3 answer, 2 are needed): {view.STILL_WORKS}"],
        ),
    ],
)
def test_problems(found: dict[str, Any], problems: list[str]):
    assert list(view.problems(found)) == problems


@pytest.mark.parametrize(
    ("silent", "fix"),
    [
        (("kafka2", "kafka3"), "start 1 of kafka2, kafka3 first (deploy starts what is down), and stop no broker"),
        (("kafka1", "kafka2", "kafka3"), "start 2 of kafka1, kafka2, kafka3 first"),
        (("kafka3",), "enough of them answer"),
        ((), "enough of them answer"),
    ],
)
def test_without_a_leader_it_says_what_to_start_first(silent: tuple[str, ...], fix: str):
    assert view.no_leader(document(WHOLE, None, silent)).fix.startswith(fix)


@pytest.mark.parametrize(
    ("hosts", "first"),
    [({"kafka1": 1}, "start kafka1 first"), ({"kafka1": 1, "kafka2": 2}, "start all of kafka1, kafka2")],
)
def test_a_small_quorum_needs_every_controller(hosts: dict[str, int], first: str):
    assert view.no_leader(document(WHOLE, None, tuple(hosts), hosts)).fix.startswith(first)


@pytest.mark.parametrize(
    ("size", "what"),
    [
        (1, None),
        (2, "the quorum has 2 voters and needs 2 of them, so it bears no more losses than 1 would"),
        (3, None),
        (4, "the quorum has 4 voters and needs 3 of them, so it bears no more losses than 3 would"),
    ],
)
def test_an_even_number_of_voters_is_advised_against(size: int, what: str | None):
    found = list(view.advice(document([(number, 0) for number in range(1, size + 1)])))
    assert [one.what for one in found] == ([what] if what else [])


@pytest.mark.parametrize(
    ("bootstrap", "lacks"),
    [
        ("kafka1:9093,kafka2:9093,kafka3:9093", []),
        (" kafka3:9093, kafka1:9093 ", ["kafka2"]),
        ("kafka1:9093,kafka2:9094", ["kafka2", "kafka3"]),
        ("", ["kafka1", "kafka2", "kafka3"]),
    ],
)
def test_a_bootstrap_list_must_have_every_controller(bootstrap: str, lacks: list[str]):
    assert view.lacking(bootstrap, {name: f"{name}:9093" for name in HOSTS}) == lacks


def test_only_nodes_with_an_incomplete_list_are_named():
    (found,) = view.incomplete({"kafka1": [], "broker4": ["kafka2", "kafka3"]})
    assert found.what == (
        "broker4: controller.quorum.bootstrap.servers leaves out kafka2, kafka3, so it may lose the cluster with those "
        "that are listed"
    )


def test_a_leader_that_only_the_others_reach_is_no_missing_quorum():
    controllers = {"kafka1": Controller(1, "timed out"), "kafka2": Controller(2, leader=1), "kafka3": Controller(3)}
    found = view.document(Seen(controllers), NAMES)
    assert (found["leader"], found["followed"]) == (None, "kafka1")
    assert list(view.problems(found)) == ["kafka1 leads the controllers, as the others say, and does not answer"]
    assert document(WHOLE)["followed"] is None
