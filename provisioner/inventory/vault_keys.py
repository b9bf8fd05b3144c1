"""The passwords of ansible-vault: where they come from, as Ansible has it, and which of them opens what.

A source is a file, a program that writes the password, or `prompt`; with a label before it, `dev@FILE`, it is tried
first for what was encrypted under that label. Nothing is read, run or asked before something encrypted is needed.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from provisioner import hidden
from provisioner.errors import ConfigError
from provisioner.inventory import vault

FILE, ID, ASK = "--vault-password-file", "--vault-id", "--ask-vault-pass"
FILE_VARIABLE, LIST_VARIABLE = "ANSIBLE_VAULT_PASSWORD_FILE", "ANSIBLE_VAULT_IDENTITY_LIST"
LABEL_VARIABLE, MATCH_VARIABLE = "ANSIBLE_VAULT_IDENTITY", "ANSIBLE_VAULT_ID_MATCH"
PROMPT = ("prompt", "prompt_ask_vault_pass")
_CLIENT = "-client"  # the end of a program's name that wants to be told the label
_SECONDS = 120  # a program may ask a person or a server


@dataclass(frozen=True)
class Source:
    """Where a password comes from. where: a path, or "prompt"; given: the flag or variable that named it."""

    label: str
    where: str
    given: str

    @property
    def shown(self) -> str:
        """For messages."""
        where = "the password that was typed" if self.where in PROMPT else self.where
        return where if self.label == vault.DEFAULT else f"{where} ({self.label})"


def sources(
    files: Sequence[str] = (), ids: Sequence[str] = (), ask: bool = False, environment: Mapping[str, str] | None = None
) -> list[Source]:
    """The sources in the order in which they are tried: the environment's list, --vault-id, --vault-password-file (or
    its variable), --ask-vault-pass. Raises ConfigError for a file of a flag that is not there."""
    env = os.environ if environment is None else environment
    label = env.get(LABEL_VARIABLE) or vault.DEFAULT
    found = [_of(one.strip(), label, LIST_VARIABLE) for one in env.get(LIST_VARIABLE, "").split(",") if one.strip()]
    found += [_of(one, label, ID) for one in ids]
    if files:
        found += [Source(label, one, FILE) for one in files]
    elif env.get(FILE_VARIABLE):
        found.append(Source(label, env[FILE_VARIABLE], FILE_VARIABLE))
    if ask:
        found.append(Source(label, PROMPT[0], ASK))
    for one in found:
        if one.given in (FILE, ID) and one.where not in PROMPT:
            _require(one)
    return found


def _of(text: str, label: str, given: str) -> Source:
    """`LABEL@WHERE`, or WHERE alone."""
    before, separator, where = text.partition("@")
    return Source(before or label, where, given) if separator else Source(label, text, given)


@dataclass
class Keys:
    """The passwords of one run. ask(prompt) -> what a person typed. only: whether nothing but a password of the same
    label is tried (Ansible's vault_id_match)."""

    given: Sequence[Source]
    ask: Callable[[str], str]
    only: bool = field(default_factory=lambda: os.environ.get(MATCH_VARIABLE, "").lower() in {"1", "true", "yes", "on"})
    _known: dict[Source, bytes] = field(default_factory=dict, repr=False)
    _opened: dict[str, str] = field(default_factory=dict, repr=False)

    def decrypt(self, text: str, what: str) -> str:
        """What an encrypted text says. what: for messages. Raises ConfigError."""
        if text not in self._opened:
            try:
                self._opened[text] = self._open(vault.parse(text), what)
            except vault.Damaged as error:
                raise ConfigError(
                    f"{what} cannot be decrypted: {error}", advice="copy it again, whole, with its first line"
                ) from None
        return self._opened[text]

    def _open(self, sealed: vault.Sealed, what: str) -> str:
        fitting = [one for one in self.given if one.label == sealed.label]
        others = [] if self.only else [one for one in self.given if one.label != sealed.label]
        for source in [*fitting, *others]:
            text = vault.opened(sealed, self._password(source))
            if text is not None:
                return text
        under = "" if sealed.label == vault.DEFAULT else f" under the label {sealed.label}"
        tried = [f"tried: {source.shown}" for source in [*fitting, *others]] or [f"no password has that label: {ID}"]
        raise ConfigError(
            f"{what} was encrypted{under} with another password than those that were given",
            details=tried,
            advice="`ansible-vault view` or `ansible-vault decrypt` with the same file shows whether it is the right "
            f"one; {ID} LABEL@FILE gives one more",
        )

    def _password(self, source: Source) -> bytes:
        if source not in self._known:
            found = self._typed(source) if source.where in PROMPT else _read(source)
            if not found:
                raise ConfigError(f"{source.given}: {source.where} gives an empty password")
            hidden.add(found.decode(errors="replace"))
            self._known[source] = found
        return self._known[source]

    def _typed(self, source: Source) -> bytes:
        label = "" if source.label == vault.DEFAULT else f" ({source.label})"
        return self.ask(f"Vault password{label}: ").encode()


def _require(source: Source) -> Path:
    """The file of a source. Raises ConfigError when there is none."""
    try:
        path = Path(source.where).expanduser()
    except RuntimeError:  # ~nobody/
        path = Path(source.where)
    if not path.is_file():
        said = "is a directory" if path.is_dir() else "does not exist"
        raise ConfigError(
            f"{source.given}: {source.where} {said}",
            advice="it is the file that holds the password of ansible-vault, or a program that writes it",
        )
    return path


def _read(source: Source) -> bytes:
    """The password in a file, or what a program writes. Raises ConfigError."""
    path = _require(source)
    if os.access(path, os.X_OK):
        return _run(source, path)
    try:
        found = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{source.given}: {source.where} cannot be read: {error.strerror}") from None
    if found.startswith(vault.HEADER.encode()):
        raise ConfigError(f"{source.given}: {source.where} is encrypted itself", advice="it is to hold the password")
    return found.strip()


def _run(source: Source, path: Path) -> bytes:
    label = [ID, source.label] if path.stem.endswith(_CLIENT) else []
    try:
        # What it says to a person goes to the terminal.
        done = subprocess.run([str(path.resolve()), *label], stdout=subprocess.PIPE, timeout=_SECONDS)
    except OSError as error:
        raise ConfigError(
            f"{source.given}: {source.where} cannot be run: {error.strerror}",
            advice=f"a file that only holds the password must not be executable: chmod -x {source.where}",
        ) from None
    except subprocess.TimeoutExpired:
        raise ConfigError(f"{source.given}: {source.where} has not ended after {_SECONDS} s") from None
    if done.returncode:
        raise ConfigError(f"{source.given}: {source.where} ended with exit code {done.returncode}")
    return done.stdout.strip(b"\r\n")
