"""How the agent becomes root: by sudo, or by logging in as root. Everything else that an inventory asks for is refused
before any connection: root by another way than was asked for is a way around whoever forbade it. Pure."""

from __future__ import annotations

import re
import shlex
from typing import NamedTuple

from provisioner.inventory.connection import Given

PROMPT = "sudo-asks:"  # on stderr, each time sudo wants the password; a word of its own to be counted
SUDO = ("sudo", "ansible.builtin.sudo", "ansible.legacy.sudo")

# Flags of sudo. OURS are set here in any case: home directory, password from standard input, never a question on a
# terminal. Those that are PASSED change nothing of who runs what; the last two take a value.
OURS = {"-H", "--set-home", "-S", "--stdin", "-n", "--non-interactive"}
PASSED = {
    "-E",
    "--preserve-env",
    "-i",
    "--login",
    "-s",
    "--shell",
    "-k",
    "--reset-timestamp",
    "-P",
    "--preserve-groups",
}
PASSED_WITH_VALUE = {"-r", "--role", "-t", "--type"}
USER = {"-u", "--user"}


class Become(NamedTuple):
    """wanted: None where the inventory does not say, which means for every user but root. password: of sudo."""

    wanted: bool | None = None
    executable: str = "sudo"
    flags: tuple[str, ...] = ()
    password: str | None = None

    def needed(self, user: str | None) -> bool:
        """Whether `user` has to become root, as far as the inventory goes."""
        return user != "root" and self.wanted is not False

    def prefix(self) -> str:
        """The words before the command; never the password. -S reads it from standard input, where the agent's
        bootstrap skips it when sudo did not want it."""
        ask = ["-n"] if self.password is None else ["-S", "-p", PROMPT]
        # In English, whatever the user's language is there: what sudo complains about is recognised by its words.
        return shlex.join(["env", "LC_ALL=C", self.executable, "-H", *ask, *self.flags, "--"])

    def __repr__(self) -> str:
        return f"Become(wanted={self.wanted}, executable={self.executable!r}, flags={self.flags!r})"


def become(given: Given, password: str | None) -> Become:
    """From Ansible's `ansible_become*` variables. password: from the command line; it wins over the inventory's.

    Raises ConfigError for another method than sudo, another user than root, and flags that would change either.
    """
    wanted = given["become"]
    if wanted is False or (wanted is None and given["user"] == "root"):
        return Become(wanted)
    _root(given)
    if given["user"] == "root":
        return Become(wanted)
    _sudo(given)
    said = given["become_password"]
    return Become(
        wanted,
        executable=_executable(given),
        flags=_flags(given),
        password=password if password is not None else said,
    )


def _root(given: Given) -> None:
    user = given["become_user"]
    if user not in (None, "root"):
        raise given.refusal(
            given.names("become_user")[0],
            f"is {user}, but only root can install a service",
            "remove it for these hosts, or set it to root",
        )


def _sudo(given: Given) -> None:
    method = given["become_method"]
    if method is not None and method not in SUDO:
        raise given.refusal(
            "ansible_become_method",
            f"is {method}, but the toolkit becomes root by sudo only",
            "set it to sudo, or log in as root (ansible_user: root)",
        )


def _executable(given: Given) -> str:
    executable = str(given["become_exe"] or "sudo")
    if not re.fullmatch(r"[\w./+][\w./+-]*", executable):
        name = given.names("become_exe")[0]
        raise given.refusal(
            name, f"is {executable!r}, which is not the path of a program", "name sudo's path there; flags belong into "
            "ansible_become_flags",
        )  # fmt: skip
    return executable


def _flags(given: Given) -> tuple[str, ...]:
    """The flags to pass on. Raises ConfigError for one that is not known to be harmless."""
    text = str(given["become_flags"] or "")
    name = next(iter(given.names("become_flags")), "")
    try:
        words = shlex.split(text)
    except ValueError:
        raise given.refusal(name, f"is {text!r}, where a quotation mark is missing", "correct it") from None
    passed: list[str] = []
    while words:
        word = words.pop(0)
        if re.fullmatch(r"-[A-Za-z]{2,}", word):  # -HE is -H -E
            words[:0] = [f"-{letter}" for letter in word[1:]]
            continue
        option, _, value = word.partition("=")
        if option in PASSED_WITH_VALUE | USER:
            if not value and words:
                value = words.pop(0)
            if option in PASSED_WITH_VALUE and value:
                passed += [option, value]
                continue
            if value == "root":
                continue
        elif option in OURS:
            continue
        elif option in PASSED:
            passed.append(word)
            continue
        raise given.refusal(
            name, f"has {word}, which is not supported", f"remove it; sudo's flags may be {' '.join(_allowed())}"
        )
    return tuple(passed)


def _allowed() -> list[str]:
    return sorted(flag for flag in OURS | PASSED | PASSED_WITH_VALUE if not flag.startswith("--"))
