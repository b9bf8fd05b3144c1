"""The screen of `status --watch`, and its lines, kept as files for three widths. After a change that is meant to be
seen, `.venv/bin/python -m tests.unit.test_watch_shown` makes them anew; look at the difference."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cli.tables.watch import heads, line, news, number, room, screen, size
from cluster.live.picture import CONNECTING
from provisioner.report.cells import width
from provisioner.report.terminal import Terminal
from tests.support import watched
from tests.support.screenshot import picture

SCREENS = Path(__file__).with_name("screens")
NEWS = ("18:00:00 controller: kafka1 -> kafka2", "18:00:02 kafka3 does not serve any more: Connection refused")
PAGES = {
    "watch": lambda wide: screen(watched.document(), Terminal(wide), 24),
    "watch-korean": lambda wide: screen(watched.korean(), Terminal(wide), 24, NEWS),
    "watch-crowded": lambda wide: screen(watched.crowd(40, 30), Terminal(wide), 24, NEWS),
}


def transcript(page: str) -> str:
    parts = [f"-- {wide} columns\n" + "\n".join(PAGES[page](wide)) for wide in (60, 80, 120)]
    return "\n\n".join(parts) + "\n"


@pytest.mark.parametrize("page", PAGES)
def test_a_screen_is_as_it_is_kept(page: str):
    assert transcript(page) == (SCREENS / f"{page}.txt").read_text(encoding="utf-8"), __doc__


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("wide", [50, 60, 80, 120, 200])
def test_a_screen_fits(page: str, wide: int):
    lines = PAGES[page](wide)
    assert len(lines) <= 24 and max(map(width, lines)) <= wide


@pytest.mark.parametrize("height", [1, 5, 10, 15, 24, 50, 200])
def test_a_screen_is_never_higher_than_the_window_and_says_what_it_has_no_room_for(height: int):
    found = watched.crowd(40, 30)
    lines = screen(found, Terminal(80), height, NEWS)
    assert 0 < len(lines) <= height
    shown = sum(text.startswith(("topic-", "group-")) for text in lines)
    hidden = [int(text.split()[1]) for text in lines if re.fullmatch(r"and \d+ more", text)]
    if height == 200:
        assert (shown, hidden) == (70, [])
    if height == 24:
        rows = shown + len(watched.document()["topics"]) + len(watched.document()["groups"])
        assert len(hidden) == 2 and sum(hidden) < 70 <= rows + sum(hidden)


@pytest.mark.parametrize(
    ("height", "wanted", "given"),
    [
        (10, [3, 2, 2], [3, 2, 2]),
        (6, [3, 9, 9], [2, 2, 2]),
        (7, [1, 9, 9], [1, 3, 3]),
        (0, [3, 9], [0, 0]),
        (-4, [3, 9], [0, 0]),
        (5, [], []),
    ],
)
def test_tables_share_the_lines_that_there_are(height: int, wanted: list[int], given: list[int]):
    assert room(height, wanted) == given


def test_what_matters_has_a_colour_where_there_are_colours():
    bad = watched.korean()
    bad["brokers"]["서울-카프카1"]["disks"][0]["used_bytes"] = bad["brokers"]["서울-카프카1"]["disks"][0]["total_bytes"]
    text = "\n".join(screen(bad, Terminal(120, colour=True), 40))
    assert "\x1b[31mdown\x1b[0m" in text and "\x1b[32mserving\x1b[0m" in text and "\x1b[33m100%" in text
    assert "\x1b[33m7 under-replicated\x1b[0m" in text and "\x1b[31m2 of 3 brokers serve\x1b[0m" in text
    assert "\x1b" not in "\n".join(screen(bad, Terminal(120), 40))


def test_names_cannot_rewrite_the_screen():
    found = watched.document()
    found["groups"] = {"a\x1b[2Jb": {**next(iter(found["groups"].values())), "error": "no\x07"}}
    found["topics"] = {"t\x1bx": {"records_per_second": 1.0, "bytes_per_second": 1.0}}
    text = "\n".join(screen(found, Terminal(80), 24, ["\x1b[0;0Hnews"]))
    assert "\x1b" not in text and "\x07" not in text and "a[2Jb" in text


@pytest.mark.parametrize(
    ("rate", "text"), [(None, "-"), (0, "0"), (0.04, "0.0"), (0.4, "0.4"), (12.4, "12"), (1204.3, "1,204")]
)
def test_a_rate_is_as_exact_as_it_is_worth(rate: float | None, text: str):
    assert number(rate) == text


def test_bytes_are_in_their_unit():
    assert size(None) == "-" and size(823.4) == "823 B" and size(1258291.2) == "1.2 MiB"


def test_a_line_has_a_value_below_each_head_for_programs():
    found = watched.document()
    names, values = re.split(r"\s+", heads().strip()), line(found).split()
    assert len(names) == len(values)
    said = dict(zip(names, values, strict=True))
    records = sum(one["records_per_second"] for one in found["brokers"].values())
    assert said["TIME"] == found["time"] and said["BROKERS"] == "3/3" and said["RECORDS/S"] == str(round(records))
    assert said["LAG"] == str(sum(one["lag"] for one in found["groups"].values()))
    assert said["UNDER-REPLICATED"] == "0" and 0 < int(said["HEAP"]) < 100 and 0 < int(said["DISK"]) < 100
    columns = [heads().index(name) + len(name) for name in ("RECORDS/S", "LAG", "HEAP")]
    assert [line(found)[end - 1 : end + 1].strip() != "" for end in columns] == [True] * 3, "they stand below"


def test_a_line_of_a_cluster_that_says_nothing_is_one_all_the_same():
    found = watched.document()
    for broker in found["brokers"].values():
        broker |= dict.fromkeys(("records_per_second", "bytes_per_second", "heap_used_bytes"))
        broker |= {"serving": False, "why": "Connection refused", "disks": []}
    found |= {"cluster": None, "groups": {}}
    assert line(found).split()[1:] == ["0/3", "-", "-", "0", "-", "-", "-", "-", "-"]
    assert "no controller" not in "\n".join(screen(found, Terminal(80), 24))


def test_what_has_happened_is_said_once():
    before, after = watched.document(), watched.korean()
    after["brokers"] = dict(zip(before["brokers"], after["brokers"].values(), strict=True))
    last = list(before["brokers"])[-1]
    said = list(news(before, after))
    assert f"{last} does not serve any more: Connection refused" in said and "7 partitions are under-replicated" in said
    assert any(text.startswith(("controller: ", "leader of the quorum: ")) for text in said)
    back = list(news(after, before))
    assert f"{last} serves again after 12s" in back and "no partition is under-replicated any more" in back
    assert list(news(before, before)) == []
    after["brokers"][last]["why"] = CONNECTING
    assert not any("serves again" in text for text in news(after, before)), "the first time is no news"


def test_the_picture_in_the_docs_is_what_is_shown():
    kept = watched.RECORDED.with_suffix(".svg").read_text(encoding="utf-8")
    assert kept == f"{picture()}\n", "script/screenshot makes it anew"
    # Spaces are no-break spaces in it. Nothing is fetched from anywhere.
    assert ">kafka1</text>" in kept and "RECORDS/S" in kept and not re.search(r"https?://(?!www\.w3\.org/)", kept)
    assert len(kept) < 40_000


if __name__ == "__main__":
    SCREENS.mkdir(exist_ok=True)
    for page in PAGES:
        (SCREENS / f"{page}.txt").write_text(transcript(page), encoding="utf-8")
