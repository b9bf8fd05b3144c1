"""A file server on loopback that misbehaves as told, for the tests of downloads."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class FileServer:
    """files: path -> content. misbehave: path -> what each of the next requests does, oldest first: an int answers
    with that status, "cut" sends half of the body, "slow" waits before answering, "whole" ignores a range.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    misbehave: dict[str, list[int | str]] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)  # path, Range header
    url: str = ""


@contextmanager
def file_server() -> Iterator[FileServer]:
    state = FileServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted_range = self.headers.get("Range", "")
            state.requests.append((self.path, wanted_range))
            steps = state.misbehave.get(self.path, [])
            step = steps.pop(0) if steps else ""
            body = state.files.get(self.path)
            if isinstance(step, int) or body is None:
                self.send_error(step if isinstance(step, int) else 404)
                return
            if step == "slow":
                time.sleep(0.3)
            start = int(wanted_range[6:-1]) if wanted_range and step != "whole" else 0
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(body) - start))
            self.end_headers()
            rest = body[start:]
            self.wfile.write(rest[: len(rest) // 2] if step == "cut" else rest)

        def log_message(self, *_: object) -> None:
            """Keep the test output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
