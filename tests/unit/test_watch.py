"""status --watch: its flags, when it asks and shows, and hosts that come and go. No host, no terminal."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from invoke import Context

from cli import watch, watchers
from cluster.live import NOW, QUORUM
from cluster.live.picture import Picture
from provisioner.connect.fleet import Stream
from provisioner.errors import Unreachable, UsageError
from roles.kafka import watch as role
from tests.support.roles import target, three
from tests.unit.test_watch_picture import grew, said


@pytest.mark.parametrize(
    ("text", "seconds"), [("", 2.0), ("5", 5.0), ("0.5", 0.5), ("10s", 10.0), ("1m", 60.0), ("500ms", 0.5)]
)
def test_an_interval_is_a_duration_or_a_number_of_seconds(text: str, seconds: float):
    assert watch.interval_of(text) == seconds


@pytest.mark.parametrize(("text", "says"), [("0", "at least 0.5 s"), ("0.1s", "at least"), ("soon", "--interval")])
def test_an_interval_that_is_none_is_refused(text: str, says: str):
    with pytest.raises(UsageError, match=says):
        watch.interval_of(text)


def test_a_count_is_a_number_of_intervals():
    assert watch.count_of("") is None and watch.count_of("3") == 3
    for text in ("0", "-1", "x"):
        with pytest.raises(UsageError, match="--count is"):
            watch.count_of(text)


class FakeFeed:
    """What hosts are asked for: answered at once, by `answer`."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.wishes: list[bytes] = []

    def send(self, data: bytes) -> bool:
        self.wishes.append(data)
        self.answer()
        return True


class FakeCluster:
    """Two hosts, whose streams the test holds. opened: hosts that were connected to again."""

    def __init__(self) -> None:
        self.streams: dict[str, list[SimpleNamespace]] = {"kafka1": [], "kafka2": []}
        self.begun = threading.Semaphore(0)
        self.opened: list[str] = []
        self.refuse = 0
        self.fleet = SimpleNamespace(sessions={name: SimpleNamespace(close=lambda: None) for name in self.streams})
        self.hosts = SimpleNamespace(open=self._open)

    def _open(self, host: Any) -> Any:
        self.opened.append(host.name)
        if len(self.opened) <= self.refuse:
            raise Unreachable("No route to host", host=host.name)
        self.fleet.sessions[host.name] = SimpleNamespace(close=lambda: None)
        return SimpleNamespace(name=host.name)

    def watch(self, target: Any, on_event: Any) -> Stream:
        at = 10.0 + len(self.streams[target.name])
        held = SimpleNamespace(answer=Future(), rounds=0)

        def sample() -> None:
            held.rounds += 1
            last = {**grew(100, 1000), "places": {}} if held.rounds > 1 else {"growth": None, "places": {}}
            on_event({"sample": said(at + 2 * held.rounds, **last)}, held.feed)

        held.feed = FakeFeed(sample)
        self.streams[target.name].append(held)
        sample()
        self.begun.release()
        return Stream(held.feed, held.answer)


class Shown:
    """Keeps what it is shown, and waits for a host as the real ones do."""

    def __init__(self, wake: int) -> None:
        self.wake = wake
        self.seen: list[tuple[float, int, Any]] = []

    def see(self, found: Any, number: int) -> None:
        self.seen.append((time.monotonic(), number, found))

    def wait(self, seconds: float) -> None:
        import select

        select.select([self.wake], [], [], seconds)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    monkeypatch.setattr(watchers, "AGAIN", (0.05, 0.1))
    return FakeCluster()


def watching(cluster: FakeCluster) -> tuple[watchers.Watchers, watch.Watching]:
    names = list(cluster.streams)
    hosts: Any = {name: SimpleNamespace(name=name) for name in names}
    many = watchers.Watchers(cluster, hosts, hosts)  # type: ignore[arg-type]
    picture = Picture(
        {"kafka1": 1, "kafka2": 2}, time.monotonic(), expected=[1, 2], names={1: "kafka1", 2: "kafka2"}, own=True
    )
    return many, watch.Watching(picture, many, names, {"interval_seconds": 0.1, "inventory": "prod3"})


def test_each_interval_asks_every_host_once_and_one_of_them_for_the_quorum(cluster: FakeCluster):
    many, loop = watching(cluster)
    with many:
        shown = Shown(many.wake)
        loop.run(shown, 0.1, 3)
    assert [number for _, number, _ in shown.seen] == [0, 1, 2, 3]
    first, last = shown.seen[0][2], shown.seen[-1][2]
    assert all(broker["serving"] and broker["records_per_second"] is None for broker in first["brokers"].values())
    assert last["brokers"]["kafka1"]["records_per_second"] == 50.0 and last["inventory"] == "prod3"
    assert last["topics"]["orders"]["records_per_second"] == 100.0 and last["time"][10] == "T"
    assert shown.seen[3][0] - shown.seen[0][0] >= 0.25, "an interval is an interval"
    wishes = {name: streams[0].feed.wishes for name, streams in cluster.streams.items()}
    assert wishes == {"kafka1": [QUORUM] * 3, "kafka2": [NOW] * 3}


def test_a_connection_that_is_lost_is_said_and_opened_again(cluster: FakeCluster):
    cluster.refuse = 1
    many, loop = watching(cluster)
    with many:
        shown = Shown(many.wake)
        for _ in range(2):
            assert cluster.begun.acquire(timeout=20)
        loop.run(shown, 0.1, 1)
        cluster.streams["kafka2"][0].answer.set_exception(Unreachable("the connection was lost", host="kafka2"))
        deadline = time.monotonic() + 20
        whys: list[str] = []
        while len(cluster.streams["kafka2"]) < 2 or not shown.seen[-1][2]["brokers"]["kafka2"]["serving"]:
            assert time.monotonic() < deadline, whys
            loop.run(shown, 0.05, 1)
            whys.append(shown.seen[-1][2]["brokers"]["kafka2"]["why"])
        assert "unreachable: the connection was lost" in whys or "unreachable: No route to host" in whys
        assert cluster.opened == ["kafka2", "kafka2"], "the first try was refused"
        assert shown.seen[-1][2]["brokers"]["kafka1"]["serving"]


def document(serving: bool = True) -> dict[str, Any]:
    from tests.support import watched

    found = watched.document()
    found["brokers"]["kafka3"] |= {"serving": serving, "why": None if serving else "Connection refused"}
    return found


def test_lines_are_for_programs_and_news_go_elsewhere(capsys: pytest.CaptureFixture[str]):
    notes: list[str] = []
    lines = watch.AsLines(0, notes.append, as_json=False)  # nothing is waited for
    for number, found in enumerate([document(), document(), document(serving=False)]):
        lines.see(found, number)
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].split()[0] == "TIME" and len(shown) == 3 and shown[2].split()[1] == "2/3"
    assert notes == ["19:11:58 kafka3 does not serve any more: Connection refused"]
    lines = watch.AsLines(0, notes.append, as_json=True)
    for number in range(2):
        lines.see(document(), number)
    (only,) = capsys.readouterr().out.splitlines()
    assert json.loads(only) == document()


GONE = """
import os, sys
from cli.watch import AsLines
wake, _ = os.pipe()
lines = AsLines(wake, print, False)
print("ready", flush=True)
try:
    for _ in range(100):  # each wait ends early now and then
        lines.wait(60)
except BrokenPipeError:
    sys.stderr.write("noticed")
"""


def test_a_reader_that_has_gone_is_noticed_while_nothing_is_written():
    from tests.unit.test_screen import ROOT

    process = subprocess.Popen([sys.executable, "-c", GONE], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    began = time.monotonic()
    process.stdout.close()
    assert process.stderr.read().startswith(b"noticed") and time.monotonic() - began < 30
    process.wait(30)


def test_each_host_is_asked_for_its_own_broker_and_the_quorum_only_without_zookeeper(tmp_path: Path):
    inventory = three(tmp_path)
    asked = role.request(target(inventory, "kafka2")).args
    assert (asked["broker"], asked["unit"], asked["quorum"]) == (2, "kafka", False)
    assert asked["dirs"] == ["/var/lib/kafka/data"] and asked["bootstrap"] == "127.0.0.1:9092"
    found = role.picture(inventory, ["kafka2"], 0.0)
    found.hear("kafka2", said(), 1.0)
    view = found.view(1.0)
    assert list(view["brokers"]) == ["kafka2"] and view["cluster"]["brokers_expected"] == [1, 2, 3]
    assert view["cluster"]["controller_host"] == "kafka2"


@pytest.mark.parametrize(
    ("flags", "mode"),
    [
        ({}, "page"),
        ({"watch": True}, ("", "", False)),
        ({"interval": "5"}, ("5", "", False)),
        ({"count": "1", "json": True}, ("", "1", True)),
    ],
)
def test_an_interval_or_a_count_means_to_watch(monkeypatch: pytest.MonkeyPatch, flags: Any, mode: Any):
    from cli import status as page
    from cli.verbs import looking

    called: list[Any] = []
    monkeypatch.setattr(watch, "watch", lambda run, *given: called.append(given))
    monkeypatch.setattr(page, "status", lambda run, as_json: called.append("page"))
    looking.status.body(Context(), hosts="single", **{**GIVEN, **flags})
    assert called == [mode]


GIVEN = {
    "extra_vars": None,
    "vault_password_file": None,
    "vault_id": None,
    "ask_vault_pass": False,
    "limit": "",
    "ask_become_pass": False,
    "accept_new_host_keys": False,
    "json": False,
    "watch": False,
    "interval": "",
    "count": "",
}
