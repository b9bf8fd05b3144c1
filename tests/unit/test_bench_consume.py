"""bench.consume on the host: the topic is filled, then read by the official tool, and nothing of it stays."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cluster.records import bench, bench_consume, perf
from provisioner.agent.failure import Failure

ARGS = {"bootstrap": "h:9092", "partitions": 2, "factor": -1, "records": 200_000, "size": 100, "compression": "lz4"}
ARGS |= {"acks": "1", "throughput": -1}
HEAD = "data.consumed.in.nMsg, rebalance.time.ms, fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec"
WRITTEN = (
    "200000 records sent, 9950.2 records/sec (9.49 MB/sec), 15.3 ms avg latency, 32.0 ms max latency, "
    "14 ms 50th, 31 ms 95th, 32 ms 99th, 32 ms 99.9th."
)


class Host:
    """A host with both tools, as shell scripts that say what is wanted; calls: how each was called."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch, consumer: str, producer: str = WRITTEN) -> None:
        self.calls = path / "calls"
        self.gone: list[str] = []
        for tool, says in ((bench.TOOL, f"echo '{producer}'"), (bench_consume.TOOL, consumer)):
            (path / tool).write_text(f'#!/bin/sh\necho "$(basename $0) $*" >> {self.calls}\n{says}\n')
            (path / tool).chmod(0o755)
        monkeypatch.setenv("PATH", str(path), prepend=":")
        monkeypatch.setattr(bench_consume, "topic_for", self._topic)
        monkeypatch.setattr(bench_consume, "_forget", lambda bootstrap, group: self.gone.append(f"group {group}"))
        self.feed: Any = SimpleNamespace(stopped=SimpleNamespace(is_set=lambda: False))

    @contextlib.contextmanager
    def _topic(self, args: Any, emit: Any) -> Iterator[tuple[str, list[str]]]:
        try:
            yield "provisioner-bench-1-ab", []
        finally:
            self.gone.append("topic")

    def run(self, patience: float = 20.0) -> dict[str, Any]:
        return bench_consume.run({**ARGS, "patience": patience}, lambda event: None, self.feed)


def test_a_topic_is_filled_and_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    host = Host(tmp_path, monkeypatch, f"echo '{HEAD}'; echo '200000, 3250, 2000, 95.36, 100000.0'")
    found = host.run()
    assert found["finished"] and found["result"]["rate"] == 100_000.0 and not found["stopped"]
    produced, consumed = host.calls.read_text().splitlines()
    assert "--num-records 200000 --record-size 100 --throughput -1" in produced and "acks=1" in produced
    assert "--bootstrap-server h:9092" in consumed and "--messages 200000" in consumed
    assert host.gone == ["group provisioner-bench-1-ab", "topic"]


def test_where_the_tool_counts_no_time_for_fetching_its_rates_are_of_all_of_the_time():
    head = "start.time, end.time, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, rebalance.time.ms, "
    head += "fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec"
    row = "2026-11-26 20:00:00:000, 2026-11-26 20:00:02:000, 1.9073, 0.9537, 20000, 10000.0, 1795722000000, "
    found = perf.consumed([head, row + "-1795721998000, -0.0000, -0.0000"])
    assert found == {"records": 20000, "rate": 10000.0, "mb": 0.9537, "fetching": 2000, "joining": 0}


def test_fewer_records_than_asked_for_are_not_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    host = Host(tmp_path, monkeypatch, f"echo '{HEAD}'; echo '5000, 3250, 2000, 95.36, 2500.0'")
    found = host.run()
    assert not found["finished"] and found["result"]["records"] == 5000


def test_a_tool_that_measures_nothing_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    host = Host(tmp_path, monkeypatch, "echo 'Exception: no'; exit 1")
    with pytest.raises(Failure, match="has measured nothing") as failed:
        host.run()
    assert failed.value.details == ["Exception: no"] and host.gone == ["group provisioner-bench-1-ab", "topic"]


def test_it_ends_in_time_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    host = Host(tmp_path, monkeypatch, "exec sleep 60")
    found = host.run(patience=1.0)
    assert found["result"] is None and not found["finished"] and found["seconds"] < 20
    assert host.gone == ["group provisioner-bench-1-ab", "topic"]
    slow = Host(tmp_path, monkeypatch, "exit 1")
    (tmp_path / bench.TOOL).write_text("#!/bin/sh\nexec sleep 60\n")
    found = slow.run(patience=0.5)
    assert found["result"] is None and slow.gone == ["topic"]
