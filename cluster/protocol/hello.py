"""The one question that every run asks every broker: does it answer, and which brokers does it know? Standard library
only.

Importing the kafka package takes fifty times as long as the broker's answer, so this request is built and
read by hand: Metadata in version 2 without topics, which every broker since 0.10.1 answers.
"""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Iterable
from typing import Any, Optional

from cluster.endpoint import TIMEOUT, Endpoint
from cluster.model import Broker
from provisioner.agent.framed import receive

CLIENT_ID = b"provisioner"
METADATA, VERSION = 3, 2
# Kafka protocol guide: size, then header (API key, version, correlation id, client id), then an empty list of topics.
_HEADER = struct.pack(f">hhih{len(CLIENT_ID)}s", METADATA, VERSION, 1, len(CLIENT_ID), CLIENT_ID)
REQUEST = struct.pack(">i", len(_HEADER) + 4) + _HEADER + struct.pack(">i", 0)
LARGEST_ANSWER = 1 << 22  # bytes; thousands of brokers. More is another protocol read as a size
STRANGE = "the service there does not speak Kafka's protocol"


def hello(endpoint: Endpoint, timeout: float = TIMEOUT) -> dict[str, Any]:
    """What this broker knows of the cluster: cluster_id, controller (id or None), brokers {id: Broker}.

    timeout: seconds for connecting and for each part of the answer. Raises OSError.
    """
    with endpoint.talk(timeout) as connection:
        connection.sendall(REQUEST)
        return parse(receive(connection, LARGEST_ANSWER, STRANGE), endpoint)


def parse(answer: bytes, endpoint: Endpoint) -> dict[str, Any]:
    """The answer without its size, as `hello` returns it. endpoint: where it came from. Pure. Raises OSError for what
    is none."""
    try:
        _correlation, count = struct.unpack_from(">ii", answer)
        at, brokers = 8, {}
        for _ in range(count):
            (broker,) = struct.unpack_from(">i", answer, at)
            host, at = _text(answer, at + 4)
            (port,) = struct.unpack_from(">i", answer, at)
            rack, at = _text(answer, at + 4)
            brokers[broker] = Broker(broker, endpoint.sibling(host or "", port), rack)
        cluster, at = _text(answer, at)
        (controller,) = struct.unpack_from(">i", answer, at)
    except (struct.error, UnicodeDecodeError) as error:
        raise OSError(None, STRANGE) from error
    return {"cluster_id": cluster, "controller": controller if controller >= 0 else None, "brokers": brokers}


def _text(data: bytes, at: int) -> tuple[Optional[str], int]:
    """A nullable string, and where the next field begins."""
    (size,) = struct.unpack_from(">h", data, at)
    at += 2
    return (None, at) if size < 0 else (data[at : at + size].decode(), at + size)


def describe(error: BaseException) -> str:
    """An error in a few words: "Connection refused", "NotEnoughReplicasError"."""
    if isinstance(error, socket.timeout):
        return "timed out"
    if isinstance(error, OSError):
        return error.strerror or str(error) or type(error).__name__
    text = str(error)
    name = type(error).__name__
    # kafka errors begin their text with "[Error 19] NotEnoughReplicasError", where the number says nothing more
    text = re.sub(r"^\[Error -?\d+\] ", "", text).rstrip(": ")
    return text if name in text else f"{name}: {text}" if text else name


def ids(values: Iterable[int]) -> str:
    """Broker ids as people read them: "1, 2, 3", or "none"."""
    listed: list[int] = sorted(values)
    return ", ".join(map(str, listed)) or "none"
