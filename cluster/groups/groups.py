"""Consumer groups: members, committed offsets and lag; a group without members can be moved and deleted.

Every broker lists the groups that it coordinates: the broker that lists a group is its coordinator.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, Optional

from kafka.errors import KafkaError
from kafka.protocol.admin import DeleteGroupsRequest, DescribeGroupsRequest, ListGroupsRequest
from kafka.protocol.consumer import OffsetCommitRequest, OffsetFetchRequest
from kafka.protocol.consumer.metadata import ConsumerProtocolType

from cluster import names
from cluster.cluster import CONNECTION_TIMEOUT, Cluster, answering
from cluster.groups import position
from cluster.groups.assignment import Unreadable, assigned
from cluster.model import Broker
from cluster.protocol import wire
from cluster.topics import offsets
from provisioner.agent.failure import Failure
from provisioner.words import counted

if TYPE_CHECKING:
    from provisioner.agent.waiting import Emit

READERS = 16  # threads
# The last versions that ask for one group by its name, and name topics by theirs.
FETCH_OF_ONE_GROUP, COMMIT_WITH_NAMES = 7, 9


def look(args: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Groups with their lag. args: bootstrap; group, None for all.

    Returns groups: [{group, state, type, assignor, coordinator (id), error, members: [{id, client, host, partitions
    [[topic, partition]], unreadable}], partitions: [{topic, partition, committed, first, end, lag, member (id),
    problem}]}], and unreached: ids of brokers that did not answer, whose groups are missing. committed is None without
    a committed offset; first and end are None for a partition that does not exist any more or has no leader; lag and
    problem are those of `cluster.groups.position`. unreadable: the member's assignment is not that of a consumer.
    error: why the group could not be read, None if it could; the other groups are not affected. Raises Failure for an
    unknown group, and for one that is wanted and cannot be read.
    """
    cluster = Cluster(args["bootstrap"])
    with answering("read the consumer groups"):
        view = cluster.view()
        listed, unreached = _each(view["brokers"], _listed)
        known = {group: broker for broker, there in listed.items() for group in there}
        wanted = args.get("group")
        if wanted is not None:
            if wanted not in known:
                raise names.missing("group", wanted, known)
            known = {wanted: known[wanted]}
        of_broker = {broker: [one for one, at in known.items() if at == broker] for broker in known.values()}
        ask = partial(_described, strict=wanted is not None)
        described, lost = _each({one: view["brokers"][one] for one in of_broker}, ask, of_broker)
        groups = [{**one, "coordinator": broker} for broker, there in described.items() for one in there]
        _measure(cluster, view, groups)
    return {"groups": sorted(groups, key=lambda one: str(one["group"])), "unreached": sorted({*unreached, *lost})}


def destination(args: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Where a reset would move a group. args: bootstrap; topics {topic: partitions or None for all}; where, as
    `offsets.resolve` takes it. Returns places: [[topic, partition, offset, first, end]]. Raises Failure."""
    cluster = Cluster(args["bootstrap"])
    found = []
    with answering("find the offsets"):
        for topic, wanted in args["topics"].items():
            view = names.topic_view(cluster, topic)
            partitions = [one for number in wanted or [None] for one in names.partitions(view, topic, number)]
            places = offsets.resolve(view, topic, partitions, args["where"])
            found += [[topic, partition, *offsets_of] for partition, offsets_of in places.items()]
    return {"places": found}


def move(args: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Commit offsets for a group that has no members. args: bootstrap, group, coordinator (id), places: [[topic,
    partition, offset]]. Returns nothing. Raises Failure: nothing is committed then, as when the group has members
    again, or it names the partitions that were not moved."""
    group = args["group"]
    kind = OffsetCommitRequest.OffsetCommitRequestTopic
    topics: dict[str, list[Any]] = {}
    for topic, partition, offset in args["places"]:
        topics.setdefault(topic, []).append(
            kind.OffsetCommitRequestPartition(
                partition_index=partition, committed_offset=offset, committed_leader_epoch=-1, committed_metadata=""
            )
        )
    with answering(f"move the group {group}"), _coordinator(args) as connection:
        answer = connection.call(
            OffsetCommitRequest(
                group_id=group,
                generation_id_or_member_epoch=-1,  # of no member: taken while the group is empty
                member_id="",
                topics=[kind(name=topic, partitions=partitions) for topic, partitions in topics.items()],
                max_version=COMMIT_WITH_NAMES,
            )
        )
        found = ((f"{topic.name}-{one.partition_index}", one) for topic in answer.topics for one in topic.partitions)
        _require_moved(group, {partition: one.error_code for partition, one in found})
    return {}


def _require_moved(group: str, codes: Mapping[str, int]) -> None:
    """codes: the answer's error code of each partition. A topic that is deleted meanwhile does not hold back others."""
    failed = {partition: wire.name_of(code) for partition, code in codes.items() if code}
    if "UnknownMemberIdError" in failed.values():
        raise Failure(f"group {group} has members now: it was not moved", advice="stop its consumers first")
    if failed and len(failed) < len(codes):
        raise Failure(
            f"{counted(len(failed), 'partition')} of group {group} could not be moved, the others were",
            [f"{partition}: {error}" for partition, error in failed.items()],
            advice="see `invoke groups.describe`, then run the same command again",
        )
    for code in codes.values():
        wire.raise_for(code)


def delete(args: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Delete a group that has no members, with its committed offsets. args: bootstrap, group, coordinator (id).
    Returns nothing. Raises Failure."""
    group = args["group"]
    with answering(f"delete the group {group}"), _coordinator(args) as connection:
        for result in connection.call(DeleteGroupsRequest(groups_names=[group])).results:
            if wire.name_of(result.error_code) == "NonEmptyGroupError":
                raise Failure(f"group {group} has members now: it was not deleted", advice="stop its consumers first")
            wire.raise_for(result.error_code)
    return {}


def _coordinator(args: Mapping[str, Any]) -> wire.Connection:
    broker = Cluster(args["bootstrap"]).view(())["brokers"].get(args["coordinator"])
    if broker is None:
        raise ConnectionRefusedError(None, f"broker {args['coordinator']}, the coordinator, is down")
    return wire.Connection(broker.endpoint, CONNECTION_TIMEOUT)


def _each(brokers: Mapping[int, Broker], ask: Any, *more: Mapping[int, Any]) -> tuple[dict[int, Any], list[int]]:
    """({broker: answer}, brokers that do not answer) of all brokers in parallel. Raises KafkaError."""

    def one(broker: int) -> Optional[Any]:
        try:
            with wire.Connection(brokers[broker].endpoint) as connection:
                return ask(connection, *(given[broker] for given in more))
        except OSError:
            return None

    with ThreadPoolExecutor(max_workers=min(len(brokers), READERS) or 1) as pool:
        answers = dict(zip(brokers, pool.map(one, brokers)))
    return {b: found for b, found in answers.items() if found is not None}, [b for b in answers if answers[b] is None]


def _listed(connection: wire.Connection) -> list[str]:
    answer = connection.call(ListGroupsRequest())
    wire.raise_for(answer.error_code)
    return [one.group_id for one in answer.groups or ()]


def _described(connection: wire.Connection, groups: Sequence[str], *, strict: bool) -> list[dict[str, Any]]:
    """Members and committed offsets of groups at their coordinator. strict: a group that cannot be read is an error,
    not an entry that says so."""
    found = []
    for one in connection.call(DescribeGroupsRequest(groups=list(groups))).groups:
        group = {"group": one.group_id, "state": "", "type": "", "assignor": "", "members": [], "partitions": []}
        error = None
        try:
            group.update(described(one))
            group["partitions"] = committed(connection, one.group_id)
        except KafkaError as refused:
            if strict:
                raise
            error = wire.describe(refused)
        found.append({**group, "error": error})
    return found


def described(answer: Any) -> dict[str, Any]:
    """A group of a DescribeGroups answer, as `look` returns it. Pure. Raises KafkaError."""
    wire.raise_for(answer.error_code)
    return {
        "state": answer.group_state,
        "type": answer.protocol_type,
        "assignor": answer.protocol_data,
        "members": [_member(member, answer.protocol_type) for member in answer.members],
    }


def committed(connection: wire.Connection, group: str) -> list[dict[str, Any]]:
    """What a group has committed, at its coordinator: [{topic, partition, committed}]. Raises OSError, KafkaError."""
    answer = connection.call(OffsetFetchRequest(group_id=group, topics=None, max_version=FETCH_OF_ONE_GROUP))
    wire.raise_for(answer.error_code)
    return [
        {"topic": topic.name, "partition": at.partition_index, "committed": at.committed_offset}
        for topic in answer.topics
        for at in topic.partitions
        if at.committed_offset >= 0
    ]


def _member(member: Any, kind: str) -> dict[str, Any]:
    """A member. The assignments of other kinds of groups (Connect's workers) are not partitions, and any client may
    join a group of consumers with an assignment of its own making."""
    partitions: list[list[Any]] = []
    unreadable = False
    # Empty while the group rebalances.
    if kind == ConsumerProtocolType and member.member_assignment:
        try:
            partitions = sorted(assigned(member.member_assignment))
        except Unreadable:
            unreadable = True
    return {
        "id": member.member_id,
        "client": member.client_id,
        "host": member.client_host.lstrip("/"),
        "partitions": partitions,
        "unreadable": unreadable,
    }


def _measure(cluster: Cluster, view: Mapping[str, Any], groups: Sequence[dict[str, Any]]) -> None:
    """Add the partitions that are read but not committed yet, and to all of them the reading member, first and last
    offsets, the lag and what is wrong."""
    for group in groups:
        reader = {(topic, at): member["id"] for member in group["members"] for topic, at in member["partitions"]}
        committed = {(one["topic"], one["partition"]): one["committed"] for one in group["partitions"]}
        group["partitions"] = [
            {
                "topic": topic,
                "partition": at,
                "committed": committed.get((topic, at)),
                "member": reader.get((topic, at)),
            }
            for topic, at in sorted({*reader, *committed})
        ]
    keys = {(row["topic"], row["partition"]) for group in groups for row in group["partitions"]}
    known = _existing(cluster, view, {topic for topic, _ in keys})
    # After the committed offsets: a group that reads on meanwhile is never taken to be beyond the end.
    found = offsets.at(view["brokers"], offsets.only(view, keys), offsets.EARLIEST, offsets.LATEST)
    for group in groups:
        group["partitions"] = [
            position.judge(row, found.get((row["topic"], row["partition"])), known) for row in group["partitions"]
        ]


def _existing(cluster: Cluster, view: Mapping[str, Any], topics: set[str]) -> position.Known:
    """The topics that exist. One that an ACL hides from us is missing in the view as well: the broker says which of the
    two it is when it is asked for the topic by name."""
    found = dict(view["topics"])
    missing = topics - set(found)
    if missing:
        found.update(cluster.view(sorted(missing))["topics"])
    return position.known(found)
