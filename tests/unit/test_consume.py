"""consume: what its flags mean, which records are chosen, where reading ends, and what a group has read then."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

import pytest
from kafka import TopicPartition

from cli.consume import beginning, reading_flags
from cli.places import place
from cluster.records import consume as onhost
from cluster.records.chosen import Chosen, Ends
from provisioner.errors import UsageError

CONSUME = {
    "from_beginning": False,
    "offset": "",
    "until_end": False,
    "until": "",
    "follow": False,
    "partition": "",
    "key": None,
    "grep": "",
    "group": "",
    "isolation": "read_uncommitted",
    "count": "",
    "timeout": "",
    "format": "",
    "json": False,
}
NOW = 1_000_000.0
HOUR_AGO = {"to": "time", "timestamp": 996_400_000}
OLDEST, NEWEST = {"to": "earliest"}, {"to": "latest"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"start": NEWEST, "end": None, "count": None, "timeout": None, "format": "{value}", "partition": None}),
        ({"from_beginning": True, "group": "g"}, {"start": OLDEST, "group": "g"}),
        ({"offset": "-10"}, {"start": {"to": "end", "minus": 10}}),
        ({"offset": "1h"}, {"start": HOUR_AGO, "end": None}),
        ({"offset": "42", "partition": "1"}, {"start": {"to": "offset", "offset": 42}, "partition": 1}),
        ({"count": "5", "timeout": "500ms"}, {"count": 5, "timeout": 0.5}),
        ({"format": "{key}\\t{value}"}, {"format": "{key}\t{value}"}),
        ({"json": True}, {"format": None}),
        ({"until_end": True}, {"start": OLDEST, "end": NEWEST}),
        ({"until_end": True, "offset": "1h"}, {"start": HOUR_AGO, "end": NEWEST}),
        ({"until": "1h"}, {"start": OLDEST, "end": HOUR_AGO}),
        ({"until": "1970-01-12T13:46:40Z"}, {"end": {"to": "time", "timestamp": 1_000_000_000}}),
        ({}, {"key": None, "grep": "", "committed": False}),
        ({"key": "", "grep": "(?i)paid", "isolation": "read_committed"}, {"key": "", "grep": "(?i)paid"}),
        ({"key": "a\\tb", "isolation": "read_committed"}, {"key": "a\\tb", "committed": True}),
    ],
)
def test_how_records_are_read_on_a_terminal(given: dict[str, Any], expected: dict[str, Any]):
    found = reading_flags({**CONSUME, **given}, piped=False, now=NOW)
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("given", "start", "end"),
    [
        ({}, OLDEST, NEWEST),
        ({"count": "5"}, OLDEST, NEWEST),
        ({"group": "g"}, OLDEST, NEWEST),
        ({"offset": "-10"}, {"to": "end", "minus": 10}, NEWEST),
        ({"until": "1h"}, OLDEST, HOUR_AGO),
        ({"follow": True}, NEWEST, None),
        ({"follow": True, "from_beginning": True}, OLDEST, None),
        ({"timeout": "10s"}, NEWEST, None),
        ({"offset": "latest"}, NEWEST, None),
        ({"timeout": "10s", "until_end": True}, OLDEST, NEWEST),
    ],
)
def test_in_a_pipe_reading_ends_with_what_is_there_unless_it_is_to_wait(given: dict[str, Any], start: Any, end: Any):
    found = reading_flags({**CONSUME, **given}, piped=True, now=NOW)
    assert (found["start"], found["end"]) == (start, end)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"from_beginning": True, "offset": "1"}, "--from-beginning and --offset"),
        ({"group": "g", "offset": "earliest"}, "--group and --offset"),
        ({"offset": "42"}, "--partition is missing"),
        ({"count": "0"}, "--count is 0"),
        ({"count": "many"}, "--count is many"),
        ({"json": True, "format": "{key}"}, "--json and --format"),
        ({"format": "{keys}"}, "there is no {keys}"),
        ({"offset": "soon"}, "--offset soon is no place"),
        ({"until": "soon"}, "--until soon: 'soon' is not a duration"),
        ({"until": "1h", "offset": "30m"}, "--until 1h is not after --offset 30m"),
        ({"until_end": True, "follow": True}, "--until-end and --follow exclude each other"),
        ({"until": "1h", "until_end": True}, "--until-end and --until exclude each other"),
        ({"grep": "("}, r"--grep \( is no regular expression"),
        ({"isolation": "serializable"}, "--isolation is serializable; it is read_uncommitted or read_committed"),
    ],
)
def test_flags_of_consume_that_mean_nothing(given: dict[str, Any], why: str):
    with pytest.raises(UsageError, match=why):
        reading_flags({**CONSUME, **given}, piped=False, now=NOW)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("earliest", {"to": "earliest"}),
        ("0", {"to": "offset", "offset": 0}),
        ("2h", {"to": "time", "timestamp": 1_000_000_000_000 - 7_200_000}),
        ("2026-01-31T08:00Z", {"to": "time", "timestamp": 1_769_846_400_000}),
        ("2026-01-31T08:00:00+09:00", {"to": "time", "timestamp": 1_769_846_400_000 - 9 * 3_600_000}),
    ],
)
def test_places(text: str, expected: dict[str, Any]):
    assert place("--to", text, now=1_000_000_000.0) == expected


def test_a_time_without_a_zone_is_that_of_whoever_types_it():
    local = datetime(2026, 1, 31, 8).astimezone(timezone.utc).timestamp()
    assert place("--to", "2026-01-31 08:00") == {"to": "time", "timestamp": int(local * 1000)}


@pytest.mark.parametrize("text", ["2026-13-01", "-", "1.5"])
def test_no_places(text: str):
    with pytest.raises(UsageError, match="--to"):
        place("--to", text)


@pytest.mark.parametrize(
    ("start", "end", "alone", "watched"),
    [
        (NEWEST, None, "what is written from now on; Ctrl-C ends", "what is written from now on; Ctrl-C ends"),
        (OLDEST, None, "", ""),
        (OLDEST, NEWEST, "", "what is there now; --follow goes on with what is written later"),
        (HOUR_AGO, NEWEST, "", "from 1970-01-12 "),
        (OLDEST, HOUR_AGO, "", "until 1970-01-12 "),
    ],
)
def test_what_is_said_before_the_first_record(start: Any, end: Any, alone: str, watched: str):
    arguments = {"start": start, "end": end}
    assert beginning("orders", arguments, watched=False) == (f"orders: {alone}" if alone else "")
    said = beginning("orders", arguments, watched=True)
    assert said.startswith(f"orders: {watched}") if watched else said == ""


# -- on the host


def record(offset: int, value: bytes | None = b"x", key: bytes | None = None, at: int = 0, partition: int = 0) -> Any:
    return SimpleNamespace(partition=partition, offset=offset, value=value, key=key, timestamp=at)


@pytest.mark.parametrize(
    ("key", "grep", "found", "wanted"),
    [
        (None, "", record(0, None), True),
        (b"7", "", record(0, key=b"7"), True),
        (b"7", "", record(0, key=b"77"), False),
        (b"", "", record(0, key=None), False),
        (None, "pa.d", record(0, b"it is paid"), True),
        (None, "pa.d", record(0, b"it is open", key=b"paid"), True),
        (None, "pa.d", record(0, None), False),
        (None, "[가-힣] 하나$", record(0, "상자 하나".encode()), True),
        (None, "x", record(0, b"\xff\xfex"), True),
        (b"7", "x", record(0, b"y", key=b"7"), False),
    ],
)
def test_records_are_chosen_by_key_and_word(key: bytes | None, grep: str, found: Any, wanted: bool):
    assert Chosen(key, grep).keeps(found) is wanted


def test_reading_ends_at_the_end_that_each_partition_had():
    ends = Ends({"to": "latest"}, lambda: {0: 3, 1: 0})
    assert not ends.reached({0: 3, 1: 0}), "nobody has asked yet"
    ends.look()
    assert not ends.beyond(record(2)) and ends.beyond(record(3))
    assert not ends.reached({0: 2, 1: 0}) and not ends.reached({0: None, 1: 0}) and not ends.reached({})
    assert ends.reached({0: 3, 1: 0}) and ends.reached({1: 5})


def test_without_an_end_nothing_is_asked_and_nothing_reached():
    ends = Ends(None, lambda: pytest.fail("asked"))
    ends.look()
    assert not ends.beyond(record(9)) and not ends.reached({0: 9})


def test_a_time_that_is_to_come_is_an_end_as_soon_as_it_has_come():
    now, asked = 99.0, []

    def ask() -> dict[int, int]:
        asked.append(now)
        return {0: 5, 1: 7}

    ends = Ends({"to": "time", "timestamp": 100_000}, ask, lambda: now)
    ends.look()
    assert not asked and not ends.reached({0: 5, 1: 7})
    # A producer whose clock is ahead has written the first record that is not older already.
    assert not ends.beyond(record(4, at=99_999)) and ends.beyond(record(5, at=100_000))
    assert ends.beyond(record(6, at=99_000)), "what comes behind it is not read, as it would not be later"
    now = 100.5
    ends.look()
    ends.look()
    assert asked == [100.5] and ends.reached({0: 5, 1: 7}) and not ends.reached({0: 5, 1: 6})


class Consumer:
    """As much of a KafkaConsumer as the reader uses: records by poll, positions, commits."""

    def __init__(self, *polls: Mapping[int, list[Any]]) -> None:
        self.polls = list(polls)
        self.positions = {TopicPartition("orders", number): 0 for number in (0, 1)}
        self.committed: dict[int, int] = {}

    def poll(self, timeout_ms: int, max_records: int | None) -> Any:
        found = self.polls.pop(0) if self.polls else {}
        for number, records in found.items():
            self.positions[TopicPartition("orders", number)] = records[-1].offset + 1
        return {TopicPartition("orders", number): records for number, records in found.items()}

    def assignment(self) -> Any:
        return set(self.positions)

    def position(self, place: TopicPartition) -> int:
        return self.positions[place]

    def commit(self, positions: Mapping[TopicPartition, Any], timeout_ms: int) -> None:
        self.committed |= {place.partition: at.offset for place, at in positions.items()}


class Feed:
    """The control machine's confirmations: one byte for each event that was written out."""

    def __init__(self) -> None:
        self.stopped = threading.Event()
        self.said = b""

    def read(self, timeout: float) -> bytes:
        said, self.said = self.said, b""
        return said

    def rest(self, timeout: float) -> bytes:
        return self.read(timeout)


def reading(consumer: Consumer, confirm: bool = True, **args: Any) -> tuple[list[bytes], onhost._Reader]:
    """What is written, and the reader behind it."""
    out: list[bytes] = []
    feed: Any = Feed()
    given = {
        "zone": [],
        "count": None,
        "timeout": 0.01,
        "group": "g",
        "key": None,
        "grep": "",
        "format": "{value}",
        "topic": "orders",
    }

    def emit(event: Mapping[str, Any]) -> None:
        if "raw" in event:
            out.extend(event["raw"].splitlines())
            feed.said += b"." if confirm else b""

    ends = Ends(args.get("end"), lambda: {0: 3, 1: 1})
    whole: Any = ({**given, "end": None, **args}, consumer, emit, feed, SimpleNamespace(), ends)
    reader = onhost._Reader(*whole)
    reader.assigned = True
    reader.read()
    return out, reader


def test_a_group_has_read_what_was_written_and_what_was_not_wanted_but_nothing_behind_the_end():
    consumer = Consumer(
        {0: [record(0, b"a"), record(1, b"b")]}, {0: [record(2, b"a"), record(3, b"a")], 1: [record(0)]}
    )
    out, reader = reading(consumer, end={"to": "latest"}, grep="a")
    assert out == [b"a", b"a"] and reader.ended and reader.count == 2
    assert consumer.committed == {0: 3, 1: 1}


def test_what_was_not_wanted_is_not_committed_before_what_came_first_is_written():
    consumer = Consumer({0: [record(0, b"a")]}, {0: [record(1, b"b")]})
    out, _ = reading(consumer, confirm=False, grep="a")
    assert out == [b"a"] and consumer.committed == {}
    alone = Consumer({0: [record(0, b"b")]})
    assert reading(alone, confirm=False, grep="a")[0] == [] and alone.committed == {0: 1}


def test_the_count_is_of_wanted_records_and_the_rest_is_left_for_the_next_member():
    records = [record(number, b"a" if number % 2 else b"b") for number in range(8)]
    consumer = Consumer({0: records, 1: [record(0, b"a")]})
    out, reader = reading(consumer, grep="a", count=2)
    assert out == [b"a", b"a"] and reader.count == 2 and not reader.ended
    assert consumer.committed == {0: 4}
