"""groups.list, groups.describe, groups.reset and groups.delete: consumer groups, how far behind they are, moved."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cli import moments
from cli.asking import confirm
from cli.cluster import Cluster, opened
from cli.common import Run, for_machines, names
from cli.places import place
from cli.produce import partition as partition_flag
from cli.tables import groups as groups_table
from cluster import remote
from cluster.groups import position
from cluster.groups.reset import Step, shifted, steps
from provisioner.errors import HostFailed, UsageError
from provisioner.report.terminal import terminal
from provisioner.words import counted, some

IDLE = ("Empty", "Dead")  # states of a group without members
MAY_LAG = (position.BEYOND_END, position.NO_ANSWER)  # nobody knows the lag


def listing(run: Run, lagging: bool, topic: str, as_json: bool) -> None:
    """Print a line per group. lagging: only those that are behind; topic: names and globs, only what reads these."""
    with opened(run) as cluster:
        groups = selected(_look(cluster), lagging, names(topic))
        if as_json:
            print(for_machines([groups_table.document(one, cluster.name) for one in groups]))
        elif not groups and (lagging or topic):
            print(f"no group reads {topic}" + (" and is behind" if lagging else "") if topic else "no group is behind")
        else:
            print(groups_table.listing(groups, cluster.name, terminal()))


def selected(groups: Iterable[Mapping[str, Any]], lagging: bool, topics: Sequence[str]) -> list[dict[str, Any]]:
    """The groups that read one of these topics (names and globs, none for all), with their partitions of these alone;
    with lagging, those that are behind in one of them, or may be. Pure."""
    found = []
    for group in groups:
        rows = [
            row
            for row in group["partitions"]
            if not topics or any(fnmatch.fnmatchcase(row["topic"], pattern) for pattern in topics)
        ]
        if (topics and not rows) or (lagging and not any(row["lag"] or row["problem"] in MAY_LAG for row in rows)):
            continue
        found.append({**group, "partitions": rows})
    return found


def describe(run: Run, group: str, as_json: bool) -> None:
    """Print everything about a group."""
    with opened(run) as cluster:
        found = _one(cluster, group)
        if as_json:
            print(for_machines(groups_table.document(found, cluster.name)))
        else:
            print(groups_table.description(found, cluster.name, terminal()))


def reset(run: Run, group: str, given: Mapping[str, str], yes: bool) -> None:
    """Show where a group would go on reading, ask, move it. given: topic, partition, to, shift, as they were typed.

    Raises HostFailed for a group with members, UsageError when it is not to be.
    """
    where, by = destination(given)
    with opened(run) as cluster:
        found = _one(cluster, group)
        _refuse_active(found, "moved")
        rows = _chosen(found, given)
        _name_gone(cluster, rows)
        plan = _plan(cluster, rows, given, where, by)
        if not plan:
            raise UsageError(f"group {group} has nothing committed that could be moved", advice="name a topic: --topic")
        due = [one for one in plan if one.before != one.after]
        if where and where["to"] == "time":
            cluster.show.note(f"to the first records that are not older than {moments.said(where['timestamp'] / 1000)}")
        print(groups_table.plan(plan, terminal()))
        if not due:
            cluster.show.note("No changes: the group reads from there already")
        if run.check or not due:
            return
        confirm(cluster.show, f"Move group {group}?", yes, "nothing was moved")
        places = [[one.topic, one.partition, one.after] for one in due]
        cluster.call(remote.move_group(group, found["coordinator"], places))
        cluster.show.note(f"group {group} goes on there: {counted(len(due), 'partition')} moved")


def delete(run: Run, group: str, yes: bool) -> None:
    """Delete a group with its committed offsets; asks first."""
    with opened(run) as cluster:
        found = _one(cluster, group)
        _refuse_active(found, "deleted")
        print(groups_table.description(found, cluster.name, terminal()))
        confirm(cluster.show, f"Delete group {group}, and what it has committed?", yes, "nothing was deleted")
        cluster.call(remote.delete_group(group, found["coordinator"]))
        cluster.show.note(f"group {group} is deleted")


def destination(given: Mapping[str, str]) -> tuple[dict[str, Any] | None, int]:
    """--to and --shift: (a place as `cluster.topics.offsets.resolve` takes it, or None; records to shift by). Pure but
    for the clock. Raises UsageError."""
    if bool(given["to"]) == bool(given["shift"]):
        raise UsageError("where to? one of --to and --shift is needed")
    if given["shift"]:
        if not re.fullmatch(r"[+-]?\d{1,18}", given["shift"]) or not int(given["shift"]):
            raise UsageError(f"--shift is {given['shift']}; it is a number of records, negative to go back")
        return None, int(given["shift"])
    where = place("--to", given["to"])
    if where["to"] == "offset" and not (given["topic"] and given["partition"]):
        raise UsageError("an offset is one of a partition: --topic and --partition are needed with it")
    return where, 0


def _look(cluster: Cluster, group: str | None = None) -> list[dict[str, Any]]:
    found = cluster.call(remote.groups_look(group))
    cluster.show.host(cluster.driver.name, "")
    for broker in found["unreached"]:
        cluster.show.warning(f"{cluster.name(broker)} did not answer: groups that it coordinates are missing here")
    groups: list[dict[str, Any]] = found["groups"]
    for one in groups:
        if one["error"]:
            cluster.show.warning(f"group {one['group']} could not be read: {one['error']}")
    return groups


def _one(cluster: Cluster, group: str) -> dict[str, Any]:
    if not group:
        raise UsageError("which group? --group is missing", advice="`invoke groups.list` shows them")
    return _look(cluster, group)[0]


def _refuse_active(group: Mapping[str, Any], done: str) -> None:
    if group["state"] not in IDLE:
        raise HostFailed(
            f"group {group['group']} is active ({group['state']}): nothing was {done}",
            details=[f"member {name}" for name in groups_table.members(group["members"])],
            advice="stop these consumers first; brokers accept offsets from outside only while a group has no members",
        )


def _chosen(group: Mapping[str, Any], given: Mapping[str, str]) -> list[dict[str, Any]]:
    """A group's partitions, as far as --topic and --partition leave them."""
    number = partition_flag(given["partition"])
    if number is not None and not given["topic"]:
        raise UsageError("a partition of which topic? --topic is missing")
    return [
        row
        for row in group["partitions"]
        if given["topic"] in ("", row["topic"]) and number in (None, row["partition"])
    ]


def _name_gone(cluster: Cluster, rows: list[dict[str, Any]]) -> None:
    """Say which of the partitions do not exist any more: their offsets stay as they are."""
    gone = groups_table.gone(rows)
    if gone:
        cluster.show.warning(f"not moved, since it does not exist any more: {gone}")


def _plan(
    cluster: Cluster, rows: list[dict[str, Any]], given: Mapping[str, str], where: dict[str, Any] | None, by: int
) -> list[Step]:
    """The move of each partition that exists. Raises HostFailed where a leader does not answer: half a reset would need
    a second one."""
    if where is None:
        silent = [f"{row['topic']}-{row['partition']}" for row in rows if row["problem"] == position.NO_ANSWER]
        if silent:
            raise HostFailed(
                f"{some(silent)} {'have' if len(silent) > 1 else 'has'} no leader that answers: nothing was moved",
                advice="an election may be under way: see `invoke status`, then run the same command again",
            )
        return shifted(rows, by)
    number = partition_flag(given["partition"])
    existing = dict.fromkeys(row["topic"] for row in rows if row["problem"] != position.NO_TOPIC)
    wanted = [given["topic"]] if given["topic"] else list(existing)
    if not wanted:
        return []
    topics = {topic: None if number is None else [number] for topic in wanted}
    found = cluster.call(remote.group_destination(topics, where))
    return steps(rows, found["places"])
