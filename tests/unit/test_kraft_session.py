"""The wait for an old session: how long it is, and that a broker which waits for its end says so."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from cluster.state import node, serving, session
from provisioner.agent.failure import Failure
from roles import site
from roles.kafka import metadata
from roles.kafka.service import ready
from roles.shared import kraft
from tests.support import roles as support

THREE = ["kafka1", "kafka2", "kafka3"]
APART: dict[str, Any] = {"kafka": THREE, "kafka_controller": THREE}

TRY = "[2026-11-26 10:36:07,123] {} [BrokerLifecycleManager id=2] {} (org.apache.kafka.server.BrokerLifecycleManager)\n"
REFUSED = TRY.format(
    "ERROR",
    "Unable to register broker 2 because the controller returned error DUPLICATE_BROKER_REGISTRATION",
)
TAKEN = TRY.format("INFO", "Successfully registered broker 2 with broker epoch 77")
LOST = TRY.format("INFO", "Unable to register the broker because the RPC got timed out before it could be sent.")
OTHER = "[2026-11-26 10:36:07,130] INFO [broker-2-to-controller] Recorded new KRaft controller (kafka.server)\n"


@pytest.mark.parametrize(
    ("log", "waits"),
    [
        ("", False),
        (OTHER, False),
        (REFUSED, True),
        (REFUSED + OTHER, True),
        (REFUSED + REFUSED + TAKEN, False),
        (REFUSED + TAKEN + OTHER, False),
        (TAKEN + REFUSED, True),  # of an earlier process, then of this one
        (REFUSED + LOST, False),  # the controllers do not answer: another reason
        (REFUSED[40:], False),  # the part that is read begins within a line
    ],
)
def test_the_last_try_to_register_says_whether_a_broker_waits_for_an_old_session(log, waits):
    assert session.waits(log) is waits


@pytest.mark.parametrize(
    ("given", "milliseconds"),
    [
        (APART, 6000),
        ({"kafka": ["a"]}, 6000),
        ({**APART, "kafka_controller_config": {kraft.SESSION: "9s"}}, 9000),
        ({**APART, "kafka_controller_config": {kraft.SESSION: 4500}}, 4500),
        # Only what the controllers are told counts.
        ({**APART, "kafka_config": {kraft.SESSION: "20s"}}, 6000),
        ({"kafka": THREE, "kafka_config": {kraft.SESSION: "20s"}}, 20000),
        # Each of them may lead.
        (
            {
                "kafka": THREE,
                "kafka_controller": {"kafka1": {"kafka_controller_config": {kraft.SESSION: 8000}}, "c": {}},
            },
            8000,
        ),
    ],
)
def test_a_session_lasts_as_long_as_the_controllers_are_told(tmp_path, given, milliseconds):
    inventory = support.inventory(tmp_path, **given)
    target = support.target(inventory, "kafka1" if "kafka1" in inventory.hosts else "a")
    assert kraft.session(target.members) == milliseconds
    assert metadata.session(target) == milliseconds / 1000
    assert ready(target).args["session"] == milliseconds / 1000


def test_brokers_are_told_the_same_session_and_say_several_times_in_it_that_they_live(tmp_path):
    inventory = support.inventory(tmp_path, **APART, kafka_controller_config={kraft.SESSION: "8s"})
    target = support.target(inventory, "kafka2")
    broker = support.text(target, "/etc/kafka/server.properties").splitlines()
    controller = support.text(target, "/etc/kafka-controller/controller.properties").splitlines()
    assert "broker.session.timeout.ms=8000" in broker and "broker.session.timeout.ms=8000" in controller
    beat = int(next(line for line in broker if line.startswith("broker.heartbeat.interval.ms=")).partition("=")[2])
    assert 3 * beat <= kraft.SESSION_MS  # Kafka itself complains of fewer than two


@pytest.mark.parametrize(
    ("given", "warned"),
    [
        ({**APART, "kafka_config": {kraft.SESSION: "20s"}}, True),
        ({**APART, "kafka_controller_config": {kraft.SESSION: "20s"}}, False),
        ({"kafka": THREE, "kafka_config": {kraft.SESSION: "20s"}}, False),  # they are the controllers
        ({**APART, "kafka_config": {"num.io.threads": 9}}, False),
    ],
)
def test_a_session_that_only_brokers_are_told_of_is_warned_of(tmp_path, given, warned):
    said = [line for line in site.warnings(support.inventory(tmp_path, **given)) if kraft.SESSION in line]
    assert [line.endswith("set it in kafka_controller_config") for line in said] == [True] * warned


def test_with_zookeeper_nothing_of_this_is_written_or_asked(tmp_path):
    target = support.target(support.three(tmp_path), "kafka1")
    text = support.text(target, "/etc/kafka/server.properties")
    assert "broker.session" not in text and "heartbeat" not in text
    assert "session" not in ready(target).args and metadata.session(target) is None


@pytest.fixture
def closed() -> str:
    """An address where nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{one.getsockname()[1]}"


@pytest.mark.parametrize(
    ("log", "asked", "said"),
    [
        (REFUSED, {"session": 6.0}, "the controllers still hold its old session"),
        (REFUSED, {"session": 6.0}, "at most 6 s (broker.session.timeout.ms)"),
        (REFUSED + TAKEN, {"session": 6.0}, "Connection refused"),
        (REFUSED, {}, "Connection refused"),  # of a cluster with ZooKeeper
    ],
)
def test_a_broker_that_waits_for_its_old_session_says_so_in_the_wait_and_in_status(
    tmp_path, monkeypatch, closed, log, asked, said
):
    file = tmp_path / "server.log"

    class Unit(serving.Unit):
        def check(self) -> str:
            return "running"

        def failure(self, summary: str) -> Failure:
            return Failure(summary)

    def start(*args: Any) -> Unit:
        file.write_text("of the process before\n" + REFUSED)
        unit = Unit(*args)
        with file.open("a") as more:
            more.write(log)
        return unit

    monkeypatch.setattr(serving, "Unit", start)
    events: list[dict[str, Any]] = []
    args = {"bootstrap": closed, "log_file": str(file), **asked}
    with pytest.raises(Failure, match="nothing moved"):
        serving.ready(
            {**args, "broker_id": 2, "unit": "kafka.service", "timeout": 5, "stall": 0.05},
            events.append,
        )
    assert [said in event["text"] for event in events] == [True], events
    answer = node.look({**args, "broker": 2}, events.append)
    assert not answer["serving"] and said in answer["why"]


def test_what_an_earlier_process_was_refused_says_nothing_about_this_start(tmp_path, monkeypatch, closed):
    file = tmp_path / "server.log"
    file.write_text(REFUSED)
    monkeypatch.setattr(serving.Unit, "check", lambda self: "running")
    monkeypatch.setattr(serving.Unit, "failure", lambda self, summary: Failure(summary))
    events: list[dict[str, Any]] = []
    args = {"bootstrap": closed, "broker_id": 2, "unit": "kafka", "log_file": str(file), "session": 6.0}
    with pytest.raises(Failure):
        serving.ready({**args, "timeout": 5, "stall": 0.05}, events.append)
    assert "Connection refused" in events[0]["text"]


def test_a_log_that_is_not_there_says_nothing(tmp_path):
    assert session.last_part(str(tmp_path / "none")) == ""
    long = tmp_path / "long"
    long.write_text(OTHER * 5000 + REFUSED)
    assert len(session.last_part(str(long))) == session.MOST and session.waits(session.last_part(str(long)))
