"""What a member of a consumer group reads, from the bytes that the group's leader has assigned to it. Pure.

Any client may join a group and write what it likes: the broker keeps these bytes and does not look into them. So they
are decoded here up to the point that is of interest, and what is no assignment is an error of that member alone.
"""

from __future__ import annotations

import struct
from typing import Any


class Unreadable(ValueError):
    """The bytes are no assignment of a consumer."""


def assigned(data: bytes) -> list[list[Any]]:
    """[[topic, partition]] of an assignment (ConsumerProtocolAssignment.json of Kafka, any version): a version, topics
    with their partitions, and user data, which is for the assignor alone and may be missing. Raises Unreadable."""
    reader = _Reader(data)
    if reader.number("h") < 0:
        raise Unreadable("a negative version")
    found = []
    for _ in range(reader.count()):
        topic = reader.text()
        found += [[topic, partition] for partition in reader.numbers(reader.count())]
    return found


class _Reader:
    """Bytes, read from the front in the types of Kafka's protocol."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, size: int) -> bytes:
        if not 0 <= size <= len(self.data) - self.at:
            raise Unreadable(f"{size} bytes announced, {len(self.data) - self.at} left")
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self, kind: str) -> int:
        return int(struct.unpack(f">{kind}", self.take(struct.calcsize(f">{kind}")))[0])

    def numbers(self, count: int) -> list[int]:
        return list(struct.unpack(f">{count}i", self.take(4 * count)))

    def count(self) -> int:
        """How many elements an array has; an array that is null has none."""
        count = self.number("i")
        if count > len(self.data):  # every element takes a byte or more: do not begin what cannot end well
            raise Unreadable(f"{count} elements announced in {len(self.data)} bytes")
        return max(0, count)

    def text(self) -> str:
        try:
            return self.take(self.number("h")).decode()
        except UnicodeDecodeError as error:
            raise Unreadable("a topic whose name is no text") from error
