"""Consumer groups: lag, what a reset does, and how it is told."""

from __future__ import annotations

import pytest
from kafka.protocol.consumer.metadata import ConsumerProtocolAssignment

from cli.groups import destination, selected
from cli.tables import groups as groups_table
from cluster.groups.assignment import assigned
from cluster.groups.position import lag
from cluster.groups.reset import Step, shifted, steps, total_lag
from cluster.names import missing
from provisioner.errors import UsageError


def row(topic, partition, committed, first, end, lag, member=None, problem=None):
    names = ("topic", "partition", "committed", "first", "end", "lag", "member", "problem")
    return dict(zip(names, (topic, partition, committed, first, end, lag, member, problem), strict=True))


ROWS = [
    row("orders", 0, 40, 10, 100, 60, "m1"),
    row("orders", 1, None, 0, 7, None, "m1"),
    row("gone", 0, 5, None, None, None, problem="no_topic"),
]
MEMBERS = [
    {"id": name, "client": client, "host": host, "partitions": partitions, "unreadable": False}
    for name, client, host, partitions in (
        ("m1", "billing", "10.0.0.7", [["orders", 0], ["orders", 1]]),
        ("m2", "spare\x1b[2J", "10.0.0.8", []),
    )
]
GROUP = {
    "group": "billing",
    "state": "Stable",
    "type": "consumer",
    "assignor": "range",
    "coordinator": 2,
    "error": None,
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
        (120, 0, 100, None),  # the topic was made again: what is read next is up to the consumers
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
        (409, 10, 0, 0),  # beyond the end: nothing that exists is known to have been read
        (409, 100, 0, 90),
        (409, 40, 0, 30),
        (101, 10, 0, 0),
        (100, 10, 90, 0),
    ],
)
def test_what_a_reset_does_to_records(before, after, again, skipped):
    step = Step("orders", 0, before, after, 10, 100)
    assert (step.again, step.skipped) == (again, skipped)
    assert step.again <= 90 and step.beyond == max(0, (before or 0) - 100)


BEHIND, READ, ODD = (
    {**GROUP, "group": name, "partitions": rows}
    for name, rows in (
        ("behind", [row("orders", 0, 40, 10, 100, 60), row("clicks", 0, 9, 0, 9, 0)]),
        ("read", [row("orders", 0, 100, 10, 100, 0), row("orders", 1, None, 0, 7, None)]),
        ("odd", [row("clicks-2", 0, 409, 0, 10, None, problem="beyond_end")]),
    )
)


@pytest.mark.parametrize(
    ("lagging", "topics", "expected"),
    [
        (False, (), {"behind": 2, "read": 2, "odd": 1}),
        (True, (), {"behind": 2, "odd": 1}),  # where a group goes on beyond the end, nobody knows
        (False, ("orders",), {"behind": 1, "read": 2}),
        (True, ("orders",), {"behind": 1}),
        (True, ("clicks",), {}),
        (False, ("click*",), {"behind": 1, "odd": 1}),
        (False, ("order", "Orders"), {}),
    ],
)
def test_groups_are_selected_by_their_lag_and_topics(lagging, topics, expected):
    found = selected([BEHIND, READ, ODD], lagging, topics)
    assert {one["group"]: len(one["partitions"]) for one in found} == expected


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
        ["gone", "0", "5", "-", "-", "-", "-", "the", "topic", "does", "not", "exist", "any", "more"],
    ]
    assert "members without a partition: spare" in text and "\x1b" not in text


def test_a_list_and_its_absence():
    head, line = groups_table.listing([GROUP], broker).splitlines()
    assert head.split() == [one.head for one in groups_table.COLUMNS if one.head]
    assert line.split()[:7] == ["billing", "Stable", "2", "orders,", "gone", "60", "kafka2"]
    assert line.endswith("kafka2       1 partition whose topic is gone")
    assert groups_table.listing([], broker) == "there are no consumer groups"


def test_assignments_as_clients_write_them():
    kind = ConsumerProtocolAssignment
    found = kind(assigned_partitions=[kind.TopicPartition(topic="t", partitions=[2, 0])], user_data=b"x")
    for version in (0, 1, 3):
        assert assigned(found.encode(version=version)) == [["t", 2], ["t", 0]]


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
        ({"to": "tomorrow"}, "--to tomorrow is no place in a topic"),
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


OUTSIDE = [
    row("orders", 0, 409, 0, 10, None, problem="beyond_end"),
    row("orders", 5, 7, None, None, None, problem="no_partition"),
    row("events", 0, 4, 10, 30, 20, problem="before_start"),
    row("events", 1, 4, None, None, None, problem="no_answer"),
    row("gone", 0, 5, None, None, None, problem="no_topic"),
    row("gone", 1, 5, None, None, None, problem="no_topic"),
]


def test_a_place_outside_of_the_log_is_shown_for_what_it_is():
    lost = {**GROUP, "partitions": OUTSIDE, "members": []}
    lines = groups_table.description(lost, broker).splitlines()
    remarks = [line.split(maxsplit=7)[7] for line in lines[3:9]]
    assert remarks == [
        "399 beyond the end: the topic was made again, or records were lost",
        "the partition does not exist any more",
        "6 records deleted before being read",
        "no leader answers",
        "the topic does not exist any more",
        "the topic does not exist any more",
    ]
    assert [line.split()[4] for line in lines[3:9]] == ["-", "-", "20", "-", "-", "-"]
    assert groups_table.summary(lost) == (
        "1 partition beyond the end, 1 partition behind deleted records, 2 partitions whose topic is gone, "
        "1 partition gone, 1 partition without a leader"
    )
    assert groups_table.gone(OUTSIDE) == "orders-5, topic gone" and groups_table.gone(OUTSIDE[:1]) == ""
    assert groups_table.document(lost, broker)["lag"] == 20


def test_a_reset_promises_no_record_that_does_not_exist():
    to_start = [Step("orders", 0, 409, 0, 0, 10), Step("events", 0, 4, 10, 10, 30)]
    assert groups_table.plan(to_start).splitlines()[1:] == [
        "orders  0          409   0   was 399 beyond the end, 10 records to read",
        "events  0          4     10  no record read again or skipped, 6 records deleted before being read",
        "",
        "2 partitions: 6 records deleted before being read, 1 beyond the end, 10 records to read",
    ]
    to_end = groups_table.plan([Step("orders", 0, 409, 10, 0, 10), Step("orders", 1, 7, 3, 0, 9)])
    assert to_end.splitlines()[1:] == [
        "orders  0          409   10  10 records skipped, was 399 beyond the end, 0 records to read",
        "orders  1          7     3   4 records read again",
        "",
        "2 partitions: 4 records read again, 10 records skipped, 1 beyond the end, 0 records to read",
    ]
    assert shifted(OUTSIDE, -5) == [Step("orders", 0, 409, 10, 0, 10), Step("events", 0, 4, 10, 10, 30)]
