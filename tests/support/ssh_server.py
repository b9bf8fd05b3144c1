"""An SSH server in this process: its host key, whom it lets in and what its commands answer are the test's."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import paramiko
from paramiko.common import AUTH_FAILED, AUTH_SUCCESSFUL, OPEN_SUCCEEDED

Answer = tuple[bytes, bytes, int]  # standard output, standard error, exit code


class _Rules(paramiko.ServerInterface):
    def __init__(self, server: Server) -> None:
        self._server = server

    def get_allowed_auths(self, username: str) -> str:
        return "publickey,password"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        self._server.offered.append(key.get_base64())
        welcome = key.asbytes() in [each.asbytes() for each in self._server.keys]
        return AUTH_SUCCESSFUL if welcome else AUTH_FAILED

    def check_auth_password(self, username: str, password: str) -> int:
        self._server.passwords.append(password)
        return AUTH_SUCCESSFUL if password == self._server.password else AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        self._server.commands.append(command.decode())
        threading.Thread(target=self._run, args=(channel,), daemon=True).start()
        return True

    def _run(self, channel: paramiko.Channel) -> None:
        channel.recv(1)  # the client knows by now that its command runs
        out, err, code = self._server.answer
        channel.sendall_stderr(err)
        channel.sendall(out)
        channel.send_exit_status(code)
        channel.close()


class Server:
    """host_key: what it shows; keys, password: who may log in. offered, passwords, commands: what clients sent."""

    def __init__(self, host_key: paramiko.PKey) -> None:
        self.host_key = host_key
        self.keys: Sequence[paramiko.PKey] = ()
        self.password: str | None = None
        self.answer: Answer = (b"", b"", 0)
        self.offered: list[str] = []
        self.passwords: list[str] = []
        self.commands: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._transports: list[paramiko.Transport] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                stream, _ = self._listener.accept()
                transport = paramiko.Transport(stream)
                transport.add_server_key(self.host_key)
                self._transports.append(transport)
                with contextlib.suppress(paramiko.SSHException, EOFError):
                    transport.start_server(server=_Rules(self), event=threading.Event())

    def close(self) -> None:
        self._listener.close()
        for transport in self._transports:
            transport.close()


@contextlib.contextmanager
def serving(host_key: paramiko.PKey, **rules: Any) -> Iterator[Server]:
    """A server for the time of a `with`."""
    server = Server(host_key)
    for name, value in rules.items():
        setattr(server, name, value)
    try:
        yield server
    finally:
        server.close()
