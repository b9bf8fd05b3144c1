"""quorum.remove: who may leave, as a table; what is asked and in which order; what comes next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cli import quorum as verb
from cli.common import Run
from cluster import remote
from cluster.metadata.kraft import restart_rules as rules
from cluster.metadata.kraft.seen import CAUGHT_UP, Controller, Replica, Seen
from cluster.protocol.flexible import NO_DIRECTORY
from provisioner.errors import HostFailed, ProvisionerError, Refused, Unreachable, UsageError
from roles.kafka import topology
from tests.support import roles as support
from tests.support.fake_hosts import FakeHosts
from tests.support.quorum import GONE, LEVEL, FakeQuorum

HOSTS = ["kafka1", "kafka2", "kafka3"]
APART: dict[str, Any] = {"kafka_controller": HOSTS}

# -- the rule

LATE = {"behind_ms": CAUGHT_UP}
SLOW = {"end_offset": 99}


def seen(*states: Mapping[str, Any], leader: int | None = 1, high_watermark: int = 100) -> Seen:
    voters = [Replica(**{"id": n, "directory": f"disk{n}", **LEVEL, **one}) for n, one in enumerate(states, 1)]
    controllers = {f"k{one.id}": Controller(one.id) for one in voters}
    if leader is None:
        return Seen(controllers)
    return Seen(controllers, leader, 5, high_watermark, tuple(voters))


@pytest.mark.parametrize(
    ("state", "number", "may"),
    [
        (seen({}, {}, {}), 3, True),
        (seen({}, {}, {}), 1, True),  # the leader
        (seen({}, {}, GONE), 3, True),  # the one that is down
        (seen({}, {}, GONE), 2, False),  # a healthy one: two would stay, and both are needed
        (seen({}, {}, LATE), 2, False),
        (seen({}, {}, SLOW), 2, False),  # it fetches in time, and has not everything
        (seen({}, {}, SLOW), 3, True),
        (seen({}, {}, {}, GONE), 3, True),  # two of three that stay
        (seen({}, {}, {}, GONE, GONE), 3, False),  # two of four
        (seen({}, {}, {}, GONE, GONE), 5, True),  # three of four
        (seen({}, {}), 1, True),
        (seen({}, GONE), 1, False),
        (seen({}), 1, False),  # the last one
        (seen({}, {}, {}, leader=None), 3, False),
        (seen({}, {}, {}, high_watermark=-1), 3, False),
        (seen(*[{"directory": NO_DIRECTORY}] * 3), 3, False),
    ],
)
def test_a_majority_of_those_that_stay_has_caught_up(state: Seen, number: int, may: bool):
    assert (rules.may_leave(state, number) is None) is may


def test_a_refusal_says_what_is_missing():
    refusal = rules.may_leave(seen({}, {}, GONE), 2)
    assert refusal is not None and refusal.details == ("k3: not heard of since k1 leads",)
    assert refusal.reason == (
        "k2 must stay a voter: 1 of the 2 voters that would stay has caught up with k1, which leads, and 2 are needed"
    )
    assert rules.may_leave(seen({}, {}, SLOW), 2, goal=99) is None, "what was confirmed at the first look is enough"


# -- the verb


class Shown:
    """What the verb said."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.phase = self.note = self.warning = self.said.append

    def host(self, name: str, text: str) -> None:
        pass

    def change(self, name: str, resource: str, action: str, note: str = "") -> None:
        self.said.append(f"{action} {name}: {resource} ({note})")


class Site:
    """A cluster of an inventory as the verb sees it. unreachable: hosts; locked: those whose lock was taken."""

    def __init__(self, directory: Path, quorum: FakeQuorum, **groups: Any) -> None:
        self.quorum, self.show = quorum, Shown()
        self.inventory = support.inventory(directory, **{"kafka": HOSTS, **groups})
        members = [self.inventory.hosts[name] for name in self.inventory.groups["kafka"]]
        self.brokers = {topology.broker_id(host, members): host for host in members}
        self.lost: dict[str, ProvisionerError] = {}
        self.unreachable: dict[str, ProvisionerError] = {}
        self.locked: list[str] = []
        status = {"serving": True, "cluster_id": "abc"}
        self.hosts = FakeHosts({**quorum.answers, remote.cluster_status: status})
        self.sessions: dict[str, Any] = {}
        self.fleet = SimpleNamespace(call=self.hosts, each=self._each, lock=self.locked.append, sessions=self.sessions)

    def _each(self, names: Any, work: Any) -> Any:
        for name in names:
            work(name)
        return SimpleNamespace(check=lambda: None)

    def reach(self, *hosts: Any) -> None:
        self.lost = {host.name: error for host in hosts if (error := self.unreachable.get(host.name))}
        self.sessions.update({host.name: None for host in hosts if host.name not in self.lost})

    @property
    def driver(self) -> Any:
        return next(host for host in self.brokers.values() if host.name in self.sessions)

    def call(self, request: Any) -> dict[str, Any]:
        return self.hosts(self.driver.name, request.at("127.0.0.1:9092"))

    def run(self, monkeypatch: pytest.MonkeyPatch, controller: str, *, check: bool = False, yes: bool = True) -> int:
        @contextmanager
        def opened(run: Run, **_: Any) -> Iterator[Any]:
            yield self

        ticks = iter(range(100_000))
        clock = SimpleNamespace(monotonic=partial(next, ticks), sleep=lambda seconds: None)
        monkeypatch.setattr(verb, "opened", opened)
        monkeypatch.setattr(verb, "time", clock)
        return verb.remove(Run(hosts="prod", check=check), controller, yes)


def test_a_controller_leaves_and_what_comes_next_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    site = Site(tmp_path, FakeQuorum(101, 102, 103), **APART)
    assert site.run(monkeypatch, "kafka3") == 0
    assert site.quorum.done == ["- 103 disk103 by 127.0.0.1:9092"]
    assert site.locked == HOSTS, "no roll stops another one meanwhile"
    assert site.show.said[:5] == [
        "Plan",
        "- kafka3: voter:103 (out of the quorum)",
        "3 voters -> 2, of which 2 must agree",
        "2 voters bear no more losses than 1 would: add or remove another one",
        "controller 103 (kafka3) has left: quorum: kafka1 leads (epoch 5), followed by kafka2",
    ]
    assert "`invoke uninstall --hosts prod --limit kafka3 --service kafka-controller`" in site.show.said[6]
    # Again: nothing to do.
    assert site.run(monkeypatch, "103") == 0 and len(site.quorum.done) == 1
    assert site.show.said[-1] == (
        "Nothing to do: controller 103 (kafka3) is no voter of the quorum (voters are: kafka1 (101), kafka2 (102))"
    )


def test_the_leader_may_leave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    site = Site(tmp_path, FakeQuorum(101, 102, 103), **APART)
    site.run(monkeypatch, "kafka1")
    assert site.show.said[1].endswith("(out of the quorum; it leads, and the others elect another leader)")
    assert "quorum: kafka2 leads (epoch 5), followed by kafka3" in site.show.said[4]


def test_a_leader_that_was_removed_leads_until_the_others_elect_one_and_that_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    site = Site(tmp_path, FakeQuorum(101, 102, 103), **APART)
    site.quorum.resigns = False
    site.quorum.then[4] = lambda: setattr(site.quorum, "leader", 103)
    site.run(monkeypatch, "kafka1")
    assert site.show.said[4].endswith("quorum: kafka3 leads (epoch 5), followed by kafka2")
    assert len(site.quorum.done) == 1


def test_check_changes_and_locks_nothing_and_a_question_that_nobody_answers_is_no(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    site = Site(tmp_path, FakeQuorum(101, 102, 103), **APART)
    assert site.run(monkeypatch, "kafka3", check=True) == 0
    assert site.quorum.done == [] and site.locked == [] and site.show.said[0] == "Plan"
    monkeypatch.setattr("cli.asking.terminal", lambda: False)
    with pytest.raises(UsageError, match="nothing was changed"):
        site.run(monkeypatch, "kafka3", yes=False)
    assert site.quorum.done == []


@pytest.mark.parametrize("unreachable", [True, False])
def test_one_that_is_down_may_leave_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unreachable: bool):
    quorum = FakeQuorum(101, 102, 103)
    quorum.stop(103)
    site = Site(tmp_path, quorum, **APART)
    if unreachable:
        site.unreachable["kafka3"] = Unreachable("cannot connect", host="kafka3")
    with pytest.raises(Refused, match="kafka2 must stay a voter: 1 of the 2 voters") as caught:
        site.run(monkeypatch, "kafka2")
    assert caught.value.details == ["kafka3: not heard of since kafka1 leads"] and quorum.done == []
    assert site.run(monkeypatch, "kafka3") == 0 and len(quorum.done) == 1
    assert ("kafka3 is left as it is: cannot connect" in site.show.said) is unreachable


def test_a_host_that_refuses_to_be_asked_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    site = Site(tmp_path, FakeQuorum(101, 102, 103), **APART)
    site.unreachable["kafka2"] = HostFailed("sudo asks for a password", host="kafka2")
    with pytest.raises(HostFailed, match="sudo asks"):
        site.run(monkeypatch, "kafka3")


def test_a_voter_that_the_inventory_lacks_leaves_by_its_id_also_when_it_leads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    site = Site(tmp_path, FakeQuorum(101, 102, 109, leader=109), kafka_controller=HOSTS[:2])
    assert site.run(monkeypatch, "109") == 0
    assert site.show.said[1].startswith("- controller 109: voter:109 (out of the quorum; it leads")
    assert site.quorum.done == ["- 109 disk109 by 127.0.0.1:9092"] and site.quorum.leader == 101
    assert site.show.said[-1].startswith("the inventory does not have it")


def test_a_voter_that_falls_behind_for_a_moment_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    quorum = FakeQuorum(101, 102, 103)
    quorum.voters[102, "disk102"]["end_offset"] = 99
    quorum.then[3] = lambda: quorum.voters[102, "disk102"].update(end_offset=100)
    quorum.then[2] = lambda: setattr(quorum, "high_watermark", 200)  # what came after the first look does not count
    assert Site(tmp_path, quorum, **APART).run(monkeypatch, "kafka3") == 0


@pytest.mark.parametrize(
    ("groups", "voters", "name", "said", "way"),
    [
        ({"kafka": ["a"]}, [1], "a", "a is the only voter of the quorum", "add another controller"),
        (APART, [101, 102, 103], "kafka4", "--controller kafka4: no such controller", ""),
        (APART, [101, 102, 103], "", "--controller is missing", ""),
        (APART, [101, 102, 103], "104", "--controller 104: no such voter", ""),
        ({"zookeeper": HOSTS}, [1], "kafka1", "prod is a cluster with ZooKeeper", "invoke uninstall"),
    ],
)
def test_what_cannot_be_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, groups: Any, voters: list[int], name: str, said: str, way: str
):
    site = Site(tmp_path, FakeQuorum(*voters), **groups)
    with pytest.raises(ProvisionerError) as caught:
        site.run(monkeypatch, name)
    assert said in str(caught.value) and way in str(caught.value.advice or "") and site.quorum.done == []


def test_a_quorum_that_is_fixed_says_how_it_becomes_one_that_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    quorum = FakeQuorum(101, 102, 103)
    quorum.voters = {(n, NO_DIRECTORY): dict(LEVEL) for n in (101, 102, 103)}
    with pytest.raises(Refused, match="the quorum is fixed in its configuration") as caught:
        Site(tmp_path, quorum, **APART).run(monkeypatch, "kafka3")
    assert "--feature kraft.version=1" in str(caught.value.advice) and quorum.looks == 1


def test_without_a_leader_it_says_what_to_start_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    quorum = FakeQuorum(101, 102, 103)
    quorum.down, quorum.leader = {102, 103}, None
    with pytest.raises(Refused, match="kafka3 must stay a voter: the controllers have no leader") as caught:
        Site(tmp_path, quorum, **APART).run(monkeypatch, "kafka3")
    assert str(caught.value.advice).startswith("start 1 of kafka2, kafka3 first")


def test_an_answer_that_is_lost_is_asked_for_again_and_nothing_is_done_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    site = Site(tmp_path, FakeQuorum(101, 102, 103), **APART)
    site.quorum.lost = 1
    assert site.run(monkeypatch, "kafka3") == 0 and len(site.quorum.done) == 1


@pytest.mark.parametrize(("error", "asked"), [(31, 1), (7, 2)])
def test_a_refusal_of_the_leader_is_shown_and_what_may_pass_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int, asked: int
):
    site = Site(tmp_path, FakeQuorum(101, 102, 103), **APART)
    site.quorum.refuses = (error, "not possible")
    with pytest.raises(HostFailed, match=r"controller 103 \(kafka3\) could not be removed.*: not possible"):
        site.run(monkeypatch, "kafka3")
    changes = len(site.hosts.to(verb.nodes.remove_voter))
    assert changes == 1 if asked == 1 else changes > 1


# -- what comes next

CONTROLLERS = [verb.kraft.Controller(f"kafka{n}", 100 + n, f"kafka{n}", 9093, "kafka-controller") for n in (1, 2, 3)]
COMBINED = [verb.kraft.Controller(f"kafka{n}", n, f"kafka{n}", 9093, "kafka") for n in (1, 2, 3)]
BROKERS = {1: "kafka1", 2: "kafka2", 3: "kafka3"}


@pytest.mark.parametrize(
    ("known", "number", "steps", "again"),
    [
        (verb.Known(CONTROLLERS, {1: "b1"}, True), 103, ["`invoke uninstall --hosts prod --limit kafka3`"], True),
        (verb.Known(CONTROLLERS, BROKERS, True), 103, ["--limit kafka3 --service kafka-controller`"], True),
        (
            verb.Known(COMBINED, BROKERS, False),
            3,
            [
                "set kafka_process_roles: broker for kafka3, and deploy",
                "`invoke rebalance --hosts prod --drain kafka3`",
            ],
            True,
        ),
        # The inventory says already that it is a broker alone.
        (verb.Known(COMBINED[:2], BROKERS, False), 3, ["to keep it as a broker: deploy, which restarts it"], False),
        # On the way from combined nodes to controllers of their own.
        (verb.Known(CONTROLLERS, BROKERS, True), 3, ["to keep it as a broker: deploy, which restarts it"], False),
        (verb.Known(CONTROLLERS, BROKERS, True), 109, ["the inventory does not have it"], False),
    ],
)
def test_what_comes_next_depends_on_what_else_the_host_does(
    known: verb.Known, number: int, steps: list[str], again: bool
):
    lines = list(verb.next_steps(known, number, "prod"))
    for step in steps:
        assert any(step in line for line in lines), lines
    assert ("a deploy whose inventory has it as a controller" in lines[-1]) is again


def test_a_combined_node_is_named_by_its_host_and_one_beside_a_broker_is_the_controller():
    assert verb.Known(COMBINED[:2], BROKERS, False).names == {"kafka1": 1, "kafka2": 2, "kafka3": 3}
    assert verb.Known(CONTROLLERS, BROKERS, True).names == {"kafka1": 101, "kafka2": 102, "kafka3": 103}


BOTH: dict[str, Any] = {
    "kafka_controller": {
        host: {"kafka_controller_port": 9095, "kafka_combined_controller_port": 9093} for host in HOSTS
    },
    "kafka_process_roles": "broker,controller",
}


def test_a_host_with_two_controllers_is_asked_about_by_their_ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Also with an inventory that has the combined ones no more."""
    for groups in (BOTH, APART):
        quorum = FakeQuorum(1, 2, 3, 101, 102, 103, leader=103)
        site = Site(tmp_path, quorum, **groups)
        with pytest.raises(UsageError, match="kafka1: the host has two controllers") as caught:
            site.run(monkeypatch, "kafka1")
        assert sorted(caught.value.details) == ["controller 1 (kafka1)", "controller 101 (kafka1)"] and not quorum.done
        assert site.run(monkeypatch, "1") == 0
        assert quorum.done == ["- 1 disk1 by 127.0.0.1:9092"]
        assert "to keep it as a broker" in " ".join(site.show.said)
