"""Logging in: which keys are offered, in ssh's order, and why the others are not. Imported when a connection is opened:
it needs paramiko."""

from __future__ import annotations

import base64
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import paramiko
from paramiko.agent import AgentSSH

from provisioner.connect.route import Hop

SECOND_FACTOR = {"password", "keyboard-interactive"}


class Cause(NamedTuple):
    """Why a key cannot be used, and what to do."""

    summary: str
    advice: str


class LoginError(paramiko.SSHException):
    """No way in. offered: whether the server was offered anything at all; causes: of keys that could not be used."""

    def __init__(self, offered: bool, causes: list[Cause], reason: str) -> None:
        super().__init__(reason)
        self.offered, self.causes, self.reason = offered, causes, reason


class Login:
    """Paramiko's `auth_strategy`. Its own order offers keys that the configuration excludes, and does not say why it
    left out another."""

    def __init__(self, hop: Hop, password: str | None, passphrase: str | None) -> None:
        self._hop, self._password, self._passphrase = hop, password, passphrase
        self._causes: list[Cause] = []
        self._agent: AgentSSH | None = None

    def authenticate(self, transport: Any) -> list[Any]:
        """Returns when logged in. Raises LoginError; OSError, EOFError and SSHException when the connection breaks."""
        try:
            return self._tried(transport)
        finally:
            if self._agent is not None:
                self._agent._close()  # type: ignore[attr-defined]

    def _tried(self, transport: Any) -> list[Any]:
        offered, reason, user, second = False, "", self._hop.user, False
        for key in self._keys() if self._hop.public_keys else ():
            offered = True
            try:
                second = bool(SECOND_FACTOR & set(transport.auth_publickey(user, key)))
                if not second:
                    return []
                break
            except paramiko.BadAuthenticationType as error:
                reason = str(error)
                break
            except paramiko.AuthenticationException as error:
                reason = str(error)
                if not transport.is_active():
                    reason = "the server ended it after too many keys; IdentitiesOnly yes leaves only the named ones"
                    break
        if self._password is not None and transport.is_active():
            offered = True
            try:
                transport.auth_password(user, self._password)
                return []
            except paramiko.AuthenticationException as error:
                reason = str(error)
        elif second:
            transport.auth_interactive_dumb(user)
            return []
        raise LoginError(offered, self._causes, reason.strip().rstrip("."))

    def _keys(self) -> Iterator[Any]:
        """Named keys, the agent's, and the usual ones where none is named."""
        held = self._held()
        files = [
            (path, _load(path, self._passphrase or self._password)) for path in self._hop.keys if self._hop.explicit
        ]
        for path, found in files:
            if isinstance(found, Cause):
                if not any(_public(path) == key.asbytes() for key in held):
                    self._causes.append(found)
            else:
                yield found
        named = {_public(path) for path in self._hop.keys} | {
            key.asbytes() for _, key in files if not isinstance(key, Cause)
        }
        yield from (key for key in held if not self._hop.only_these or key.asbytes() in named)
        for path in self._hop.keys if not self._hop.explicit else ():
            if path.is_file():
                found = _load(path, self._passphrase or self._password)
                if isinstance(found, Cause):
                    self._causes.append(found)
                else:
                    yield found

    def _held(self) -> list[Any]:
        """The keys of the ssh-agent."""
        if self._hop.agent == "":
            return []
        try:
            self._agent = paramiko.Agent() if self._hop.agent is None else _Agent(self._hop.agent)
            return list(self._agent.get_keys())
        except (OSError, paramiko.SSHException):
            return []


class _Agent(AgentSSH):
    """The agent of IdentityAgent; paramiko's own class knows the environment's only."""

    def __init__(self, path: str) -> None:
        super().__init__()
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(10)
        connection.connect(path)
        self._connect(connection)  # type: ignore[attr-defined]


def _load(path: Path, passphrase: str | None) -> Any:
    """The key in a file with its certificate, or the Cause why there is none."""
    try:
        status = path.stat()
        # ssh does not use it either, when it belongs to the one who runs it.
        if status.st_uid == os.getuid() and stat.S_IMODE(status.st_mode) & 0o077:
            mode = f"{stat.S_IMODE(status.st_mode):04o}"
            return Cause(
                f"{path} can be read by others (mode {mode}), so it is not used, as by ssh", f"chmod 600 {path}"
            )
        for kind in (paramiko.RSAKey, paramiko.ECDSAKey, paramiko.Ed25519Key):
            try:
                key = kind.from_private_key_file(str(path), passphrase)
            except paramiko.PasswordRequiredException:
                return Cause(
                    f"the key {path} is encrypted, and no ssh-agent holds it",
                    f"ssh-add {path}, or set ansible_private_key_passphrase",
                )
            except (paramiko.SSHException, ValueError):
                continue
            certificate = Path(f"{path}-cert.pub")
            if certificate.is_file():
                key.load_certificate(str(certificate))
            return key
    except FileNotFoundError:
        return Cause(f"the key file {path} does not exist", "correct ansible_ssh_private_key_file or IdentityFile")
    except OSError as error:
        return Cause(f"the key file {path} cannot be read: {error.strerror}", "look at its owner and mode")
    if passphrase is not None:
        return Cause(f"{path} is no private key that the given passphrase opens", "check the passphrase and the file")
    return Cause(f"{path} is no private key of a known kind (RSA, ECDSA, Ed25519)", "name another, or use an ssh-agent")


def _public(path: Path) -> bytes | None:
    """The public key beside a private one, as on the wire."""
    try:
        return base64.b64decode(Path(f"{path}.pub").read_text(errors="replace").split()[1])
    except (OSError, IndexError, ValueError):
        return None
