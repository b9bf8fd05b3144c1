"""Voters are added and removed: the bytes of the requests as Kafka 3.9.2 and 4.3.1 took them, and what answers mean."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from cluster.metadata.kraft import changes
from tests.support.controllers import KNOWN, Asked, controller

CLUSTER, DIRECTORY = "J8xJ3xQbQ0uXkU4nQk0Rzg", "5cAdCpLEIFP79bQqq8mZHg"
ADD = bytes.fromhex(
    "174a38784a33785162513075586b55346e516b30527a670000271000000002e5c01d0a92c42053fbf5b42aabc9991e020b434f4e54524f4c4c"
    "45520a3132372e302e302e314bc00000"
)
REMOVE = bytes.fromhex("174a38784a33785162513075586b55346e516b30527a6700000002a7b07aaddac767392d2ab6d688e8d49a00")
DONE_39, DONE_43 = bytes.fromhex("000000000000054e4f4e4500"), bytes.fromhex("0000000000000000")
NOT_LEADER = bytes.fromhex("00000000" + "00060000")
ABORTED = bytes.fromhex(
    "000000000007"
    + "5a41626f727465642061646420766f746572206f7065726174696f6e20666f722073696e6365204150495f56455253494f"
    "4e532072657475726e656420616e206572726f722042524f4b45525f4e4f545f415641494c41424c4500"
)


def add(port: int) -> dict[str, Any]:
    args = {"bootstrap": f"127.0.0.1:{port}", "cluster": CLUSTER, "voter": 2, "directory": DIRECTORY}
    return changes.add_voter({**args, "listeners": [["CONTROLLER", "127.0.0.1", 19392]]}, print)


def remove(port: int) -> dict[str, Any]:
    args = {"bootstrap": f"127.0.0.1:{port}", "cluster": CLUSTER, "voter": 2, "directory": "p7B6rdrHZzktKrbWiOjUmg"}
    return changes.remove_voter(args, print)


def test_the_requests_are_those_that_kafka_took():
    assert changes.add_body(CLUSTER, 2, DIRECTORY, [("CONTROLLER", "127.0.0.1", 19392)]) == ADD
    assert changes.remove_body(CLUSTER, 2, "p7B6rdrHZzktKrbWiOjUmg") == REMOVE


def test_what_is_not_a_directory_id_is_refused_before_anything_is_sent():
    with pytest.raises(ValueError, match="kafka1 is no UUID"):
        changes.remove_body(CLUSTER, 2, "kafka1")


@pytest.mark.parametrize("done", [DONE_39, DONE_43])
def test_a_change_is_done(done: bytes):
    asked: list[Asked] = []
    with controller({80: done, 81: done}, asked=asked) as port:
        assert remove(port) == {"done": True, "error": 0, "why": ""}
        assert add(port) == {"done": True, "error": 0, "why": ""}
    assert [one for one in asked if one[0] != 18] == [(81, 0, b"\0" + REMOVE), (80, 0, b"\0" + ADD)]


def test_a_change_that_is_not_done_says_why():
    with controller({80: ABORTED, 81: NOT_LEADER}) as port:
        assert remove(port) == {"done": False, "error": 6, "why": "the controller asked does not lead"}
        assert add(port) == {
            "done": False,
            "error": 7,
            "why": "not possible now: Aborted add voter operation for since API_VERSIONS returned an error "
            "BROKER_NOT_AVAILABLE",
        }


def test_without_an_answer_it_is_unknown_whether_it_was_done():
    with controller({}) as port:
        assert add(port) == {"done": False, "error": None, "why": "connection closed by the other side"}
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert remove(port) == {"done": False, "error": None, "why": "Connection refused"}


def test_a_release_without_changes_of_the_quorum_is_not_asked_for_any():
    asked: list[Asked] = []
    known = {key: versions for key, versions in KNOWN.items() if key < 80}
    with controller({}, known, asked) as port:
        assert add(port) == {"done": False, "error": 35, "why": "it does not know changes of the quorum"}
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("error", "said", "why"),
    [
        (0, "NONE", ""),
        (126, "The voter id for ...", "a voter with this id exists already"),
        (127, None, "there is no voter with this id and directory"),
        (42, "no listener", "refused: no listener"),
        (7, None, "not possible now"),
        (99, "odd", "error 99: odd"),
    ],
)
def test_errors_in_words(error: int, said: str | None, why: str):
    assert changes.meaning(error, said) == why
