"""Hosts have a history: kernel settings, package managers at work, names, and environments of their own."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from provisioner.agent import facts, packages
from provisioner.agent.failure import Failure
from provisioner.resources import Sysctl, differing
from provisioner.resources.sysctl import better
from roles.kafka import role as kafka
from roles.zookeeper import role as zookeeper
from tests.support import roles as support


@pytest.mark.parametrize(
    ("name", "wanted", "running", "left"),
    [
        ("vm.max_map_count", "262144", "1048576", True),
        ("vm.max_map_count", "262144", "262144", False),
        ("vm.max_map_count", "262144", "65530", False),
        ("fs.file-max", "100000", "9223372036854775807", True),
        ("net.core.somaxconn", "1024", "4096", True),
        ("net.core.rmem_max", "2097152", "212992", False),
        ("vm.swappiness", "1", "0", True),
        ("vm.swappiness", "1", "60", False),
        ("vm.dirty_ratio", "80", "90", False),  # neither more nor less is better
        ("net.ipv4.tcp_rmem", "4096 87380 1", "4096 87380 2", False),
        ("vm.max_map_count", "262144", None, False),
        ("vm.max_map_count", "many", "1048576", False),
    ],
)
def test_what_a_host_has_beyond_the_wanted_is_left(name: str, wanted: str, running: str | None, left: bool):
    assert better(name, wanted, running) is left


class Kernel:
    """A host's kernel and its one file in /etc/sysctl.d."""

    def __init__(self, **running: str) -> None:
        self.running = {name.replace("__", "."): value for name, value in running.items()}
        self.file: bytes | None = None

    def sysctl(self, name: str) -> str | None:
        return self.running.get(name)

    def set_sysctl(self, name: str, value: str) -> None:
        self.running[name] = value

    def path_state(self, path: str) -> dict[str, Any] | None:
        return None if self.file is None else {"type": "file", "owner": "root", "mode": 0o644}

    def read_bytes(self, path: str) -> bytes:
        assert self.file is not None
        return self.file

    def write(self, path: str, data: bytes, owner: str, group: str, mode: int) -> None:
        self.file = data


def deployed(kernel: Kernel, wanted: Sysctl) -> bool:
    """Whether a deploy has changed something; afterwards a second one changes nothing."""
    actual = wanted.read(kernel)
    differs = differing(wanted.expected(), actual)
    if differs:
        wanted.fix(kernel, actual, differs)
    assert not differing(wanted.expected(), wanted.read(kernel))
    return bool(differs)


@pytest.mark.parametrize("live", [True, False])
def test_a_kernel_that_has_more_keeps_it_now_and_after_the_next_boot(live: bool):
    kernel = Kernel(vm__max_map_count="1048576", vm__swappiness="60")
    wanted = Sysctl("kafka", {"vm.max_map_count": 262144, "vm.swappiness": 1}, live=live)
    assert deployed(kernel, wanted) and not deployed(kernel, wanted)
    assert kernel.running == {"vm.max_map_count": "1048576", "vm.swappiness": "1" if live else "60"}
    assert b"vm.max_map_count = 1048576\nvm.swappiness = 1\n" in (kernel.file or b"")
    kernel.running["vm.max_map_count"] = "65530"  # somebody lowers it
    assert deployed(kernel, wanted)
    assert b"vm.max_map_count = 262144\n" in (kernel.file or b"")
    assert kernel.running["vm.max_map_count"] == ("262144" if live else "65530")


HOLD = """
import fcntl, sys
file = open(sys.argv[1], "w")
fcntl.lockf(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


def test_who_holds_the_lock_of_apt_is_named_and_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    lock, said = tmp_path / "lock-frontend", []
    lock.touch()
    assert packages.holder(str(lock)) == packages.holder(str(tmp_path / "none")) == 0
    monkeypatch.setattr(packages, "POLL_SECONDS", 0.01)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdin and other.stdout and other.stdout.readline() == "held\n"

        def emit(event: dict[str, Any]) -> None:
            said.append(event["text"])
            if len(said) == 3 and other.stdin:
                other.stdin.close()
                other.wait()

        assert packages.holder(str(lock)) == other.pid
        packages.wait_for_locks(emit, [str(tmp_path / "none"), str(lock)])
    assert len(said) == 3 and f"(pid {other.pid}) to release {lock}" in said[0] and "python" in said[0]


def test_a_lock_that_is_never_released_ends_in_its_holders_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(packages, "LOCK_SECONDS", 0.0)
    monkeypatch.setattr(packages, "holder", lambda path: os.getpid())
    with pytest.raises(Failure, match=rf"\(pid {os.getpid()}\) still holds /lock, which installing needs") as caught:
        packages.wait_for_locks(lambda event: None, ["/lock"])
    assert f"ps -fp {os.getpid()}" in str(caught.value.advice)


@pytest.mark.parametrize(
    ("addresses", "found"),
    [
        (["127.0.1.1"], "127.0.1.1"),
        (["127.0.0.1", "::1"], "127.0.0.1"),
        (["10.0.0.7"], ""),
        (["10.0.0.7", "127.0.1.1"], ""),
        ([], ""),
        (None, ""),
    ],
)
def test_a_name_that_leads_to_the_host_itself_is_known_by_its_addresses(addresses: list[str] | None, found: str):
    assert facts.loopback(addresses) == found


def test_a_host_must_not_find_itself_under_the_names_of_others(tmp_path: Path):
    found = support.target(support.three(tmp_path), "kafka2")
    assert set(kafka.needs(found).away) == {"kafka1", "kafka3"} == set(zookeeper.needs(found).away)
    assert set(kafka.needs(found).away) <= set(kafka.needs(found).names)

    def away(bind: str, name: str) -> dict[str, str]:
        listener = {"name": "IN", "port": 9092, "bind": bind, "advertised_host": name}
        return dict(kafka.needs(support.target(support.single(tmp_path, kafka_listeners=[listener]))).away)

    assert away("10.0.0.5", "me") == {"me": "the broker here listens on 10.0.0.5 only"}
    assert away("127.0.0.1", "127.0.0.1") == away("0.0.0.0", "me") == away("::", "127.0.0.1") == {}


def test_names_are_resolved_with_their_addresses():
    found = facts.resolved(["localhost", "no-such-host.invalid", "x" * 70 + ".invalid"])
    assert facts.loopback(found["localhost"]) and found["no-such-host.invalid"] is None
    assert found["x" * 70 + ".invalid"] is None


def test_a_logins_umask_and_environment_are_not_those_of_the_agent():
    program = """
import os
os.umask(0o077)
from provisioner.agent import main
class Agent:
    def __init__(self, *arguments): pass
    def serve(self, ahead):
        os.write(2, repr((oct(os.umask(0)), [name for name in main.FOREIGN if name in os.environ])).encode())
main.Agent = Agent
main.serve({})
"""
    own = {"JAVA_TOOL_OPTIONS": "-agentlib:none", "_JAVA_OPTIONS": "-Xmx1m", "JAVA_HOME": "/none"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).resolve().parents[2],
        env={**os.environ, **own},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.stderr == "('0o22', [])"


def test_the_lock_of_fcntl_is_the_one_that_is_asked_for(tmp_path: Path):
    with (tmp_path / "lock").open("w") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        assert packages.holder(str(tmp_path / "lock")) == 0  # our own is no reason to wait
