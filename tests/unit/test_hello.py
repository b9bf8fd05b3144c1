"""The hand-made Metadata request and answer, held against the kafka package's own idea of them."""

from __future__ import annotations

import struct

import pytest
from kafka.protocol.metadata import MetadataRequest, MetadataResponse

from cluster.endpoint import Endpoint
from cluster.protocol import hello

ASKED = Endpoint("kafka1", 9092)


def answer(brokers, cluster="abc", controller=1, topics=()):
    """A Metadata answer in version 2 as the package writes it."""
    response = MetadataResponse(
        brokers=[MetadataResponse.MetadataResponseBroker(node_id=i, host=h, port=p, rack=r) for i, h, p, r in brokers],
        cluster_id=cluster,
        controller_id=controller,
        topics=list(topics),
    )
    response.API_VERSION = 2
    response.with_header(correlation_id=1)
    return bytes(response.encode(header=True))


def test_the_request_is_the_one_that_the_package_would_send():
    request = MetadataRequest(topics=[])
    request.API_VERSION = 2
    request.with_header(correlation_id=1, client_id="provisioner")
    assert bytes(request.encode(framed=True, header=True)) == hello.REQUEST


@pytest.mark.parametrize(
    ("brokers", "controller", "expected"),
    [
        ([(1, "kafka1", 9092, None)], 1, {1: {"host": "kafka1", "port": 9092, "rack": None}}),
        (
            [(7, "fd00::1", 19092, "r1"), (2, "b.example.org", 29092, "")],
            -1,
            {
                7: {"host": "fd00::1", "port": 19092, "rack": "r1"},
                2: {"host": "b.example.org", "port": 29092, "rack": ""},
            },
        ),
        ([], -1, {}),
    ],
)
def test_an_answer_is_read_as_the_package_wrote_it(brokers, controller, expected):
    found = hello.parse(answer(brokers, controller=controller), ASKED)
    found["brokers"] = {one.id: one.to_wire() for one in found["brokers"].values()}
    assert found == {"cluster_id": "abc", "controller": controller if controller >= 0 else None, "brokers": expected}


@pytest.mark.parametrize("cut", [3, 10, 17, 25])
def test_a_cut_answer_is_an_error_and_no_view(cut):
    whole = answer([(1, "kafka1", 9092, "rack1"), (2, "kafka2", 9092, None)])
    with pytest.raises(OSError, match="does not speak"):
        hello.parse(whole[:cut], ASKED)


def test_a_text_that_is_longer_than_the_answer_is_an_error():
    bad = struct.pack(">iiih", 1, 1, 5, 3000) + b"kafka1"
    with pytest.raises(OSError, match="does not speak"):
        hello.parse(bad, ASKED)
