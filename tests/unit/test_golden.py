"""What people see of the tables, kept as files: at 60, 80 and 120 columns, and in a pipe.

`tests/support/transcripts.py` makes them.
"""

from __future__ import annotations

import re

import pytest

from provisioner.report.cells import width
from provisioner.report.terminal import Terminal
from tests.support.transcripts import GOLDEN, PAGES, WIDTHS, transcript

AGAIN = "if it is meant to be seen: .venv/bin/python -m tests.support.transcripts, then look at the difference"


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_as_it_is_kept(page: str):
    assert transcript(page) == (GOLDEN / f"{page}.txt").read_text(encoding="utf-8"), AGAIN


def test_every_file_is_of_a_page():
    assert {path.stem for path in GOLDEN.iterdir()} == set(PAGES), AGAIN


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("columns", [size for size in WIDTHS if size])
def test_no_line_of_a_page_is_wider_than_the_terminal(page: str, columns: int):
    for line in PAGES[page](Terminal(columns)).splitlines():
        assert width(line) <= columns, line


@pytest.mark.parametrize("page", PAGES)
def test_no_word_is_broken_and_in_a_pipe_nothing_is_cut(page: str):
    whole = PAGES[page](Terminal())
    assert "…" not in whole and "Not shown" not in whole
    words = set(whole.split())
    for columns in (60, 80, 120):
        shown = re.sub(r"(?s)Not shown in.*?(?=\n\n|\n\S|\Z)", "", PAGES[page](Terminal(columns)))
        longer_than_a_line = [word for word in words if width(word) > columns - 12]
        broken = {word for word in shown.split() if word not in words and "…" not in word}
        assert not {word for word in broken if not any(word in one for one in longer_than_a_line)}
