"""How to reach a host: Ansible's connection variables as one typed value. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from provisioner.connect.become import Become, become
from provisioner.errors import ConfigError
from provisioner.inventory.connection import Given

DEFAULT_KNOWN_HOSTS = "~/.ssh/known_hosts"
SYSTEM_KNOWN_HOSTS = "/etc/ssh/ssh_known_hosts"


SUDO_AS_USUAL = Become()


@dataclass(frozen=True)
class Settings:
    """Everything the transport needs for one host. timeout: seconds for connecting and for the SSH banner."""

    name: str
    address: str
    port: int | None = None
    user: str | None = None
    key_files: tuple[Path, ...] = ()
    password: str | None = field(default=None, repr=False)
    passphrase: str | None = field(default=None, repr=False)
    become: Become = SUDO_AS_USUAL
    interpreter: str = "python3"
    jump: str | None = None
    known_hosts: tuple[Path, ...] = ()
    accept_new: bool = False
    timeout: float = 10.0

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
        parts += ["-p", str(self.port)] if self.port else []
        parts += ["-i", str(self.key_files[0])] if self.key_files else []
        parts += ["-J", self.jump] if self.jump else []
        if str(self.known_hosts[0]) != str(Path(DEFAULT_KNOWN_HOSTS).expanduser()):
            parts += ["-o", f"UserKnownHostsFile={self.known_hosts[0]}"]
        return shlex.join([*parts, f"{self.user}@{self.address}" if self.user else self.address])


def known_hosts_name(address: str, port: int) -> str:
    """A host as known_hosts names it."""
    return address if port == 22 else f"[{address}]:{port}"


def _ssh_options(text: str, host: str) -> dict[str, str]:
    """The options of ansible_ssh_common_args that matter here, as {lower-case option: value}."""
    words, found = shlex.split(text), {}
    flags = {"-J": "proxyjump", "-i": "identityfile", "-p": "port", "-l": "user"}
    while words:
        word = words.pop(0)
        if word in flags or word == "-o":
            if not words:
                raise ConfigError(f"{word} at the end of the SSH arguments has no value", host=host)
            value = words.pop(0)
            key, value = (flags[word], value) if word in flags else value.replace("=", " ", 1).split(None, 1)
            found[key.lower()] = value
        elif word.startswith("-o"):
            key, _, value = word[2:].partition("=")
            found[key.lower()] = value
    if "proxycommand" in found:
        raise ConfigError(
            "ProxyCommand in the inventory's SSH arguments is not supported",
            host=host,
            advice="use -J (ProxyJump) there, or put the ProxyCommand into ~/.ssh/config",
        )
    return found


def _path(value: str) -> Path:
    return Path(value).expanduser()


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
    _ssh_and_a_shell(given)
    options = _ssh_options(f"{given['ssh_common_args'] or ''} {given['ssh_extra_args'] or ''}", name)
    keys = [given["key_file"], options.get("identityfile")]
    strict = str(options.get("stricthostkeychecking", "yes")).lower()
    if strict in ("no", "off") or given["host_key_checking"] is False:
        # Trusting any key is not offered; trusting an unknown one once is what those who write this mostly need.
        strict = "accept-new"
    files = options.get("userknownhostsfile", f"{DEFAULT_KNOWN_HOSTS} {SYSTEM_KNOWN_HOSTS}").split()
    port = given["port"] or options.get("port")
    interpreter = str(given["interpreter"] or "python3")
    timeout = given["timeout"]
    if timeout is not None and timeout <= 0:
        raise given.refusal(given.names("timeout")[0], f"is {timeout}", "give it the seconds to wait, or remove it")
    return Settings(
        name=name,
        address=given["host"] or name,
        port=int(port) if port else None,
        user=given["user"] or options.get("user"),
        key_files=tuple(_path(str(key)) for key in keys if key),
        password=given["password"],
        passphrase=given["passphrase"],
        become=become(given, become_password),
        interpreter="python3" if interpreter.startswith("auto") else interpreter,
        jump=options.get("proxyjump"),
        known_hosts=tuple(_path(file) for file in files),
        accept_new=accept_new or strict == "accept-new",
        timeout=float(timeout or 10),
    )


def _ssh_and_a_shell(given: Given) -> None:
    """Raises ConfigError for a host that is reached in another way than by SSH, or that has no Unix shell."""
    for meaning, known in (
        ("connection", ("ssh", "smart", "paramiko", "paramiko_ssh")),
        ("shell_type", ("sh", "csh", "fish")),
    ):
        value = given[meaning]
        if value is None or str(value).removeprefix("ansible.builtin.").removeprefix("ansible.legacy.") in known:
            continue
        what = "only ssh" if meaning == "connection" else f"only a Unix shell ({', '.join(known)})"
        raise given.refusal(
            f"ansible_{meaning}", f"is {value}; {what} is supported", "remove the host from the groups, or correct it"
        )
