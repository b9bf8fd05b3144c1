"""Bytes to and from a call at work: a real agent process, spoken to by the transport's own session over pipes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cluster import remote
from cluster.live import NOW
from provisioner.agent.feed import WINDOW
from provisioner.agent.feed import Feed as HostFeed
from provisioner.connect.fleet import Fleet
from provisioner.connect.session import Session
from provisioner.errors import HostFailed, ProvisionerError, UsageError
from provisioner.resources import Request

ROOT = Path(__file__).resolve().parents[2]


class Pipes:
    """As much of an SSH channel as a session uses, over the pipes of a process."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process, self.sent = process, 0

    def sendall(self, data: bytes) -> None:
        self.sent += len(data)
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def recv(self, size: int) -> bytes:
        return os.read(self.process.stdout.fileno(), size)

    def settimeout(self, seconds: float) -> None:
        raise OSError("closed")


@pytest.fixture
def pipes(tmp_path):
    places = f"{str(tmp_path / 's')!r}, {str(tmp_path / 'l')!r}"
    code = f"from provisioner.agent.main import Agent; Agent(0, 1, {places}).serve()"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert "result" in json.loads(process.stdout.readline())
    yield Pipes(process)
    process.kill()
    process.wait(10)


@pytest.fixture
def fleet(pipes):
    session: Any = Session.__new__(Session)
    session.name, session._channel, session._buffer, session._number = "node1", pipes, b"", 0
    session._writing, session._closed = threading.Lock(), threading.Event()
    session.close = pipes.process.kill
    fleet = Fleet(SimpleNamespace(host=lambda name, text: None))
    fleet.sessions["node1"] = session
    with fleet:
        yield fleet


def begin(fleet, function):
    events = []
    request = Request("tests.support.onhost_streams", function)
    return fleet.stream("node1", request, lambda message, feed: events.append(message)), events


def test_bytes_go_there_and_come_back_unchanged_whatever_they_are(fleet):
    stream, events = begin(fleet, "copy")
    data = bytes(range(256)) * 20_000 + b"\n{}\n"
    assert len(data) > 3 * WINDOW
    for start in range(0, len(data), 100_003):
        assert stream.feed.send(data[start : start + 100_003])
    stream.feed.end()
    answer = stream.result()
    assert b"".join(event["raw"] for event in events) == data
    assert answer == {"total": len(data), "pieces": len(events), "stopped": False}
    assert events[-1]["so_far"] == len(data)


def test_each_piece_is_taken_at_once_when_the_call_waits_for_it(fleet):
    stream, events = begin(fleet, "copy")
    for number, word in enumerate([b"one", b"two", b"three"]):
        stream.feed.send(word)
        deadline = threading.Event()
        while len(events) <= number and not deadline.wait(0.005):
            assert not stream.answer.done()
        assert events[number]["raw"] == word
    stream.feed.end()
    assert stream.result()["pieces"] == 3


def test_no_more_than_the_window_is_under_way_to_a_call_that_does_not_read(fleet, pipes):
    stream, _ = begin(fleet, "deaf")
    ended = []
    sender = threading.Thread(target=lambda: ended.append(stream.feed.send(b"x" * (5 * WINDOW))))
    sender.start()
    while pipes.sent < WINDOW:
        sender.join(0.01)
    sender.join(0.2)
    assert sender.is_alive() and pipes.sent < WINDOW + 10_000
    stream.feed.stop()
    assert stream.result() == {"stopped": True}
    sender.join(20)
    assert ended == [False]


def test_a_stopped_call_leaves_what_is_under_way(fleet):
    stream, _ = begin(fleet, "copy")
    stream.feed.stop()
    assert stream.result() == {"total": 0, "pieces": 0, "stopped": True}


def test_a_name_that_nothing_has_is_a_mistake_on_the_command_line_and_not_of_the_host(fleet):
    stream, _ = begin(fleet, "misnamed")
    with pytest.raises(UsageError) as caught:
        stream.result()
    assert caught.value.lines() == ["there is no topic oders; did you mean orders?", "    topics are: orders"]
    assert caught.value.exit_code == 1


def test_a_call_that_fails_ends_the_sending_and_the_next_request_is_answered(fleet):
    stream, _ = begin(fleet, "refuse")
    while stream.feed.send(b"y" * 100_000):
        pass
    with pytest.raises(HostFailed, match="enough of it"):
        stream.result()
    again, _ = begin(fleet, "copy")
    again.feed.send(b"still in step")
    again.feed.end()
    assert again.result()["total"] == 13


def test_a_lost_host_ends_the_sending(fleet, pipes):
    stream, _ = begin(fleet, "deaf")
    pipes.process.kill()
    while stream.feed.send(b"z" * 100_000):
        pass
    with pytest.raises(ProvisionerError):
        stream.result()


def test_a_broker_that_is_down_is_sampled_for_as_long_as_somebody_asks(fleet):
    got: list[Any] = []
    come = threading.Semaphore(0)

    def hear(message: Any, feed: Any) -> None:
        got.append(message["sample"])
        come.release()

    down = remote.watch_broker(1, unit="no-such-unit", dirs=["/"], quorum=False).at("127.0.0.1:1")
    stream = fleet.stream("node1", down, hear)
    for _ in range(3):
        assert come.acquire(timeout=60)
        assert stream.feed.send(NOW)
    stream.feed.stop()
    assert stream.result() == {}
    assert [one["why"] for one in got[:3]] == ["Connection refused"] * 3 and got[0]["disks"]["/"]["total"] > 0
    assert got[0]["process"] is None and got[0]["at"] < got[1]["at"] < got[2]["at"]


def test_what_comes_in_spite_of_a_stop_is_there_for_who_asks_for_it():
    feed = HostFeed(lambda size: None)
    feed.put(b"before")
    feed.stop()
    feed.put(b", after")
    assert feed.read() is None and feed.rest(timeout=20) == b"before, after" and feed.rest(timeout=0.01) == b""


def test_a_feed_that_hears_nothing_says_so_in_time():
    assert HostFeed(lambda size: None).read(timeout=0.01) == b""
