"""A client of Kafka 0.9's time, as far as a broker can tell: it asks for offsets as one did then, over and over."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator

NAME = "from-2015"
LIST_OFFSETS, VERSION = 2, 0


def _text(text: str) -> bytes:
    return struct.pack(">h", len(text)) + text.encode()


def request(topic: str) -> bytes:
    """ListOffsets in version 0, of partition 0, with its length before it."""
    head = struct.pack(">hhi", LIST_OFFSETS, VERSION, 1) + _text(NAME)
    body = struct.pack(">ii", -1, 1) + _text(topic) + struct.pack(">iiqi", 1, 0, -1, 1)
    return struct.pack(">i", len(head) + len(body)) + head + body


@contextlib.contextmanager
def at_work(bootstrap: str, topic: str) -> Iterator[None]:
    """Such a client asks five times a second until the block ends."""
    host, _, port = bootstrap.rpartition(":")
    over = threading.Event()
    failed: list[OSError] = []

    def ask() -> None:
        try:
            with socket.create_connection((host, int(port)), timeout=10) as connection:
                while not over.wait(0.2):
                    connection.sendall(request(topic))
                    assert connection.recv(1 << 16), "the broker has closed the connection"
        except OSError as error:
            failed.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    assert not failed, failed
