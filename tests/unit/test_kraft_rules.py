"""When a controller of KRaft may go down, and when it is back: the rules, as tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.metadata.kraft import restart_rules as rules
from cluster.metadata.kraft.seen import CAUGHT_UP, Controller, Replica, Seen
from cluster.protocol.flexible import NO_DIRECTORY
from provisioner.refusal import Refusal

LEVEL = {"end_offset": 100, "silent_ms": 400, "behind_ms": 400}
GONE = {"end_offset": -1, "silent_ms": None, "behind_ms": None}  # not heard of under this leader
STOPPED = {"end_offset": 99, "silent_ms": CAUGHT_UP, "behind_ms": CAUGHT_UP}  # heard of a while ago
SLOW = {"end_offset": 90, "silent_ms": 300, "behind_ms": 300}  # fetches in time, and has not everything
LATE = {"end_offset": 100, "silent_ms": 300, "behind_ms": CAUGHT_UP}


def replica(number: int, directory: str = "", **state: Any) -> Replica:
    return Replica(number, directory or f"disk{number}", **{**LEVEL, **state})


def seen(
    *voters: Replica | Mapping[str, Any],
    leader: int | None = 1,
    silent: tuple[str, ...] = (),
    names: int | None = None,
    observers: tuple[Replica, ...] = (),
    high_watermark: int = 100,
) -> Seen:
    """Controllers k1, k2, ... with the ids 1, 2, ... names: how many the inventory has, as many as voters when None."""
    made = tuple(one if isinstance(one, Replica) else replica(i, **one) for i, one in enumerate(voters, 1))
    hosts = {f"k{i}": i for i in range(1, (len(made) if names is None else names) + 1)}
    controllers = {
        name: Controller(number, "Connection refused" if name in silent else "", leader)
        for name, number in hosts.items()
    }
    if leader is None:
        return Seen(controllers)
    return Seen(controllers, leader, 7, high_watermark, made, observers)


HEALTHY = seen({}, {}, {})


@pytest.mark.parametrize(
    ("state", "name", "allowed"),
    [
        (HEALTHY, "k1", True),
        (HEALTHY, "k3", True),
        (seen({}, {}, GONE, silent=("k3",)), "k2", False),  # one of three is down: no second one
        (seen({}, {}, GONE, silent=("k3",)), "k3", True),  # it is down: a start fixes that
        (seen({}, {}, GONE), "k2", False),  # it answers, and does not fetch
        (seen({}, {}, STOPPED), "k2", False),
        (seen({}, {}, LATE), "k2", False),  # by time
        (seen({}, {}, SLOW), "k2", False),  # by offset, though it fetches in time
        (seen({}, SLOW, {}), "k2", True),  # only the others count
        (seen({}, {}, {"behind_ms": CAUGHT_UP - 1}), "k1", True),
        (seen({}, {}, {}, leader=None), "k1", False),
        (seen({}, {}, {}, leader=None, silent=("k2", "k3")), "k2", True),
        (seen({}, {}, {}, high_watermark=-1), "k2", False),  # its leader has just begun
        (seen({}), "k1", True),  # alone: not refused, but said (downtime)
        (seen({}, {}), "k1", True),
        (seen({}, GONE, silent=("k2",)), "k1", True),
        (seen({}, {}, {}, {}), "k1", True),
        (seen({}, {}, {}, GONE), "k2", False),
        (seen({}, {}, {}, {}, GONE), "k2", False),  # three of five would be left, and none to spare
        (seen({}, {}, names=3), "k2", False),  # k3 is to be added: one of two voters would not do
        (seen({}, {}, names=3), "k3", True),  # it has no vote
        (seen({}, names=3), "k1", False),
        (seen({}, {}, GONE, observers=(replica(3, "new"),)), "k3", True),  # a wiped disk: it has no vote
        (seen({}, {}, GONE, observers=(replica(3, "new"),)), "k2", False),
        (seen({}, {}, {}, names=2), "k2", True),  # a voter that the inventory lacks counts all the same
        (seen({}, {}, GONE, names=2), "k2", False),
    ],
)
def test_a_controller_may_go_down(state: Seen, name: str, allowed: bool):
    refusal = rules.may_go_down(state, name)
    assert (refusal is None) == allowed, refusal
    assert refusal is None or refusal.reason.startswith(f"{name} must stay up: ")


def test_what_counts_is_the_high_watermark_of_the_first_look():
    later = seen({"end_offset": 250}, {"end_offset": 240}, {"end_offset": 120}, high_watermark=240)
    assert rules.may_go_down(later, "k2", 100) is None
    assert rules.may_go_down(later, "k2") is not None


@pytest.mark.parametrize(
    ("third", "detail"),
    [
        (GONE, "k3: not heard of since k1 leads"),
        (STOPPED, "k3: has the metadata up to offset 99 of 100"),
        ({**STOPPED, "end_offset": 100}, "k3: not heard of for more than 2 s"),
        (LATE, "k3: more than 2 s behind the leader"),
        (SLOW, "k3: has the metadata up to offset 90 of 100"),
    ],
)
def test_a_refusal_names_the_voter_and_how_far_it_is(third: Mapping[str, Any], detail: str):
    assert rules.may_go_down(seen({}, {}, third), "k2") == Refusal(
        "k2 must stay up: 1 of the 2 other voters of the quorum has not caught up with k1, which leads", (detail,)
    )


def test_a_refusal_stays_the_same_while_nothing_moves():
    """A gate takes a changed refusal for progress, and would wait for a dead voter for ever."""
    looks = [seen({}, {}, {"end_offset": 100, "silent_ms": age, "behind_ms": age}) for age in (2000, 3000, 99_000)]
    assert len({rules.may_go_down(one, "k2") for one in looks}) == 1


def test_a_leader_that_the_others_follow_and_that_does_not_answer_is_named():
    controllers = {"k1": Controller(1, "timed out"), "k2": Controller(2, leader=1), "k3": Controller(3, leader=1)}
    reason = "k1, which leads the controllers, does not answer"
    assert rules.may_go_down(Seen(controllers), "k2") == Refusal(f"k2 must stay up: {reason}", ("k1: timed out",))
    assert rules.not_back(None, Seen(controllers), "k2", 0) == Refusal(reason, ("k1: timed out",))
    assert HEALTHY.followed is None


def test_without_a_leader_those_that_do_not_answer_are_named():
    refusal = rules.may_go_down(seen({}, {}, {}, leader=None, silent=("k2",)), "k1")
    assert refusal == Refusal("k1 must stay up: the controllers have no leader", ("k2: Connection refused",))


def test_too_few_voters_are_named_by_those_that_have_no_vote():
    assert rules.may_go_down(seen({}, {}, names=3), "k2") == Refusal(
        "k2 must stay up: the quorum has only 2 voters", ("k3 is no voter",)
    )


def test_a_voter_that_the_inventory_lacks_is_named_by_its_id():
    refusal = rules.may_go_down(seen({}, {}, replica(9, end_offset=-1, silent_ms=None, behind_ms=None), names=2), "k1")
    assert refusal and refusal.details == ("controller 9: not heard of since k1 leads",)


@given(st.lists(st.sampled_from([{}, GONE, STOPPED, SLOW, LATE]), min_size=2, max_size=6), st.data())
def test_what_is_left_after_an_allowed_stop_is_a_majority_that_has_everything(states: Any, data: Any):
    state = seen({}, *states)
    name = data.draw(st.sampled_from(list(state.controllers)))
    if rules.may_go_down(state, name) is None:
        left = [one for one in state.voters if one.id != state.controllers[name].id and one.caught_up(100)]
        assert len(left) >= rules.majority(len(state.voters))


# -- back


AFTER = seen({"end_offset": 120}, {"end_offset": 119}, {"end_offset": 118})


@pytest.mark.parametrize(
    ("before", "after", "goal", "back"),
    [
        (HEALTHY, AFTER, 118, True),
        (HEALTHY, AFTER, 120, False),  # not yet where the leader was at its start
        (None, AFTER, 118, True),
        (HEALTHY, seen({}, {}, GONE, silent=("k3",)), 0, False),
        (HEALTHY, seen({}, {}, GONE), 0, False),  # it answers, the leader has not heard of it
        (HEALTHY, seen({}, {}, STOPPED), 99, False),  # what the leader remembers of before
        (HEALTHY, seen({}, {}, LATE), 100, False),
        (HEALTHY, seen({}, {}, {}, leader=None), 0, False),
        (HEALTHY, seen({}, {}, {}, high_watermark=-1), 0, False),
        (HEALTHY, seen({}, {}, replica(3, "new")), 100, False),
        (HEALTHY, seen({}, {}, GONE, observers=(replica(3, "new"),)), 0, False),
        (None, seen({}, {}, GONE, observers=(replica(3, "new"),)), 0, False),
        (HEALTHY, seen({}, {}, names=3), 0, False),  # no voter any more
        (seen({}, {}, names=3), seen({}, {}, names=3), 0, True),  # nor was it before
        (HEALTHY, seen({}, {}, {}, leader=3), 100, True),  # it leads
    ],
)
def test_a_restarted_controller_is_back(before: Seen | None, after: Seen, goal: int, back: bool):
    assert (rules.not_back(before, after, "k3", goal) is None) == back


def test_a_static_quorum_has_no_directories_to_compare():
    plain = seen(*(replica(number, NO_DIRECTORY) for number in (1, 2, 3)))
    assert rules.not_back(plain, plain, "k2", 100) is None


def test_the_only_controller_is_back_when_it_leads():
    assert rules.not_back(None, seen({}), "k1", 100) is None


def test_a_wiped_disk_is_named_with_both_directories():
    refusal = rules.not_back(HEALTHY, seen({}, {}, GONE, observers=(replica(3, "new"),)), "k3", 0)
    assert refusal and "k3 came back with another metadata directory: the voter 3" in refusal.reason
    assert refusal.details == ("voter: directory disk3", "k3: directory new")


def test_what_is_missing_is_said_with_numbers_that_grow():
    refusal = rules.not_back(HEALTHY, AFTER, "k3", 120)
    assert refusal == Refusal(
        "k3 has not caught up with k1, which leads", ("k3: has the metadata up to offset 118 of 120",)
    )


# -- order, brokers, removal


@pytest.mark.parametrize(
    ("state", "order"),
    [
        (HEALTHY, ["k2", "k3", "k1"]),
        (seen({}, {}, {}, leader=2), ["k1", "k3", "k2"]),
        (seen({}, {}, GONE, silent=("k3",)), ["k3", "k2", "k1"]),
        (seen({}, {}, {}, leader=None), ["k1", "k2", "k3"]),
        (seen({}, {}, {}, leader=1, silent=("k1",)), ["k1", "k2", "k3"]),
    ],
)
def test_the_silent_restart_first_and_the_leader_last(state: Seen, order: list[str]):
    found = rules.restart_order(state)
    assert list(found) == order
    for name, one in state.controllers.items():
        leads = one.serving and one.id == state.leader
        assert (found[name].startswith("it is down"), found[name].startswith("the leader")) == (not one.serving, leads)


@pytest.mark.parametrize(
    ("state", "allowed"),
    [
        (HEALTHY, True),
        (seen({}), True),
        (seen({}, {}), True),
        (seen({}, {}, GONE), False),  # two of three: none to spare
        (seen({}, {}, {}, GONE), False),
        (seen({}, {}, {}, {}, STOPPED), True),
        (seen({}, {}, {}, GONE, LATE), False),
        (seen({}, GONE, GONE), False),
        (seen({}, {}, {}, leader=None), False),
        (seen({}, {}, {}, high_watermark=-1), False),
        (Seen(), True),  # they cannot be asked
    ],
)
def test_a_broker_may_go_down_while_the_quorum_is_sure_to_have_it_back(state: Seen, allowed: bool):
    refusal = rules.may_lose_a_broker(state)
    assert (refusal is None) == allowed
    assert refusal is None or refusal.reason.startswith("no broker may go down: ")


@pytest.mark.parametrize(
    ("state", "has"),
    [
        (HEALTHY, True),
        (seen({}, {}, GONE), True),
        (seen({}, STOPPED, STOPPED), False),  # a leader that nobody fetches from, before it resigns
        (seen({}, {}, {}, leader=None), False),
        (seen({}, {}, {}, high_watermark=-1), False),
        (Seen(), True),
    ],
)
def test_a_quorum_is_a_leader_and_a_majority_that_fetches_from_it(state: Seen, has: bool):
    assert rules.has_quorum(state) == has


@pytest.mark.parametrize(("size", "costs"), [(1, True), (2, True), (3, False), (4, False), (5, False)])
def test_a_restart_costs_the_quorum_where_nobody_can_stand_in(size: int, costs: bool):
    assert (rules.downtime([f"k{i}" for i in range(1, size + 1)], "k1") is not None) == costs


@pytest.mark.parametrize(
    ("state", "leaving", "said"),
    [
        (HEALTHY, ["k3"], "k3 is a voter of the quorum, which would go on counting on it"),
        (HEALTHY, ["k1", "k2"], "without k1, k2, 1 of 3 voters of the quorum answer and it needs 2: brokers"),
        (seen({}, {}, GONE), ["k3"], "k3 is a voter of the quorum"),  # also one that is down
        (seen({}, {}, GONE), ["k2"], "without k2, 1 of 3 voters"),
        (seen({}, {}, {}, {}, {}), ["k4", "k5"], "k4, k5 are voters of the quorum, which would go on counting on them"),
        (seen({}, {}, names=3), ["k3"], ""),  # no voter
        (seen({}, {}, names=3), ["k2", "k3"], "without k2, 1 of 2 voters"),
        (
            seen({}, {}, {}, leader=None),
            ["k3"],
            "the controllers have no leader: whether k3 can be spared is",
        ),
        (seen({}, STOPPED, STOPPED), ["k1"], "without k1, 0 of 3 voters"),
    ],
)
def test_a_controller_leaves_the_quorum_before_its_host_goes(state: Seen, leaving: list[str], said: str):
    refusal = rules.departure(state, leaving)
    assert refusal.reason.startswith(said) if refusal else not said
    if refusal and state.leader is not None:
        (voter, *others) = [name for name in leaving if name != "k3" or state.voter(3)]
        way = f"first `invoke quorum.remove --controller {voter}`" + (", then the next one" if others else "")
        assert refusal.details[-1] == way


# -- what is seen


def answer(number: int, leader: int | None = None, epoch: int = 0, serving: bool = True) -> dict[str, Any]:
    made: dict[str, Any] = {"serving": serving, "why": "" if serving else "timed out", "id": number, "leader": leader}
    if leader != number:
        return {**made, "is_leader": False}
    voter = {"id": number, "directory": "disk", "end_offset": 5, "silent_ms": 0, "behind_ms": 0}
    return {**made, "is_leader": True, "epoch": epoch, "high_watermark": 5, "voters": [voter], "observers": []}


def test_of_two_leaders_the_older_epoch_loses():
    for order in ((1, 2), (2, 1)):
        epochs = {1: 7, 2: 8}
        found = Seen.from_answers({f"k{n}": answer(n, n, epochs[n]) for n in order})
        assert (found.leader, found.epoch) == (2, 8)


def test_a_leader_that_does_not_answer_is_none_though_others_still_follow_it():
    found = Seen.from_answers({"k1": answer(1, serving=False), "k2": answer(2, 1), "k3": answer(3, 1)})
    assert found.leader is None and found.controllers["k1"].why == "timed out"
    assert found.controllers["k2"].leader == 1 and found.controllers["k2"].serving


def test_a_follower_that_names_no_leader_serves_all_the_same():
    found = Seen.from_answers({"k1": {**answer(1), "why": "it knows no leader"}})
    assert found.controllers["k1"].serving


def test_the_leaders_end_is_found_when_it_is_no_voter_any_more():
    removed = seen({}, {}, leader=9, observers=(replica(9, end_offset=111),))
    assert removed.end() == 111 and HEALTHY.end() == 100 and Seen().end() == -1
    assert removed.leader_name == "controller 9" and Seen().leader_name == "nobody"
