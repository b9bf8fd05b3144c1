"""Requests that brokers and controllers answer, built and read by hand: connections and the encoding of newer requests.
Standard library only.

The kafka package cannot begin at a controller, and importing it takes fifty times as long as the answer. They use
the flexible encoding (KIP-482: lengths are unsigned varints, larger by one than what they count, and
tagged fields follow each structure), so that a few functions are enough for all of them.
"""

from __future__ import annotations

import base64
import binascii
import struct
from typing import TYPE_CHECKING, Callable, Dict, List, Optional, Tuple, TypeVar

from cluster.endpoint import TIMEOUT, Endpoint
from cluster.protocol.hello import CLIENT_ID, LARGEST_ANSWER, STRANGE
from provisioner.agent.framed import receive

if TYPE_CHECKING:
    from types import TracebackType

API_VERSIONS = 18  # in version 0, which every broker and controller answers
NO_DIRECTORY = "AAAAAAAAAAAAAAAAAAAAAA"  # Uuid.ZERO_UUID: of voters of a static quorum (kraft.version 0)
Item = TypeVar("Item")


class Reader:
    """Reads an answer from front to back. Every method raises OSError when the answer is not what it should be."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def number(self, kind: str) -> int:
        """A number. kind: as `struct` calls it: b, h, H, i or q."""
        return int(struct.unpack(f">{kind}", self.raw(struct.calcsize(f">{kind}")))[0])

    def fraction(self) -> float:
        """A number of 64 bits with a fraction."""
        return float(struct.unpack(">d", self.raw(8))[0])

    def varint(self) -> int:
        """An unsigned varint of at most 32 bits."""
        value = 0
        for shift in range(0, 35, 7):
            byte = self.raw(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise OSError(None, STRANGE)

    def text(self) -> Optional[str]:
        """A compact nullable string."""
        size = self.varint() - 1
        try:
            return None if size < 0 else self.raw(size).decode()
        except UnicodeDecodeError as error:
            raise OSError(None, STRANGE) from error

    def uuid(self) -> str:
        """A UUID as Kafka writes it: 22 characters of base64url."""
        return base64.urlsafe_b64encode(self.raw(16)).rstrip(b"=").decode()

    def array(self, item: Callable[[], Item]) -> List[Item]:
        """A compact array; `item` reads an element."""
        return [item() for _ in range(self.varint() - 1)]

    def tags(self) -> None:
        """The tagged fields at the end of a structure, of which none is needed."""
        self.fields()

    def fields(self) -> Dict[int, Reader]:
        """The tagged fields at the end of a structure, {tag: its content}."""
        found = {}
        for _ in range(self.varint()):
            tag = self.varint()
            found[tag] = Reader(self.raw(self.varint()))
        return found

    def raw(self, size: int) -> bytes:
        """So many bytes."""
        part = self._data[self._at : self._at + size]
        if len(part) < size:
            raise OSError(None, STRANGE)
        self._at += size
        return part


def varint(value: int) -> bytes:
    """An unsigned varint."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def text(value: Optional[str]) -> bytes:
    """A compact nullable string."""
    data = (value or "").encode()
    return b"\0" if value is None else varint(len(data) + 1) + data


def uuid(value: str) -> bytes:
    """A UUID from Kafka's text. Raises ValueError for another text."""
    try:
        data = base64.urlsafe_b64decode(f"{value}==")
    except binascii.Error as error:
        raise ValueError(f"{value} is no UUID of Kafka's") from error
    if len(data) != 16:
        raise ValueError(f"{value} is no UUID of Kafka's")
    return data


def array(items: List[bytes]) -> bytes:
    """A compact array of encoded elements."""
    return varint(len(items) + 1) + b"".join(items)


TAGS = b"\0"  # no tagged fields


class Dialogue:
    """A connection to one broker or controller; a context manager. Raises OSError.

    timeout: seconds for connecting and for each part of an answer. largest: bytes of an answer.
    """

    def __init__(self, endpoint: Endpoint, timeout: float = TIMEOUT, largest: int = LARGEST_ANSWER) -> None:
        self._asked, self._largest = 0, largest
        self._talk = endpoint.talk(timeout)
        self._connection = self._talk.__enter__()
        try:
            self.versions = self._greet()
        except BaseException as error:
            self._talk.__exit__(type(error), error, error.__traceback__)
            raise

    def __enter__(self) -> Dialogue:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._talk.__exit__(kind, error, trace)

    def version(self, key: int, highest: int) -> Optional[int]:
        """The highest version of a request that both sides know; None when there is none. highest: ours, of 0 to it."""
        least, most = self.versions.get(key, (1, 0))
        version = min(most, highest)
        return version if version >= least else None

    def ask(self, key: int, version: int, body: bytes) -> Reader:
        """Send a request in a flexible version; the body of its answer."""
        answer = self._exchange(key, version, TAGS + body)
        answer.tags()
        return answer

    def ask_plainly(self, key: int, version: int, body: bytes) -> Reader:
        """The same for ApiVersions, in whose answer the header has no tagged fields: whoever asks in a version that the
        other side does not know must be able to read that (KIP-511)."""
        return self._exchange(key, version, TAGS + body)

    def _greet(self) -> Dict[int, Tuple[int, int]]:
        """{request: (lowest, highest version)} that the other side knows."""
        answer = self._exchange(API_VERSIONS, 0, b"")
        error = answer.number("h")
        if error:
            raise OSError(None, f"the service there answers with error {error}")
        known: Dict[int, Tuple[int, int]] = {}
        for _ in range(answer.number("i")):
            key, least, most = (answer.number("h") for _ in range(3))
            known[key] = least, most
        return known

    def _exchange(self, key: int, version: int, body: bytes) -> Reader:
        self._asked += 1
        header = struct.pack(f">hhih{len(CLIENT_ID)}s", key, version, self._asked, len(CLIENT_ID), CLIENT_ID)
        self._connection.sendall(struct.pack(">i", len(header) + len(body)) + header + body)
        answer = Reader(receive(self._connection, self._largest, STRANGE))
        if answer.number("i") != self._asked:
            raise OSError(None, STRANGE)
        return answer
