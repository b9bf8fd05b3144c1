"""A split cluster, recognised from what its brokers and servers say: what is one, and what only looks like one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from cli import looking
from cluster.metadata.zookeeper.probe import parse_servers
from provisioner.connect.fleet import Outcome
from roles.kafka import split
from roles.kafka.split import View
from roles.zookeeper import split as ensemble

THREE = ("kafka1", "kafka2", "kafka3")


def views(*said: tuple[set[int], int | None] | None, ids: str = "ccc") -> list[View]:
    """What brokers 1, 2, ... say: (the registered, the controller); None for one that does not answer."""
    return [
        View.of(f"kafka{n}", n, {"brokers": sorted(one[0]), "controller": one[1], "cluster_id": ids[n - 1]})
        for n, one in enumerate(said, 1)
        if one is not None
    ]


ALL = {1, 2, 3}
WHOLE: dict[str, list[View]] = {
    "everybody knows everybody": views((ALL, 2), (ALL, 2), (ALL, 2)),
    "one was killed, and is registered until its session expires": views(None, (ALL, 2), (ALL, 2)),
    "one has just started: the controller has told it of the others, and not yet them": views(
        (ALL, 2), ({2, 3}, 2), ({2, 3}, 2)
    ),
    "one has just started and knows nothing, not even itself": views((set(), None), ({2, 3}, 2), ({2, 3}, 2)),
    "two do not know each other, a third knows both": views(({1, 2}, 2), (ALL, 2), ({2, 3}, 2)),
    "a broker that is in no inventory": views(({1, 2, 3, 9}, 9), ({1, 2, 3, 9}, 9), ({1, 2, 3, 9}, 9)),
    "a single broker": views(({1}, 1)),
    "a single one of them that answers": views(({1}, 1), None, None),
}


@pytest.mark.parametrize("case", WHOLE)
def test_what_only_looks_like_a_split_is_none(case: str):
    found = split.sides(WHOLE[case])
    assert len(found) <= 1 and split.problem(found) is None and split.astray(found) == ()


SPLIT: dict[str, tuple[list[View], list[list[int]], tuple[str, ...]]] = {
    "one alone": (views(({1}, 1), ({2, 3}, 3), ({2, 3}, 3)), [[2, 3], [1]], ("kafka1",)),
    "one alone, that still sees the sessions of the others": (
        views((ALL, 1), ({2, 3}, 3), ({2, 3}, 3)),
        [[2, 3], [1]],
        ("kafka1",),
    ),
    "one alone, before it has elected itself": (
        views((ALL, None), ({2, 3}, 3), ({2, 3}, 3)),
        [[2, 3], [1]],
        ("kafka1",),
    ),
    "the last one apart": (views(({1, 2}, 1), ({1, 2}, 1), ({3}, 3)), [[1, 2], [3]], ("kafka3",)),
    "everybody alone": (views(({1}, 1), ({2}, 2), ({3}, 3)), [[1], [2], [3]], ()),
    "one against one, the third down": (views(({1}, 1), ({2, 3}, 2), None), [[1], [2]], ()),
}


@pytest.mark.parametrize("case", SPLIT)
def test_sides_that_do_not_know_each_other_are_a_split(case: str):
    said, brokers, astray = SPLIT[case]
    found = split.sides(said)
    assert [list(side.brokers) for side in found] == brokers
    assert split.astray(found) == astray
    assert (split.problem(found) or "").startswith("the cluster is split: ")
    assert [split.Side.from_json(side.to_json()) for side in found] == found


def test_the_split_is_said_with_its_sides_and_their_controllers():
    found = split.sides(views((ALL, 1), ({2, 3}, 3), ({2, 3}, 3)))
    assert split.problem(found) == (
        "the cluster is split: brokers 2, 3 (kafka2, kafka3) with controller 3; broker 1 (kafka1) with controller 1. "
        "No side knows the other, and each may accept writes that the other never gets"
    )


def test_brokers_of_different_clusters_are_said_to_be_that_and_none_is_to_come_back():
    found = split.sides(views(({1}, 1), ({2, 3}, 3), ({2, 3}, 3), ids="xcc"))
    assert split.problem(found) == (
        "the brokers of this inventory belong to different clusters: brokers 2, 3 (kafka2, kafka3) to c, broker 1 "
        "(kafka1) to x"
    )
    assert split.astray(found) == ()


def test_the_way_back_stops_the_broker_before_its_zookeeper_and_names_what_is_moved():
    head, keep, stop, aside, deploy = split.way_back("kafka1", 1, ["/srv/b", "/srv/a"], ["/var/lib/zookeeper/data"])
    assert head.startswith("to bring kafka1 back (docs/operations.md, ")
    assert keep.startswith("1. what broker 1 alone has acknowledged will be gone") and "--limit kafka1" in keep
    assert stop.index("stop kafka") < stop.index("stop zookeeper")
    assert "all that is in /var/lib/zookeeper/data/version-2; of /srv/a every partition but those" in aside
    assert "/srv/b" in aside and deploy.startswith("4. `invoke deploy`")


def test_a_server_that_went_alone_comes_back_without_the_data_of_a_broker_that_stayed():
    lines = list(split.way_back("kafka1", None, ["/srv/a"], ["/var/lib/zookeeper/data"]))
    assert not [line for line in lines if "/srv/a" in line or "acknowledged" in line]
    assert [line[:2] for line in lines[1:]] == ["1.", "2.", "3."] and "/version-2" in lines[2]


@pytest.mark.parametrize(
    ("modes", "alone", "said", "astray"),
    [
        (("follower", "leader", "follower"), [], [], []),
        (("follower", None, "follower"), [], [], []),
        (
            ("standalone", "leader", "follower"),
            ["kafka1"],
            ["kafka1 runs ZooKeeper alone, though the inventory has 3 servers"],
            ["kafka1"],
        ),
        (
            ("standalone", None, "standalone"),
            ["kafka1", "kafka3"],
            [f"{name} runs ZooKeeper alone, though the inventory has 3 servers" for name in ("kafka1", "kafka3")],
            [],
        ),
        (
            ("leader", "leader", "follower"),
            [],
            ["ZooKeeper has 2 leaders, so there are as many ensembles: kafka1, kafka2"],
            [],
        ),
    ],
)
def test_servers_that_are_not_one_ensemble(
    modes: tuple[str | None, ...], alone: list[str], said: list[str], astray: list[str]
):
    found = dict(zip(THREE, modes, strict=True))
    assert ensemble.alone(THREE, found) == alone and list(ensemble.problems(THREE, found)) == said
    assert ensemble.astray(THREE, found) == astray


def test_the_only_server_of_an_inventory_is_meant_to_be_alone():
    found = {"kafka1": "standalone"}
    assert ensemble.alone(["kafka1"], found) == list(ensemble.problems(["kafka1"], found)) == []
    assert ensemble.leaders(["kafka1"], found) == ["kafka1"]


@pytest.mark.parametrize(
    ("contents", "leader", "found"),
    [
        ({"kafka1": ("0x5", 140), "kafka2": ("0x5", 141)}, "kafka2", ["kafka1"]),
        ({"kafka1": ("0x5", 141), "kafka2": ("0x5", 141)}, "kafka2", []),
        ({"kafka1": ("0x4", 140), "kafka2": ("0x5", 141)}, "kafka2", []),
        ({"kafka1": ("0x5", 140)}, "kafka2", []),
        ({"kafka1": ("0x5", 140)}, None, []),
    ],
)
def test_a_server_with_other_data_at_the_same_transaction_has_diverged(
    contents: dict[str, tuple[str, int]], leader: str | None, found: list[str]
):
    assert ensemble.diverged(contents, leader) == found


LINES = """clientPort=2181
server.1=kafka1:2888:3888
#server.9=gone:2888:3888
 server.2 = [fd00::2]:2888:3888
quorumListenOnAllIPs=true
"""


def test_the_servers_of_a_configuration_are_compared_with_those_of_the_inventory():
    named = parse_servers(LINES)
    assert named == {"1": "kafka1", "2": "fd00::2"} and parse_servers("clientPort=2181\n") == {}
    assert ensemble.compare(named, named) == ((), ())
    assert ensemble.compare(named, {"1": "kafka1"}) == (("fd00::2",), ())
    assert ensemble.compare({}, named) == ((), ("kafka1", "fd00::2"))
    assert ensemble.compare({"1": "old", "2": "fd00::2"}, named) == (("old",), ("kafka1",))
    assert ensemble.compare({}, {"1": "kafka1"}) == ((), ()), "a single server needs no line"


def test_a_view_is_made_of_what_a_probe_that_every_run_asks_answers():
    ready: dict[str, Any] = {"broker_id": 1, "cluster_id": "c", "controller": 1, "brokers": [1], "seconds": 0.0}
    assert View.of("kafka1", 1, ready) == View("kafka1", 1, frozenset({1}), 1, "c")


def test_a_whole_cluster_is_asked_once_and_one_that_contradicts_itself_once_more(monkeypatch: pytest.MonkeyPatch):
    looks: list[str] = []
    split_found = {"split": True, "problems": ["a split"], "healthy": False}
    whole = {"split": False, "problems": [], "healthy": True}
    documents = iter([split_found, whole, whole, split_found])
    monkeypatch.setattr(looking, "look", lambda fleet, target: looks.append(target))
    monkeypatch.setattr(looking, "AGAIN_SECONDS", 0.0)
    monkeypatch.setattr(looking.status, "members", lambda inventory: {})
    monkeypatch.setattr(looking.site, "as_it_runs", lambda *asked: None)
    monkeypatch.setattr(looking.status, "document", lambda *answers: next(documents))
    monkeypatch.setattr(looking.status, "doubtful", lambda found: found["split"])
    fleet: Any = SimpleNamespace(each=lambda names, work: Outcome({name: work(name) for name in names}, {}), call=None)
    inventory: Any = None
    targets: Any = {"kafka1": "first", "kafka2": "second"}
    assert looking.see(fleet, inventory, targets, {}) == (whole, {})
    assert looks == ["first", "second"] * 2
    assert looking.see(fleet, inventory, targets, {}) == (whole, {})
    assert looks == ["first", "second"] * 3
    assert looking.see(fleet, inventory, targets, {}, ["a split"]) == (split_found, {})
    assert looks == ["first", "second"] * 4, "what the preflight had seen twice was doubted"
