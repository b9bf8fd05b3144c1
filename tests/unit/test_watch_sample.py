"""What a broker's host sees again and again: growth between two looks, how often it asks, its process, its broker."""

from __future__ import annotations

import os
import threading
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from kafka.errors import GroupAuthorizationFailedError
from kafka.protocol.admin import DescribeLogDirsRequest, ListGroupsRequest
from kafka.protocol.consumer import ListOffsetsRequest, OffsetFetchRequest

from cluster.endpoint import Endpoint
from cluster.live import NOW, QUORUM, process, sample
from cluster.live.growth import Reading, complete, grown, to_measure
from cluster.live.pace import SHARE, Pace
from cluster.model import Broker, Partition, Topic
from provisioner.agent.feed import Feed

A, B, OTHER = ("orders", 0), ("orders", 1), ("events", 0)

# -- growth


@pytest.mark.parametrize(
    ("before", "after", "sizes", "wanted"),
    [
        ({A: 10}, {A: 10}, ({A: 5}, {A: 5}), {}),
        ({A: 10}, {A: 14}, ({A: 1000}, {A: 1400}), {"orders": (4, 400)}),
        ({A: 10, B: 0}, {A: 14, B: 2}, ({A: 0, B: 0}, {A: 40, B: 30}), {"orders": (6, 70)}),
        # Led by another broker before, which has counted it.
        ({A: 10}, {A: 10, B: 99}, ({A: 0}, {A: 0, B: 9}), {}),
        ({A: 10, B: 5}, {A: 12}, ({A: 0, B: 0}, {A: 8}), {"orders": (2, 8)}),
        # An unclean election, or a topic that was made anew.
        ({A: 10}, {A: 3}, ({A: 100}, {A: 30}), {}),
        # A segment was deleted meanwhile: as many bytes per record as beside it, or unknown.
        ({A: 10, B: 10}, {A: 20, B: 30}, ({A: 0, B: 900}, {A: 100, B: 50}), {"orders": (30, 300)}),
        ({A: 10}, {A: 20}, ({A: 900}, {A: 50}), {"orders": (10, None)}),
        (
            {A: 10, OTHER: 1},
            {A: 20, OTHER: 2},
            ({A: 900, OTHER: 1}, {A: 5, OTHER: 2}),
            {"orders": (10, None), "events": (1, 1)},
        ),
        # The size could not be had.
        ({A: 10}, {A: 20}, ({}, {A: 50}), {"orders": (10, None)}),
    ],
)
def test_what_a_topic_got_is_what_its_partitions_grew_by(before, after, sizes, wanted):
    assert grown(Reading(1.0, before, sizes[0]), Reading(3.0, after, sizes[1])) == wanted


def test_only_partitions_that_grew_or_are_new_are_measured_and_the_others_keep_their_size():
    assert to_measure(None, {A: 0, B: 7}) == {"orders": [0, 1]}
    before = Reading(1.0, {A: 10, B: 7}, {A: 100, B: 70})
    now = {A: 12, B: 7, OTHER: 0}
    assert to_measure(before, now) == {"orders": [0], "events": [0]}
    found = complete(before, 3.0, now, {A: 120, OTHER: 0})
    assert found == Reading(3.0, now, {A: 120, B: 70, OTHER: 0})
    assert complete(found, 5.0, {B: 7}, {}).sizes == {B: 70}, "what is led elsewhere now is forgotten"


# -- pace


class Clock:
    """Both clocks of a Pace."""

    now = cpu = 100.0

    def spend(self, pace: Pace, seconds: float, least: float = 0.0) -> None:
        with pace.spending("part", least):
            self.cpu += seconds


def test_a_part_rests_for_as_long_as_its_cost_demands():
    clock = Clock()
    pace = Pace(lambda: clock.now, lambda: clock.cpu)
    assert pace.due("part")
    clock.spend(pace, 9.0)  # imports and compiles
    assert pace.due("part"), "the first time does not count"
    clock.spend(pace, 0.002)
    clock.now += 0.002 / SHARE - 0.01
    assert not pace.due("part") and pace.due("another")
    clock.now += 0.02
    assert pace.due("part")
    clock.spend(pace, 0.0, least=30.0)
    clock.now += 29.0
    assert not pace.due("part")


# -- the process


def test_a_process_is_read_from_proc_whatever_its_name_is():
    line = "42 (a) b (c) S 1 42 42 0 -1 4194560 1 2 3 4 150 50 7 8 20 0 60 0 900 1 2 3"
    assert process.parse(line) == (200 / process.TICKS, 900 / process.TICKS)
    assert process.parse("") is None and process.parse("42 (gone)") is None


def test_systemd_is_asked_for_a_process_once_and_again_when_it_is_gone(monkeypatch: pytest.MonkeyPatch):
    pids, asked, now = [os.getpid()], [], [100.0]
    monkeypatch.setattr(process.time, "monotonic", lambda: now[0])

    def find(unit: str) -> int:
        asked.append(unit)
        return pids[0]

    watched = process.Process("kafka", find)
    first = watched.look(serving=True)
    assert first and first["cpu"] > 0 and first["uptime"] >= 0 and first["heap_max"] is None
    assert watched.look(serving=True) and asked == ["kafka"]
    pids[0], watched._pid = 0, 2**22 + 1  # it has ended; no such process
    assert watched.look(serving=False) is None and watched.look(serving=False) is None
    assert len(asked) == 1, "within ten seconds nobody asks again"
    now[0] += process.AGAIN_SECONDS
    assert watched.look(serving=False) is None and len(asked) == 2
    pids[0] = os.getpid()
    assert watched.look(serving=True) and len(asked) == 3, "a broker that answers has a process"


# -- the broker


class FakeBroker:
    """Stands in for `wire.Connection`. ends: of the partitions that it leads."""

    ends: ClassVar[dict[tuple[str, int], int]] = {}
    sizes: ClassVar[dict[tuple[str, int], int]] = {}
    groups: ClassVar[dict[str, Any]] = {}
    asked: ClassVar[list[Any]] = []
    why: OSError | None = None
    opened = 0

    def __init__(self, endpoint: Endpoint, timeout: float = 0) -> None:
        if self.why:
            raise self.why
        type(self).opened += 1
        self.closed = False

    def close(self) -> None:
        self.closed = True

    def metadata(self, topics: None) -> dict[str, Any]:
        if self.why:
            raise self.why
        mine = [Partition(topic, number, (1, 2), leader=1, isr=(1, 2)) for topic, number in self.ends]
        theirs = Partition("orders", 7, (2, 1), leader=2, isr=(2,))
        names = {one.topic for one in mine}
        topics_ = {name: Topic(name, tuple(one for one in [*mine, theirs] if one.topic == name)) for name in names}
        return {"brokers": {1: Broker(1, Endpoint("h", 1)), 2: None}, "controller": 2, "topics": topics_}

    def call(self, request: Any) -> Any:
        type(self).asked.append(request)
        if isinstance(request, ListGroupsRequest):
            groups = [SimpleNamespace(group_id=name, group_state="Stable") for name in self.groups]
            return SimpleNamespace(error_code=0, groups=groups)
        if isinstance(request, OffsetFetchRequest):
            found = self.groups[request.group_id]
            if isinstance(found, int):
                return SimpleNamespace(error_code=found, topics=[])
            places = [SimpleNamespace(partition_index=number, committed_offset=at) for number, at in found.items()]
            return SimpleNamespace(error_code=0, topics=[SimpleNamespace(name="orders", partitions=places)])
        if isinstance(request, ListOffsetsRequest):
            topics = [
                SimpleNamespace(
                    name=topic.name,
                    partitions=[
                        SimpleNamespace(
                            partition_index=one.partition_index,
                            error_code=0,
                            offset=self.ends[topic.name, one.partition_index] if one.timestamp == -1 else 3,
                        )
                        for one in topic.partitions
                    ],
                )
                for topic in request.topics
            ]
            return SimpleNamespace(topics=topics)
        assert isinstance(request, DescribeLogDirsRequest)
        asked = [(topic.topic, number) for topic in request.topics for number in topic.partitions]
        topics = [
            SimpleNamespace(
                name=name,
                partitions=[
                    SimpleNamespace(
                        partition_index=number, partition_size=self.sizes[name, number], is_future_key=False
                    )
                ],
            )
            for name, number in asked
        ]
        return SimpleNamespace(results=[SimpleNamespace(topics=topics)])


ARGS = {"bootstrap": "127.0.0.1:9092", "broker": 1, "unit": "kafka", "dirs": ["/"], "quorum": False}


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> type[FakeBroker]:
    class Fresh(FakeBroker):
        ends, sizes, groups, asked = {A: 10, B: 4}, {A: 1000, B: 400}, {}, []

    monkeypatch.setattr(sample.wire, "Connection", Fresh)
    monkeypatch.setattr(
        sample, "Moving", lambda bootstrap: SimpleNamespace(under_way=lambda: {("orders", 7): ([], [1])})
    )
    monkeypatch.setattr(process, "main_pid", lambda unit: 0)
    monkeypatch.setattr("cluster.live.pace.SHARE", 1e9)  # nothing rests
    monkeypatch.setattr(sample, "SHORTEST_SECONDS", 0.0)
    return Fresh


def test_a_sample_has_what_grew_and_the_places_that_changed(broker: type[FakeBroker]):
    sampler = sample.Sampler(ARGS)
    first = sampler.sample(False)
    assert first["why"] == "" and first["growth"] is None and first["cluster"]["leads"] == 2
    assert first["places"] == {"orders": [[0, 3, 10], [1, 3, 4]]} and first["disks"]["/"]["total"] > 0
    assert first["cluster"]["controller"] == 2 and first["cluster"]["brokers"] == [1, 2]
    assert first["cluster"]["under_replicated"]["count"] == 0, "a copy that has not arrived is not behind"
    broker.ends, broker.sizes = {A: 15, B: 4}, {A: 1500, B: 400}
    broker.asked.clear()
    second = sampler.sample(False)
    assert second["growth"]["topics"] == {"orders": [5, 500]} and second["growth"]["seconds"] > 0
    assert second["places"] == {"orders": [[0, 3, 15]]}
    measured = [one for one in broker.asked if isinstance(one, DescribeLogDirsRequest)]
    assert [(topic.topic, topic.partitions) for one in measured for topic in one.topics] == [("orders", [0])]
    broker.asked.clear()
    third = sampler.sample(False)
    assert third["growth"]["topics"] == {} == third["places"]
    assert [type(one) for one in broker.asked] == [ListGroupsRequest, ListOffsetsRequest], (
        "an idle cluster costs little"
    )
    assert broker.opened == 1


def test_a_broker_that_comes_back_is_counted_anew(broker: type[FakeBroker]):
    sampler = sample.Sampler(ARGS)
    sampler.sample(False)
    broker.why = ConnectionRefusedError(111, "Connection refused")
    gone = sampler.sample(False)
    assert gone["why"] == "Connection refused" and "growth" not in gone and gone["disks"]
    broker.why, broker.ends = None, {A: 900}
    back = sampler.sample(False)
    # What was written meanwhile was written to the leaders that there were.
    assert back["why"] == "" and back["growth"] is None and back["places"] == {"orders": [[0, 3, 900]]}
    assert broker.opened == 2


def test_a_group_whose_offsets_cannot_be_read_hides_no_other(broker: type[FakeBroker]):
    broker.groups = {"billing": {0: 8, 1: -1}, "secret": GroupAuthorizationFailedError.errno}
    groups = sample.Sampler(ARGS).sample(False)["groups"]
    assert groups["billing"] == {"state": "Stable", "committed": {"orders": {"0": 8}}, "error": ""}
    assert "GroupAuthorizationFailed" in groups["secret"]["error"] and groups["secret"]["committed"] == {}


def test_a_sample_comes_for_every_wish_until_the_end(broker: type[FakeBroker], monkeypatch: pytest.MonkeyPatch):
    said = {"serving": True, "leader": 1}
    monkeypatch.setattr(sample.quorum, "through_broker", lambda args, emit: said)
    feed, come, got = Feed(lambda size: None), threading.Semaphore(0), []

    def emit(event: dict[str, Any]) -> None:
        got.append(event["sample"])
        come.release()

    thread = threading.Thread(target=sample.look, args=({**ARGS, "quorum": True}, emit, feed))
    thread.start()
    for wish in (NOW, QUORUM, None):
        assert come.acquire(timeout=20)
        if wish:
            feed.put(wish)
    feed.stop()
    thread.join(20)
    assert not thread.is_alive()
    # Asked for at the start; the second time nobody wants it, the third time is too soon.
    assert ["quorum" in one for one in got] == [True, False, False]
