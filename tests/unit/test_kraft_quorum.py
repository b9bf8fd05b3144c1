"""The quorum as a keeper: what it asks, what it remembers between the first look and the last, what a roll says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from cluster.metadata import remote
from cluster.metadata.keeper import Keeper
from cluster.metadata.kraft.quorum import Quorum
from roles.kafka import metadata
from tests.support.fake_hosts import FakeHosts
from tests.support.gates import BROKERS, Brokers
from tests.unit.test_gates import gate_of

PLACES = {"k1": (1, "127.0.0.1", 9093, "SSL"), "k2": (2, "kafka2", 9093, "SSL"), "k3": (3, "kafka3", 9093, "SSL")}


class Controllers:
    """Three controllers. ends: of the voters, by id; leader: None for none; down: hosts that do not answer."""

    def __init__(self) -> None:
        self.ends = {1: 100, 2: 100, 3: 100}
        self.disks = {1: "a", 2: "b", 3: "c"}
        self.leader: int | None = 1
        self.high_watermark = 100
        self.down: set[str] = set()
        self.call = FakeHosts({remote.kraft_quorum: self._quorum})
        self.keeper = Quorum(self.call, "k1", PLACES)

    def _quorum(self, host: str, args: Mapping[str, Any]) -> dict[str, Any]:
        assert host == "k1" and args == {"controllers": {name: list(place) for name, place in PLACES.items()}}
        return {name: self._answer(name, place[0]) for name, place in PLACES.items()}

    def _answer(self, name: str, number: int) -> dict[str, Any]:
        if name in self.down:
            why = "Connection refused"
            return {"serving": False, "why": why, "id": number, "leader": None, "is_leader": False}
        answer = {"serving": True, "why": "", "id": number, "leader": self.leader, "is_leader": number == self.leader}
        if number != self.leader:
            return answer
        voters = [
            {"id": n, "directory": self.disks[n], "end_offset": end, "silent_ms": 0, "behind_ms": 0}
            for n, end in self.ends.items()
        ]
        said = {"epoch": 5, "high_watermark": self.high_watermark, "voters": voters, "observers": []}
        return {**answer, **said}


@pytest.fixture
def them() -> Controllers:
    return Controllers()


def test_a_quorum_is_a_keeper(them: Controllers):
    keeper: Keeper = them.keeper
    assert keeper.has_quorum() and keeper.may_lose_a_broker().refusal is None
    assert list(keeper.restart_order()) == ["k2", "k3", "k1"]
    assert keeper.downtime("k1") is None
    assert keeper.departure(["k1", "k2"]) is not None and keeper.departure(["k3"]) is not None


def test_voters_have_to_reach_what_was_confirmed_at_the_first_look_and_no_more(them: Controllers):
    them.ends[3] = 90
    assert them.keeper.may_go_down("k2").refusal is not None
    them.ends, them.high_watermark = {1: 200, 2: 199, 3: 101}, 199
    assert them.keeper.may_go_down("k2").refusal is None
    assert them.keeper.may_go_down("k1").refusal is not None, "another node's turn has a first look of its own"


def test_a_look_at_a_quorum_without_a_leader_is_no_first_look(them: Controllers):
    them.leader = None
    assert them.keeper.may_go_down("k2").refusal is not None
    them.leader, them.high_watermark = 1, -1
    assert them.keeper.may_go_down("k2").refusal is not None
    them.ends[3], them.high_watermark = 90, 100
    assert them.keeper.may_go_down("k2").refusal is not None


def test_a_restarted_controller_has_to_reach_the_end_of_the_first_look_after_it(them: Controllers):
    assert them.keeper.may_go_down("k3").refusal is None
    them.leader = None
    assert them.keeper.not_back("k3").refusal is not None
    them.leader, them.ends[1] = 1, 150
    assert them.keeper.not_back("k3").refusal is not None
    them.ends.update({1: 300, 3: 150})
    assert them.keeper.not_back("k3").refusal is None


def test_it_has_to_be_the_same_directory_as_before(them: Controllers):
    assert them.keeper.may_go_down("k3").refusal is None
    them.disks[3] = "other"
    refusal = them.keeper.not_back("k3").refusal
    assert refusal and refusal.details == ("voter: directory c", "k3: directory other")
    assert Quorum(them.call, "k1", PLACES).not_back("k3").refusal is None, "it does not know the one before"


def test_those_that_do_not_answer_are_named_for_who_can_ask_their_systemd(them: Controllers):
    them.down = {"k3"}
    them.ends[3] = -1
    refusal, silent = them.keeper.may_go_down("k2")
    assert refusal and silent == {"k3": "Connection refused"}
    assert them.keeper.may_go_down("k3").silent == {}, "it waits for nobody"
    assert them.keeper.not_back("k3").silent == {"k3": "Connection refused"}


def test_one_outside_the_inventory_is_not_asked(them: Controllers):
    keeper = Quorum(them.call, "k1", {})
    assert keeper.has_quorum() and keeper.may_lose_a_broker().refusal is None
    assert not them.call.asked


def test_a_broker_that_is_named_as_the_controller_goes_without_a_word(
    tmp_path: Path, them: Controllers, monkeypatch: pytest.MonkeyPatch
):
    """In KRaft, brokers name any live broker as the controller (KRaftMetadataCache)."""
    monkeypatch.setattr(metadata, "keeper", lambda target, call: them.keeper)
    said: list[str] = []
    gate = gate_of(tmp_path, Brokers(), said)
    before = gate.permit(BROKERS[0])
    assert before is not None and before.controller == 1
    assert not gate.relieve(BROKERS[0], before) and said == []
