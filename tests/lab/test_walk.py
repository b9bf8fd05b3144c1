"""The first walk with Kafka on a deployed host, as root and as anybody else, and from this machine."""

from __future__ import annotations

import uuid

import pytest

from . import clients, tools, walk
from .hosts import LabHost
from .terminal import Terminal


@pytest.mark.quick
def test_the_first_walk_works_as_typed_from_any_directory_as_anybody(single: LabHost):
    """As root it is walked where a cluster has no ZooKeeper, and with 2.5.0."""
    directory = "/usr/share/doc"
    with Terminal(single.name) as terminal:
        terminal.become("ops")
        assert terminal.run(f"cd {directory}; id -un; pwd").splitlines() == ["ops", directory]
        walk.walk(single, terminal, "3.9.2")
        walk.zookeeper(terminal)


def test_a_client_on_this_machine_reads_back_the_1000_records_it_wrote(single: LabHost):
    topic, values = f"thousand-{uuid.uuid4().hex[:8]}", [f"{number}: 값".encode() for number in range(1000)]
    clients.create_topic(single, topic)
    try:
        clients.write(single, topic, values)
        assert clients.read_all(single, topic) == values
    finally:
        clients.delete_topic(single, topic)


def test_every_official_command_of_the_version_is_on_the_path_and_starts(single: LabHost):
    tools.require_all_start(single, "3.9.2")


def test_the_official_stop_script_stops_the_service_and_only_it(single: LabHost):
    """The script that Kafka ships signals every JVM that looks like a broker."""
    # A program that the official script would take for a broker: its command line names the broker's class.
    single.sh("(exec -a 'java kafka.Kafka server.properties' sleep 600) > /dev/null 2>&1 & echo $! > /tmp/bystander")
    try:
        single.sh("kafka-server-stop.sh")
        assert single.sh("systemctl is-active kafka zookeeper", expect=None).splitlines() == ["inactive", "active"]
        assert single.sh("ps -o comm= -p $(cat /tmp/bystander)") == "sleep"
    finally:
        single.sh("kill $(cat /tmp/bystander); rm /tmp/bystander; systemctl start kafka")
    clients.wait_until_it_answers(single)
    assert "Smoke check passed" in single.deploy()
