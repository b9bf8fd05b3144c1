"""Bytes for a call that is at work on a host: sent from another thread, no faster than the host takes them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from provisioner.agent.feed import WINDOW

# As in fleet.py: a Ctrl-C that comes just as a wait begins is noticed at its end, so waits are short.
STEP_SECONDS = 0.5
FRAME = 256 * 1024  # bytes; one write of a large buffer is quadratic in paramiko


class Feed:
    """The control machine's end of `agent.feed.Feed`. `send`, `end` and `stop` may be called before the request is on
    its way, and after it has been answered, when they do nothing."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._credit = WINDOW
        self._write: Callable[[Mapping[str, Any], bytes], None] | None = None
        self._over = False

    def attach(self, write: Callable[[Mapping[str, Any], bytes], None]) -> None:
        """The request has been sent. write: sends one message and the bytes that belong to it, or raises OSError."""
        with self._changed:
            self._write = write
            self._changed.notify_all()

    def credit(self, size: int) -> None:
        """The host has taken `size` bytes."""
        with self._changed:
            self._credit += size
            self._changed.notify_all()

    def over(self) -> None:
        """The request has been answered, or will never be."""
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def send(self, data: bytes) -> bool:
        """Send all of `data`, waiting for the host where it must; False when the call has ended before."""
        while data:
            size = self._allowed(len(data))
            if not size:
                return False
            if not self._tell({"op": "data", "size": size}, data[:size]):
                return False
            data = data[size:]
        return True

    def end(self) -> None:
        """There will be no more bytes."""
        self._tell({"op": "end"})

    def stop(self) -> None:
        """Ask the call to come to an end, without reading what is under way."""
        self._tell({"op": "stop"})

    def _allowed(self, wanted: int) -> int:
        """How many bytes may go now, taken off the credit; waits for the first one. 0 when the call has ended."""
        with self._changed:
            while not (self._over or (self._credit and self._write)):
                self._changed.wait(STEP_SECONDS)
            size = 0 if self._over else min(wanted, self._credit, FRAME)
            self._credit -= size
        return size

    def _tell(self, message: Mapping[str, Any], data: bytes = b"") -> bool:
        with self._changed:
            while not (self._over or self._write):
                self._changed.wait(STEP_SECONDS)
            write = self._write
            if self._over or write is None:
                return False
        try:
            write(message, data)
        except OSError:  # the request that waits for the answer hears it from the connection
            return False
        return True
