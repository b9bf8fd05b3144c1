"""The terminal while something is shown on all of it: keys without Enter, and everything as it was before at the end.

However it ends (q, Ctrl-C, a signal, an error, Ctrl-Z and back), the terminal's own screen, its cursor and its modes
are restored. Keys are read as they are pressed, but Ctrl-C, Ctrl-Z and Ctrl-\\ keep their meaning.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import termios
import tty
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from provisioner.report.terminal import Terminal, terminal

if TYPE_CHECKING:
    from rich.live import Live

# The second one is the same key of a Korean keyboard.
QUIT = ("q", "Q", "ㅂ")
ENDING = (signal.SIGTERM, signal.SIGHUP)
NOTED = (*ENDING, signal.SIGINT, signal.SIGWINCH, signal.SIGTSTP)


def fits() -> bool:
    """Whether standard output is a terminal on which a screen can be shown."""
    unicode = (sys.stdout.encoding or "").lower().replace("-", "").startswith("utf")
    dumb = os.environ.get("TERM", "dumb") in ("dumb", "") or bool(os.environ.get("CI"))
    return sys.stdout.isatty() and unicode and not dumb


class Quit(Exception):
    """Somebody has pressed q."""


class Screen:
    """A context manager, for the main thread. wake: a file descriptor that becomes readable when `wait` should look
    what has happened.

    Signals are noted, and taken when nothing is being drawn: a drawing that is cut off would swallow what gives the
    terminal back. Python writes the number of each one to a pipe, since a handler of ours that is due just as a wait
    begins would run at its end.
    """

    def __init__(self, wake: int) -> None:
        self._wake = wake
        self._live: Live | None = None
        self._modes: list[Any] | None = None
        self._handlers: dict[int, Any] = {}
        self._signals, self._ring = os.pipe()
        os.set_blocking(self._ring, False)

    def __enter__(self) -> Screen:
        signal.set_wakeup_fd(self._ring, warn_on_full_buffer=False)
        for number in NOTED:
            self._handlers[number] = signal.signal(number, _note)
        try:
            self._take()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not leave it half given back
        self._give()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(-1)
        os.close(self._signals)
        os.close(self._ring)

    @property
    def size(self) -> tuple[Terminal, int]:
        """(the terminal, its lines) at this moment."""
        try:
            height = os.get_terminal_size(sys.stdout.fileno()).lines
        except OSError:
            height = 0
        return terminal(sys.stdout), height or 24

    def draw(self, lines: Sequence[str]) -> None:
        """Show these lines, which fit `size`, in place of what was there."""
        from rich.text import Text

        assert self._live is not None
        self._live.update(Text.from_ansi("\n".join(lines), no_wrap=True, overflow="crop"), refresh=True)

    def wait(self, seconds: float) -> bool:
        """Until `wake` is readable, the window changes (True: draw anew) or the time is over. Raises Quit,
        KeyboardInterrupt after Ctrl-C, and SystemExit after a signal that ends programs."""
        sources = [self._wake, self._signals]
        if self._modes is not None:
            sources.append(sys.stdin.fileno())
        ready, _, _ = select.select(sources, [], [], max(seconds, 0.0))
        if self._modes is not None and sys.stdin.fileno() in ready:
            self._read()
        if self._signals not in ready:
            return False
        for number in os.read(self._signals, 1024):
            if number == signal.SIGINT:
                raise KeyboardInterrupt
            if number in ENDING:
                raise SystemExit(128 + number)
            if number == signal.SIGTSTP:
                self._suspend()
        return True

    def _read(self) -> None:
        try:
            pressed = os.read(sys.stdin.fileno(), 1024)
        except OSError:
            pressed = b""
        if not pressed:  # the terminal is gone
            raise Quit
        if any(key in pressed.decode("utf-8", "replace") for key in QUIT):
            raise Quit

    def _take(self) -> None:
        """Take the terminal."""
        from rich.console import Console
        from rich.live import Live

        if sys.stdin is not None and sys.stdin.isatty():
            self._modes = termios.tcgetattr(sys.stdin.fileno())
            tty.setcbreak(sys.stdin.fileno())
        console = Console(file=sys.stdout, highlight=False, markup=False, emoji=False)
        live = Live(console=console, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False)
        live.start()
        self._live = live

    def _give(self) -> None:
        """Give the terminal back; one that is gone takes nothing."""
        live, self._live = self._live, None
        modes, self._modes = self._modes, None
        if live is not None:
            with contextlib.suppress(OSError, ValueError):
                live.stop()
        if modes is not None:
            with contextlib.suppress(OSError, termios.error):
                termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, modes)

    def _suspend(self) -> None:
        """Ctrl-Z: the shell gets its terminal as it was; goes on when it gives it back."""
        self._give()
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, _note)
        self._take()


def _note(number: int, _: object) -> None:
    """The signal is in the pipe already. A second Ctrl-C is taken at once, whatever hangs."""
    if number == signal.SIGINT:
        signal.signal(signal.SIGINT, signal.default_int_handler)
