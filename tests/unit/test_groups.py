"""Consumer groups: lag, what a reset does, and how it is told."""

from __future__ import annotations

import pytest
from kafka.protocol.consumer.metadata import ConsumerProtocolAssignment

from cli.groups import destination
from cli.tables import groups as groups_table
from cluster.groups.groups import assignment, lag
from cluster.groups.reset import Step, shifted, steps, total_lag
from cluster.names import missing
from provisioner.errors import UsageError

ROWS = [
    {"topic": "orders", "partition": 0, "committed": 40, "first": 10, "end": 100, "lag": 60, "member": "m1"},
    {"topic": "orders", "partition": 1, "committed": None, "first": 0, "end": 7, "lag": None, "member": "m1"},
    {"topic": "gone", "partition": 0, "committed": 5, "first": None, "end": None, "lag": None, "member": None},
]
MEMBERS = [
    {"id": "m1", "client": "billing", "host": "10.0.0.7", "partitions": [["orders", 0], ["orders", 1]]},
    {"id": "m2", "client": "spare\x1b[2J", "host": "10.0.0.8", "partitions": []},
]
GROUP = {
    "group": "billing",
    "state": "Stable",
    "type": "consumer",
    "assignor": "range",
    "coordinator": 2,
    "members": MEMBERS,
    "partitions": ROWS,
}


def broker(number):
    return f"kafka{number}"


@pytest.mark.parametrize(
    ("committed", "first", "end", "expected"),
    [
        (40, 10, 100, 60),
        (100, 10, 100, 0),
        (5, 10, 100, 90),  # five of them have been deleted
        (120, 0, 100, 0),  # the topic was made anew
        (None, 0, 100, None),
        (5, None, None, None),
    ],
)
def test_lag_is_what_can_still_be_read(committed, first, end, expected):
    assert lag(committed, first, end) == expected


def test_the_lag_of_a_group_is_of_what_is_known():
    assert total_lag(ROWS) == 60 and total_lag(ROWS[1:]) is None and total_lag([]) is None


@pytest.mark.parametrize(
    ("before", "after", "again", "skipped"),
    [
        (40, 10, 30, 0),
        (40, 100, 0, 60),
        (40, 40, 0, 0),
        (5, 10, 0, 0),  # what lies between has been deleted
        (5, 20, 0, 10),
        (40, 0, 30, 0),  # and so have the first ten
        (None, 100, 0, 90),
        (None, 10, 0, 0),
    ],
)
def test_what_a_reset_does_to_records(before, after, again, skipped):
    step = Step("orders", 0, before, after, 10, 100)
    assert (step.again, step.skipped) == (again, skipped)


@pytest.mark.parametrize(("by", "after"), [(-5, 35), (5, 45), (-1000, 10), (1000, 100)])
def test_a_shift_stays_where_there_are_records(by, after):
    assert shifted(ROWS, by) == [Step("orders", 0, 40, after, 10, 100)]


def test_a_step_begins_where_the_group_is():
    assert steps(ROWS, [["orders", 0, 10, 10, 100], ["orders", 1, 7, 0, 7], ["new", 0, 3, 0, 9]]) == [
        Step("orders", 0, 40, 10, 10, 100),
        Step("orders", 1, None, 7, 0, 7),
        Step("new", 0, None, 3, 0, 9),
    ]


def test_the_plan_says_what_is_read_again_and_what_is_not():
    text = groups_table.plan([Step("orders", 0, 40, 10, 10, 100), Step("orders", 1, None, 1, 0, 7)])
    assert text.splitlines() == [
        "TOPIC   PARTITION  FROM  TO",
        "orders  0          40    10  30 records read again",
        "orders  1          -     1   1 record skipped",
        "",
        "2 partitions: 30 records read again, 1 record skipped",
    ]


def test_a_description_names_who_reads_and_who_does_not():
    text = groups_table.description(GROUP, broker)
    assert text.startswith("billing: Stable, 2 members, assigned by range, coordinator kafka2, lag 60\n")
    assert [line.split() for line in text.splitlines()[3:6]] == [
        ["orders", "0", "40", "100", "60", "billing", "10.0.0.7"],
        ["orders", "1", "-", "7", "-", "billing", "10.0.0.7"],
        ["gone", "0", "5", "-", "-", "-", "-"],
    ]
    assert "members without a partition: spare" in text and "\x1b" not in text


def test_a_list_and_its_absence():
    head, line = groups_table.listing([GROUP], broker).splitlines()
    assert head.split() == list(groups_table.HEADS)
    assert line.split() == ["billing", "Stable", "2", "orders,", "gone", "60", "kafka2"]
    assert groups_table.listing([], broker) == "there are no consumer groups"


def test_assignments_as_clients_write_them():
    kind = ConsumerProtocolAssignment
    found = kind(assigned_partitions=[kind.TopicPartition(topic="t", partitions=[2, 0])], user_data=b"x")
    for version in (0, 1, 3):
        assert assignment(found.encode(version=version)) == [["t", 2], ["t", 0]]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"to": "latest"}, ({"to": "latest"}, 0)),
        ({"shift": "-12"}, (None, -12)),
        ({"shift": "+3"}, (None, 3)),
        ({"to": "7", "topic": "t", "partition": "0"}, ({"to": "offset", "offset": 7}, 0)),
    ],
)
def test_where_to(given, expected):
    assert destination({"to": "", "shift": "", "topic": "", "partition": "", **given}) == expected


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, "one of --to and --shift"),
        ({"to": "latest", "shift": "1"}, "one of --to and --shift"),
        ({"shift": "0"}, "--shift is 0"),
        ({"shift": "1h"}, "--shift is 1h"),
        ({"to": "7"}, "an offset is one of a partition"),
        ({"to": "yesterday"}, "--to yesterday is no place in a topic"),
    ],
)
def test_no_place_to_go(given, why):
    with pytest.raises(UsageError, match=why):
        destination({"to": "", "shift": "", "topic": "", "partition": "", **given})


def test_a_name_that_is_nearly_right():
    found = missing("group", "biling", ["billing", *map(str, range(20))])
    assert found.summary == "there is no group biling; did you mean billing?"
    assert found.details[0].endswith(" and 13 more")
    assert missing("topic", "x", []).details == ["there are no topics"]
