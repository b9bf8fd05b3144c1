"""What a run tells the person who started it: phases, changes, diffs, progress, errors, and the recap.

`reporter()` chooses: live lines on a terminal (`report_live.py`), plain lines elsewhere (a file, CI, NO_COLOR). Results
go to stdout, warnings and errors to stderr. What hosts and files say is data: it is shown, never read as markup, and
cannot send control sequences to the terminal.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TextIO

from provisioner.errors import ProvisionerError, Several
from provisioner.quantities import format_elapsed, format_size

Span = tuple[str, str]  # style ("" or a name both ANSI and rich know), text
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SIGN_STYLES = {"+": "green", "~": "yellow", "-": "red"}
_SIGNS = {"create": "+", "add": "+", "start": "+", "delete": "-", "remove": "-", "stop": "-"}


@dataclass
class Row:
    """One host's line of the recap: how many resources are as wanted, were changed, were left out; what failed."""

    ok: int = 0
    changed: int = 0
    unreachable: int = 0
    failed: int = 0
    skipped: int = 0


class Reporter(Protocol):
    """Told by the engine and the roles what happens; from any thread. Use as a context manager."""

    def __enter__(self) -> Reporter: ...

    def __exit__(self, *exception: object) -> None: ...

    def paused(self) -> contextlib.AbstractContextManager[None]:
        """While this is entered the terminal belongs to a question, nothing is redrawn."""

    def phase(self, text: str) -> None:
        """A new part of the run begins."""

    def host(self, name: str, text: str) -> None:
        """What a host is doing now; replaces what it did before. Empty: nothing any more."""

    def change(self, name: str, resource: str, action: str, note: str = "") -> None:
        """A change made, or planned. action: "+", "~", "-", or a word such as "restart"."""

    def diff(self, name: str, resource: str, text: str) -> None:
        """A unified diff of a resource's content."""

    def progress(self, key: str, label: str, done: int, total: int | None) -> None:
        """`done` of `total` bytes of the transfer `key`; over when they are equal. total None: not known."""

    def note(self, text: str) -> None:
        """A sentence worth keeping."""

    def warning(self, text: str) -> None:
        """Something that is not an error but should be looked at."""

    def error(self, error: ProvisionerError) -> None:
        """An expected failure, in all its lines."""

    def recap(self, rows: Mapping[str, Row], seconds: float, next_steps: Sequence[str] = ()) -> None:
        """The end: one line per host in Ansible's words, how long it took, what to do next."""


def reporter(stream: TextIO | None = None) -> Reporter:
    """The reporter that fits `stream` (stdout when None)."""
    stream = stream or sys.stdout
    plain = os.environ.get("NO_COLOR") or os.environ.get("CI") or os.environ.get("TERM", "dumb") in ("dumb", "")
    unicode = (stream.encoding or "").lower().replace("-", "").startswith("utf")
    if plain or not unicode or not stream.isatty():
        return PlainReporter(stream)
    from provisioner.report_live import LiveReporter

    return LiveReporter(stream)


class LineReporter:
    """Everything that is a line: made of spans here, written by `_write`. Hosts and progress are for subclasses."""

    def phase(self, text: str) -> None:
        self._write([("bold", f"--> {clean(text)}")])

    def change(self, name: str, resource: str, action: str, note: str = "") -> None:
        self._write(change_line(name, resource, action, note))

    def diff(self, name: str, resource: str, text: str) -> None:
        for line in text.splitlines():
            self._write([(diff_style(line), f"      {clean(line)}")])

    def note(self, text: str) -> None:
        self._write([("", clean(text))])

    def warning(self, text: str) -> None:
        self._complain([[("yellow", "warning: "), ("", clean(text))]])

    def error(self, error: ProvisionerError) -> None:
        self._complain(error_lines(error))

    def recap(self, rows: Mapping[str, Row], seconds: float, next_steps: Sequence[str] = ()) -> None:
        for line in recap_lines(rows, seconds, next_steps):
            self._write(line)

    def _write(self, line: list[Span]) -> None:
        raise NotImplementedError

    def _complain(self, lines: list[list[Span]]) -> None:
        raise NotImplementedError


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

    def recap(self, rows: Mapping[str, Row], seconds: float, next_steps: Sequence[str] = ()) -> None:
        with self._lock:
            self._doing.clear()
            super().recap(rows, seconds, next_steps)

    def _watch(self) -> None:
        while not self._ended.wait(1.0):
            self.mention()

    def _write(self, line: list[Span]) -> None:
        with self._lock:
            put(self._stream, "".join(text for _, text in line))

    def _complain(self, lines: list[list[Span]]) -> None:
        with self._lock:
            for line in lines:
                put(self._errors, "".join(text for _, text in line))


def change_line(name: str, resource: str, action: str, note: str = "") -> list[Span]:
    """`  ~ node1: file /etc/x (mode 0640 -> 0644)`; an action that is a word is said: `  ~ node1: restart ...`."""
    sign = action if action in _SIGN_STYLES else _SIGNS.get(action, "~")
    word = "" if action in _SIGN_STYLES else f"{action} "
    spans = [(_SIGN_STYLES[sign], f"  {sign} "), ("bold", clean(name)), ("", f": {clean(word + resource)}")]
    return [*spans, ("dim", f" ({clean(note)})")] if note else spans


def diff_style(line: str) -> str:
    """The style of a line of a unified diff."""
    if line.startswith(("+++", "---")):
        return "bold"
    return {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")


def error_lines(error: ProvisionerError) -> list[list[Span]]:
    """An error, or each of Several, as `ProvisionerError.lines` words it, its head marked."""
    if isinstance(error, Several):
        return [line for each in error.errors for line in error_lines(each)]
    lines = []
    for text in error.lines():
        indent = text[: len(text) - len(text.lstrip())]  # a detail of several lines stays one block
        lines += [clean(line if n == 0 else indent + line) for n, line in enumerate(text.splitlines() or [""])]
    head, *rest = lines
    return [[("bold red", "error: "), ("bold", head)], *([("", line)] for line in rest)]


def recap_lines(rows: Mapping[str, Row], seconds: float, next_steps: Sequence[str]) -> list[list[Span]]:
    """The recap's lines. Each host's is `name : ok=41 changed=3 unreachable=0 failed=0 skipped=0`."""
    width = max((len(name) for name in rows), default=0)
    lines: list[list[Span]] = [[("", "")], [("bold", "--> Recap")]]
    for name, row in rows.items():
        bad = row.failed or row.unreachable
        style = "red" if bad else "yellow" if row.changed else "green"
        counts = (
            f"ok={row.ok} changed={row.changed} unreachable={row.unreachable} failed={row.failed} skipped={row.skipped}"
        )
        lines.append([(style, clean(name).ljust(width)), ("", " : "), (style, counts)])
    failed = sum(1 for row in rows.values() if row.failed or row.unreachable)
    how = f"Failed on {failed} of {len(rows)} hosts after" if failed else "Finished in"
    lines.append([("bold", f"{how} {format_elapsed(seconds)}")])
    if next_steps:
        lines += [[("", "")], [("bold", "Next:")], *([("", f"  {clean(step)}")] for step in next_steps)]
    return lines


def clean(text: str) -> str:
    """`text` without the control characters that could move the cursor, ring the bell or rewrite the screen."""
    return _CONTROL.sub("", text)


def put(stream: TextIO, line: str) -> None:
    """Write a line, whatever the stream can encode. A reader that went away (`| head`) must not stop a deploy."""
    encoding = stream.encoding or "utf-8"
    try:
        stream.write(line.encode(encoding, "replace").decode(encoding) + "\n")
        stream.flush()
    except BrokenPipeError:
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, stream.fileno())
        os.close(devnull)
