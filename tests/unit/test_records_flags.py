"""The flags of produce, consume and bench.produce: what they mean, and what is said of those that mean nothing."""

from __future__ import annotations

import io
import os
import threading
from concurrent.futures import Future
from typing import Any

import pytest

from cli import bench, produce
from cluster.records import perf
from cluster.records.lines import Parser
from provisioner.connect.feed import Feed
from provisioner.connect.fleet import Stream
from provisioner.errors import UsageError

PRODUCE = {
    "value": None,
    "key": None,
    "key_separator": "",
    "headers": "",
    "partition": "",
    "json": False,
    "acks": "all",
    "compression": "none",
    "timeout": "30s",
}
BENCH = {
    "records": "200000",
    "size": "1000",
    "throughput": "none",
    "acks": "all",
    "partitions": "",
    "compression": "none",
    "timeout": "60s",
}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"acks": -1, "separator": "", "headers": [], "partition": None, "patience": 30.0}),
        ({"key_separator": "\\t", "acks": "1"}, {"separator": "\t", "acks": 1}),
        ({"key_separator": "→"}, {"separator": "→"}),
        ({"headers": "a=1,b=x\\,y,c="}, {"headers": [("a", "1"), ("b", "x,y"), ("c", "")]}),
        ({"partition": "0", "timeout": "1m"}, {"partition": 0, "patience": 60.0}),
    ],
)
def test_how_records_are_written(given, expected):
    found = produce.records_flags({**PRODUCE, **given})
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"acks": "0"}, "--acks is 0; it is all or 1"),
        ({"acks": "2"}, "--acks is 2"),
        ({"compression": "rar"}, "--compression is rar; it is one of none, gzip"),
        ({"headers": "a"}, "--headers: 'a' is not like name=value"),
        ({"headers": "a=1,=2"}, "--headers: '=2'"),
        ({"partition": "-1"}, "--partition is -1"),
        ({"timeout": "30"}, "--timeout: 30 has no unit"),
        ({"timeout": "0"}, "--timeout is 0"),
        ({"json": True, "key_separator": ":"}, "--json and --key-separator"),
        ({"key_separator": "a\\"}, "--key-separator: .* in the middle of an escape"),
    ],
)
def test_flags_of_produce_that_mean_nothing(given, why):
    with pytest.raises(UsageError, match=why):
        produce.records_flags({**PRODUCE, **given})


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ({}, None),
        ({"value": "two boxes"}, (None, b"two boxes")),
        ({"value": "", "key": ""}, (b"", b"")),
        ({"value": "상자\n하나", "key": "customer-7"}, (b"customer-7", "상자\n하나".encode())),
        ({"value": os.fsdecode(b"\xff")}, (None, b"\xff")),
    ],
)
def test_one_record_from_the_command_line(given, written):
    line = produce.one_record({**PRODUCE, **given})
    found = None if line is None else Parser(b"", True, []).record(line.removesuffix(b"\n"))[1:3]
    assert found == written and (line is None or line.count(b"\n") == 1)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"key": "7"}, "--value is missing"),
        ({"value": "x", "json": True}, "--value and --json exclude each other"),
        ({"value": "x", "key_separator": ":"}, "--value and --key-separator exclude each other"),
    ],
)
def test_one_record_and_lines_exclude_each_other(given, why):
    with pytest.raises(UsageError, match=why):
        produce.one_record({**PRODUCE, **given})


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"records": 200_000, "size": 1000, "throughput": -1, "partitions": None, "patience": 60.0}),
        (
            {"size": "10k", "throughput": "5000", "partitions": "12"},
            {"size": 10_240, "throughput": 5000, "partitions": 12},
        ),
    ],
)
def test_how_is_measured(given, expected):
    found = bench.bench_flags({**BENCH, **given})
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"records": "0"}, "--records is 0"),
        ({"size": "0"}, "--size is 0"),
        ({"size": "big"}, "--size: 'big' is not a size"),
        ({"throughput": "fast"}, "--throughput is fast"),
        ({"timeout": "1h"}, "--timeout is 1h; at most 5 minutes"),
        ({"acks": "most"}, "--acks is most"),
    ],
)
def test_flags_of_bench_that_mean_nothing(given, why):
    with pytest.raises(UsageError, match=why):
        bench.bench_flags({**BENCH, **given})


WINDOW = "24927 records sent, 4983.4 records/sec (4.75 MB/sec), 1871.6 ms avg latency, 3221.0 ms max latency."
LAST = (
    "50000 records sent, 9950.248756 records/sec (9.49 MB/sec), 1500.33 ms avg latency, 3221.00 ms max latency, "
    "1400 ms 50th, 3100 ms 95th, 3200 ms 99th, 3220 ms 99.9th."
)


def test_what_the_tool_reports():
    assert perf.parsed(WINDOW) == {
        "records": 24927,
        "rate": 4983.4,
        "mb": 4.75,
        "avg": 1871.6,
        "max": 3221.0,
        "p50": None,
        "p95": None,
        "p99": None,
        "p999": None,
    }
    last = perf.parsed(LAST)
    assert last is not None and [last[name] for name in perf.PERCENTILES] == [1400, 3100, 3200, 3220]
    assert perf.parsed("[2026-01-31] WARN nothing") is None


CONSUMER_HEAD = (
    "start.time, end.time, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, rebalance.time.ms, "
    "fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec"
)
CONSUMER_ROW = (
    "2026-01-31 08:00:00:000, 2026-01-31 08:00:05:250, 190.7349, 36.33, 200000, 38095.2, 3250, 2000, 95.36, 100000.0"
)


def test_what_the_consumer_tool_reports():
    expected = {"records": 200_000, "rate": 100_000.0, "mb": 95.36, "joining": 3250, "fetching": 2000}
    assert perf.consumed(["WARNING: deprecated", CONSUMER_HEAD, CONSUMER_ROW]) == expected
    assert perf.consumed([CONSUMER_HEAD, CONSUMER_ROW.replace(" 200000,", " 0,")]) is None
    assert perf.consumed(["Exception in thread", CONSUMER_ROW]) is None and perf.consumed([]) is None


def test_windows_of_a_run_that_was_stopped():
    found = perf.together([perf.parsed(WINDOW), perf.parsed(WINDOW)], seconds=12.0)
    assert found["records"] == 49854 and found["rate"] == 49854 / 12 and found["p99"] is None
    assert found["mb"] == pytest.approx(4.75 * 49854 / 4983.4 / 12) and found["avg"] == pytest.approx(1871.6)
    assert perf.together([], 12.0) is None


@pytest.mark.parametrize(
    ("partitions", "copies", "brokers", "share"),
    [(6, 3, 3, 6), (1, 1, 3, 1), (4, 3, 3, 4), (1, 3, 3, 1), (5, 2, 3, 4)],
)
def test_the_room_is_that_of_the_broker_with_most_copies(partitions, copies, brokers, share):
    each = -(-1000 * (100 + perf.OVERHEAD) // partitions)
    assert perf.needed(1000, 100, partitions, copies, brokers) == each * share


def test_the_page_says_under_what_conditions():
    setting = {
        "driver": "kafka1",
        "brokers": 3,
        "copies": 3,
        "partitions": 6,
        "size": 1000,
        "acks": "all",
        "compression": "none",
        "throughput": -1,
    }
    head, _, names, numbers = bench.page(setting, perf.parsed(LAST)).splitlines()
    assert head == (
        "kafka1 to 3 brokers: 6 partitions, 3 copies, records of 1000 B, acks=all, compression none, no limit"
    )
    assert names.split() == " ".join(one.head for one in bench.COLUMNS).split()
    assert numbers.split() == ["50000", "9950", "9.5", "1500.3", "1400", "3100", "3200", "3220", "3221"]


def test_the_page_of_a_consumer_leaves_out_the_time_in_which_its_group_forms():
    setting = {"driver": "kafka1", "brokers": 1, "copies": 1, "partitions": 2, "size": 100, "compression": "lz4"}
    result = perf.consumed([CONSUMER_HEAD, CONSUMER_ROW])
    assert result is not None
    head, _, names, numbers = bench.read_page(setting, result).splitlines()
    assert head == "kafka1 from 1 broker: 2 partitions, 1 copy, records of 100 B, compression lz4"
    assert names.split() == " ".join(one.head for one in bench.READ_COLUMNS).split()
    assert numbers.split() == ["200000", "100000", "95.4", "2.0", "3.2"]


class Answer:
    """As much of a call under way as `pump` uses."""

    def __init__(self, takes=None):
        self.sent, self.ended, self.takes = io.BytesIO(), False, takes
        self.answer = self.feed = self

    def done(self):
        return False

    def send(self, data):
        self.sent.write(data)
        return self.takes is None or self.sent.tell() < self.takes

    def end(self):
        self.ended = True


def test_standard_input_is_sent_as_it_is_until_its_end():
    source, sink = os.pipe()
    os.write(sink, b"one\ntwo")
    os.close(sink)
    stream: Any = Answer()
    produce.pump(source, stream)
    os.close(source)
    assert stream.sent.getvalue() == b"one\ntwo" and stream.ended


def test_one_record_is_sent_whole_and_ends_the_input():
    feed, sent = Feed(), []

    def write(message, data):
        sent.append((message["op"], data))
        if message["op"] == "end":
            feed.over()
            answer.set_result({"records": 1})

    answer: Future[dict[str, int]] = Future()
    feed.attach(write)
    stream = Stream(feed, answer)
    assert produce._pumping(b"a record\n", stream) == [] and stream.result() == {"records": 1}
    assert sent == [("data", b"a record\n"), ("end", b"")]


def test_nothing_is_sent_in_the_thread_in_which_python_raises_an_interrupt():
    """Where it did, one Ctrl-C in four left a lock of the feed taken, and the wish to stop waited for it for ever."""
    feed, senders = Feed(), []

    def write(message, data):
        senders.append((message["op"], threading.current_thread()))
        if message["op"] == "end":
            feed.over()
            answer.set_result({"records": 2})

    answer: Future[dict[str, int]] = Future()
    feed.attach(write)
    source, sink = os.pipe()
    os.write(sink, b"one\ntwo\n")
    os.close(sink)
    stream = Stream(feed, answer)
    assert produce._pumping(source, stream) == [] and stream.result() == {"records": 2}
    os.close(source)
    assert [op for op, _ in senders] == ["data", "end"]
    assert threading.main_thread() not in [thread for _, thread in senders]


def test_nothing_is_read_for_a_call_that_has_ended(tmp_path):
    path = tmp_path / "large"
    path.write_bytes(b"x" * (5 * produce.CHUNK))
    stream: Any = Answer(takes=1)
    with path.open("rb") as source:
        produce.pump(source.fileno(), stream)
        assert os.lseek(source.fileno(), 0, os.SEEK_CUR) == produce.CHUNK
    assert not stream.ended
