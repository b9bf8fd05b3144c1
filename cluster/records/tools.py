"""Runs Kafka's official tools on this host, for measurements: their output line by line, and their end in any case."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence

from cluster.endpoint import PLAINTEXT, Endpoint
from provisioner.agent.failure import Failure

STEP_SECONDS = 0.2
END_SECONDS = 10.0  # that a tool may take to end after a signal


@contextlib.contextmanager
def running(command: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a tool; on leaving, it and its child processes are ended. Raises Failure for one that is not installed."""
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "LC_ALL": "C"},  # numbers with a point
            start_new_session=True,
        )
    except OSError as error:
        raise Failure(f"cannot run {command[0]}: {error.strerror}", advice="`invoke deploy` installs it") from None
    try:
        yield process
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
                os.killpg(process.pid, number)
                process.wait(END_SECONDS)
        process.wait()


@contextlib.contextmanager
def passing(content: str, suffix: str) -> Iterator[str]:
    """The path of a file with this content that only this user can read, and that is there only as long as it is
    needed. Raises OSError."""
    descriptor, path = tempfile.mkstemp(suffix=suffix)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(content)
        yield path
    finally:
        os.unlink(path)


@contextlib.contextmanager
def config(endpoint: Endpoint) -> Iterator[str]:
    """The path of what a tool has to know of a secured listener, which only this user can read, as long as it is
    needed; "" for an open one. Raises OSError."""
    if endpoint.protocol == PLAINTEXT:
        yield ""
        return
    lines = (f"{name}={value}\n" for name, value in endpoint.properties().items())
    with passing("".join(lines), ".properties") as path:
        yield path


def lines(process: subprocess.Popen[bytes]) -> Iterator[str]:
    """The tool's output, line by line, and "" now and then while it is silent."""
    assert process.stdout is not None
    source, held = process.stdout.fileno(), b""
    while True:
        ready, _, _ = select.select([source], [], [], STEP_SECONDS)
        if not ready:
            yield ""
            continue
        data = os.read(source, 1 << 16)
        if not data:
            process.wait(END_SECONDS)
            return
        *lines, held = (held + data).split(b"\n")
        for line in lines:
            yield line.decode("utf-8", "replace")
