"""How to reach a host: Ansible's connection variables as one typed value. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from provisioner.connect.become import Become, become
from provisioner.connect.ssh_options import Arguments, arguments
from provisioner.errors import ConfigError
from provisioner.inventory.connection import Given

SUDO_AS_USUAL = Become()
NO_ARGUMENTS = Arguments()


@dataclass(frozen=True)
class Settings:
    """What an inventory says about one host; `route.py` makes a way of it. accept_new: a host key that nobody knows is
    trusted, by the command line; lenient: the same, by the inventory. timeout: seconds, None where it does not say."""

    name: str
    address: str
    port: int | None = None
    user: str | None = None
    key_files: tuple[Path, ...] = ()
    password: str | None = field(default=None, repr=False)
    passphrase: str | None = field(default=None, repr=False)
    become: Become = SUDO_AS_USUAL
    interpreter: str = "python3"
    arguments: Arguments = NO_ARGUMENTS
    ssh_executable: str | None = None
    proxy_command: str | None = None
    accept_new: bool = False
    lenient: bool = False
    timeout: float | None = None

    def command(self, program: str) -> str:
        """The shell command that runs a Python program as root; never holds a password."""
        # -I -S: the standard library alone. The user's modules are not wanted, and the site's take time to find.
        # On one line: csh takes no line break within quotation marks, and `sudo -i` loses it.
        python = f"{self._interpreter()} -I -S -c {shlex.quote(f'exec({program!r})')}"
        return f"exec {self.become.prefix()} {python}" if self.become.needed(self.user) else f"exec {python}"

    def _interpreter(self) -> str:
        """As Ansible has it, which lets the shell split words and expand ~: "/usr/bin/env python3" is two words."""
        words = (shlex.quote(word) for word in self.interpreter.split())
        return " ".join("~/'" + word[3:] if word.startswith("'~/") else word for word in words)

    def ssh_command(self) -> str:
        """What a person would type to see the same thing."""
        parts = ["ssh"]
        parts += ["-F", self.arguments.config] if self.arguments.config else []
        parts += ["-p", str(self.port)] if self.port else []
        parts += ["-i", str(self.key_files[0])] if self.key_files else []
        parts += self.arguments.words
        return shlex.join([*parts, f"{self.user}@{self.address}" if self.user else self.address])


def settings(
    name: str,
    variables: Mapping[str, Any],
    origin: Mapping[str, str] | None = None,
    *,
    accept_new: bool = False,
    become_password: str | None = None,
) -> Settings:
    """From a host's `ansible_*` variables, listed in `provisioner/inventory/connection.py`. origin: where each was set.

    accept_new and become_password come from the command line and win over the inventory.
    Raises ConfigError for what cannot be honoured.
    """
    given = Given(name, variables, origin or {})
    _a_unix_shell(given)
    interpreter = str(given["interpreter"] or "python3")
    timeout, key_file = given["timeout"], given["key_file"]
    if timeout is not None and timeout <= 0:
        raise given.refusal(given.names("timeout")[0], f"is {timeout}", "give it the seconds to wait, or remove it")
    return Settings(
        name=name,
        address=_address(given),
        port=int(given["port"]) if given["port"] else None,
        user=_user(given),
        key_files=(Path(key_file).expanduser(),) if key_file else (),
        password=given["password"],
        passphrase=given["passphrase"],
        become=become(given, become_password),
        interpreter="python3" if interpreter.startswith("auto") else interpreter,
        arguments=arguments(given),
        ssh_executable=given["ssh_executable"],
        proxy_command=given["proxy_command"],
        accept_new=accept_new,
        # Trusting any key is not offered; trusting an unknown one once is what those who write this mostly need.
        lenient=given["host_key_checking"] is False,
        timeout=float(timeout) if timeout else None,
    )


def _a_unix_shell(given: Given) -> None:
    """Raises ConfigError for a host without one."""
    shells = ("sh", "csh", "fish")
    value = given["shell_type"]
    if value is not None and str(value).rpartition(".")[2] not in shells:
        raise given.refusal(
            "ansible_shell_type",
            f"is {value}; only a Unix shell ({', '.join(shells)}) is supported",
            "remove the host from the groups, or correct it",
        )


def _address(given: Given) -> str:
    """Raises ConfigError for what ssh would not take for a host alone: an option, or a user with a host."""
    address = str(given["host"] or given.host)
    if re.search(r"[\s@/]", address) or address.startswith("-"):
        what = f"{address!r} is not the name or the address of a host"
        raise ConfigError(
            what, host=given.host, advice="set ansible_host, and ansible_user and ansible_port apart from it"
        )
    return address


def _user(given: Given) -> str | None:
    user: str | None = given["user"]
    if user is not None and (re.search(r"[\s\"'\\@]", user) or user.startswith("-")):
        raise given.refusal(given.names("user")[0], f"is {user!r}, which is not the name of a user", "correct it")
    return user
