"""Consumer groups as brokers describe them: one that cannot be read never hides the others."""

from __future__ import annotations

import struct
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka import errors
from kafka.protocol.admin import DescribeGroupsRequest, DescribeGroupsResponse, ListGroupsRequest, ListGroupsResponse
from kafka.protocol.consumer import OffsetFetchRequest, OffsetFetchResponse
from kafka.protocol.consumer.metadata import ConsumerProtocolAssignment

from cluster.endpoint import Endpoint
from cluster.groups import groups
from cluster.groups.assignment import Unreadable, assigned
from cluster.model import Broker, Partition, Topic
from provisioner.agent.failure import Failure

ONE = struct.pack(">hih1sii", 0, 1, 1, b"t", 1, 4)  # version 0: topic "t" with partition 4, and then no user data
DENIED = errors.GroupAuthorizationFailedError.errno


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (ONE + struct.pack(">i", -1), [["t", 4]]),
        (ONE + struct.pack(">i3s", 3, b"abc"), [["t", 4]]),
        (ONE, [["t", 4]]),
        (ONE + b"\x00", [["t", 4]]),
        (struct.pack(">hi", 0, 0), []),
        (struct.pack(">hi", 1, -1), []),  # no array at all
        (b"\x00\x63" + ONE[2:], [["t", 4]]),  # a version that is not known yet begins like those that are
    ],
)
def test_an_assignment_is_read_as_far_as_it_is_of_interest(data: bytes, expected: list[list[object]]):
    assert assigned(data) == expected


@pytest.mark.parametrize(
    "data",
    [
        b"\x00",
        b"\x00\x00",
        b'{"worker": 1}',
        b"\xff\xff" + ONE[2:],
        ONE[:-1],
        ONE[:8],
        b"\x00\x00\x7f\xff\xff\xff" + ONE,
        struct.pack(">hih2sii", 0, 1, 2, b"\xff\xfe", 1, 4),
        struct.pack(">hih1si", 0, 1, 1, b"t", 2**31 - 1),
    ],
)
def test_what_is_no_assignment_is_said_to_be_none(data: bytes):
    with pytest.raises(Unreadable):
        assigned(data)


@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda tail: ONE[:6] + tail))
def test_whatever_a_member_writes_is_an_assignment_or_is_not(data: bytes):
    try:
        found = assigned(data)
    except Unreadable:
        return
    assert all(isinstance(topic, str) and -(2**31) <= partition < 2**31 for topic, partition in found)


@given(
    st.dictionaries(st.text(max_size=20), st.lists(st.integers(0, 2**31 - 1), max_size=5), max_size=5),
    st.sampled_from([0, 1, 2, 3]),
    st.none() | st.binary(max_size=20),
)
def test_what_clients_write_is_read_as_they_read_it(topics: dict[str, list[int]], version: int, data: bytes | None):
    kind = ConsumerProtocolAssignment
    parts = [kind.TopicPartition(topic=topic, partitions=numbers) for topic, numbers in topics.items()]
    written = kind(assigned_partitions=parts, user_data=data).encode(version=version)
    assert assigned(written) == [[topic, one] for topic, numbers in topics.items() for one in numbers]


class Coordinator:
    """A broker that coordinates these groups: {name: (type, [assignment of each member], error)}. Its answers go over
    the wire's own encoding."""

    known: ClassVar[dict[str, tuple[str, list[bytes], int]]] = {}
    denied: ClassVar[set[str]] = set()  # groups whose offsets it does not show

    def __init__(self, *_: object) -> None:
        pass

    def __enter__(self) -> Coordinator:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def metadata(self, topics: object = None) -> dict[str, object]:
        broker = Broker(1, Endpoint("kafka1", 9092), None)
        shown = {"t": Topic("t", (Partition("t", 4, (1,), leader=-1, isr=()),), False, "")}
        return {"cluster_id": "c", "controller": 1, "brokers": {1: broker}, "topics": shown}

    def call(self, request: object) -> object:
        if isinstance(request, ListGroupsRequest):
            listed = [ListGroupsResponse.ListedGroup(group_id=name, protocol_type="x") for name in self.known]
            return _wired(ListGroupsResponse(throttle_time_ms=0, error_code=0, groups=listed), 2)
        if isinstance(request, DescribeGroupsRequest):
            return _wired(DescribeGroupsResponse(throttle_time_ms=0, groups=[self._one(n) for n in request.groups]), 2)
        assert isinstance(request, OffsetFetchRequest)
        kind = OffsetFetchResponse.OffsetFetchResponseTopic
        committed = [
            kind.OffsetFetchResponsePartition(
                partition_index=at, committed_offset=9, committed_leader_epoch=-1, metadata="", error_code=0
            )
            for at in (4, 5)
        ]
        code = DENIED if request.group_id in self.denied else 0
        topics = [] if code else [kind(name="t", partitions=committed), kind(name="gone", partitions=committed[:1])]
        return _wired(OffsetFetchResponse(throttle_time_ms=0, error_code=code, topics=topics), 5)

    def _one(self, name: str) -> object:
        kind, members, error = self.known[name]
        member = DescribeGroupsResponse.DescribedGroup.DescribedGroupMember
        return DescribeGroupsResponse.DescribedGroup(
            error_code=error,
            group_id=name,
            group_state="Stable",
            protocol_type=kind,
            protocol_data="range",
            members=[
                member(
                    member_id=f"m{number}",
                    group_instance_id=None,
                    client_id="c",
                    client_host="/10.0.0.7",
                    member_metadata=b"",
                    member_assignment=data,
                )
                for number, data in enumerate(members)
            ],
        )


def _wired(answer: object, version: int) -> object:
    return type(answer).decode(answer.encode(version=version), version=version)  # type: ignore[attr-defined]


@pytest.fixture
def coordinator(monkeypatch: pytest.MonkeyPatch) -> type[Coordinator]:
    monkeypatch.setattr("cluster.protocol.wire.Connection", Coordinator)
    monkeypatch.setattr(Coordinator, "denied", {"hidden"})
    monkeypatch.setattr(
        Coordinator,
        "known",
        {
            "billing": ("consumer", [ONE + struct.pack(">i", -1)], 0),
            "bare": ("consumer", [b"", ONE, b'{"worker": 1}'], 0),
            "workers": ("connect", [b"\x00\x01\x00"], 0),
            "hidden": ("consumer", [ONE], 0),
            "denied": ("", [], DENIED),
        },
    )
    return Coordinator


def look(group: str | None = None) -> dict[str, dict[str, object]]:
    found = groups.look({"bootstrap": "kafka1:9092", "group": group}, lambda event: None)
    return {str(one["group"]): one for one in found["groups"]}


def test_a_group_that_cannot_be_read_hides_no_other(coordinator: type[Coordinator]):
    found = look()
    assert list(found) == ["bare", "billing", "denied", "hidden", "workers"]
    assert {name: bool(one["error"]) for name, one in found.items() if one["error"]} == {"denied": True, "hidden": True}
    assert [found["denied"][key] for key in ("state", "type", "members", "partitions")] == ["", "", [], []]
    assert "GroupAuthorizationFailed" in str(found["denied"]["error"])
    members = found["bare"]["members"]
    assert [(one["partitions"], one["unreadable"]) for one in members] == [  # type: ignore[attr-defined]
        ([], False),
        ([["t", 4]], False),
        ([], True),
    ]
    assert [one["unreadable"] for one in found["workers"]["members"]] == [False]  # type: ignore[attr-defined]
    assert found["hidden"]["state"] == "Stable", "what is known of it is shown"


def test_every_place_of_a_group_has_its_finding(coordinator: type[Coordinator]):
    rows = look("billing")["billing"]["partitions"]
    assert [(one["topic"], one["partition"], one["problem"], one["lag"]) for one in rows] == [  # type: ignore[attr-defined]
        ("gone", 4, "no_topic", None),
        ("t", 4, "no_answer", None),
        ("t", 5, "no_partition", None),
    ]


@pytest.mark.parametrize("group", ["denied", "hidden"])
def test_a_group_that_was_asked_for_and_cannot_be_read_is_a_failure(coordinator: type[Coordinator], group: str):
    with pytest.raises(Failure, match=r"cannot read the consumer groups: .*GroupAuthorizationFailed"):
        look(group)
