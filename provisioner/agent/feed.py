"""What the control machine sends while a call is at work: bytes in order, then the end, or the wish to stop.

Bounded by credit, as TCP bounds what is under way by its window: the other side sends no more than WINDOW bytes ahead
of what the call has taken. So the channel's reader never waits for the call, and the wish to stop, or the end of the
connection, is noticed however much is under way.
"""

from __future__ import annotations

import collections
import threading
from typing import Callable, Deque, Optional

WINDOW = 1 << 20  # bytes


class Feed:
    """A call's input; filled by the channel's thread, read by the call's. credit: told how many bytes were taken."""

    def __init__(self, credit: Callable[[int], None]) -> None:
        self._credit = credit
        self._parts: Deque[bytes] = collections.deque()
        self._changed = threading.Condition()
        self._ended = False
        self.stopped = threading.Event()

    def put(self, data: bytes) -> None:
        """More bytes have come."""
        with self._changed:
            self._parts.append(data)
            self._changed.notify_all()

    def end(self) -> None:
        """There will be no more."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def stop(self) -> None:
        """The call is asked to come to an end soon, and to leave what it has not read."""
        self.stopped.set()
        self.end()

    def read(self, timeout: Optional[float] = None) -> Optional[bytes]:
        """All the bytes there are; waits for the first ones up to `timeout` seconds (None: as long as it takes).

        Returns b"" when none came in time, None after the last ones or when the call is to stop.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._parts or self._ended, timeout)
            data = b"" if self.stopped.is_set() else self._taken()
            ended = self._ended
        if data:
            self._credit(len(data))
            return data
        return None if ended else b""

    def rest(self, timeout: float) -> bytes:
        """All the bytes there are, in spite of a stop; waits for the first ones up to `timeout` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._parts, timeout)
            return self._taken()

    def _taken(self) -> bytes:
        data = b"".join(self._parts)
        self._parts.clear()
        return data
