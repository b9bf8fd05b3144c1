"""TCP proxies that delay the connections to the hosts, and count the bytes.

Every byte arrives half a round trip later than it was sent, in order, and a connection costs a round trip before
anything passes, as TCP's handshake does.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Iterable
from types import TracebackType
from typing import Any

CHUNK = 1 << 16

Way = asyncio.Queue[tuple[float, bytes]]  # (when it arrives, what)


class Delay:
    """`with Delay([2231, 2232], 0.05) as delay:` then delay.ports[2231] is the port that leads to 2231, 50 ms away.

    latency: seconds of a round trip. sent and received: bytes, as the side that connects sees them.
    """

    def __init__(self, targets: Iterable[int], latency: float) -> None:
        self.targets = list(targets)
        self.latency = latency
        self.ports: dict[int, int] = {}
        self.sent = self.received = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="delay", daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()
        self._servers: list[asyncio.Server] = []

    def __enter__(self) -> Delay:
        self._thread.start()
        for target in self.targets:
            server = asyncio.run_coroutine_threadsafe(self._serve(target), self._loop).result(10)
            self._servers.append(server)
            self.ports[target] = server.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def reset(self) -> None:
        """Set the counters to zero."""
        self.sent = self.received = 0

    async def _serve(self, target: int) -> asyncio.Server:
        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            # A client may speak one round trip after it began to connect; the server sees the connection half a trip
            # later.
            usable = self._loop.time() + self.latency
            outward, inward = _way(), _way()
            self._start(self._take(reader, outward, usable, sent=True))
            await asyncio.sleep(self.latency * 1.5)
            try:
                far_reader, far_writer = await asyncio.open_connection("127.0.0.1", target)
            except OSError:
                writer.close()
                return
            self._start(self._give(outward, far_writer))
            self._start(self._take(far_reader, inward, usable, sent=False))
            self._start(self._give(inward, writer))

        return await asyncio.start_server(connected, "127.0.0.1", 0)

    async def _take(self, reader: asyncio.StreamReader, way: Way, usable: float, *, sent: bool) -> None:
        """Note what is sent with the time at which it arrives; an empty chunk is the end."""
        while True:
            try:
                data = await reader.read(CHUNK)
            except OSError:
                data = b""
            if sent:
                self.sent += len(data)
            else:
                self.received += len(data)
            await way.put((max(self._loop.time(), usable) + self.latency / 2, data))
            if not data:
                return

    async def _give(self, way: Way, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while True:
                due, data = await way.get()
                await asyncio.sleep(max(0.0, due - self._loop.time()))
                if not data:
                    break
                writer.write(data)
                await writer.drain()
        writer.close()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        waiting = [*self._tasks]
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


def _way() -> Way:
    """What is on its way in one direction; bounded, so that a large transfer does not fill the memory."""
    return asyncio.Queue(maxsize=1024)
