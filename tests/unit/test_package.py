"""The command of the installed package is the clone's `invoke` under another name, wherever it is called."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

import tasks
from cli import common, project
from kafka_provisioner import __version__
from kafka_provisioner.__main__ import Settings, program

ROOT = Path(__file__).resolve().parents[2]

Run = Callable[..., "tuple[int, str]"]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[Run]:
    """run(*arguments) -> (exit code, output) of the command as installed, called from an empty directory."""
    # Invoke's loader puts a module of its own in the place of this one.
    monkeypatch.setitem(sys.modules, "tasks", tasks)
    monkeypatch.setattr(common, "INSTALLED", True)
    monkeypatch.setattr(project, "INSTALLED", True)
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            program().run(["kafka-provisioner", *arguments])
            raise SystemExit(0)  # what invoke leaves to the interpreter after a success
        return int(ended.value.code or 0), "".join(capsys.readouterr())

    pipe = signal.getsignal(signal.SIGPIPE)
    yield call
    # A list lets its reader leave; left so, the first broken pipe of a later test would end pytest without a word.
    signal.signal(signal.SIGPIPE, pipe)


def write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content))


def test_it_lists_every_verb(run: Run):
    code, listed = run("--list")
    assert code == 0 and all(f"\n  {verb} " in listed for verb in tasks.namespace.task_names)


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


def test_inventories_are_those_of_the_current_directory(run: Run, tmp_path, monkeypatch):
    wrong = {"all": {"children": {"kafka": {"hosts": {"alone": {"kafka_heap": "lots"}}}}}}
    for name in ("mine", "other"):
        write(tmp_path / "inventory" / f"{name}.yml", wrong)
    assert "--hosts is one of: mine, other; or a path" in run("plan")[1]
    (tmp_path / "below" / "further").mkdir(parents=True)
    for place in (tmp_path, tmp_path / "below" / "further"):
        monkeypatch.chdir(place)
        for flag in ("--hosts", "-i", "--inventory"):
            code, output = run("plan", flag, "mine")
            assert code == 1 and "kafka_heap must be a size" in output and "inventory/mine.yml:" in output
    monkeypatch.chdir(tmp_path)
    assert "inventory/mine.yml:" in run("plan", "--hosts", "inventory/mine.yml")[1]


def test_an_invoke_yaml_beside_the_inventories_counts_further_down(run: Run, tmp_path, monkeypatch):
    write(tmp_path / "inventory" / "mine.yml", {})
    write(tmp_path / "invoke.yaml", {"hosts": "from-file"})
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    assert "inventory from-file does not exist" in run("plan")[1]


def test_the_only_inventory_that_is_no_example_is_taken_and_said(run: Run, tmp_path, monkeypatch):
    wrong = {"all": {"children": {"kafka": {"hosts": {"alone": {"kafka_heap": "lots"}}}}}}
    for name in ("mine", "example-single"):
        write(tmp_path / "inventory" / f"{name}.yml", wrong)
    write(tmp_path / "inventory" / "group_vars" / "all.yml", {"kafka_port": 9092})
    code, output = run("plan")
    assert code == 1 and output.startswith("--hosts mine: the only inventory here\n") and "mine.yml:" in output
    assert "the only inventory" not in run("plan", "--hosts", "mine")[1]
    monkeypatch.setenv("INVOKE_HOSTS", "elsewhere")
    assert "inventory elsewhere does not exist" in run("plan")[1]
    monkeypatch.delenv("INVOKE_HOSTS")
    (tmp_path / "inventory" / "hosts").write_text("[kafka]\nalone\n")  # an inventory, too, though no --hosts names it
    assert "--hosts is missing" in run("plan")[1]


def test_somebody_elses_inventory_above_is_not_taken(tmp_path, monkeypatch):
    write(tmp_path / "inventory" / "mine.yml", {})
    (tmp_path / "below").mkdir()
    assert project.nearest(tmp_path / "below") == tmp_path
    monkeypatch.setattr(project.os, "getuid", lambda: 4711)
    monkeypatch.setattr(project, "ROOT_USER", 4712)
    assert project.nearest(tmp_path / "below") is None and project.nearest(tmp_path) == tmp_path


def test_a_directory_without_inventories_is_shown_the_examples(run: Run):
    code, output = run("plan")
    found = re.search(r"examples are in (\S+)", output)
    assert code == 1 and found and (Path(found[1]) / "example-single.yml").is_file()


@pytest.mark.parametrize("verb", ["artifacts.lock", "bundle"])
def test_what_only_a_clone_can_do_says_so(run: Run, verb):
    code, output = run(verb)
    assert code == 1 and f"{verb} works in a clone of the project" in output
