"""Ports on the loopback address."""

from __future__ import annotations

import socket
import subprocess
import threading

import pytest

from lab import engine, network
from provisioner.errors import ProvisionerError, Several


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.fixture
def no_engine(monkeypatch):
    monkeypatch.setattr(engine, "run", lambda argv, **_: subprocess.CompletedProcess(argv, 1, "", ""))


def port_of(server) -> int:
    return server.getsockname()[1]


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return port_of(server)


def test_a_port_with_a_listener_is_not_free(listener):
    assert not network.is_free(port_of(listener))
    assert network.is_free(closed_port())


def test_required_ports_in_use_are_all_named_with_host_and_use(listener, no_engine):
    with socket.create_server(("127.0.0.1", 0)) as second, pytest.raises(Several) as error:
        network.require_free(
            {"kafka1": {"ssh": port_of(listener), "kafka": closed_port()}, "kafka2": {"ssh": port_of(second)}}
        )
    text = str(error.value)
    assert len(error.value.errors) == 2
    assert f"kafka1: port 127.0.0.1:{port_of(listener)}, needed for its ssh, is in use" in text
    assert "kafka2: port" in text and "--lab NAME" in text


def test_the_container_that_has_the_port_is_named(listener, monkeypatch):
    monkeypatch.setattr(
        engine, "run", lambda argv, **_: subprocess.CompletedProcess(argv, 0, "container web (nginx)\n", "")
    )
    with pytest.raises(ProvisionerError, match="container web"):
        network.require_free({"single1": {"kafka": port_of(listener)}})


def test_choice_skips_blocks_that_another_lab_took_or_that_are_in_use():
    blocks = [{"single1": {"ssh": number}} for number in (1, 2, 3)]
    assert network.choose(blocks, set(), free=lambda port: True) == blocks[0]
    assert network.choose(blocks, {1}, free=lambda port: port != 2) == blocks[2]
    with pytest.raises(ProvisionerError, match="no block of free ports"):
        network.choose(blocks, {1, 3}, free=lambda port: port != 2)


def test_fixed_ports_are_not_probed_before_a_host_needs_them():
    only = {"single1": {"ssh": 2221}}
    assert network.choose([only], {2221}, free=lambda port: False) == only


def serve_greeting(server, text: bytes) -> None:
    def serve():
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with connection:
            connection.sendall(text)

    threading.Thread(target=serve, daemon=True).start()


def test_waiting_ends_when_an_ssh_server_greets(listener):
    serve_greeting(listener, b"SSH-2.0-test\r\n")
    network.wait_for_ssh("single1", port_of(listener), seconds=5)


def test_something_else_that_accepts_is_not_ssh(listener):
    serve_greeting(listener, b"HTTP")
    with pytest.raises(ProvisionerError, match="no SSH server greets") as error:
        network.wait_for_ssh("single1", port_of(listener), seconds=0.1)
    assert error.value.host == "single1"
