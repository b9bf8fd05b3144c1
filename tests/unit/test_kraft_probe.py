"""What the probes make of the answers of KRaft's controllers; real answers are in tests/support/controllers.py."""

from __future__ import annotations

import socket
import struct
import threading
from typing import Any

import pytest

from cluster.metadata.kraft import probe, quorum_api
from cluster.metadata.kraft.quorum_api import DESCRIBE_CLUSTER, DESCRIBE_QUORUM
from cluster.protocol import flexible
from cluster.protocol.flexible import NO_DIRECTORY, Reader
from cluster.protocol.hello import STRANGE
from provisioner.agent.failure import Failure
from tests.support.controllers import (
    FOLLOWS_2,
    FOLLOWS_NOBODY,
    KNOWN,
    LEADER,
    NOT_LEADER,
    SAYS_NOTHING,
    Asked,
    controller,
)

FOLLOWER = {DESCRIBE_QUORUM: NOT_LEADER, DESCRIBE_CLUSTER: FOLLOWS_2}
DIRECTORIES = {1: "uho_APAmhQUZcqOBNGn3dw", 2: "p7B6rdrHZzktKrbWiOjUmg", 3: "HChWON6VSYCkoHkb3_8xUQ"}


def one(number: int, port: int) -> dict[str, Any]:
    return probe.quorum({"controllers": {"kafka1": [number, "127.0.0.1", port]}}, print)["kafka1"]


def test_the_request_is_as_kafka_describes_it():
    assert quorum_api.QUORUM_BODY == b"\x02\x13__cluster_metadata\x02\0\0\0\0\0\0\0"
    assert quorum_api.CLUSTER_BODY == b"\0\x02\0"


def test_the_leader_says_who_has_what():
    error, found = quorum_api.quorum_in(Reader(LEADER), 2)
    assert (error, found["leader"], found["epoch"], found["high_watermark"]) == (0, 1, 24, 737)
    assert found["voters"] == [
        {"id": 1, "directory": DIRECTORIES[1], "end_offset": 738, "silent_ms": 0, "behind_ms": 0},
        {"id": 2, "directory": DIRECTORIES[2], "end_offset": -1, "silent_ms": None, "behind_ms": None},
        {"id": 3, "directory": DIRECTORIES[3], "end_offset": 737, "silent_ms": 19, "behind_ms": 483},
    ]
    assert [(one["id"], one["end_offset"], one["behind_ms"]) for one in found["observers"]] == [
        (2, 737, 472),
        (4, 737, 491),
    ]
    assert found["places"] == {"1": "127.0.0.1:19391", "2": "127.0.0.1:19392", "3": "127.0.0.1:19393"}


def older(version: int) -> bytes:
    """An answer in an older version: one voter at offset 9 of epoch 5, level with itself at 1000 ms of its clock."""
    replica = struct.pack(">iq", 7, 9) + (struct.pack(">qq", 1000, 1000) if version else b"") + b"\0"
    partition = struct.pack(">ihiiq", 0, 0, 7, 5, 8) + b"\2" + replica + b"\1" + b"\0"
    return b"\0\0" + b"\2" + flexible.text("__cluster_metadata") + b"\2" + partition + b"\0" + b"\0"


@pytest.mark.parametrize(("version", "age"), [(0, None), (1, 0)])
def test_older_answers_have_no_directories_and_at_first_no_times(version: int, age: int | None):
    error, found = quorum_api.quorum_in(Reader(older(version)), version)
    assert error == 0 and (found["leader"], found["epoch"], found["high_watermark"]) == (7, 5, 8)
    assert found["places"] == {}
    assert found["voters"] == [
        {"id": 7, "directory": NO_DIRECTORY, "end_offset": 9, "silent_ms": age, "behind_ms": age}
    ]


def test_the_highest_version_that_both_sides_know_is_asked_for():
    asked: list[Asked] = []
    with controller({DESCRIBE_QUORUM: older(1)}, {**KNOWN, DESCRIBE_QUORUM: (0, 1)}, asked) as port:
        assert one(7, port)["voters"][0]["end_offset"] == 9
    assert [(key, version) for key, version, _ in asked] == [(18, 0), (DESCRIBE_QUORUM, 1)]


def test_a_controller_that_does_not_lead_is_healthy_and_says_whom_it_follows():
    with controller(FOLLOWER) as port:
        assert one(3, port) == {"serving": True, "why": "", "id": 3, "leader": 2, "is_leader": False}


@pytest.mark.parametrize(
    ("answer", "why"),
    [(FOLLOWS_NOBODY, "it knows no leader"), (SAYS_NOTHING, probe.UNKNOWN_LEADER)],
)
def test_a_controller_may_know_no_leader_and_serves_nevertheless(answer: bytes, why: str):
    with controller({**FOLLOWER, DESCRIBE_CLUSTER: answer}) as port:
        assert one(3, port) == {"serving": True, "why": why, "id": 3, "leader": None, "is_leader": False}


def test_one_that_cannot_be_asked_whom_it_follows_serves():
    with controller(FOLLOWER, {**KNOWN, DESCRIBE_CLUSTER: (0, 0)}) as port:
        assert one(3, port)["why"] == probe.UNKNOWN_LEADER


def test_all_controllers_are_asked_and_one_that_is_down_is_only_that():
    with controller({DESCRIBE_QUORUM: LEADER}) as leading, controller(FOLLOWER) as following:
        places = {"kafka1": [1, "127.0.0.1", leading], "kafka2": [2, "127.0.0.1", following]}
        with socket.create_server(("127.0.0.1", 0)) as listener:
            places["kafka3"] = [3, "127.0.0.1", listener.getsockname()[1]]
        found = probe.quorum({"controllers": places}, print)
    assert [(name, one["serving"], one["is_leader"]) for name, one in found.items()] == [
        ("kafka1", True, True),
        ("kafka2", True, False),
        ("kafka3", False, False),
    ]
    assert found["kafka3"]["why"] == "Connection refused" and found["kafka1"]["epoch"] == 24
    assert probe.quorum({"controllers": {}}, print) == {}


def test_another_controller_at_the_address_does_not_pass_for_this_one():
    with controller({DESCRIBE_QUORUM: LEADER}) as port:
        assert one(3, port) == {
            "serving": False,
            "why": "controller 1 answers there",
            "id": 3,
            "leader": None,
            "is_leader": False,
        }


def test_a_broker_in_zookeeper_mode_is_no_controller():
    with controller({}, {18: (0, 3)}) as port:
        assert one(1, port)["why"] == probe.NO_QUORUM


@pytest.mark.parametrize(
    "damaged",
    [
        LEADER[:60],
        b"",
        b"\0\0\0\1\1\0",
        NOT_LEADER[:28],
        b"\xff\xff\xff\xff\xff\xff",
        b"\0\0\0" + b"\xff" * 9,
    ],
)
def test_a_damaged_answer_is_named_and_raises_nothing(damaged: bytes):
    with controller({DESCRIBE_QUORUM: damaged}) as port:
        found = one(1, port)
    assert not found["serving"] and found["why"] in (STRANGE, "error -1")


def test_another_service_at_the_port_is_named():
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(100)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        assert one(1, listener.getsockname()[1])["why"] == STRANGE
        thread.join(2)


def test_one_that_does_not_answer_costs_the_others_no_more_than_its_time(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(probe, "ANSWER_TIMEOUT", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert one(1, listener.getsockname()[1])["why"] == "timed out"


def test_a_broker_passes_on_what_the_leader_says():
    with controller({DESCRIBE_QUORUM: LEADER}) as port:
        found = probe.through_broker({"bootstrap": f"127.0.0.1:{port}"}, print)
    assert found["serving"] and found["leader"] == 1 and len(found["voters"]) == 3


@pytest.mark.parametrize(("error", "why"), [(b"\0\x06", "it knows no leader"), (b"\0\x1f", "error 31")])
def test_a_broker_that_gets_no_answer_of_a_leader_says_so(error: bytes, why: str):
    with controller({DESCRIBE_QUORUM: error + b"\0\1\1\0"}) as port:
        assert probe.through_broker({"bootstrap": f"127.0.0.1:{port}"}, print) == {"serving": False, "why": why}


def test_a_controller_is_ready_when_it_knows_a_leader():
    events: list[Any] = []
    with controller(FOLLOWER) as port:
        found = probe.ready({"id": 3, "host": "127.0.0.1", "port": port, "timeout": 5, "stall": 5}, events.append)
    assert found["leader"] == 2 and found["seconds"] < 5 and events == []


@pytest.mark.parametrize("answer", [FOLLOWS_NOBODY, SAYS_NOTHING])
def test_a_controller_that_only_answers_is_not_ready(answer: bytes):
    events: list[Any] = []
    with controller({**FOLLOWER, DESCRIBE_CLUSTER: answer}) as port:
        args = {"id": 3, "host": "127.0.0.1", "port": port, "timeout": 5, "stall": 0.05}
        with pytest.raises(Failure, match=rf"controller 3 at 127.0.0.1:{port}: nothing moved .*; last seen: it "):
            probe.ready(args, events.append)
    assert len(events) == 1


def test_a_leader_is_ready_at_once():
    with controller({DESCRIBE_QUORUM: LEADER}) as port:
        args = {"id": 1, "host": "127.0.0.1", "port": port, "timeout": 5, "stall": 5}
        assert probe.ready(args, print)["is_leader"]


@pytest.mark.parametrize(("value", "data"), [(0, b"\0"), (127, b"\x7f"), (128, b"\x80\x01"), (300, b"\xac\x02")])
def test_varints(value: int, data: bytes):
    assert flexible.varint(value) == data and Reader(data).varint() == value


def test_texts_uuids_and_unknown_tags():
    assert flexible.text(None) == b"\0" and Reader(b"\0").text() is None
    assert Reader(flexible.text("ü" * 200)).text() == "ü" * 200
    assert Reader(flexible.uuid(DIRECTORIES[1])).uuid() == DIRECTORIES[1]
    assert flexible.uuid(NO_DIRECTORY) == b"\0" * 16
    rest = Reader(b"\2\0\1x\5\2yz\x2a")
    rest.tags()
    assert rest.number("b") == 42
    for text in ("short", "", "p7B6rdrHZzktKrbWiOjUmgAA", "19392"):
        with pytest.raises(ValueError, match="is no UUID"):
            flexible.uuid(text)
