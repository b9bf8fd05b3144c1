"""What produce reads and consume writes: lines into records, records into lines, and back."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.records import lines, shown
from cluster.records.lines import Lines, Parser, Record, packed, summary, unpacked


@given(st.lists(st.binary(max_size=30)), st.integers(1, 7))
def test_lines_are_whole_however_their_bytes_arrive(pieces, size):
    text = b"\n".join(piece.replace(b"\n", b"") for piece in pieces)
    cutter, found = Lines(), []
    for start in range(0, len(text), size):
        found += cutter.add(text[start : start + size])
    *whole, last = text.split(b"\n")
    assert found + cutter.rest() == whole + ([last] if last else [])


def test_a_line_without_an_end_is_refused_before_it_fills_the_memory(monkeypatch):
    monkeypatch.setattr(lines, "LINE_LIMIT", 1000)
    cutter = Lines()
    cutter.add(b"x" * 900)
    with pytest.raises(ValueError, match="is the input text"):
        cutter.add(b"x" * 200)


def test_a_line_is_a_value_as_it_is():
    parser = Parser(b"", False, [("source", b"test")])
    assert [parser.record(line) for line in (b"\xff\x00 a:b\r", b"")] == [
        Record(1, None, b"\xff\x00 a:b\r", [("source", b"test")]),
        Record(2, None, b"", [("source", b"test")]),
    ]


def test_only_the_first_separator_separates():
    assert Parser(b"::", False, []).record(b"k::v::w")[:4] == (1, b"k", b"v::w", [])
    assert Parser(b":", False, []).record(b":")[1:3] == (b"", b"")


def test_a_line_without_a_key_is_named_by_its_number():
    parser = Parser(b":", False, [])
    parser.record(b"a:b")
    with pytest.raises(ValueError, match=r"line 2 has no key: it does not contain ':'"):
        parser.record(b"ab")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('{"value": "v"}', Record(1, None, b"v", [])),
        ('{"value": null, "key": "k"}', Record(1, b"k", None, [])),
        ('{"value": {"base64": "/w=="}, "headers": {"h": "1"}}', Record(1, None, b"\xff", [("h", b"1")])),
        ('{"value": "", "headers": [["h", null], ["h", "2"]]}', Record(1, None, b"", [("h", None), ("h", b"2")])),
        (
            '{"topic": "t", "offset": 9, "partition": 2, "timestamp": 5, "value": "v"}',
            Record(1, None, b"v", [], 2, 5),
        ),
    ],
)
def test_records_as_json(line, expected):
    assert Parser(b"", True, []).record(line.encode()) == expected


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("nothing", "Expecting value"),
        ("[1]", 'an object with a "value"'),
        ('{"key": "k"}', 'an object with a "value"'),
        ('{"value": 1}', "neither text, null nor"),
        ('{"value": {"base64": "?"}}', "base64 that is none"),
        ('{"value": "v", "partition": "1"}', 'partition is "1", not a number'),
        ('{"value": "v", "partition": true}', "partition is true, not a number"),
        ('{"value": "v", "header": []}', "unknown field header; fields are key, value"),
        ('{"value": "v", "headers": ["h"]}', "headers must be like"),
        ("\ud800", "utf-8"),
    ],
)
def test_what_is_no_record_is_named(line, why):
    with pytest.raises(ValueError, match=f"line 1 is not a record as JSON: .*{why}"):
        Parser(b"", True, []).record(line.encode("utf-8", "surrogatepass"))


@given(st.none() | st.binary())
def test_any_bytes_survive_json(data):
    assert unpacked(json.loads(json.dumps(packed(data)))) == data


def record(**changes):
    found = {
        "topic": "orders",
        "partition": 3,
        "offset": 17,
        "timestamp": 1_700_000_000_012,
        "key": b"k",
        "value": b"v",
        "headers": [("a", b"1"), ("b", None)],
    }
    return SimpleNamespace(**(found | changes))


@pytest.mark.parametrize(
    ("template", "changes", "line"),
    [
        ("{value}", {"value": b"\xff\x00"}, b"\xff\x00\n"),
        ("{value}", {"value": None}, b"null\n"),
        ("{key}\t{value}", {}, b"k\tv\n"),
        ("{topic}-{partition}@{offset}", {}, b"orders-3@17\n"),
        ("{timestamp} {headers}", {}, b"2023-11-14T22:13:20.012Z a=1,b=null\n"),
        ("{timestamp}", {"timestamp": -1}, b"none\n"),
        ("{timestamp}", {"timestamp": None}, b"none\n"),
        ("{no field} {", {}, b"{no field} {\n"),
    ],
)
def test_a_record_by_a_template(template, changes, line):
    assert shown.by_template(template)(record(**changes)) == line


@pytest.mark.parametrize(("timestamp", "again"), [(0, 0), (-1, None), (None, None)])
def test_a_time_or_none_survives_json(timestamp, again):
    assert Parser(b"", True, []).record(shown.as_json(record(timestamp=timestamp))).timestamp == again


@pytest.mark.parametrize("changes", [{}, {"value": None, "key": None}, {"value": b"\xff\xfe", "headers": []}])
def test_what_consume_writes_as_json_is_what_produce_reads(changes):
    found = record(**changes)
    again = Parser(b"", True, []).record(shown.as_json(found)[:-1])
    assert (again.key, again.value, again.headers) == (found.key, found.value, found.headers)
    assert (again.partition, again.timestamp) == (3, 1_700_000_000_012)


@pytest.mark.parametrize(
    ("count", "offsets", "text"),
    [
        (0, {}, "0 records"),
        (1, {"0": [7, 7]}, "1 record, t-0 offset 7"),
        (5, {"10": [0, 1], "2": [5, 7]}, "5 records, t-2 offsets 5-7, t-10 offsets 0-1"),
        (
            7,
            {str(n): [0, 0] for n in range(7)},
            "7 records, " + ", ".join(f"t-{n} offset 0" for n in range(5)) + " and 2 more partitions",
        ),
    ],
)
def test_where_records_are(count, offsets, text):
    assert summary(count, "t", offsets) == text
