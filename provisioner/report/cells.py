"""Text as a terminal shows it: measured in cells, of which a Korean syllable takes two; cut, and folded. Pure.

`len` counts characters: columns that are padded by it are crooked as soon as a name is not ASCII.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

MORE = "…"
# A word; one is also a command in backticks, so that it can be copied in one piece, and a number with its unit.
_WORD = re.compile(r"[^\s`]*`[^`]*`[^\s`]*|\d[\d.,]* (?:[KMGT]?i?B|ms|s|h|d|%)(?!\w)[^\s`]*|\S+")
_SERVERS = re.compile(r"(?:[\w.\[\]-]+:\d+,)+[\w.\[\]-]+:\d+")  # bootstrap.servers
_MARK = re.compile(r"\s*(?:->|\d+\.|[~+-]) ")  # of advice, of a step, of a change
_JOINTS = (",;", ":=&/?")  # after these, the first ones rather, a word that is wider than the whole line is broken


def width(text: str) -> int:
    """The cells that `text` takes; `text` has no control characters."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # not needed for most tables, and 4 ms

    return cell_len(text)


def padded(text: str, size: int) -> str:
    """`text`, and spaces up to `size` cells."""
    return text + " " * (size - width(text))


def cut(text: str, size: int) -> str:
    """`text` in at most `size` cells. Several words are cut after one of them; a single one in the middle, since long
    names mostly differ at their end."""
    if width(text) <= size:
        return text
    if size < 2:
        return MORE[:size]
    words = text[: fitting(text, size - width(MORE) - 1) + 1].rpartition(" ")[0].rstrip()
    if 3 * width(words) >= size:
        return f"{words} {MORE}"
    head = text[: fitting(text, size // 2)]
    return head + MORE + _tail(text, size - width(head) - width(MORE))


def folded(text: str, size: int) -> list[slice]:
    """The lines of at most `size` cells into which `text` falls at its spaces; those after the first leave room for
    `hanging(text)` in front of them.

    A word that is wider than a line is broken after a joint of a path or a list, or at the edge; but what is copied (a
    command in backticks, bootstrap.servers) never is: it gets a line of its own, and the terminal wraps it.
    """
    if width(text) <= size:
        return [slice(0, len(text))]
    lines: list[slice] = []
    start = end = 0  # of the line that is being filled
    room = size
    for first, last in _pieces(text, max(size - len(hanging(text)), 1)):
        if end and width(text[start:last]) > room:
            lines.append(slice(start, end))
            start, room = first, size - len(hanging(text))
        end = last
    return [*lines, slice(start, end)]


def hanging(text: str) -> str:
    """What is put before the lines after the first: they begin behind the mark of `text`, or two cells behind its
    beginning."""
    mark = _MARK.match(text)
    return " " * (mark.end() if mark else len(text) - len(text.lstrip()) + 2)


def _pieces(text: str, room: int) -> Iterator[tuple[int, int]]:
    """(start, end) of each word, or of its parts where it is wider than `room`."""
    for word in _WORD.finditer(text):
        start, end = word.span()
        copied = "`" in word[0] or _SERVERS.fullmatch(word[0])
        while not copied and width(text[start:end]) > room:
            fits = max(fitting(text[start:end], room), 1)
            part = _joint(text, start, start + fits)
            yield start, part
            start = part
        yield start, end


def _joint(text: str, start: int, end: int) -> int:
    """Where to break a word that goes on after `end`: behind a joint in the second half, else at `end`."""
    for joints in _JOINTS:
        for place in range(end, (start + end) // 2, -1):
            if text[place - 1] in joints and text[place] not in "".join(_JOINTS):
                return place
    return end


def fitting(text: str, size: int) -> int:
    """The number of characters of `text` that fit into `size` cells, from its beginning."""
    if text.isascii():
        return min(max(size, 0), len(text))
    return next((n for n in range(len(text)) if width(text[: n + 1]) > size), len(text))


def _tail(text: str, size: int) -> str:
    """The end of `text` in at most `size` cells; it does not begin with a mark of the character before it."""
    start = len(text)
    while start and width(text[start - 1 :]) <= size:
        start -= 1
    while start < len(text) and not width(text[start]):
        start += 1
    return text[start:]
