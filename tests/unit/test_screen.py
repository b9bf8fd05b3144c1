"""The terminal is as it was before, however what takes all of it ends: on real pseudo-terminals."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TAKEN, GIVEN = "\x1b[?1049h", "\x1b[?1049l"  # the other screen of a terminal, and back
HIDDEN, SHOWN = "\x1b[?25l", "\x1b[?25h"  # its cursor
CODE = """
import os, sys
from cli.screen import Quit, Screen
wake, _ = os.pipe()
try:
    with Screen(wake) as screen:
        while True:
            terminal, height = screen.size
            screen.draw([f"seen in {terminal.width} x {height}"])
            if sys.argv[1:]:
                raise ValueError("a bug")
            screen.wait(60)
except (Quit, KeyboardInterrupt):
    try:
        print("it was ended")
    except OSError:
        pass
"""


class Terminal:
    """A program on a terminal of 80 x 24, which it leads."""

    def __init__(self, *command: str) -> None:
        begin, go = os.pipe()
        self.pid, self.master = pty.fork()
        if not self.pid:
            os.chdir(ROOT)
            os.read(begin, 1)
            os.execve(command[0], command, {**os.environ, "TERM": "xterm-256color", "PS1": "$ ", "COLUMNS": ""})
        self.resize(80, 24)
        self.seen = ""
        self.modes = termios.tcgetattr(self.master)
        os.write(go, b".")

    def resize(self, wide: int, high: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", high, wide, 0, 0))

    def keys(self, text: str) -> None:
        os.write(self.master, text.encode())

    def until(self, pattern: str) -> str:
        """Wait for it; what was shown before and with it is returned and forgotten."""
        deadline = time.monotonic() + 60
        while not (found := re.search(pattern, self.seen)):
            ready, _, _ = select.select([self.master], [], [], max(deadline - time.monotonic(), 0))
            assert ready, f"{pattern!r} was not shown; what was: {self.seen!r}"
            try:
                self.seen += os.read(self.master, 65536).decode("utf-8", "replace")
            except OSError:
                raise AssertionError(f"ended without {pattern!r}: {self.seen!r}") from None
        shown, self.seen = self.seen[: found.end()], self.seen[found.end() :]
        return shown

    def end(self) -> tuple[str, int]:
        """(the rest of what it shows, its exit code) after its end."""
        rest = self.seen
        with_rest = True
        while with_rest:
            try:
                part = os.read(self.master, 65536)
            except OSError:
                part = b""
            rest, with_rest = rest + part.decode("utf-8", "replace"), bool(part)
        return rest, os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


@pytest.fixture
def taken() -> Terminal:
    found = Terminal(sys.executable, "-c", CODE)
    shown = found.until("seen in 80 x 24")
    assert TAKEN in shown and HIDDEN in shown
    assert found.modes != termios.tcgetattr(found.master), "keys are read without Enter"
    return found


@pytest.mark.parametrize("keys", ["q", "Q", "ㅂ", "\x03"])
def test_a_key_ends_it_and_the_terminal_is_as_before(taken: Terminal, keys: str):
    taken.keys(keys)
    shown = taken.until("it was ended")
    assert shown.index(GIVEN) < shown.index("it was ended") and SHOWN in shown
    assert taken.modes == termios.tcgetattr(taken.master)
    assert taken.end()[1] == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_and_the_terminal_is_as_before(taken: Terminal, number: int):
    os.kill(taken.pid, number)
    shown = taken.until(re.escape(GIVEN))
    assert SHOWN in shown + taken.seen
    assert taken.end()[1] == 128 + number


def test_a_bug_is_shown_on_the_terminal_as_it_was_before():
    terminal = Terminal(sys.executable, "-c", CODE, "fails")
    shown = terminal.until("ValueError: a bug")
    assert shown.index(TAKEN) < shown.index(GIVEN) < shown.index("ValueError")
    assert terminal.end()[1] == 1


def test_other_keys_do_nothing_and_a_window_of_another_size_is_drawn_anew(taken: Terminal):
    taken.keys("x\n ")
    taken.resize(60, 20)
    assert GIVEN not in taken.until("seen in 60 x 20")
    taken.keys("q")
    taken.until("it was ended")
    assert taken.end()[1] == 0


def test_a_terminal_that_goes_away_ends_it(taken: Terminal):
    os.close(taken.master)
    # 120: there is nowhere any more for what Python has not written yet.
    assert os.waitstatus_to_exitcode(os.waitpid(taken.pid, 0)[1]) in (0, 120, 128 + signal.SIGHUP)


def test_the_shell_gets_its_terminal_while_it_is_stopped_and_gives_it_back():
    shell = Terminal("/bin/bash", "--norc", "--noediting", "-i")
    shell.until(r"\$ ")
    shell.keys(f"{sys.executable} -c '{CODE}'\n")
    shell.until("seen in 80 x 24")
    shell.keys("\x1a")
    shown = shell.until("Stopped")
    assert GIVEN in shown and SHOWN in shown
    shell.keys("fg\n")
    shown = shell.until("seen in 80 x 24")
    assert TAKEN in shown
    shell.keys("q")
    shell.until("it was ended")
    shell.keys("exit 0\n")
    assert shell.end()[1] == 0
