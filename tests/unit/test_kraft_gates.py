"""The gates of a cluster without ZooKeeper: combined nodes obey the rules of brokers and of controllers; controllers of
their own have a gate of their own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from cluster.metadata import remote as nodes
from provisioner.connect import requests
from provisioner.errors import HostFailed
from roles import site as the_site
from roles.kafka.gate import KafkaGate
from roles.shared import waits
from roles.shared.keeper_gate import KeeperGate
from tests.support import roles as support
from tests.support.fake_hosts import FakeHosts
from tests.support.gates import BROKERS, Brokers
from tests.support.quorum import LEVEL, FakeQuorum

STOPPED = {"state": "failed", "coming": False, "died": 0, "work": []}
FIVE = ("kafka1", "kafka2", "kafka3", "kafka4", "kafka5")
ALL_COMBINED = {name: {"kafka_process_roles": "broker,controller"} for name in FIVE}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time passes a tenth of a second at each look at the clock, and nobody sleeps."""
    ticks = iter(range(1_000_000))
    monkeypatch.setattr(waits.time, "monotonic", lambda: next(ticks) / 10)
    monkeypatch.setattr(waits.time, "sleep", lambda seconds: None)


# -- combined nodes


def combined(
    directory: Path, quorum: FakeQuorum, brokers: Brokers, kafka: Any = None, said: list[str] | None = None, **also: Any
) -> KafkaGate:
    """The gate of brokers that are controllers, too: the first three, or as `kafka` says."""
    inventory = support.inventory(directory, kafka=kafka or list(brokers.names), **also)
    targets = {name: support.target(inventory, name) for name in brokers.names}
    brokers.call.also(quorum.answers)
    return KafkaGate(targets, brokers.call, lambda host, text: said.append(text) if said is not None else None)


@pytest.mark.parametrize(
    ("leader", "down", "order"),
    [
        (1, (), ["kafka2", "kafka3", "kafka1", "kafka4", "kafka5"]),
        (2, (), ["kafka1", "kafka3", "kafka2", "kafka4", "kafka5"]),
        # Those that are down cost nothing.
        (1, ("kafka3",), ["kafka3", "kafka2", "kafka1", "kafka4", "kafka5"]),
        (1, ("kafka5",), ["kafka5", "kafka2", "kafka3", "kafka1", "kafka4"]),
    ],
)
def test_controllers_restart_before_mere_brokers_and_their_leader_last(
    tmp_path: Path, leader: int, down: tuple[str, ...], order: list[str]
):
    quorum, brokers = FakeQuorum(1, 2, 3, leader=leader), Brokers(FIVE)
    brokers.down, quorum.down = {*down}, {3} & {brokers.ids[name] for name in down}
    gate = combined(tmp_path, quorum, brokers)
    found, few = gate.order(FIVE), ("kafka4", "kafka1", "kafka2")
    assert list(found) == order and list(gate.order(few)) == [one for one in order if one in few]
    assert [host for host, why in found.items() if why.startswith("it is down")] == list(down)
    assert [host for host, why in found.items() if why.startswith("the leader")] == [f"kafka{leader}"]
    assert {why for host, why in found.items() if host in ("kafka4", "kafka5") and host not in down} == {""}
    assert "a controller, before mere brokers" in found.values()
    assert "a controller, before mere brokers" not in gate.order(["kafka1", "kafka2"]).values()


def test_a_broker_that_is_named_to_clients_as_the_controller_is_ordered_as_any_other(tmp_path: Path):
    brokers = Brokers(FIVE)
    brokers.controller = 4
    gate = combined(tmp_path, FakeQuorum(1, 2, 3), brokers)
    assert gate.order(["kafka5", "kafka4"]) == {"kafka4": "", "kafka5": ""}


def test_mere_brokers_are_ordered_without_the_quorum(tmp_path: Path):
    brokers = Brokers(FIVE)
    gate = combined(tmp_path, FakeQuorum(1, 2, 3), brokers)
    assert list(gate.order(["kafka5", "kafka4"])) == ["kafka4", "kafka5"] and not brokers.call.to(nodes.kraft_quorum)


def test_a_node_of_a_healthy_cluster_goes_and_comes_back_and_hands_over_nothing(tmp_path: Path):
    brokers, said = Brokers(), list[str]()
    gate = combined(tmp_path, FakeQuorum(1, 2, 3), brokers, said=said)
    before = gate.permit("kafka1")
    assert before is not None and not gate.relieve("kafka1", before)
    gate.settle("kafka1", before)
    assert said == ["electing the preferred leaders", ""] and gate.turns == {}


def test_a_voter_that_lags_keeps_another_one_up_also_where_brokers_could_be_spared(tmp_path: Path):
    quorum, brokers = FakeQuorum(1, 2, 3, 4, 5), Brokers(FIVE)
    quorum.voters[5, "disk5"]["end_offset"] = 90
    gate = combined(tmp_path, quorum, brokers, ALL_COMBINED, kafka_start_stall="5s")
    with pytest.raises(HostFailed, match="kafka1 must stay up: 1 of the 4 other voters of the quorum has not") as error:
        gate.permit("kafka1")
    assert error.value.details == ["kafka5: has the metadata up to offset 90 of 100"]
    # Without a vote of its own, a broker needs only a quorum that bears one loss more.
    mere = {**ALL_COMBINED, "kafka1": {"kafka_process_roles": "broker"}}
    del quorum.voters[1, "disk1"]
    quorum.leader = 2
    quorum.voters[6, "disk6"] = dict(LEVEL)
    assert combined(tmp_path, quorum, brokers, mere).permit("kafka1") is not None


def test_no_broker_goes_while_the_quorum_hangs_on_every_controller_that_is_left(tmp_path: Path):
    quorum, brokers = FakeQuorum(1, 2, 3), Brokers()
    quorum.stop(3)
    brokers.units["kafka3"] = {"state": "failed", "coming": False, "died": 0, "work": []}
    with pytest.raises(HostFailed, match="no broker may go down: 2 of 3 voters of the quorum have caught up") as error:
        combined(tmp_path, quorum, brokers).permit("kafka1")
    assert error.value.details == ["kafka3: kafka does not run (failed)"]


def test_a_node_s_return_is_measured_by_what_was_seen_before_it_went(tmp_path: Path):
    quorum, brokers = FakeQuorum(1, 2, 3), Brokers()
    gate = combined(tmp_path, quorum, brokers, kafka_start_stall="5s")
    before = gate.permit("kafka3")
    quorum.voters[3, "other"] = quorum.voters.pop((3, "disk3"))
    with pytest.raises(HostFailed, match="kafka3 came back with another metadata directory"):
        gate.settle("kafka3", before)
    gate.permit("kafka3")  # another turn has a first look of its own
    gate.settle("kafka3", before)


def test_what_a_voter_has_to_reach_does_not_move_away_while_it_is_waited_for(tmp_path: Path):
    quorum, brokers = FakeQuorum(1, 2, 3), Brokers()
    slow = quorum.voters[2, "disk2"]
    slow["end_offset"] = 90  # of 100

    def later() -> None:
        quorum.high_watermark = quorum.voters[1, "disk1"]["end_offset"] = 5000
        slow["end_offset"] = 100

    quorum.then[9] = later
    assert combined(tmp_path, quorum, brokers, kafka_start_stall="5s").permit("kafka3") is not None
    assert quorum.looks >= 9


@pytest.mark.parametrize(
    ("names", "host", "said"),
    [
        (("kafka1",), "kafka1", "kafka1 is the only Kafka broker"),
        (("kafka1", "kafka2"), "kafka2", "kafka2 is one of two controllers"),
        (BROKERS, "kafka3", ""),
    ],
)
def test_what_a_restart_costs_in_any_case(tmp_path: Path, names: tuple[str, ...], host: str, said: str):
    brokers = Brokers(names)
    brokers.partition |= {"replicas": [*brokers.ids.values()], "isr": [*brokers.ids.values()], "min_isr": 1}
    gate = combined(tmp_path, FakeQuorum(*brokers.ids.values()), brokers)
    lost = gate.downtime(host)
    assert said in lost.reason if lost else not said


def departing(directory: Path, quorum: FakeQuorum, *leaving: str, groups: Any) -> list[str]:
    inventory = support.inventory(directory, **groups)
    brokers = Brokers()
    brokers.partition |= {"replicas": [1], "isr": [1], "min_isr": 1}
    targets = [support.target(inventory, name) for name in leaving]
    return the_site.departure(targets, brokers.call.also(quorum.answers), lambda host, text: None)


@pytest.mark.parametrize(
    ("groups", "voters"),
    [({"kafka": BROKERS}, (1, 2, 3)), ({"kafka": BROKERS, "kafka_controller": BROKERS}, (101, 102, 103))],
)
def test_hosts_leave_when_they_have_no_vote_any_more(tmp_path: Path, groups: Any, voters: tuple[int, ...]):
    groups = {group: list(hosts) for group, hosts in groups.items()}
    (said,) = departing(tmp_path, FakeQuorum(*voters), "kafka3", groups=groups)
    assert said.startswith("kafka3 is a voter of the quorum") and said.endswith("quorum.remove --controller kafka3`")
    assert departing(tmp_path, FakeQuorum(*voters[:2]), "kafka3", groups=groups) == []
    (said,) = departing(tmp_path, FakeQuorum(*voters), "kafka2", "kafka3", groups=groups)
    assert said.startswith("without kafka2, kafka3, 1 of 3 voters of the quorum answer and it needs 2")
    assert departing(tmp_path, FakeQuorum(*voters), *BROKERS, groups=groups) == [], "the whole cluster may go"


# -- controllers of their own


def apart(directory: Path, quorum: FakeQuorum, units: Mapping[str, Any] | None = None, **also: Any) -> KeeperGate:
    inventory = support.inventory(directory, kafka=["b1", "b2"], kafka_controller=list(BROKERS), **also)
    targets = {name: support.target(inventory, name) for name in BROKERS}

    def unit(host: str, args: Mapping[str, Any]) -> Any:
        assert args == {"unit": "kafka-controller", "log_file": "/var/log/kafka-controller/server.log"}
        return (units or {})[host]

    hosts = FakeHosts({**quorum.answers, requests.look_at_unit: unit})
    gate: Any = the_site.gate("kafka-controller", targets, hosts, lambda host, text: None)
    assert isinstance(gate, KeeperGate)
    return gate


def test_controllers_of_their_own_roll_with_their_leader_last(tmp_path: Path):
    quorum = FakeQuorum(101, 102, 103, leader=102)
    gate = apart(tmp_path, quorum)
    assert list(gate.order(BROKERS)) == ["kafka1", "kafka3", "kafka2"]
    assert list(gate.order(["kafka2", "kafka3"]))[-1] == "kafka2"
    gate.permit("kafka1")
    assert not gate.relieve("kafka1", None) and gate.restore(["kafka1"]) == ""
    gate.settle("kafka1", None)
    quorum.down = {103}
    assert list(gate.order(BROKERS)) == ["kafka3", "kafka1", "kafka2"]


def test_one_of_three_down_keeps_the_others_up_and_its_unit_is_named(tmp_path: Path):
    quorum = FakeQuorum(101, 102, 103)
    quorum.stop(103)
    gate = apart(tmp_path, quorum, {"kafka3": STOPPED})
    with pytest.raises(HostFailed, match="kafka2 must stay up: 1 of the 2 other voters") as error:
        gate.permit("kafka2")
    assert error.value.details == ["kafka3: kafka-controller does not run (failed)"]
    gate.permit("kafka3")  # a start fixes it


def test_a_controller_is_back_with_the_directory_that_it_had_before(tmp_path: Path):
    quorum = FakeQuorum(101, 102, 103)
    gate = apart(tmp_path, quorum, kafka_controller_start_stall="5s")
    gate.permit("kafka3")
    quorum.voters[103, "other"] = quorum.voters.pop((103, "disk103"))
    with pytest.raises(HostFailed, match="kafka3 came back with another metadata directory"):
        gate.settle("kafka3", None)
    gate.settle("kafka3", None)  # of one whose turn was another run's, what it had before is not known


@pytest.mark.parametrize(("hosts", "said"), [(3, False), (2, True)])
def test_what_the_restart_of_a_controller_costs(tmp_path: Path, hosts: int, said: bool):
    names = list(BROKERS[:hosts])
    site = support.inventory(tmp_path, kafka=["b"], kafka_controller=names)
    targets = {name: support.target(site, name) for name in names}
    gate = the_site.gate("kafka-controller", targets, FakeHosts({}), lambda host, text: None)
    lost = gate.downtime("kafka1")
    assert (lost is not None and "is one of two controllers" in lost.reason) is said


# -- both kinds, on the way from the one to the other


def test_a_host_with_two_controllers_has_each_of_them_asked_about_by_its_own_unit(tmp_path: Path):
    quorum = FakeQuorum(1, 2, 3, 101, 102, 103, leader=101)
    ports = {"kafka_controller_port": 9095, "kafka_combined_controller_port": 9093}
    both: Any = {"kafka_controller": list(BROKERS), "kafka_process_roles": "broker,controller", **ports}
    inventory = support.inventory(tmp_path, kafka=list(BROKERS), **both)
    targets = {name: support.target(inventory, name) for name in BROKERS}
    asked: list[tuple[str, str]] = []

    def unit(host: str, args: Mapping[str, Any]) -> Any:
        asked.append((host, args["unit"]))
        return STOPPED

    hosts = FakeHosts({**quorum.answers, requests.look_at_unit: unit})
    gate: Any = the_site.gate("kafka-controller", targets, hosts, lambda host, text: None)
    assert list(gate.order(BROKERS)) == ["kafka2", "kafka3", "kafka1"]
    gate.permit("kafka1")
    quorum.stop(2)  # the one beside kafka2's broker
    with pytest.raises(HostFailed, match="kafka1 must stay up: 1 of the 5 other voters") as error:
        gate.permit("kafka1")
    assert error.value.details == ["kafka2 (2): kafka does not run (failed)"] and set(asked) == {("kafka2", "kafka")}
    brokers = Brokers()
    brokers.call.also(quorum.answers)
    brokers.call.also({requests.look_at_unit: unit})
    with pytest.raises(HostFailed, match="kafka3 must stay up: 1 of the 5 other voters") as error:
        KafkaGate(targets, brokers.call, lambda host, text: None).permit("kafka3")
    assert error.value.details == ["kafka2: kafka does not run (failed)"]
