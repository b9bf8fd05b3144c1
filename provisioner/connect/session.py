"""One exec on a host's SSH connection, the channel to the agent: raw, without Fabric's 10 ms polling."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from provisioner.connect import become, ssh
from provisioner.connect.feed import Feed
from provisioner.connect.payload import MAGIC, STAGE0, Payload
from provisioner.connect.route import Hop
from provisioner.connect.settings import Settings
from provisioner.connect.starting import answer_in, silence, start_failure
from provisioner.errors import HostFailed, ProvisionerError, Unreachable, UsageError
from provisioner.timing import timed

HEARTBEAT_SECONDS = 10.0
SUDO_SECONDS = 60.0  # some ask a directory server, which may be slow
START_SECONDS = 120.0  # without a word from the host, from login to the facts
CHUNK = 256 * 1024  # one sendall of a large buffer is quadratic in paramiko

Event = Callable[[dict[str, Any]], None]
# What an agent does ahead of the first request, as its `begin` takes it: made while its Python starts.
Ahead = Callable[[], Mapping[str, Any]]


def _no_event(event: dict[str, Any]) -> None:
    """For requests whose progress is not shown."""


class Session:
    """An agent running on a host. Requests are answered in order; use it from one thread at a time."""

    def __init__(
        self,
        settings: Settings,
        route: Sequence[Hop],
        payload: Payload,
        progress: Callable[[int, int], None] | None = None,
        ahead: Ahead = dict,
    ) -> None:
        """Connect, start the agent (sending it first when the host lacks this version), receive the facts. ahead:
        what it does while it waits for the first request.

        Raises Unreachable for network, host key and authentication; HostFailed for sudo and Python.
        """
        self.name = settings.name
        self._buffer = b""
        self._said: list[str] | None = []  # by the login shell, before the agent
        self._number = 0
        self._writing = threading.Lock()
        self._closed = threading.Event()
        self._way = ssh.connect(settings, route)
        self.settings = settings = replace(settings, user=self._way.user)
        try:
            with timed("agent", self.name):
                self._channel = ssh.execute(self._way, settings, STAGE0)
                self._channel.settimeout(START_SECONDS)
                self._start(payload, progress, ahead)
                self.facts: dict[str, Any] = self._answer(0, _no_event)
                self._channel.settimeout(None)
                self._said = None
        except BaseException:
            self.close()
            raise
        threading.Thread(target=self._beat, name=f"heartbeat {self.name}", daemon=True).start()

    def _start(self, payload: Payload, progress: Callable[[int, int], None] | None, ahead: Ahead) -> None:
        sudo = self.settings.become
        if sudo.needed(self.settings.user) and sudo.password is not None:
            self._enter(sudo.password)
        about = json.dumps({"digest": payload.digest, "size": payload.size, "ahead": ahead()}).encode()
        self._send(MAGIC + about + b"\n")
        self._started()
        if self._started()["need"]:
            self._send(payload.read(), progress)
            self._started()

    def _enter(self, password: str) -> None:
        """Give sudo the password, once: whatever is sent before it has accepted it, it would take for further tries,
        and three wrong ones can lock an account. Returns when the bootstrap runs, or is sure not to."""
        self._send(password.encode() + b"\n")
        deadline = time.monotonic() + SUDO_SECONDS
        said = b""
        while not self._channel.recv_ready() and not self._channel.exit_status_ready():
            if self._channel.recv_stderr_ready():
                said += self._channel.recv_stderr(CHUNK)
            if said.count(become.PROMPT.encode()) > 1:
                raise start_failure(self.name, 1, said.decode("utf-8", "replace"), self.settings)
            if time.monotonic() > deadline:
                raise start_failure(self.name, 1, "sudo does not answer", self.settings)
            time.sleep(0.01)

    def _started(self) -> dict[str, Any]:
        """One answer of the bootstrap. Raises HostFailed with what it complains about."""
        answer = None
        while answer is None:
            line = self._line()
            answer = answer_in(line)
            if answer is None and self._said is not None:
                self._said.append(line.decode("utf-8", "replace"))
        if "error" in answer:
            raise HostFailed(answer["error"], host=self.name, advice=answer["advice"])
        return answer

    def request(self, op: str, on_event: Event = _no_event, feed: Feed | None = None, **arguments: Any) -> Any:
        """Send one request, pass its events on, return its result. Raises HostFailed as the agent reports it, or
        UsageError for a name that nothing has.

        An event's "raw" holds the bytes that came with it. feed: what other threads send while it is at work.
        """
        self._number += 1
        number = self._number
        if feed is None:
            self._send(json.dumps({"id": number, "op": op, **arguments}).encode() + b"\n")
            return self._answer(number, on_event)
        try:
            self._send(json.dumps({"id": number, "op": op, "fed": True, **arguments}).encode() + b"\n")
            feed.attach(lambda message, data: self._tell({"id": number, **message}, data))
            return self._answer(number, on_event, feed)
        finally:
            feed.over()

    def put(self, path: Path, digest: str, progress: Callable[[int, int], None]) -> None:
        """Push a file into the host's content-addressed cache; verified there on arrival."""
        size = path.stat().st_size
        with self._writing, path.open("rb") as file:
            self._number += 1
            header = {"id": self._number, "op": "put", "digest": digest, "size": size}
            self._raw(json.dumps(header).encode() + b"\n")
            done = 0
            while chunk := file.read(CHUNK):
                self._raw(chunk)
                done += len(chunk)
                progress(done, size)
        self._answer(self._number, _no_event)

    def close(self) -> None:
        """End the connection; the agent ends with it."""
        self._closed.set()
        self._way.close()

    def _answer(self, number: int, on_event: Event, feed: Feed | None = None) -> Any:
        while True:
            message = json.loads(self._line())
            raw = self._exactly(message["raw"]) if "raw" in message else b""
            if message["id"] != number:
                continue
            if "event" in message:
                on_event({**message["event"], "raw": raw} if raw else message["event"])
            elif "credit" in message:
                assert feed is not None
                feed.credit(message["credit"])
            elif "failure" in message:
                failure = message["failure"]
                summary = (
                    f"{failure['resource']}: {failure['summary']}" if failure.get("resource") else failure["summary"]
                )
                if failure["misnamed"]:
                    raise UsageError(summary, details=failure["details"], advice=failure["advice"])
                raise HostFailed(summary, host=self.name, details=failure["details"], advice=failure["advice"])
            else:
                return message["result"]

    def _send(self, data: bytes, progress: Callable[[int, int], None] | None = None) -> None:
        with self._writing:
            for start in range(0, len(data), CHUNK):
                self._raw(data[start : start + CHUNK])
                if progress:
                    progress(min(start + CHUNK, len(data)), len(data))

    def _tell(self, message: Mapping[str, Any], data: bytes) -> None:
        """For a feed: raises OSError, since why the connection ended is found out where the answer is awaited."""
        with self._writing:
            self._channel.sendall(json.dumps(message).encode() + b"\n" + data)

    def _raw(self, data: bytes) -> None:
        try:
            self._channel.sendall(data)
        except OSError as error:
            raise self._ended() from error

    def _line(self) -> bytes:
        while b"\n" not in self._buffer:
            self._buffer += self._received()
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def _exactly(self, size: int) -> bytes:
        parts, missing = [self._buffer], size - len(self._buffer)
        while missing > 0:
            parts.append(self._received())
            missing -= len(parts[-1])
        data = b"".join(parts)
        self._buffer = data[size:]
        return data[:size]

    def _received(self) -> bytes:
        try:
            data: bytes = self._channel.recv(CHUNK)
        except TimeoutError as error:
            raise silence(self.name, START_SECONDS, self._said or []) from error
        except OSError as error:
            raise self._lost(str(error)) from error
        if not data:
            raise self._ended()
        return data

    def _beat(self) -> None:
        while not self._closed.wait(HEARTBEAT_SECONDS):
            try:
                with self._writing:
                    self._channel.sendall(b"\n")
            except OSError:
                return

    def _lost(self, why: str) -> Unreachable:
        return Unreachable(
            f"the connection was lost ({why})",
            host=self.name,
            advice="what was done stays done: run the same command again, it goes on from there",
        )

    def _ended(self) -> ProvisionerError:
        """Why the remote command ended: sudo, the shell and ssh say it on stderr."""
        try:
            self._channel.settimeout(5)
            while self._said is not None and (data := self._channel.recv(CHUNK)):
                self._said += data.decode("utf-8", "replace").splitlines()
            error = b""
            while data := self._channel.recv_stderr(CHUNK):
                error += data
            ready = self._channel.status_event.wait(5)
            code = self._channel.recv_exit_status() if ready else -1
        except OSError:
            return self._lost("closed by the host")
        if code == -1:
            return self._lost("closed by the host")
        return start_failure(self.name, code, error.decode("utf-8", "replace"), self.settings, self._said)
