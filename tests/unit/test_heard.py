"""A rebalance is over when every broker tells of it, not when the controller has done it."""

from __future__ import annotations

from typing import Any

import pytest

from cli.rebalance import _tell
from cluster import remote
from cluster.endpoint import Endpoint
from cluster.model import Broker, Partition, Topic
from cluster.moving import heard
from cluster.moving.carrying import carry_out
from cluster.moving.heard import Done
from provisioner.errors import HostFailed
from tests.support.fake_hosts import FakeHosts

ORDERS = ("orders", 0)


def topics(*partitions: Partition) -> dict[str, Topic]:
    by_name: dict[str, list[Partition]] = {}
    for one in partitions:
        by_name.setdefault(one.topic, []).append(one)
    return {name: Topic(name, tuple(found)) for name, found in by_name.items()}


def orders(replicas: tuple[int, ...], leader: int) -> Partition:
    return Partition(*ORDERS, replicas, leader=leader)


DRAINED = Done({ORDERS: [1, 2, 3]}, [ORDERS], {4}, {ORDERS, ("clear", 0)})


@pytest.mark.parametrize(
    ("told", "behind", "held"),
    [
        (topics(orders((1, 2, 3), 1)), [], []),
        (topics(orders((4, 2, 3), 4)), ["orders-0"], []),  # nothing has reached it
        (topics(orders((1, 2, 3, 4), 1)), ["orders-0"], []),  # still on the way
        (topics(orders((1, 2, 3), 4)), ["orders-0"], []),  # the copies, and not the leader
        (topics(orders((1, 2, 3), 2)), ["orders-0"], []),  # not the election
        (topics(orders((1, 2, 3), -1)), ["orders-0"], []),
        ({}, [], []),  # deleted meanwhile
        (topics(orders((1, 2, 3), 1), Partition("new", 0, (4, 1), leader=4)), [], ["new-0"]),
        (topics(orders((1, 2, 3), 1), Partition("other", 0, (1, 2), leader=1)), [], []),
        (topics(Partition("clear", 0, (1, 2), leader=1)), [], []),
        (topics(Partition("clear", 0, (4, 2), leader=2)), ["clear-0"], []),  # as it was before an earlier run
    ],
)
def test_what_a_broker_tells_is_compared_with_what_was_done(told, behind, held):
    assert heard.behind(told, DRAINED) == behind and heard.held(told, DRAINED) == held


def test_a_leader_that_has_no_copy_any_more_is_of_before():
    assert heard.behind(topics(orders((1, 2, 3), 4)), Done({ORDERS: [1, 2, 3]}, [], ())) == ["orders-0"]


def test_a_partition_that_has_no_leader_is_nothing_to_wait_for():
    assert heard.behind(topics(orders((1, 2, 3), -1)), Done({ORDERS: [1, 2, 3]}, [], {4})) == []


BROKERS = [Broker(number, Endpoint(f"kafka{number}", 9092)) for number in (1, 2, 3)]
OLD, NEW = topics(orders((4, 2, 3), 4)), topics(orders((1, 2, 3), 1))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Any:
    """asked({1: [what broker 1 tells, one after the other; the last for ever]}): what `everywhere` makes of it, whom it
    asked, and how long that took, seconds."""

    def ask(answers: dict[int, list[Any]], done: Done = DRAINED) -> tuple[dict[str, Any], list[int], float, list[Any]]:
        now, who, said = [0.0], list[int](), list[Any]()

        def one(broker: Broker) -> Any:
            who.append(broker.id)
            left = answers[broker.id]
            return left.pop(0) if len(left) > 1 else left[0]

        monkeypatch.setattr(heard, "_topics", one)
        monkeypatch.setattr(heard.time, "monotonic", lambda: now[0])
        monkeypatch.setattr(heard.time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
        return heard.everywhere(BROKERS, done, said.append), who, now[0], said

    return ask


def test_brokers_that_have_heard_are_asked_once_and_nothing_is_waited_for(asked):
    found, who, took, said = asked({1: [NEW], 2: [NEW], 3: [None]})
    assert found == {"held": [], "unaware": {}} and sorted(who) == [1, 2, 3] and took == 0 and not said


def test_a_broker_that_lags_is_waited_for_and_the_others_are_left_alone(asked):
    found, who, took, said = asked({1: [NEW], 2: [OLD, OLD, NEW], 3: [NEW]})
    assert found == {"held": [], "unaware": {}} and who.count(2) == 3 and len(who) == 5 and 0 < took < 1
    assert said[0] == {"text": "waiting until every broker has heard of it: broker 2"}


def test_a_broker_that_never_hears_is_named_after_a_while(asked):
    found, _, took, _ = asked({1: [NEW], 2: [OLD], 3: [OLD, None]})
    assert found == {"held": [], "unaware": {"2": ["orders-0"]}}
    assert heard.PATIENCE <= took < heard.PATIENCE + 1


def test_what_was_made_meanwhile_on_a_broker_that_leaves_is_named_at_once(asked):
    new = topics(orders((1, 2, 3), 1), Partition("new", 0, (4, 1), leader=4))
    found, _, took, _ = asked({1: [new], 2: [NEW], 3: [new]})
    assert found == {"held": ["new-0"], "unaware": {}} and took == 0


def test_what_an_earlier_run_has_moved_is_not_taken_for_new_by_a_broker_that_lags(asked):
    before = topics(orders((1, 2, 3), 1), Partition("clear", 0, (4, 2), leader=2))
    after = topics(orders((1, 2, 3), 1), Partition("clear", 0, (1, 2), leader=2))
    found, _, took, _ = asked({1: [before, after], 2: [before, after], 3: [before, before, after]})
    assert found == {"held": [], "unaware": {}} and 0 < took < 1
    found, _, took, _ = asked({1: [after], 2: [before], 3: [after]})
    assert found == {"held": [], "unaware": {"2": ["clear-0"]}} and took >= heard.PATIENCE


def test_what_somebody_moves_to_a_broker_that_leaves_is_named_when_all_show_it_to_the_end(asked):
    moved = topics(orders((1, 2, 3), 1), Partition("clear", 0, (4, 2), leader=2))
    found, _, took, _ = asked({1: [moved], 2: [moved], 3: [None]})
    assert found == {"held": ["clear-0"], "unaware": {}} and took >= heard.PATIENCE


# -- what is said of it


class Shown:
    """What a reporter was told."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.phase = self.note = self.warning = self.lines.append

    def host(self, name: str, text: str) -> None:
        self.lines += [text] if text else []


def told(**about: Any) -> list[str]:
    done = {"seconds": 1.0, "partitions": 1, "elected": 1, "held": [], "unaware": {}, **about}
    shown, host = Shown(), type("Host", (), {"name": "kafka4"})()
    _tell(shown, host, done, {4, 7}, {4: host})  # type: ignore[arg-type]
    return shown.lines[1:]


def test_a_broker_may_be_stopped_only_when_every_broker_has_heard_of_it():
    free = "holds no partition any more: stop it (`invoke uninstall --limit`), take it out of the inventory"
    assert told() == [f"kafka4 (broker 4) {free}", f"broker 7 {free}"]
    waits = "holds no partition any more; stop it when every broker has heard of it"
    assert told(unaware={"2": ["orders-0"]}) == [f"kafka4 (broker 4) {waits}", f"broker 7 {waits}"]


def test_a_broker_that_got_partitions_meanwhile_is_not_empty():
    with pytest.raises(HostFailed) as caught:
        told(held=["new-0", "new-1"])
    assert caught.value.lines() == [
        "kafka4: made or moved meanwhile, with copies on kafka4 (broker 4) or broker 7: 2 partitions",
        "    new-0, new-1",
        "  -> run the same command again: it moves these, too",
    ]


def test_a_broker_that_has_not_heard_is_a_warning_of_every_move():
    def work(host: str, args: Any, event: Any) -> dict[str, Any]:
        assert args["leaving"] == [4] and args["going"] == going
        event({"text": "waiting until every broker has heard of it: broker 2"})
        return {"skipped": [], "unaware": {"2": [f"orders-{number}" for number in range(7)]}, "held": []}

    shown, going = Shown(), [{"topic": "orders", "partition": 0, "replicas": [1, 2]}]
    carry_out(FakeHosts({remote.move_copies: work}), shown, "kafka1", "a:1", [], None, {4}, going)  # type: ignore[arg-type]
    assert shown.lines == [
        "waiting until every broker has heard of it: broker 2",
        "broker 2 still answers clients with the old state of 7 partitions (orders-0, orders-1, orders-2, orders-3, "
        "orders-4 and 2 more): the controller has made all changes, and has not reached this broker yet; "
        "see `invoke status`",
    ]
