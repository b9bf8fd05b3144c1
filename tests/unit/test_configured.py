"""Defaults of flags from the environment and invoke.yaml: "false" is false, and a word that is neither is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from invoke import Config, Program

from cli import common, configured
from provisioner.errors import UsageError


@pytest.mark.parametrize(
    ("word", "on"),
    [
        *((word, True) for word in ("1", "true", "True", "YES", "on", " true ")),
        *((word, False) for word in ("0", "false", "False", "NO", "off", "")),
    ],
)
def test_a_switch_is_read_as_people_write_it(word: str, on: bool):
    assert configured.switch("INVOKE_SMOKE", word) is on


@pytest.mark.parametrize("word", ["banana", "2", "-1", "none", "y", "falsch", "true false"])
def test_a_word_that_is_neither_is_refused(word: str):
    with pytest.raises(UsageError, match=r"INVOKE_SMOKE is '.*', neither on nor off"):
        configured.switch("INVOKE_SMOKE", word)


def run(monkeypatch: pytest.MonkeyPatch, *flags: str) -> dict[str, Any]:
    """The flags as a verb gets them."""
    from cli import deploying

    got: dict[str, Any] = {}

    def deploy(run: common.Run, **given: Any) -> int:
        got.update(given, run=run)
        return 0

    monkeypatch.setattr(deploying, "deploy", deploy)
    monkeypatch.chdir(Path(__file__).resolve().parents[2])
    try:
        Program().run(["invoke", "deploy", "--hosts", "x", *flags])
    except SystemExit as ended:
        got["code"] = ended.code
    return got


@pytest.mark.parametrize("word", ["false", "0", "no", "off", ""])
def test_a_variable_that_says_no_switches_nothing_on(monkeypatch: pytest.MonkeyPatch, word: str):
    for name in ("ACCEPT_NEW_HOST_KEYS", "SMOKE", "RUN_DRY"):
        monkeypatch.setenv(f"INVOKE_{name}", word)
    got = run(monkeypatch)
    assert not got["run"].accept_new_host_keys and not got["run"].check and not got["smoke"]
    assert run(monkeypatch, "--accept-new-host-keys")["run"].accept_new_host_keys, "a flag wins"
    assert run(monkeypatch, "--dry")["run"].check


def test_a_variable_that_says_yes_switches_on(monkeypatch: pytest.MonkeyPatch):
    for name in ("ACCEPT_NEW_HOST_KEYS", "RUN_DRY"):
        monkeypatch.setenv(f"INVOKE_{name}", "yes")
    got = run(monkeypatch)
    assert got["run"].accept_new_host_keys and got["run"].check and got["smoke"]
    assert not run(monkeypatch, "--no-smoke")["smoke"]


@pytest.mark.parametrize("name", ["ACCEPT_NEW_HOST_KEYS", "SMOKE", "RUN_DRY"])
def test_a_variable_that_says_neither_stops_the_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
):
    monkeypatch.setenv(f"INVOKE_{name}", "banana")
    assert run(monkeypatch) == {"code": 1}
    assert f"INVOKE_{name} is 'banana', neither on nor off" in capsys.readouterr().err


@pytest.mark.parametrize(("written", "on"), [("false", False), ("no", False), ("true", True), (True, True)])
def test_the_file_is_read_like_the_environment(monkeypatch: pytest.MonkeyPatch, written: Any, on: bool):
    monkeypatch.delenv("INVOKE_SMOKE", raising=False)
    assert configured.configured(Config(overrides={"smoke": written}), "smoke") is on
