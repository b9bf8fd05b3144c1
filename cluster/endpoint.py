"""A broker's address, and how it is spoken to: the only place that opens a socket to a broker.

Whatever a broker wants before it answers (TLS, a password) is added here; nothing else connects. Every run passes
through this file on the host, so it imports nothing but the standard library's socket.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from typing import Any

PLAINTEXT = "PLAINTEXT"
TIMEOUT = 5.0  # seconds, for connecting and for each answer


class Endpoint:
    """Where a broker listens. Never changes; equal endpoints are the same place, spoken to in the same way.

    protocol: the listener's, as in Kafka's listener.security.protocol.map.
    """

    __slots__ = ("host", "port", "protocol")

    def __init__(self, host: str, port: int, protocol: str = PLAINTEXT) -> None:
        self.host, self.port, self.protocol = host, port, protocol

    @classmethod
    def parse(cls, text: str) -> Endpoint:
        """The endpoint of "host:port" (IPv6 hosts in brackets), or of "SSL://host:port" as Kafka writes listeners:
        what `to_wire` gives. Raises ValueError."""
        protocol, _, address = text.rpartition("://")
        return cls(*split_address(address), protocol or PLAINTEXT)

    def to_wire(self) -> str:
        """The endpoint as text, for the way to a host and back."""
        return str(self) if self.protocol == PLAINTEXT else f"{self.protocol}://{self}"

    def sibling(self, host: str, port: int) -> Endpoint:
        """Another broker of the same cluster, which is spoken to as this one is."""
        return Endpoint(host, port, self.protocol)

    def connect(self, timeout: float = TIMEOUT) -> socket.socket:
        """An open connection, ready for Kafka's protocol. timeout: seconds, for connecting and for each answer. Raises
        OSError."""
        self._require_plaintext()
        connection = socket.create_connection((self.host, self.port), timeout)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def client_config(self, others: Iterable[Endpoint] = ()) -> dict[str, Any]:
        """What KafkaProducer and KafkaConsumer need to connect. others: brokers that may be asked instead. Raises
        OSError."""
        self._require_plaintext()
        return {"bootstrap_servers": [str(one) for one in (self, *others)], "security_protocol": self.protocol}

    def properties(self) -> dict[str, str]:
        """The same for Kafka's Java clients and tools. Raises OSError."""
        self._require_plaintext()
        return {"bootstrap.servers": str(self), "security.protocol": self.protocol}

    def _require_plaintext(self) -> None:
        if self.protocol != PLAINTEXT:
            raise OSError(None, f"{self} speaks {self.protocol}; only {PLAINTEXT} is supported")

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


def joined(host: str, port: object) -> str:
    """ "host:port", an IPv6 host in brackets: as Kafka, ZooKeeper and their clients write it."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def split_address(address: str) -> tuple[str, int]:
    """("host", port) of "host:port"; IPv6 hosts in brackets. Raises ValueError."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)
