"""status and doctor on a cluster without ZooKeeper: the quorum beside the brokers, and controllers of their own."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cli.doctor import Examination
from cli.tables.status import page
from cluster import remote
from cluster.metadata import remote as nodes
from provisioner.resources import Service
from provisioner.run.evidence import Witness
from roles import doctor
from roles.kafka import status as kafka
from roles.kafka_controller import status as controllers
from roles.status import Answer, document
from tests.support import roles as support
from tests.support.fake_hosts import FakeHosts
from tests.support.quorum import LEVEL, FakeQuorum
from tests.unit.test_status import broker

HOSTS = ["kafka1", "kafka2", "kafka3"]
APART: dict[str, Any] = {"kafka": HOSTS, "kafka_controller": HOSTS}
OWN = {name: number for number, name in enumerate(HOSTS, 101)}
UNIT = {"enabled": True, "active": True, "sub": "running", "pid": 7, "restarts": 0, "disk": {}, "started": {}}


def answers(quorum: FakeQuorum, ids: dict[str, int], unit: str) -> dict[str, Answer]:
    """What three hosts say, each with a broker; unit: of the controllers."""
    said_by_all = {name: quorum.answer(number) for name, number in ids.items()}
    found = {}
    for number, name in enumerate(HOSTS, 1):
        down = ids.get(name) in quorum.down
        states = {"service:kafka": UNIT}
        said: dict[str, Any] = {"kafka": {**broker(number, controller=3), "quorum": said_by_all}}
        if unit != "kafka" and name in ids:
            states[f"service:{unit}"] = {**UNIT, "active": not down, "sub": "failed" if down else "running"}
            said[unit] = {} if down else said_by_all[name]
        services = [Service(one.split(":")[1]) for one in states]
        found[name] = Answer(services=services, states=states, processes={}, said=said)
    return found


def status(quorum: FakeQuorum, ids: dict[str, int] = OWN, unit: str = "kafka-controller") -> dict[str, Any]:
    members = {"kafka": dict(zip(HOSTS, (1, 2, 3), strict=True)), "kafka-controller": ids if unit != "kafka" else {}}
    return document(answers(quorum, ids, unit), {}, members)


def test_a_healthy_quorum_says_who_leads_and_who_follows():
    found = status(FakeQuorum(101, 102, 103))
    assert found["healthy"] and found["notes"] == found["advice"] == []
    assert json.loads(json.dumps(found)) == found
    # Without ZooKeeper, any broker is named as the controller; the leader is the one.
    assert (found["cluster"]["controller"], found["cluster"]["controller_host"]) == (101, "kafka1")
    assert found["controllers"] == {"controllers": OWN, "not_serving": []}
    service = found["hosts"]["kafka2"]["services"]["kafka-controller"]
    assert (service["controller_id"], service["follows"]) == (102, 101)
    text = page(found)
    assert "leader 101" in text and "voter 102" in text
    assert "quorum: kafka1 leads (epoch 5), followed by kafka2, kafka3" in text and "broker 3" in text


def test_combined_nodes_have_the_quorum_and_no_controllers_of_their_own():
    found = status(FakeQuorum(1, 2, 3, leader=2), dict(zip(HOSTS, (1, 2, 3), strict=True)), "kafka")
    assert found["healthy"] and found["controllers"] is None
    assert found["cluster"]["controller"] == 2 and "controller 2" in page(found)


def test_one_controller_down_is_named_and_the_others_go_on():
    quorum = FakeQuorum(101, 102, 103)
    quorum.stop(103)
    found = status(quorum)
    assert found["problems"] == [
        "kafka3: kafka-controller does not run (failed): `invoke logs` shows why, `invoke deploy` starts it",
        "kafka3 is a voter of the quorum and does not fetch from the leader",
    ]
    assert found["controllers"]["not_serving"] == ["kafka3"] and found["advice"] == []


def test_without_a_leader_it_says_what_still_works_and_what_to_start_first():
    quorum = FakeQuorum(101, 102, 103)
    quorum.down, quorum.leader = {101, 102}, None
    found = status(quorum)
    (problem,) = [one for one in found["problems"] if "no leader" in one]
    assert "go on serving producers and consumers" in problem and "1 of 3 answer, 2 are needed" in problem
    (advice,) = found["advice"]
    assert advice.startswith("start 1 of kafka1, kafka2 first") and f"-> {advice}" in page(found)
    assert found["notes"] == ["kafka3: its controller names no leader"]
    assert found["cluster"]["controller"] is None


def test_without_a_leader_and_a_broker_that_serves_the_controllers_say_it_themselves():
    quorum = FakeQuorum(101, 102, 103)
    quorum.down, quorum.leader = {101, 102}, None
    found = answers(quorum, OWN, "kafka-controller")
    for one in found.values():
        one.said["kafka"].update(serving=False, why="Connection refused")  # type: ignore[attr-defined]
    members = {"kafka": {}, "kafka-controller": OWN}
    page = document(found, {}, members)
    assert page["cluster"] is None and len(page["advice"]) == 1
    assert any("the controllers have no leader (1 of 3 answer, 2 are needed)" in one for one in page["problems"])
    assert page["advice"][0].startswith("start 1 of kafka1, kafka2 first")
    # Who was not asked (--limit) may well lead.
    assert document({"kafka3": found["kafka3"]}, {}, members)["advice"] == []
    # A host that cannot be reached is one that does not answer.
    lost = dict.fromkeys(("kafka1", "kafka2"), (False, "timed out"))
    assert len(document({"kafka3": found["kafka3"]}, lost, members)["advice"]) == 1
    found["kafka3"].said["kafka-controller"].update(leader=102)  # type: ignore[attr-defined]
    assert document(found, {}, members)["advice"] == []


def test_combined_nodes_of_which_no_broker_serves_say_what_is_missing():
    """A broker that restarts without a quorum does not come back, and neither does its view of the cluster."""
    ids = dict(zip(HOSTS, (1, 2, 3), strict=True))
    quorum = FakeQuorum(1, 2, 3)
    quorum.down, quorum.leader = {1, 2}, None
    found = answers(quorum, ids, "kafka")
    for name, one in found.items():
        one.said["kafka"].update(serving=False, why="Connection refused")  # type: ignore[attr-defined]
        if ids[name] in quorum.down:
            one.states["service:kafka"] = {**UNIT, "active": False, "sub": "failed"}  # type: ignore[index]
            one.said["kafka"].clear()  # type: ignore[attr-defined]
    shown = document(found, {}, {"kafka": ids, "kafka-controller": {}})
    assert shown["cluster"] is None
    (problem,) = [one for one in shown["problems"] if "no leader" in one]
    assert "the controllers have no leader (1 of 3 answer, 2 are needed)" in problem
    assert shown["advice"][0].startswith("start 1 of kafka1, kafka2 first") and len(shown["advice"]) == 1
    assert "\nquorum: no leader\n" in page(shown)
    # Where none of them runs, nobody was asked; and a broker that is only starting has a quorum already.
    stopped = document({name: found[name] for name in HOSTS[:2]}, {}, {"kafka": ids, "kafka-controller": {}})
    assert stopped["advice"] == [] and "quorum" not in page(stopped)
    led = answers(FakeQuorum(1, 2, 3), ids, "kafka")
    for one in led.values():
        one.said["kafka"].update(serving=False, why="Connection refused")  # type: ignore[attr-defined]
    shown = document(led, {}, {"kafka": ids, "kafka-controller": {}})
    assert shown["advice"] == [] and "quorum: kafka1 leads (epoch 5)" in page(shown)


def test_the_host_that_hears_most_controllers_is_believed():
    quorum = FakeQuorum(101, 102, 103)
    found = answers(quorum, OWN, "kafka-controller")
    deaf = {name: {**quorum.answer(102), "serving": False, "why": "timed out", "leader": None} for name in HOSTS}
    heard = {**found["kafka1"].said["kafka"], "quorum": deaf}
    views = [heard, found["kafka2"].said["kafka"]]
    together = kafka.together({}, views, {})
    assert together is not None and together["quorum"]["leader"] == "kafka1"


RUNNING = {"version": "3.9.2", "protocol": None, "since": None}


@pytest.mark.parametrize("groups", [APART, {"kafka": HOSTS}, {"kafka": HOSTS, "zookeeper": HOSTS}])
def test_brokers_are_asked_for_the_quorum_where_there_is_one(tmp_path: Path, groups: Any):
    quorum = FakeQuorum(1)
    ensemble = {name: {"serving": True, "mode": "leader"} for name in HOSTS}
    with_keeper: dict[Any, Any] = {nodes.zookeeper_ensemble: ensemble, remote.running_version: RUNNING}
    hosts = FakeHosts({**quorum.answers, remote.broker_status: broker(1), **with_keeper})
    inventory = support.inventory(tmp_path, **groups)
    found = kafka.look(hosts, support.target(inventory, "kafka1"))
    assert ("quorum" in found) is ("zookeeper" not in groups) is bool(hosts.to(nodes.kraft_quorum))


@pytest.mark.parametrize(
    ("leader", "why"), [(1, "refused"), (None, "refused; the controllers have no leader (1 of 3 answer, 2 are needed)")]
)
def test_a_broker_that_waits_for_the_controllers_is_said_to(tmp_path: Path, leader: int | None, why: str):
    quorum = FakeQuorum(1, 2, 3)
    quorum.leader, quorum.down = leader, {2, 3}
    refused = {"serving": False, "why": "refused"}
    hosts = FakeHosts({**quorum.answers, remote.broker_status: refused, remote.running_version: RUNNING})
    found = kafka.look(hosts, support.target(support.inventory(tmp_path, kafka=HOSTS), "kafka1"))
    assert (found["serving"], found["why"]) == (False, why)


def test_a_controller_is_asked_on_its_own_host(tmp_path: Path):
    inventory = support.inventory(tmp_path, **APART)
    hosts = FakeHosts(FakeQuorum(101, 102, leader=102).answers)
    found = controllers.look(hosts, support.target(inventory, "kafka2"))
    assert found["is_leader"] and hosts.asked[0][0] == "kafka2"
    assert hosts.to(nodes.kraft_quorum) == [{"controllers": {"kafka2": [102, "127.0.0.1", 9093, "PLAINTEXT"]}}]
    assert controllers.members(inventory) == OWN
    assert controllers.members(support.inventory(tmp_path, kafka=HOSTS)) == {}


# -- doctor


def test_a_controller_that_was_taken_out_of_the_quorum_is_shown_as_an_observer():
    quorum = FakeQuorum(101, 102)
    quorum.observers[103, "disk103"] = dict(LEVEL)
    found = status(quorum)
    shown = {line.split()[0]: line for line in page(found).splitlines() if " kafka-controller " in line}
    kinds = [kind for name in HOSTS for kind in ("leader 101", "voter 102", "observer 103") if kind in shown[name]]
    assert kinds == ["leader 101", "voter 102", "observer 103"]
    assert (
        "kafka3 is a controller of the inventory and no voter of the quorum: `invoke deploy` takes it in"
        in found["problems"]
    )


@pytest.mark.parametrize(
    ("voters", "said"), [((101, 102, 103), []), ((101, 102), ["the quorum has 2 voters and needs"])]
)
def test_an_even_number_of_voters_is_worth_a_look(voters: tuple[int, ...], said: list[str]):
    ids = {name: number for name, number in OWN.items() if number in voters}
    found = list(doctor.cluster(status(FakeQuorum(*voters), ids)))
    assert [text in one.what for text, one in zip(said, found, strict=True)] == [True] * len(said)
    assert all(one.fix for one in found)


def test_without_a_quorum_there_is_nothing_to_find():
    assert list(doctor.cluster({"cluster": None, "hosts": {}})) == []
    assert list(doctor.cluster({"cluster": {"quorum": None}, "hosts": {}})) == []


def knows(directory: Path, groups: Any, unit: str, listed: str) -> list[doctor.Finding]:
    target = support.target(support.inventory(directory, **groups), "kafka1")
    plan: Any = SimpleNamespace(changes=(), nothing=True)
    return list(doctor.host(Witness(target, plan, said={unit: {"bootstrap": listed, "settings": {}}})))


@pytest.mark.parametrize(
    ("groups", "unit"), [(APART, "kafka"), (APART, "kafka-controller"), ({"kafka": HOSTS}, "kafka")]
)
def test_a_list_that_misses_a_controller_is_worth_a_look(tmp_path: Path, groups: Any, unit: str):
    assert knows(tmp_path, groups, unit, "kafka1:9093,kafka2:9093,kafka3:9093") == []
    assert knows(tmp_path, groups, unit, "") == [], "nothing is deployed, or ZooKeeper keeps the metadata"
    (one,) = knows(tmp_path, groups, unit, "kafka1:9093,kafka3:9093")
    assert one.what.startswith(f"{unit}: controller.quorum.bootstrap.servers leaves out kafka2") and "deploy" in one.fix


@pytest.mark.parametrize(
    ("groups", "ports"),
    [
        (APART, "port 9093 takes"),
        ({"kafka": HOSTS}, "port 9093 takes"),
        (
            {"kafka": HOSTS, "kafka_controller": {"a": {}, "b": {"kafka_controller_port": 9095}}},
            "ports 9093, 9095 take",
        ),
        ({"kafka": HOSTS, "zookeeper": HOSTS}, ""),
    ],
)
def test_controllers_that_take_anybody_are_worth_a_look(tmp_path: Path, groups: Any, ports: str):
    found = [one.what for one in doctor.inventory(support.inventory(tmp_path, **groups)) if "controllers'" in one.what]
    assert found == (
        [f"the controllers' {ports} anybody: whoever gets there can change the cluster's metadata"] if ports else []
    )


def test_a_controller_that_is_close_to_a_limit_is_named_with_its_own_words():
    service = {
        "disks": [{"path": "/d", "used_bytes": 90, "total_bytes": 100}],
        "heap_used_bytes": 90,
        "heap_max_bytes": 100,
        "open_files": None,
        "open_files_max": None,
    }
    disk, heap = doctor.soon("kafka-controller", service)
    assert "a controller stops" in disk.fix and heap.fix == "raise kafka_controller_heap"


def test_doctor_remembers_what_the_hosts_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    target = support.target(support.inventory(tmp_path, **APART), "kafka1")
    plan: Any = SimpleNamespace(changes=(), nothing=True)
    witness = Witness(target, plan, said={"kafka": {"bootstrap": "kafka1:9093"}})
    options: Any = SimpleNamespace(limit=None, agreed={}, accept_downtime=False)
    site: Any = SimpleNamespace(judge=lambda *_: [])
    nobody: Any = SimpleNamespace(call=None)
    run = Examination(site, target.inventory, options, nobody, None)
    run._judge(nobody, [witness])
    assert run.witnesses == {"kafka1": witness}
