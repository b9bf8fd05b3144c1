"""A broker's address, and how it is spoken to: the only place that opens a socket to one, or to ZooKeeper.

Whatever one wants before it answers (TLS, a password) is added here; nothing else connects. Every run passes
through this file on the host, so it imports nothing but the standard library's socket; `ssl`, whose import takes 13 ms,
only where a listener needs it.

Over TLS the toolkit is whoever the host is: it shows the certificate of the node there, which only root and that node
can read. So it needs no password of its own, and works on the hosts of the cluster only.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

if TYPE_CHECKING:
    import ssl

PLAINTEXT, SSL, SASL_SSL = "PLAINTEXT", "SSL", "SASL_SSL"
LOOPBACK = ("127.0.0.1", "::1")
# Where a node has its key with the certificate, and the authority that it trusts: a broker, or what keeps the metadata
# on a host without one. roles/shared/tls.py writes them there.
TLS_FOLDERS = ("/etc/kafka/tls", "/etc/kafka-controller/tls", "/etc/zookeeper/tls")
NODE, AUTHORITY = "node.pem", "ca.pem"
GIVEN_NODE, GIVEN_AUTHORITY = "given.pem", "given-ca.pem"  # where clients are shown another certificate than nodes
TIMEOUT = 5.0  # seconds, for connecting and for each answer
_BUILDING = threading.Lock()
_SHARED = threading.local()  # resting: of a thread in `sharing`, {endpoint: an open connection}


class Login(NamedTuple):
    """Who asks over TLS, where that is not the node of this host. authority: the certificate of the one that the broker
    must be of (PEM); user, password: of a SASL_SSL listener, by this mechanism of `cluster/protocol/login.py`, the
    first one if none is said; shown: the path of a key with a certificate; name: that the broker's certificate must be
    for, where it is not the address that is connected to; "" for none of these."""

    authority: str
    user: str = ""
    password: str = ""
    shown: str = ""
    mechanism: str = ""
    name: str = ""

    def __repr__(self) -> str:
        return f"Login({self.user!r})"


class Endpoint:
    """Where a broker listens. Never changes; equal endpoints are the same place, spoken to in the same way.

    protocol: the listener's, as in Kafka's listener.security.protocol.map. login: who asks; None
    for the node of this host, which no SASL_SSL listener takes.
    """

    __slots__ = ("host", "login", "port", "protocol")

    def __init__(self, host: str, port: int, protocol: str = PLAINTEXT, login: Optional[Login] = None) -> None:
        self.host, self.port, self.protocol, self.login = host, port, protocol, login

    @classmethod
    def parse(cls, text: str) -> Endpoint:
        """The endpoint of "host:port" (IPv6 hosts in brackets), or of "SSL://host:port" as Kafka writes listeners:
        what `to_wire` gives. Raises ValueError."""
        protocol, _, address = text.rpartition("://")
        return cls(*split_address(address), protocol or PLAINTEXT)

    def to_wire(self) -> str:
        """The endpoint as text, for the way to a host and back; without its login, which no text may have in it."""
        return str(self) if self.protocol == PLAINTEXT else f"{self.protocol}://{self}"

    def sibling(self, host: str, port: int) -> Endpoint:
        """Another broker of the same cluster, which is spoken to as this one is."""
        return Endpoint(host, port, self.protocol, self.login)

    def connect(self, timeout: float = TIMEOUT) -> socket.socket:
        """An open connection, ready for the first request. timeout: seconds, for connecting and for each answer. Raises
        OSError."""
        context = self._context()
        connection = socket.create_connection((self.host, self.port), timeout)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context is None:
            return connection
        try:
            name = self.login.name if self.login else ""
            secured = context.wrap_socket(connection, server_hostname=name or self.host)
        except BaseException:
            connection.close()
            raise
        if self.login and self.login.user:
            from cluster.protocol.login import MECHANISM, log_in

            try:
                log_in(secured, self.login.user, self.login.password, self.login.mechanism or MECHANISM)
            except BaseException:
                secured.close()
                raise
        return secured

    @contextlib.contextmanager
    def talk(self, timeout: float = TIMEOUT) -> Iterator[socket.socket]:
        """A connection for questions of which each is answered before the block ends, as `connect` opens it; in
        `sharing`, the one of the questions before, where there were some. Raises OSError."""
        resting = None if self.login else getattr(_SHARED, "resting", None)
        connection = resting.pop(self, None) if resting else None
        if connection is None:
            connection = self.connect(timeout)
        try:
            connection.settimeout(timeout)
            yield connection
        except BaseException:
            connection.close()
            raise
        if resting is None:
            connection.close()
        else:
            resting[self] = connection

    def shown(self, timeout: float = TIMEOUT) -> str:
        """The certificate that this listener shows (PEM), whatever it says: it is looked at, and not believed. timeout:
        as for `connect`. Raises OSError."""
        import ssl

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if self.protocol == SSL:  # below TLS 1.3, whoever shows nothing is turned away before anything is seen
            context.load_cert_chain(f"{self._own_folder()}/{NODE}")
        connection = socket.create_connection((self.host, self.port), timeout)
        with connection, context.wrap_socket(connection) as secured:
            found = secured.getpeercert(binary_form=True)
        if not found:
            raise OSError(None, f"{self} shows no certificate")
        return ssl.DER_cert_to_PEM_cert(found)

    def client_config(self, others: Iterable[Endpoint] = ()) -> dict[str, Any]:
        """What KafkaProducer and KafkaConsumer need to connect. others: brokers that may be asked instead. Raises
        OSError."""
        brokers = [str(one) for one in (self, *others)]
        config: dict[str, Any] = {"bootstrap_servers": brokers, "security_protocol": self.protocol}
        if context := self._context():
            config["ssl_context"] = context
        if self.login and self.login.user:
            from cluster.protocol.login import MECHANISM

            user = {"sasl_plain_username": self.login.user, "sasl_plain_password": self.login.password}
            config.update({"sasl_mechanism": self.login.mechanism or MECHANISM, **user})
        return config

    def properties(self) -> dict[str, str]:
        """The same for Kafka's Java clients and tools, which read what the broker of this host does. Raises OSError."""
        found = {"bootstrap.servers": str(self), "security.protocol": self.protocol}
        if self.protocol == PLAINTEXT:
            return found
        from provisioner.resources import jks

        store = _store(self.login.authority if self.login else authority_here())
        if self.login and self.login.user:
            from cluster.protocol.login import MECHANISM, jaas

            user = jaas(self.login.user, self.login.password)
            found.update({"sasl.mechanism": self.login.mechanism or MECHANISM, "sasl.jaas.config": user})
            trusted = {"ssl.truststore.certificates": self.login.authority.strip().replace("\n", "\\n")}
        else:
            own = self.login.shown if self.login else f"{self._own_folder()}/{NODE}"
            found.update({"ssl.keystore.type": "PEM", "ssl.keystore.location": own})
            if store:
                password = {"ssl.keystore.password": jks.PASSWORD}
                found.update({"ssl.keystore.type": "JKS", "ssl.keystore.location": jks.beside(own), **password})
            trusted = {"ssl.truststore.location": _authority_path()}
        if store:
            return {**found, "ssl.truststore.type": "JKS", "ssl.truststore.location": store}
        return {**found, "ssl.truststore.type": "PEM", **trusted}

    def _context(self) -> ssl.SSLContext | None:
        """How TLS is spoken here; None for a listener in the clear. Raises OSError."""
        folder = self._own_folder() if not self.login else ""
        if not folder and not self.login:
            return None
        trusted = self.login.authority if self.login else f"{folder}/{AUTHORITY}"
        own = self.login.shown if self.login else f"{folder}/{NODE}"
        read = [path for path in (own, "" if self.login else trusted) if path]
        with _BUILDING:
            return _speaking(trusted, own, bool(self.login), tuple(map(_state, read)))

    def _own_folder(self) -> str:
        """The folder of this host's certificate, "" for a listener in the clear. Raises OSError where there is none."""
        if self.protocol == PLAINTEXT:
            return ""
        if self.protocol != SSL:
            raise OSError(None, f"{self} speaks {self.protocol}, and wants a user and a password")
        found = next((folder for folder in TLS_FOLDERS if os.path.exists(f"{folder}/{NODE}")), "")
        if not found:
            raise OSError(None, f"{self} speaks TLS, and this host has no certificate ({TLS_FOLDERS[0]}/{NODE})")
        return found

    def __str__(self) -> str:
        """host:port, as bootstrap.servers wants it."""
        return joined(self.host, self.port)

    def __repr__(self) -> str:
        return f"Endpoint({self.to_wire()})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Endpoint) and self._parts() == other._parts()

    def __hash__(self) -> int:
        return hash(self._parts())

    def _parts(self) -> tuple[str, int, str]:
        return self.host, self.port, self.protocol


@contextlib.contextmanager
def sharing() -> Iterator[None]:
    """In here, what this thread asks an endpoint (`Endpoint.talk`) goes over one connection. A JVM that has made few
    handshakes takes 20 ms of a processor for one, and less than one for an answer."""
    _SHARED.resting = {}
    try:
        yield
    finally:
        for connection in _SHARED.resting.values():
            connection.close()
        del _SHARED.resting


@lru_cache(maxsize=8)
def _speaking(trusted: str, own: str, given: bool, state: tuple[tuple[int, ...], ...]) -> ssl.SSLContext:
    """What many connections share, as making it takes as long as the answer to a question. trusted: an authority's
    certificate (PEM) where it is given, else its path; own: the path of what is shown, "" for nothing; state: of the
    files, so that one that is replaced is read anew. Raises OSError."""
    import ssl

    # Names and addresses are compared by default: a broker that is not the one of this address is refused.
    context = ssl.create_default_context(cafile=None if given else trusted, cadata=trusted if given else None)
    if own:
        context.load_cert_chain(own)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _state(path: str) -> tuple[int, ...]:
    found = os.stat(path)
    return found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size


def authority_here() -> str:
    """The certificate of the authority that this host's nodes trust (PEM). Raises OSError where there is none."""
    with open(_authority_path(), encoding="ascii") as file:
        return file.read()


def _store(trusted: str) -> str:
    """The file that has, in Java's own format, what is trusted (PEM); "" where there is none, as it is only where this
    host's broker reads nothing else."""
    from provisioner.resources import jks

    path = jks.beside(_authority_path())
    try:
        with open(path, "rb") as file:
            return path if file.read() == jks.of_trusted(trusted) else ""
    except OSError:
        return ""


def _authority_path() -> str:
    paths = [f"{folder}/{AUTHORITY}" for folder in TLS_FOLDERS]
    return next((path for path in paths if os.path.exists(path)), paths[0])


def joined(host: str, port: object) -> str:
    """ "host:port", an IPv6 host in brackets: as Kafka, ZooKeeper and their clients write it."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def split_address(address: str) -> tuple[str, int]:
    """("host", port) of "host:port"; IPv6 hosts in brackets. Raises ValueError."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)
