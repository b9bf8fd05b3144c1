"""A reader that has gone is noticed without a write: by a pipe, by nothing else."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from cli import consume, logs
from cli.common import Run
from cli.log_output import Output
from cli.reader import watched
from provisioner.errors import HostFailed
from provisioner.resources import Request
from tests.unit.test_consume import CONSUME


def test_a_reader_that_goes_while_nothing_is_written_is_noticed():
    source, sink = os.pipe()
    gone = threading.Event()
    watched(gone.set, sink)
    os.write(sink, b"a line\n")
    assert not gone.wait(0.2), "the reader is still there"
    os.close(source)
    assert gone.wait(5)
    os.close(sink)


def test_a_file_has_no_reader_that_could_go(tmp_path):
    before = threading.active_count()
    with (tmp_path / "records").open("wb") as file:
        watched(lambda: None, file.fileno())
        assert threading.active_count() == before, "nothing has to be waited for"


@contextmanager
def piped(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Standard output is a pipe; the descriptor of its other end, whose reader goes as it is closed."""
    source, sink = os.pipe()
    with os.fdopen(sink, "w") as stream, monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", stream)
        yield source


def test_consume_ends_when_its_reader_goes_while_no_record_comes(monkeypatch: pytest.MonkeyPatch):
    stopped = threading.Event()

    def stream(request: Any, event: Any) -> Any:
        event({"raw": b"one\n"}, SimpleNamespace(send=lambda data: None))
        assert os.read(output, 100) == b"one\n"
        os.close(output)  # head -1 has what it wants
        answer = {"records": 1, "assigned": True, "ended": False}
        return SimpleNamespace(feed=SimpleNamespace(stop=stopped.set), result=lambda: stopped.wait(10) and answer)

    @contextmanager
    def opened(run: Run) -> Iterator[Any]:
        yield SimpleNamespace(stream=stream)

    monkeypatch.setattr(consume, "opened", opened)
    with piped(monkeypatch) as output, pytest.raises(BrokenPipeError):
        consume.consume(Run("single"), "orders", {**CONSUME, "follow": True, "from_beginning": True})
    assert stopped.is_set()


def test_followed_logs_end_when_their_reader_goes_while_nothing_is_logged(monkeypatch: pytest.MonkeyPatch):
    closed = threading.Event()

    def call(name: str, request: Any, event: Any) -> None:
        event({"entries": [[1.0, "kafka", "[2026-11-26 03:00:00,250] INFO one"]]})
        os.read(output, 1000)
        os.close(output)
        assert closed.wait(10), "the host was never left"
        raise HostFailed("the connection has ended", host=name)

    def each(names: Any, work: Any) -> Any:
        with pytest.raises(HostFailed):
            work("kafka1")
        return SimpleNamespace(errors={})

    fleet: Any = SimpleNamespace(sessions={"kafka1": SimpleNamespace(close=closed.set)}, call=call, each=each)
    with piped(monkeypatch) as output, pytest.raises(BrokenPipeError):
        logs._follow(fleet, {"kafka1": Request("m", "f")}, Output(["kafka1"], ["kafka"], False))
