"""A cluster without ZooKeeper grows up: one combined node of Kafka 3.9, upgraded, its features finalised, becomes three
hosts, and these get controllers of their own. The walks of docs/operations.md, step by step, with clients at work.

One cluster for all of it, in the order of this file.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml
from kafka import KafkaConsumer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, NewTopic
from kafka.structs import OffsetAndMetadata

from cluster.endpoint import Endpoint
from cluster.protocol.wire import Connection
from cluster.settings import configs
from lab.lab import Lab

from . import old_client
from .cluster import BASES, Cluster, bare_cluster, restarted
from .copies import asked, partitions
from .hosts import counts, status_json
from .load import Load, loads
from .serving import create_topic, delete_topic, eventually, produce, records

pytestmark = pytest.mark.second_lab

OFFSETS = "__consumer_offsets"
DOWN = {"kafka_accept_downtime": True}  # a single broker
PINNED = {"kafka_config": {"transaction.state.log.min.isr": 2, "share.coordinator.state.topic.min.isr": 2}}


@pytest.fixture(scope="module")
def apart(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """kafka1 to kafka3, empty, and what they are in the end: a controller and a broker on each. The combined nodes keep
    their port as long as there are any."""
    with bare_cluster(lab, tmp_path_factory.mktemp("kraft-growth"), "prod3-kraft") as cluster:
        base = copied(cluster)
        base["all"]["vars"]["kafka_controller_port"] = 9095
        yield Cluster(cluster.hosts, base, cluster.path)


@pytest.fixture(scope="module")
def three(apart: Cluster) -> Cluster:
    """The same three hosts, combined."""
    return combined(apart, 3)


@pytest.fixture(scope="module")
def alone(apart: Cluster) -> Cluster:
    """The first of them, combined."""
    return combined(apart, 1)


@pytest.fixture
def load(alone: Cluster) -> Iterator[Callable[..., Load]]:
    """load(): a producer and a consumer at work on a topic of their own, which goes when the test ends."""
    yield from loads(alone.bootstrap)


def copied(cluster: Cluster) -> dict[str, Any]:
    """The inventory as it was shipped, to be changed."""
    found: dict[str, Any] = yaml.safe_load(yaml.safe_dump(dict(cluster.base)))
    return found


def combined(cluster: Cluster, hosts: int) -> Cluster:
    """The same inventory file, with the first hosts only and no group of controllers."""
    base = copied(cluster)
    del base["all"]["children"]["kafka_controller"], base["all"]["vars"]["kafka_controller_port"]
    brokers = base["all"]["children"]["kafka"]["hosts"]
    base["all"]["children"]["kafka"]["hosts"] = dict(list(brokers.items())[:hosts])
    return Cluster(cluster.hosts[:hosts], base, cluster.path)


def cut_off(cluster: Cluster, at: str, *arguments: str) -> str:
    """Kill -9 a deploy as soon as its output has this; what it has said."""
    with cluster.running("deploy", "--no-smoke", *arguments) as run:
        run.says(at)
        run.kill()
    return run.output


def least(cluster: Cluster, broker: int) -> str:
    """The min.insync.replicas that is in force on a broker, as it says itself."""
    name = "min.insync.replicas"
    resource = ConfigResource(ConfigResourceType.BROKER, str(broker))
    (of_kind,) = asked(cluster, lambda admin: admin.describe_configs([resource], config_filter="all")).values()
    (found,) = (settings[name] for settings in of_kind.values())
    return str(found["value"])


def voters(cluster: Cluster, expect: int = 0) -> set[int]:
    """The quorum's voters. expect: the exit code of `status`."""
    quorum = status_json(cluster.hosts[0], expect=expect)["cluster"]["quorum"]
    return {one["id"] for one in quorum["voters"]}


def factors(cluster: Cluster, topic: str) -> set[int]:
    """How many in-sync copies the partitions of a topic have."""
    return {len(one["isr_nodes"]) for one in partitions(cluster) if one["topic"] == topic}


def commit(bootstrap: str, topic: str, offset: int | None = None) -> int | None:
    """What a group has read of a topic; offset: let it be this."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, group_id="readers", enable_auto_commit=False)
    try:
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        if offset is not None:
            consumer.commit({partition: OffsetAndMetadata(offset, "", -1)})
        found: int | None = consumer.committed(partition)
        return found
    finally:
        consumer.close()


# In the inventory of an upgrade: {what upgrade.check says of it: the variables}.
PLANTED: dict[str, dict[str, Any]] = {
    "kafka_config: leader.imbalance.per.broker.percentage is a property of": {
        "kafka_config": {
            "leader.imbalance.per.broker.percentage": 10,
            "remote.log.manager.copier.thread.pool.size": -1,
        },
    },
    "kafka_config: remote.log.manager.copier.thread.pool.size takes a whole number": {},
    "kafka_log_segment: log.segment.bytes takes": {"kafka_log_segment": "500k"},
    "/var/lib/kafka/data has": {"kafka_disk_min": "900t"},
    "kafka 4.3.1 runs on Java 17 or newer, not on Java 11": {"java_home": "/opt/java-11"},
}
# On the host, in the cluster and at its door: the sentences.
ALSO_PLANTED = (
    "server.properties has authorizer.class.name, which the inventory does not have; in Kafka 4.3.1 it cannot name",
    "server.properties has control.plane.listener.name, which the inventory does not have, and Kafka 4.3.1 ignores it",
    "log.message.downconversion.enable=false is set at run time, and Kafka 4.3.1 ignores it",
    "log.segment.bytes=512000 is set at run time, and in Kafka 4.3.1 it takes",
    "old has message.format.version=0.10.2: Kafka 4.3.1 writes only the newest format",
    "old has segment.bytes=1000; in Kafka 4.3.1 it takes",
    "the client from-2015 at ",
)
SETTINGS_OF_OLD = ("--set", "message.format.version=0.10.2", "--set", "segment.bytes=1000")
AT_RUN_TIME = ("log.message.downconversion.enable=false", "log.segment.bytes=500k")
JAVA_11 = """mkdir -p /opt/java-11/bin && cp /bin/true /opt/java-11/bin/java
echo 'JAVA_VERSION="11.0.2"' > /opt/java-11/release"""
BY_HAND = """cp -a /etc/kafka/server.properties /root/kept
printf '%s\\n' authorizer.class.name=kafka.security.authorizer.AclAuthorizer control.plane.listener.name=X \
    >> /etc/kafka/server.properties"""


def test_what_stands_in_the_way_of_an_upgrade_is_found_and_nothing_where_nothing_does(alone: Cluster):
    (host,) = alone.hosts
    to = ("--to", "4.3.1")
    alone.set({**DOWN, "kafka_version": "3.9.2"})
    alone.invoke("deploy", "--no-smoke")
    clean = alone.invoke("upgrade.check", *to, "--listen", "1s")
    findings, _, rest = clean.partition("Defaults that change")
    assert "Nothing stops an upgrade to 4.3.1\n" in rest and not re.findall(r"^ +->", findings, re.M), clean
    assert "log.message.timestamp.after.max.ms: no limit -> 1 h" in clean

    before = host.sh("cat /etc/kafka/server.properties")
    alone.invoke("topics.create", "--topic", "old", *SETTINGS_OF_OLD)
    alone.invoke("broker.set", *(word for one in AT_RUN_TIME for word in ("--set", one)))
    host.sh(f"{JAVA_11}\n{BY_HAND}")
    try:
        variables = json.dumps({name: value for one in PLANTED.values() for name, value in one.items()})
        with old_client.at_work(host.bootstrap, "old"):
            found = alone.invoke("upgrade.check", *to, "--extra-vars", variables, expect=2)
        missing = [one for one in (*PLANTED, *ALSO_PLANTED) if one not in found]
        assert len({*PLANTED, *ALSO_PLANTED}) == 12 and not missing, (missing, found)
        with Connection(Endpoint.parse(host.bootstrap)) as broker:
            logger = configs.describe(broker, configs.LOGGERS, ["1"])["1"]["kafka.request.logger"]
        assert logger.value == "WARN", "the log of requests is as it was"
    finally:
        host.sh("mv /root/kept /etc/kafka/server.properties; rm -r /opt/java-11")
    alone.invoke("broker.unset", *(word for one in AT_RUN_TIME for word in ("--unset", one.partition("=")[0])))
    alone.invoke("topics.delete", "--topic", "old", "--yes")
    assert host.sh("cat /etc/kafka/server.properties") == before
    alone.require_unchanged()


def test_features_are_finalised_when_the_inventory_says_so_and_not_by_a_new_version(alone: Cluster):
    (host,) = alone.hosts
    alone.set({**DOWN, "kafka_version": "3.9.2"})
    alone.invoke("deploy", "--no-smoke")
    alone.set(DOWN)
    output = alone.invoke("deploy", "--no-smoke")
    assert "restart service:kafka" in output and "feature:" not in output
    features = status_json(host, expect=0)["cluster"]["features"]
    assert features["finalised"]["metadata.version"] == 21 and features["supported"]["metadata.version"] == 30
    assert "kafka_features: 4.3, and deploy" in alone.invoke("doctor", expect=None)

    alone.set({**DOWN, "kafka_features": "4.3"})
    line = f"~ {host.name}: feature:metadata.version (21 (3.9-IV0) -> 30 (4.3-IV0), no way back below 4.3-IV0)"
    assert line in alone.invoke("plan")
    assert status_json(host, expect=0)["cluster"]["features"] == features, "a plan has changed something"
    before = host.pid("kafka")
    output = alone.invoke("deploy", "--no-smoke")
    assert line in output and "feature:eligible.leader.replicas.version (0 -> 1)" in output
    assert host.pid("kafka") == before
    found = status_json(host, expect=0)["cluster"]["features"]["finalised"]
    assert found["metadata.version"] == 30 and found["eligible.leader.replicas.version"] == 1
    alone.require_unchanged()
    assert least(alone, 1) == "1"


def test_a_single_combined_node_grows_to_three_hosts(alone: Cluster, three: Cluster, load: Callable[..., Load]):
    topic, there = "kept", alone.hosts[0].bootstrap
    create_topic(there, topic)
    produce(there, topic, ["one", "two", "three"])
    assert commit(there, topic, 2) == 2  # makes Kafka's own topic, with one copy
    with load(copies=1, least=None) as clients:
        three.set()
        refused = three.invoke("deploy", "--no-smoke", expect=2)
        assert "min.insync.replicas 1 -> 2" in refused and "keep kafka_min_insync_replicas: 1" in refused
        three.set({"kafka_min_insync_replicas": 1})
        refused = three.invoke("deploy", "--no-smoke", expect=2)
        assert "these restarts mean downtime, and nothing was changed" in refused
        assert three.hosts[1].sh("test -e /etc/kafka || echo bare") == "bare"
        output = cut_off(three, ": voter:", "--accept-downtime")  # between the two that join
        output += three.invoke("deploy", "--no-smoke", "--accept-downtime")
        assert restarted(output, "kafka") == ["kafka1"], output
        assert f"+ {three.hosts[1].name}: voter:2 (in the quorum)" in output, output
        assert output.rindex(": voter:") < output.index("restart service:kafka (runs"), "the only voter went down"
        clients.more()
        assert voters(three) == {1, 2, 3} and least(three, 3) == "1"
        listed = {host.sh("grep ^controller.quorum.bootstrap /run/kafka/server.properties") for host in three.hosts}
        assert len(listed) == 1 and listed.pop().count(":9093") == 3

        names = (topic, OFFSETS, clients.topic)
        copies = ("--replication-factor", "3", "--throttle", "none")
        three.invoke("topics.alter", "--topic", ",".join(names), *copies)
        assert [factors(three, name) for name in names] == [{3}] * 3
        three.set()
        output = three.invoke("deploy", "--no-smoke")
        assert "setting:min.insync.replicas (1 -> 2 for all brokers, no restart)" in output
        clients.more()
    clients.verdict()
    assert sorted(restarted(output, "kafka")) == list(BASES)
    assert [least(three, number) for number in (1, 2, 3)] == ["2", "2", "2"]
    three.require_unchanged()
    assert commit(three.hosts[2].bootstrap, topic) == 2
    assert records(three.hosts[1].bootstrap, topic) == ["one", "two", "three"]
    assert "\nHealthy" in three.invoke("status")


def test_what_the_cluster_holds_changes_without_a_restart(three: Cluster):
    three.set(PINNED)
    three.invoke("deploy", "--no-smoke")
    before = three.pids("kafka")
    for value, change in (("1", "2 -> 1"), ("2", "1 -> 2")):
        three.set({**PINNED, "kafka_min_insync_replicas": int(value)})
        output = three.invoke("deploy", "--no-smoke", "--accept-fewer-copies", "--accept-downtime")
        assert f"setting:min.insync.replicas ({change} for all brokers, no restart)" in output
        assert "service:kafka" not in output, "a restart that cannot help"
        assert [least(three, number) for number in (1, 2, 3)] == [value] * 3
        assert "outdated" not in three.invoke("status")
        three.require_unchanged()
    assert three.pids("kafka") == before


def test_without_two_of_three_combined_nodes_status_says_so_and_a_deploy_starts_them(three: Cluster):
    first, *others = three.hosts
    topic = f"still-{uuid.uuid4().hex[:8]}"
    new = NewTopic(topic, num_partitions=1, replication_factor=3)
    asked(three, lambda admin: admin.create_topics([new]))
    produce(first.bootstrap, topic, ["one", "two", "three"])
    others[0].sh("systemctl stop kafka")
    refused = three.invoke("restart", "--limit", first.name, expect=2)
    assert f"{others[0].name}, which is not part of this run" in refused, refused
    others[1].sh("systemctl stop kafka")
    lost = "the controllers have no leader (1 of 3 answer, 2 are needed)"
    # One that leads takes a while to notice that nobody follows any more.
    eventually(lambda: lost in three.invoke("status", expect=2), seconds=30, what="status says what is lost", every=1)
    output = three.invoke("deploy", "--no-smoke")
    assert [counts(output, host.name)["touched"] for host in three.hosts] == [0, 1, 1], output
    assert records(others[1].bootstrap, topic) == ["one", "two", "three"]
    delete_topic(first.bootstrap, topic)
    eventually(lambda: "\nHealthy" in three.invoke("status", expect=None), seconds=60, what="healthy again", every=1)


BOTH = {"kafka_process_roles": "broker,controller", "kafka_combined_controller_port": 9093, **PINNED}


def test_combined_nodes_hand_over_to_controllers_of_their_own(
    apart: Cluster, three: Cluster, load: Callable[..., Load]
):
    hosts, topic = [host.name for host in three.hosts], "outlives"
    three.set(PINNED)
    three.invoke("deploy", "--no-smoke")
    new = NewTopic(topic, num_partitions=1, replication_factor=3)
    asked(three, lambda admin: admin.create_topics([new]))
    produce(three.bootstrap[0], topic, ["one", "two", "three"])
    before = three.pids("kafka")
    apart.set(PINNED)
    refused = apart.invoke("deploy", "--no-smoke", expect=2)
    assert "it is voter 1 of the quorum and would be a broker alone" in refused
    assert "set kafka_process_roles: broker,controller for all brokers, and deploy" in refused
    assert three.pids("kafka") == before
    with load() as clients:
        apart.set(BOTH)
        output = cut_off(apart, ": voter:")
        output += apart.invoke("deploy", "--no-smoke")
        assert f"+ {hosts[0]}: voter:101 (in the quorum)" in output, output
        assert sorted(restarted(output, "kafka")) == list(BASES)
        assert voters(apart) == {1, 2, 3, 101, 102, 103}
        apart.require_unchanged()
        clients.more()

        apart.set(PINNED)
        refused = apart.invoke("deploy", "--no-smoke", expect=2)
        assert "take it out of the quorum first: `invoke quorum.remove --controller 1`" in refused
        refused = apart.invoke("quorum.remove", "--controller", hosts[0], "--yes", expect=1)
        assert "the host has two controllers" in refused
        for number in (1, 2, 3):
            apart.invoke("quorum.remove", "--controller", str(number), "--yes")
        clients.more()
        output = apart.invoke("deploy", "--no-smoke")
        assert sorted(restarted(output, "kafka")) == list(BASES)
        clients.more()
    clients.verdict()
    assert voters(apart) == {101, 102, 103}
    roles = {host.sh("grep ^process.roles /run/kafka/server.properties") for host in apart.hosts}
    listed = {
        host.sh("grep ^controller.quorum.bootstrap /run/kafka*/*.properties | cut -d= -f2") for host in apart.hosts
    }
    assert roles == {"process.roles=broker"} and "9093" not in "".join(listed)
    print(f"\ncombined to controllers of their own: longest gap {clients.longest_gap():.2f} s")
    apart.require_unchanged()
    assert records(apart.bootstrap[0], topic) == ["one", "two", "three"]
    assert "\nHealthy" in apart.invoke("status")


def test_a_controller_leaves_a_host_whose_broker_stays(apart: Cluster):
    left = apart.hosts[2]
    apart.set(PINNED)
    apart.invoke("deploy", "--no-smoke")
    broker, whole = left.pid("kafka"), apart.path.read_text()
    without = yaml.safe_load(whole)
    del without["all"]["children"]["kafka_controller"]["hosts"][left.name]
    apart.path.write_text(yaml.safe_dump(without, sort_keys=False))
    removes = f"`invoke uninstall --limit {left.name} --service kafka-controller`"
    refused = apart.invoke("deploy", "--no-smoke", expect=2)
    assert "kafka-controller runs here" in refused and removes in refused and "controller 103 (" in refused

    apart.path.write_text(whole)
    apart.invoke("quorum.remove", "--controller", left.name, "--yes")
    apart.invoke("uninstall", "--limit", left.name, "--service", "kafka-controller", "--purge-data", "--yes")
    gone = "ls -d /etc/kafka-controller /var/lib/kafka-controller /etc/systemd/system/kafka-controller.service"
    assert left.sh(f"{gone} 2>/dev/null", expect=2) == ""
    assert left.pid("kafka") == broker and left.sh("kafka-topics.sh --version", login=True).startswith("4.")
    assert voters(apart, expect=2) == {101, 102}, "status says that the inventory has one more"
    apart.path.write_text(yaml.safe_dump(without, sort_keys=False))
    # Of two controllers, each one's restart is downtime: that is what the flag is for, and nothing is objected to.
    output = apart.invoke("plan", "--accept-downtime")
    assert "restart service:kafka " in output and "kafka-controller runs here" not in output
