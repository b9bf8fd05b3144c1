"""Advice names the command by which this program was called."""

from __future__ import annotations

import io

import pytest

from provisioner import calling
from provisioner.errors import HostFailed
from provisioner.report.plain import PlainReporter
from provisioner.report.reporter import End

ADVICE = "see `invoke status`; `invoke deploy` starts what is down"


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(calling, "_called", calling.USUAL)
    return calling.call_it


def test_in_a_clone_it_is_invoke(called):
    assert calling.spoken(ADVICE) == ADVICE


def test_elsewhere_it_is_the_command_that_was_typed(called):
    called("thing")
    assert calling.spoken(ADVICE) == "see `thing status`; `thing deploy` starts what is down"
    assert calling.spoken("the tool `invoke` itself, invoke status") == "the tool `invoke` itself, invoke status"


def test_notes_warnings_and_errors_say_it(called):
    called("thing")
    out = io.StringIO()
    reporter = PlainReporter(out, out)
    reporter.note(ADVICE)
    reporter.warning(ADVICE)
    reporter.error(HostFailed("it is down", host="a", advice=ADVICE))
    reporter.recap(End({}, 1.0, ["try `invoke smoke`"]))
    assert "invoke" not in out.getvalue() and out.getvalue().count("`thing status`") == 3
