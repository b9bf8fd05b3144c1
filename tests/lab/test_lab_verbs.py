"""The lab on the command line: repeatable, independent of other labs, and blind to everybody else's containers.

Hosts are only booted here, never deployed to. A second lab beside this session's own stands for that of another clone.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from lab import engine
from lab.image import ensure
from lab.lab import Lab

from .hosts import ROOT, lab_name, run_invoke


@pytest.fixture(scope="module")
def second() -> Iterator[Lab]:
    """Another lab, removed at the end with all that it remembers."""
    other = Lab(f"{lab_name()[:24]}-two", root=ROOT)
    other.down()
    yield other
    other.down()


def verb(name: str, *arguments: str, lab: Lab, expect: int = 0) -> str:
    done = run_invoke(f"lab.{name}", *arguments, "--lab", lab.name)
    assert done.returncode == expect, f"exit code {done.returncode}, expected {expect}:\n{done.stdout}"
    assert "Traceback" not in done.stdout
    return done.stdout


def ids(lab: Lab) -> dict[str, tuple[str, str]]:
    """{host: (container id, when it was started)} of a lab."""
    shown = {
        name: engine.docker("inspect", "--format", "{{.Id}} {{.State.StartedAt}}", name) for name in lab.existing()
    }
    return {name: (done.stdout.split()[0], done.stdout.split()[1]) for name, done in shown.items()}


def test_a_host_comes_up_once_and_goes_for_good(second):
    output = verb("up", "--hosts", "single", lab=second)
    assert f"{second.host('single1')}: up, ssh 127.0.0.1:{second.ports('single1')['ssh']}" in output
    assert f"created {second.host('single1')}" in output
    before = ids(second)
    assert "nothing to do" in verb("up", "--hosts", "single", lab=second)
    assert ids(second) == before

    row = next(line for line in verb("status", lab=second).splitlines() if second.host("single1") in line)
    assert row.split()[:4] == [second.name, second.host("single1"), "running", "bookworm"]
    assert f"ssh 127.0.0.1:{second.ports('single1')['ssh']}" in row

    engine.docker("stop", "--time", "30", second.host("single1"))
    assert f"started {second.host('single1')}" in verb("up", "--hosts", "single", lab=second)
    assert list(ids(second)) == list(before) and ids(second) != before

    assert f"removed {second.host('single1')}" in verb("down", lab=second)
    assert ids(second) == {} and not second.state.directory.exists()
    assert "nothing to remove" in verb("down", lab=second)
    assert "no host exists in the lab" in verb("status", lab=second)


def test_two_labs_live_side_by_side_and_a_strangers_container_survives(lab, second):
    stranger = f"{second.name}-single2"  # as if it were one of its hosts
    lab.up(["single1"])
    verb("up", "--hosts", "single", "--image", "trixie", lab=second)
    image = engine.docker("inspect", "--format", "{{.Config.Image}}", second.host("single1")).stdout.strip()
    engine.docker("run", "--detach", "--name", stranger, "--entrypoint", "sleep", image, "600")
    try:
        assert "trixie" in second.exec("single1", ["cat", "/etc/os-release"]).stdout
        mine = ids(lab)
        numbers = [{n for uses in one.all_ports().values() for n in uses.values()} for one in (lab, second)]
        assert not numbers[0] & numbers[1]
        everything = run_invoke("lab.status").stdout
        assert lab.host("single1") in everything and second.host("single1") in everything and stranger not in everything
        wrong = verb("up", "--hosts", "single", "--image", "bookworm", lab=second, expect=1)
        assert "exists as a trixie host, bookworm was asked for" in wrong and "lab.down" in wrong

        verb("down", lab=second)
        assert ids(second) == {} and ids(lab) == mine
        assert engine.docker("inspect", "--format", "{{.State.Running}}", stranger).stdout.strip() == "true"
    finally:
        engine.docker("rm", "--force", stranger)


def test_a_container_of_somebody_else_in_the_way_is_named_and_left_alone(second):
    name = second.host("single1")
    engine.docker("create", "--name", name, ensure("bookworm", print), "sleep", "1")
    try:
        output = verb("up", "--hosts", "single", lab=second, expect=1)
        assert f"a container named {name} exists, and it is not one of the lab" in output and "--lab NAME" in output
        verb("down", lab=second)
        assert engine.docker("inspect", "--format", "{{.Name}}", name).stdout.strip() == f"/{name}"
    finally:
        engine.docker("rm", "--force", name)


def test_a_port_in_use_is_named_before_anything_is_made(second):
    port = second.ports("single1")["zookeeper"]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        output = verb("up", "--hosts", "single", lab=second, expect=1)
    assert f"{second.host('single1')}: port 127.0.0.1:{port}, needed for its zookeeper, is in use" in output
    assert "--lab NAME" in output and ids(second) == {}


@pytest.mark.parametrize("name", ["up", "down", "shell"])
def test_unknown_hosts_list_the_ones_there_are(second, name):
    output = verb(name, "--hosts", "sinlge", lab=second, expect=1)
    assert "sinlge" in output and "prod3, single" in output


def test_an_unknown_image_and_an_impossible_name_are_refused(second):
    output = verb("up", "--hosts", "single", "--image", "buster", lab=second, expect=1)
    assert "buster" in output and "bookworm, trixie" in output and ids(second) == {}
    done = run_invoke("lab.up", "--hosts", "single", "--lab", "My Lab")
    assert done.returncode == 1 and "'My Lab' cannot be the name of a lab" in done.stdout
