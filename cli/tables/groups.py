"""What groups.list, groups.describe and groups.reset print. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from cli.tables.columns import PIPE, Column, table
from cluster.groups import position
from cluster.groups.reset import Step, total_lag
from provisioner.report.lines import clean
from provisioner.report.terminal import Span, Terminal
from provisioner.words import counted, some

COLUMNS = (
    Column("GROUP", share=40),
    Column("STATE", drop=1),
    Column("MEMBERS", drop=3),
    Column("TOPICS", drop=2, share=25),
    Column("LAG"),
    Column("COORDINATOR", drop=4),
    Column("", remark=True),
)
PARTITION_COLUMNS = (
    Column("TOPIC", share=40),
    Column("PARTITION"),
    Column("COMMITTED", drop=2),
    Column("END OFFSET", drop=3),
    Column("LAG"),
    Column("CLIENT", drop=1, share=25),
    Column("HOST", drop=4, share=25),
    Column("", remark=True),
)
STEP_COLUMNS = (
    Column("TOPIC", share=40),
    Column("PARTITION"),
    Column("FROM"),
    Column("TO"),
    Column("", remark=True),
)

CONSUMER = "consumer"  # the type of a group whose members' assignments are partitions

# What is wrong with a place that has no number to tell, and with several places at once.
SAID = {
    position.NO_TOPIC: "the topic does not exist any more",
    position.NO_PARTITION: "the partition does not exist any more",
    position.NO_ANSWER: "no leader answers",
}
SUMMED = {
    position.BEYOND_END: "beyond the end",
    position.BEFORE_START: "behind deleted records",
    position.NO_TOPIC: "whose topic is gone",
    position.NO_PARTITION: "gone",
    position.NO_ANSWER: "without a leader",
}

Name = Callable[[int], str]  # of a broker, by its id


def listing(groups: Sequence[Mapping[str, Any]], broker: Name, terminal: Terminal = PIPE) -> str:
    """A line per group."""
    rows = [
        (
            clean(one["group"]),
            one["state"] or "-",
            "-" if one["error"] else str(len(one["members"])),
            clean(", ".join(topics(one))) or "-",
            _number(total_lag(one["partitions"])),
            broker(one["coordinator"]),
            ("red", summary(one)),
        )
        for one in groups
    ]
    return "\n".join(table(COLUMNS, rows, terminal)) if rows else "there are no consumer groups"


def description(group: Mapping[str, Any], broker: Name, terminal: Terminal = PIPE) -> str:
    """Everything about a group: its partitions with their lag and who reads them, and members without any."""
    of = {member["id"]: member for member in group["members"]}
    rows = [
        (
            clean(row["topic"]),
            str(row["partition"]),
            _number(row["committed"]),
            _number(row["end"]),
            _number(row["lag"]),
            clean(of.get(row["member"], {}).get("client", "-")),
            clean(of.get(row["member"], {}).get("host", "-")),
            ("red", remark(row)),
        )
        for row in group["partitions"]
    ]
    kind = f" of type {clean(group['type'])}" if group["type"] not in ("", CONSUMER) else ""
    assignor = f", assigned by {clean(group['assignor'])}" if group["assignor"] else ""
    head = (
        f": {group['state']}, {counted(len(group['members']), 'member')}{kind}{assignor}, "
        f"coordinator {broker(group['coordinator'])}, lag {_number(total_lag(group['partitions']))}"
    )
    lines = [
        *terminal.lines(("bold", clean(group["group"])), ("", head)),
        "",
        *(
            table(PARTITION_COLUMNS, rows, terminal)
            if rows
            else terminal.lines(("", "nothing is committed, and no partition assigned"))
        ),
    ]
    unreadable = [member for member in group["members"] if member["unreadable"]]
    idle = [member for member in group["members"] if not member["partitions"] and not member["unreadable"]]
    if unreadable:
        said = f"members whose assignment is not that of a consumer: {', '.join(members(unreadable))}"
        lines += ["", *terminal.lines(("yellow", said))]
    if idle:
        lines += ["", *terminal.lines(("yellow", f"members without a partition: {', '.join(members(idle))}"))]
    return "\n".join(lines)


def remark(row: Mapping[str, Any]) -> str:
    """What is wrong with a group's place in a partition, and by how much; mostly ""."""
    if row["problem"] == position.BEYOND_END:
        return f"{row['committed'] - row['end']:,} beyond the end: the topic was made again, or records were lost"
    if row["problem"] == position.BEFORE_START:
        return f"{counted(row['first'] - row['committed'], 'record')} deleted before being read"
    return SAID.get(row["problem"], "")


def summary(group: Mapping[str, Any]) -> str:
    """What is wrong with a group, in a few words; mostly ""."""
    if group["error"]:
        return f"could not be read: {clean(group['error'])}"
    of = Counter(row["problem"] for row in group["partitions"])
    said = [f"{counted(of[problem], 'partition')} {what}" for problem, what in SUMMED.items() if of[problem]]
    unreadable = sum(member["unreadable"] for member in group["members"])
    said += [f"{counted(unreadable, 'member')} with an assignment that is not a consumer's"] if unreadable else []
    return ", ".join(said)


def gone(rows: Iterable[Mapping[str, Any]]) -> str:
    """The topics and partitions of these that do not exist any more: "topic orders, events-7"."""
    lost = [row for row in rows if row["problem"] in position.GONE]
    names = dict.fromkeys(
        f"topic {row['topic']}" if row["problem"] == position.NO_TOPIC else f"{row['topic']}-{row['partition']}"
        for row in lost
    )
    return some(names)


def plan(steps: Sequence[Step], terminal: Terminal = PIPE) -> str:
    """What a reset would do, and the sum."""
    rows = [
        (clean(one.topic), str(one.partition), _number(one.before), str(one.after), _effect([one])) for one in steps
    ]
    total: Span = ("", f"{counted(len(steps), 'partition')}: {_effect(steps)}")
    return "\n".join([*table(STEP_COLUMNS, rows, terminal), "", *terminal.lines(total)])


def document(group: Mapping[str, Any], broker: Name) -> dict[str, Any]:
    """A group as JSON: as `cluster.groups.groups.look` tells it, with the lag of all, and the coordinator's name."""
    return {**group, "coordinator_host": broker(group["coordinator"]), "lag": total_lag(group["partitions"])}


def topics(group: Mapping[str, Any]) -> list[str]:
    """The names of the topics that a group reads."""
    return list(dict.fromkeys(row["topic"] for row in group["partitions"]))


def members(there: Iterable[Mapping[str, Any]]) -> list[str]:
    """Members as people know them: client and host."""
    return [f"{clean(member['client'])} at {clean(member['host'])}" for member in there]


def _number(value: int | None) -> str:
    return "-" if value is None else str(value)


def _effect(steps: Sequence[Step]) -> str:
    """Records read again and skipped by these steps, and those of which the committed offset says nothing."""
    again, skipped = sum(one.again for one in steps), sum(one.skipped for one in steps)
    beyond, expired = [one for one in steps if one.beyond], sum(one.expired for one in steps)
    said = [f"{counted(again, 'record')} read again"] if again else []
    said += [f"{counted(skipped, 'record')} skipped"] if skipped else []
    said = said or ([] if beyond else ["no record read again or skipped"])
    said += [f"{counted(expired, 'record')} deleted before being read"] if expired else []
    if beyond:
        left = sum((one.end or 0) - max(one.after, one.first or 0) for one in beyond)
        where = f"was {beyond[0].beyond:,} beyond the end" if len(steps) == 1 else f"{len(beyond)} beyond the end"
        said.append(f"{where}, {counted(left, 'record')} to read")
    return ", ".join(said)
