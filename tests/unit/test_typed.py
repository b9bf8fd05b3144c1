"""What was mistyped is answered with what was meant, and a list may be cut off by its reader."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from invoke import Collection, Context, task

import tasks
from cli import typed

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("deploi", "there is no verb deploi; did you mean deploy?"),
        ("topics.lst --hosts x", "there is no verb topics.lst; did you mean topics.list?"),
        ("plan --host x", "plan has no flag --host; did you mean --hosts?"),
        ("plan --host=x", "plan has no flag --host; did you mean --hosts?"),
        ("deploy --hosts x --chek", "deploy has no flag --chek; did you mean --check?"),
        ("deploy --no-smok", "deploy has no flag --no-smok; did you mean --no-smoke?"),
        ("status --hosts x logs --folow", "logs has no flag --folow; did you mean --follow?"),
        ("deploy --hosts x statsu", "there is no verb statsu; did you mean status?"),
    ],
)
def test_a_near_miss_is_answered_with_what_was_meant(line: str, said: str):
    assert typed.misspelt(line.split(), tasks.namespace).split("\n")[0] == said


@pytest.mark.parametrize(
    "line",
    [
        "",
        "--list",
        "xyzzy",
        "deploy --hosts x --check --no-smoke",
        "deploy --hosts --host",  # a value, whatever it looks like
        "plan --hosts=deploi",
        "status --hosts x logs --hosts x --follow",
        "plan --hosts x --dry --echo --debug",
        "--echo deploi",
        "--complete -- invoke deploi",
        "topics.alter --topic deploi --set a=b --set c=d",
        "plan --quite-another-thing",
    ],
)
def test_what_is_right_or_not_understood_is_left_to_invoke(line: str):
    assert typed.misspelt(line.split(), tasks.namespace) == ""


@pytest.mark.parametrize(
    ("line", "only"), [("", True), ("--list", True), ("deploy --help", True), ("-h deploy", True), ("deploy", False)]
)
def test_only_lists_end_with_their_reader(line: str, only: bool):
    assert typed.lists(line.split()) is only  # a deploy must not


def test_looking_at_the_flags_leaves_their_help():
    @task(help={"hosts": "which"})
    def verb(context: Context, hosts: str = "") -> None:
        """A verb of its own: Invoke takes the help out of those that other tests have asked for their arguments."""

    assert typed.misspelt(["verb", "--hosts", "x"], Collection(verb)) == ""
    assert typed.misspelt(["verb", "--host", "x"], Collection(verb))
    assert verb.help == {"hosts": "which"}


def test_a_list_whose_reader_leaves_ends_quietly():
    done = subprocess.run(
        ["bash", "-c", f"{{ {sys.executable} -m invoke --list | true; }} 2>&1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == ""


def test_the_command_line_says_what_was_meant():
    done = subprocess.run(
        [sys.executable, "-m", "invoke", "deploi"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (1, "") and "did you mean deploy?\n  -> `invoke --list`" in done.stderr
