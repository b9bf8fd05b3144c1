"""What a page of Markdown holds that can be checked: code blocks, commands, tables, headings. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

PROGRAMS = ("invoke", "kafka-provisioner")
# What the command answers to a mistake; a page may show that, too.
_MISTAKEN = re.compile(r"has no flag|there is no verb|stands alone|did you mean `")
_COMMENT = re.compile(r"(?m)(?:^|(?<= )) *# .*$")


def blocks(text: str) -> list[str]:
    """The code blocks as they stand, those below a point of a list included."""
    return re.findall(r"^ *```.*?^ *```$", text, re.S | re.M)


def bare(block: str) -> str:
    """A code block without its comments, which are in the reader's language."""
    return "\n".join(line.rstrip() for line in _COMMENT.sub("", block).splitlines())


def comments(text: str) -> list[str]:
    """The comments in code blocks."""
    return [found.strip() for block in blocks(text) for found in _COMMENT.findall(block)]


def inline(text: str) -> list[str]:
    """What stands in backticks outside of code blocks."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"^ *```.*?^ *```$", "", text, flags=re.S | re.M))


def commands(text: str) -> list[list[str]]:
    """The words of each command of ours that a page says to type, in code blocks and in backticks, in order; those
    left out that a transcript shows as mistakes."""
    lines = [line for block in blocks(text) for line in bare(block).splitlines()]
    typed = [
        line.strip().removeprefix("$ ")
        for line, after in zip(lines, [*lines[1:], ""], strict=True)
        if not _MISTAKEN.search(after)
    ]
    parts = [part.strip() for line in [*typed, *inline(text)] for part in line.split(" | ")]
    return [_words(part) for part in parts if part.startswith(tuple(f"{program} " for program in PROGRAMS))]


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:  # an apostrophe of prose
        return command.split()


def tables(text: str) -> Iterator[list[list[str]]]:
    """The tables: rows of cells, the heading first and without the line below it."""
    for table in re.findall(r"(?:^\|.*\n)+", text, re.M):
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
        yield [row for row in rows if not set("".join(row)) <= set("-: ")]


def code(cell: str) -> list[str]:
    """What stands in backticks in a cell."""
    return re.findall(r"`([^`]+)`", cell)


def anchors(text: str) -> list[str]:
    """The places of a page that a link can lead to, as GitHub makes them of its headings."""
    outside = re.sub(r"^ *```.*?^ *```$", "", text, flags=re.S | re.M)
    return [re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in re.findall(r"^#+ (.*)$", outside, re.M)]
