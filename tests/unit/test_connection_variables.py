"""Ansible's variables about the way to a host: honoured, refused by name, or known to do no harm."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import ansible  # type: ignore[import-untyped]
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioner.connect import become
from provisioner.connect import settings as connection
from provisioner.connect.payload import STAGE0
from provisioner.errors import ConfigError
from provisioner.inventory.connection import HARMLESS, HONOURED, KNOWN, REFUSED
from provisioner.inventory.unknown import unknown_variables
from provisioner.inventory.yaml_source import Raw

PLUGINS = Path(ansible.__path__[0]) / "plugins"
DOCUMENTED = ("connection/ssh.py", "connection/_paramiko_ssh.py", "become/sudo.py", "become/su.py", "become/runas.py")
FRAGMENTS = ("doc_fragments/shell_common.py", "doc_fragments/connection_pipelining.py")


def made(**variables):
    return connection.settings("h", variables, {name: f"hosts.yml:{n}" for n, name in enumerate(variables, 1)})


def documented(path: str) -> set[str]:
    """The variables that a plugin of Ansible's documents."""
    text = (PLUGINS / path).read_text()
    found = re.search(r"DOCUMENTATION\s*=\s*r?(\"\"\"|''')(.*?)\1", text, re.S)
    assert found
    options = yaml.safe_load(found[2])["options"].values()
    return {
        each["name"] for option in options for each in option.get("vars", []) if each["name"].startswith("ansible_")
    }


@pytest.mark.parametrize("path", [*DOCUMENTED, *FRAGMENTS])
def test_every_variable_of_ansibles_plugins_is_known(path: str):
    assert documented(path) and documented(path) <= KNOWN


def test_a_variable_is_in_one_list_only():
    honoured = [name for _, names in HONOURED.values() for name in names]
    assert len(honoured) == len(set(honoured))
    assert not set(honoured) & set(REFUSED) and not set(honoured) & HARMLESS and not set(REFUSED) & HARMLESS


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"ansible_user": "ops"}, "env LC_ALL=C sudo -H -n --"),
        ({}, "env LC_ALL=C sudo -H -n --"),
        ({"ansible_become": True}, "env LC_ALL=C sudo -H -n --"),
        ({"ansible_become_method": "ansible.builtin.sudo"}, "env LC_ALL=C sudo -H -n --"),
        ({"ansible_become_user": "root"}, "env LC_ALL=C sudo -H -n --"),
        ({"ansible_become_exe": "/opt/bin/sudo"}, "env LC_ALL=C /opt/bin/sudo -H -n --"),
        ({"ansible_sudo_exe": "dzdo"}, "env LC_ALL=C dzdo -H -n --"),
        ({"ansible_become_flags": "-H -S -n -i"}, "env LC_ALL=C sudo -H -n -i --"),
        ({"ansible_become_flags": "-HSE"}, "env LC_ALL=C sudo -H -n -E --"),
        ({"ansible_become_flags": "-u root --preserve-env=PATH"}, "env LC_ALL=C sudo -H -n --preserve-env=PATH --"),
        ({"ansible_become_flags": "-r sysadm_r --type=t"}, "env LC_ALL=C sudo -H -n -r sysadm_r --type t --"),
        ({"ansible_become_password": "x"}, "env LC_ALL=C sudo -H -S -p sudo-asks: --"),
        ({"ansible_sudo_pass": "x"}, "env LC_ALL=C sudo -H -S -p sudo-asks: --"),
        ({"ansible_su_pass": "x"}, "env LC_ALL=C sudo -H -n --"),  # it is su's
        ({"ansible_user": "root"}, ""),
        ({"ansible_user": "root", "ansible_become": True, "ansible_become_method": "su"}, ""),  # nothing left to do
        ({"ansible_user": "root", "ansible_become_user": "kafka"}, ""),  # Ansible does not become anyone here
        ({"ansible_user": "ops", "ansible_become": False, "ansible_become_method": "su"}, ""),
    ],
)
def test_becoming_root_as_the_inventory_says(variables, words):
    assert made(**variables).command("1").startswith(f"exec {words} python3".replace("  ", " "))


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"ansible_become_method": "su"}, "ansible_become_method is su"),
        ({"ansible_become_method": "community.general.su"}, "ansible_become_method is community.general.su"),
        ({"ansible_become_method": "doas", "ansible_become_password": "geheim"}, "ansible_become_method is doas"),
        ({"ansible_become_user": "kafka"}, "ansible_become_user is kafka"),
        ({"ansible_sudo_user": "kafka"}, "ansible_sudo_user is kafka"),
        (
            {"ansible_user": "root", "ansible_become": True, "ansible_become_user": "kafka"},
            "ansible_become_user is kafka",
        ),
        ({"ansible_become_exe": "sudo -u kafka"}, "ansible_become_exe is 'sudo -u kafka'"),
        ({"ansible_become_exe": "-x"}, "ansible_become_exe is '-x'"),
        ({"ansible_become_flags": "-u kafka"}, "ansible_become_flags has -u"),
        ({"ansible_become_flags": "--user=kafka"}, "ansible_become_flags has --user=kafka"),
        ({"ansible_become_flags": "-g wheel"}, "ansible_become_flags has -g"),
        ({"ansible_become_flags": "-i bash"}, "ansible_become_flags has bash"),
        ({"ansible_become_flags": "-r"}, "ansible_become_flags has -r"),
        ({"ansible_become_flags": "-i '"}, "quotation mark is missing"),
        ({"ansible_shell_type": "powershell"}, "ansible_shell_type is powershell"),
        ({"ansible_timeout": 0}, "ansible_timeout is 0"),
        ({"ansible_private_key": "-----BEGIN geheim"}, "ansible_private_key is not supported"),
        ({"ansible_ssh_pkcs11_provider": "/usr/lib/p11.so"}, "ansible_ssh_pkcs11_provider is not supported"),
        ({"ansible_port": 22, "ansible_ssh_port": 2222}, "ansible_port and ansible_ssh_port mean the same and differ"),
        ({"ansible_host": "a", "ansible_ssh_host": "b"}, "ansible_host and ansible_ssh_host mean the same and differ"),
        (
            {"ansible_ssh_pass": "geheim", "ansible_password": "b"},
            "ansible_password and ansible_ssh_pass mean the same",
        ),
    ],
)
def test_what_cannot_be_honoured_is_refused_with_its_place(variables, named):
    with pytest.raises(ConfigError) as caught:
        made(**variables)
    assert named in caught.value.summary and caught.value.advice
    assert "hosts.yml:" in caught.value.details[0] and "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    ("variables", "attribute", "expected"),
    [
        ({"ansible_connection": "ansible.builtin.ssh"}, "address", "h"),
        ({"ansible_port": None, "ansible_ssh_port": 1}, "port", 1),
        ({"ansible_port": 1, "ansible_ssh_port": "1"}, "port", 1),
        ({"ansible_ssh_timeout": 5}, "timeout", 5.0),
        ({"ansible_shell_type": "csh"}, "interpreter", "python3"),
        ({"ansible_python_interpreter": "auto_legacy_silent"}, "interpreter", "python3"),
        ({"ansible_private_key_passphrase": "x"}, "passphrase", "x"),
        # Only Ansible's paramiko connection reads these.
        ({"ansible_paramiko_port": 5}, "port", None),
        ({"ansible_paramiko_port": 5, "ansible_connection": "paramiko"}, "port", 5),
    ],
)
def test_honoured(variables, attribute, expected):
    assert getattr(made(**variables), attribute) == expected


def test_nothing_shows_a_password():
    made_of = made(
        ansible_user="me",
        ansible_password="geheim",
        ansible_become_password="geheim",
        ansible_private_key_passphrase="geheim",
    )
    assert "geheim" not in repr(made_of) + str(made_of) + made_of.command("1") + made_of.ssh_command()


FLAG = st.sampled_from(sorted(become.OURS | become.PASSED | become.PASSED_WITH_VALUE | become.USER)) | st.text(
    "-abHSniuEg= '", max_size=4
)


@settings(max_examples=200, deadline=None)
@given(st.lists(FLAG | st.sampled_from(["root", "kafka", "role_r"]), max_size=5).map(" ".join))
def test_no_flags_lead_to_another_user_or_a_question(flags: str):
    try:
        words = shlex.split(made(ansible_become_flags=flags).command("1"))
    except ConfigError:
        return
    sudo = words[words.index("sudo") + 1 : words.index("--")]
    assert sudo[:2] == ["-H", "-n"] and not {"-u", "--user", "-g", "-b", "-S", "kafka"} & {
        word for word, before in zip(sudo, ["", *sudo], strict=False) if before not in become.PASSED_WITH_VALUE
    }


@pytest.mark.parametrize("shell", ["sh", "bash"])
@pytest.mark.parametrize(
    "program",
    ["print('a')\nprint(\"b $HOME \\\\ !x `id`\")", "x = 'it''s'\nif x != 'y':\n\tprint(x, '\\n', \"\\x00\" != 'z')\n"],
)
def test_a_program_arrives_as_it_is_on_one_line(shell: str, program: str):
    command = connection.settings("h", {"ansible_user": "root", "ansible_python_interpreter": sys.executable}).command(
        program
    )
    assert "\n" not in command
    done = subprocess.run([shell, "-c", command], capture_output=True, text=True, timeout=60, check=False)
    direct = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, direct.stdout), done.stderr


def test_the_bootstrap_survives_the_login_shell_of_sudo():
    """`sudo -i` escapes everything for the shell but $."""
    assert "$" not in STAGE0


@pytest.mark.parametrize(
    ("interpreter", "words"),
    [
        ("/usr/bin/env python3", ["/usr/bin/env", "python3", "-I"]),
        ("/opt/my python/bin", ["/opt/my", "python/bin", "-I"]),
        ("a;b", ["a;b", "-I"]),
    ],
)
def test_an_interpreter_of_several_words(interpreter, words):
    command = made(ansible_user="root", ansible_python_interpreter=interpreter).command("1")
    assert shlex.split(command)[1 : len(words) + 1] == words


def test_an_interpreter_in_the_users_home():
    command = made(ansible_user="root", ansible_python_interpreter="~/venv/bin/python").command("1")
    assert command.startswith("exec ~/'venv/bin/python' -I")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("ansible_prot", "ansible_port"),
        ("ansible_hosts", "ansible_host"),
        ("ansible_usr", "ansible_user"),
        ("ansible_become_methods", "ansible_become_method"),
        ("ansible_distribution", None),
        ("ansible_remote_tmp", None),
        ("ansible_user_id", None),
    ],
)
def test_a_slip_in_a_connection_variable_is_asked_about(written, meant):
    found = unknown_variables({"h": {written: Raw("x", "x", "hosts.yml:3")}}, {})
    assert [error.summary for error in found] == (
        [f"unknown variable {written}; did you mean {meant}?"] if meant else []
    )
