"""Cells as aligned columns, for answers that people read and pipes cut up. Pure."""

from __future__ import annotations

from collections.abc import Sequence


def aligned(rows: Sequence[Sequence[str]], widest: int | None = None) -> list[str]:
    """Cells as lines, each column as wide as its widest cell; the first row is the heads.

    widest: no column is wider than that; a longer cell is shown whole and pushes the rest of its line.
    """
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    widths = [size if widest is None else min(size, widest) for size in widths]
    return ["  ".join(cell.ljust(size) for cell, size in zip(row, widths, strict=True)).rstrip() for row in rows]
