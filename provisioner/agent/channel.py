"""The agent's end of the SSH channel: JSON lines in, JSON lines out, raw bytes in between, both ways.

A thread reads, so that a control machine that is gone (end of file, or silence for longer than its heartbeat allows)
is noticed while a resource is being repaired.
"""

from __future__ import annotations

import json
import os
import queue
import select
import threading
from typing import Any, Callable, Dict, Optional

from .feed import Feed

# The control machine sends an empty line every 10 s.
SILENCE_SECONDS = 60.0
CHUNK = 1 << 18


class Gone(Exception):
    """The control machine has gone."""


class Channel:
    """Requests from `source` (a file descriptor) to a queue; answers to `sink`. `on_gone` is called at most once."""

    def __init__(self, source: int, sink: int, store: Callable[[str], str], on_gone: Callable[[], None]) -> None:
        self.requests: queue.Queue[Optional[Dict[str, Any]]] = queue.Queue()
        self.gone = threading.Event()
        self._source, self._sink = source, sink
        self._store, self._on_gone = store, on_gone
        self._buffer = b""
        self._writing = threading.Lock()
        self._feeds: Dict[int, Feed] = {}

    def start(self) -> None:
        threading.Thread(target=self._read, name="channel", daemon=True).start()

    def send(self, message: Dict[str, Any], raw: bytes = b"") -> None:
        """Write one message and the bytes that belong to it (its "raw" is their number); silently nothing once the
        control machine has gone, so that a repair ends cleanly."""
        if raw:
            message = {**message, "raw": len(raw)}
        data = json.dumps(message, separators=(",", ":")).encode() + b"\n" + raw
        with self._writing:
            try:
                view = memoryview(data)
                while view and not self.gone.is_set():
                    view = view[os.write(self._sink, view) :]
            except OSError:
                self._lost()

    def _lost(self) -> None:
        if not self.gone.is_set():
            self.gone.set()
            self._on_gone()
            self.requests.put(None)
            for feed in list(self._feeds.values()):
                feed.stop()

    def _more(self) -> None:
        ready, _, _ = select.select([self._source], [], [], SILENCE_SECONDS)
        data = os.read(self._source, CHUNK) if ready else b""
        if not data:
            raise Gone
        self._buffer += data

    def _line(self) -> bytes:
        while b"\n" not in self._buffer:
            self._more()
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def _read(self) -> None:
        try:
            while True:
                line = self._line()
                if line.strip():
                    self._take(json.loads(line))
        except (Gone, OSError, ValueError):
            self._lost()

    def _take(self, request: Dict[str, Any]) -> None:
        """A request joins the queue; what is sent for one that is at work goes to its feed, if it still has one."""
        number = request["id"]
        if request["op"] in ("data", "end", "stop"):
            data = self._exactly(int(request.get("size", 0)))
            feed = self._feeds.get(number)
            if feed is None:
                return
            if request["op"] == "data":
                feed.put(data)
            elif request["op"] == "end":
                feed.end()
            else:
                feed.stop()
            return
        if request["op"] == "put":
            request["outcome"] = self._receive(request)
        if request.get("fed"):
            self._feeds[number] = Feed(lambda size: self.send({"id": number, "credit": size}))
        self.requests.put(request)

    def feed(self, number: int) -> Feed:
        """What is sent during the request of this number."""
        return self._feeds[number]

    def forget(self, number: int) -> None:
        """A request has been answered: what still comes for it is thrown away."""
        self._feeds.pop(number, None)

    def _exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._more()
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data

    def _receive(self, request: Dict[str, Any]) -> Dict[str, Any]:
        """Take `size` raw bytes into the cache under their digest; they are renamed into place only when it matches.

        The bytes are read to the end even when they cannot be stored, so that the channel stays in step.
        """
        import hashlib

        left, digest = int(request["size"]), hashlib.sha256()
        path = self._store(request["digest"])
        problem = ""
        try:
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            out = os.open(path + ".part", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        except OSError as error:
            out, problem = -1, f"cannot store the payload: {error.strerror}"
        while left:
            if not self._buffer:
                self._more()
            chunk, self._buffer = self._buffer[:left], self._buffer[left:]
            left -= len(chunk)
            digest.update(chunk)
            try:
                view = memoryview(chunk)
                while out >= 0 and not problem and view:
                    view = view[os.write(out, view) :]
            except OSError as error:
                problem = f"cannot store the payload: {error.strerror}"
        if out >= 0:
            os.close(out)
        if not problem and digest.hexdigest() != request["digest"]:
            problem = f"the payload arrived damaged (sha256 {digest.hexdigest()}, expected {request['digest']})"
        if problem:
            if os.path.exists(path + ".part"):
                os.unlink(path + ".part")
            return {"problem": problem}
        os.replace(path + ".part", path)
        return {}
