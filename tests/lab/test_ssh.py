"""How hosts are reached: keys, agent, ~/.ssh/config, jump hosts, sudo with and without a password, verified host keys.

`plan` does all of it and changes nothing, so these tests need a host that answers and nothing on it.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from lab.lab import Lab

from .hosts import ROOT, LabHost

JUMP = "kafka4"  # not one of the prod3 inventory, whose hosts other tests may have deployed


@pytest.fixture(scope="module")
def there(lab: Lab, host: Callable[[str], LabHost]) -> LabHost:
    """A host that answers; whether anything is deployed on it does not matter here."""
    lab.up(["single1"])
    return host("single1")


@pytest.fixture(scope="module")
def jump(lab: Lab, host: Callable[[str], LabHost]) -> LabHost:
    """Another host of the lab's network, to go through. It is removed at the end."""
    lab.recreate(JUMP)
    return host(JUMP)


@pytest.fixture(scope="module", autouse=True)
def _without_the_jump_host_afterwards(lab: Lab) -> Iterator[None]:
    yield
    lab.down([JUMP])


def plan(host: LabHost, *variables: str, flags: tuple[str, ...] = (), expect: int = 0, **options: object) -> str:
    """`invoke plan` with these variables; its output. A success has read every resource of the host."""
    extra = [word for variable in variables for word in ("--extra-vars", variable)]
    done = host.invoke("plan", *extra, *flags, **options)
    assert done.returncode == expect, f"exit code {done.returncode}, expected {expect}:\n{done.stdout}"
    assert "Traceback" not in done.stdout
    assert ("unreachable=0 failed=0" in done.stdout) == (expect == 0)
    return done.stdout


def known(file: Path) -> str:
    return f"ansible_ssh_common_args=-o UserKnownHostsFile={file}"


def in_home(host: LabHost, home: Path, config: str, name: str = "my-broker") -> tuple[LabHost, dict[str, str]]:
    """The same host under another name and without a single ansible_* variable: how to reach it is all in
    ~/.ssh/config of a home directory of its own. And the environment with that home."""
    content = yaml.safe_load(host.inventory.read_text().replace(host.name, name))
    for group in (content["all"], *content["all"]["children"].values()):
        for variables in (group.get("vars"), group.get("hosts", {}).get(name)):
            for key in [key for key in variables or {} if key.startswith("ansible_")]:
                del variables[key]
    (home / ".ssh").mkdir(mode=0o700, exist_ok=True)
    (home / ".ssh" / "config").write_text(config)
    inventory = home / "hosts.yml"
    inventory.write_text(yaml.safe_dump(content))
    return LabHost(host.lab, host.base, inventory), {"HOME": str(home), "SSH_AUTH_SOCK": ""}


@pytest.fixture
def agent(lab: Lab, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of an ssh-agent that holds the lab's key."""
    path = tmp_path / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", str(path)], stdout=subprocess.DEVNULL)
    try:
        wait_for(path.exists, "the agent's socket")
        env = {"SSH_AUTH_SOCK": str(path)}
        subprocess.run(["ssh-add", "-q", str(lab.state.key)], env={**os.environ, **env}, check=True)
        yield env
    finally:
        process.terminate()
        process.wait(10)


def wait_for(condition: Callable[[], object], what: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"no {what} after {seconds} s"
        time.sleep(0.05)


# -- logging in


def test_the_key_of_the_inventory_is_used(there):
    plan(there)


def test_an_agent_serves_where_the_inventory_names_no_key(there, agent):
    assert "no key and no password" in plan(there, "ansible_ssh_private_key_file=", expect=4, env={"SSH_AUTH_SOCK": ""})
    plan(there, "ansible_ssh_private_key_file=", env=agent)


def test_an_alias_of_the_ssh_config_is_enough(there, lab, tmp_path):
    config = f"""
Host my-broker
    HostName 127.0.0.1
    Port {lab.ports("single1")["ssh"]}
    User ops
    IdentityFile {lab.state.key}
    UserKnownHostsFile {lab.state.known_hosts}
"""
    alias, env = in_home(there, tmp_path, config)
    output = plan(alias, env=env)
    assert "my-broker : ok=" in output


def test_a_jump_host_on_the_command_line_of_ssh(there, jump, lab, agent):
    hop = f"-J ops@127.0.0.1:{lab.ports(JUMP)['ssh']}"
    options = f"ansible_ssh_common_args={hop} -o UserKnownHostsFile={lab.state.known_hosts}"
    # Only inside the lab's network does this name and port lead anywhere.
    inside = (f"ansible_host={there.name}", "ansible_port=22", options)
    plan(there, *inside, env=agent)
    refused = plan(there, *(word.replace("ops@", "nobody@") for word in inside), env=agent, expect=4)
    assert f"nobody@127.0.0.1:{lab.ports(JUMP)['ssh']} refuses every key" in refused


def test_a_jump_host_of_the_ssh_config_is_verified_like_any_other(there, jump, lab, tmp_path):
    config = f"""
Host gate
    HostName 127.0.0.1
    Port {lab.ports(JUMP)["ssh"]}
Host my-broker
    HostName {there.name}
    ProxyJump gate
Host *
    User ops
    IdentityFile {lab.state.key}
"""
    alias, env = in_home(there, tmp_path, config)
    known_hosts = tmp_path / ".ssh" / "known_hosts"
    right = lab.state.known_hosts.read_text()
    gate = f"[127.0.0.1]:{lab.ports(JUMP)['ssh']}"
    only_target = "".join(line for line in right.splitlines(True) if line.split()[0] != gate)
    known_hosts.write_text(only_target)
    assert f"the host key of the jump host {gate.replace('[', '').replace(']', '')} is not known" in plan(
        alias, env=env, expect=4
    )
    known_hosts.write_text(only_target + of_another(lab, gate))
    output = plan(alias, env=env, expect=4)
    assert "the host key of the jump host" in output and "CHANGED" in output and gate in output
    known_hosts.write_text(right)
    plan(alias, env=env)


def of_another(lab: Lab, name: str) -> str:
    """A known_hosts line that claims for `name` the key of the target host: a key that changed."""
    keys = [line.split(None, 1) for line in lab.state.known_hosts.read_text().splitlines()]
    return f"{name} {next(key for owner, key in keys if owner == lab.host('single1') and 'ed25519' in key)}\n"


def test_what_a_login_shell_prints_does_not_disturb(there):
    start = "/home/ops/.bashrc"
    there.sh(f"cp {start} {start}.kept; (echo 'echo Welcome; printf \"{{no newline}} \"'; cat {start}.kept) > {start}")
    try:
        plan(there)
    finally:
        there.sh(f"mv {start}.kept {start}")


# -- host keys


def test_new_keys_are_remembered_on_request_and_changed_ones_never_accepted(jump, lab, tmp_path):
    file = tmp_path / "known_hosts"
    output = plan(jump, known(file), expect=4)
    assert f"{jump.name}: the host key of 127.0.0.1:{lab.ports(JUMP)['ssh']} is not known" in output
    assert "--accept-new-host-keys" in output and not file.exists()

    # What is in the file already stays word for word; it may lack its last line break.
    file.write_text("# my hosts\n@cert-authority *.example ssh-ed25519 AAAAC3NzaC1lZDI1\nbroken ssh-ed25519 cut-o")
    plan(jump, known(file), flags=("--accept-new-host-keys",))
    assert file.read_text().startswith(
        "# my hosts\n@cert-authority *.example ssh-ed25519 AAAAC3NzaC1lZDI1\nbroken ssh-ed25519 cut-o\n"
    )
    assert f"\n[127.0.0.1]:{lab.ports(JUMP)['ssh']} " in file.read_text()
    plan(jump, known(file))

    remembered = file.read_text()
    lab.recreate(JUMP)  # the same name and port, other keys
    for flags in ((), ("--accept-new-host-keys",)):
        output = plan(jump, known(file), flags=flags, expect=4)
        assert f"{jump.name}: the host key has CHANGED" in output
        assert f"ssh-keygen -f {file} -R '[127.0.0.1]:{lab.ports(JUMP)['ssh']}'" in output
    assert file.read_text() == remembered
    plan(jump)  # the lab's own known_hosts has been told


# -- sudo


def test_no_sudo_is_one_message(there):
    output = plan(there, "ansible_user=nosudo", expect=2)
    assert f"{there.name}: sudo asks for nosudo's password" in output and "administrator" in output
    output = plan(there, "ansible_become=false", expect=2)
    assert f"{there.name}: not connected as root, and ansible_become is off" in output


def test_sudo_as_the_inventory_says_and_no_other_way(there):
    plan(there, '{ansible_become_flags: "-H -S -n -i", ansible_become_exe: /usr/bin/sudo}')
    output = plan(there, "ansible_become_method=su", expect=1)
    assert "ansible_become_method is su" in output and "Preflight" not in output
    assert "there is no /opt/bin/sudo" in plan(there, "ansible_become_exe=/opt/bin/sudo", expect=2)


def test_the_first_cause_on_a_host_is_named(there):
    rules, start = "/etc/sudoers.d/zz-requiretty", "/home/ops/.bashrc"
    there.sh(f"echo 'Defaults:ops requiretty' > {rules}; cp {start} {start}.kept")
    try:
        assert "sudo refuses ops without a terminal (requiretty)" in plan(there, expect=2)
        there.sh(f"rm {rules}; (echo 'echo Not today; exit 7'; cat {start}.kept) > {start}")
        output = plan(there, expect=2)
        assert "the login shell of ops ended before it ran a command (exit code 7)" in output and "Not today" in output
    finally:
        there.sh(f"rm -f {rules}; mv {start}.kept {start}")


def test_sudo_with_a_password(there, lab):
    output = plan(there, "ansible_user=opspw", expect=2)
    assert "sudo asks for opspw's password" in output and "--ask-become-pass" in output
    wrong = "not-the-password"
    tries = "journalctl -q -t sudo -o cat | grep -o '[0-9]* incorrect password attempt' || true"
    before = there.sh(tries).splitlines()
    output = plan(there, "ansible_user=opspw", env={"PROVISIONER_BECOME_PASSWORD": wrong}, expect=2)
    assert "sudo does not accept the password given for opspw" in output and wrong not in output
    # Once: three wrong ones in a row lock an account on many hosts.
    wait_for(lambda: len(there.sh(tries).splitlines()) > len(before), "line of sudo about the wrong password")
    assert there.sh(tries).splitlines()[len(before) :] == ["1 incorrect password attempt"]
    plan(there, "ansible_user=opspw", env={"PROVISIONER_BECOME_PASSWORD": lab.state.password})
    # A password that sudo does not ask for does no harm.
    plan(there, "ansible_user=ops", env={"PROVISIONER_BECOME_PASSWORD": lab.state.password})


def test_the_password_of_the_inventory_is_in_no_argument_list(there, lab, tmp_path):
    content = yaml.safe_load(there.inventory.read_text())
    content["all"]["vars"] |= {
        "ansible_user": "opspw",
        "ansible_become_password": lab.state.password,
        # Holds the run where everything is on its way, and notes what runs on the host.
        "ansible_python_interpreter": "/usr/local/bin/held-python",
    }
    inventory = tmp_path / "hosts.yml"
    inventory.write_text(yaml.safe_dump(content))
    there.sh("rm -f /run/go /run/seen")
    there.sh(
        "cat > /usr/local/bin/held-python <<'END'\n#!/bin/sh\n"
        "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ > /run/seen.new 2>/dev/null; mv /run/seen.new /run/seen\n"
        'n=0; while [ ! -e /run/go ] && [ $n -lt 300 ]; do sleep 0.1; n=$((n+1)); done\nexec python3 "$@"\nEND\n'
        "chmod 755 /usr/local/bin/held-python"
    )
    run = subprocess.Popen(
        [sys.executable, "-m", "invoke", "plan", "--hosts", str(inventory)],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        wait_for(lambda: there.sh("ls /run/seen", expect=None) == "/run/seen", "sign of the agent's start")
        here = b""
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # a process that has ended meanwhile; never the run itself
                if path.name == str(run.pid) or f"\nPPid:\t{run.pid}\n" in (path / "status").read_text():
                    here += (path / "cmdline").read_bytes() + (path / "environ").read_bytes()
        seen = there.sh("tr '\\0' ' ' < /run/seen")
        there.sh("touch /run/go")
        output, _ = run.communicate(timeout=60)
    finally:
        run.kill()
        there.sh("rm -f /usr/local/bin/held-python /run/seen")
    assert run.returncode == 0 and "failed=0" in output, output
    assert b"invoke" in here and "sudo" in seen and "held-python" in seen  # it was looked at the right moment
    for place in (here.decode(errors="replace"), seen, output):
        assert lab.state.password not in place


def test_logging_in_as_root_where_that_is_off_is_unreachable(there):
    output = plan(there, "ansible_user=root", expect=4)
    assert f"{there.name}: root@127.0.0.1" in output and "refuses every key" in output and "check with: ssh" in output
