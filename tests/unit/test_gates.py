"""The gates of a roll, asked with a made-up cluster: what they look at, how long they wait, what they say meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from cluster import remote
from cluster.metadata import remote as nodes
from provisioner.errors import HostFailed
from roles import site as the_site
from roles.kafka.gate import KafkaGate
from roles.shared import waits
from tests.support import roles as support
from tests.support.fake_hosts import FakeHosts
from tests.support.gates import BROKERS, Brokers

RUNS = {"state": "running", "coming": True, "died": 0, "work": [1, 1]}
STOPPED = {"state": "dead", "coming": False, "died": 0, "work": []}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time passes a tenth of a second at each look at the clock, and nobody sleeps."""
    ticks = iter(range(1_000_000))
    monkeypatch.setattr(waits.time, "monotonic", lambda: next(ticks) / 10)
    monkeypatch.setattr(waits.time, "sleep", lambda seconds: None)


def gate_of(
    directory: Path, brokers: Brokers, said: list[str] | None = None, run: tuple[str, ...] = BROKERS, **variables: Any
) -> KafkaGate:
    site = support.inventory(directory, kafka=list(brokers.names), zookeeper=list(brokers.servers), **variables)
    targets = {name: support.target(site, name) for name in run}
    say = (lambda host, text: said.append(f"{host}: {text}")) if said is not None else (lambda host, text: None)
    return KafkaGate(targets, brokers.call, say)


def test_the_controller_restarts_last_and_a_broker_that_does_not_answer_first(tmp_path: Path):
    brokers = Brokers()
    brokers.controller = 2
    gate = gate_of(tmp_path, brokers)
    assert list(gate.order(BROKERS)) == ["kafka1", "kafka3", "kafka2"]
    assert list(gate.order(["kafka3", "kafka2"])) == ["kafka3", "kafka2"]
    brokers.down = {"kafka3"}
    assert list(gate.order(BROKERS)) == ["kafka3", "kafka1", "kafka2"]


def test_a_broker_of_a_healthy_cluster_may_go_down_at_once(tmp_path: Path):
    brokers = Brokers()
    before = gate_of(tmp_path, brokers).permit("kafka1")
    assert before is not None and brokers.asked == 1


def test_only_a_controller_hands_over_and_only_where_there_is_another_broker(tmp_path: Path):
    brokers, said = Brokers(), list[Any]()
    gate = gate_of(tmp_path, brokers, said)
    assert not gate.relieve("kafka2", gate.permit("kafka2")) and brokers.handed == 0
    assert gate.relieve("kafka1", gate.permit("kafka1")) and brokers.handed == 1
    assert said == ["kafka1: handing the controller over to another broker"]
    assert not gate.relieve("kafka1", None), "no broker answered"
    brokers.down = {"kafka2", "kafka3"}
    brokers.partition["isr"] = [1]
    alone = gate._state("kafka1", own=True)
    assert alone is not None and not gate.relieve("kafka1", alone.without(frozenset({2, 3})))
    assert brokers.handed == 1


def test_a_controller_that_cannot_hand_over_restarts_all_the_same(tmp_path: Path):
    brokers, said = Brokers(), list[Any]()
    brokers.stubborn = "not allowed"
    gate = gate_of(tmp_path, brokers, said)
    assert not gate.relieve("kafka1", gate.permit("kafka1"))
    assert said[-1] == "kafka1: the controller was not handed over: not allowed"


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({"returned": 7, "refused": {}}, "7 leaders returned to their preferred brokers"),
        ({"returned": 1, "refused": {}}, "1 leader returned to its preferred broker"),
        ({"returned": 0, "refused": {}}, ""),
        (
            {"returned": 2, "refused": {"NotLeaderError": 1}},
            "2 leaders returned to their preferred brokers, 1 leader could not return (NotLeaderError)",
        ),
        ({"returned": 0, "refused": {"X": 3}}, "3 leaders could not return (X)"),
    ],
)
def test_after_the_last_restart_leaders_return_and_it_is_said_in_a_line(tmp_path: Path, found: Any, said: str):
    brokers = Brokers()
    brokers.elected = found
    assert gate_of(tmp_path, brokers).restore(["kafka2", "kafka1"]) == said
    assert brokers.call.asked[-1][0] == "kafka1", "the broker that restarted last is back, too"
    assert brokers.call.to(remote.restore_leaders) == [{"bootstrap": "127.0.0.1:9092"}]


@pytest.mark.parametrize("value", [False, "false", " False "])
def test_leaders_stay_where_the_inventory_switches_their_return_off(tmp_path: Path, value: Any):
    brokers = Brokers()
    gate = gate_of(tmp_path, brokers, kafka_config={"auto.leader.rebalance.enable": value})
    assert gate.restore(["kafka1"]) == "" and not brokers.call.to(remote.restore_leaders)
    gate = gate_of(tmp_path, brokers, kafka_config={"auto.leader.rebalance.enable": True})
    assert gate.restore(["kafka1"]) != ""


def test_a_single_broker_is_asked_for_no_election(tmp_path: Path):
    brokers = Brokers(("kafka1",))
    assert gate_of(tmp_path, brokers, run=("kafka1",)).restore(["kafka1"]) == "" and not brokers.call.asked


def test_waiting_says_for_what_and_ends_when_the_copies_are_in_sync(tmp_path: Path):
    brokers, said = Brokers(), list[Any]()
    brokers.partition["isr"] = [1, 2]
    brokers.then[15] = lambda: brokers.partition.update(isr=[1, 2, 3])
    assert gate_of(tmp_path, brokers, said).permit("kafka1") is not None
    assert brokers.asked == 15
    assert said == [
        "kafka1: waiting, broker 1 must stay up: 1 partition cannot spare an in-sync copy: t-0 (isr 1,2 of 3, needs 2)"
        "; 0 B of 2 GiB copied"
    ]


@pytest.mark.parametrize("step", ["permit", "settle"])
def test_one_partition_that_copies_for_longer_than_the_stall_does_not_end_the_wait(tmp_path: Path, step: str):
    brokers, said = Brokers(), list[Any]()
    gate = gate_of(tmp_path, brokers, said, kafka_start_stall="5s")
    before = gate.permit("kafka1")
    brokers.partition["isr"] = [1, 2] if step == "permit" else [2, 3]
    brokers.growing = 1 << 20
    brokers.then[600] = lambda: brokers.partition.update(isr=[1, 2, 3])
    if step == "permit":
        gate.permit("kafka1")
    else:
        gate.settle("kafka1", before)
    assert brokers.asked >= 600
    said = [text for text in said if "waiting" in text]
    assert len(said) > 5 and said[-1].split("; ")[1].endswith(" MiB of 2 GiB copied"), said
    assert len({text.split("; ")[0] for text in said}) == 1, "what it waits for is the same all the time"


@pytest.mark.parametrize("step", ["permit", "settle"])
def test_a_copy_that_stands_still_ends_the_wait_and_says_how_far_it_was(tmp_path: Path, step: str):
    brokers = Brokers()
    gate = gate_of(tmp_path, brokers, kafka_start_stall="5s")
    before = gate.permit("kafka1")
    brokers.partition["isr"] = [1, 2] if step == "permit" else [2, 3]
    brokers.copied = 1 << 30
    with pytest.raises(HostFailed) as ended:
        gate.permit("kafka1") if step == "permit" else gate.settle("kafka1", before)
    assert ended.value.details[-1] == "1 GiB of 2 GiB copied"
    assert brokers.asked < 100


def refused(directory: Path, brokers: Brokers, **options: Any) -> HostFailed:
    """How the gate refuses to let kafka1 go while kafka3 is down."""
    brokers.down = {"kafka3"}
    with pytest.raises(HostFailed, match="as broker 3 is down") as error:
        gate_of(directory, brokers, **options).permit("kafka1")
    assert error.value.host == "kafka1" and error.value.details[0] == "t-0 (isr 1,2 of 3, needs 2)"
    return error.value


def test_a_broker_that_is_stopped_keeps_the_others_up_at_once_although_it_is_still_registered(tmp_path: Path):
    brokers = Brokers()
    brokers.units["kafka3"] = STOPPED
    error = refused(tmp_path, brokers)
    assert error.details[1:] == ["kafka3: kafka does not run (dead)"] and "deploy starts what is down" in str(error)
    assert brokers.asked < 12, "systemd has given it up, so that there is nothing to wait for"


def test_a_broker_outside_the_run_is_waited_for_but_not_for_long(tmp_path: Path):
    brokers = Brokers()
    error = refused(tmp_path, brokers, run=("kafka1", "kafka2"))
    assert error.details[1:] == ["kafka3, which is not part of this run: Connection refused"]
    assert 12 < brokers.asked < 60


def test_a_broker_that_systemd_is_starting_is_waited_for_as_long_as_it_does_something(tmp_path: Path):
    brokers, said = Brokers(), list[Any]()
    work = iter(range(10_000))
    brokers.down = {"kafka3"}
    brokers.units["kafka3"] = RUNS
    for asked in range(1, 400):  # it reads its log: for longer than the stall
        brokers.then[asked] = lambda: brokers.units.update(kafka3={**RUNS, "work": [next(work), 0]})
    brokers.then[400] = brokers.down.clear
    assert gate_of(tmp_path, brokers, said, kafka_start_stall="10s").permit("kafka1") is not None
    assert brokers.asked >= 400
    assert "kafka3: kafka is running and does not answer yet (Connection refused)" in said[0]


def test_a_broker_that_hangs_in_its_start_is_given_up_after_the_stall(tmp_path: Path):
    brokers = Brokers()
    brokers.units["kafka3"] = {**RUNS, "state": "start-pre"}
    error = refused(tmp_path, brokers, kafka_start_stall="10s")
    assert error.details[1:] == ["kafka3: kafka is start-pre and does not answer yet (Connection refused)"]
    assert 20 < brokers.asked < 100


def test_a_broker_that_dies_again_and_again_is_not_taken_for_one_that_advances(tmp_path: Path):
    brokers = Brokers()
    brokers.units["kafka3"] = {**RUNS, "state": "auto-restart", "died": 3}
    for asked in range(1, 1000):
        brokers.then[asked] = lambda: brokers.units.update(
            kafka3={**brokers.units["kafka3"], "died": brokers.units["kafka3"]["died"] + 1}
        )
    error = refused(tmp_path, brokers)
    assert error.details[1:] == ["kafka3: kafka starts and dies repeatedly"]
    assert brokers.asked < 100


def test_a_restarted_broker_whose_unit_is_given_up_stops_the_roll_at_once(tmp_path: Path):
    brokers = Brokers()
    gate = gate_of(tmp_path, brokers)
    before = gate.permit("kafka1")
    brokers.down, brokers.units["kafka1"] = {"kafka1"}, {**STOPPED, "state": "failed"}
    brokers.seen = {name: {"brokers": {"2": {}, "3": {}}} for name in BROKERS}
    with pytest.raises(HostFailed, match="broker 1 is not registered") as error:
        gate.settle("kafka1", before)
    assert error.value.details == ["kafka1: kafka does not run (failed)"] and brokers.asked < 20


def test_no_broker_goes_down_while_the_zookeeper_quorum_hangs_on_every_server_that_is_left(tmp_path: Path):
    brokers = Brokers()
    brokers.servers = {"zoo1": "leader", "zoo2": "follower", "zoo3": ""}
    gate = gate_of(tmp_path, brokers)
    with pytest.raises(HostFailed, match="no broker may go down: 2 of 3 ZooKeeper servers serve") as error:
        gate.permit("kafka1")
    assert error.value.details == ["zoo3, which is not part of this run: Connection refused"]
    brokers.servers["zoo3"] = "follower"
    assert gate.permit("kafka1") is not None
    brokers.servers["zoo3"] = ""
    brokers.down = {"kafka1"}
    assert gate.permit("kafka1") is not None, "one that is down may be started"


def test_without_a_quorum_brokers_are_not_asked_what_only_zookeeper_could_tell_them(tmp_path: Path):
    brokers = Brokers()
    brokers.servers = {"zoo1": "", "zoo2": "", "zoo3": "follower"}
    gate = gate_of(tmp_path, brokers)
    assert list(gate.order(BROKERS)) == ["kafka2", "kafka3", "kafka1"] and gate.downtime("kafka1") is None
    with pytest.raises(HostFailed, match="1 of 3 ZooKeeper servers serve"):
        gate.permit("kafka1")
    assert brokers.asked > 3


def test_a_broker_that_answers_and_does_not_tell_how_the_cluster_is_stays_up(tmp_path: Path):
    brokers = Brokers()
    brokers.seen = {name: {"serving": False, "why": "timed out"} for name in BROKERS}
    with pytest.raises(HostFailed, match="it answers, but does not return the state of the cluster"):
        gate_of(tmp_path, brokers, kafka_start_stall="5s").permit("kafka1")


def test_an_ensemble_that_the_inventory_does_not_have_is_not_asked(tmp_path: Path):
    brokers = Brokers()
    brokers.servers, brokers.elsewhere = {"zoo1": ""}, True
    assert gate_of(tmp_path, brokers, kafka_zookeeper_connect="elsewhere:2181").permit("kafka1") is not None


def test_a_broker_that_is_down_may_be_started_whatever_the_others_do(tmp_path: Path):
    brokers = Brokers()
    brokers.down = {"kafka2", "kafka3"}
    assert gate_of(tmp_path, brokers).permit("kafka3") is not None
    brokers.down = set(BROKERS)
    assert gate_of(tmp_path, brokers).permit("kafka3") is None


def test_nothing_that_moves_for_long_enough_ends_the_wait(tmp_path: Path):
    brokers = Brokers()
    brokers.partition["isr"] = [1, 2]
    with pytest.raises(HostFailed, match="cannot spare an in-sync copy"):
        gate_of(tmp_path, brokers, kafka_start_stall="20s").permit("kafka1")
    assert 40 < brokers.asked < 210


def test_a_restarted_broker_is_back_when_it_and_another_one_say_so(tmp_path: Path):
    brokers, said = Brokers(), list[Any]()
    gate = gate_of(tmp_path, brokers, said)
    before = gate.permit("kafka1")
    behind = {"partitions": [{**brokers.partition, "isr": [2, 3]}]}
    brokers.seen = {"kafka1": behind}
    brokers.then[20] = lambda: brokers.seen.update({"kafka1": {}, "kafka2": behind})
    brokers.then[40] = lambda: brokers.seen.clear()
    gate.settle("kafka1", before)
    assert brokers.asked >= 40
    text = "kafka1: waiting, 1 partition not yet in sync: t-0 (isr 2,3 of 3, needs 2); 0 B of 2 GiB copied"
    assert set(said[:-2]) == {text} and said[-2:] == ["kafka1: electing the preferred leaders", "kafka1: "]


def test_each_broker_gets_its_leaders_back_before_the_next_one_goes(tmp_path: Path):
    brokers = Brokers()
    brokers.elected = {"returned": 3, "refused": {}}
    gate = gate_of(tmp_path, brokers)
    for host in ("kafka1", "kafka2"):
        gate.settle(host, gate.permit(host))
        assert brokers.call.asked[-1][0] == host and brokers.call.to(remote.restore_leaders)
    brokers.elected = {"returned": 0, "refused": {"X": 1}}
    said = gate.restore(["kafka1", "kafka2"])
    assert said == "6 leaders returned to their preferred brokers, 1 leader could not return (X)"


def test_a_broker_is_back_although_its_leaders_cannot_return_yet(tmp_path: Path):
    brokers = Brokers()
    brokers.elected = HostFailed("no controller", host="kafka1")
    gate = gate_of(tmp_path, brokers)
    gate.settle("kafka1", gate.permit("kafka1"))
    with pytest.raises(HostFailed, match="no controller"):
        gate.restore(["kafka1"])


def test_a_restarted_broker_is_not_back_without_a_controller(tmp_path: Path):
    brokers = Brokers()
    gate = gate_of(tmp_path, brokers, kafka_start_stall="5s")
    before = gate.permit("kafka1")
    brokers.controller = None
    with pytest.raises(HostFailed, match="no controller"):
        gate.settle("kafka1", before)


def test_brokers_and_zookeeper_on_different_hosts_have_gates_of_their_own(tmp_path: Path):
    site = support.inventory(tmp_path, kafka=["b1", "b2"], zookeeper=["z1", "z2", "z3"])
    servers = {"z1": "follower", "z2": "leader", "z3": "follower"}
    asked: list[tuple[str, str]] = []

    def ensemble(host: str, args: Mapping[str, Any]) -> dict[str, Any]:
        assert args["servers"][host] == "127.0.0.1:2181"
        asked.extend((host, name) for name in args["servers"])
        answers: dict[str, Any] = {name: {"serving": True, "mode": servers[name]} for name in args["servers"]}
        answers["z2"]["synced_followers"] = 2
        return answers

    targets = {name: support.target(site, name) for name in ("z1", "z2")}
    zookeeper = the_site.gate(
        "zookeeper", targets, FakeHosts({nodes.zookeeper_ensemble: ensemble}), lambda host, text: None
    )
    assert list(zookeeper.order(["z2", "z1"])) == ["z1", "z2"]
    asked.clear()
    zookeeper.permit("z1")
    zookeeper.settle("z1", None)
    assert {host for host, _ in asked} == {"z1"} and {name for _, name in asked} == {"z1", "z2", "z3"}
    brokers = Brokers(("b1", "b2"))
    brokers.partition |= {"replicas": [1, 2], "isr": [1, 2], "min_isr": 1}
    brokers.servers = servers
    kafka = the_site.gate("kafka", {"b2": support.target(site, "b2")}, brokers.call, lambda host, text: None)
    assert list(kafka.order(["b2"])) == ["b2"] and kafka.permit("b2") is not None
