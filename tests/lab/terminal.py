"""A person at a terminal: a shell on a lab host under a real pseudo-terminal, typed into line by line."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import time
from types import TracebackType

# Colours, cursor movements and bracketed paste: what a terminal shows differently from text.
_CONTROL = re.compile(r"\x1b(\[[0-9;?]*[ -/]*[@-~]|\][^\x07]*\x07|[=>()][0-9A-Z]?)|[\r\x07]")
# The prompt carries the exit code of the last command. Quotes keep the line that sets it from looking like it.
_SET_PROMPT = "stty rows 50 cols 400; PS1='<<''$?>>'"
_PROMPT = re.compile(r"<<(\d+)>>$")


class Terminal:
    """`docker exec -it HOST bash`, as typed. Use as a context manager."""

    def __init__(self, host: str, seconds: float = 60) -> None:
        """seconds: how long any one command may take."""
        self.seconds = seconds
        self._seen = ""
        self._master, slave = pty.openpty()
        command = ["docker", "exec", "-it", host, "bash"]
        self._process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
        os.close(slave)

    def __enter__(self) -> Terminal:
        self._wait(re.compile(r"[#$] $"))
        self.prompt()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        os.close(self._master)  # hangs up: the shell and what runs in it end
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()

    def prompt(self) -> None:
        """Set the prompt that tells where a command ended; again after a new shell was started by hand."""
        self._send(_SET_PROMPT + "\n")
        self._wait(_PROMPT)

    def become(self, user: str) -> None:
        """`su - USER`: a login shell of an ordinary user."""
        self._send(f"su - {user}\n")
        self._wait(re.compile(r"\$ $"))
        self.prompt()

    def start(self, command: str) -> None:
        """Type a command that will go on to read or to wait."""
        self._seen = ""
        self._send(command + "\n")
        self._wait(re.compile("\n"))  # the echo of the line itself
        self._seen = self._seen.split("\n", 1)[1]

    def until(self, pattern: str) -> None:
        """Wait until the running command has shown this."""
        self._wait(re.compile(pattern))

    def keys(self, text: str) -> None:
        """Press keys: "\\x03" is Ctrl-C, "\\x04" is Ctrl-D."""
        self._send(text)

    def ends(self, expect: int | None = 0) -> str:
        """Wait for the prompt: all that the command has shown, standard output and error alike."""
        found = self._wait(_PROMPT)
        output = self._seen[: found.start()].strip("\n")
        assert expect is None or int(found[1]) == expect, f"exit code {found[1]}:\n{output}"
        return output

    def run(self, command: str, expect: int | None = 0) -> str:
        """Type a command; all that it shows until the prompt is back."""
        self.start(command)
        return self.ends(expect)

    def _send(self, text: str) -> None:
        os.write(self._master, text.encode())

    def _wait(self, pattern: re.Pattern[str]) -> re.Match[str]:
        deadline = time.monotonic() + self.seconds
        raw = b""
        while not (found := pattern.search(self._seen)):
            ready, _, _ = select.select([self._master], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"{pattern.pattern!r} was not shown within {self.seconds:.0f} s; what was:\n{self._seen}"
            try:
                raw += os.read(self._master, 65536)
            except OSError:
                raise AssertionError(f"the terminal was closed; it had shown:\n{self._seen}") from None
            try:
                text = raw.decode()
            except UnicodeDecodeError:
                continue  # a character is still on its way
            if text.rpartition("\x1b")[1] and not _CONTROL.search(text[text.rindex("\x1b") :]):
                continue  # so is a control sequence
            self._seen, raw = self._seen + _CONTROL.sub("", text), b""
        return found
