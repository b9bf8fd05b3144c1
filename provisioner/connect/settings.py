"""How to reach a host: Ansible's connection variables as one typed value. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from provisioner.errors import ConfigError

DEFAULT_KNOWN_HOSTS = "~/.ssh/known_hosts"
SUDO_PROMPT = "sudo-asks:"  # on stderr, each time sudo wants the password; a word of its own to be counted
SYSTEM_KNOWN_HOSTS = "/etc/ssh/ssh_known_hosts"


@dataclass(frozen=True)
class Settings:
    """Everything the transport needs for one host. timeout: seconds for connecting and for the SSH banner."""

    name: str
    address: str
    port: int | None = None
    user: str | None = None
    key_files: tuple[Path, ...] = ()
    password: str | None = field(default=None, repr=False)
    become: bool = True
    become_password: str | None = field(default=None, repr=False)
    interpreter: str = "python3"
    jump: str | None = None
    known_hosts: tuple[Path, ...] = ()
    accept_new: bool = False
    timeout: float = 10.0

    def command(self, program: str) -> str:
        """The shell command that runs a Python program as root; never holds a password."""
        # -I -S: the standard library alone. The user's modules are not wanted, and the site's take time to find.
        python = f"{shlex.quote(self.interpreter)} -I -S -c {shlex.quote(program)}"
        if not self.become:
            return f"exec {python}"
        # -S reads the password from standard input, where the agent's bootstrap skips it when sudo did not want it.
        sudo = "sudo -H -n --" if self.become_password is None else f"sudo -H -S -p {SUDO_PROMPT} --"
        # In English, whatever the user's language is there: what sudo complains about is told by its words.
        return f"exec env LC_ALL=C {sudo} {python}"

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
    name: str, variables: Mapping[str, Any], *, accept_new: bool = False, become_password: str | None = None
) -> Settings:
    """From a host's `ansible_*` variables (Ansible docs, "Connecting to hosts: behavioral inventory parameters").

    accept_new and become_password come from the command line and win over the inventory.
    Raises ConfigError for a connection type other than ssh and for SSH arguments that cannot be honoured.
    """

    def get(*names: str, default: Any = None) -> Any:
        return next((variables[key] for key in names if variables.get(key) not in (None, "")), default)

    kind = get("ansible_connection", default="ssh")
    if kind not in ("ssh", "smart", "paramiko", "paramiko_ssh"):
        raise ConfigError(f"ansible_connection is {kind}; only ssh is supported", host=name)
    options = _ssh_options(
        f"{get('ansible_ssh_common_args', default='')} {get('ansible_ssh_extra_args', default='')}", name
    )
    keys = [get("ansible_ssh_private_key_file", "ansible_private_key_file"), options.get("identityfile")]
    strict = str(options.get("stricthostkeychecking", "yes")).lower()
    if strict in ("no", "off") or get("ansible_host_key_checking") in (False, "false", "False"):
        # Trusting any key is not offered; trusting an unknown one once is what those who write this mostly need.
        strict = "accept-new"
    user = get("ansible_user", "ansible_ssh_user", default=options.get("user"))
    interpreter = str(get("ansible_python_interpreter", default="python3"))
    given = get("ansible_become_password", "ansible_become_pass", "ansible_sudo_pass")
    password = get("ansible_password", "ansible_ssh_password", "ansible_ssh_pass")
    files = options.get("userknownhostsfile", f"{DEFAULT_KNOWN_HOSTS} {SYSTEM_KNOWN_HOSTS}").split()
    port = get("ansible_port", "ansible_ssh_port", default=options.get("port"))
    return Settings(
        name=name,
        address=str(get("ansible_host", "ansible_ssh_host", default=name)),
        port=int(port) if port else None,
        user=str(user) if user else None,
        key_files=tuple(_path(str(key)) for key in keys if key),
        password=str(password) if password is not None else None,
        become=bool(get("ansible_become", default=user != "root")) and user != "root",
        become_password=become_password if become_password is not None else (str(given) if given is not None else None),
        interpreter="python3" if interpreter.startswith("auto") else interpreter,
        jump=options.get("proxyjump"),
        known_hosts=tuple(_path(file) for file in files),
        accept_new=accept_new or strict == "accept-new",
        timeout=float(get("ansible_timeout", "ansible_ssh_timeout", default=10)),
    )
