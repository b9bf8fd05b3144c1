"""What is said, as lines of styled spans: made here, shown by `plain.py` and `live.py`. What hosts and files say is
data: it is shown, never read as markup, and cannot send control sequences to the terminal."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import TextIO

from provisioner.calling import spoken
from provisioner.errors import ProvisionerError, Several
from provisioner.hidden import without
from provisioner.quantities import format_elapsed
from provisioner.report.cells import padded
from provisioner.report.cells import width as cells
from provisioner.report.reporter import End, Row
from provisioner.report.terminal import Span

SELDOM = ("applied", "reloaded")  # of the recap's counts, those that are said where there were any
_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 and C1
    r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # what turns the direction of the text around it
    r"\xad\u180e\u200b-\u200d\u2028\u2029\u2060-\u2065\u206a-\u206f\ufeff\ufff9-\ufffb"  # what is not seen
    r"\U000e0000-\U000e0fff]"
)
_SIGN_STYLES = {"+": "green", "~": "yellow", "-": "red"}


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
        self._write([("", clean(spoken(text)))])

    def warning(self, text: str) -> None:
        self._complain([[("yellow", "warning: "), ("", clean(spoken(text)))]])

    def error(self, error: ProvisionerError) -> None:
        self._complain(error_lines(error))

    def recap(self, end: End) -> None:
        for line in recap_lines(end):
            self._write(line)

    def _write(self, line: list[Span]) -> None:
        raise NotImplementedError

    def _complain(self, lines: list[list[Span]]) -> None:
        raise NotImplementedError


def change_line(name: str, resource: str, action: str, note: str = "") -> list[Span]:
    """`  ~ node1: file /etc/x (mode 0640 -> 0644)`; an action that is a word is said: `  ~ node1: restart ...`."""
    sign = action if action in _SIGN_STYLES else "~"
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
    for text in map(spoken, error.lines()):
        indent = text[: len(text) - len(text.lstrip())]  # a detail of several lines stays one block
        lines += [clean(line if n == 0 else indent + line) for n, line in enumerate(text.splitlines() or [""])]
    head, *rest = lines
    return [[("bold red", "error: "), ("bold", head)], *([("", line)] for line in rest)]


def recap_lines(end: End) -> list[list[Span]]:
    """The recap's lines. Each host's is `name : ok=41 changed=3 restarted=1 unreachable=0 failed=0 skipped=0`; applied
    and reloaded are said where anything was. A run that failed before any host had a share in it has no such lines."""
    rows = end.rows
    failed = sum(1 for row in rows.values() if row.failed or row.unreachable)
    lines: list[list[Span]] = [[("", "")]]
    if failed or not end.failed:
        lines += [[("bold", "--> Recap")], *_rows(rows)]
    how = (
        f"Failed on {failed} of {len(rows)} hosts after" if failed else "Failed after" if end.failed else "Finished in"
    )
    unchanged = "; nothing was changed" if end.failed and end.unchanged else ""
    lines.append([("bold", f"{how} {format_elapsed(end.seconds)}{unchanged}")])
    if end.next_steps:
        lines += [[("", "")], [("bold", "Next:")], *([("", f"  {clean(spoken(step))}")] for step in end.next_steps)]
    return lines


def _rows(rows: Mapping[str, Row]) -> Iterator[list[Span]]:
    width = max((cells(clean(name)) for name in rows), default=0)
    said = [name for name in vars(Row()) if name not in SELDOM or any(getattr(row, name) for row in rows.values())]
    for name, row in rows.items():
        bad, touched = row.failed or row.unreachable, row.changed or row.applied or row.reloaded or row.restarted
        style = "red" if bad else "yellow" if touched else "green"
        counts = " ".join(f"{one}={getattr(row, one)}" for one in said)
        yield [(style, padded(clean(name), width)), ("", " : "), (style, counts)]


def clean(text: str) -> str:
    """`text` without the characters that could move the cursor, ring the bell, rewrite the screen, or make a reader see
    another text than there is, and without what was decrypted in this run."""
    return without(_CONTROL.sub("", text))


def escaped(data: bytes) -> str:
    """Lines of somebody's bytes as a terminal may have them: what `clean` removes, and what is no text, as `\\x1b` or
    `\\u202e`. Tabs and ends of lines stay."""
    return _CONTROL.sub(lambda found: ascii(found[0])[1:-1], data.decode("utf-8", "backslashreplace"))


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
