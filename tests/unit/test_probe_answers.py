"""What the probes make of the answers of ZooKeeper and Kafka."""

from __future__ import annotations

import socket
import threading
from typing import Any

import pytest
from kafka import errors as kafka_errors

from cluster.endpoint import Endpoint
from cluster.metadata.zookeeper import probe as zookeeper_probe
from cluster.model import Partition
from cluster.protocol import wire
from cluster.state import probe as kafka_probe
from cluster.state import serving
from provisioner.agent.failure import Failure

SRVR = """Zookeeper version: 3.5.7-f0fdd52973d373ffd9c86b81d99842dc2c7f660e, built on 02/10/2020 11:30 GMT
Latency min/avg/max: 0/0/5
Received: 107
Connections: 2
Outstanding: 0
Zxid: 0x1b
Mode: leader
Node count: 24
"""
MNTR = "zk_server_state\tleader\nzk_num_alive_connections\t2\nzk_followers\t2\nzk_synced_followers\t1.0\n"


def test_srvr_of_a_serving_server():
    assert zookeeper_probe.parse_srvr(SRVR) == {
        "serving": True,
        "mode": "leader",
        "version": "3.5.7",
        "zxid": "0x1b",
        "znodes": 24,
    }


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("This ZooKeeper instance is not currently serving requests\n", "not currently serving"),
        ("", "no answer"),
    ],
)
def test_srvr_of_a_server_that_does_not_serve(answer, why):
    state = zookeeper_probe.parse_srvr(answer)
    assert state["serving"] is False
    assert why in state["why"]


def test_a_forbidden_command_says_what_to_allow():
    with pytest.raises(Failure) as caught:
        zookeeper_probe.parse_srvr("srvr is not executed because it is not in the whitelist.\n")
    assert "4lw.commands.whitelist" in caught.value.advice


def test_mntr_numbers_and_a_forbidden_mntr():
    assert zookeeper_probe.parse_mntr(MNTR) == {"connections": 2, "followers": 2, "synced_followers": 1}
    assert zookeeper_probe.parse_mntr("mntr is not executed because it is not in the whitelist.\n") == {}


@pytest.fixture
def server():
    """Starts a listener on loopback that answers each connection with the next text; (start, close)."""
    listener = socket.create_server(("127.0.0.1", 0))
    threads = []

    def start(*answers):
        def serve():
            for answer in answers:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(100)
                    connection.sendall(answer.encode())

        threads.append(threading.Thread(target=serve, daemon=True))
        threads[-1].start()
        return listener.getsockname()[1]

    yield start
    listener.close()
    for thread in threads:
        thread.join(2)


def test_zookeeper_becomes_ready_when_it_has_a_quorum(server):
    port = server("This ZooKeeper instance is not currently serving requests\n", SRVR)
    events: list[Any] = []
    state = zookeeper_probe.ready({"server": f"127.0.0.1:{port}", "timeout": 5, "stall": 5}, events.append)
    assert state["mode"] == "leader"
    assert "not currently serving" in events[0]["text"]


def test_a_dead_port_is_a_state_not_an_error():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    status = zookeeper_probe.status({"server": f"127.0.0.1:{port}", "config": "/nonexistent"}, print)
    assert status == {"serving": False, "why": "Connection refused", "named": None}
    status = kafka_probe.status({"bootstrap": f"127.0.0.1:{port}"}, print)
    assert status == {"serving": False, "why": "Connection refused"}
    with pytest.raises(Failure, match=r"broker 1 at 127.0.0.1:.*nothing moved.*Connection refused"):
        serving.ready({"bootstrap": f"127.0.0.1:{port}", "broker_id": 1, "timeout": 5, "stall": 0.1}, lambda e: None)


def test_something_else_on_kafkas_port_does_not_pass_for_a_broker(server):
    port = server("HTTP/1.1 400 Bad Request\r\n\r\n")
    status = kafka_probe.status({"bootstrap": f"127.0.0.1:{port}"}, print)
    assert status["serving"] is False
    port = server("HTTP/1.1 400 Bad Request\r\n\r\n")
    answers = serving.answering({"addresses": [f"127.0.0.1:{port}"]}, print)
    assert answers == {f"127.0.0.1:{port}": "the service there does not speak Kafka's protocol"}


def partition(name, index, leader, replicas, isr, min_isr):
    return Partition(name, index, tuple(replicas), leader=leader, isr=tuple(isr), min_isr=min_isr)


def test_partitions_are_counted_by_trouble():
    found = kafka_probe.count(
        [
            partition("fine", 0, 1, [1, 2, 3], [1, 2, 3], 2),
            partition("behind", 0, 1, [1, 2, 3], [1, 2], 2),
            partition("short", 0, 1, [1, 2, 3], [1], 2),
            partition("gone", 4, -1, [2], [2], 1),
        ]
    )
    assert found["partition_count"] == 4
    assert found["under_replicated"] == {"count": 2, "first": ["behind-0", "short-0"]}
    assert found["at_min_isr"] == {"count": 1, "first": ["behind-0"]}
    assert found["under_min_isr"] == {"count": 1, "first": ["short-0"]}
    assert found["offline"] == {"count": 1, "first": ["gone-4"]}


def test_only_the_first_troubled_partitions_are_named():
    found = kafka_probe.count([partition("t", i, -1, [1], [1], 1) for i in range(30)])
    assert found["offline"]["count"] == 30
    assert len(found["offline"]["first"]) == kafka_probe.SHOWN


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "Connection refused"),
        (TimeoutError("timed out"), "timed out"),
        (OSError("something odd"), "something odd"),
        (kafka_errors.NotEnoughReplicasError(), "NotEnoughReplicasError"),
        (kafka_errors.TopicAuthorizationFailedError("orders"), "TopicAuthorizationFailedError: orders"),
    ],
)
def test_errors_are_told_in_a_few_words(error, text):
    assert wire.describe(error) == text
    assert len(wire.describe(error)) < 60


@pytest.mark.parametrize(
    ("address", "parts"),
    [("kafka1:9092", ("kafka1", 9092)), ("[::1]:9093", ("::1", 9093)), ("10.0.0.1:1", ("10.0.0.1", 1))],
)
def test_addresses_split(address, parts):
    found = Endpoint.parse(address)
    assert (found.host, found.port) == parts
