"""Logging in and starting the agent: the first cause of a failure is named, against a server in this process."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import paramiko
import pytest

from provisioner.connect import settings as connection
from provisioner.connect import ssh, starting
from provisioner.connect.payload import Payload
from provisioner.connect.route import Hop
from provisioner.connect.session import Session
from provisioner.errors import HostFailed, Unreachable
from tests.support.ssh_server import Answer, Server, serving

HOST_KEY = paramiko.ECDSAKey.generate()
KEY = paramiko.ECDSAKey.generate()
STRANGE = paramiko.ECDSAKey.generate()


def stored(path: Path, key: paramiko.PKey = KEY, mode: int = 0o600, passphrase: str | None = None) -> Path:
    key.write_private_key_file(str(path), passphrase)
    path.with_name(f"{path.name}.pub").write_text(f"{key.get_name()} {key.get_base64()} me\n")
    path.chmod(mode)
    return path


def hop(server: Server, tmp_path: Path, *keys: Path, **changes: Any) -> Hop:
    known = tmp_path / "known_hosts"
    known.write_text(f"* {HOST_KEY.get_name()} {HOST_KEY.get_base64()}\n")
    made = Hop("127.0.0.1", server.port, "me", keys=keys, explicit=True, agent="", known_as="h", known_hosts=(known,))
    return made._replace(timeout=20, **changes)


def message(step: Hop, **variables: Any) -> str:
    """Why a login fails; "" when it does not."""
    try:
        ssh.connect(connection.settings("broker", variables), [step]).close()
    except Unreachable as error:
        assert error.host == "broker" and error.advice
        return str(error)
    return ""


def test_a_key_lets_in_and_an_encrypted_one_with_its_passphrase(tmp_path: Path):
    plain, locked = stored(tmp_path / "plain"), stored(tmp_path / "locked", passphrase="opens")
    with serving(HOST_KEY, keys=[KEY]) as server:
        assert message(hop(server, tmp_path, plain)) == ""
        assert message(hop(server, tmp_path, locked), ansible_private_key_passphrase="opens") == ""
        assert message(hop(server, tmp_path, plain, explicit=False)) == ""  # as one of the usual files


@pytest.mark.parametrize(
    ("prepare", "cause", "advice"),
    [
        (lambda path: stored(path, passphrase="x"), "is encrypted, and no ssh-agent holds it", "ssh-add"),
        (lambda path: stored(path, mode=0o644), "can be read by others (mode 0644)", "chmod 600"),
        (lambda path: path, "does not exist", "correct ansible_ssh_private_key_file"),
        (lambda path: path.mkdir(mode=0o700), "cannot be read: Is a directory", "look at"),
        (lambda path: path.write_text("nonsense") and path.chmod(0o600), "is no private key of a known kind", "name"),
    ],
)
def test_a_key_that_cannot_be_used_is_the_first_cause(tmp_path: Path, prepare, cause, advice):
    prepare(tmp_path / "key")
    strange = stored(tmp_path / "strange", STRANGE)
    with serving(HOST_KEY, keys=[KEY]) as server:
        for others in ((), (strange,)):
            said = message(hop(server, tmp_path, tmp_path / "key", *others)).splitlines()
            assert cause in said[0] and str(tmp_path / "key") in said[0] and advice in said[-1]
            assert any("refuses every other" in line or "refuses every key" in line for line in said) == bool(others)
        assert set(server.offered) <= {STRANGE.get_base64()}


def test_a_wrong_passphrase_is_named_and_not_shown(tmp_path: Path):
    locked = stored(tmp_path / "locked", passphrase="opens")
    with serving(HOST_KEY, keys=[KEY]) as server:
        said = message(hop(server, tmp_path, locked), ansible_private_key_passphrase="geheim")
    assert "that the given passphrase opens" in said and "geheim" not in said


def test_what_is_refused_and_what_there_is_none_of(tmp_path: Path):
    with serving(HOST_KEY, keys=[KEY], password="right") as server:
        step = hop(server, tmp_path)
        assert "there is no key and no password to log in with as me@127.0.0.1" in message(step)
        assert "refuses every key and password" in message(step, ansible_password="geheim")
        assert "geheim" not in message(step, ansible_password="geheim")
        assert message(step, ansible_password="right") == ""
        strange = stored(tmp_path / "strange", STRANGE)
        assert "refuses every key and password" in message(hop(server, tmp_path, strange))
        assert message(hop(server, tmp_path, strange), ansible_password="right") == ""


@pytest.fixture
def agent(tmp_path: Path):
    """The socket of an ssh-agent with KEY and STRANGE."""
    path = tmp_path / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", str(path)], stdout=subprocess.DEVNULL)
    try:
        for key in (stored(tmp_path / "one", STRANGE), stored(tmp_path / "two", KEY)):
            for _ in range(100):
                add = ["ssh-add", "-q", str(key)]
                if not subprocess.run(
                    add, env={**os.environ, "SSH_AUTH_SOCK": str(path)}, check=False, capture_output=True
                ).returncode:
                    break
        yield str(path)
    finally:
        process.terminate()
        process.wait(10)


def test_the_keys_of_an_agent(tmp_path: Path, agent: str, monkeypatch: pytest.MonkeyPatch):
    locked = stored(tmp_path / "locked", passphrase="x")
    other = stored(tmp_path / "other", paramiko.ECDSAKey.generate())
    with serving(HOST_KEY, keys=[KEY]) as server:
        assert message(hop(server, tmp_path, locked, agent=agent)) == ""  # the agent holds the encrypted key
        assert message(hop(server, tmp_path, locked, agent=agent, only_these=True)) == ""
        server.offered.clear()
        assert "refuses every key" in message(hop(server, tmp_path, other, agent=agent, only_these=True))
        assert len(server.offered) == 1  # IdentitiesOnly: none of the agent's others
        monkeypatch.setenv("SSH_AUTH_SOCK", agent)
        assert message(hop(server, tmp_path, agent=None)) == ""
        assert "no key and no password" in message(hop(server, tmp_path, agent=""))  # IdentityAgent none
        assert "no key and no password" in message(hop(server, tmp_path, agent=str(tmp_path / "missing")))
        assert "no key and no password" in message(hop(server, tmp_path, agent=None, public_keys=False))


# -- the way below


def test_a_proxy_command_runs_as_by_ssh_in_a_shell(tmp_path: Path):
    key = stored(tmp_path / "key")
    relay = (
        "python3 -c 'import socket,sys,threading,os\n"
        's=socket.create_connection(("127.0.0.1",PORT))\n'
        "def up():\n while d:=os.read(0,65536): s.sendall(d)\n os._exit(0)\n"
        "threading.Thread(target=up,daemon=True).start()\n"
        "while d:=s.recv(65536): os.write(1,d)' 2>&2 || exit 1"
    )
    with serving(HOST_KEY, keys=[KEY]) as server:
        step = hop(server, tmp_path, key, proxy_command=relay.replace("PORT", str(server.port)))
        assert message(step._replace(host="no.such.host.example")) == ""
        said = message(step._replace(proxy_command="sh -c 'echo no way out >&2; exit 3'"))
        assert "through its ProxyCommand: no way out" in said and "check with: ssh" in said
        assert "/no/such/program" in message(step._replace(proxy_command="/no/such/program"))


def test_the_wanted_address_family_and_source(tmp_path: Path):
    import socket

    key = stored(tmp_path / "key")
    with serving(HOST_KEY, keys=[KEY]) as server:
        assert message(hop(server, tmp_path, key, family=socket.AF_INET, bind="127.0.0.1")) == ""
        assert "cannot connect to 127.0.0.1" in message(hop(server, tmp_path, key, family=socket.AF_INET6))
        assert "cannot connect to 127.0.0.1" in message(hop(server, tmp_path, key, bind="192.0.2.1"))


def test_a_jump_host_that_lets_nobody_through_is_named(tmp_path: Path):
    key = stored(tmp_path / "key")
    with serving(HOST_KEY, keys=[KEY]) as server:
        step = hop(server, tmp_path, key)
        with pytest.raises(Unreachable, match=r"the jump host 127\.0\.0\.1:\d+ cannot connect to elsewhere:22"):
            ssh.connect(connection.settings("broker", {}), [step, step._replace(host="elsewhere", port=22)])


# -- starting the agent


def start(tmp_path: Path, answer: Answer, **variables: Any) -> HostFailed:
    """What a session says whose command gets this answer."""
    key = stored(tmp_path / "key")
    with serving(HOST_KEY, keys=[KEY], answer=answer) as server, pytest.raises(HostFailed) as caught:
        Session(
            connection.settings("broker", {"ansible_user": "me", **variables}),
            [hop(server, tmp_path, key)],
            Payload("0" * 64, 1, tmp_path / "agent.zip"),
        )
    return caught.value


@pytest.mark.parametrize(
    ("code", "stderr", "summary", "variables"),
    [
        (1, "sudo: sorry, you must have a tty to run sudo\n", "without a terminal (requiretty)", {}),
        (1, "sudo: a password is required\n", "sudo asks for me's password", {}),
        (1, "sudo: A password is required\n", "sudo asks for me's password", {}),
        (127, "env: 'sudo': No such file or directory\n", "there is no sudo", {}),
        (127, "env: \u2018sudo\u2019: No such file or directory\n", "there is no sudo", {}),
        (127, "env: can't execute 'sudo': No such file or directory\n", "there is no sudo", {}),
        (127, "env: sudo: No such file or directory\n", "there is no sudo", {}),
        (127, "env: '/opt/bin/sudo': No such file\n", "there is no python3", {}),
        (
            127,
            "env: '/opt/bin/sudo': No such file or directory\n",
            "there is no /opt/bin/sudo",
            {"ansible_become_exe": "/opt/bin/sudo"},
        ),
        (1, "sudo: python3: command not found\n", "there is no python3", {}),
        (1, "sudo: unable to execute /x/python: No such file or directory\n", "there is no python3", {}),
        (127, "bash: line 1: exec: python3: not found\n", "there is no python3", {}),
        (1, "python3: Command not found.\n", "there is no python3", {}),
        (2, "Unknown option: -I\nusage: python [option] ...\n", "is too old", {"ansible_python_interpreter": "python"}),
        (1, "sudo: unable to resolve host x\nsudo: The 'no new privileges' flag is set\n", "sudo fails: The 'no", {}),
        (1, "Sorry, user me is not allowed to execute '/usr/bin/python3' as root.\n", "me may not run python3", {}),
        (1, "sudo: sorry, you are not allowed to preserve the environment\n", "keep the environment", {}),
        (0, "", "the login shell of me ended before it ran a command (exit code 0)", {}),
        (1, "", "the login shell of me ended before it ran a command (exit code 1)", {}),
        (9, "Killed\n", "the agent ended with exit code 9", {}),
    ],
)  # fmt: skip
def test_why_the_agent_does_not_start(code, stderr, summary, variables):
    settings = connection.settings("broker", {"ansible_user": "me", **variables})
    error = starting.start_failure("broker", code, stderr, settings, ["Welcome"])
    assert summary in error.summary and error.advice and error.exit_code == 2


def test_the_whole_way_to_such_a_message(tmp_path: Path):
    welcome = b"Welcome!\nThis account is currently not available.\n"
    error = start(tmp_path, (welcome, b"", 1))
    assert (
        "the login shell of me ended" in error.summary and "This account is currently not available." in error.details
    )
    error = start(tmp_path, (b"", b"sudo: sorry, you must have a tty to run sudo\n", 1))
    assert "requiretty" in error.summary
    error = start(
        tmp_path, (b'hi {"motd": 1} {"python": "x"}\n{"error": "Python is 3.6.8", "advice": "newer"}\n', b"", 3)
    )
    assert error.summary == "Python is 3.6.8"


@pytest.mark.parametrize(("user", "by_sudo"), [("root", False), ("ops", True)])
def test_who_logs_in_as_root_by_sshs_configuration_needs_no_sudo(tmp_path: Path, user: str, by_sudo: bool):
    with serving(HOST_KEY, keys=[KEY], answer=(b"", b"x", 1)) as server, pytest.raises(HostFailed):
        step = hop(server, tmp_path, stored(tmp_path / "key"))._replace(user=user)
        Session(connection.settings("broker", {}), [step], Payload("0" * 64, 1, tmp_path / "agent.zip"))
    assert ("sudo" in server.commands[0].split(" -c ")[0]) == by_sudo


def test_a_host_that_says_nothing_is_not_waited_for_endlessly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from provisioner.connect import session
    from tests.support import ssh_server

    monkeypatch.setattr(session, "START_SECONDS", 0.2)
    monkeypatch.setattr(ssh_server._Rules, "_run", lambda self, channel: channel.sendall(b"Welcome!\n"))
    error = start(tmp_path, (b"", b"", 0))
    assert "does not answer" in error.summary and error.details == ["Welcome!"] and ".bashrc" in str(error.advice)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (b'{"need": true}\n', {"need": True}),
        (b'Welcome {"need": false}\n', {"need": False}),
        (b'{"open {"python": "/usr/bin/python3"}\n', {"python": "/usr/bin/python3"}),
        (b'{"motd": "hello"}\n', None),
        (b'{"motd": "hello"} {"installed": true}\n', {"installed": True}),
        (b"{}\n", None),
        (b"Welcome\n", None),
        (b'\xff{"error": "x", "advice": "y"}\n', {"error": "x", "advice": "y"}),
    ],
)
def test_the_bootstraps_answer_in_what_a_shell_prints(line, found):
    assert starting.answer_in(line) == found
