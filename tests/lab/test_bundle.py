"""A bundle deploys from a machine whose network is cut off, with nothing there but python3."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from lab.lab import Lab

from . import cut_off
from .hosts import LabHost, counts, run_invoke


@pytest.fixture
def empty(lab: Lab, host: Callable[[str], LabHost]) -> Iterator[LabHost]:
    """With Java: packages of the host's own system come from its own sources, which a bundle does not replace."""
    lab.recreate("kafka4", "bookworm")
    yield host("kafka4")
    lab.down(["kafka4"])


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A short path (a Unix socket's is limited), and not kept: a bundle unpacked takes some 300 MB."""
    with tempfile.TemporaryDirectory(prefix="bundle-") as path:
        yield Path(path)


class Offline:
    """The other machine: an unpacked bundle, an empty home, python3, and of all networks one SSH port."""

    def __init__(self, folder: Path, run: Path, port: int) -> None:
        self.folder, self.run_file, self.port = folder, run, port
        self.home = folder / "home"
        self.home.mkdir()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`BUNDLE/run ARGUMENTS`, cut off."""
        # The interpreter that a virtual environment is made from has none of the project's packages.
        python = Path(sys.base_exec_prefix) / "bin"
        user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        inside = ["env", "-i", f"HOME={self.home}", f"PATH={python}:/usr/bin:/bin", str(self.run_file), *arguments]
        way = self.folder / "ssh.socket"
        way.unlink(missing_ok=True)
        with cut_off.way_out(way, self.port):
            return subprocess.run(
                ["unshare", *user, "--net", "--", sys.executable, cut_off.__file__, str(self.port), str(way), *inside],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=400,
                check=False,
            )


def with_absolute_paths(inventory: Path, out: Path) -> Path:
    """The inventory for another home directory: the key and known_hosts are this user's."""
    content = yaml.safe_load(inventory.read_text().replace("~/", f"{Path.home()}/"))
    out.write_text(yaml.safe_dump(content, sort_keys=False))
    return out


def test_a_bundle_deploys_an_empty_host_from_a_machine_without_network(empty: LabHost, folder: Path):
    inventory = with_absolute_paths(empty.inventory, folder / "site.yml")
    made = run_invoke("bundle", "--hosts", str(inventory), "--out", str(folder / "b.tar"))
    assert made.returncode == 0, made.stdout
    # What to type on the other machine is the last line that it says.
    typed = made.stdout.strip().splitlines()[-1].split("&&")[1].split()
    with tarfile.open(folder / "b.tar") as bundle:
        bundle.extractall(folder)
    (folder / "b.tar").unlink()
    inventory.unlink()  # the other machine has what is in the bundle

    offline = Offline(folder, folder / typed[0], empty.lab.ports("kafka4")["ssh"])
    done = offline.run(*typed[1:])
    assert done.returncode == 0, done.stdout
    assert "Smoke check passed" in done.stdout
    assert counts(done.stdout, empty.name)["touched"] > 30
    assert empty.sh("kafka-topics.sh --version") == "3.9.2"
    assert empty.sh("systemctl is-active kafka zookeeper").splitlines() == ["active", "active"]

    again = offline.run(*typed[1:])
    assert again.returncode == 0 and counts(again.stdout, empty.name)["touched"] == 0, again.stdout
    assert list(offline.home.iterdir()) == [], "the bundle keeps to its own directory"
