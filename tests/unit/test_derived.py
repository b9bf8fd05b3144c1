"""A file that a unit makes on the host: when it is out of date, when it is asked for, and what is said of a failure."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from provisioner.agent.failure import Failure
from provisioner.resources import Derived, differing, from_wire
from provisioner.resources.derived import stamps


class Host:
    """What a Derived needs of a host: files that are real, and a systemd whose answers a test sets."""

    def __init__(self, folder: Path) -> None:
        self.memory: dict[str, str] = {}
        self.unit: dict[str, str] | None = {"sub": "dead"}
        self.started: list[str] = []
        self.asked = 0
        self.after_start = "running"
        self.refuses = False

    def read_text(self, path: str) -> str | None:
        return Path(path).read_text() if Path(path).exists() else None

    def recall(self, name: str) -> str | None:
        return self.memory.get(name)

    def remember(self, name: str, text: str) -> None:
        self.memory[name] = text

    def forget(self, name: str) -> None:
        self.memory.pop(name, None)

    def unit_state(self, unit: str) -> dict[str, str] | None:
        self.asked += 1
        return self.unit

    def start(self, unit: str) -> None:
        self.started.append(unit)
        self.unit = {"sub": self.after_start}
        if self.refuses:
            raise Failure(f"{unit} does not start")

    def run(self, argv: list[str]) -> str:
        return ""

    def remove(self, path: str) -> None:
        Path(path).unlink()


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


@pytest.fixture
def derived(tmp_path: Path) -> Derived:
    (tmp_path / "libs").mkdir()
    for name in ("b.jar", "a.jar"):
        (tmp_path / "libs" / name).write_text(name)
    (tmp_path / "java").write_text("java")
    return Derived(f"{tmp_path}/made", "maker", inputs=(f"{tmp_path}/java", f"{tmp_path}/libs/*", f"{tmp_path}/gone"))


def make(derived: Derived) -> None:
    """What the unit's script does: the file, then the record as `stat` writes it, in the order of its arguments."""
    Path(derived.path).write_text("made")
    paths = subprocess.run(["sh", "-c", f"stat -L -c '%n %s %Y' {' '.join(derived.inputs)}"], capture_output=True)
    Path(derived.record).write_bytes(paths.stdout)


def due(derived: Derived, host: Host) -> bool:
    return bool(differing(derived.expected(), derived.read(host)))


def test_it_is_made_once_and_a_deploy_waits_neither_for_it_nor_asks_systemd_again(derived: Derived, host: Host):
    assert derived.read(host) is None and due(derived, host)
    derived.fix(host, None, ("up to date",))
    assert host.started == ["maker"] and not due(derived, host), "being made is good enough"
    make(derived)
    host.unit, host.asked = {"sub": "dead"}, 0
    assert not due(derived, host) and host.asked == 0


@pytest.mark.parametrize("change", ["jar touched", "jar added", "jar removed", "java upgraded", "lost", "record lost"])
def test_it_is_made_again_when_what_it_was_made_from_is_another(derived: Derived, host: Host, change: str):
    derived.fix(host, None, ())
    make(derived)
    host.unit = {"sub": "dead"}
    folder = Path(derived.path).parent
    {
        "jar touched": lambda: os.utime(folder / "libs" / "a.jar", (1, 1)),
        "jar added": lambda: (folder / "libs" / "c.jar").write_text("c"),
        "jar removed": lambda: (folder / "libs" / "a.jar").unlink(),
        "java upgraded": lambda: (folder / "java").write_text("newer"),
        "lost": lambda: Path(derived.path).unlink(),
        "record lost": lambda: Path(derived.record).unlink(),
    }[change]()
    assert due(derived, host)


def test_a_making_that_was_cut_off_is_begun_again(derived: Derived, host: Host):
    derived.fix(host, None, ())
    host.unit = {"sub": "dead"}  # the host was restarted meanwhile
    assert due(derived, host)


def test_a_failure_fails_no_deploy_is_said_each_time_and_ends_with_other_inputs(derived: Derived, host: Host):
    host.after_start = "failed"
    host.refuses = True
    derived.fix(host, None, ())
    state = derived.read(host)
    assert not differing(derived.expected(), state)
    assert "journalctl -u maker" in derived.remark(state) and "systemctl start maker" in derived.remark(state)
    os.utime(Path(derived.path).parent / "java", (1, 1))
    assert due(derived, host) and derived.remark(derived.read(host)) == ""


def test_nothing_is_said_of_one_that_is_made_or_absent(derived: Derived, host: Host):
    assert derived.remark(derived.read(host)) == ""
    make(derived)
    assert derived.remark(derived.read(host)) == ""


def test_a_unit_that_may_not_start_at_all_is_an_error(derived: Derived, host: Host):
    host.refuses, host.after_start = True, "dead"  # masked
    with pytest.raises(Failure, match="maker does not start"):
        derived.fix(host, None, ())


def test_it_goes_with_its_record_and_travels_as_json(derived: Derived, host: Host):
    derived.fix(host, None, ())
    make(derived)
    assert derived.present(host) == [derived.path, derived.record]
    assert derived.remove(host) == "" and derived.present(host) == [] and host.memory == {}
    assert from_wire(derived.wire(content=False)) == derived


def test_stamps_name_every_file_once(derived: Derived):
    twice = (*derived.inputs, derived.inputs[0])
    assert stamps(twice) == stamps(derived.inputs) and len(stamps(derived.inputs)) == 3
