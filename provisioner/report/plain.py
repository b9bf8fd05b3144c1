"""The report without a terminal: plain lines for files, pipes and CI. Results go to stdout, warnings and errors
to stderr."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TextIO

from provisioner.errors import ProvisionerError
from provisioner.quantities import format_elapsed, format_size
from provisioner.report.lines import LineReporter, put
from provisioner.report.reporter import End
from provisioner.report.terminal import Span, terminal


class PlainReporter(LineReporter):
    """Plain lines for files, pipes and CI. A host is mentioned only when it stays with one thing for a while:
    a log with two lines per resource hides the ones that matter, one that is silent for minutes looks dead."""

    FIRST, AGAIN = 5.0, 30.0  # seconds with one thing until it is mentioned, and until it is mentioned again

    def __init__(
        self, stream: TextIO, errors: TextIO | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream, self._errors = stream, errors or sys.stderr
        self._clock = clock
        self._lock = threading.RLock()
        self._doing: dict[str, tuple[str, float, float]] = {}  # what -> text, since when, when to mention it
        self._ended = threading.Event()
        self._paused = False

    def __enter__(self) -> PlainReporter:
        self._ended.clear()
        threading.Thread(target=self._watch, name="report", daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        self._paused = True
        try:
            yield
        finally:
            self._paused = False

    def host(self, name: str, text: str) -> None:
        with self._lock:
            if not text:
                self._doing.pop(name, None)
            elif self._doing.get(name, ("",))[0] != text:
                now = self._clock()
                self._doing[name] = (text, now, now + self.FIRST)

    def progress(self, key: str, label: str, done: int, total: int | None) -> None:
        what = f"progress {key}"
        with self._lock:
            now = self._clock()
            if total is not None and done >= total:
                if what in self._doing:
                    began = self._doing.pop(what)[1]
                    self.note(f"  {label}: {format_size(total)} in {format_elapsed(now - began)}")
                return
            share = f"{100 * done // total} % of {format_size(total)}" if total else format_size(done)
            _, began, due = self._doing.get(what, ("", now, now + self.FIRST))
            self._doing[what] = (f"{label}: {share}", began, due)

    def mention(self) -> None:
        """Write about everything that has been going on for long enough. Called once a second."""
        with self._lock:
            now = self._clock()
            for what, (text, since, due) in list(self._doing.items()):
                if now >= due and not self._paused:
                    self._doing[what] = (text, since, now + self.AGAIN)
                    who = "" if what.startswith("progress ") else f"{what}: "
                    self.note(f"  {who}{text} (for {format_elapsed(now - since)})")

    def error(self, error: ProvisionerError) -> None:
        super().error(error)
        with self._lock:  # a transfer that failed will not go on
            self._doing = {what: state for what, state in self._doing.items() if not what.startswith("progress ")}

    def recap(self, end: End) -> None:
        with self._lock:
            self._doing.clear()
            super().recap(end)

    def _watch(self) -> None:
        while not self._ended.wait(1.0):
            self.mention()

    def _write(self, line: list[Span]) -> None:
        with self._lock:
            self._put(self._stream, line)

    def _complain(self, lines: list[list[Span]]) -> None:
        with self._lock:
            for line in lines:
                self._put(self._errors, line)

    def _put(self, stream: TextIO, line: list[Span]) -> None:
        for text in terminal(stream).lines(*line):
            put(stream, text)
