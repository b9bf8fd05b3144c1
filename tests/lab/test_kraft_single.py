"""One host that is broker and controller in one process, without ZooKeeper: Kafka 4 with Debian 13's Java 21."""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab.lab import Lab

from . import clients, releases, tools, walk
from .hosts import LabHost, counts
from .serving import create_topic, delete_topic, produce, records
from .terminal import Terminal

DATA = "/var/lib/kafka/data"
META = "/var/lib/kafka/metadata/meta.properties"


@pytest.fixture(scope="module")
def alone(lab: Lab, host: Callable[..., LabHost]) -> Iterator[LabHost]:
    """An empty host, deployed with the inventory single-kraft."""
    lab.recreate("kafka1", "trixie")
    found = host("kafka1", "single-kraft")
    output = found.deploy()
    assert "Smoke check passed" in output and "(a new cluster, " in output
    assert output.index("Smoke check passed") < output.index("derived:"), "what saves time later costs none now"
    yield found
    lab.down(["kafka1"])


def test_an_empty_host_is_deployed_once_and_stays_as_it_is(alone: LabHost):
    before = alone.pid("kafka")
    output = alone.deploy()
    assert counts(output, alone.name)["touched"] == 0 and "Smoke check passed" in output, output
    assert alone.pid("kafka") == before != "0"
    assert alone.sh("systemctl list-unit-files 'zookeeper*' --no-legend", expect=None) == ""
    page = alone.invoke("status").stdout
    assert f"quorum: {alone.name} leads (epoch " in page and ", alone" in page and "Healthy" in page


def test_the_first_walk_works_as_typed_and_every_command_starts(alone: LabHost):
    alone.wait_for_class_archive()
    with Terminal(alone.name) as terminal:
        walk.walk(alone, terminal, "4.3.1")
    tools.require_all_start(alone, "4.3.1")


def test_a_client_on_this_machine_reads_back_the_1000_records_it_wrote(alone: LabHost):
    topic, values = f"thousand-{uuid.uuid4().hex[:8]}", [f"{number}: 값".encode() for number in range(1000)]
    clients.create_topic(alone, topic)
    clients.write(alone, topic, values)
    assert clients.read_all(alone, topic) == values
    clients.delete_topic(alone, topic)


def test_a_setting_that_needs_a_restart_restarts_the_node_and_keeps_its_records(alone: LabHost):
    topic, before = f"kept-{uuid.uuid4().hex[:8]}", alone.pid("kafka")
    create_topic(alone.bootstrap, topic)
    produce(alone.bootstrap, topic, ["one", "two", "three"])
    output = alone.deploy("--extra-vars", "{kafka_config: {queued.max.requests: 501}}")
    after = alone.pid("kafka")
    assert "restart service:kafka" in output and after not in (before, "0")
    # What the host has made meanwhile is there, as nobody but root can change it, and Java has taken it.
    alone.wait_for_class_archive()
    archive = "$(readlink -f /opt/kafka)/services.jsa"
    assert alone.sh(f"systemctl show -P Result kafka-service-archive; stat -c '%U %a' {archive}") == "success\nroot 644"
    assert alone.sh(f"grep -c {archive} /proc/{after}/maps", expect=None) != "0", "the start did not take the archive"
    assert records(alone.bootstrap, topic) == ["one", "two", "three"]
    alone.deploy("--no-smoke")
    delete_topic(alone.bootstrap, topic)


def test_a_node_that_lost_its_metadata_is_not_formatted_as_a_new_one(alone: LabHost):
    """Its topics would be gone, with all records still on the disk."""
    topic = f"there-{uuid.uuid4().hex[:8]}"
    create_topic(alone.bootstrap, topic)
    alone.sh(f"systemctl stop kafka; mv {META} /tmp/kept")
    try:
        alone.sh("mv /var/lib/kafka/metadata/__cluster_metadata-0 /tmp/kept-log")
        output = alone.deploy("--no-smoke", expect=2)
        assert "has partitions, and no controller has its metadata" in output and topic in output
        assert alone.sh(f"systemctl is-active kafka; test -e {META} || echo absent", expect=0) == "inactive\nabsent"
    finally:
        alone.sh(f"mv /tmp/kept-log /var/lib/kafka/metadata/__cluster_metadata-0; mv /tmp/kept {META}")
    assert counts(alone.deploy(), alone.name)["touched"] == 1
    delete_topic(alone.bootstrap, topic)


def test_a_cluster_is_not_turned_into_another_kind_by_its_groups(alone: LabHost):
    text = alone.inventory.read_text()
    before = alone.pid("kafka")
    try:
        zookeeper = f"    zookeeper:\n      hosts:\n        {alone.name}: {{}}\n"
        alone.inventory.write_text(text.replace("  children:\n", f"  children:\n{zookeeper}"))
        output = alone.deploy("--no-smoke", expect=2)
    finally:
        alone.inventory.write_text(text)
    assert "a node of a KRaft cluster would become a broker of a ZooKeeper one" in output
    assert alone.pid("kafka") == before


def test_an_uninstalled_host_keeps_its_data_and_goes_on_with_it_from_a_release_archive(alone: LabHost, tmp_path: Path):
    """With a second disk, as it has to be installed anew in any case."""
    archive = releases.make(tmp_path, alone, "4.3.1")
    digest = hashlib.sha512(archive.read_bytes()).hexdigest()
    disk = "/var/lib/kafka/disk2"
    variables = {"kafka_archive": f"file:{archive}", "kafka_archive_sha512": digest, "kafka_data_dirs": [DATA, disk]}
    from_archive = ("--extra-vars", json.dumps(variables))
    topic = f"outlives-{uuid.uuid4().hex[:8]}"
    create_topic(alone.bootstrap, topic)
    produce(alone.bootstrap, topic, ["one", "two", "three"])
    cluster = alone.sh(f"grep cluster.id {META}")
    done = alone.invoke("uninstall", "--yes")
    assert done.returncode == 0, done.stdout
    assert alone.sh("test -e /opt/kafka || echo gone") == "gone"
    output = alone.deploy(*from_archive)
    assert "Smoke check passed" in output
    assert re.findall(r"initial:(\S+) \(for partitions of cluster ", output) == [f"{disk}/meta.properties"]
    assert re.findall(r"initial:\S+ \(a new", output) == []
    assert alone.sh(f"grep -h cluster.id {META} {disk}/meta.properties | uniq") == cluster
    assert releases.MARK in alone.sh("cat /opt/kafka/bin/kafka-topics.sh")
    assert alone.sh("kafka-topics.sh --version").startswith("4.3.1")
    assert counts(alone.deploy(*from_archive), alone.name)["touched"] == 0
    assert records(alone.bootstrap, topic) == ["one", "two", "three"]
    done = alone.invoke("uninstall", "--yes", "--purge-data", *from_archive)
    assert done.returncode == 0, done.stdout
    assert alone.sh("ls -d /var/lib/kafka* /etc/kafka* /var/log/kafka* /opt/kafka* 2>/dev/null", expect=None) == ""
