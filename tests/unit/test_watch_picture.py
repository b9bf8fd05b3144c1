"""The picture of a cluster that is watched, from made-up samples of its hosts, by a clock of its own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cluster.live.picture import CONNECTING, KEPT_SECONDS, SILENT, SILENT_SECONDS, Picture

NONE = {"count": 0, "first": []}
GROUP = {"state": "Stable", "committed": {"orders": {"0": 40, "1": 50}}, "error": ""}


def said(at: float = 10.0, **also: Any) -> dict[str, Any]:
    """A sample of a broker that serves."""
    return {
        "at": at,
        "why": "",
        "process": {"cpu": at / 10, "uptime": at, "heap_used": 200, "heap_max": 500},
        "disks": {"/data": {"free": 30, "total": 100}},
        "cluster": {
            "brokers": [1, 2],
            "controller": 2,
            "topics": 1,
            "partition_count": 2,
            "under_replicated": NONE,
            "offline": NONE,
            "leads": 1,
        },
        **also,
    }


def grew(records: int, size: int | None = None, seconds: float = 2.0, **topics: list[Any]) -> dict[str, Any]:
    return {"growth": {"seconds": seconds, "topics": topics or {"orders": [records, size]}}, "places": {}}


def two(own: bool = False) -> Picture:
    return Picture(
        {"kafka1": 1, "kafka2": 2}, 0.0, expected=[2, 1], names={1: "kafka1", 2: "kafka2", 101: "c1"}, own=own
    )


def test_rates_are_of_each_broker_and_together_of_each_topic():
    picture = two()
    picture.hear("kafka1", said(10.0, growth=None, places={}), 1.0)
    assert picture.view(1.0)["brokers"]["kafka1"]["records_per_second"] is None, "one sample is no rate"
    picture.hear("kafka1", said(12.0, **grew(100, 1000)), 3.0)
    picture.hear("kafka2", said(99.0, **grew(50, 600, seconds=4.0)), 3.0)
    found = picture.view(3.0)
    assert found["topics"] == {"orders": {"records_per_second": 62.5, "bytes_per_second": 650.0}}
    first = found["brokers"]["kafka1"]
    assert (first["records_per_second"], first["bytes_per_second"], first["cpu_percent"]) == (50.0, 500.0, 10.0)
    assert first["disks"] == [{"path": "/data", "used_bytes": 70, "total_bytes": 100}]
    assert (first["serving"], first["why"], first["leads"], first["heap_used_bytes"]) == (True, None, 1, 200)
    assert found["cluster"]["controller_host"] == "kafka2" and found["cluster"]["brokers_expected"] == [1, 2]
    json.dumps(found)


def test_bytes_that_nobody_knows_are_not_said_to_be_none():
    picture = two()
    picture.hear("kafka1", said(growth={"seconds": 2.0, "topics": {"orders": [10, None]}}, places={}), 1.0)
    assert picture.view(1.0)["topics"]["orders"] == {"records_per_second": 5.0, "bytes_per_second": None}


def test_a_topic_stays_for_a_while_when_nothing_is_written_any_more():
    picture = two()
    picture.hear("kafka1", said(**grew(10, 10)), 1.0)
    picture.hear("kafka1", said(growth={"seconds": 2.0, "topics": {}}, places={}), 3.0)
    assert picture.view(3.0)["topics"]["orders"] == {"records_per_second": 0, "bytes_per_second": 0}
    assert picture.view(1.0 + KEPT_SECONDS)["topics"] and not picture.view(2.0 + KEPT_SECONDS)["topics"]


def test_a_rate_stays_while_a_part_of_the_sample_rests():
    picture = two()
    picture.hear("kafka1", said(**grew(10, 10)), 1.0)
    resting = {key: value for key, value in said(12.0).items() if key != "cluster"}
    picture.hear("kafka1", resting, 3.0)
    found = picture.view(3.0)["brokers"]["kafka1"]
    assert found["records_per_second"] == 5.0 and found["leads"] == 1


def test_a_broker_that_is_down_says_why_and_since_when_and_counts_for_nothing():
    picture = two(own=True)
    picture.hear("kafka1", said(**grew(10, 10), groups={"billing": GROUP}), 1.0)
    down = {"at": 12.0, "why": "Connection refused", "process": None, "disks": {"/data": {"free": 3, "total": 10}}}
    picture.hear("kafka1", down, 3.0)
    picture.hear("kafka1", {**down, "at": 14.0}, 5.0)
    found = picture.view(6.0)
    broker = found["brokers"]["kafka1"]
    assert (broker["serving"], broker["why"], broker["since_seconds"]) == (False, "Connection refused", 3.0)
    assert broker["records_per_second"] is broker["heap_used_bytes"] is broker["cpu_percent"] is None
    assert broker["disks"] and found["groups"] == {} and found["cluster"] is None
    assert found["topics"]["orders"]["records_per_second"] == 0
    picture.hear("kafka1", said(3.0), 7.0)
    assert picture.view(8.0)["brokers"]["kafka1"]["since_seconds"] == 1.0 and picture.asker() == "kafka1"
    assert picture.view(8.0)["brokers"]["kafka1"]["cpu_percent"] is None, "it is another process"


def test_a_host_that_owes_a_sample_is_silent_after_a_while_and_one_that_was_not_asked_is_not():
    picture = two(own=True)
    picture.hear("kafka1", said(), 1.0)
    assert picture.view(100.0)["brokers"]["kafka1"]["serving"] and not picture.missing()
    picture.ask("kafka1", 100.0)
    assert picture.owes("kafka1") and picture.missing()
    assert picture.view(100.0 + SILENT_SECONDS)["brokers"]["kafka1"]["serving"]
    assert picture.view(101.0 + SILENT_SECONDS)["brokers"]["kafka1"]["why"] == SILENT
    picture.hear("kafka1", said(), 110.0)
    assert picture.view(110.0)["brokers"]["kafka1"]["serving"] and not picture.missing()
    picture.ask("kafka1", 111.0)
    picture.lose("kafka1", "unreachable: timed out", 112.0)
    assert not picture.missing() and picture.view(112.0)["brokers"]["kafka1"]["disks"] == []
    assert picture.view(112.0)["brokers"]["kafka2"]["why"] == CONNECTING and picture.asker() is None


def test_nobody_is_asked_for_a_quorum_that_the_cluster_does_not_have():
    picture = two(own=False)
    picture.hear("kafka1", said(), 1.0)
    assert picture.asker() is None


PLACES = {"orders": [[0, 0, 100], [1, 0, 50]]}


@pytest.mark.parametrize(
    ("committed", "places", "lag", "unknown"),
    [
        ({"0": 40, "1": 50}, PLACES, 60, 0),
        ({"0": 40}, {"orders": [[0, 70, 100]]}, 30, 0),  # records that are deleted are no lag
        ({"0": 40, "1": 9}, {"orders": [[0, 0, 100]]}, 60, 1),  # a partition without a leader
        ({"0": 40}, {}, None, 1),
        ({}, PLACES, None, 0),
        ({"0": 101}, {"orders": [[0, 0, 100]]}, None, 1),  # beyond the end: see groups.describe
    ],
)
def test_the_lag_is_what_is_there_and_not_read(committed, places, lag, unknown):
    picture = two()
    # The coordinator's host may answer before that of the leader.
    picture.hear("kafka2", said(groups={"g": {**GROUP, "committed": {"orders": committed} if committed else {}}}), 1.0)
    picture.hear("kafka1", said(growth=None, places=places), 1.1)
    found = picture.view(1.2)["groups"]["g"]
    assert (found["lag"], found["partitions_without_lag"], found["state"]) == (lag, unknown, "Stable")


def test_a_group_that_reads_while_it_is_looked_at_is_not_beyond_the_end():
    picture = two()
    group = {**GROUP, "committed": {"orders": {"0": 103}}}
    picture.hear("kafka1", said(growth={"seconds": 2.0, "topics": {"orders": [9, 9]}}, places=PLACES), 1.0)
    picture.hear("kafka2", said(groups={"g": group}), 1.1)
    assert picture.view(1.2)["groups"]["g"]["lag"] == 0


def test_the_lag_is_by_the_ends_that_came_with_the_offsets():
    picture = two()
    picture.hear("kafka2", said(groups={"g": GROUP}), 1.0)
    picture.hear("kafka1", said(growth=None, places=PLACES), 1.0)
    assert picture.view(1.0)["groups"]["g"]["lag"] == 60
    picture.hear("kafka1", said(**{**grew(900), "places": {"orders": [[0, 0, 1000]]}}), 3.0)
    assert picture.view(3.0)["groups"]["g"]["lag"] == 60, "its offsets were not asked for again"


def test_what_a_group_reads_is_measured_over_several_commits():
    picture = two()
    for second, offset in enumerate([0, 0, 0, 50, 50, 100, 100, 100, 150, 150, 150]):
        group = {**GROUP, "committed": {"orders": {"0": offset}}}
        picture.hear("kafka1", said(groups={"g": group}), 2.0 * second)
    assert picture.view(20.0)["groups"]["g"]["read_per_second"] == 9.4, "150 records in 16 s"
    picture.hear("kafka1", said(groups={"g": {**GROUP, "committed": {"orders": {"0": 3}}}}), 22.0)
    assert picture.view(22.0)["groups"]["g"]["read_per_second"] is None, "it was moved back"


def test_without_zookeeper_the_controller_is_the_leader_that_was_heard_of_last():
    picture = two(own=True)
    picture.hear("kafka1", said(), 1.0)
    assert picture.view(1.0)["cluster"]["controller_host"] is None, "the one that a broker names is any broker"
    quorum = {"serving": True, "leader": 101, "epoch": 7, "voters": [{"id": 101}, {"id": 9}]}
    picture.hear("kafka1", said(quorum=quorum), 3.0)
    picture.hear("kafka2", said(), 3.0)
    cluster = picture.view(3.0)["cluster"]
    assert (cluster["controller"], cluster["controller_host"]) == (101, "c1")
    assert cluster["quorum"] == {"leader": "c1", "why": None, "epoch": 7, "voters": ["c1", "9"]}
    picture.hear("kafka2", said(quorum={"serving": False, "why": "timed out"}), 9.0)
    cluster = picture.view(9.0)["cluster"]
    assert cluster["controller_host"] is None and cluster["quorum"]["why"] == "timed out"


def test_the_cluster_is_as_the_broker_sees_it_that_knows_the_most_others():
    picture = two()
    lonely = {**said()["cluster"], "brokers": [2], "controller": None}
    picture.hear("kafka2", said(cluster=lonely), 1.0)
    assert picture.view(1.0)["cluster"]["brokers_registered"] == [2]
    picture.hear("kafka1", said(), 1.0)
    assert picture.view(1.0)["cluster"]["brokers_registered"] == [1, 2]
