"""What the judges of evidence ask the hosts in suspicious cases, with made-up hosts."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cluster import remote
from cluster.metadata import remote as nodes
from cluster.model import Partition
from provisioner.run.evidence import Objection, Witness
from roles import site
from roles.kafka import evidence as kafka
from tests.support import roles as support
from tests.support.fake_hosts import FakeHosts

NOTHING_WRITTEN: Any = SimpleNamespace(changes=(), nothing=True)
LISTED = {str(number): f"kafka{number}:9092" for number in (1, 2, 3)}


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka, "AGAIN_SECONDS", 0)


def settings(number: int, **also: str) -> dict[str, str]:
    return {"broker.id": str(number), "zookeeper.connect": "kafka1:2181", "min.insync.replicas": "2", **also}


def files_of_broker(number: int, **also: str) -> dict[str, Any]:
    path = "/var/lib/kafka/data"
    return {
        "settings": settings(number, **also),
        "link": "kafka_2.13-3.9.2",
        "present": [path],
        "dirs": {path: {"cluster": "abc", "partitions": None}},
    }


def files_of_server(alone: bool = False) -> dict[str, Any]:
    servers = {} if alone else {str(number): f"kafka{number}:2888:3888" for number in (1, 2, 3)}
    return {
        "settings": {"clientPort": "2181"},
        "servers": servers,
        "present": ["/var/lib/zookeeper/data"],
        "data": ["/var/lib/zookeeper/data"],
        "link": "apache-zookeeper-3.8.6",
    }


def serving(registered: dict[str, str], controller: int = 1) -> dict[str, Any]:
    return {"kafka": {"brokers": registered, "controller": controller, "cluster_id": "abc"}}


def witnesses(directory: Path, views: dict[str, dict[str, Any]], **alone: bool) -> list[Witness]:
    """views {host: what its broker answers, {} for one that does not}; alone {host: its ZooKeeper is}."""
    inventory = support.three(directory)
    return [
        Witness(
            support.target(inventory, name),
            NOTHING_WRITTEN,
            said={
                "kafka": files_of_broker(number),
                "zookeeper": files_of_server(alone.get(name, False)),
            },
            serving=view,
            active=["zookeeper", *view],
        )
        for number, (name, view) in enumerate(views.items(), 1)
    ]


def judged(found: list[Witness], hosts: FakeHosts, **agreed: tuple[str, ...]) -> list[Objection]:
    return site.judge(found, hosts, {f"--{flag}": names for flag, names in agreed.items()})


def test_a_whole_cluster_is_asked_nothing_more(tmp_path: Path):
    hosts = FakeHosts({})
    assert judged(witnesses(tmp_path, {f"kafka{n}": serving(LISTED) for n in (1, 2, 3)}), hosts) == []


def test_a_split_cluster_is_looked_at_twice_and_the_way_back_is_said(tmp_path: Path):
    mine, theirs = {"1": LISTED["1"]}, {"2": LISTED["2"], "3": LISTED["3"]}
    views = {"kafka1": serving(mine, 1), "kafka2": serving(theirs, 2), "kafka3": serving(theirs, 2)}
    again = {name: {"serving": True, **view["kafka"]} for name, view in views.items()}
    one_cluster = {"answers": True, "id": "abc"}
    hosts = FakeHosts({remote.cluster_status: lambda host, args: again[host], nodes.zookeeper_cluster_id: one_cluster})
    found = judged(witnesses(tmp_path, views, kafka1=True), hosts)
    split = next(one for one in found if "broker 1 (kafka1) with controller 1" in one.what)
    assert split.consent is None and any("systemctl stop kafka" in line for line in split.details)
    assert any("/var/lib/zookeeper/data/version-2" in line for line in split.details)
    assert any("ZooKeeper runs alone here" in one.what and one.host == "kafka1" for one in found)

    # A broker that had just started is known to all of them a moment later.
    whole = {name: {"serving": True, **serving(LISTED)["kafka"]} for name in views}
    hosts = FakeHosts({remote.cluster_status: lambda host, args: whole[host]})
    assert judged(witnesses(tmp_path, views), hosts) == []


@pytest.mark.parametrize(("answer", "said"), [("", True), ("Connection refused", False)])
def test_an_id_that_a_broker_elsewhere_has_and_serves(tmp_path: Path, answer: str, said: bool):
    views = {"kafka1": serving(LISTED), "kafka2": serving(LISTED), "kafka3": {}}
    hosts = FakeHosts({remote.answering: lambda host, args: dict.fromkeys(args["addresses"], answer)})
    found = judged(witnesses(tmp_path, views), hosts)
    assert [one.what.split(",")[0] for one in found] == (
        ["broker 3 is registered at kafka3:9092 and answers there"] if said else []
    )


def test_a_broker_that_runs_on_a_host_outside_its_group_is_said_by_that_host(tmp_path: Path):
    inventory = support.inventory(tmp_path, kafka=["kafka1"], zookeeper=["kafka1", "kafka2"])
    targets = [support.target(inventory, name) for name in ("kafka1", "kafka2")]
    assert [site.beside(target) for target in targets] == [["kafka-controller"], ["kafka-controller", "kafka"]]
    assert site.beside(targets[1], ["zookeeper"]) == []
    (one,) = judged([Witness(targets[1], NOTHING_WRITTEN, beside=["kafka"])], FakeHosts({}))
    assert one.host == "kafka2" and "kafka runs here, and the host is not in the group kafka" in one.what
    assert one.consent is not None and one.consent.shown == "--shrink kafka2"


@pytest.mark.parametrize(("replicas", "said"), [([1, 4], ["broker 4 still holds 1 partition"]), ([1, 2], [])])
def test_a_broker_that_may_leave_is_empty(tmp_path: Path, replicas: list[int], said: list[str]):
    four = {**LISTED, "4": "kafka4:9092"}
    partition = Partition("orders", 0, tuple(replicas)).to_wire("min_isr")
    modes = {f"kafka{n}": {"serving": True, "mode": "leader" if n == 1 else "follower"} for n in (1, 2, 3)}
    hosts = FakeHosts(
        {
            remote.cluster_status: lambda host, args: {"serving": True, "partitions": [partition]},
            nodes.zookeeper_ensemble: lambda host, args: modes,
        }
    )
    found = judged(witnesses(tmp_path, {f"kafka{n}": serving(four) for n in (1, 2, 3)}), hosts, shrink=("kafka4",))
    assert [one.what for one in found if one.consent is None] == said
    assert "broker 4 (kafka4:9092) is not in its group kafka" in found[0].what
