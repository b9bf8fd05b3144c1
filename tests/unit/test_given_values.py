"""Values for broker.set that do not stand on the command line."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from cli import values
from provisioner.errors import UsageError


def test_a_value_comes_from_a_file_without_its_last_end_of_line(tmp_path: Path):
    (tmp_path / "pw").write_text("hunter=2 \n")
    (tmp_path / "pem").write_text("-----BEGIN\nx\n-----END\n")
    found = values.given(
        ["log.retention.ms=2d"], [f"ssl.key.password={tmp_path}/pw", f"ssl.keystore.key={tmp_path}/pem"], []
    )
    assert found == {
        "log.retention.ms": "172800000",
        "ssl.key.password": "hunter=2 ",
        "ssl.keystore.key": "-----BEGIN\nx\n-----END",
    }


def test_a_value_comes_from_standard_input(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("hunter2\n"))
    assert values.given([], ["ssl.key.password=-"], []) == {"ssl.key.password": "hunter2"}


def test_a_value_is_asked_for_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(UsageError, match="there is no terminal to ask on"):
        values.given([], [], ["ssl.key.password"])
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", terminal)
    monkeypatch.setattr("getpass.getpass", lambda prompt: "hunter2" if prompt == "ssl.key.password: " else "")
    assert values.given([], [], ["ssl.key.password"]) == {"ssl.key.password": "hunter2"}
    with pytest.raises(UsageError, match="nothing was typed"):
        values.given([], [], ["other.password"])


def test_a_secret_on_the_command_line_is_named(capsys: pytest.CaptureFixture[str]):
    values.given(["ssl.key.password=hunter2", "log.retention.ms=1"], [], [])
    said = capsys.readouterr().err
    assert "ssl.key.password is in the list of processes" in said and "hunter2" not in said and "retention" not in said


@pytest.mark.parametrize(
    ("sets", "files", "said"),
    [
        (["ssl.key.password hunter2"], [], "this is not NAME=VALUE"),
        (["ssl.key.password:hunter2"], [], "this is not NAME=VALUE"),
        ([], ["ssl.key.password"], "this is not NAME=FILE"),
        ([], ["a=/no/such/file"], "cannot be read: No such file"),
        ([], ["a=/dev/null"], "/dev/null is empty"),
        (["ssl.key.password=hunter2"], ["ssl.key.password=/etc/hostname"], "ssl.key.password is given twice"),
    ],
)
def test_what_is_no_value_is_refused_without_showing_it(sets: list[str], files: list[str], said: str):
    with pytest.raises(UsageError) as caught:
        values.given(sets, files, [])
    assert said in str(caught.value) and "hunter2" not in str(caught.value)


def test_a_secret_that_looks_like_a_duration_is_taken_as_it_is():
    assert values.given(["ssl.key.password=12abc"], [], []) == {"ssl.key.password": "12abc"}
