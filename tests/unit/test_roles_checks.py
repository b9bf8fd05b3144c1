"""Inventories that cannot work are refused before any connection, naming the hosts and what to change."""

from __future__ import annotations

import pytest

from provisioner.errors import ProvisionerError
from roles import site
from tests.support import roles as support

THREE = ["kafka1", "kafka2", "kafka3"]

BOTH = [{"name": "INTERNAL", "port": 9092}, {"name": "CLIENTS", "port": 9093, "protocol": "SASL_SSL"}]
OWN = [{"name": "IN", "port": 9092}, {"name": "OUT", "port": 9093, "advertised_host": "127.0.0.1"}]


def one(**variables):
    """A site of one host."""
    return {"kafka": ["a"], "zookeeper": ["a"], **variables}


def refusal(tmp_path, **given):
    with pytest.raises(ProvisionerError) as caught:
        support.inventory(tmp_path, **given)
    assert caught.value.exit_code == 1
    return str(caught.value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"kafka": {"a": {"kafka_broker_id": 7}, "b": {"kafka_broker_id": 7}}, "zookeeper": ["a"]},
            ["kafka_broker_id 7 is used by a and b"],
        ),
        # An explicit id may meet another host's position.
        ({"kafka": {"a": {"kafka_broker_id": 2}, "b": {}}, "zookeeper": ["a"]}, ["kafka_broker_id 2", "a and b"]),
        (
            {"kafka": ["a"], "zookeeper": {"a": {"zookeeper_myid": 1}, "b": {"zookeeper_myid": 1}, "c": {}}},
            ["zookeeper_myid 1 is used by a and b"],
        ),
        ({"kafka": ["a"], "zookeeper": {"a": {"zookeeper_myid": 256}}}, ["256", "between 1 and 255"]),
        (one(kafka_port=2181), ["a: port 2181", "listener PLAINTEXT", "ZooKeeper"]),
        (one(zookeeper_port=3888), ["3888", "zookeeper_port", "zookeeper_election_port"]),
        (one(kafka_listeners=[{"name": "A", "port": 1}, {"name": "B", "port": 1}]), ["port 1", "A", "B"]),
        (
            {"kafka": THREE, "zookeeper": THREE, "kafka_replication_factor": 4},
            ["kafka_replication_factor is 4", "3 brokers"],
        ),
        ({"kafka": THREE, "zookeeper": THREE, "kafka_min_insync_replicas": 4}, ["kafka_min_insync_replicas is 4"]),
        (one(kafka_replication_factor=0), ["kafka_replication_factor is 0", "set it to 1 or more"]),
        (one(kafka_min_insync_replicas=0), ["kafka_min_insync_replicas is 0", "set it to 1 or more"]),
        (
            {"kafka": THREE, "zookeeper": THREE, "kafka_listeners": OWN, "kafka_inter_broker_listener": "OUT"},
            [
                "brokers would look for each other at 127.0.0.1 (OUT), where each finds only itself",
                "hosts: kafka1, kafka2, kafka3",
                "kafka1 and kafka2 and kafka3 would have one address, 127.0.0.1:9093 (listener OUT)",
            ],
        ),
        (
            {"kafka": {"a": {}, "b": {"kafka_advertised_host": "a"}}, "zookeeper": ["a"]},
            ["a and b would have one address, a:9092 (listener PLAINTEXT)", "advertised_host of its own"],
        ),
        (
            {"kafka": ["a"], "zookeeper": {"a": {}, "b": {"zookeeper_address": "localhost"}, "c": {}}},
            ["ZooKeeper servers would look for each other at localhost (zookeeper_address)", "hosts: b"],
        ),
        (
            {"kafka": ["a"], "zookeeper": {"a": {}, "b": {"zookeeper_address": "c"}, "c": {}}},
            ["b and c would have one address, c:2888 (zookeeper_address)"],
        ),
        (one(kafka_version="9.9.9"), ["9.9.9", "2.5.0, 3.9.2", "artifacts.lock"]),
        (one(zookeeper_version="1.0"), ["zookeeper_version 1.0", "3.5.10"]),
        (
            {"kafka": {"a": {}, "b": {"kafka_version": "2.5.0"}}, "zookeeper": ["a"]},
            ["differs", "2.5.0: b", "3.9.2: a"],
        ),
        (one(kafka_archive="file:/x/kafka_2.12-2.5.0.tgz"), ["kafka_archive is version 2.5.0", "3.9.2"]),
        (
            {"kafka": {"a": {"kafka_archive": "file:/x/kafka_2.13-3.9.2.tgz"}}},
            ["kafka_archive is version 3.9.2, but kafka_version is 4.3.1"],
        ),
        (
            one(kafka_version="4.3.1"),
            [
                "Kafka 4.3.1 runs without ZooKeeper, and the inventory has a group zookeeper",
                "kafka_version: 3.9.2, the",
            ],
        ),
        (one(kafka_heap="100m"), ["kafka_heap is 100m", "256m or more"]),
        (one(kafka_stop_timeout="30s"), ["kafka_stop_timeout is 30s, below 300s"]),
        (
            {"zookeeper": ["a"], "kafka_controller": ["a"], "kafka": ["a"]},
            ["would both keep the metadata", "zookeeper"],
        ),
        (one(kafka_config={"broker.id": 3}), ["broker.id", "kafka_broker_id instead"]),
        (one(zookeeper_config={"server.1": "x"}), ["server.1", "zookeeper_address"]),
        (one(kafka_config={"log retention": 3}), ["not a property name", "log retention"]),
        (one(kafka_jvm_opts=["-Xa -Xb"]), ["kafka_jvm_opts", "-Xa -Xb", "one option per item"]),
        (one(kafka_listeners=[{"name": "A"}]), ["port is missing"]),
        (one(kafka_listeners=[{"name": "A", "port": 1, "prot": 2}]), ["unknown key prot"]),
        (one(kafka_listeners=["A:9092"]), ["not a listener", "A:9092"]),
        (one(kafka_listeners=[{"name": "A", "port": 1, "protocol": "TLS"}]), ["TLS", "SSL"]),
        (one(kafka_advertised_host="0.0.0.0"), ["clients can connect to"]),
        (one(kafka_inter_broker_listener="X"), ["kafka_inter_broker_listener X", "PLAINTEXT"]),
        *(
            (
                one(kafka_listeners=[{"name": "A", "port": 1, "protocol": protocol}]),
                [
                    f"a: brokers would talk to each other over A, which is {protocol}",
                    "set kafka_inter_broker_listener to a PLAINTEXT listener",
                ],
            )
            for protocol in ("SSL", "SASL_PLAINTEXT", "SASL_SSL")
        ),
        (one(kafka_listeners=BOTH, kafka_inter_broker_listener="CLIENTS"), ["over CLIENTS, which is SASL_SSL"]),
    ],
)
def test_an_inventory_that_cannot_work_is_refused(tmp_path, given, said):
    message = refusal(tmp_path, **given)
    for part in said:
        assert part in message


def test_a_listener_that_all_brokers_share_is_refused_once(tmp_path):
    listener = {"name": "A", "port": 1, "protocol": "SSL"}
    message = refusal(tmp_path, kafka=THREE, zookeeper=THREE, kafka_listeners=[listener])
    assert message.count("over A, which is SSL") == 1 and "hosts: kafka1, kafka2, kafka3" in message


def test_clients_may_have_a_listener_that_encrypts(tmp_path):
    found = support.inventory(tmp_path, **one(kafka_listeners=BOTH))
    assert "INTERNAL:PLAINTEXT,CLIENTS:SASL_SSL" in support.text(support.target(found), "/etc/kafka/server.properties")


def test_hosts_in_no_group_of_ours_are_nothing_to_deploy(tmp_path):
    path = tmp_path / "other.yml"
    path.write_text("all: {children: {web: {hosts: {w1: {}}}}}")
    with pytest.raises(ProvisionerError, match="no host is in the group kafka, kafka_controller or zookeeper"):
        support.load(str(path), root=tmp_path, specs=support.SPECS, checks=site.CHECKS)


def test_all_problems_are_reported_at_once(tmp_path):
    message = refusal(tmp_path, kafka=["a"], zookeeper=["a"], kafka_heap="1m", zookeeper_heap="1m", kafka_port=2181)
    assert "kafka_heap" in message and "zookeeper_heap" in message and "port 2181" in message


@pytest.mark.parametrize(
    ("servers", "warned"), [(["a"], False), (["a", "b"], True), (["a", "b", "c"], False), (["a", "b", "c", "d"], True)]
)
def test_an_even_ensemble_is_a_warning(tmp_path, servers, warned):
    found = site.warnings(support.inventory(tmp_path, kafka=["a"], zookeeper=servers))
    assert [("odd number" in warning) for warning in found] == [True] * warned


def test_another_zookeeper_than_the_paired_one_is_a_warning(tmp_path):
    found = site.warnings(support.single(tmp_path, zookeeper_version="3.5.10"))
    assert len(found) == 1 and "not 3.5.10" in found[0]


def test_a_host_given_zookeeper_elsewhere_needs_no_group(tmp_path):
    found = support.inventory(
        tmp_path, kafka=["a"], kafka_zookeeper_connect="zk.example:2181", kafka_zookeeper_chroot="/k"
    )
    assert "zookeeper.connect=zk.example:2181/k\n" in support.text(
        support.target(found), "/etc/kafka/server.properties"
    )
