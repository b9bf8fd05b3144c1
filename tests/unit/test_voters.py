"""Who becomes a voter of the quorum after a deploy: the rule as a table, and the requests in their order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cluster import remote
from cluster.metadata import remote as nodes
from cluster.metadata.kraft.seen import Controller, Replica, Seen
from provisioner.errors import HostFailed
from roles import site
from roles.kafka import voters
from roles.shared import kraft
from tests.support import roles as support
from tests.support.fake_hosts import FakeHosts
from tests.support.quorum import GONE, LEVEL, FakeQuorum

HOSTS = ["kafka1", "kafka2", "kafka3"]
VOTERS = [kraft.Controller(f"k{n}", n, f"k{n}", 9093, "kafka") for n in (1, 2, 3)]


def replica(number: int, directory: str = "", **state: Any) -> Replica:
    return Replica(number, directory or f"disk{number}", **{**LEVEL, **state})


def seen(of_quorum: list[Replica], following: list[Replica], leader: int | None = 1) -> Seen:
    controllers = {one.host: Controller(one.id, leader=leader) for one in VOTERS}
    if leader is None:
        return Seen(controllers)
    return Seen(controllers, leader, 5, 100, tuple(of_quorum), tuple(following))


WHOLE = [replica(1), replica(2), replica(3)]
LAGGING: dict[str, Any] = {"end_offset": 2000}


@pytest.mark.parametrize(
    ("state", "joins"),
    [
        (seen(WHOLE, []), []),  # also a first deploy that was cut off: its voters were formatted as such
        (seen(WHOLE, [replica(4)]), []),  # a broker
        (seen(WHOLE[:2], [replica(3)]), [(3, "disk3", "")]),  # added
        (seen([replica(1)], [replica(2), replica(3)]), [(2, "disk2", ""), (3, "disk3", "")]),
        (seen([*WHOLE[:2], replica(3, **GONE)], [replica(3, "new")]), [(3, "new", "disk3")]),  # it lost its disk
        # Another machine has its id: the one that votes stays.
        (seen(WHOLE, [replica(3, "new")]), []),
        # Cut off between the two steps: what was lost is gone already.
        (seen(WHOLE[:2], [replica(3, "new")]), [(3, "new", "")]),
        (seen([*WHOLE[:2], replica(3, **GONE)], []), []),  # it is down
        (seen(WHOLE[:2], [replica(3, **GONE)]), []),
        (seen(WHOLE[:2], [replica(3, silent_ms=2000)]), []),
        # The leader would wait for it, and every change of the metadata with it.
        (seen([replica(1, **LAGGING), replica(2)], [replica(3, end_offset=999)]), []),
        (seen([replica(1, **LAGGING), replica(2)], [replica(3, end_offset=1000)]), [(3, "disk3", "")]),
        # A leader that was removed leads until the others have noted it, and knows of itself as an observer.
        (seen(WHOLE[1:], [replica(1)]), [(1, "disk1", "")]),
        # Just elected: it has not heard of itself, either, and is no lost disk.
        (seen([replica(1, silent_ms=None), *WHOLE[1:]], [replica(1, "new")]), []),
        (seen([], [], None), []),
    ],
)
def test_who_is_up_follows_and_has_no_vote_gets_one(state: Seen, joins: list[tuple[int, str, str]]):
    assert [(one.controller.id, one.directory, one.lost) for one in voters.joining(state, VOTERS)] == joins


@pytest.mark.parametrize(
    ("state", "late"),
    [
        (seen(WHOLE, []), []),
        (seen(WHOLE[:2], [replica(3)]), []),  # it joins
        (seen(WHOLE[:2], []), [3]),  # started, and not heard of so far
        (seen(WHOLE[:2], [replica(3, **GONE)]), [3]),
        (seen([*WHOLE[:2], replica(3, **GONE)], []), [3]),
        (seen([*WHOLE[:2], replica(3, silent_ms=2000)], []), [3]),
        (seen([replica(1, silent_ms=None), *WHOLE[1:]], []), []),  # a leader does not fetch
        (seen([], [], None), []),
    ],
)
def test_who_serves_and_is_not_heard_of_by_the_leader(state: Seen, late: list[int]):
    assert [one.id for one in voters.apart(state, VOTERS)] == late
    down = replace(state, controllers={one.host: Controller(one.id, "Connection refused") for one in VOTERS})
    assert voters.apart(down, VOTERS) == []


class Shown:
    """What a reporter was told of changes."""

    def __init__(self) -> None:
        self.changes: list[str] = []
        self.warnings: list[str] = []

    def warning(self, text: str) -> None:
        self.warnings.append(text)

    def change(self, name: str, resource: str, action: str, note: str = "") -> None:
        self.changes.append(f"{action} {name}: {resource} ({note})")


def brokers(*serving: str) -> Any:
    def status(host: str, args: Mapping[str, Any]) -> dict[str, Any]:
        name = args["bootstrap"].split(":")[0].replace("127.0.0.1", host)
        return {"serving": name in serving, "cluster_id": "abc", "why": "Connection refused"}

    return {remote.cluster_status: status, remote.held_settings: {"serving": True, "held": False, "value": None}}


def run(
    directory: Path, quorum: FakeQuorum, *, check: bool = False, serving: tuple[str, ...] = ("kafka1",), **groups: Any
) -> tuple[dict[str, tuple[int, int]], list[str], FakeHosts]:
    inventory = support.inventory(directory, kafka=HOSTS, **groups)
    targets = [support.target(inventory, name) for name in HOSTS]
    hosts, shown = FakeHosts({**quorum.answers, **brokers(*serving)}), Shown()
    tags = ["kafka-controller"] if "kafka_controller" in groups else ["kafka"]
    return site.contents(hosts, targets, shown, tags, check), shown.changes, hosts  # type: ignore[arg-type]


def wiped(number: int, *voters: int) -> FakeQuorum:
    quorum = FakeQuorum(*voters)
    quorum.voters[number, f"disk{number}"] = dict(GONE)
    quorum.observers[number, "new"] = dict(LEVEL)
    return quorum


def test_a_whole_quorum_is_looked_at_once_and_left_alone(tmp_path: Path):
    quorum = FakeQuorum(1, 2, 3)
    done, changes, hosts = run(tmp_path, quorum)
    assert (done, changes, quorum.done) == ({"kafka1": (3, 0)}, [], [])
    # By way of the broker, which is also asked what the cluster holds for all brokers.
    assert quorum.looks == 0 and len(hosts.asked) == 2
    asked = [
        one
        for name in HOSTS
        for one in site.asked_first(support.target(support.inventory(tmp_path, kafka=HOSTS), name))
    ]
    assert asked == [one for _, one in hosts.asked]


@pytest.mark.parametrize(
    ("controllers", "asked"),
    [([], "through_broker"), (HOSTS, "through_broker"), (["kafka1", "c2", "c3"], "through_broker"), (["c1"], "quorum")],
)
def test_a_host_with_a_broker_asks_the_leader_by_way_of_it(tmp_path: Path, controllers: list[str], asked: str):
    inventory = support.inventory(tmp_path, kafka=HOSTS, kafka_controller=controllers)
    first = site.asked_first(support.target(inventory, controllers[0] if controllers else "kafka1"))
    assert [one.function for one in first if one.module.endswith("kraft.probe")] == [asked]


def test_the_controllers_are_asked_where_the_broker_cannot_say_that_all_vote(tmp_path: Path):
    quorum = FakeQuorum(1, 2, 3)
    silent = {"serving": False, "why": "timed out"}
    hosts = FakeHosts({**quorum.answers, **brokers("kafka1"), nodes.quorum_leader: silent})
    inventory = support.inventory(tmp_path, kafka=HOSTS)
    targets = [support.target(inventory, name) for name in HOSTS]
    done = voters.contents(hosts, targets, Shown(), False, "kafka")  # type: ignore[arg-type]
    assert done == {"kafka1": (3, 0)} and quorum.looks == 1


def test_the_lost_directory_leaves_before_the_new_one_joins_and_the_leader_is_asked(tmp_path: Path):
    quorum = wiped(3, 1, 2, 3)
    quorum.leader = 2
    done, changes, _ = run(tmp_path, quorum)
    assert quorum.done == ["- 3 disk3 by kafka2:9093", "+ 3 new at kafka3 by kafka2:9093"]
    assert done == {"kafka1": (2, 1)}
    assert changes == ["+ kafka3: voter:3 (in the quorum, instead of its lost directory disk3)"]


def test_controllers_of_their_own_join_the_same_way(tmp_path: Path):
    quorum = FakeQuorum(101, 102)
    quorum.observers[103, "disk103"] = dict(LEVEL)
    done, changes, _ = run(tmp_path, quorum, kafka_controller=HOSTS)
    assert quorum.done == ["+ 103 disk103 at kafka3 by kafka1:9093"]
    assert (done, changes) == ({"kafka1": (2, 1)}, ["+ kafka3: voter:103 (in the quorum)"])


def test_a_controller_of_which_its_leader_has_yet_to_hear_is_waited_for(tmp_path: Path, monkeypatch: Any):
    """It has just started; without it the next restart would find one voter less than it could."""
    monkeypatch.setattr(voters, "time", SimpleNamespace(monotonic=partial(next, count()), sleep=lambda seconds: None))
    quorum = FakeQuorum(1, 2)
    quorum.then[3] = lambda: quorum.observers.update({(3, "disk3"): dict(LEVEL)})
    done, changes, _ = run(tmp_path, quorum)
    assert changes == ["+ kafka3: voter:3 (in the quorum)"] and done == {"kafka1": (2, 1)} and quorum.looks == 3
    # But not for ever, nor for one that is down.
    quorum = FakeQuorum(1, 2)
    assert run(tmp_path, quorum)[1] == [] and quorum.looks > 3
    quorum = FakeQuorum(1, 2)
    quorum.down.add(3)
    assert run(tmp_path, quorum)[1] == [] and quorum.looks == 1


def test_new_voters_join_before_others_restart(tmp_path: Path):
    quorum = FakeQuorum(1)
    quorum.observers.update({(2, "disk2"): dict(LEVEL), (3, "disk3"): dict(LEVEL)})
    inventory = support.inventory(tmp_path, kafka=HOSTS)
    hosts = FakeHosts({**quorum.answers, **brokers("kafka1")})
    targets = [support.target(inventory, name) for name in HOSTS]
    assert site.before_restarts(hosts, targets, Shown()) == {"kafka1": (0, 2)}  # type: ignore[arg-type]
    assert quorum.done == ["+ 2 disk2 at kafka2 by kafka1:9093", "+ 3 disk3 at kafka3 by kafka1:9093"]
    assert site.before_restarts(hosts, targets, Shown()) == {}  # type: ignore[arg-type]


def test_one_that_never_follows_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(voters, "PAUSE", 0.01)
    monkeypatch.setattr(voters, "JOIN_SECONDS", 0.05)
    targets = [support.target(support.inventory(tmp_path, kafka=HOSTS), name) for name in HOSTS]
    for check in (False, True):  # with --check at once
        shown = Shown()
        done = voters.contents(FakeHosts(FakeQuorum(1, 2).answers), targets, shown, check, "kafka")  # type: ignore[arg-type]
        assert done == {"kafka1": (3, 0)} and len(shown.warnings) == 1
        assert "kafka3: controller 3 is up and does not fetch" in shown.warnings[0]


def test_check_shows_it_and_changes_nothing(tmp_path: Path):
    quorum = wiped(3, 1, 2, 3)
    done, changes, _ = run(tmp_path, quorum, check=True)
    assert done == {"kafka1": (2, 1)} and len(changes) == 1 and quorum.done == []


def test_what_an_earlier_request_has_done_counts_as_done(tmp_path: Path):
    quorum = wiped(3, 1, 2, 3)
    seen_first = quorum.leads()
    # Between the look and the requests, those of a run that was cut off arrive.
    quorum.voters.pop((3, "disk3"))
    quorum.voters[3, "new"] = quorum.observers.pop((3, "new"))
    stale = {"kafka1": {**quorum.answer(1), **seen_first}, "kafka2": quorum.answer(2), "kafka3": quorum.answer(3)}
    inventory = support.inventory(tmp_path, kafka=HOSTS)
    answers = {**quorum.answers, **brokers("kafka1")}
    leader = {"serving": True, "why": "", **seen_first}
    hosts = FakeHosts({**answers, nodes.kraft_quorum: stale, nodes.quorum_leader: leader})
    targets = [support.target(inventory, name) for name in HOSTS]
    done = voters.contents(hosts, targets, Shown(), False, "kafka")  # type: ignore[arg-type]
    assert done == {"kafka1": (2, 1)} and quorum.done == []


@pytest.mark.parametrize("passes", [True, False])
def test_a_leader_that_has_no_connection_to_the_newcomer_yet_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, passes: bool
):
    quorum = wiped(3, 1, 2, 3)
    quorum.refuses = (7, "not possible now: API_VERSIONS returned an error BROKER_NOT_AVAILABLE")

    def sleep(seconds: float) -> None:
        quorum.refuses = None if passes else quorum.refuses

    monkeypatch.setattr(voters, "time", SimpleNamespace(monotonic=partial(next, count()), sleep=sleep))
    if not passes:
        with pytest.raises(HostFailed, match="could not become a voter: not possible now"):
            run(tmp_path, quorum)
        return
    done, changes, _ = run(tmp_path, quorum)
    assert changes == ["+ kafka3: voter:3 (in the quorum, instead of its lost directory disk3)"]
    assert done == {"kafka1": (2, 1)}


@pytest.mark.parametrize("refuses", [(42, "refused: it lags"), (None, "timed out")])
def test_a_refusal_names_the_controller_and_ends_the_run(tmp_path: Path, refuses: Any):
    quorum = wiped(3, 1, 2, 3)
    quorum.refuses = refuses
    with pytest.raises(HostFailed, match=f"controller 3 follows the quorum, and could not.*: {refuses[1]}") as caught:
        run(tmp_path, quorum)
    assert caught.value.host == "kafka3" and "run the same command again" in str(caught.value.advice)


def test_any_broker_says_the_id_of_the_cluster(tmp_path: Path):
    quorum = wiped(3, 1, 2, 3)
    run(tmp_path, quorum, serving=("kafka3",))
    assert len(quorum.done) == 2
    with pytest.raises(HostFailed, match="no broker says the id of the cluster"):
        run(tmp_path, wiped(3, 1, 2, 3), serving=())


def test_a_cluster_with_zookeeper_has_no_voters(tmp_path: Path):
    target: Any = support.target(support.three(tmp_path), "kafka1")
    assert voters.contents(FakeHosts({}), [target], SimpleNamespace(), False, "kafka") == {}
