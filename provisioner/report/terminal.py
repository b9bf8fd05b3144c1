"""Where output goes: how wide it may be, and whether it may have colours. The only place that decides either.

On a terminal, lines fit it. In a pipe and in a file everything stays whole and plain, for `grep` and for the reader
with another window.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TextIO

from provisioner.report.cells import folded, hanging

Span = tuple[str, str]  # style ("" or a name both ANSI and rich know), text
_SGR = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


@dataclass(frozen=True)
class Terminal:
    """width: cells of a line; None where there is no terminal, and nothing is cut. colour: whether to colour."""

    width: int | None = None
    colour: bool = False

    def folded(self, line: Sequence[Span]) -> list[list[Span]]:
        """A line, or several where the terminal is narrower; broken at spaces: see `cells.folded`."""
        if self.width is None:
            return [list(line)]
        text = plain(line)
        first, *others = folded(text, self.width)
        return [_part(line, first), *([("", hanging(text)), *_part(line, other)] for other in others)]

    def lines(self, *line: Span) -> list[str]:
        """A line as it is written: folded, and coloured or not."""
        return [self.written(part) for part in self.folded(line)]

    def written(self, line: Sequence[Span]) -> str:
        """A line that fits, coloured or not."""
        return ansi(line) if self.colour else plain(line)


def terminal(stream: TextIO | None = None) -> Terminal:
    """What `stream` (standard output when None) leads to."""
    stream = sys.stdout if stream is None else stream
    there = stream.isatty()
    return Terminal(_columns(stream) if there else None, _coloured(there))


def plain_wanted() -> bool:
    """Whether the environment asks for text alone: no colours, and no line that is written over."""
    return bool(os.environ.get("NO_COLOR") or os.environ.get("CI") or os.environ.get("TERM", "dumb") in ("dumb", ""))


def ansi(line: Sequence[Span]) -> str:
    """Spans as text with ANSI colours."""
    return "".join(
        f"\x1b[{';'.join(_SGR[word] for word in style.split())}m{text}\x1b[0m" if style and text else text
        for style, text in line
    )


def plain(line: Sequence[Span]) -> str:
    """Spans as text."""
    return "".join(text for _, text in line)


def _coloured(there: bool) -> bool:
    """NO_COLOR beats FORCE_COLOR, as in Python's own tools (https://no-color.org, https://force-color.org)."""
    forced = bool(os.environ.get("FORCE_COLOR")) and not os.environ.get("NO_COLOR")
    return forced or (there and not plain_wanted())


def _columns(stream: TextIO) -> int:
    """COLUMNS where it is set, else what the terminal says; 80 where it says nothing."""
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given):
        return int(given)
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def _part(line: Sequence[Span], wanted: slice) -> list[Span]:
    out, start = list[Span](), 0
    for style, text in line:
        part = text[max(wanted.start - start, 0) : max(wanted.stop - start, 0)]
        out += [(style, part)] if part else []
        start += len(text)
    return out
