"""The stream below an SSH connection that is not simply TCP: ProxyCommand, AddressFamily, BindAddress."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import tempfile
from typing import IO

from provisioner.connect.route import Hop


class Proxy:
    """A ProxyCommand at work. As ssh does it: by the user's shell, which may pipe and redirect; paramiko's own class
    starts a program directly, and polls. socket: its standard input and output."""

    def __init__(self, command: str) -> None:
        self.socket, theirs = socket.socketpair()
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the connection
        shell = os.environ.get("SHELL") or "/bin/sh"
        try:
            self._process = subprocess.Popen(
                [shell, "-c", f"exec {command}"],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=self._said.fileno(),
                start_new_session=True,
            )
        except OSError:
            self.socket.close()
            raise
        finally:
            theirs.close()

    def said(self) -> list[str]:
        """The last lines of its standard error."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1)  # a command that has failed is about to end
        self._said.seek(0)
        return [line for line in self._said.read().decode("utf-8", "replace").splitlines() if line.strip()][-3:]

    def close(self) -> None:
        """Ends it, gently at first."""
        self.socket.close()
        try:
            self._process.wait(1)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(5)
        self._said.close()


def connected(hop: Hop) -> socket.socket:
    """A TCP connection of the wanted address family, from the wanted address. Raises OSError."""
    addresses = socket.getaddrinfo(hop.host, hop.port, hop.family, socket.SOCK_STREAM)
    for number, (family, kind, protocol, _, address) in enumerate(addresses, 1):
        stream = socket.socket(family, kind, protocol)
        stream.settimeout(hop.timeout)
        try:
            if hop.bind is not None:
                stream.bind((hop.bind, 0))
            stream.connect(address)
            return stream
        except OSError:
            stream.close()
            if number == len(addresses):
                raise
    raise OSError("no address")  # getaddrinfo raises where it finds none
