"""The command of the installed package is the clone's `invoke` under another name, wherever it is called."""

from __future__ import annotations

import copy
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from invoke import Program

import tasks
from cli import common
from kafka_provisioner import __version__
from kafka_provisioner.__main__ import Settings, program

ROOT = Path(__file__).resolve().parents[2]

Run = Callable[..., "tuple[int, str]"]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """run(*arguments) -> (exit code, output) of the command as installed, called from an empty directory."""
    # Invoke uses up a task's help, and its loader puts a module of its own in the place of this one.
    monkeypatch.setattr(tasks, "namespace", copy.deepcopy(tasks.namespace))
    monkeypatch.setitem(sys.modules, "tasks", tasks)
    monkeypatch.setattr(common, "INSTALLED", True)
    monkeypatch.setattr(common, "PROJECT", Path())
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            program().run(["kafka-provisioner", *arguments])
            raise SystemExit(0)  # what invoke leaves to the interpreter after a success
        return int(ended.value.code or 0), "".join(capsys.readouterr())

    return call


def write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content))


def test_it_lists_the_verbs_that_invoke_lists(run: Run, monkeypatch, capsys):
    code, listed = run("--list")
    monkeypatch.chdir(ROOT)
    with pytest.raises(SystemExit):
        Program().run(["invoke", "--list"])
    in_clone = capsys.readouterr().out
    assert code == 0 and "deploy" in listed
    assert listed.splitlines()[1:] == in_clone.splitlines()[1:]  # the first line is the heading


def test_it_says_its_version(run: Run):
    assert run("--version") == (0, f"kafka-provisioner {__version__}\n")


def test_its_defaults_are_those_of_a_clone():
    of_clone = yaml.safe_load((ROOT / "invoke.yaml").read_text())
    assert {name: Settings.global_defaults()[name] for name in of_clone} == of_clone


def test_an_invoke_yaml_of_the_current_directory_counts(run: Run, tmp_path, monkeypatch):
    write(tmp_path / "invoke.yaml", {"hosts": "from-file"})
    assert "inventory from-file does not exist" in run("plan")[1]
    monkeypatch.setenv("INVOKE_HOSTS", "from-env")
    assert "inventory from-env does not exist" in run("plan")[1]


def test_inventories_are_those_of_the_current_directory(run: Run, tmp_path):
    wrong = {"all": {"children": {"kafka": {"hosts": {"alone": {"kafka_heap": "lots"}}}}}}
    write(tmp_path / "inventory" / "mine.yml", wrong)
    assert "--hosts is one of: mine; or a path" in run("plan")[1]
    for name in ("mine", "inventory/mine.yml"):
        code, output = run("plan", "--hosts", name)
        assert code == 1 and "kafka_heap must be a size" in output and "inventory/mine.yml:" in output


def test_a_directory_without_inventories_is_shown_the_examples(run: Run):
    code, output = run("plan")
    found = re.search(r"examples are in (\S+)", output)
    assert code == 1 and found and (Path(found[1]) / "example-single.yml").is_file()


@pytest.mark.parametrize("verb", ["artifacts.lock", "bundle"])
def test_what_only_a_clone_can_do_says_so(run: Run, verb):
    code, output = run(verb)
    assert code == 1 and f"{verb} works in a clone of the project" in output
