"""A bundle holds what a deployment needs, is the same every time, and runs with nothing but python3."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from provisioner.artifacts import ArchiveSource, ClosureSource, cache_directory
from provisioner.artifacts import bundle as bundle_module
from provisioner.artifacts.bundle import bundle, place_of, project_files
from provisioner.artifacts.lockfile import Jar
from provisioner.artifacts.resolve import render
from provisioner.artifacts.tarball import Entry
from provisioner.errors import ArtifactError, ConfigError

FAKE_INVOKE = """
import os, sys
import helper
print("ran", sys.argv[1:], os.path.basename(os.getcwd()), os.environ["PROVISIONER_CACHE"], helper.NAME)
"""


def wheel(path: Path, files: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project without git, and wheels that need no download: a stand-in for Invoke and a package in *.data."""
    monkeypatch.setenv("PROVISIONER_CACHE", str(tmp_path / "cache"))
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    wheel(wheels / "invoke-2-py3-none-any.whl", {"invoke/__init__.py": "", "invoke/__main__.py": FAKE_INVOKE})
    wheel(wheels / "helper-1-py3-none-any.whl", {"helper-1.data/purelib/helper.py": "NAME = 'helper'\n"})

    def local_wheels(scratch: Path, requirements: Sequence[str]) -> list[Entry]:
        return [Entry(f"wheels/{path.name}", path) for path in sorted(wheels.iterdir())]

    monkeypatch.setattr(bundle_module, "_wheels", local_wheels)
    root = tmp_path / "project"
    for name, text in {
        "tasks.py": "",
        "inventory/single.yml": "all: {}\n",
        ".git/config": "",
        "x/__pycache__/a.pyc": "",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    script = root / "script"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    return root


@pytest.fixture
def closure(project: Path, tmp_path: Path) -> ClosureSource:
    """A closure whose only jar is in the cache already."""
    content = b"jar" * 1000
    jar = Jar("org.example:one:1.0", len(content), hashlib.sha256(content).hexdigest())
    blob = cache_directory() / "blobs" / jar.sha256
    blob.parent.mkdir(parents=True)
    blob.write_bytes(content)
    lock = tmp_path / "1.0.yml"
    lock.write_text("product: thing\nversion: '1.0'\n" + render([jar], {}))
    return ClosureSource(lock)


def unpacked(out: Path, where: Path) -> Path:
    with tarfile.open(out) as tar:
        tar.extractall(where)
    return where / "deploy"


def run(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"]}
    command = [sys.executable, str(directory / "run"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def test_a_bundle_runs_and_its_cache_serves_the_source(
    project: Path, closure: ClosureSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = bundle(tmp_path / "deploy.tar", root=project, sources=[closure], requirements=[])
    assert made.contents == ("thing 1.0 (Maven closure, 1 jars)",)
    assert made.path.stat().st_mode & 0o777 == 0o600
    there = unpacked(made.path, tmp_path / "there")
    for _ in range(2):
        result = run(there, "deploy", "--hosts", "single")
        assert result.stdout.strip() == f"ran ['deploy', '--hosts', 'single'] project {there / 'cache'} helper"
        assert result.returncode == 0
    monkeypatch.setenv("PROVISIONER_CACHE", str(there / "cache"))
    monkeypatch.setenv("PROVISIONER_MAVEN_URL", "http://127.0.0.1:9")  # nobody answers there
    payload = closure.obtain(lambda *_: None)
    assert payload.path.is_relative_to(there)


def test_the_project_without_caches_is_inside_with_its_modes(project: Path, tmp_path: Path) -> None:
    there = unpacked(bundle(tmp_path / "deploy.tar", root=project, sources=[], requirements=[]).path, tmp_path / "x")
    found = {str(path.relative_to(there / "project")) for path in (there / "project").rglob("*") if path.is_file()}
    assert found == {"tasks.py", "inventory/single.yml", "script"}
    assert os.access(there / "project/script", os.X_OK)
    assert not os.access(there / "project/tasks.py", os.X_OK)


def test_the_same_input_gives_the_same_file(project: Path, closure: ClosureSource, tmp_path: Path) -> None:
    first = bundle(tmp_path / "a" / "deploy.tar", root=project, sources=[closure], requirements=[])
    os.utime(project / "tasks.py", ns=(1, 1))
    second = bundle(tmp_path / "b" / "deploy.tar", root=project, sources=[closure], requirements=[])
    assert first.sha256 == second.sha256 == hashlib.sha256(second.path.read_bytes()).hexdigest()


@pytest.mark.parametrize("damage", ["change", "remove"])
def test_a_damaged_bundle_is_refused_by_name(project: Path, tmp_path: Path, damage: str) -> None:
    there = unpacked(bundle(tmp_path / "deploy.tar", root=project, sources=[], requirements=[]).path, tmp_path / "x")
    victim = there / "project/tasks.py"
    victim.write_text("changed") if damage == "change" else victim.unlink()
    result = run(there, "deploy")
    assert result.returncode == 1
    assert "1 files are not as they were packed: project/tasks.py" in result.stderr
    assert "ran" not in result.stdout


def test_an_inventory_may_be_edited_in_an_unpacked_bundle(project: Path, tmp_path: Path) -> None:
    there = unpacked(bundle(tmp_path / "deploy.tar", root=project, sources=[], requirements=[]).path, tmp_path / "x")
    (there / "project/inventory/single.yml").write_text("all: {hosts: {mine: {}}}\n")
    assert run(there, "deploy").returncode == 0


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [("python", "3.99", "needs Python 3.99"), ("machine", "Plan9 mips", "made for Plan9 mips")],
)
def test_another_python_or_machine_is_told_what_is_needed(
    project: Path, tmp_path: Path, key: str, value: str, says: str
) -> None:
    there = unpacked(bundle(tmp_path / "deploy.tar", root=project, sources=[], requirements=[]).path, tmp_path / "x")
    manifest = json.loads((there / "MANIFEST.json").read_text())
    (there / "MANIFEST.json").write_text(json.dumps({**manifest, key: value}))
    result = run(there, "deploy")
    assert (result.returncode, says in result.stderr) == (1, True)


def test_a_release_archive_is_bundled_under_its_sha512(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "thing.tgz"
    (tmp_path / "one.jar").write_bytes(b"jar")
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(tmp_path / "one.jar", "thing/libs/one.jar")
    with pytest.raises(ConfigError, match="only be bundled with its sha512") as caught:
        bundle(tmp_path / "no.tar", root=project, sources=[ArchiveSource(str(archive))], requirements=[])
    digest = hashlib.sha512(archive.read_bytes()).hexdigest()
    assert digest in str(caught.value)
    source = ArchiveSource(str(archive), digest)
    there = unpacked(
        bundle(tmp_path / "deploy.tar", root=project, sources=[source], requirements=[]).path, tmp_path / "x"
    )
    archive.unlink()
    monkeypatch.setenv("PROVISIONER_CACHE", str(there / "cache"))
    assert ArchiveSource(str(archive), digest).obtain(lambda *_: None).path.is_relative_to(there)


def test_with_git_what_is_tracked_is_packed_and_what_lies_beside_it_is_not(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    tracked = {".gitignore": "*.log\n", "tasks.py": "", "inventory.yml": ""}
    for name, text in {**tracked, "run.log": "", "ca.key": "", "vault-pass.txt": "", "notes.yml": ""}.items():
        (tmp_path / name).write_text(text)
    subprocess.run(["git", "add", *tracked], cwd=tmp_path, check=True)
    (tmp_path / "old.tar").touch()
    names = [path.name for path in project_files(tmp_path, tmp_path / "old.tar")]
    assert names == [".gitignore", "inventory.yml", "tasks.py"]


def test_keys_and_passwords_of_a_vault_are_never_packed_and_closed_files_stay_closed(
    project: Path, tmp_path: Path
) -> None:
    beside = project / "inventory" / "group_vars" / "all"
    beside.mkdir(parents=True)
    secret = {
        "inventory/single.ca/ca.key": "hunter2",
        "inventory/.vault_pass": "hunter2",
        "vault-pass.txt": "hunter2",
        "inventory/vault_password": "hunter2",
        "id_ed25519": "hunter2",
        "store.p12": "hunter2",
        "server.pem": "-----BEGIN RSA PRIVATE KEY-----\nhunter2\n",
    }
    for name, text in secret.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    (project / "encrypted.key").write_text("$ANSIBLE_VAULT;1.1;AES256\n00\n")
    (beside / "own.yml").write_text("x: 1\n")
    (beside / "own.yml").chmod(0o600)
    said: list[str] = []
    made = bundle(
        tmp_path / "deploy.tar",
        root=project,
        sources=[],
        requirements=[],
        inventory=project / "inventory/single.yml",
        say=said.append,
    )
    there = unpacked(made.path, tmp_path / "x") / "project"
    found = {path.relative_to(there).as_posix(): path for path in there.rglob("*") if path.is_file()}
    assert not set(found) & set(secret)
    assert "encrypted.key" in found and "inventory/single.yml" in found
    assert found["inventory/group_vars/all/own.yml"].stat().st_mode & 0o777 == 0o600
    assert found["tasks.py"].stat().st_mode & 0o777 == 0o644
    assert any("look like keys or passwords of a vault" in line and "id_ed25519" in line for line in said)


def test_packages_that_cannot_be_downloaded_are_one_message(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="pip exit code") as caught:
        bundle_module._wheels(tmp_path, ["--no-index", "no-such-package-here"])
    assert "no-such-package-here" in str(caught.value)


def test_an_inventory_from_anywhere_is_packed_with_its_variables(project: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "mine"
    (elsewhere / "group_vars" / "all").mkdir(parents=True)
    (elsewhere / "site.yml").write_text("all: {}\n")
    (elsewhere / "group_vars" / "all" / "own.yml").write_text("x: 1\n")
    (elsewhere / "unrelated.key").write_text("stays here\n")
    made = bundle(tmp_path / "deploy.tar", root=project, sources=[], requirements=[], inventory=elsewhere / "site.yml")
    place = place_of(elsewhere / "site.yml", project)
    assert place == "inventory/bundled/site.yml"
    there = unpacked(made.path, tmp_path / "x") / "project"
    assert (there / place).read_text() == "all: {}\n"
    assert (there / "inventory/bundled/group_vars/all/own.yml").read_text() == "x: 1\n"
    assert not list(there.rglob("unrelated.key"))


def test_an_inventory_of_the_project_that_git_ignores_is_packed_where_it_is(project: Path, tmp_path: Path) -> None:
    for command in (["git", "init", "-q"], ["git", "add", "."]):
        subprocess.run(command, cwd=project, check=True)
    (project / ".gitignore").write_text("inventory/own.yml\n")
    own = project / "inventory" / "own.yml"
    own.parent.mkdir(exist_ok=True)
    own.write_text("all: {}\n")
    made = bundle(tmp_path / "deploy.tar", root=project, sources=[], requirements=[], inventory=own)
    assert place_of(own, project) == "inventory/own.yml"
    assert (unpacked(made.path, tmp_path / "x") / "project/inventory/own.yml").read_text() == "all: {}\n"
