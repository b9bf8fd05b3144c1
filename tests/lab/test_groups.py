"""Consumer groups that are not in order, on a real broker: members of any kind, and offsets that point to nothing."""

from __future__ import annotations

import json
import re
import struct
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from kafka.protocol.consumer import JoinGroupRequest, LeaveGroupRequest, OffsetFetchRequest, SyncGroupRequest
from kafka.protocol.metadata import FindCoordinatorRequest
from kafka.structs import OffsetAndMetadata

from cluster.endpoint import Endpoint
from cluster.protocol import wire

from . import clients
from .console import Console
from .hosts import LabHost
from .serving import eventually

UNTIL_EMPTY = 30_000  # milliseconds that the broker keeps a member without a heartbeat
NO_USER_DATA = struct.pack(">hih4sii", 0, 1, 4, b"odds", 1, 0)

# What each group's one member is assigned, and the kind of group that it joins.
MEMBERS = {
    "bare": ("consumer", NO_USER_DATA),
    "foreign": ("consumer", b'{"worker": 1}'),
    "workers": ("connect", b"\x00\x01\x00\x00"),
}


class Member:
    """The one member of a group, which is its leader: it assigns itself what we say, and never sends a heartbeat."""

    def __init__(self, host: LabHost, group: str, kind: str, given: bytes) -> None:
        self.group, self.given = group, given
        self.connection = wire.Connection(Endpoint.parse(host.bootstrap), 30.0)
        protocol = JoinGroupRequest.JoinGroupRequestProtocol(name="own", metadata=b"")
        # The last version in which a new member may come without an id.
        self.connection.send(
            JoinGroupRequest(
                group_id=group,
                session_timeout_ms=UNTIL_EMPTY,
                rebalance_timeout_ms=UNTIL_EMPTY,
                member_id="",
                protocol_type=kind,
                protocols=[protocol],
                max_version=3,
            )
        )

    def settle(self) -> None:
        """Wait until the broker lets the member in, and assign."""
        joined = self.connection.receive()
        wire.raise_for(joined.error_code)
        self.id = joined.member_id
        assignment = SyncGroupRequest.SyncGroupRequestAssignment(member_id=self.id, assignment=self.given)
        answer = self.connection.call(
            SyncGroupRequest(
                group_id=self.group,
                generation_id=joined.generation_id,
                member_id=self.id,
                assignments=[assignment],
                max_version=2,
            )
        )
        wire.raise_for(answer.error_code)

    def leave(self) -> None:
        self.connection.call(LeaveGroupRequest(group_id=self.group, member_id=self.id, max_version=2))
        self.connection.close()


@pytest.fixture
def run(single: LabHost) -> Console:
    return Console(single)


@pytest.fixture
def odd(single: LabHost) -> Iterator[dict[str, str]]:
    """{kind of oddity: group}, each with its member."""
    names = {kind: f"{kind}-{uuid.uuid4().hex[:6]}" for kind in MEMBERS}
    eventually(
        lambda: all(_coordinates(single, name) for name in names.values()), seconds=60, what="the groups' coordinator"
    )
    with ExitStack() as stack:
        # Together: the first member of a group is held back for 3 s.
        members = [Member(single, names[kind], *MEMBERS[kind]) for kind in MEMBERS]
        for member in members:
            member.settle()
            stack.callback(member.leave)
        yield names


def _coordinates(host: LabHost, group: str) -> bool:
    """Kafka makes the topic in which groups are kept when it is first asked for a coordinator, and then loads it."""
    with wire.Connection(Endpoint.parse(host.bootstrap)) as connection:
        connection.call(FindCoordinatorRequest(key=group, max_version=0))
        return not connection.call(OffsetFetchRequest(group_id=group, topics=None, max_version=5)).error_code


def document(text: str) -> Any:
    """The JSON in an answer; before it, on standard error, may be warnings."""
    begin = re.search(r"^[\[{]", text, re.MULTILINE)
    assert begin, text
    return json.loads(text[begin.start() :])


def test_members_of_any_kind_are_shown_as_far_as_they_can_be_read(run: Console, odd: Mapping[str, str]):
    groups = {one["group"]: one for one in document(run("groups.list", "--json"))}
    found = {kind: groups[name] for kind, name in odd.items()}
    assert {kind: one["type"] for kind, one in found.items()} == {kind: MEMBERS[kind][0] for kind in MEMBERS}
    assert {kind: [(m["partitions"], m["unreadable"]) for m in one["members"]] for kind, one in found.items()} == {
        "bare": [([["odds", 0]], False)],
        "foreign": [([], True)],
        "workers": [([], False)],
    }
    assert [one["problem"] for one in found["bare"]["partitions"]] == ["no_topic"]
    shown = run("groups.list")
    assert re.search(
        rf"^{odd['foreign']} .* 1 member with an assignment that is not a consumer's$", shown, re.MULTILINE
    )
    assert re.search(rf"^{odd['bare']} .* 1 partition whose topic is gone$", shown, re.MULTILINE)
    assert "members whose assignment is not that of a consumer: provisioner at " in run(
        "groups.describe", "--group", odd["foreign"]
    )
    assert "1 member of type connect," in run("groups.describe", "--group", odd["workers"])
    for verb in (("groups.reset", "--to", "earliest"), ("groups.delete",)):
        assert "is active (Stable)" in run(verb[0], "--group", odd["foreign"], *verb[1:], "--yes", expect=2)


@pytest.fixture
def lost(single: LabHost) -> Iterator[tuple[str, dict[str, str]]]:
    """A group with offsets in four topics, {what has become of the topic: name}, and the group's name."""
    mark = uuid.uuid4().hex[:6]
    names = {kind: f"{kind}-{mark}" for kind in ("sound", "expired", "again", "vanished")}
    group = f"survivors-{mark}"
    for name in names.values():
        clients.create_topic(single, name)
        clients.write(single, name, [b"%d" % number for number in range(20)])
    consumer = KafkaConsumer(bootstrap_servers=single.bootstrap, group_id=group, enable_auto_commit=False)
    admin = KafkaAdminClient(bootstrap_servers=single.bootstrap)
    try:
        places = {TopicPartition(name, 0): 12 for name in names.values()}
        consumer.assign(list(places))
        consumer.commit({place: OffsetAndMetadata(at, "", -1) for place, at in places.items()})
        admin.delete_records({TopicPartition(names["expired"], 0): 15})
        # A consumer that holds on to its place commits it to the topic that has taken the name.
        clients.delete_topic(single, names["again"])
        eventually(lambda: _made(single, names["again"]), seconds=60, what="the topic, made again")
        clients.write(single, names["again"], [b"new"] * 3)
        consumer.commit({TopicPartition(names["again"], 0): OffsetAndMetadata(12, "", -1)})
    finally:
        consumer.close()
        admin.close()
    # By hand, while the broker was down: it has heard of no deletion, so the offsets stay.
    single.sh(
        "systemctl stop kafka; zookeeper-shell.sh 127.0.0.1:2181 deleteall /brokers/topics/{0} >/dev/null &&"
        " rm -r /var/lib/kafka/data/{0}-0; systemctl start kafka".format(names["vanished"])
    )
    clients.wait_until_it_answers(single)
    eventually(lambda: clients.read_all(single, names["sound"])[0] == b"0", seconds=60, what="the topics' leader")
    yield group, names
    for kind, name in names.items():
        if kind != "vanished":
            clients.delete_topic(single, name)
    single.invoke("groups.delete", "--group", group, "--yes")


def _made(host: LabHost, topic: str) -> bool:
    """The name is free some time after the deletion was asked for."""
    try:
        clients.create_topic(host, topic)
    except KafkaError:
        return False
    return True


def test_offsets_that_point_to_nothing_are_named_and_a_reset_moves_the_others(
    run: Console, lost: tuple[str, dict[str, str]]
):
    group, names = lost
    shown = document(run("groups.describe", "--group", group, "--json"))
    kinds = {name: kind for kind, name in names.items()}
    fields = ("committed", "first", "end", "lag", "problem")
    assert {kinds[row["topic"]]: tuple(row[field] for field in fields) for row in shown["partitions"]} == {
        "sound": (12, 0, 20, 8, None),
        "expired": (12, 15, 20, 5, "before_start"),
        "again": (12, 0, 3, None, "beyond_end"),
        "vanished": (12, None, None, None, "no_topic"),
    }
    assert shown["lag"] == 13 and shown["error"] is None
    text = run("groups.describe", "--group", group)
    for remark in (
        "9 beyond the end: the topic was made again, or records were lost",
        "3 records deleted before being read",
        "the topic does not exist any more",
    ):
        assert remark in text

    moving = ("groups.reset", "--group", group, "--to", "earliest")
    plan = run(*moving, "--check")
    gone = f"not moved, since it does not exist any more: topic {names['vanished']}"
    assert gone in plan and "was 9 beyond the end, 3 records to read" in plan
    assert (
        "3 partitions: 12 records read again, 3 records deleted before being read, 1 beyond the end, 3 records to read"
        in plan
    )
    assert "there is no topic" in run(*moving, "--topic", names["vanished"], "--yes", expect=1)
    assert gone in run("groups.reset", "--group", group, "--shift", "-1", "--check")
    moved = run(*moving, "--yes")
    assert gone in moved and "3 partitions moved" in moved
    after = document(run("groups.describe", "--group", group, "--json"))["partitions"]
    assert {kinds[row["topic"]]: (row["committed"], row["problem"]) for row in after} == {
        "sound": (0, None),
        "expired": (15, None),
        "again": (0, None),
        "vanished": (12, "no_topic"),
    }
