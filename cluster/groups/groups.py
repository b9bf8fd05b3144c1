"""Consumer groups: members, committed offsets and lag; a group without members can be moved and deleted.

Every broker lists the groups that it coordinates: the broker that lists a group is its coordinator.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Optional

from kafka.protocol.admin import DeleteGroupsRequest, DescribeGroupsRequest, ListGroupsRequest
from kafka.protocol.consumer import OffsetCommitRequest, OffsetFetchRequest
from kafka.protocol.consumer.metadata import ConsumerProtocolAssignment, ConsumerProtocolType

from cluster import names
from cluster.cluster import CONNECTION_TIMEOUT, Cluster, answering
from cluster.model import Broker
from cluster.protocol import wire
from cluster.topics import offsets
from provisioner.agent.failure import Failure

if TYPE_CHECKING:
    from provisioner.agent.waiting import Emit

READERS = 16  # threads
# The last versions that ask for one group by its name, and name topics by theirs.
FETCH_OF_ONE_GROUP, COMMIT_WITH_NAMES = 7, 9


def look(args: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Groups with their lag. args: bootstrap; group, None for all.

    Returns groups: [{group, state, type, assignor, coordinator (id), members: [{id, client, host, partitions [[topic,
    partition]]}], partitions: [{topic, partition, committed, first, end, lag, member (id)}]}], and unreached: ids of
    brokers that did not answer, whose groups are missing. committed is None without a committed offset; first, end and
    lag are None for a partition that does not exist any more or has no leader. Raises Failure for an unknown group.
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
        described, lost = _each({one: view["brokers"][one] for one in of_broker}, _described, of_broker)
        groups = [{**one, "coordinator": broker} for broker, there in described.items() for one in there]
        _measure(view, groups)
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
    partition, offset]]. Returns nothing. Raises Failure; then nothing is committed, as when the group has members
    again."""
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
        for one in (one for topic in answer.topics for one in topic.partitions):
            if wire.name_of(one.error_code) == "UnknownMemberIdError":
                raise Failure(f"group {group} has members now: it was not moved", advice="stop its consumers first")
            wire.raise_for(one.error_code)
    return {}


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


def _described(connection: wire.Connection, groups: Sequence[str]) -> list[dict[str, Any]]:
    """Members and committed offsets of groups at their coordinator."""
    found = []
    for one in connection.call(DescribeGroupsRequest(groups=list(groups))).groups:
        wire.raise_for(one.error_code)
        answer = connection.call(OffsetFetchRequest(group_id=one.group_id, topics=None, max_version=FETCH_OF_ONE_GROUP))
        wire.raise_for(answer.error_code)
        found.append(
            {
                "group": one.group_id,
                "state": one.group_state,
                "type": one.protocol_type,
                "assignor": one.protocol_data,
                "members": [_member(member, one.protocol_type) for member in one.members],
                "partitions": [
                    {"topic": topic.name, "partition": at.partition_index, "committed": at.committed_offset}
                    for topic in answer.topics
                    for at in topic.partitions
                    if at.committed_offset >= 0
                ],
            }
        )
    return found


def _member(member: Any, kind: str) -> dict[str, Any]:
    """A member. The assignments of other kinds of groups (Connect's workers) are not partitions."""
    assigned: Iterable[Any] = ()
    if kind == ConsumerProtocolType and member.member_assignment:
        assigned = assignment(member.member_assignment)
    return {
        "id": member.member_id,
        "client": member.client_id,
        "host": member.client_host.lstrip("/"),
        "partitions": sorted(assigned),
    }


def assignment(data: bytes) -> list[list[Any]]:
    """[[topic, partition]] of a member's assignment (ConsumerProtocolAssignment: a version, then the rest). Pure."""
    found = ConsumerProtocolAssignment.decode(data)
    return [[one.topic, partition] for one in found.assigned_partitions for partition in one.partitions]


def _measure(view: Mapping[str, Any], groups: Sequence[dict[str, Any]]) -> None:
    """Add first and last offsets, the lag and the reading member, and the partitions that are read but not committed
    yet."""
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
    rows = [row for group in groups for row in group["partitions"]]
    wanted = offsets.only(view, ((row["topic"], row["partition"]) for row in rows))
    found = offsets.at(view["brokers"], wanted, offsets.EARLIEST, offsets.LATEST)
    for row in rows:
        first, end = found.get((row["topic"], row["partition"]), (None, None))
        row.update(first=first, end=end, lag=lag(row["committed"], first, end))


def lag(committed: Optional[int], first: Optional[int], end: Optional[int]) -> Optional[int]:
    """Existing records that are not read yet; deleted records do not count. None if it is not known.
    Pure."""
    if end is None or first is None or committed is None:
        return None
    return max(0, end - max(committed, first))
