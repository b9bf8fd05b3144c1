"""Times as people type them, wherever a flag takes one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timezone
from types import SimpleNamespace

import pytest

from cli.moments import moment, parse, said
from cli.moments import zone as offsets
from cli.places import place
from cluster.records.shown import by_template
from provisioner.errors import UsageError

SEOUL, NEW_YORK = "Asia/Seoul", "America/New_York"


@pytest.fixture
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The control machine is in this time zone."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


def utc(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc).timestamp()


NOON = utc("2026-11-26 03:00:00")  # 12:00 in Seoul
SPRING = utc("2026-03-08 16:00:00")  # noon in New York, on the day that has no 02:30


@pytest.mark.parametrize("zone", [SEOUL], indirect=True)
@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("now", "2026-11-26 03:00:00"),
        ("0", "2026-11-26 03:00:00"),
        ("2h", "2026-11-26 01:00:00"),
        ("90s", "2026-11-26 02:58:30"),
        ("2 hours ago", "2026-11-26 01:00:00"),
        ("1d", "2026-11-25 03:00:00"),
        ("9999999w", "1970-01-01 00:00:00"),
        ("11:59", "2026-11-26 02:59:00"),
        ("9:05", "2026-11-26 00:05:00"),
        ("18:00", "2026-11-25 09:00:00"),  # today's is still to come
        ("today 18:00", "2026-11-26 09:00:00"),
        ("today", "2026-11-25 15:00:00"),
        ("Yesterday", "2026-11-24 15:00:00"),
        ("yesterday 18:00:30", "2026-11-25 09:00:30"),
        ("18:00Z", "2026-11-25 18:00:00"),
        ("04:00-05:00", "2026-11-25 09:00:00"),
        ("2026-01-31", "2026-01-30 15:00:00"),
        ("2026-01-31T08", "2026-01-30 23:00:00"),
        ("2026-01-31T08:00", "2026-01-30 23:00:00"),
        ("2026-01-31 08:00:00,675", "2026-01-30 23:00:00.675"),
        ("2026-01-31T08:00:00.5Z", "2026-01-31 08:00:00.5"),
        ("2026-01-31 08:00 +0530", "2026-01-31 02:30:00"),
        ("2026-01-31T08:00+09:00", "2026-01-30 23:00:00"),
        ("2026-01-31t08:00+09", "2026-01-30 23:00:00"),
    ],
)
def test_what_is_typed_is_a_time(zone: str, text: str, meant: str):
    fraction = float(f"0{meant[19:]}") if meant[19:] else 0.0
    assert parse(text, NOON) == pytest.approx(utc(meant[:19]) + fraction, abs=1e-5)


@pytest.mark.parametrize("zone", [NEW_YORK], indirect=True)
@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("11:00", "2026-03-08 15:00:00"),
        ("yesterday 11:00", "2026-03-07 16:00:00"),
        ("today", "2026-03-08 05:00:00"),
        ("24h", "2026-03-07 16:00:00"),
    ],
)
def test_a_day_on_which_the_offset_changes(zone: str, text: str, meant: str):
    assert parse(text, SPRING) == utc(meant)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "10", "-1", "-2h", "soon", "25:00", "18:60", "18", "2026-13-01", "2026-02-30", "yesterday Z"),
        *("+09:00", "2026-01-31T08:00+99:00", "1.5", "18:00 ago", "tomorrow"),
    ],
)
def test_what_is_no_time_names_the_flag_and_the_forms(text: str):
    with pytest.raises(UsageError, match="--since") as refused:
        moment("--since", text, NOON)
    assert "how long ago (2h)" in refused.value.details[0]


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        (SEOUL, "2026-11-26 12:00:00 +09:00"),
        (NEW_YORK, "2026-11-25 22:00:00 -05:00"),
        ("UTC", "2026-11-26 03:00:00 +00:00"),
    ],
    indirect=["zone"],
)
def test_a_time_is_shown_local_with_its_offset(zone: str, expected: str):
    assert said(NOON) == expected
    assert parse(expected, NOON) == NOON


@pytest.mark.parametrize("zone", [NEW_YORK, SEOUL, "UTC"], indirect=True)
def test_a_host_that_is_elsewhere_writes_times_with_the_local_offset_of_their_day(zone: str):
    written = by_template("{timestamp}", offsets())
    for seconds in (utc("2026-03-08 06:59:59"), utc("2026-03-08 07:00:00"), utc("2026-11-01 06:00:00"), NOON, 0.0):
        local = datetime.fromtimestamp(seconds, timezone.utc).astimezone()
        if seconds or zone == "UTC":  # before the table begins, the first offset counts
            record = SimpleNamespace(timestamp=int(seconds * 1000) + 7)
            assert written(record).decode() == local.isoformat(timespec="milliseconds").replace(".000", ".007") + "\n"
    assert len(offsets()) == (1 if zone != NEW_YORK else 141)


@pytest.mark.parametrize("zone", [SEOUL], indirect=True)
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("earliest", {"to": "earliest"}),
        ("42", {"to": "offset", "offset": 42}),
        ("-10", {"to": "end", "minus": 10}),
        ("2h", {"to": "time", "timestamp": 1_795_654_800_000}),
        ("18:00", {"to": "time", "timestamp": 1_795_597_200_000}),
        ("yesterday", {"to": "time", "timestamp": 1_795_532_400_000}),
    ],
)
def test_a_place_in_a_topic_is_a_time_or_an_offset(zone: str, text: str, expected: dict[str, object]):
    assert place("--offset", text, NOON) == expected
