"""Ports on the loopback address: which are free, who has the others, does sshd answer."""

from __future__ import annotations

import contextlib
import errno
import shutil
import socket
import time
from collections.abc import Callable, Iterable, Mapping, Set

from lab import engine
from lab.hosts import Ports
from lab.state import all_ports
from provisioner.errors import ProvisionerError, raise_all

LOOPBACK = "127.0.0.1"


def is_free(port: int) -> bool:
    """Can a server listen on this port of the loopback address now?"""
    with socket.socket() as probe:
        # As the engine does: a port whose last connections are still in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True


def choose(blocks: Iterable[Ports], taken: Set[int], free: Callable[[int], bool] = is_free) -> Ports:
    """The first of several port tables that no other lab has taken and where every port is free.

    A single table (the default lab's) is returned as it is: whether its ports are free matters only for those hosts
    that are about to be created.
    """
    tables = list(blocks)
    if len(tables) == 1:
        return tables[0]
    for table in tables:
        numbers = all_ports(table)
        if not numbers & taken and all(free(number) for number in numbers):
            return table
    raise ProvisionerError(
        "no block of free ports is left for another lab", advice="remove one with lab.down --lab NAME"
    )


def require_free(hosts: Mapping[str, Mapping[str, int]]) -> None:
    """Raise one error that names every port that is not free, and who has it."""
    problems: list[ProvisionerError] = [
        ProvisionerError(
            f"port {LOOPBACK}:{port}, needed for its {use}, is in use by something else",
            host=host,
            details=_holder(port),
            advice="stop what uses the port, or use a lab with ports of its own: --lab NAME",
        )
        for host, uses in hosts.items()
        for use, port in uses.items()
        if not is_free(port)
    ]
    if problems:
        raise_all(problems)


def _holder(port: int) -> list[str]:
    """Lines that say who has a port, as far as this user may know."""
    theirs = engine.run(
        ["docker", "ps", "--filter", f"publish={port}", "--format", "container {{.Names}} ({{.Image}})"]
    )
    if theirs.stdout.strip():
        return theirs.stdout.strip().splitlines()
    if shutil.which("ss") is None:
        return []
    listening = engine.run(["ss", "-Hltnp", f"sport = :{port}"]).stdout.splitlines()
    return [line.split("users:", 1)[1].strip() for line in listening if "users:" in line]


def wait_for_ssh(host: str, port: int, seconds: float = 20) -> None:
    """Return when an SSH server greets on the port; ProvisionerError if none does in time."""
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, port), timeout=2) as connection:
            # The engine's own proxy accepts before sshd listens, so only the greeting counts.
            if connection.recv(4) == b"SSH-":
                return
        if time.monotonic() > deadline:
            raise ProvisionerError(
                f"no SSH server greets at {LOOPBACK}:{port} after {seconds:.0f} s",
                host=host,
                advice=f"look at `docker exec {host} journalctl -u ssh` and `docker port {host}`",
            )
        time.sleep(0.05)
