"""Properties of clusters that keep their metadata themselves: what is refused and what passes, of brokers and of
controllers."""

from __future__ import annotations

import pytest

from provisioner.errors import ProvisionerError
from roles import site
from tests.support import roles as support


def said_by_kraft(tmp_path, own, version="4.3.1"):
    """What a cluster that keeps its metadata itself is refused for with these properties."""
    try:
        support.inventory(tmp_path, kafka=["k1", "k2", "k3"], kafka_version=version, kafka_config=own)
    except ProvisionerError as error:
        assert error.exit_code == 1
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("own", "parts"),
    [
        # What is gone: all of ZooKeeper's, and the versions of protocols.
        (
            {"zookeeper.session.timeout.ms": "18s"},
            ["zookeeper.session.timeout.ms is a property of 2.5.0, 3.9.2 and not of Kafka 4.3.1", "-> remove it"],
        ),
        ({"zookeeper.connect": "z:2181"}, ["zookeeper.connect is a property of 2.5.0, 3.9.2 and not of Kafka 4.3.1"]),
        ({"inter.broker.protocol.version": "3.9"}, ["is a property of 2.5.0, 3.9.2 and not of Kafka 4.3.1"]),
        ({"password.encoder.secret": "geheim"}, ["is a property of 2.5.0, 3.9.2 and not of Kafka 4.3.1"]),
        # What has become stricter.
        ({"log.segment.bytes": "512k"}, ["log.segment.bytes takes a whole number, 1048576 or more"]),
        ({"num.replica.fetchers": 0}, ["num.replica.fetchers takes a whole number, 1 or more"]),
        ({"remote.log.manager.copier.thread.pool.size": -1}, ["takes a whole number, 1 or more"]),
        ({"metadata.log.segment.bytes": "1m"}, ["takes a whole number, 8388608 or more"]),
        ({"authorizer.class.name": "kafka.security.authorizer.AclAuthorizer"}, ["the name of a class in its jars"]),
        # What limits each other.
        ({"group.coordinator.rebalance.protocols": "consumer"}, ["classic must be one of them"]),
        ({"group.coordinator.rebalance.protocols": ""}, ["takes a list of consumer, classic, share, streams"]),
        ({"group.share.assignors": "best"}, ["it takes simple or classes in its jars; found: 'best'"]),
        ({"group.consumer.assignors": "no.such.Class"}, ["it takes uniform, range or classes in its jars"]),
        ({"group.share.max.share.sessions": 2}, ["must be at least group.share.max.size, which is 200"]),
        ({"group.streams.session.timeout.ms": "1h"}, ["must be at most group.streams.max.session.timeout.ms"]),
        ({"group.streams.num.standby.replicas": 9}, ["at most group.streams.max.standby.replicas, which is 2"]),
        ({"cordoned.log.dirs": "/elsewhere"}, ["there is no data directory /elsewhere; they are: /var/lib/kafka/data"]),
        ({"share.coordinator.state.topic.compression.codec": 5}, ["takes a whole number from 0 to 4"]),
    ],
)
def test_a_property_that_kafka_4_would_refuse_or_ignore_is_refused(tmp_path, own, parts):
    found = said_by_kraft(tmp_path, own)
    assert all(part in found for part in parts) and "geheim" not in found, found
    assert "site.yml:" in found and found.count("\n  -> ") <= 1, "one message"


@pytest.mark.parametrize(
    ("own", "part"),
    [
        ({"zookeeper.connect": "z:2181"}, "this cluster keeps its metadata itself, without ZooKeeper"),
        ({"zookeeper.set.acl": True}, "this cluster keeps its metadata itself, without ZooKeeper"),
        ({"control.plane.listener.name": "CONTROL"}, "brokers that keep the metadata themselves refuse it"),
        ({"authorizer.class.name": "kafka.security.authorizer.AclAuthorizer"}, "StandardAuthorizer keeps them in"),
        ({"inter.broker.protocol.version": "2.8"}, "speak 3.0 or newer; found: '2.8'"),
        ({"inter.broker.protocol.version": "3.0-IV0"}, "speak 3.0 or newer"),
        ({"inter.broker.protocol.version": "3.9"}, ""),
        ({"group.coordinator.rebalance.protocols": ["classic", "consumer"]}, ""),
        ({"broker.session.timeout.ms": "9s", "metadata.log.segment.bytes": "1g"}, ""),
    ],
)
def test_a_kafka_that_runs_both_ways_is_judged_by_the_way_of_its_cluster(tmp_path, own, part):
    found = said_by_kraft(tmp_path, own, version="3.9.2")
    assert part in found and bool(part) == bool(found), found


@pytest.mark.parametrize(
    "own",
    [
        {"group.coordinator.rebalance.protocols": "classic,consumer,streams", "group.share.assignors": "simple"},
        {"group.consumer.assignors": "org.apache.kafka.coordinator.group.assignor.RangeAssignor,uniform"},
        {"listener.name.controller.ssl.client.auth": "none", "cordoned.log.dirs": "*"},
        {"authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer", "super.users": "User:a"},
        {"log.retention.ms": "2d", "broker.session.timeout.ms": "6s", "num.network.threads": 3},
    ],
)
def test_what_kafka_4_takes_passes_without_a_warning(tmp_path, own):
    assert said_by_kraft(tmp_path, own) == ""
    (tmp_path / "again").mkdir()
    loaded = support.of_version(tmp_path / "again", "4.3.1", kafka_config=own)
    assert not [line for line in site.warnings(loaded) if "has no effect" in line or "deprecated" in line]


def said_of_controllers(tmp_path, own):
    try:
        loaded = support.inventory(tmp_path, kafka=["b"], kafka_controller=["c"], kafka_controller_config=own)
    except ProvisionerError as error:
        return str(error), ""
    return "", support.text(support.target(loaded, "c"), "/etc/kafka-controller/controller.properties")


@pytest.mark.parametrize(
    ("own", "parts"),
    [
        (
            {"metadata.log.segment.byte": "1g"},
            ["is no property of Kafka 4.3.1; did you mean metadata.log.segment.bytes?"],
        ),
        ({"metadata.log.segment.bytes": "1m"}, ["takes a whole number, 8388608 or more"]),
        ({"zookeeper.connect": "z:2181"}, ["is a property of 2.5.0, 3.9.2 and not of Kafka 4.3.1"]),
        ({"listener.name.plaintext.ssl.client.auth": "none"}, ["listeners are: controller"]),
        ({"authorizer.class.name": "com.example.Mine"}, ["the name of a class in its jars"]),
        ({"group.coordinator.rebalance.protocols": "consumer"}, ["classic must be one of them"]),
        ({"node.id": 3}, ["set the variable kafka_controller_id instead"]),
    ],
)
def test_the_properties_of_controllers_are_judged_as_well(tmp_path, own, parts):
    found, _ = said_of_controllers(tmp_path, own)
    assert all(part in found for part in [*parts, "kafka_controller_config", "site.yml:"]), found


def test_the_properties_of_controllers_are_written_as_kafka_reads_them(tmp_path):
    own = {"metadata.log.segment.bytes": "1g", "metadata.max.retention.ms": "2d"}
    found, text = said_of_controllers(tmp_path, {**own, "listener.name.controller.ssl.client.auth": "none"})
    assert found == ""
    assert {"metadata.log.segment.bytes=1073741824", "metadata.max.retention.ms=172800000"} <= set(text.splitlines())
