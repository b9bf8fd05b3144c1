"""An SSH connection to a host, through jump hosts where there are any, every host key on the way verified.

`route.py` says where it leads; Fabric makes the connection. Four things are ours: host keys are verified (Fabric trusts
any, a jump host's too), the configuration is read as OpenSSH reads it (paramiko's reader stumbles over Match and
comments), the keys are offered in ssh's order, and TCP_NODELAY is set (paramiko never does, which costs 40 ms a round
trip).
"""

from __future__ import annotations

import logging
import shlex
import socket
import time
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from provisioner import timing
from provisioner.connect import known_hosts, ssh_proxy
from provisioner.connect.known_hosts import Known
from provisioner.connect.route import Hop
from provisioner.connect.settings import Settings
from provisioner.errors import Unreachable

# Without any handler Python prints paramiko's errors, traceback and all, beside the message that we make of them.
logging.getLogger("paramiko").addHandler(logging.NullHandler())


def load() -> None:
    """Import what connecting needs: once, before the threads that would all wait for it."""
    with timing.timed("import of fabric"):
        from provisioner.connect import ssh_login, ssh_transport  # noqa: F401


class Way(NamedTuple):
    """The open connections to a host, jump hosts first, and the processes below them."""

    connections: list[Any]
    proxies: list[ssh_proxy.Proxy]

    @property
    def user(self) -> str:
        """Who is logged in on the host."""
        return str(self.connections[-1].user)

    @property
    def transport(self) -> Any:
        """Paramiko's transport to the host."""
        return self.connections[-1].client.get_transport()

    def close(self) -> None:
        """End them, the host's first."""
        for connection in reversed(self.connections):
            connection.client.close()
        for proxy in self.proxies:
            proxy.close()
        self.proxies.clear()


def connect(settings: Settings, route: Sequence[Hop]) -> Way:
    """The open connections to a host, with verified host keys. Raises Unreachable."""
    way = Way([], [])
    try:
        for number, hop in enumerate(route, 1):
            _step(settings, hop, way, jump=number < len(route))
    except BaseException:
        way.close()
        raise
    return way


def _step(settings: Settings, hop: Hop, way: Way, *, jump: bool) -> None:
    import fabric
    import paramiko

    from provisioner.connect.ssh_login import Login
    from provisioner.connect.ssh_transport import Transport

    known = known_hosts.read(hop.known_hosts, hop.known_as)
    began = time.perf_counter()
    password = (None, None) if jump else (settings.password, settings.passphrase)
    connection = fabric.Connection(
        hop.host,
        user=hop.user,
        port=hop.port,
        connect_timeout=hop.timeout,
        # Nothing of Fabric's own configuration files and environment, which might name another gateway.
        config=fabric.Config(lazy=True, ssh_config=paramiko.SSHConfig()),
        connect_kwargs={
            "transport_factory": partial(Transport, host_keys=known.kinds()),
            "banner_timeout": hop.timeout,
            "auth_strategy": Login(hop, *password),
        },
    )
    connection.host = hop.host  # Fabric takes what is before an @ for a user
    connection.client.set_missing_host_key_policy(_Verify(settings, hop, known, jump=jump))
    try:
        stream = _below(settings, hop, way)
        if stream is not None:
            connection.connect_kwargs["sock"] = stream
        connection.open()
    except (paramiko.SSHException, OSError, EOFError) as error:
        raise _unreachable(settings, hop, error, way, jump=jump) from error
    finally:
        way.connections.append(connection)
    ready, transport = time.perf_counter(), connection.client.get_transport()
    timing.add("ssh: tcp", transport.connected - began, settings.name)
    timing.add("ssh: key exchange", transport.agreed - transport.connected, settings.name)
    timing.add("ssh: authentication", ready - transport.agreed, settings.name)


def _below(settings: Settings, hop: Hop, way: Way) -> Any:
    """What the connection runs on, if it is not simply TCP: the jump host before it, or a ProxyCommand."""
    if hop.proxy_command is not None:
        way.proxies.append(ssh_proxy.Proxy(hop.proxy_command))
        way.proxies[-1].socket.settimeout(hop.timeout)
        return way.proxies[-1].socket
    if way.connections:
        return way.transport.open_channel("direct-tcpip", (hop.host, hop.port), ("", 0), timeout=hop.timeout)
    return ssh_proxy.connected(hop) if hop.family or hop.bind else None


def execute(way: Way, settings: Settings, program: str) -> Any:
    """A channel on which the host's Python runs a program as root. Raises Unreachable."""
    import paramiko

    try:
        channel = way.transport.open_session(timeout=settings.timeout or 10)
        channel.exec_command(settings.command(program))
    except paramiko.SSHException as error:
        connection = way.connections[-1]
        raise Unreachable(
            f"{connection.host}:{connection.port} lets us in, but runs no command: {error or 'no answer in time'}",
            host=settings.name,
            advice=f"check with: {settings.ssh_command()} id",
        ) from error
    return channel


class _Verify:
    """Paramiko's policy for hosts that are not known, which to it is every host: what is known is decided here."""

    def __init__(self, settings: Settings, hop: Hop, known: Known, *, jump: bool) -> None:
        self._settings, self._hop, self._known, self._jump = settings, hop, known, jump

    def missing_host_key(self, client: Any, hostname: str, key: Any) -> None:
        """Returns when the key is trusted; raises Unreachable otherwise."""
        known, found = self._known, key.asbytes()
        if line := known.revoking(found):
            raise self._error(
                f"the host key{self._of()} is REVOKED: whoever answers may have stolen it",
                [f"by: {line.place}"],
                "give the host new keys, and take its old ones out of known_hosts",
            )
        if known.trusts(found):
            return
        if known.trusted:
            raise self._changed(key)
        if known.authorities:
            raise self._error(
                f"only a certificate authority vouches for the host key{self._of()}; certificates are not checked here",
                [f"by: {known.authorities[0].place}"],
                f"add the host's own key to known_hosts, after checking it: {self._by_hand()}",
            )
        file = known_hosts.place_to_remember(known.files)
        if not self._hop.accept_new:
            raise self._error(
                f"the host key{self._of() or f' of {_where(self._hop)}'} is not known",
                [f"looked in {self._hop.known_hosts[0]}"] if self._hop.known_hosts else [],
                f"check it by hand ({self._by_hand()}), or use --accept-new-host-keys",
            )
        if file is None:
            raise self._error(
                f"the host key{self._of() or f' of {_where(self._hop)}'} is not known, and no file could remember it: "
                "any machine could answer in its place, each time",
                [f"UserKnownHostsFile is {self._hop.known_hosts[0]}"] if self._hop.known_hosts else [],
                "remove UserKnownHostsFile, or let it name a file",
            )
        known_hosts.remember(file, known.name, key.get_name(), found)

    def _changed(self, key: Any) -> Unreachable:
        line = next((one for one in self._known.trusted if one.kind == key.get_name()), self._known.trusted[0])
        return self._error(
            f"the host key{self._of()} has CHANGED: this is another machine, a reinstalled one, or someone in between",
            [
                f"known: {line.kind} {_start(line.key)}... ({line.place})",
                f"found: {key.get_name()} {_start(key.asbytes())}...",
            ],
            f"if the host was reinstalled: ssh-keygen -f {line.file} -R '{self._known.name}'",
        )

    def _of(self) -> str:
        return f" of the jump host {_where(self._hop)}" if self._jump else ""

    def _by_hand(self) -> str:
        return _check(self._settings, self._hop, jump=self._jump)

    def _error(self, summary: str, details: list[str], advice: str) -> Unreachable:
        return Unreachable(summary, host=self._settings.name, details=details, advice=advice)


def _start(key: bytes) -> str:
    from base64 import b64encode

    return b64encode(key).decode()[:40]


def _where(hop: Hop) -> str:
    return f"{hop.host}:{hop.port}"


def _check(settings: Settings, hop: Hop, *, jump: bool) -> str:
    """What a person would type to see the same."""
    return shlex.join(["ssh", "-p", str(hop.port), f"{hop.user}@{hop.host}"]) if jump else settings.ssh_command()


def _unreachable(settings: Settings, hop: Hop, error: BaseException, way: Way, *, jump: bool) -> Unreachable:
    """Why a step of the way failed: its first cause, and what to do."""
    import paramiko

    from provisioner.connect.ssh_login import LoginError

    where, check = _where(hop), _check(settings, hop, jump=jump)
    if isinstance(error, LoginError):
        return _no_way_in(settings, hop, error, check)
    said = [line for proxy in way.proxies for line in proxy.said()]
    if hop.proxy_command is not None:
        return Unreachable(
            f"no SSH session with {where} through its ProxyCommand: {said[-1] if said else _reason(error)}",
            host=settings.name,
            details=[f"ProxyCommand {hop.proxy_command}"],
            advice=f"check with: {check}",
        )
    if isinstance(error, paramiko.ChannelException):
        before = way.connections[-1]
        return Unreachable(
            f"the jump host {before.host}:{before.port} cannot connect to {where}: {error.text}",
            host=settings.name,
            advice=f"is it up, and are ansible_host and ansible_port right? check with: {check}",
        )
    if isinstance(error, paramiko.SSHException):
        return Unreachable(f"no SSH session with {where}: {error}", host=settings.name, advice=f"check with: {check}")
    return Unreachable(
        f"cannot connect to {where}: {_reason(error)}",
        host=settings.name,
        advice=f"is it up, and are ansible_host and ansible_port right? check with: {check}",
    )


def _no_way_in(settings: Settings, hop: Hop, error: Any, check: str) -> Unreachable:
    """A login that failed. A key that could not be used is the first cause, even where others were refused."""
    who = f"{hop.user}@{_where(hop)}"
    refused = f"{who} refuses every key and password we have"
    details = [f"{refused} ({error.reason})" if error.reason else refused] if error.offered else []
    if error.causes:
        first, *others = error.causes
        details = [*(cause.summary for cause in others), *details]
        return Unreachable(f"{first.summary}", host=settings.name, details=details, advice=first.advice)
    if error.offered:
        return Unreachable(details[0], host=settings.name, advice=f"check with: {check}")
    return Unreachable(
        f"there is no key and no password to log in with as {who}",
        host=settings.name,
        advice="set ansible_ssh_private_key_file, or add a key to your ssh-agent",
    )


def _reason(error: BaseException) -> str:
    errors = getattr(error, "errors", None)
    if isinstance(errors, dict) and errors:  # paramiko's NoValidConnectionsError: one error per address
        return _reason(next(iter(errors.values())))
    if isinstance(error, (socket.timeout, TimeoutError)):
        return "no answer in time"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
