"""What groups.list, groups.describe and groups.reset print. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from cli.tables.columns import aligned
from cluster.groups.reset import Step, total_lag
from provisioner.report.lines import clean
from provisioner.words import counted

HEADS = ("GROUP", "STATE", "MEMBERS", "TOPICS", "LAG", "COORDINATOR")
PARTITION_HEADS = ("TOPIC", "PARTITION", "COMMITTED", "END", "LAG", "CLIENT", "HOST")
STEP_HEADS = ("TOPIC", "PARTITION", "FROM", "TO", "")

Name = Callable[[int], str]  # of a broker, by its id


def listing(groups: Sequence[Mapping[str, Any]], broker: Name) -> str:
    """A line per group."""
    rows = [
        (
            clean(one["group"]),
            one["state"],
            str(len(one["members"])),
            clean(", ".join(topics(one))) or "-",
            _number(total_lag(one["partitions"])),
            broker(one["coordinator"]),
        )
        for one in groups
    ]
    return "\n".join(aligned([HEADS, *rows])) if rows else "there are no consumer groups"


def description(group: Mapping[str, Any], broker: Name) -> str:
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
        )
        for row in group["partitions"]
    ]
    assignor = f", assigned by {group['assignor']}" if group["assignor"] else ""
    lines = [
        f"{clean(group['group'])}: {group['state']}, {counted(len(group['members']), 'member')}{assignor}, "
        f"coordinator {broker(group['coordinator'])}, lag {_number(total_lag(group['partitions']))}",
        "",
        *(aligned([PARTITION_HEADS, *rows]) if rows else ["nothing is committed, and no partition assigned"]),
    ]
    idle = [member for member in group["members"] if not member["partitions"]]
    if idle:
        lines += ["", f"members without a partition: {', '.join(members(idle))}"]
    return "\n".join(lines)


def plan(steps: Sequence[Step]) -> str:
    """What a reset would do, and the sum."""
    rows = [
        (clean(one.topic), str(one.partition), _number(one.before), str(one.after), _effect(one.again, one.skipped))
        for one in steps
    ]
    total = _effect(sum(one.again for one in steps), sum(one.skipped for one in steps))
    return "\n".join([*aligned([STEP_HEADS, *rows]), "", f"{counted(len(steps), 'partition')}: {total}"])


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


def _effect(again: int, skipped: int) -> str:
    said = [f"{counted(again, 'record')} read again"] if again else []
    said += [f"{counted(skipped, 'record')} skipped"] if skipped else []
    return ", ".join(said) or "no record read again or skipped"
