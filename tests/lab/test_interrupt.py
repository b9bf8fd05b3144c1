"""A deploy that is interrupted anywhere is finished by the same command again; two at once do not mix."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import pty
import re
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .hosts import ROOT, LabHost, counts, lab_name
from .serving import eventually, serves

SENTENCE = "Interrupted. What was done stays done; the same command goes on from there."
HEAP = ("--extra-vars", "kafka_heap=600m")

# What a write, a push or an unpacking would leave behind when nobody tidied up.
LEFTOVERS = (
    "find /etc /opt /usr/local /var/lib /var/log /run -xdev"
    r" \( -name '*~' -o -name '*.part' -o -path '/var/lib/provisioner/cache/*' \) -print"
)


class Run:
    """An `invoke deploy` at work, its output read as it comes. terminal: on one, as a person sees it."""

    def __init__(self, host: LabHost, *arguments: str, terminal: bool = False) -> None:
        argv = [sys.executable, "-m", "invoke", "deploy", "--hosts", str(host.inventory), *arguments]
        self._screen, there = pty.openpty() if terminal else os.pipe()
        environment = {**os.environ, "LAB": lab_name(), "TERM": "xterm"}
        for name in ("CI", "NO_COLOR"):
            environment.pop(name, None)
        self.process = subprocess.Popen(
            argv,
            cwd=ROOT,
            env=environment,
            stdin=there if terminal else subprocess.DEVNULL,
            stdout=there,
            stderr=there,
            start_new_session=True,
            preexec_fn=functools.partial(fcntl.ioctl, 0, termios.TIOCSCTTY, 0) if terminal else None,
        )
        os.close(there)
        self.lines: list[str] = []
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        # A terminal whose last user has gone answers with an error instead of the end of the file.
        with open(self._screen, errors="replace", closefd=False) as screen, contextlib.suppress(OSError):
            for line in screen:
                with self._news:
                    self.lines.append(line.rstrip("\n"))
                    self._news.notify_all()

    def press_ctrl_c(self) -> None:
        os.write(self._screen, b"\x03")

    @property
    def output(self) -> str:
        return "\n".join(self.lines)

    def says(self, pattern: str, seconds: float = 120) -> None:
        """Wait for a line that matches. Fails when the run ends without it."""
        deadline = time.monotonic() + seconds
        with self._news:
            while not any(re.search(pattern, line) for line in self.lines):
                ended = not self._reader.is_alive()
                assert not ended and time.monotonic() < deadline, f"never said {pattern!r}:\n{self.output}"
                self._news.wait(0.1)

    def end(self, how: signal.Signals | None = None) -> int:
        """Signal it, or let it be, and wait for its end; its exit code, negative for a signal."""
        if how is not None:
            assert self.process.poll() is None, f"ended before it could be interrupted:\n{self.output}"
            self.process.send_signal(how)
        code = self.process.wait(timeout=180)
        self._reader.join(10)
        assert not self._reader.is_alive(), "something that the deploy has started still holds its output"
        os.close(self._screen)
        return code


@contextmanager
def running(host: LabHost, *arguments: str, terminal: bool = False) -> Iterator[Run]:
    """A deploy in the background that is not left behind."""
    run = Run(host, *arguments, terminal=terminal)
    try:
        yield run
    finally:
        if run.process.poll() is None:
            run.process.kill()
            run.process.wait()


def test_a_first_deploy_interrupted_again_and_again_is_finished_by_the_same_command(bare: Callable[..., LabHost]):
    host = bare()

    # Ctrl-C while the archives are being sent, which is the first thing after the announcement.
    with running(host) as run:
        run.says("--> Apply")
        assert run.end(signal.SIGINT) == 130, run.output
        assert SENTENCE in run.output and "Traceback" not in run.output
    assert host.sh("ls /opt") == "", "the deploy went on after Ctrl-C"

    # The control machine dies while the host installs Java: the agent finishes that step, then leaves. It may be the
    # first run's agent that is at it, where sending was done before Ctrl-C came: then the second run waits for it.
    with running(host) as run:
        eventually(lambda: host.sh("pgrep -x apt-get", expect=None), seconds=30, what="apt-get is at work")
        assert run.end(signal.SIGKILL) == -signal.SIGKILL
    assert host.sh("pgrep -x apt-get", expect=None), "nothing is left to wait for, so the next step proves nothing"

    # The next run waits for that agent and goes on. Meanwhile a third one is told who is at work.
    with running(host) as run:
        run.says("--> Apply")
        assert not host.sh("pgrep -x apt-get", expect=None), "two runs are at work at once"
        third = host.invoke("deploy")
        assert run.process.poll() is None, "the lock's holder had ended before it could be in the way"
        assert third.returncode == 5, third.stdout
        assert re.search(
            rf"error: {host.name}: another run is at work here: \S+@\S+, since \d\d:\d\d:\d\d", third.stdout
        )
        assert "Traceback" not in third.stdout and "--> Apply" not in third.stdout
        # Ctrl-C while the broker starts for the first time.
        run.says(rf"\+ {host.name}: file:/etc/systemd/system/kafka.service")
        assert run.end(signal.SIGINT) == 130, run.output
        assert SENTENCE in run.output and "Traceback" not in run.output
        assert not re.search(r"\+ \S+: package:openjdk", run.output), (
            "the orphaned agent was not waited for: Java was installed again"
        )

    output = host.deploy()
    assert "Smoke check passed" in output and counts(output, host.name)["failed"] == 0
    assert host.sh(LEFTOVERS) == ""
    before = host.pids()
    assert counts(host.deploy("--no-smoke"), host.name)["touched"] == 0
    assert host.pids() == before and serves(host.bootstrap)


def test_an_interrupted_restart_is_finished_by_the_same_command(single: LabHost):
    before = single.pids()

    def interrupt(run: Run, pid: str) -> None:
        run.says("--> Restart")
        eventually(lambda: single.pids()["kafka"] != pid, seconds=60, what="the restart has begun")

    def finish(heap: str, *arguments: str) -> str:
        output = single.deploy(*arguments)
        assert "Smoke check passed" in output
        assert counts(output, single.name)["touched"] <= 1, "the file that was there already was written again"
        after = single.pids()
        assert after["zookeeper"] == before["zookeeper"]
        assert f"-Xmx{heap}" in single.sh(f"tr '\\0' '\\n' < /proc/{after['kafka']}/cmdline").splitlines()
        assert single.sh(LEFTOVERS) == ""
        return after["kafka"]

    with running(single, *HEAP, terminal=True) as run:
        interrupt(run, before["kafka"])
        run.press_ctrl_c()
        assert run.end() == 130, run.output
        assert SENTENCE in run.output and "Traceback" not in run.output and "Exception" not in run.output
    pid = finish("600m", *HEAP)

    with running(single) as run:
        interrupt(run, pid)
        assert run.end(signal.SIGKILL) == -signal.SIGKILL
    finish("512m")
