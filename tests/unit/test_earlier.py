"""Which unpacked versions of a product are removed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from provisioner.resources import Earlier, differing, from_wire
from provisioner.resources.archive import MARKER


class Host:
    """Real directories; a memory that tells nothing."""

    def __init__(self) -> None:
        self.forgotten: list[str] = []

    def path_state(self, path: str) -> dict[str, str] | None:
        return {"type": "file"} if Path(path).exists() else None

    def remembers(self, name: str) -> bool:
        return False

    def forget(self, name: str) -> None:
        self.forgotten.append(name)


@pytest.fixture
def opt(tmp_path: Path) -> Path:
    for name in ("kafka_2.13-4.3.1", "kafka_2.13-3.9.2", "kafka_2.13-3.10.0", "kafka_2.12-2.5.0", "zookeeper-3.8.6"):
        (tmp_path / name).mkdir()
        (tmp_path / name / MARKER).write_text("identity")
    (tmp_path / "kafka_2.13-1.0.0").mkdir()  # somebody else's
    (tmp_path / "kafka_2.13-4.3.1.unpacking~").mkdir()
    (tmp_path / "kafka").symlink_to("kafka_2.13-4.3.1")
    return tmp_path


def names(folder: Path) -> set[str]:
    return {one.name for one in folder.iterdir()}


def removed(opt: Path, keep: int) -> set[str]:
    """What is gone after a fix as the agent makes it."""
    before, host = names(opt), Host()
    one = from_wire(Earlier(f"{opt}/kafka_2.13-4.3.1", keep).wire(content=False))
    actual = one.read(host)
    if differs := differing(one.expected(), actual):
        one.fix(host, actual, differs)
    assert not differing(one.expected(), one.read(host))
    return before - names(opt)


@pytest.mark.parametrize(
    ("keep", "expected"),
    [
        (0, {"kafka_2.13-3.9.2", "kafka_2.13-3.10.0", "kafka_2.12-2.5.0"}),
        (1, {"kafka_2.13-3.9.2", "kafka_2.12-2.5.0"}),
        (2, {"kafka_2.12-2.5.0"}),
        (5, set()),
    ],
)
def test_the_newest_ones_stay_and_what_is_not_ours(opt, keep, expected):
    assert removed(opt, keep) == expected


def test_what_a_process_was_started_from_stays(opt):
    sleeper = "import sys, time; print(flush=True); time.sleep(60)"
    path = f"{opt}/kafka_2.12-2.5.0/libs/*"
    with subprocess.Popen([sys.executable, "-c", sleeper, "-cp", path], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout
            process.stdout.readline()
            assert removed(opt, 0) == {"kafka_2.13-3.9.2", "kafka_2.13-3.10.0"}
        finally:
            process.kill()
    assert removed(opt, 0) == {"kafka_2.12-2.5.0"}
