"""What a verb's body is given: a Run with the flags that verbs share, its own flags, and old spellings as new ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from invoke import Program

from cli.common import Run

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch):
    """given("cli.module.body", "verb", *flags): what the body of a verb is called with, without doing anything."""
    monkeypatch.chdir(ROOT)

    def run(body: str, *typed: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
        calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
        monkeypatch.setattr(body, lambda *args, **flags: calls.append((args, flags)))
        Program().run(["invoke", *typed])
        (call,) = calls
        return call

    return run


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ([], Run("single")),
        (["--limit", "a,b", "--extra-vars", "x=1", "--extra-vars", "y=2"], Run("single", ["x=1", "y=2"], "a,b")),
        (["--check"], Run("single", check=True)),
        (
            ["--ask-become-pass", "--accept-new-host-keys"],
            Run("single", ask_become_pass=True, accept_new_host_keys=True),
        ),
    ],
)
def test_the_shared_flags_become_one_run(given, typed: list[str], expected: Run):
    args, _ = given("cli.topics_change.delete", "topics.delete", "--hosts", "single", "--topic", "t", *typed)
    assert args == (expected, "t", False)


def test_a_dry_run_is_a_check_where_a_verb_can_check_and_the_configuration_counts(given, monkeypatch):
    monkeypatch.setenv("INVOKE_HOSTS", "prod3")
    monkeypatch.setenv("INVOKE_SMOKE", "0")
    args, flags = given("cli.deploying.deploy", "--dry", "deploy")
    assert args == (Run("prod3", check=True),) and not flags["smoke"]
    assert given("cli.deploying.smoke", "--dry", "smoke")[0] == (Run("prod3"), False)


@pytest.mark.parametrize(
    ("verb", "body", "old", "new", "value"),
    [
        ("topics.create", "cli.topics_change.create", "config", "set", "max.message.bytes=2m"),
        ("topics.alter", "cli.topics_change.alter", "config", "set", "max.message.bytes=2m"),
        ("broker.unset", "cli.broker.change", "name", "unset", "log.retention.ms,num.io.threads"),
    ],
)
def test_an_old_spelling_does_what_the_new_one_does_and_names_it(given, capsys, verb, body, old, new, value):
    typed = (verb, "--hosts", "single") + (("--topic", "t") if verb.startswith("topics") else ())
    wanted = given(body, *typed, f"--{new}", value)
    assert value.split(",")[0] in str(wanted) and capsys.readouterr().err == ""
    assert given(body, *typed, f"--{old}", value) == wanted
    assert capsys.readouterr().err == f"note: --{old} is now spelled --{new}\n"
