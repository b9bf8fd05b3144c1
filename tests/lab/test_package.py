"""`pip install` of the project: one package in site-packages, and a command that deploys from anywhere."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from .hosts import ROOT, LabHost, counts, run_invoke

Command = Callable[..., "subprocess.CompletedProcess[str]"]


def run(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        arguments,
        cwd=cwd,
        env={**os.environ, **environment},
        text=True,
        timeout=120,
        input="",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's wheel, built with what .venv has: no network is needed."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index"]
    done = run(*pip, "--wheel-dir", str(folder), str(ROOT), cwd=folder)
    assert done.returncode == 0, done.stdout
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that the wheel is installed to, as to site-packages."""
    folder = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--target", str(folder)]
    done = run(*pip, str(wheel), cwd=folder)
    assert done.returncode == 0, done.stdout
    return folder


@pytest.fixture
def command(site: Path, tmp_path: Path) -> Command:
    """command(*arguments): the installed `kafka-provisioner`, called in an empty directory."""

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        script = str(site / "bin" / "kafka-provisioner")
        return run(sys.executable, script, *arguments, cwd=tmp_path, PYTHONPATH=str(site))

    return call


def test_site_packages_gets_one_name_and_the_command(site: Path):
    names = {path.name for path in site.iterdir() if path.suffix != ".dist-info"}
    assert names == {"kafka_provisioner", "bin"}
    assert [path.name for path in (site / "bin").iterdir()] == ["kafka-provisioner"]
    assert (site / "kafka_provisioner" / "py.typed").is_file()


def test_the_wheel_holds_what_the_verbs_need_and_no_inventory_of_ones_own(wheel: Path):
    packed = {name.removeprefix("kafka_provisioner/") for name in zipfile.ZipFile(wheel).namelist()}
    folders = ("cli", "cluster", "lab", "provisioner", "roles", "templates")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]
    needed = {str(path.relative_to(ROOT)) for path in files if "__pycache__" not in path.parts}
    assert len(needed) > 200 and needed <= packed
    shipped = {name for name in packed if name.startswith("inventory/")}
    tracked = run("git", "ls-files", "inventory/*.yml", cwd=ROOT).stdout.split()
    assert {"inventory/single-kraft.yml", "inventory/example-prod3.yml"} <= set(tracked) == shipped


def test_it_lists_what_invoke_lists_in_a_clone(command: Command):
    listed, in_clone = command("--list"), run_invoke("--list")
    assert listed.returncode == in_clone.returncode == 0, listed.stdout
    verbs = [[line for line in one.stdout.splitlines() if line.startswith("  ")] for one in (listed, in_clone)]
    assert verbs[0] == verbs[1] and any(line.startswith("  topics.create ") for line in verbs[0])


def test_a_broken_inventory_is_one_message(command: Command, tmp_path: Path):
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory" / "mine.yml").write_text("all:\n  children:\n    kafka:\n      hosts: {a: {}\n")
    done = command("plan", "--hosts", "mine")
    assert done.returncode == 1 and "inventory/mine.yml" in done.stdout and "line" in done.stdout
    assert "Traceback" not in done.stdout


def test_it_deploys_what_the_clone_deploys(command: Command, single: LabHost):
    done = command("deploy", "--hosts", str(single.inventory))
    assert done.returncode == 0 and "Smoke check passed" in done.stdout, done.stdout
    assert counts(done.stdout, single.name)["touched"] == 0, done.stdout
