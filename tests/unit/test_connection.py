"""Ansible's connection variables as settings, and what sudo and the shell say when the agent does not start."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioner.connect import settings as connection
from provisioner.connect.session import start_failure
from provisioner.errors import ConfigError

HOME = Path("~").expanduser()


def made(**variables):
    return connection.settings("h", variables)


def becomes(settings) -> bool:
    """Whether the agent is started by sudo."""
    return "sudo" in settings.command("1")


def test_plain_host():
    settings = made()
    assert (settings.address, settings.port, settings.user, becomes(settings)) == ("h", None, None, True)
    assert settings.known_hosts[0] == HOME / ".ssh/known_hosts"


@pytest.mark.parametrize(
    ("variables", "attribute", "expected"),
    [
        ({"ansible_host": "10.0.0.1"}, "address", "10.0.0.1"),
        ({"ansible_port": "2221"}, "port", 2221),
        ({"ansible_ssh_user": "old"}, "user", "old"),
        ({"ansible_ssh_private_key_file": "~/k"}, "key_files", (HOME / "k",)),
        ({"ansible_ssh_common_args": "-J bastion:2222"}, "jump", "bastion:2222"),
        ({"ansible_ssh_common_args": "-o ProxyJump=me@b"}, "jump", "me@b"),
        ({"ansible_ssh_common_args": "-o UserKnownHostsFile=/a/b"}, "known_hosts", (Path("/a/b"),)),
        ({"ansible_ssh_common_args": "-oUserKnownHostsFile=/a/b"}, "known_hosts", (Path("/a/b"),)),
        ({"ansible_ssh_common_args": "-o StrictHostKeyChecking=accept-new"}, "accept_new", True),
        ({"ansible_ssh_common_args": "-o StrictHostKeyChecking=no"}, "accept_new", True),
        ({"ansible_host_key_checking": False}, "accept_new", True),
        ({"ansible_python_interpreter": "auto_silent"}, "interpreter", "python3"),
    ],
)
def test_variables(variables, attribute, expected):
    assert getattr(made(**variables), attribute) == expected


@pytest.mark.parametrize(
    "variables",
    [
        {"ansible_connection": "local"},
        {"ansible_ssh_common_args": "-o ProxyCommand='ssh x'"},
        {"ansible_ssh_common_args": "-J"},
    ],
)
def test_what_cannot_be_honoured_is_refused(variables):
    with pytest.raises(ConfigError):
        made(**variables)


def test_the_command_never_holds_the_password():
    settings = made(ansible_user="me", ansible_become_password="hunter2")
    assert "hunter2" not in settings.command("print(1)") and "sudo -H -S" in settings.command("print(1)")
    assert "hunter2" not in settings.ssh_command()


def test_key_name_is_as_in_known_hosts():
    assert connection.known_hosts_name("h", 2221) == "[h]:2221"
    assert connection.known_hosts_name("h", 22) == "h"


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
