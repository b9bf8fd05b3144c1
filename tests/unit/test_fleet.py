"""Many hosts at once: Ctrl-C reaches a run that only waits."""

from __future__ import annotations

import signal
import sys
import threading
import time
import traceback
from types import SimpleNamespace
from typing import Any

import pytest

from provisioner.connect.fleet import Fleet, locked
from provisioner.errors import Locked
from provisioner.resources import Request


def main_thread_waits() -> bool:
    """Is it waiting for the host, and not only for the thread that it is starting?"""
    names = [frame.name for frame in traceback.extract_stack(sys._current_frames()[threading.main_thread().ident])]
    return names[-1] == "_result" and "submit" not in names


class Agent:
    """A session whose host is busy until it is told otherwise, and on which Ctrl-C comes at the worst moment."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.interrupted_before_the_end = False

    def request(self, op: str, on_event: Any, **arguments: Any) -> dict[str, Any]:
        while not main_thread_waits():
            time.sleep(0.01)
        # A signal that another thread takes in is the case in which the main thread's wait is not woken.
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        self.interrupted_before_the_end = self.done.wait(20)
        return {}

    def close(self) -> None:
        self.done.set()


@pytest.fixture
def fleet() -> Fleet:
    reporter: Any = SimpleNamespace(host=lambda name, text: None)
    session: Any = Agent()
    fleet = Fleet(reporter)
    fleet.sessions["node1"] = session
    return fleet


@pytest.mark.parametrize(
    "work",
    [
        lambda fleet: fleet.each(["node1"], lambda name: fleet.sessions[name].request("apply", None)),
        lambda fleet: fleet.request("node1", "restart"),
        lambda fleet: fleet.call("node1", Request("some.module", "function")),
    ],
    ids=["each", "request", "call"],
)
def test_ctrl_c_ends_a_run_while_a_host_is_still_busy(fleet: Fleet, work):
    agent: Any = fleet.sessions["node1"]
    with pytest.raises(KeyboardInterrupt), fleet:
        work(fleet)
    assert agent.done.wait(20)
    for thread in threading.enumerate():
        if thread.name.startswith("host"):
            thread.join(20)
    assert agent.interrupted_before_the_end, "the interrupt was noticed only after the host had finished by itself"


def test_a_request_from_a_thread_of_each_does_not_wait_for_a_thread_of_each(monkeypatch):
    monkeypatch.setattr("provisioner.connect.fleet.MAX_THREADS", 1)
    fleet = Fleet(SimpleNamespace(host=lambda name, text: None))
    session: Any = SimpleNamespace(request=lambda op, on_event, **rest: op, close=lambda: None)
    fleet.sessions["node1"] = session
    with fleet:
        assert fleet.each(["node1"], lambda name: fleet.request(name, "read")) == {"node1": "read"}


class Lockable:
    """A host whose lock is taken once; whoever asks again, this run too, is told that it is held."""

    def __init__(self) -> None:
        self.held = False

    def request(self, op: str, on_event: Any, **arguments: Any) -> dict[str, Any]:
        if "holder" not in arguments:
            return {"states": {}}
        if self.held:
            return {"held_by": {"who": "me"}}
        self.held = True
        return {}

    def close(self) -> None:
        self.held = False


def test_a_run_is_not_kept_out_by_the_lock_that_it_has_itself():
    reporter: Any = SimpleNamespace(host=lambda *_: None)
    host: Any = Lockable()
    with Fleet(reporter) as fleet, Fleet(reporter) as other:
        fleet.sessions["a"] = other.sessions["a"] = host
        fleet.lock("a")
        fleet.lock("a")
        assert fleet.read("a", lock=True) == other.read("a", lock=False) == {"states": {}}
        with pytest.raises(Locked):
            other.read("a", lock=True)
        with pytest.raises(Locked):
            other.lock("a")


def test_what_is_done_meanwhile_is_done_while_hosts_work():
    reporter: Any = SimpleNamespace(host=lambda *_: None)
    begun, done = threading.Event(), threading.Event()

    def work(name: str) -> bool:
        begun.set()
        return done.wait(20)

    def meanwhile() -> None:
        begun.wait(20)
        done.set()

    with Fleet(reporter) as fleet:
        assert fleet.each(["a"], work, meanwhile=meanwhile) == {"a": True}


@pytest.mark.parametrize(
    ("events", "error", "said"),
    [
        ([{"text": "stopping app", "goes_on": "it goes on stopping"}], KeyboardInterrupt, ["a: it goes on stopping"]),
        ([{"text": "stopping app", "goes_on": "it goes on"}, {"text": "starting app"}], KeyboardInterrupt, []),
        ([{"text": "stopping app", "goes_on": "it goes on stopping"}], Locked, []),
        ([{"warning": "it was killed"}], KeyboardInterrupt, ["a: it was killed"]),
    ],
)
def test_a_run_that_is_interrupted_says_what_goes_on_without_it(
    events: list[dict[str, str]], error: type[BaseException], said: list[str]
):
    warnings: list[str] = []
    reporter: Any = SimpleNamespace(host=lambda *_: None, warning=warnings.append)
    with pytest.raises(error), Fleet(reporter) as fleet:
        show = fleet.show("a")
        for event in events:
            show(event)
        raise error("now")
    assert warnings == said


def test_what_a_host_has_finished_does_not_go_on():
    warnings: list[str] = []
    reporter: Any = SimpleNamespace(host=lambda *_: None, warning=warnings.append)

    def request(op: str, on_event: Any, **arguments: Any) -> None:
        on_event({"text": "stopping app", "goes_on": "it goes on stopping"})

    host: Any = SimpleNamespace(request=request, close=lambda: None)
    with pytest.raises(KeyboardInterrupt), Fleet(reporter) as fleet:
        fleet.sessions["a"] = host
        fleet.request("a", "restart")
        raise KeyboardInterrupt
    assert warnings == []


def test_the_run_that_holds_a_host_is_named_with_the_local_time_and_its_offset(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TZ", "Asia/Seoul")
    time.tzset()
    try:
        error = locked("kafka1", {"who": "kim@laptop", "since": 1_700_000_000})
    finally:
        monkeypatch.undo()
        time.tzset()
    assert error.lines()[0] == "kafka1: another run is at work here: kim@laptop, since 07:13:20 +09:00"
    assert locked("kafka1", {}).summary == "another run is at work here: unknown, since an unknown time"
