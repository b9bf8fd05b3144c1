"""A broker that reports no in-sync copies any more in a migration: told from copies that catch up, and when it may be
restarted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cluster import remote
from cluster.metadata import remote as nodes
from cluster.model import Partition
from cluster.state import copies
from provisioner.connect import requests
from provisioner.errors import HostFailed
from roles.kafka import migration_status, standstill
from roles.kafka.gate import KafkaGate
from roles.kafka.restart_rules import ClusterState
from roles.kafka.standstill import SECONDS, Evidence, Watch
from roles.shared import waits
from tests.support import roles as support
from tests.support.fake_hosts import FakeHosts

HOSTS = ("kafka1", "kafka2", "kafka3")


def partition(
    number: int, leader: int, isr: list[int], replicas: tuple[int, ...] = (1, 2, 3), least: int = 2
) -> Partition:
    return Partition("t", number, replicas, leader=leader, isr=tuple(isr), min_isr=least)


def state(*partitions: Partition, brokers: tuple[int, ...] = (1, 2, 3)) -> ClusterState:
    return ClusterState(frozenset(brokers), 2, partitions)


def evidence(*level: tuple[int, int], led: bool = True) -> Evidence:
    """level: (partition, broker) of copies that lack no record."""
    return Evidence(led, frozenset(("t", number, broker) for number, broker in level))


WAITS = state(partition(0, 1, [1, 2]), partition(1, 1, [1, 2]), partition(2, 2, [1, 2, 3]))


@pytest.mark.parametrize(
    ("now", "known", "suspects"),
    [
        (WAITS, evidence((0, 3), (1, 3)), [1]),
        (WAITS, evidence((0, 3)), []),  # one copy catches up
        (WAITS, evidence(), []),
        (WAITS, evidence((0, 3), (1, 3), led=False), []),  # nobody could answer any broker
        (state(partition(0, 1, [1, 2, 3])), evidence(), []),
        (state(partition(0, 1, [1, 2]), brokers=(1, 2)), evidence((0, 3)), []),  # its broker is down
        (state(partition(0, 1, [1]), brokers=(1, 2)), evidence((0, 2)), [1]),  # only one of two is
        (state(partition(0, -1, [1])), evidence((0, 2), (0, 3)), []),  # without a leader nobody could report
        (state(partition(0, 1, [1, 2]), partition(1, 2, [1, 2])), evidence((0, 3), (1, 3)), [1, 2]),
        (state(partition(0, 1, [1, 2]), partition(1, 2, [1, 2])), evidence((0, 3)), [1]),
    ],
)
def test_who_may_stand_still_leads_copies_that_are_complete_and_not_in_sync(
    now: ClusterState, known: Evidence, suspects: list[int]
):
    assert standstill.suspects(now, known) == suspects


LEVEL = evidence((0, 3), (1, 3))
LATE = SECONDS + 1
NEW = state(*WAITS.partitions, partition(3, 1, [1, 2, 3]))
SHRUNK = state(partition(0, 1, [1]), *WAITS.partitions[1:])
GROWN = state(partition(0, 1, [1, 2, 3]), *WAITS.partitions[1:])


@pytest.mark.parametrize(
    ("looks", "stands"),
    [
        ([(0, WAITS, LEVEL), (LATE, WAITS, LEVEL)], [1]),
        ([(0, WAITS, LEVEL), (SECONDS - 1, WAITS, LEVEL)], []),
        ([(LATE, WAITS, LEVEL)], []),
        ([(0, WAITS, LEVEL), (20, WAITS, evidence((0, 3))), (LATE, WAITS, LEVEL)], []),  # it was behind meanwhile
        ([(0, WAITS, LEVEL), (20, WAITS, LEVEL._replace(led=False)), (LATE, WAITS, LEVEL)], []),
        ([(0, WAITS, LEVEL), (20, SHRUNK, evidence((0, 2), (0, 3), (1, 3))), (LATE, WAITS, LEVEL)], []),
        ([(0, WAITS, LEVEL), (20, GROWN, LEVEL), (LATE, GROWN, LEVEL)], []),  # it has reported one
        ([(0, WAITS, LEVEL), (20, NEW, LEVEL), (LATE, NEW, LEVEL)], [1]),  # a new topic is no report
        ([(0, WAITS, LEVEL), (20, GROWN, LEVEL), (20 + LATE, GROWN, LEVEL)], [1]),
    ],
)
def test_it_stands_still_when_nothing_changes_for_longer_than_kafka_waits_for_an_answer(looks: Any, stands: list[int]):
    watch = Watch()
    assert [*[watch.see(now, known, at) for at, now, known in looks][-1]] == stands


@pytest.mark.parametrize(
    ("now", "known", "refused"),
    [
        (WAITS, LEVEL, ""),
        (WAITS, evidence((0, 3)), "1 partition cannot spare an in-sync copy"),
        (state(partition(0, 1, [1])), evidence((0, 2), (0, 3)), "1 partition would have no leader that reports"),
        (
            state(partition(0, 1, [1, 3]), brokers=(1, 2)),
            evidence((0, 2)),
            "1 partition would have no leader that reports",
        ),
        (state(partition(0, 1, [1], (1,), 1)), evidence(), "1 partition would have no leader that reports"),
        # The next leader would stand still, too.
        (
            state(partition(0, 1, [1, 3]), partition(1, 3, [1, 3])),
            evidence((0, 2), (1, 2)),
            "1 partition would have no leader that reports",
        ),
        (state(partition(0, 1, [1, 2]), partition(1, 3, [1, 3], least=1)), evidence((0, 3), (1, 2)), ""),
        # What others lead is judged as in any restart.
        (
            state(*WAITS.partitions, partition(3, 2, [1, 2])),
            evidence((0, 3), (1, 3)),
            "1 partition cannot spare",
        ),
    ],
)
def test_it_may_restart_where_another_copy_can_lead_and_complete_ones_fill_the_gap(
    now: ClusterState, known: Evidence, refused: str
):
    found = standstill.may_restart(now, 1, known)
    assert refused in found.reason if found and refused else (found is None) == (refused == "")


def test_a_copy_is_complete_that_ends_where_its_leader_did():
    behind = {("t", 0): (1, (2, 3)), ("t", 1): (2, (3,)), ("t", 2): (4, (3,))}
    goals = {(("t", 0), 1): 10, (("t", 1), 2): 0}  # broker 4 does not answer
    ends = {(("t", 0), 2): 10, (("t", 0), 3): 9, (("t", 1), 3): 0, (("t", 2), 3): 5}
    assert copies.reached(behind, goals, ends) == {(("t", 0), 2), (("t", 1), 3)}
    assert copies.level({"bootstrap": "127.0.0.1:1", "partitions": {"t": [0]}}, lambda event: None) == {"level": []}


# -- the gate


class Hosts:
    """Three brokers of a migration, of which the first leads a partition whose third copy is complete and not in sync,
    until that broker restarts. led: whether the controllers have a leader."""

    def __init__(self, led: bool = True, level: bool = True) -> None:
        self.isr, self.level, self.restarts, self.others = [1, 2], level, list[str](), list[dict[str, Any]]()
        self.call = FakeHosts(
            {
                remote.cluster_status: self._status,
                remote.answering: lambda host, args: dict.fromkeys(args["addresses"], ""),
                remote.copies_level: lambda host, args: {"level": [["t", 0, 2], ["t", 0, 3]] if self.level else []},
                remote.copies_behind: {"copies": 1, "copied": 5, "whole": 9, "work": 5},
                remote.restore_leaders: {"returned": 0, "refused": {}},
                requests.restart: self._restart,
                nodes.zookeeper_ensemble: lambda host, args: {
                    name: {"serving": True, "mode": "follower", "why": ""} for name in args["servers"]
                },
                nodes.migration_look: lambda host, args: {
                    "answers": True,
                    "why": "",
                    "controller": 101,
                    "kraft": True,
                    "offset": 412,
                    "since": 1000.0,
                    "brokers": [1, 2, 3],
                },
                nodes.kraft_quorum: lambda host, args: {
                    name: {
                        "id": where[0],
                        "serving": True,
                        "why": "",
                        "leader": 101,
                        "is_leader": led and name == "kafka1",
                    }
                    | {"epoch": 1, "high_watermark": 9, "voters": [], "observers": [], "places": {}}
                    for name, where in args["controllers"].items()
                },
            }
        )

    def _status(self, host: str, args: Any) -> dict[str, Any]:
        one = {"topic": "t", "partition": 0, "leader": 1, "replicas": [1, 2, 3], "isr": self.isr, "min_isr": 2}
        counted = {"count": int(len(self.isr) < 3), "first": []}
        brokers: dict[str, Any] = {"1": {}, "2": {}, "3": {}}
        found = {"serving": True, "brokers": brokers, "controller": 2, "partitions": [one, *self.others]}
        return {**found, "under_replicated": counted}

    def _restart(self, host: str, args: Any) -> dict[str, Any]:
        self.restarts.append(host)
        self.isr = [1, 2, 3]
        return {}

    def gate(self, folder: Path, said: list[str], run: tuple[str, ...] = HOSTS, **variables: Any) -> KafkaGate:
        names = [*HOSTS]
        site = support.inventory(
            folder, names, names, kafka_controller=names, kafka_version="3.9.2", kafka_migration="dual", **variables
        )
        targets = {name: support.target(site, name) for name in run}
        return KafkaGate(targets, self.call, lambda host, text: said.append(f"{host}: {text}"))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a second passes at each look at the clock, and nobody sleeps."""
    ticks = iter(range(1_000_000))
    monkeypatch.setattr(waits.time, "monotonic", lambda: next(ticks) / 2)
    monkeypatch.setattr(waits.time, "sleep", lambda seconds: None)


def test_in_the_middle_of_a_roll_it_restarts_and_it_is_said_why(tmp_path: Path):
    hosts, said = Hosts(), list[str]()
    gate = hosts.gate(tmp_path, said)
    before = gate._state("kafka3", own=True)
    gate.settle("kafka3", before)
    assert hosts.restarts == ["kafka1"]
    assert any(
        text.startswith("kafka1: restarting kafka: broker 1 stands still: 1 complete copy is not") for text in said
    )
    assert gate.restore(["kafka3"]).startswith("kafka1 was restarted once more: broker 1 stands still")


def test_another_brokers_turn_waits_for_that_and_its_own_is_what_helps(tmp_path: Path):
    hosts = Hosts()
    hosts.gate(tmp_path, []).permit("kafka2")
    assert hosts.restarts == ["kafka1"]
    hosts = Hosts()
    assert hosts.gate(tmp_path, []).permit("kafka1") is not None and hosts.restarts == []


@pytest.mark.parametrize("hosts", [Hosts(led=False), Hosts(level=False)])
def test_copies_that_catch_up_and_controllers_without_a_leader_restart_nobody(tmp_path: Path, hosts: Hosts):
    gate = hosts.gate(tmp_path, [])
    assert gate.revive() == {}, "there is nothing to wait for"
    with pytest.raises(HostFailed, match="not yet in sync"):
        gate.settle("kafka3", None)
    assert hosts.restarts == []


def test_the_next_deploy_restarts_it_and_does_not_wait_where_all_is_well(tmp_path: Path):
    hosts = Hosts()
    found = hosts.gate(tmp_path, []).revive()
    assert hosts.restarts == ["kafka1"] and "lost a request" in found["kafka1"]
    asked = len(hosts.call.to(remote.cluster_status))
    assert hosts.gate(tmp_path, []).revive() == {}
    assert len(hosts.call.to(remote.cluster_status)) == asked + 1


def test_where_the_next_leaders_stand_still_too_nobody_is_restarted_and_it_is_said_what_to_do(tmp_path: Path):
    hosts = Hosts()
    hosts.isr = [1]
    gate = hosts.gate(tmp_path, [])
    with pytest.raises(
        HostFailed, match=r"broker 1 stands still: .*1 partition would have no leader that reports"
    ) as caught:
        gate.settle("kafka3", None)
    assert "`systemctl restart kafka` on kafka1" in str(caught.value.advice) and hosts.restarts == []


def test_what_its_restart_costs_in_any_case_needs_the_yes_of_the_inventory(tmp_path: Path):
    hosts = Hosts()
    every = {"topic": "every", "partition": 0, "leader": 2, "replicas": [1, 2], "isr": [1, 2], "min_isr": 2}
    hosts.others = [every]
    with pytest.raises(HostFailed, match=r"broker 1 stands still: .*cannot be written, needing every copy"):
        hosts.gate(tmp_path, []).revive()
    assert hosts.restarts == []
    hosts.gate(tmp_path, [], kafka_accept_downtime=True).revive()
    assert hosts.restarts == ["kafka1"]


def test_one_that_this_run_cannot_restart_is_named_with_what_to_do(tmp_path: Path):
    hosts = Hosts()
    with pytest.raises(HostFailed, match="broker 1 stands still") as caught:
        hosts.gate(tmp_path, [], run=("kafka3",)).revive()
    assert "`invoke restart --service kafka --limit kafka1`" in str(caught.value.advice) and hosts.restarts == []


def test_status_says_what_it_may_be_and_what_to_do(tmp_path: Path):
    hosts = Hosts()
    target = hosts.gate(tmp_path, []).targets["kafka2"]
    found = migration_status.document([{"migration": migration_status.look(hosts.call, target, behind=True)}])
    assert found is not None and found["suspects"] == {"1": 1}
    said = [text for text in migration_status.notes(found) if "broker 1" in text]
    assert len(said) == 1 and "stays so for 40 s" in said[0] and "`invoke deploy`" in said[0], said
    assert not hosts.call.to(requests.restart)
