"""Features of a KRaft cluster are read and finalised: the bytes as Kafka 3.9.2 and 4.3.1 took and gave them."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from cluster.metadata.kraft import features
from cluster.protocol.flexible import Reader
from tests.support.controllers import FEATURES_39, FEATURES_43, KNOWN, NO_FEATURES, Asked, controller

FINALISED_43 = {
    "metadata.version": 30,
    "kraft.version": 1,
    "group.version": 1,
    "share.version": 1,
    "streams.version": 1,
    "transaction.version": 2,
    "eligible.leader.replicas.version": 1,
}
ALL = {**KNOWN, 18: (0, 4), 57: (0, 2)}
OLD = {**ALL, 57: (0, 1)}  # 3.9.2
# An answer to UpdateFeatures: of 4.3.1 (version 2) and of 3.9.2 (version 1: an error for each feature).
DONE_2, DONE_1 = (
    bytes.fromhex("0000000000000000"),
    bytes.fromhex("0000000000000102116d657461646174612e76657273696f6e0000000000"),
)
REFUSED_2 = bytes.fromhex("00000000005f") + b"\x0dnot that hig" + b"\0"
REFUSED_1 = bytes.fromhex("0000000000000102116d657461646174612e76657273696f6e005f") + b"\x0dnot that hig" + b"\0\0"


def update(port: int, level: int = 21, check: bool = False) -> dict[str, Any]:
    args = {"bootstrap": f"127.0.0.1:{port}", "levels": {"metadata.version": level}, "check": check}
    return features.update(args, print)


@pytest.mark.parametrize(
    ("answer", "finalised", "supported"),
    [
        (FEATURES_39, {"kraft.version": 1, "metadata.version": 21}, {"kraft.version": 1, "metadata.version": 21}),
        (FEATURES_43, FINALISED_43, FINALISED_43),
        (NO_FEATURES, {}, {}),  # with ZooKeeper
    ],
)
def test_a_node_says_what_is_finalised_and_what_it_supports(answer, finalised, supported):
    asked: list[Asked] = []
    with controller({18: answer}, ALL, asked) as port:
        found = features.look({"bootstrap": f"127.0.0.1:{port}"}, print)
    assert found == {"serving": True, "why": "", "finalised": finalised, "supported": supported}
    assert asked[-1] == (18, 4, b"\0" + b"\x0cprovisioner\x021\0")


def test_level_0_is_not_finalised():
    lowered = FEATURES_39.replace(bytes.fromhex("2e76657273696f6e00150015"), bytes.fromhex("2e76657273696f6e00000000"))
    assert features.features_in(Reader(lowered))[0] == {"kraft.version": 1}


def test_a_node_that_does_not_know_features_has_none():
    with controller({}, {**KNOWN, 18: (0, 2)}) as port:
        assert features.look({"bootstrap": f"127.0.0.1:{port}"}, print)["finalised"] == {}


def test_a_node_that_does_not_answer_says_why():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    found = features.look({"bootstrap": f"127.0.0.1:{port}"}, print)
    assert found == {"serving": False, "why": "Connection refused", "finalised": {}, "supported": {}}


def test_the_request_is_the_one_that_kafka_took():
    wanted = "0000271002116d657461646174612e76657273696f6e001e01000100"
    assert features.update_body({"metadata.version": 30}, check=True) == bytes.fromhex(wanted)
    assert features.update_body({"metadata.version": 30}, check=False) == bytes.fromhex(wanted[:-4] + "0000")


@pytest.mark.parametrize(
    ("known", "done", "refused", "code"), [(ALL, DONE_2, REFUSED_2, 95), (OLD, DONE_1, REFUSED_1, 95)]
)
def test_an_update_is_done_or_says_why_not(known, done, refused, code):
    with controller({18: FEATURES_39, 57: done}, known) as port:
        assert update(port) == {"done": True, "error": 0, "why": ""}
    with controller({18: FEATURES_39, 57: refused}, known) as port:
        assert update(port) == {"done": False, "error": code, "why": "not that hig"}


def test_a_validation_does_not_wait_until_anything_is_known():
    asked: list[Asked] = []
    with controller({57: DONE_2}, ALL, asked) as port:
        assert update(port, level=30, check=True)["done"]
    assert [one[0] for one in asked] == [18, 57]


def test_an_update_that_the_broker_does_not_hear_of_is_not_done(monkeypatch):
    monkeypatch.setattr(features, "KNOWN_SECONDS", 0.0)
    with controller({18: FEATURES_39, 57: DONE_2}, ALL) as port:
        found = update(port, level=30)
    assert not found["done"] and found["error"] is None and "does not know yet" in found["why"]


def test_a_broker_that_cannot_validate_is_not_asked_to_change():
    asked: list[Asked] = []
    with controller({57: DONE_1}, {**ALL, 57: (0, 0)}, asked) as port:
        assert update(port) == {"done": False, "error": 35, "why": "it does not know changes of features"}
    assert len(asked) == 1


@pytest.mark.parametrize("answer", [b"", b"\0\x23", FEATURES_43[:-1]])
def test_what_is_no_answer_is_an_error_of_the_connection(answer: bytes):
    with pytest.raises(OSError):
        features.features_in(Reader(answer))
