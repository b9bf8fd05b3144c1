"""A login with a user's name and password over a connection (SASL, SCRAM), by hand. Standard library only.

RFC 5802 has the exchange, KIP-43 and KIP-152 how Kafka carries it. The password does not travel, and the broker proves
that it knows the user, too.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import socket
import struct
from typing import Dict, Optional, Tuple

from provisioner.agent.framed import receive

MECHANISM = "SCRAM-SHA-512"
# Of another password of the same user, which is good at the same time: Kafka keeps one per mechanism.
SECOND = "SCRAM-SHA-256"
MECHANISMS = (MECHANISM, SECOND)
MODULE = "org.apache.kafka.common.security.scram.ScramLoginModule"  # Java's, on both sides
NUMBERS = {MECHANISM: 2, SECOND: 1}  # in requests about users (KIP-554)
HASHES = {MECHANISM: "sha512", SECOND: "sha256"}
ITERATIONS = (
    4096  # what Kafka's own tool makes; passwords that are generated need no more (RFC 7677 says at least 4096)
)
HANDSHAKE, AUTHENTICATE = 17, 36  # in versions 1 and 0, which brokers since 1.0 answer
LARGEST = 1 << 16
STRANGE = "the service there does not speak Kafka's protocol"
CLIENT_ID = b"provisioner"


class Refused(OSError):
    """The broker does not let this user in."""

    def __init__(self, why: str) -> None:
        super().__init__(None, why)


def log_in(connection: socket.socket, user: str, password: str, mechanism: str = MECHANISM) -> None:
    """Authenticate a connection. mechanism: one of MECHANISMS. Raises Refused where the broker does not take it,
    OSError for the network."""
    answer = _ask(connection, HANDSHAKE, 1, _text(mechanism))
    (error,) = struct.unpack_from(">h", answer)
    if error:
        raise Refused(f"the broker does not take {mechanism} there")
    used = HASHES[mechanism]
    nonce = base64.b64encode(os.urandom(24)).decode()
    first = f"n={_name(user)},r={nonce}"
    server_first = _step(connection, f"n,,{first}")
    said = _pairs(server_first)
    if not said.get("r", "").startswith(nonce):
        raise Refused("the broker answered with another number than ours: somebody may be in between")
    final = f"c=biws,r={said['r']}"
    salted = salt(password, base64.b64decode(said["s"]), mechanism, int(said["i"]))
    signed = f"{first},{server_first},{final}".encode()
    client_key = _hmac(used, salted, b"Client Key")
    proof = bytes(a ^ b for a, b in zip(client_key, _hmac(used, hashlib.new(used, client_key).digest(), signed)))
    server_final = _step(connection, f"{final},p={base64.b64encode(proof).decode()}")
    wanted = base64.b64encode(_hmac(used, _hmac(used, salted, b"Server Key"), signed)).decode()
    if _pairs(server_final).get("v") != wanted:
        raise Refused("the broker does not know this user's password, though it let it in: it is another broker")


def salt(password: str, salt: bytes, mechanism: str = MECHANISM, iterations: int = ITERATIONS) -> bytes:
    """What a broker keeps of a password."""
    return hashlib.pbkdf2_hmac(HASHES[mechanism], password.encode(), salt, iterations)


def keys(salted: bytes, mechanism: str = MECHANISM) -> Tuple[bytes, bytes]:
    """What a broker keeps of that in its turn (RFC 5802): StoredKey and ServerKey."""
    used = HASHES[mechanism]
    return hashlib.new(used, _hmac(used, salted, b"Client Key")).digest(), _hmac(used, salted, b"Server Key")


def jaas(user: str, password: str) -> str:
    """The value of sasl.jaas.config by which Java's clients log in, as java.util.Properties reads it."""
    text = password.replace("\\", "\\\\").replace('"', '\\"')
    login = f'{MODULE} required username="{user}" password="{text}";'
    return login.replace("\\", "\\\\")


def _step(connection: socket.socket, text: str) -> str:
    answer = _ask(connection, AUTHENTICATE, 0, struct.pack(">i", len(text.encode())) + text.encode())
    (error,) = struct.unpack_from(">h", answer)
    message, at = _nullable(answer, 2)
    if error:
        raise Refused(message or "the broker does not take this user with this password")
    (size,) = struct.unpack_from(">i", answer, at)
    return answer[at + 4 : at + 4 + max(size, 0)].decode("utf-8", "replace")


def _ask(connection: socket.socket, key: int, version: int, body: bytes) -> bytes:
    """The body of the answer."""
    header = struct.pack(f">hhih{len(CLIENT_ID)}s", key, version, 0, len(CLIENT_ID), CLIENT_ID)
    connection.sendall(struct.pack(">i", len(header) + len(body)) + header + body)
    return receive(connection, LARGEST, STRANGE)[4:]


def _text(value: str) -> bytes:
    return struct.pack(">h", len(value)) + value.encode()


def _nullable(data: bytes, at: int) -> Tuple[Optional[str], int]:
    (size,) = struct.unpack_from(">h", data, at)
    return (None, at + 2) if size < 0 else (data[at + 2 : at + 2 + size].decode("utf-8", "replace"), at + 2 + size)


def _name(user: str) -> str:
    return user.replace("=", "=3D").replace(",", "=2C")


def _pairs(text: str) -> Dict[str, str]:
    return {name: value for name, _, value in (part.partition("=") for part in text.split(","))}


def _hmac(used: str, key: bytes, data: bytes) -> bytes:
    return hmac.new(key, data, used).digest()
