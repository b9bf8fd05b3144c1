"""The throttle: which copies it is for, and that what somebody else has set outlives it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from cluster.endpoint import Endpoint
from cluster.model import Broker, Partition, Setting, Topic
from cluster.moving import throttle
from cluster.moving.directories import Directory
from cluster.moving.marks import DIRECTORIES, FOLLOWERS, LEADERS, MARK, MARKS, OF_DIRECTORIES, RATES
from cluster.settings.configs import BROKER, TOPIC
from cluster.topics import plan as topic_plan
from cluster.topics.wanted import Wanted
from tests.support.settings import of_topic

SOURCES = {TOPIC: "dynamic topic", BROKER: "dynamic broker"}
Key = tuple[str, int]
Stored = dict[str, dict[str, str]]  # resource -> what is set on it


class Cluster:
    """Brokers 1 and 2 and two topics, and what is set on them. A broker keeps its values to itself."""

    def __init__(self, brokers: Stored, topics: Stored) -> None:
        self.stored = {BROKER: brokers, TOPIC: topics}
        self.silent: set[int] = set()

    def describe(self, connection: Any, kind: int, names: Iterable[str], keys: Iterable[str]) -> Any:
        wanted = list(keys)
        return {
            name: {
                key: Setting(key, value if kind == TOPIC else None, SOURCES[kind])
                for key, value in self.stored[kind][name].items()
                if key in wanted
            }
            | {key: Setting(key, "", "default") for key in wanted if key not in self.stored[kind][name]}
            for name in names
        }

    def alter(self, connection: Any, kind: int, settings: Mapping[str, Mapping[str, str | None]]) -> None:
        for name, values in settings.items():
            assert kind == TOPIC or connection.port == int(name), "a broker takes its own settings only"
            for key, value in values.items():
                self.stored[kind][name].pop(key, None)
                if value is not None:
                    self.stored[kind][name][key] = value


VIEW: dict[str, Any] = {
    "brokers": {1: Broker(1, Endpoint("kafka1", 1)), 2: Broker(2, Endpoint("kafka2", 2))},
    "topics": {
        "orders": Topic("orders", (Partition("orders", 0, (1,), isr=(1,)), Partition("orders", 1, (2,), isr=(2,)))),
        "logs": Topic("logs", (Partition("logs", 0, (1,), isr=(1,)),)),
    },
}


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """Nothing is set on it."""
    found = Cluster({"1": {}, "2": {}}, {"orders": {}, "logs": {}})

    class Connection:
        def __init__(self, endpoint: Endpoint, timeout: float = 5.0) -> None:
            if endpoint.port in found.silent:
                raise ConnectionRefusedError(None, "Connection refused")
            self.port = endpoint.port

        def __enter__(self) -> Connection:
            return self

        def __exit__(self, *_: object) -> None: ...

    monkeypatch.setattr(throttle.wire, "Connection", Connection)
    monkeypatch.setattr(throttle.configs, "describe", found.describe)
    monkeypatch.setattr(throttle.configs, "alter", found.alter)
    return found


def find(kind: str = "ours") -> tuple[list[str], list[str]]:
    found = throttle.find(VIEW["brokers"], VIEW["topics"])[kind]
    return found["brokers"], found["topics"]


def test_only_copies_that_are_made_and_those_they_are_read_from_are_throttled():
    before = {("orders", 0): [1, 2], ("orders", 1): [2, 3], ("logs", 0): [1]}
    goals = {("orders", 0): [1, 4], ("orders", 1): [3, 2], ("logs", 0): [4]}
    assert throttle.lists(before, goals) == {
        "orders": {LEADERS: "0:1,0:2", FOLLOWERS: "0:4"},
        "logs": {LEADERS: "0:1", FOLLOWERS: "0:4"},
    }


def test_what_is_set_is_ours_and_goes_without_a_trace(cluster: Cluster):
    throttle.set_rate(VIEW, {("orders", 0): [2]}, 1000)
    assert (
        cluster.stored[BROKER]["1"] == dict.fromkeys([*RATES, *MARKS.values()], "1000") == cluster.stored[BROKER]["2"]
    )
    assert cluster.stored[TOPIC] == {"orders": {LEADERS: f"{MARK},0:1", FOLLOWERS: f"{MARK},0:2"}, "logs": {}}
    assert find() == (["1", "2"], ["orders"]) and find("others") == ([], [])
    throttle.clear(VIEW["brokers"], VIEW["topics"])
    assert cluster.stored == {BROKER: {"1": {}, "2": {}}, TOPIC: {"orders": {}, "logs": {}}}


def test_what_somebody_else_has_set_is_there_meanwhile_and_afterwards(cluster: Cluster):
    theirs: dict[int, Stored] = {
        BROKER: {"1": {RATES[0]: "77"}, "2": {}},
        TOPIC: {"orders": {LEADERS: "*", FOLLOWERS: "1:1,1:2"}, "logs": {LEADERS: "0:1"}},
    }
    cluster.stored = {kind: {name: dict(found) for name, found in of.items()} for kind, of in theirs.items()}
    assert find() == ([], []) and find("others") == (["1"], ["logs", "orders"])
    throttle.set_rate(VIEW, {("orders", 0): [2]}, 1000)
    assert cluster.stored[BROKER]["1"] == {RATES[0]: "77", RATES[1]: "1000", MARKS[RATES[1]]: "1000"}
    assert cluster.stored[TOPIC]["orders"] == {LEADERS: "*", FOLLOWERS: f"1:1,1:2,{MARK},0:2"}
    # A run that follows an interrupted one replaces what is ours; it does not add to it.
    throttle.set_rate(VIEW, {("orders", 1): [1]}, 500)
    assert cluster.stored[BROKER]["1"][RATES[0]] == "77" and cluster.stored[BROKER]["2"][RATES[0]] == "500"
    assert cluster.stored[TOPIC]["orders"][FOLLOWERS] == f"1:1,1:2,{MARK},1:1"
    assert find() == (["1", "2"], ["orders"]) and find("others") == (["1"], ["logs", "orders"])
    throttle.clear(VIEW["brokers"], VIEW["topics"])
    assert cluster.stored == theirs


def test_the_next_run_s_throttle_takes_the_place_of_the_last_one_s_without_a_moment_between(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
):
    throttle.replace(VIEW, {("orders", 0): [2], ("logs", 0): [2]}, 1000)
    seen = []

    def alter(connection: Any, kind: int, settings: Any) -> None:
        cluster.alter(connection, kind, settings)
        seen.append(
            cluster.stored[TOPIC]["orders"].get(FOLLOWERS) == f"{MARK},0:2" and RATES[0] in cluster.stored[BROKER]["1"]
        )

    monkeypatch.setattr(throttle.configs, "alter", alter)
    throttle.replace(VIEW, {("orders", 0): [2]}, 500)
    assert find() == (["1", "2"], ["orders"]) and cluster.stored[BROKER]["2"][RATES[0]] == "500"
    assert seen and all(seen)
    throttle.replace(VIEW, {("orders", 0): [2]}, None)
    assert find() == ([], [])


def test_a_broker_that_is_gone_is_left_out_and_found_when_it_is_back(cluster: Cluster):
    throttle.set_rate(VIEW, {("orders", 0): [2]}, 1000)
    cluster.silent = {1}
    throttle.clear(VIEW["brokers"], VIEW["topics"])
    assert cluster.stored[BROKER]["2"] == {} and cluster.stored[TOPIC]["orders"] == {}
    cluster.silent = set()
    assert find() == (["1"], [])
    throttle.clear(VIEW["brokers"], VIEW["topics"])
    assert find() == ([], [])


@pytest.fixture
def between(monkeypatch: pytest.MonkeyPatch) -> dict[Key, int]:
    """The copies that every broker is moving between its directories, {} of none."""
    coming: dict[Key, int] = {}
    monkeypatch.setattr(throttle.log_dirs, "describe", lambda connection: [Directory("/srv/a", coming=coming)])
    return coming


def test_the_limit_of_moves_between_directories_is_marked_and_goes_without_a_trace(
    cluster: Cluster, between: dict[Key, int]
):
    one = VIEW["brokers"][1]
    throttle.limit_directories(one, 1000)
    throttle.limit_directories(one, 500)
    assert cluster.stored[BROKER] == {"1": dict.fromkeys(OF_DIRECTORIES, "500"), "2": {}} and find() == (["1"], [])
    throttle.limit_directories(one, None)
    assert cluster.stored[BROKER]["1"] == {}
    # A run that was killed has left it: any later rebalance removes it, as soon as nothing moves.
    throttle.limit_directories(one, 500)
    throttle.set_rate(VIEW, {("orders", 0): [2]}, 1000)
    between["orders", 0] = 1
    throttle.clear(VIEW["brokers"], VIEW["topics"])
    assert cluster.stored[BROKER] == {"1": dict.fromkeys(OF_DIRECTORIES, "500"), "2": {}}
    between.clear()
    throttle.clear(VIEW["brokers"], VIEW["topics"])
    assert cluster.stored[BROKER]["1"] == {}


def test_a_limit_of_somebody_else_for_moves_between_directories_stays(cluster: Cluster):
    cluster.stored[BROKER]["1"] = {DIRECTORIES: "77"}
    for rate in (1000, None):
        throttle.limit_directories(VIEW["brokers"][1], rate)
        assert cluster.stored[BROKER]["1"] == {DIRECTORIES: "77"}
    assert find() == ([], []) and find("others") == ([], []), "it slows no copy between brokers down"


def test_moves_that_make_no_copy_need_no_throttle(cluster: Cluster):
    throttle.set_rate(VIEW, {("orders", 0): [1]}, 1000)
    assert find() == ([], [])


@pytest.mark.parametrize(("listed", "left"), [("", ()), ("*", ()), ("0:1", ()), (f"0:1,{MARK},0:2", ("orders",))])
def test_topics_are_not_to_be_freed_of_what_somebody_else_has_set(listed: str, left: tuple[str, ...]):
    there = Topic(
        "orders", (Partition("orders", 0, (1,)),), settings={LEADERS: of_topic(LEADERS, listed, own=bool(listed))}
    )
    plan = topic_plan.make([Wanted("orders")], {"orders": there}, topic_plan.Cluster({1: None}, 1, 1, {}))
    assert plan.throttled == left and plan.nothing is not bool(left) and not plan.strays
