"""What consume writes: a record is somebody's bytes, which a terminal must not obey and a pipe must not change."""

from __future__ import annotations

import io
import sys
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from cli import consume as verb
from cli.common import Run
from tests.unit.test_consume import CONSUME

RECORD = "안녕\x1b[2J\x07 \u202egnp.exe\u2066\x9b1A\rgone\tok".encode() + b"\xff\n"


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch):
    """written(terminal) -> what consume writes of one record."""

    def run(terminal: bool) -> bytes:
        output = SimpleNamespace(buffer=io.BytesIO(), isatty=lambda: terminal)

        @contextmanager
        def opened(run: Run) -> Any:
            feed = SimpleNamespace(send=lambda data: None, stop=lambda: None)

            def stream(request: Any, event: Any) -> Any:
                event({"raw": RECORD}, feed)
                return SimpleNamespace(feed=feed, result=lambda: {"assigned": True, "records": 1, "ended": False})

            yield SimpleNamespace(stream=stream, show=SimpleNamespace(note=lambda text: None))

        with monkeypatch.context() as patched:
            patched.setattr(verb, "opened", opened)
            patched.setattr(sys, "stdout", output)
            assert verb.consume(Run("single"), "orders", {**CONSUME}) == 0
        return output.buffer.getvalue()

    return run


def test_a_terminal_shows_control_characters_and_obeys_none(written):
    shown = written(terminal=True).decode()
    assert shown == "안녕\\x1b[2J\\x07 \\u202egnp.exe\\u2066\\x9b1A\\rgone\tok\\xff\n"


def test_a_pipe_gets_the_bytes_as_they_are(written):
    assert written(terminal=False) == RECORD
