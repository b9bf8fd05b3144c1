"""When a broker or a ZooKeeper server may go down: the rules, as tables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.metadata.zookeeper import restart_rules as zookeeper
from cluster.metadata.zookeeper.restart_rules import Member
from cluster.model import Partition
from roles.kafka import restart_rules as kafka


def partition(replicas, isr, min_isr, name="t"):
    return Partition(name, 0, tuple(replicas), leader=min(isr, default=-1), isr=tuple(isr), min_isr=min_isr)


def state(*partitions, brokers=(1, 2, 3), controller=1):
    return kafka.ClusterState(frozenset(brokers), controller, tuple(partitions))


@pytest.mark.parametrize(
    ("replicas", "isr", "min_isr", "allowed"),
    [
        ({1, 2, 3}, {1, 2, 3}, 2, True),
        ({1, 2, 3}, {1, 2}, 2, False),  # at the limit, and broker 1 is one of the two
        ({1, 2, 3}, {2, 3}, 2, True),  # at the limit, but broker 1 is out of sync anyway
        ({1, 2, 3}, {3}, 2, False),  # already too few: nobody goes
        ({1, 2, 3}, {1}, 1, False),
        ({1, 2, 3}, {1, 2}, 1, True),
        ({1, 2}, {1, 2}, 1, True),
        ({1, 2}, {1}, 1, False),
        ({1, 2}, {1, 2}, 2, True),  # no copy to spare, ever: not refused, but said (downtime)
        ({1}, {1}, 1, True),
        ({2, 3}, {2}, 1, True),  # not hosted by broker 1
        ({1, 2, 3}, set(), 2, False),
    ],
)
def test_broker_1_may_go_down(replicas, isr, min_isr, allowed):
    refusal = kafka.may_go_down(state(partition(replicas, isr, min_isr)), 1)
    assert (refusal is None) == allowed
    if refusal:
        assert "broker 1 must stay up: 1 partition cannot spare an in-sync copy" in refusal.reason
        assert refusal.details[0].startswith("t-0 (isr ")


@given(st.sets(st.integers(1, 5), min_size=1), st.data())
def test_a_write_that_works_still_works_after_an_allowed_shutdown(replicas, data):
    isr = data.draw(st.sets(st.sampled_from(sorted(replicas))))
    min_isr = data.draw(st.integers(1, 3))
    broker = data.draw(st.sampled_from(sorted(replicas)))
    one = partition(replicas, isr, min_isr)
    if kafka.may_go_down(state(one, brokers=range(1, 6)), broker) is None and one.protected:
        assert len(isr - {broker}) >= min_isr


def test_many_blocked_partitions_are_counted_and_a_few_named():
    blocked = [partition({1, 2, 3}, {1, 2}, 2, name=f"topic{i}") for i in range(9)]
    refusal = kafka.may_go_down(state(*blocked), 1)
    assert "9 partitions" in refusal.reason
    assert len(refusal.details) == kafka.SHOWN + 1
    assert refusal.details[-1] == "and 4 more"


def test_a_persons_own_topics_are_named_before_kafkas():
    blocked = [partition({1, 2, 3}, {1, 2}, 2, name=name) for name in ("__a", "__b", "__c", "__d", "__e", "orders")]
    named = [line.split("-")[0] for line in kafka.may_go_down(state(*blocked), 1).details]
    assert named[:2] == ["orders", "__a"] and len(named) == kafka.SHOWN + 1


def test_partitions_without_a_copy_to_spare_mean_downtime_and_are_said():
    alone = partition({1}, {1}, 1, name="alone")
    cost = kafka.downtime(state(alone, partition({1, 2, 3}, {1, 2, 3}, 2)), 1)
    assert cost.reason == "while broker 1 restarts, 1 partition will be offline, having no other copy"
    assert cost.details == ("alone-0 (isr 1 of 1, needs 1)",)
    assert kafka.downtime(state(alone), 2) is None


def test_the_only_broker_is_downtime_even_without_topics():
    assert "the only one" in kafka.downtime(state(brokers=[1]), 1).reason


BEFORE = state(partition({1, 2, 3}, {1, 2, 3}, 2))


@pytest.mark.parametrize(
    ("after", "missing"),
    [
        (BEFORE, None),
        (state(partition({1, 2, 3}, {1, 2, 3}, 2), brokers=(2, 3)), "not registered"),
        (state(partition({1, 2, 3}, {2, 3}, 2)), "1 partition not yet in sync"),
        (state(partition({1, 2, 3}, {1, 2, 3}, 2), controller=None), "no controller"),
        (state(partition({1, 2, 3}, {1, 2}, 2)), "1 partition under-replicated, 0 before"),
        (state(), None),  # the topic was deleted meanwhile
    ],
)
def test_a_broker_is_back_when_the_cluster_is_as_well_as_before(after, missing):
    refusal = kafka.not_back(BEFORE, after, 1)
    assert (refusal is None) if missing is None else (missing in refusal.reason)


def test_the_controller_goes_last():
    order = kafka.restart_order([3, 1, 2], state(controller=1))
    assert list(order) == [2, 3, 1] and order[2] == order[3] == "" and "the controller" in order[1]
    assert list(kafka.restart_order([3, 1, 2], state(controller=None))) == [1, 2, 3]
    unknown = kafka.restart_order([3, 1, 2], None)
    assert list(unknown) == [1, 2, 3] and all("no broker says" in why for why in unknown.values())


def test_a_broker_that_is_down_goes_first_and_may_always_be_started():
    down = state(partition({1, 2, 3}, {1}, 2), brokers=(1, 2), controller=1)
    order = kafka.restart_order([1, 2, 3], down)
    assert list(order) == [3, 2, 1] and order[3].startswith("it is down") and order[2] == ""
    assert kafka.may_go_down(down, 3) is None
    assert kafka.may_go_down(down, 2) is not None


def test_nobody_goes_down_while_there_is_no_controller():
    refusal = kafka.may_go_down(state(partition({1, 2, 3}, {1, 2, 3}, 2), controller=None), 1)
    assert refusal and "no controller" in refusal.reason


def test_a_broker_that_does_not_answer_counts_as_gone_before_the_cluster_notices():
    healthy = state(partition({1, 2, 3}, {1, 2, 3}, 2))
    assert kafka.may_go_down(healthy, 1) is None
    refusal = kafka.may_go_down(healthy.without(frozenset({3})), 1)
    assert refusal.reason == "broker 1 must stay up: 1 partition cannot spare an in-sync copy, as broker 3 is down"
    assert refusal.details == ("t-0 (isr 1,2 of 3, needs 2)",)
    assert healthy.without(frozenset()) is healthy


@pytest.mark.parametrize(
    ("isr", "brokers", "allowed"),
    [
        ({1, 2}, (1, 2, 3), True),  # broker 3 is up and copies
        ({1, 2}, (1, 2), False),  # it is not: nothing that copies could bring
        ({1}, (1, 2), False),  # 1 and 2, of which 1 wants to go
        ({1}, (1, 2, 3), True),
        ({3}, (1, 2), False),  # the only copy in sync is down: there is nothing to copy from
    ],
)
def test_waiting_for_copies_helps_where_their_brokers_are_up(isr, brokers, allowed):
    behind = state(partition({1, 2, 3}, isr, 2), brokers=brokers)
    assert kafka.may_go_down(behind, 1) is not None
    assert (kafka.may_go_down(behind.caught_up(), 1) is None) == allowed


def test_a_refusal_carries_the_partitions_that_it_is_about():
    one = partition({1, 2, 3}, {1, 2}, 2)
    assert kafka.may_go_down(state(one), 1).about == (one,)
    assert kafka.not_back(state(), state(one), 3).about == (one,)
    assert kafka.not_back(state(), state(one), 1).about == (one,)


@pytest.mark.parametrize(
    ("replicas", "isr", "min_isr", "leaving", "cost"),
    [
        ({1, 2, 3}, {1, 2, 3}, 2, {3}, None),
        ({1, 2, 3}, {1, 2, 3}, 2, {2, 3}, "cannot be written, having too few copies in sync"),
        ({1, 2, 3}, {1, 2, 3}, 2, {1, 2, 3}, "will be offline, having no other copy in sync"),
        ({1, 2, 3}, {1, 2}, 2, {3}, None),  # its copy is behind anyway
        ({1, 2, 3}, {1, 3}, 2, {3}, "cannot be written"),
        ({1, 2, 3}, {3}, 1, {3}, "will be offline"),
        ({3}, {3}, 1, {3}, "will be offline"),
        ({1, 2}, {1, 2}, 2, {2}, "cannot be written"),
        ({1, 2}, {1}, 2, {2}, None),  # it cannot be written with it, either
        ({1, 2}, {1, 2}, 1, {3}, None),
    ],
)
def test_brokers_that_leave_for_good(replicas, isr, min_isr, leaving, cost):
    refusal = kafka.departure(state(partition(replicas, isr, min_isr)), frozenset(leaving))
    assert (refusal is None) if cost is None else (f"1 partition {cost}" in refusal.reason)
    assert refusal is None or refusal.details[0].startswith("t-0 (isr ")


def test_partitions_that_need_every_copy_cannot_be_written_and_are_told_from_those_that_go_offline():
    cost = kafka.downtime(state(partition({1, 2}, {1, 2}, 2, name="both"), partition({1}, {1}, 1, name="alone")), 1)
    assert cost.reason == (
        "while broker 1 restarts, 1 partition will be offline, having no other copy"
        " and 1 partition cannot be written, needing every copy"
    )
    assert [line.split(" ")[0] for line in cost.details] == ["alone-0", "both-0"]


def test_a_status_answer_becomes_a_state():
    status = {
        "brokers": {"1": {}, "2": {}},
        "controller": 2,
        "partitions": [{"topic": "t", "partition": 0, "leader": 1, "replicas": [1, 2], "isr": [1], "min_isr": 1}],
    }
    assert kafka.ClusterState.from_status(status) == kafka.ClusterState(
        frozenset({1, 2}), 2, (Partition("t", 0, (1, 2), leader=1, isr=(1,), min_isr=1),)
    )


LEADER, FOLLOWER, DOWN = Member("leader", synced=2), Member("follower"), Member("", "Connection refused")


@pytest.mark.parametrize(
    ("members", "allowed"),
    [
        ({"a": LEADER, "b": FOLLOWER, "c": FOLLOWER}, True),
        ({"a": FOLLOWER, "b": LEADER, "c": FOLLOWER}, True),
        ({"a": FOLLOWER, "b": Member("leader", synced=1), "c": DOWN}, False),
        ({"a": FOLLOWER, "b": Member("leader", synced=1), "c": FOLLOWER}, False),  # one is still catching up
        ({"a": DOWN, "b": Member("leader", synced=1), "c": FOLLOWER}, True),  # it is down already
        ({"a": Member("standalone")}, True),  # cannot be helped by waiting
        ({"a": LEADER, "b": FOLLOWER}, True),  # the same: two of two are needed
        (
            {"a": FOLLOWER, "b": Member("leader", synced=3), "c": FOLLOWER, "d": DOWN, "e": FOLLOWER},
            True,
        ),
        ({"a": FOLLOWER, "b": Member("leader", synced=2), "c": FOLLOWER, "d": DOWN, "e": DOWN}, False),
    ],
)
def test_zookeeper_server_a_may_go_down(members, allowed):
    assert (zookeeper.may_go_down(members, "a") is None) == allowed


def test_the_refusal_names_who_does_not_serve():
    refusal = zookeeper.may_go_down({"a": FOLLOWER, "b": Member("leader", synced=1), "c": DOWN}, "a")
    assert refusal.reason == "a must stay up: 1 of the other ZooKeeper servers serve, the quorum needs 2"
    assert refusal.details == ("c: Connection refused",)


@pytest.mark.parametrize(
    ("modes", "allowed"),
    [
        ([], True),  # not in the inventory: it cannot be asked
        (["standalone"], True),
        ([""], False),
        (["leader", "follower"], True),  # all there are
        (["leader", ""], False),
        (["leader", "follower", "follower"], True),
        (["leader", "follower", ""], False),  # the quorum hangs on both
        (["follower", "", ""], False),
        (["", "", ""], False),
        (["leader", "follower", "follower", "follower", ""], True),  # one more can be spared
        (["leader", "follower", "follower", "", ""], False),
    ],
)
def test_a_broker_may_go_down_while_zookeeper_is_sure_to_have_it_back(modes, allowed):
    members = {f"zk{number}": Member(mode, "" if mode else "timed out") for number, mode in enumerate(modes)}
    refusal = zookeeper.may_lose_a_broker(members)
    assert (refusal is None) == allowed
    if refusal:
        assert f"{sum(map(bool, modes))} of {len(modes)} ZooKeeper servers serve" in refusal.reason
        assert f"zk{modes.index('')}: timed out" in refusal.details


@pytest.mark.parametrize(
    ("modes", "leaving", "allowed"),
    [
        (["leader", "follower", "follower"], ["zk0"], True),
        (["leader", "follower", "follower"], ["zk0", "zk1"], False),
        (["leader", "follower", ""], ["zk2"], True),  # it is down anyway
        (["leader", "follower", ""], ["zk1"], False),
        (["leader", "", ""], ["zk0"], True),  # no quorum to lose
        (["standalone"], ["zk0"], False),
    ],
)
def test_servers_that_leave_for_good(modes, leaving, allowed):
    members = {f"zk{number}": Member(mode, "" if mode else "timed out") for number, mode in enumerate(modes)}
    refusal = zookeeper.departure(members, leaving)
    assert (refusal is None) == allowed
    assert allowed or f"without {', '.join(leaving)}, " in refusal.reason


@pytest.mark.parametrize(("size", "downtime"), [(1, True), (2, True), (3, False), (5, False)])
def test_small_ensembles_mean_downtime(size, downtime):
    members = {f"zk{i}": FOLLOWER for i in range(size)}
    assert (zookeeper.downtime(members, "zk0") is not None) == downtime


@pytest.mark.parametrize(
    ("members", "missing"),
    [
        ({"a": FOLLOWER, "b": LEADER, "c": FOLLOWER}, None),
        ({"a": DOWN, "b": LEADER, "c": FOLLOWER}, "a does not serve: Connection refused"),
        ({"a": FOLLOWER, "b": FOLLOWER, "c": FOLLOWER}, "0 leaders"),
        ({"a": LEADER, "b": LEADER, "c": FOLLOWER}, "2 leaders: a, b"),
        ({"a": FOLLOWER, "b": Member("leader", synced=1), "c": FOLLOWER}, "1 of 2 followers"),
        ({"a": Member("standalone")}, None),
    ],
)
def test_a_server_is_back_when_the_ensemble_is_whole(members, missing):
    refusal = zookeeper.not_back(members, "a")
    assert (refusal is None) if missing is None else (missing in refusal.reason)


def test_followers_go_first_and_the_leader_last():
    members = {"a": LEADER, "b": FOLLOWER, "c": DOWN, "d": FOLLOWER}
    order = zookeeper.restart_order(members)
    assert list(order) == ["c", "b", "d", "a"] and order["b"] == order["d"] == ""
    assert order["c"].startswith("it is down") and order["a"].startswith("the leader")


def test_probe_answers_become_members():
    assert Member.from_status({"serving": False, "why": "timed out"}) == Member("", "timed out")
    assert Member.from_status({"serving": True, "mode": "leader", "synced_followers": 2}) == LEADER
