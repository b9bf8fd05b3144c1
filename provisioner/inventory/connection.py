"""Ansible's variables about the way to a host: each is honoured, refused by name, or known to do no harm here.

The names are those of Ansible's plugins ssh, paramiko_ssh, sudo, su and sh; `tests/unit/test_connection_variables.py`
compares them with the documentation of the plugins themselves. A variable that was passed over would lead to another
machine, or to another user, than its author asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from provisioner.errors import ConfigError
from provisioner.inventory.value_types import BOOL, CONNECTION, NUMBER, SECRET, SSH_HOST, SSH_PORT, STR, Type

PARAMIKO = "ansible_paramiko_"  # only Ansible's own paramiko connection reads these

# What is honoured: meaning -> its type, and every name that it has.
HONOURED: Mapping[str, tuple[Type, tuple[str, ...]]] = {
    "connection": (CONNECTION, ("ansible_connection",)),
    "host": (SSH_HOST, ("ansible_host", "ansible_ssh_host", "ansible_paramiko_host")),
    "port": (SSH_PORT, ("ansible_port", "ansible_ssh_port", "ansible_paramiko_port")),
    "user": (STR, ("ansible_user", "ansible_ssh_user", "ansible_paramiko_user")),
    "password": (
        SECRET,
        (
            "ansible_password",
            "ansible_ssh_password",
            "ansible_ssh_pass",
            "ansible_paramiko_password",
            "ansible_paramiko_pass",
        ),
    ),
    "key_file": (
        STR,
        ("ansible_ssh_private_key_file", "ansible_private_key_file", "ansible_paramiko_private_key_file"),
    ),
    "passphrase": (SECRET, ("ansible_private_key_passphrase", "ansible_ssh_private_key_passphrase")),
    "timeout": (NUMBER, ("ansible_timeout", "ansible_ssh_timeout", "ansible_paramiko_timeout")),
    "host_key_checking": (
        BOOL,
        ("ansible_host_key_checking", "ansible_ssh_host_key_checking", "ansible_paramiko_host_key_checking"),
    ),
    "ssh_args": (STR, ("ansible_ssh_args",)),
    "ssh_common_args": (STR, ("ansible_ssh_common_args",)),
    "ssh_extra_args": (STR, ("ansible_ssh_extra_args",)),
    "ssh_executable": (STR, ("ansible_ssh_executable",)),
    "proxy_command": (STR, ("ansible_paramiko_proxy_command",)),
    "shell_type": (STR, ("ansible_shell_type",)),
    "interpreter": (STR, ("ansible_python_interpreter",)),
    "become": (BOOL, ("ansible_become",)),
    "become_method": (STR, ("ansible_become_method",)),
    "become_user": (STR, ("ansible_become_user", "ansible_sudo_user")),
    "become_exe": (STR, ("ansible_become_exe", "ansible_sudo_exe")),
    "become_flags": (STR, ("ansible_become_flags", "ansible_sudo_flags")),
    "become_password": (SECRET, ("ansible_become_password", "ansible_become_pass", "ansible_sudo_pass")),
}

# What is refused wherever it has a value: name -> what to use instead.
REFUSED: Mapping[str, str] = {
    "ansible_private_key": "put the key into a file, and its path into ansible_ssh_private_key_file",
    "ansible_ssh_private_key": "put the key into a file, and its path into ansible_ssh_private_key_file",
    "ansible_ssh_pkcs11_provider": "add the token's key to your ssh-agent: ssh-add -s LIBRARY",
}

# What does no harm, by what it is for.
HARMLESS: frozenset[str] = frozenset(
    {
        # how Ansible copies files and runs its modules: the agent does without
        "ansible_pipelining",
        "ansible_ssh_pipelining",
        "ansible_ssh_transfer_method",
        "ansible_scp_executable",
        "ansible_scp_extra_args",
        "ansible_sftp_executable",
        "ansible_sftp_extra_args",
        "ansible_sftp_batch_mode",
        "ansible_ssh_use_tty",
        "ansible_remote_tmp",
        "ansible_system_tmpdirs",
        "ansible_async_dir",
        "ansible_common_remote_group",
        "ansible_admin_users",
        "ansible_shell_allow_world_readable_temp",
        "ansible_shell_executable",  # the login shell only has to start Python
        "ansible_sudo_chdir",  # the agent uses absolute paths
        # how Ansible keeps and repeats its connections: here one lasts for the run
        "ansible_control_path",
        "ansible_control_path_dir",
        "ansible_ssh_retries",
        "ansible_ssh_verbosity",
        # how Ansible hands a password to ssh
        "ansible_ssh_password_mechanism",
        "ansible_sshpass_prompt",
        "ansible_paramiko_use_rsa_sha2_algorithms",
        # of other ways to become another user, which `become_method` refuses
        "ansible_su_user",
        "ansible_su_exe",
        "ansible_su_flags",
        "ansible_su_pass",
        "ansible_su_prompt_l10n",
        "ansible_runas_user",
        "ansible_runas_flags",
        "ansible_runas_pass",
        "ansible_become_ask_pass",  # Ansible reads it in no inventory either; sudo's question names --ask-become-pass
    }
)

# Ansible's password of another method is a secret, though nothing reads it.
TYPES: Mapping[str, Type] = {
    name: replace(kind, optional=True)
    for kind, names in (*HONOURED.values(), (SECRET, ("ansible_su_pass", "ansible_runas_pass", *REFUSED)))
    for name in names
}
KNOWN: frozenset[str] = frozenset(TYPES) | HARMLESS


class Given:
    """What an inventory says about the way to one host, by meaning: `given["port"]`; None when it says nothing."""

    def __init__(self, host: str, variables: Mapping[str, Any], origin: Mapping[str, str]) -> None:
        """variables, origin: of a `Host`. Raises ConfigError for a variable that is refused."""
        self.host = host
        self._variables, self._origin = variables, origin
        for name, advice in REFUSED.items():
            if self._has(name):
                raise self.refusal(name, "is not supported", advice)
        self.paramiko = str(variables.get("ansible_connection") or "").rpartition(".")[2].startswith("paramiko")

    def __getitem__(self, meaning: str) -> Any:
        """Raises ConfigError when two names of one meaning have different values: Ansible's choice depends on its
        version and on the plugin."""
        names = self.names(meaning)
        if not names:
            return None
        first = self._variables[names[0]]
        for name in names[1:]:
            if str(self._variables[name]) != str(first):
                raise ConfigError(
                    f"{names[0]} and {name} mean the same and differ",
                    host=self.host,
                    details=[f"in:    {self._origin[each]}" for each in (names[0], name) if self._origin.get(each)],
                    advice="keep one of them",
                )
        return first

    def names(self, meaning: str) -> list[str]:
        """The variables that have a value for it."""
        names = HONOURED[meaning][1]
        return [name for name in names if self._has(name) and (self.paramiko or not name.startswith(PARAMIKO))]

    def refusal(self, variable: str, what: str, advice: str) -> ConfigError:
        """The error about a variable. what: the predicate of the sentence."""
        place = self._origin.get(variable)
        details = [f"in:    {place}"] if place else []
        return ConfigError(f"{variable} {what}", host=self.host, details=details, advice=advice)

    def _has(self, name: str) -> bool:
        return self._variables.get(name) not in (None, "")
