"""The gates of a roll, asked with a made-up cluster: what they look at, how long they wait, what they say meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import roles_support as support

from provisioner.errors import HostFailed
from roles import gates

BROKERS = ("kafka1", "kafka2", "kafka3")


class Brokers:
    """Three brokers with one topic of three copies. down: those that do not answer; seen: what each one believes."""

    def __init__(self, names: tuple[str, ...] = BROKERS) -> None:
        self.names = names
        self.ids = dict(zip(names, range(1, 9), strict=False))
        self.down: set[str] = set()
        self.controller: int | None = 1
        self.partition = {
            "topic": "t",
            "partition": 0,
            "leader": 1,
            "replicas": [1, 2, 3],
            "isr": [1, 2, 3],
            "min_isr": 2,
        }
        self.seen: dict[str, dict[str, Any]] = {}
        self.asked = 0
        self.then: dict[int, Callable[[], None]] = {}  # after so many questions, this happens

    def _at(self, host: str, address: str) -> str:
        name = address.split(":")[0]
        return host if name == "127.0.0.1" else name

    def call(self, host: str, module: str, function: str, args: Mapping[str, Any]) -> dict[str, Any]:
        assert module == "roles.kafka.onhost.probe"
        if function == "answering":
            refused = {address: self._at(host, address) in self.down for address in args["addresses"]}
            return {address: "Connection refused" if down else "" for address, down in refused.items()}
        self.asked += 1
        self.then.pop(self.asked, lambda: None)()
        at = self._at(host, args["bootstrap"])
        if at in self.down:
            return {"serving": False, "why": "Connection refused"}
        registered = {str(number): {} for number in self.ids.values()}
        view = {"brokers": registered, "controller": self.controller, "partitions": [self.partition]}
        return {"serving": True, **view, **self.seen.get(at, {})}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time passes a tenth of a second at each look at the clock, and nobody sleeps."""
    ticks = iter(range(1_000_000))
    monkeypatch.setattr(gates.time, "monotonic", lambda: next(ticks) / 10)
    monkeypatch.setattr(gates.time, "sleep", lambda seconds: None)


def gate_of(directory: Path, brokers: Brokers, said: list[str] | None = None, **variables: Any) -> gates.KafkaGate:
    site = support.inventory(directory, kafka=list(brokers.names), zookeeper=["zoo1"], **variables)
    targets = {name: support.target(site, name) for name in brokers.names}
    say = (lambda host, text: said.append(f"{host}: {text}")) if said is not None else (lambda host, text: None)
    return gates.KafkaGate(targets, brokers.call, say)


def test_the_controller_restarts_last_and_a_broker_that_does_not_answer_first(tmp_path: Path):
    brokers = Brokers()
    brokers.controller = 2
    gate = gate_of(tmp_path, brokers)
    assert gate.order(BROKERS) == ["kafka1", "kafka3", "kafka2"]
    assert gate.order(["kafka3", "kafka2"]) == ["kafka3", "kafka2"]
    brokers.down = {"kafka3"}
    assert gate.order(BROKERS) == ["kafka3", "kafka1", "kafka2"]


def test_a_broker_of_a_healthy_cluster_may_go_down_at_once(tmp_path: Path):
    brokers = Brokers()
    before = gate_of(tmp_path, brokers).permit("kafka1")
    assert before is not None and brokers.asked == 1


def test_waiting_says_for_what_and_ends_when_the_copies_are_in_sync(tmp_path: Path):
    brokers, said = Brokers(), []
    brokers.partition["isr"] = [1, 2]
    brokers.then[30] = lambda: brokers.partition.update(isr=[1, 2, 3])
    assert gate_of(tmp_path, brokers, said).permit("kafka1") is not None
    assert brokers.asked == 30
    assert said == [
        "kafka1: waiting, broker 1 must stay up: 1 partition cannot spare an in-sync copy: t-0 (isr 1,2 of 3, needs 2)"
    ]


def test_a_broker_that_died_a_moment_ago_keeps_the_others_up_although_it_is_still_registered(tmp_path: Path):
    brokers = Brokers()
    brokers.down = {"kafka3"}
    with pytest.raises(HostFailed, match="as broker 3 is down") as refused:
        gate_of(tmp_path, brokers).permit("kafka1")
    assert refused.value.details == ["t-0 (isr 1,2 of 3, needs 2)"] and refused.value.host == "kafka1"
    assert 10 < brokers.asked < 60, "a missing broker is waited for, but not for long"


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
    assert 80 < brokers.asked < 210


def test_a_restarted_broker_is_back_when_it_and_another_one_say_so(tmp_path: Path):
    brokers, said = Brokers(), []
    gate = gate_of(tmp_path, brokers, said)
    before = gate.permit("kafka1")
    behind = {"partitions": [{**brokers.partition, "isr": [2, 3]}]}
    brokers.seen = {"kafka1": behind}
    brokers.then[20] = lambda: brokers.seen.update({"kafka1": {}, "kafka2": behind})
    brokers.then[40] = lambda: brokers.seen.clear()
    gate.settle("kafka1", before)
    assert brokers.asked >= 40
    assert said == ["kafka1: waiting, 1 partition not yet in sync: t-0 (isr 2,3 of 3, needs 2)"]


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

    def call(host: str, module: str, function: str, args: Mapping[str, Any]) -> dict[str, Any]:
        assert module == "roles.zookeeper.onhost.probe"
        name = host if args["host"] == "127.0.0.1" else str(args["host"])
        asked.append((host, name))
        mode = servers[name]
        return {"serving": True, "mode": mode, **({"synced_followers": 2} if mode == "leader" else {})}

    targets = {name: support.target(site, name) for name in ("z1", "z2")}
    zookeeper = gates.gate("zookeeper", targets, call, lambda host, text: None)
    assert zookeeper.order(["z2", "z1"]) == ["z1", "z2"]
    asked.clear()
    zookeeper.permit("z1")
    zookeeper.settle("z1", None)
    assert {host for host, _ in asked} == {"z1"} and {name for _, name in asked} == {"z1", "z2", "z3"}
    brokers = Brokers(("b1", "b2"))
    brokers.partition |= {"replicas": [1, 2], "isr": [1, 2], "min_isr": 1}
    kafka = gates.gate("kafka", {"b2": support.target(site, "b2")}, brokers.call, lambda host, text: None)
    assert kafka.order(["b2"]) == ["b2"] and kafka.permit("b2") is not None
