"""Messages with their length before them, as Kafka's and ZooKeeper's protocols send them. Standard library only."""

from __future__ import annotations

import socket
import struct


def receive(connection: socket.socket, largest: int, strange: str) -> bytes:
    """The next message without its length. largest: bytes; a length beyond that is another protocol read as one.

    Raises OSError: with `strange` for what cannot be a message, else the connection's own.
    """
    (size,) = struct.unpack(">i", _exactly(connection, 4))
    if not 0 < size <= largest:
        raise OSError(None, strange)
    return _exactly(connection, size)


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise ConnectionResetError(None, "connection closed by the other side")
        data += part
    return bytes(data)
