"""Cells as a table that fits where it goes: on a terminal columns are left out and cells cut, in a pipe all is whole.

A module of tables declares its columns with what they are worth, makes rows of cells, and leaves the rest to `table`:

    COLUMNS = (Column("TOPIC", share=50), Column("ISR", drop=2), Column("ON DISK", drop=5), Column("", remark=True))
    lines = table(COLUMNS, rows, terminal())

Pure: `provisioner.report.terminal` says how wide and how coloured, and tests say `Terminal(60)`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from provisioner.report.cells import cut, padded, width
from provisioner.report.terminal import Span, Terminal

Cell = str | Span  # text, or (style, text)

GAP = 2  # cells between columns
LEAST = 10  # a cell is never cut to fewer
PADDED = 60  # cells of a column in a pipe; what is longer is whole, and pushes the rest of its own line, no other one
NOTHING = ("", "-")  # what stands in a cell that says nothing


@dataclass(frozen=True)
class Column:
    """head: as it is shown. drop: when a terminal is too narrow, the column with the highest number goes first; one
    with 0 stays. share: percent of the terminal that a column takes before others are left out for it, after which its
    cells are cut; 0: its cells are never cut. remark: sentences, mostly none; below their rows where they are too wide.
    Only the last column is one."""

    head: str
    drop: int = 0
    share: int = 0
    remark: bool = False


PIPE = Terminal()


def table(
    columns: Sequence[Column], rows: Iterable[Sequence[Cell]], terminal: Terminal = PIPE, indent: int = 0
) -> list[str]:
    """Heads and rows as lines, and below them the heads of what the terminal had no room for.

    A row has a cell for each column, of clean text: see `provisioner.report.lines.clean`. indent: spaces before each
    line.
    """
    listed = [[_styled(cell) for cell in row] for row in rows]
    if terminal.width is None:
        shown, sizes = list(range(len(columns))), _natural(columns, listed, PADDED)
    else:
        shown, sizes = _fitted(columns, listed, terminal.width - indent)
    apart = [n for n, column in enumerate(columns) if column.remark and n not in shown]
    before = " " * indent
    lines = [before + _line([("bold", columns[n].head) for n in shown], sizes, terminal)]
    for row in listed:
        lines.append(before + _line([row[n] for n in shown], sizes, terminal))
        lines += [text for n in apart if row[n][1] for text in terminal.lines(("", f"{before}    "), row[n])]
    missing = [columns[n].head for n in range(len(columns)) if n not in (*shown, *apart) and _says(n, listed)]
    if missing:
        lines += terminal.lines(("dim", f"{before}Not shown in {terminal.width} columns: {', '.join(missing)}"))
    return lines


def _styled(cell: Cell) -> Span:
    return ("", cell) if isinstance(cell, str) else cell


def _natural(columns: Sequence[Column], rows: Sequence[Sequence[Span]], most: int | None = None) -> list[int]:
    """The size that each column would have; without what is longer than `most`."""
    found = [[width(one.head), *(width(row[n][1]) for row in rows)] for n, one in enumerate(columns)]
    return [max(size for size in sizes if most is None or size <= most) for sizes in found]


def _says(column: int, rows: Sequence[Sequence[Span]]) -> bool:
    """Whether anything stands in a column."""
    return any(row[column][1] not in NOTHING for row in rows)


def _fitted(columns: Sequence[Column], rows: Sequence[Sequence[Span]], most: int) -> tuple[list[int], list[int]]:
    """(the columns that are shown, their sizes). First a remark goes below its rows, then columns in which nothing
    stands are left out, then others by `drop`, then cells are cut. What is left over goes to cells that are cut."""
    natural = _natural(columns, rows)
    taken = [
        min(size, max(LEAST, most * one.share // 100)) if one.share else size
        for size, one in zip(natural, columns, strict=True)
    ]
    shown = list(range(len(columns)))

    def over(sizes: Sequence[int]) -> int:
        return sum(sizes[n] for n in shown) + GAP * (len(shown) - 1) - most

    def worth(n: int) -> tuple[bool, bool, int]:
        return columns[n].remark, not _says(n, rows), columns[n].drop

    for n in sorted(shown, key=worth, reverse=True):
        if over(natural if columns[n].remark else taken) > 0 and (columns[n].remark or columns[n].drop):
            shown.remove(n)
    flexible = [n for n in shown if columns[n].share]
    for n in reversed(flexible) if over(taken) > 0 else flexible:
        taken[n] = min(natural[n], max(taken[n] - over(taken), LEAST))
    return shown, [taken[n] for n in shown]


def _line(cells: Sequence[Span], sizes: Sequence[int], terminal: Terminal) -> str:
    if terminal.width is not None:
        cells = [(style, cut(text, size)) for (style, text), size in zip(cells, sizes, strict=True)]
    last = max((n for n, (_, text) in enumerate(cells) if text), default=-1)
    spans: list[Span] = []
    for n, (style, text) in enumerate(cells[: last + 1]):
        spans.append((style, text))
        if n < last:
            spans.append(("", padded("", max(sizes[n] - width(text), 0) + GAP)))
    return terminal.written(spans)
