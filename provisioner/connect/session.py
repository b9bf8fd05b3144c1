"""One exec on a host's SSH connection, the channel to the agent: raw, without Fabric's 10 ms polling."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from provisioner.connect import become, ssh
from provisioner.connect.feed import Feed
from provisioner.connect.payload import MAGIC, STAGE0, Payload
from provisioner.connect.settings import Settings
from provisioner.errors import HostFailed, ProvisionerError, Unreachable
from provisioner.timing import timed

HEARTBEAT_SECONDS = 10.0
SUDO_SECONDS = 60.0  # some ask a directory server, which may be slow
CHUNK = 256 * 1024  # one sendall of a large buffer is quadratic in paramiko

Event = Callable[[dict[str, Any]], None]


def _no_event(event: dict[str, Any]) -> None:
    """For requests whose progress is not shown."""


class Session:
    """An agent running on a host. Requests are answered in order; use it from one thread at a time."""

    def __init__(
        self, settings: Settings, payload: Payload, progress: Callable[[int, int], None] | None = None
    ) -> None:
        """Connect, start the agent (sending it first when the host lacks this version), receive the facts.

        Raises Unreachable for network, host key and authentication; HostFailed for sudo and Python.
        """
        self.settings = settings
        self.name = settings.name
        self._buffer = b""
        self._number = 0
        self._writing = threading.Lock()
        self._closed = threading.Event()
        self._connection = ssh.connect(settings)
        try:
            with timed("agent", self.name):
                self._channel = ssh.execute(self._connection, settings, STAGE0)
                self._start(payload, progress)
                self.facts: dict[str, Any] = self._answer(0, _no_event)
        except BaseException:
            self.close()
            raise
        threading.Thread(target=self._beat, name=f"heartbeat {self.name}", daemon=True).start()

    def _start(self, payload: Payload, progress: Callable[[int, int], None] | None) -> None:
        sudo = self.settings.become
        if sudo.needed(self.settings.user) and sudo.password is not None:
            self._enter(sudo.password)
        about = json.dumps({"digest": payload.digest, "size": payload.size}).encode()
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
            answer = _answer_in(self._line())
        if "error" in answer:
            raise HostFailed(answer["error"], host=self.name, advice=answer["advice"])
        return answer

    def request(self, op: str, on_event: Event = _no_event, feed: Feed | None = None, **arguments: Any) -> Any:
        """Send one request, pass its events on, return its result. Raises HostFailed as the agent reports it.

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
        self._connection.close()

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
            error = b""
            while data := self._channel.recv_stderr(CHUNK):
                error += data
            ready = self._channel.status_event.wait(5)
            code = self._channel.recv_exit_status() if ready else -1
        except OSError:
            return self._lost("closed by the host")
        if code == -1:
            return self._lost("closed by the host")
        return start_failure(self.name, code, error.decode("utf-8", "replace"), self.settings)


def _answer_in(line: bytes) -> dict[str, Any] | None:
    """The bootstrap's answer in a line of output; None for what a login shell's start-up files print before it."""
    try:
        found = json.loads(line[line.index(b'{"') :])
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def start_failure(host: str, code: int, stderr: str, settings: Settings) -> HostFailed:
    """The message for an agent that did not start, from exit code and stderr. Pure."""
    stderr = stderr.replace(become.PROMPT, "")
    lines = [line for line in stderr.splitlines() if line.strip()][-5:]
    text = stderr.lower()
    grant = "let an administrator grant it, or connect as another user"
    known = (
        (
            "password is required",
            f"sudo asks for {settings.user}'s password",
            "give it: --ask-become-pass, or ansible_become_password in the inventory; a user that may not use sudo "
            "needs an administrator to grant it",
        ),
        ("incorrect password", f"sudo does not accept the password given for {settings.user}", "check the password"),
        ("try again", f"sudo does not accept the password given for {settings.user}", "check the password"),
        ("not in the sudoers", f"{settings.user} may not use sudo", grant),
        ("may not run sudo", f"{settings.user} may not use sudo", grant),
        ("not allowed to execute", f"{settings.user} may not run python3 with sudo", "let an administrator grant it"),
        ("sudo: not found", "there is no sudo", "install it, or connect as root (ansible_user: root)"),
        ("sudo: command not found", "there is no sudo", "install it, or connect as root (ansible_user: root)"),
    )
    for sign, summary, advice in known:
        if sign in text:
            return HostFailed(summary, host=host, details=lines, advice=advice)
    if code == 127 or "not found" in text:
        return HostFailed(
            f"there is no {settings.interpreter}",
            host=host,
            details=lines,
            advice="install python3 (>= 3.8), or set ansible_python_interpreter",
        )
    return HostFailed(
        f"the agent ended with exit code {code}",
        host=host,
        details=lines,
        advice="run the same command again; if it stays, look at the lines above",
    )
