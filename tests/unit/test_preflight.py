"""Preflight: what is needed against what was found; every problem at once, each with what to do."""

from __future__ import annotations

import contextlib
import os
import socket
from types import SimpleNamespace
from typing import Any

import pytest

from provisioner.agent import facts as host_facts
from provisioner.agent import sockets
from provisioner.agent.packages import find as find_package
from provisioner.agent.units import parse as parse_unit
from provisioner.errors import ConfigError, HostFailed, Locked
from provisioner.run import preflight, preparation
from provisioner.run.preflight import JavaNeed, Needs

GIB = 2**30
FACTS = {
    "os": {"id": "debian", "version_id": "12", "pretty": "Debian GNU/Linux 12"},
    "memory": 4 * GIB,
    "init": "systemd",
    "nofile_hard": 100000,
}
FINE: dict[str, Any] = {"disks": {}, "noexec": [], "ports": {}, "unresolved": [], "loopback": {}, "files": {}}
FINE["java"] = None
DEBIAN = (("debian", ("12", "13")),)


@pytest.mark.parametrize(
    ("facts", "needs", "found"),
    [
        ({}, Needs(os=DEBIAN), None),
        (
            {"os": {"id": "alpine", "version_id": "3", "pretty": "Alpine 3"}},
            Needs(os=DEBIAN),
            "Alpine 3 is not supported",
        ),
        ({"init": "tini"}, Needs(), "PID 1 is tini, not systemd"),
        ({}, Needs(heaps={"kafka": 3 * GIB, "zookeeper": 512 * 2**20}), None),
        ({}, Needs(heaps={"kafka": 3 * GIB, "zookeeper": GIB}), "the heaps (kafka 3 GiB + zookeeper 1 GiB)"),
        ({"nofile_hard": 20000}, Needs(nofile=100000), "at most 20000 files"),
    ],
)
def test_basics(facts, needs, found):
    there = {**FACTS, **facts}
    problems = preflight.foreign(there, needs) + preflight.basics(there, needs)
    assert [found in what for what, _ in problems] == ([True] if found else [])


JAVA = JavaNeed(11, 23, "kafka 3.9.2", java_home="/opt/jdk")
IDENTITY = {"/d/meta.properties": {"format": "properties", "key": "broker.id", "expected": "1", "what": "broker id"}}


@pytest.mark.parametrize(
    ("needs", "answer", "found"),
    [
        (Needs(disks={"/d": GIB}), {"disks": {"/d": {"free": GIB}}}, None),
        (Needs(disks={"/d": GIB}), {"disks": {"/d": {"free": GIB // 2}}}, "/d has 512 MiB free, 1 GiB are needed"),
        (Needs(ports={9092: "kafka.service"}), {"ports": {"9092": "nc (pid 7)"}}, "in use by nc (pid 7)"),
        (Needs(ports={9092: "kafka.service"}), {"ports": {}}, None),
        (
            Needs(runs={"/opt": "commands", "/usr": "x"}),
            {"noexec": ["/opt"]},
            "/opt is mounted noexec, and commands can",
        ),
        (Needs(runs={"/opt": "commands"}), {"noexec": []}, None),
        (Needs(names=("kafka2",)), {"unresolved": ["kafka2"]}, "cannot resolve the name kafka2"),
        (
            Needs(away={"kafka2": "the broker of kafka2 is reached by it"}),
            {"loopback": {"kafka2": "127.0.1.1"}},
            "the name kafka2 is 127.0.1.1 here, and the broker of kafka2 is reached by it",
        ),
        (Needs(identity=IDENTITY), {"files": {"/d/meta.properties": None}}, None),
        (Needs(identity=IDENTITY), {"files": {"/d/meta.properties": "#x\nbroker.id=1\n"}}, None),
        (Needs(identity=IDENTITY), {"files": {"/d/meta.properties": "broker.id=2\n"}}, "broker id 2"),
        (Needs(identity={"/d/myid": {"expected": "1", "what": "myid"}}), {"files": {"/d/myid": "3\n"}}, "myid 3"),
        (Needs(java=JAVA), {"java": "17.0.15"}, None),
        (Needs(java=JAVA), {"java": "1.8.0_412"}, "not on Java 8"),
        (Needs(java=JAVA), {"java": "24"}, "not on Java 24"),
        (Needs(java=JAVA), {"java": None}, "there is no Java at /opt/jdk"),
        (Needs(java=JAVA), {"java": "unknown"}, "does not say its version"),
        (Needs(java=JavaNeed(17, None, "kafka 4", package_major=11)), {}, "Java 17 or newer, not on Java 11"),
    ],
)
def test_details(needs, answer, found):
    problems = preflight.details(needs, {**FINE, **answer})
    assert [found in what for what, _ in problems] == ([True] if found else [])
    assert all(advice for _, advice in problems)


@pytest.mark.parametrize(
    ("machines", "said"),
    [
        ({"a": "boot 1 2", "b": "boot 3 4"}, ["a: held"]),
        ({"a": "boot 1 2", "b": "boot 3 4", "c": "boot 1 2"}, ["a and c are one machine"]),
        ({"b": "boot 1 2", "c": "boot 1 2"}, ["a: held", "b and c are one machine"]),
    ],
)
def test_one_machine_under_two_names_is_said_instead_of_its_lock(machines, said):
    errors = {"a": Locked("held", host="a")}
    assert [error.lines()[0] for _, error in preflight.doubled(machines, errors)] == said


def test_what_is_no_hosts_own_fault_is_said_once_and_counts_for_all_that_met_it():
    def lock() -> ConfigError:
        return ConfigError("3.9.2.yml is not a usable lock", advice="lock it")

    own = HostFailed("no disk", host="b")
    met = [("a", lock()), ("b", own), ("b", lock()), ("c", ConfigError("another"))]
    found = preflight.once(met)
    assert [error.lines() for error in found] == [
        ["b: no disk"],
        ["3.9.2.yml is not a usable lock", "    hosts: a, b", "  -> lock it"],
        ["c: another"],
    ]
    assert [error.hosts for error in found] == [["b"], ["a", "b"], ["c"]]


def test_needs_of_roles_add_up():
    merged = preflight.merge(
        [
            Needs(heaps={"a": 1}, nofile=10, disks={"/d": 1}, ports={1: "a"}, names=("x", "y")),
            Needs(heaps={"b": 2}, nofile=5, disks={"/d": 3}, ports={2: "b"}, names=("y",), java=JAVA),
        ]
    )
    assert merged == Needs(
        heaps={"a": 1, "b": 2}, nofile=10, disks={"/d": 3}, ports={1: "a", 2: "b"}, names=("x", "y"), java=JAVA
    )


@pytest.mark.parametrize(
    ("version", "major"), [("17.0.15", 17), ("1.8.0_412", 8), ("21", 21), ("24-ea", 24), ("11.0.2+9", 11), ("x", None)]
)
def test_java_major(version, major):
    assert preflight.java_major(version) == major


def test_clocks_are_compared_with_each_other():
    assert preflight.clock_problems({"a": 0.0, "b": 12.0}) == []
    assert preflight.clock_problems({"a": -20.0, "b": 25.0}) == ["the clocks of a and b are 45 s apart"]
    assert preflight.clock_problems({}) == []


LIMITS = "Limit            Soft Limit  Hard Limit  Units\nMax open files   1024        {}          files\n"


@pytest.mark.parametrize(
    ("hard", "capabilities", "expected"),
    [("20000", "00000000a80425fb", 20000), ("1024", "000001ffffffffff", 1048576), ("unlimited", "0", None)],
)
def test_attainable_nofile_is_the_kernels_bound_only_where_limits_may_be_raised(hard, capabilities, expected):
    found = host_facts.attainable_nofile(LIMITS.format(hard), f"Name:\tx\nCapEff:\t{capabilities}\n", "1048576")
    assert found == expected if expected else found > 2**40


def test_listening_sockets_are_read_from_proc():
    table = (
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
        "   0: 00000000:2384 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 x\n"
        "   1: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 x\n"
    )
    assert sockets.parse([table]) == {9092: (0, "4711")}


def bound(family: socket.AddressFamily, address: str) -> socket.socket:
    """A socket at a port at which nobody listens, at any address: the kernel only cares about this one."""
    while True:
        one = socket.socket(family, socket.SOCK_STREAM)
        one.bind((address, 0))
        if one.getsockname()[1] not in sockets.listening():
            return one
        one.close()


@pytest.mark.parametrize(("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
@pytest.mark.parametrize("refused", [False, True])
def test_who_listens_is_known_by_the_kernel_and_by_its_text_files_where_it_does_not_say(
    family, address, refused, monkeypatch
):
    if refused:
        monkeypatch.setattr(sockets, "_ask", lambda family: (_ for _ in ()).throw(OSError("refused")))
    with contextlib.ExitStack() as open_:
        one, other = (open_.enter_context(bound(family, address)) for _ in range(2))
        one.listen()
        port = one.getsockname()[1]
        found = sockets.listening()
        assert found[port] == (os.getuid(), str(os.fstat(one.fileno()).st_ino))
        assert other.getsockname()[1] not in found
        mine = host_facts.taken({port: 0})
        assert f"(pid {os.getpid()})" in mine[str(port)] and host_facts.taken({port: os.getpid()}) == {}


def test_only_fully_installed_packages_count():
    status = (
        "Package: a\nStatus: install ok installed\nVersion: 1-2\n\n"
        "Package: b\nStatus: deinstall ok config-files\nVersion: 3\n\n"
        "Package: c\nStatus: install ok unpacked\nVersion: 4\n"
    )
    assert find_package(status, "a") == {"installed": True, "version": "1-2"}
    assert [find_package(status, name) for name in ("b", "c", "d", "", "a\nStatus")] == [None] * 5


def test_a_package_counts_when_one_of_its_architectures_is_installed():
    removed = "Package: a\nStatus: deinstall ok config-files\nArchitecture: i386\n"
    there = "Package: a\nStatus: install ok installed\nDescription: one\n more: words\nVersion: 2\n"
    assert find_package(f"{removed}\n{there}", "a") == find_package(f"{there}\n{removed}", "a")
    assert find_package(f"{removed}\n{there}", "a") == {"installed": True, "version": "2"}


def test_unit_states():
    active = parse_unit("LoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled\nMainPID=42\n")
    assert active["active"] and active["enabled"] and active["pid"] == 42
    restarting = parse_unit("LoadState=loaded\nActiveState=activating\nSubState=auto-restart\nUnitFileState=enabled\n")
    assert not restarting["active"]
    assert parse_unit("LoadState=not-found\nActiveState=inactive\n") is None


def test_where_programs_cannot_run_is_what_the_kernel_says_of_the_nearest_directory(tmp_path, monkeypatch):
    asked = []

    def statvfs(path):
        asked.append(path)
        return SimpleNamespace(f_flag=os.ST_NOSUID | (os.ST_NOEXEC if path == str(tmp_path) else 0))

    monkeypatch.setattr(os, "statvfs", statvfs)
    later = str(tmp_path / "later/still")
    assert host_facts.noexec([later, "/"]) == [later] and asked == [str(tmp_path), "/"]


@pytest.mark.parametrize(
    ("state", "runs"),
    [
        (None, False),
        ({"active": True, "pid": 7}, True),
        ({"active": False, "pid": 7}, True),  # being stopped: a broker answers until its process has ended
        ({"active": False, "pid": 0}, False),
    ],
)
def test_a_unit_runs_until_its_process_has_ended(state, runs):
    assert preparation._has_process(state) is runs
