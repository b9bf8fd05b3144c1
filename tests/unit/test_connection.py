"""Ansible's connection variables as settings, and what sudo and the shell say when the agent does not start."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioner.connect import route
from provisioner.connect import settings as connection
from provisioner.connect.starting import start_failure

HOME = Path("~").expanduser()


def made(**variables):
    return connection.settings("h", variables)


def becomes(settings) -> bool:
    """Whether the agent is started by sudo."""
    return "sudo" in settings.command("1")


def test_plain_host():
    settings = made()
    assert (settings.address, settings.port, settings.user, becomes(settings)) == ("h", None, None, True)


@pytest.mark.parametrize(
    ("variables", "attribute", "expected"),
    [
        ({"ansible_host": "10.0.0.1"}, "address", "10.0.0.1"),
        ({"ansible_port": "2221"}, "port", 2221),
        ({"ansible_ssh_user": "old"}, "user", "old"),
        ({"ansible_ssh_private_key_file": "~/k"}, "key_files", (HOME / "k",)),
        ({"ansible_host_key_checking": False}, "lenient", True),
        ({"ansible_python_interpreter": "auto_silent"}, "interpreter", "python3"),
    ],
)
def test_variables(variables, attribute, expected):
    assert getattr(made(**variables), attribute) == expected


@pytest.mark.parametrize(
    ("variables", "attribute", "expected"),
    [
        ({"ansible_ssh_common_args": "-o UserKnownHostsFile=/a/b"}, "known_hosts", (Path("/a/b"),)),
        ({"ansible_ssh_common_args": "-oUserKnownHostsFile=/a/b"}, "known_hosts", (Path("/a/b"),)),
        ({"ansible_ssh_common_args": "-o 'UserKnownHostsFile=/a ~/b'"}, "known_hosts", (Path("/a"), HOME / "b")),
        ({"ansible_ssh_common_args": "-o StrictHostKeyChecking=accept-new"}, "accept_new", True),
        ({"ansible_ssh_common_args": "-o StrictHostKeyChecking=no"}, "accept_new", True),
        ({"ansible_ssh_common_args": "-o StrictHostKeyChecking=yes"}, "accept_new", False),
        ({"ansible_host_key_checking": False}, "accept_new", True),
        ({}, "accept_new", False),
        ({"ansible_port": 2221}, "known_as", "[h]:2221"),
        ({}, "known_as", "h"),
        ({"ansible_timeout": 3}, "timeout", 3.0),
        ({}, "timeout", 10.0),
        ({"ansible_ssh_private_key_file": "~/k"}, "explicit", True),
        ({}, "explicit", False),
    ],
)
def test_what_becomes_of_them_without_a_configuration(variables, attribute, expected):
    settings = made(**variables)
    given = {name: tuple(values) for name, values in settings.arguments.options.items()}
    port = {"port": (str(settings.port),)} if settings.port else {}
    found = getattr(route.hop(settings, "h", {**given, **port}, HOME, target=True)[0], attribute)
    assert (found[: len(expected)] if attribute == "known_hosts" else found) == expected


def test_the_command_never_holds_the_password():
    settings = made(ansible_user="me", ansible_become_password="hunter2")
    assert "hunter2" not in settings.command("print(1)") and "sudo -H -S" in settings.command("print(1)")
    assert "hunter2" not in settings.ssh_command()


@pytest.mark.parametrize(
    ("code", "stderr", "summary"),
    [
        (1, "sudo: a password is required\n", "sudo asks for me's password"),
        (1, "Sorry, try again.\nsudo: 3 incorrect password attempts", "does not accept the password"),
        (1, "me is not in the sudoers file.", "me may not use sudo"),
        (127, "sh: 1: exec: python3: not found\n", "there is no python3"),
        (1, "sudo: python3: command not found", "there is no python3"),
        (127, "sh: 1: exec: sudo: not found", "there is no sudo"),
        (9, "Killed", "the agent ended with exit code 9"),
    ],
)
def test_why_the_agent_did_not_start(code, stderr, summary):
    error = start_failure("h", code, stderr, made(ansible_user="me"))
    assert summary in error.summary and error.advice and error.exit_code == 2
