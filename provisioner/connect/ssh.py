"""An SSH connection to a host, through jump hosts where there are any, every host key on the way verified.

Fabric gives the connection what its users expect (keys, agent, `~/.ssh/config`, jump hosts). Two things are ours:
host keys are verified (Fabric trusts any, a jump host's too), and TCP_NODELAY is set (paramiko never does, which costs
40 ms a round trip).
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import shlex
import socket
import tempfile
import time
from pathlib import Path
from typing import Any

from provisioner import timing
from provisioner.connect.settings import DEFAULT_KNOWN_HOSTS, SYSTEM_KNOWN_HOSTS, Settings, known_hosts_name
from provisioner.errors import Unreachable

# Without any handler Python prints paramiko's errors, traceback and all, beside the message that we make of them.
logging.getLogger("paramiko").addHandler(logging.NullHandler())


def load() -> None:
    """Import what connecting needs: once, before the threads that would all wait for it."""
    with timing.timed("import of fabric"):
        from provisioner.connect import ssh_transport  # noqa: F401


def connect(settings: Settings) -> Any:
    """An open Fabric connection with verified host key. Raises Unreachable."""
    import fabric

    from provisioner.connect.ssh_transport import Transport

    arguments: dict[str, Any] = {}
    if settings.key_files:
        arguments["key_filename"] = [str(path) for path in settings.key_files]
    if settings.password is not None:
        arguments["password"] = settings.password
    gateway = None
    for hop in (settings.jump or "").split(","):
        gateway = fabric.Connection(hop.strip(), gateway=gateway) if hop.strip() else gateway
    connection = fabric.Connection(
        settings.address, user=settings.user, port=settings.port, gateway=gateway, connect_kwargs=arguments
    )
    way = [connection]
    while isinstance(way[0].gateway, fabric.Connection):  # ours, or one that ~/.ssh/config asks for
        way.insert(0, way[0].gateway)
    for step in way:
        step.connect_timeout = settings.timeout
        ours = {"transport_factory": Transport, "banner_timeout": settings.timeout}
        step.connect_kwargs = {**step.connect_kwargs, **ours}
        known_hosts = _known_hosts(step, settings)
        _verify_host_keys(step, known_hosts, settings.accept_new)
        began = time.perf_counter()
        _open(step, settings, known_hosts[0], jump=step is not connection)
        ready, transport = time.perf_counter(), step.client.get_transport()
        timing.add("ssh: tcp", transport.connected - began, settings.name)
        timing.add("ssh: key exchange", transport.agreed - transport.connected, settings.name)
        timing.add("ssh: authentication", ready - transport.agreed, settings.name)
    return connection


def execute(connection: Any, settings: Settings, program: str) -> Any:
    """A channel on which the host's Python runs a program as root. Raises Unreachable."""
    import paramiko

    try:
        channel = connection.client.get_transport().open_session(timeout=settings.timeout)
        channel.exec_command(settings.command(program))
    except paramiko.SSHException as error:
        raise Unreachable(
            f"{connection.host}:{connection.port} lets us in, but runs no command: {error or 'no answer in time'}",
            host=settings.name,
            advice=f"check with: {settings.ssh_command()} id",
        ) from error
    return channel


def _known_hosts(connection: Any, settings: Settings) -> list[Path]:
    """The files with the host keys that are known: the inventory's, else what ~/.ssh/config says, else the usual."""
    usual = [Path(DEFAULT_KNOWN_HOSTS).expanduser(), Path(SYSTEM_KNOWN_HOSTS)]
    configured = connection.ssh_config.get("userknownhostsfile", "").split()
    if configured and list(settings.known_hosts) == usual:
        return [Path(file).expanduser() for file in configured]
    return list(settings.known_hosts)


def _verify_host_keys(connection: Any, files: list[Path], accept_new: bool) -> None:
    """Make a client trust the keys in these files and no other. accept_new: a host that none of them knows is added
    to the first file."""
    import paramiko

    name = known_hosts_name(connection.host, connection.port)
    for file in files:
        if file.is_file():
            _load(connection.client, file, name)
    connection.client.set_missing_host_key_policy(_Remember(files[0]) if accept_new else paramiko.RejectPolicy())


def _load(client: Any, file: Path, name: str) -> None:
    """Have a client know the keys of a host. Only those: paramiko takes milliseconds for ten lines, for every host
    again, and it stumbles over a certificate authority's. Like OpenSSH, pass over lines that hold no host's key."""
    from paramiko.hostkeys import HostKeyEntry, InvalidHostKey
    from paramiko.ssh_exception import SSHException

    with tempfile.NamedTemporaryFile("w") as usable:
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            names = line.strip().partition(" ")[0]
            if names.startswith("@") or not any(_names(one, name) for one in names.split(",")):
                continue
            with contextlib.suppress(InvalidHostKey, SSHException):
                if HostKeyEntry.from_line(line.strip()) is not None:
                    usable.write(f"{line}\n")
        usable.flush()
        client.load_system_host_keys(usable.name)


def _names(entry: str, name: str) -> bool:
    """Whether an entry of known_hosts, which may be hashed, is about this name."""
    from paramiko.hostkeys import HostKeys

    if not entry.startswith("|1|"):
        return entry == name
    try:
        return bool(HostKeys.hash_host(name, entry) == entry)
    except (ValueError, AssertionError):  # not base64, or too short
        return False


class _Remember:
    """Paramiko's policy for hosts that are not known: a line more in known_hosts. (Its own one writes the whole file
    anew, without the comments and certificate authorities in it, and while another host's thread does the same.)"""

    def __init__(self, file: Path) -> None:
        self._file = file

    def missing_host_key(self, client: Any, hostname: str, key: Any) -> None:
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file.touch(mode=0o600, exist_ok=True)
        with self._file.open("r+b", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            size = file.seek(0, 2)
            file.seek(max(size - 1, 0))
            start = "" if file.read(1) in (b"", b"\n") else "\n"
            file.write(f"{start}{hostname} {key.get_name()} {key.get_base64()}\n".encode())


def _open(connection: Any, settings: Settings, known_hosts: Path, *, jump: bool) -> None:
    """Open one step of the way. Raises Unreachable, saying which step failed."""
    import paramiko

    where = f"{connection.host}:{connection.port}"
    of = f" of the jump host {where}" if jump else ""
    check, name = settings.ssh_command(), known_hosts_name(connection.host, connection.port)
    if jump:
        check = shlex.join(["ssh", "-p", str(connection.port), f"{connection.user}@{connection.host}"])
    try:
        connection.open()
    except paramiko.BadHostKeyException as error:
        raise Unreachable(
            f"the host key{of} has CHANGED: this is another machine, a reinstalled one, or someone in between",
            host=settings.name,
            details=[
                f"known: {error.expected_key.get_name()} {error.expected_key.get_base64()[:40]}...",
                f"found: {error.key.get_name()} {error.key.get_base64()[:40]}...",
            ],
            advice=f"if the host was reinstalled: ssh-keygen -f {known_hosts} -R '{name}'",
        ) from error
    except paramiko.AuthenticationException as error:
        raise Unreachable(
            f"{connection.user}@{where} refuses every key and password we have ({error})",
            host=settings.name,
            advice=f"check with: {check}",
        ) from error
    except paramiko.SSHException as error:
        if "not found in known_hosts" in str(error):
            raise Unreachable(
                f"the host key{of or f' of {where}'} is not known",
                host=settings.name,
                details=[f"looked in {known_hosts}"],
                advice=f"check it by hand ({check}), or use --accept-new-host-keys",
            ) from error
        if "No authentication methods" in str(error):
            raise Unreachable(
                f"there is no key and no password to log in with as {connection.user}@{where}",
                host=settings.name,
                advice="set ansible_ssh_private_key_file, or add a key to your ssh-agent",
            ) from error
        raise Unreachable(
            f"no SSH session with {where}: {error}", host=settings.name, advice=f"check with: {check}"
        ) from error
    except (OSError, EOFError) as error:
        raise Unreachable(
            f"cannot connect to {where}: {_reason(error)}",
            host=settings.name,
            advice=f"is it up, and are ansible_host and ansible_port right? check with: {check}",
        ) from error


def _reason(error: BaseException) -> str:
    errors = getattr(error, "errors", None)
    if isinstance(errors, dict) and errors:  # paramiko's NoValidConnectionsError: one error per address
        return _reason(next(iter(errors.values())))
    if isinstance(error, (socket.timeout, TimeoutError)):
        return "no answer in time"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
