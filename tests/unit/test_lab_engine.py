"""What the container engine's answers mean, and what a lab does and refuses because of them."""

from __future__ import annotations

import subprocess

import pytest

from lab import engine, image, network
from lab.engine import Container
from lab.lab import Lab
from provisioner.errors import ProvisionerError, UsageError


def answer(stderr: str = "", code: int = 1) -> subprocess.CompletedProcess[str]:
    return subprocess.CompletedProcess([], code, "", stderr)


@pytest.mark.parametrize(
    ("stderr", "summary", "advice"),
    [
        (
            "Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?",
            "does not run",
            "bootstrap",
        ),
        ("permission denied while trying to connect to the Docker daemon socket", "may not talk", "usermod"),
    ],
)
def test_failures_of_the_engine_say_which_command_fixes_them(stderr, summary, advice):
    error = engine.failure(["docker", "ps"], answer(stderr))
    assert summary in error.summary and advice in (error.advice or "")


def test_other_failures_show_command_exit_code_and_last_lines():
    error = engine.failure(["docker", "build", "--tag", "x", "y"], answer("\n".join(map(str, range(20))), 17))
    assert "`docker build --tag x` failed with exit code 17" in error.summary
    assert error.details == [str(number) for number in range(12, 20)]


def test_missing_client_is_a_sentence(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ProvisionerError, match="docker is not installed"):
        engine.containers()


def test_containers_are_read_with_their_lab_and_those_of_others_without(monkeypatch):
    lines = "single1\trunning\tdefault\tbookworm\t127.0.0.1:2221->22/tcp\nweb\texited\t\t\t\n"
    monkeypatch.setattr(engine, "run", lambda argv, **_: subprocess.CompletedProcess(argv, 0, lines, ""))
    found = engine.containers()
    assert found["single1"] == Container("single1", "running", "default", "bookworm", "127.0.0.1:2221->22/tcp")
    assert found["web"].lab == ""


def test_published_ports_are_read():
    container = Container(
        "a", "running", "x", "bookworm", "127.0.0.1:30501->30501/tcp, 127.0.0.1:30500->22/tcp, 80/tcp"
    )
    assert container.published == {30501: "127.0.0.1:30501", 22: "127.0.0.1:30500"}
    assert Container("a", "exited", "x", "bookworm", "").published == {}


@pytest.mark.parametrize(("plugin", "command"), [(0, ["docker", "compose"]), (1, ["docker-compose"])])
def test_compose_is_the_plugin_where_it_is_there_else_the_older_command(plugin, command, monkeypatch):
    monkeypatch.setattr(engine, "run", lambda argv, **_: answer(code=plugin))
    monkeypatch.setattr(engine.shutil, "which", lambda name: f"/usr/bin/{name}")
    assert engine.compose_command() == command


def test_neither_compose_is_a_sentence(monkeypatch):
    monkeypatch.setattr(engine, "run", lambda argv, **_: answer(code=1))
    monkeypatch.setattr(engine.shutil, "which", lambda name: None)
    with pytest.raises(ProvisionerError, match="compose is not installed"):
        engine.compose_command()


@pytest.fixture
def lab(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(network, "is_free", lambda port: True)
    return Lab("dev")


def engine_with(monkeypatch, *containers: Container) -> list[list[str]]:
    """An engine that has these containers and notes what it is told to do."""
    commands: list[list[str]] = []

    def run(argv, **_):
        commands.append(list(argv))
        return answer(code=0)

    monkeypatch.setattr(engine, "containers", lambda: {container.name: container for container in containers})
    monkeypatch.setattr(engine, "run", run)
    return commands


def test_container_of_another_owner_with_the_hosts_name_is_refused(lab, monkeypatch):
    commands = engine_with(monkeypatch, Container("dev-single1", "running", "", "", ""))
    with pytest.raises(ProvisionerError, match="not one of the lab 'dev'"):
        lab.up(["single1"])
    assert commands == []


def test_another_release_than_the_host_has_is_refused(lab, monkeypatch):
    commands = engine_with(monkeypatch, Container("dev-single1", "running", "dev", "bookworm", ""))
    with pytest.raises(UsageError, match="exists as a bookworm host, trixie was asked for"):
        lab.up(["single1"], image="trixie")
    assert commands == []


def test_running_host_whose_state_was_lost_is_told_so(lab, monkeypatch):
    engine_with(monkeypatch, Container("dev-single1", "running", "dev", "bookworm", "127.0.0.1:1->22/tcp"))
    with pytest.raises(ProvisionerError, match="other ports than this lab remembers"):
        lab.up(["single1"])


def test_down_removes_the_named_hosts_of_this_lab_only(lab, monkeypatch):
    commands = engine_with(
        monkeypatch,
        Container("dev-single1", "running", "dev", "bookworm", ""),
        Container("dev-kafka1", "running", "dev", "bookworm", ""),
        Container("single1", "running", "default", "bookworm", ""),
        Container("dev-kafka2", "running", "", "", ""),
    )
    assert lab.down(["single1", "kafka2"]) == ["dev-single1"]
    assert commands == [["docker", "rm", "--force", "--volumes", "dev-single1"]]


def test_down_of_all_removes_network_and_state_too(lab, monkeypatch):
    commands = engine_with(
        monkeypatch,
        Container("dev-single1", "exited", "dev", "bookworm", ""),
        Container("single1", "running", "default", "bookworm", ""),
    )
    assert lab.state.key.exists()
    assert lab.down() == ["dev-single1"]
    assert commands == [
        ["docker", "rm", "--force", "--volumes", "dev-single1"],
        ["docker", "network", "rm", "kafka-lab-dev_default"],
    ]
    assert not lab.state.directory.exists()


def test_unknown_host_and_image_are_refused_with_the_valid_ones(lab, monkeypatch):
    engine_with(monkeypatch)
    with pytest.raises(UsageError, match="single1, kafka1"):
        lab.up(["nope"])
    with pytest.raises(UsageError, match="bookworm, trixie"):
        lab.up(["single1"], image="sid")


def test_image_digest_changes_with_release_path_and_content_and_not_with_order():
    files = [("a", b"1"), ("b", b"2")]
    same = image.digest("bookworm", files)
    assert same == image.digest("bookworm", reversed(files))
    others = {
        image.digest("trixie", files),
        image.digest("bookworm", [("a", b"1"), ("c", b"2")]),
        image.digest("bookworm", [("a", b"12"), ("b", b"")]),
        image.digest("bookworm", []),
    }
    assert len(others | {same}) == 5
