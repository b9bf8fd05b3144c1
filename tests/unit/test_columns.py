"""Tables that fit where they go, and lines that are measured in a terminal's cells."""

from __future__ import annotations

import unicodedata

import pytest

from cli.tables.columns import PIPE, Cell, Column, table
from provisioner.report.cells import cut, folded, padded, width
from provisioner.report.terminal import Terminal, terminal

LONG = "orders-" + "x" * 235 + "-events"  # 249 characters, as long as Kafka allows
COLUMNS = (
    Column("TOPIC", share=40),
    Column("PARTITIONS", drop=2),
    Column("ISR", drop=1),
    Column("NOTHING", drop=1),
    Column("SETTINGS", drop=3, share=33),
    Column("", remark=True),
)


def row(name: str, remark: str = "", settings: str = "-") -> list[str]:
    return [name, "6", "17 of 18", "-", settings, remark]


# -- cells


@pytest.mark.parametrize(
    ("text", "cells"),
    [("orders", 6), ("주문", 4), (unicodedata.normalize("NFD", "주문"), 4), ("é", 1), ("e\u0301", 1), ("", 0)],
)
def test_text_is_measured_in_cells(text: str, cells: int):
    assert width(text) == cells and width(padded(text, 9)) == 9


@pytest.mark.parametrize(
    ("text", "size", "shown"),
    [
        ("orders", 6, "orders"),
        ("orders-of-customers", 9, "orde…mers"),
        ("주문내역-결제", 9, "주문…결제"),
        ("주문내역-결제", 8, "주문…제"),
        ("compression.type=zstd, max.message.bytes=2 MiB", 30, "compression.type=zstd, …"),
        ("a compression.type=zstd", 12, "a comp…=zstd"),  # one word would be most of it
        ("orders", 1, "…"),
        ("orders", 0, ""),
        ("ae\u0301", 1, "…"),
        ("aaaaae\u0301", 4, "aa…e\u0301"),
        ("aaaae\u0301e\u0301", 3, "a…e\u0301"),
    ],
)
def test_what_is_too_long_is_cut_in_the_middle_or_after_a_word(text: str, size: int, shown: str):
    assert cut(text, size) == shown and width(shown) <= size


def lines(text: str, size: int) -> list[str]:
    return Terminal(size).lines(("", text))


@pytest.mark.parametrize(
    ("text", "size", "shown"),
    [
        ("short enough", 12, ["short enough"]),
        ("  two lines of it", 12, ["  two lines", "    of it"]),
        ("the columns  stay", 40, ["the columns  stay"]),
        ("주문 내역 조회", 11, ["주문 내역", "  조회"]),
        ("run `invoke deploy --hosts a` now", 20, ["run", "  `invoke deploy --hosts a`", "  now"]),
        ("see `invoke status`, then deploy", 19, ["see", "  `invoke status`,", "  then deploy"]),
        ("bootstrap.servers: kafka1:9092,kafka2:9092", 20, ["bootstrap.servers:", "  kafka1:9092,kafka2:9092"]),
        ("dirs=/srv/a/data,/srv/b/data", 16, ["dirs=/srv/a/", "  data,/srv/b/", "  data"]),
        ("x" * 25, 12, ["x" * 10, "  " + "x" * 10, "  " + "x" * 5]),
    ],
)
def test_lines_are_folded_at_spaces_and_commands_stay_whole(text: str, size: int, shown: list[str]):
    assert lines(text, size) == shown


def test_nothing_is_lost_by_folding_and_colours_go_with_their_words():
    text = "kafka1: " + " ".join(f"word{n}" for n in range(50))
    for size in range(8, 90):
        found = [text[one] for one in folded(text, size)]
        assert " ".join(found).replace("  ", " ") == text
        assert max(map(width, lines(text, size))) <= size
    coloured = Terminal(14, colour=True).lines(("red", "not healthy: "), ("", "broker 2"))
    assert coloured == ["\x1b[31mnot healthy:\x1b[0m", "  broker 2"]


# -- tables


def test_in_a_pipe_everything_is_whole_and_a_long_name_pushes_its_own_line_only():
    heads, short, long = table(COLUMNS, [row("orders"), row(LONG, "gone")], PIPE)
    assert heads == "TOPIC   PARTITIONS  ISR       NOTHING  SETTINGS"
    assert short == "orders  6           17 of 18  -        -"
    assert long.startswith(f"{LONG}  6 ") and long.endswith("  gone")


@pytest.mark.parametrize("name", ["orders", "주문-내역", LONG, "주문" * 60])
@pytest.mark.parametrize("columns", [24, 40, 60, 80, 120])
@pytest.mark.parametrize("remark", ["", "12 beyond the end: the topic was made again, or records were lost, 주문"])
def test_no_line_is_wider_than_the_terminal_and_columns_are_straight(name: str, columns: int, remark: str):
    found = table(COLUMNS, [row(name, remark), row("a", "", "retention.ms=1 d, " * 20)], Terminal(columns))
    assert max(map(width, found)) <= columns
    heads = found[0]
    if "ISR" in heads:  # that of the row stands in the same cell
        start = width(heads[: heads.index("ISR")])
        assert {width(line[: line.index("17 of")]) for line in found if "17 of" in line} == {start}


def test_columns_without_anything_go_first_then_the_others_by_what_they_are_worth():
    full = row("orders", settings="retention.ms=1 d")
    heads = [table(COLUMNS, [full], Terminal(columns))[0].split() for columns in (60, 50, 30, 20)]
    assert heads == [
        ["TOPIC", "PARTITIONS", "ISR", "NOTHING", "SETTINGS"],
        ["TOPIC", "PARTITIONS", "ISR", "SETTINGS"],
        ["TOPIC", "PARTITIONS", "ISR"],
        ["TOPIC", "ISR"],
    ]
    assert table(COLUMNS, [full], Terminal(50))[2:] == []  # nothing was to be seen in it
    assert table(COLUMNS, [full], Terminal(30))[2:] == ["Not shown in 30 columns:", "  SETTINGS"]


def test_room_that_is_left_goes_to_cells_that_would_be_cut():
    name = "payments.transactions.dead-letters"  # 34, more than 40 % of 60
    assert name in table(COLUMNS[:3], [row(name)[:3]], Terminal(60))[1]


def test_a_remark_stands_in_its_row_where_it_fits_and_else_below_it():
    rows = [row("orders", "the topic does not exist any more"), row("events")]
    assert table(COLUMNS, rows, Terminal(100))[1].endswith("  the topic does not exist any more")
    found = table(COLUMNS, rows, Terminal(60))
    assert found[2] == "    the topic does not exist any more" and found[3].startswith("events")


def test_colours_are_around_the_text_and_not_around_its_padding():
    rows: list[list[Cell]] = [["orders", "1", ("red", "2 of 3"), "-", "x"]]
    heads, line = table(COLUMNS[:5], rows, Terminal(80, colour=True))
    assert heads.startswith("\x1b[1mTOPIC\x1b[0m ") and "\x1b[31m2 of 3\x1b[0m  -" in line
    assert "\x1b" not in "".join(table(COLUMNS[:5], rows, Terminal(80)))


# -- where it goes


class Stream:
    def __init__(self, there: bool) -> None:
        self.there = there

    def isatty(self) -> bool:
        return self.there

    def fileno(self) -> int:
        raise OSError


@pytest.mark.parametrize(
    ("there", "environment", "expected"),
    [
        (True, {}, Terminal(77, True)),
        (True, {"NO_COLOR": "1"}, Terminal(77, False)),
        (True, {"TERM": "dumb"}, Terminal(77, False)),
        (True, {"TERM": "dumb", "FORCE_COLOR": "1"}, Terminal(77, True)),
        (True, {"CI": "true"}, Terminal(77, False)),
        (True, {"COLUMNS": "0"}, Terminal(80, True)),
        (False, {}, Terminal(None, False)),
        (False, {"FORCE_COLOR": "1"}, Terminal(None, True)),
        (False, {"FORCE_COLOR": "1", "CI": "true"}, Terminal(None, True)),
        (False, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, Terminal(None, False)),
        (False, {"FORCE_COLOR": ""}, Terminal(None, False)),
    ],
)
def test_where_output_goes_decides_its_width_and_its_colours(monkeypatch, there, environment, expected):
    for name, value in {"TERM": "xterm", "NO_COLOR": "", "CI": "", "FORCE_COLOR": "", "COLUMNS": "77"}.items():
        monkeypatch.setenv(name, environment.get(name, value))
    assert terminal(Stream(there)) == expected  # type: ignore[arg-type]
