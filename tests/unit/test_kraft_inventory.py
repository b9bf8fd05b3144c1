"""What an inventory says of a KRaft cluster: its mode by groups, its controllers, and what is refused before any
connection."""

from __future__ import annotations

import re
from typing import Any

import pytest

from provisioner.errors import ProvisionerError
from roles import site
from roles.shared import kraft
from tests.support import roles as support

THREE = ["kafka1", "kafka2", "kafka3"]
APART: dict[str, Any] = {"kafka": THREE, "kafka_controller": THREE}
OLD: dict[str, Any] = {"kafka_version": "3.9.2"}


def members_of(inventory):
    return lambda group: [inventory.hosts[name] for name in inventory.groups.get(group, ())]


@pytest.mark.parametrize(
    ("given", "ids", "unit"),
    [
        ({"kafka": ["a"]}, {"a": 1}, "kafka"),
        ({"kafka": THREE}, {"kafka1": 1, "kafka2": 2, "kafka3": 3}, "kafka"),
        # More than three would only make every vote slower.
        ({"kafka": [*THREE, "kafka4", "kafka5"]}, {"kafka1": 1, "kafka2": 2, "kafka3": 3}, "kafka"),
        (
            {"kafka": {"a": {"kafka_process_roles": "broker"}, "b": {"kafka_process_roles": "broker,controller"}}},
            {"b": 2},
            "kafka",
        ),
        (APART, {"kafka1": 101, "kafka2": 102, "kafka3": 103}, "kafka-controller"),
        ({"kafka": ["a"], "kafka_controller": {"c": {"kafka_controller_id": 7}}}, {"c": 7}, "kafka-controller"),
    ],
)
def test_the_groups_say_who_is_a_controller(tmp_path, given, ids, unit):
    found = kraft.controllers(members_of(support.inventory(tmp_path, **OLD, **given)))
    assert {one.host: one.id for one in found} == ids and {one.unit for one in found} == {unit}


BOTH: dict[str, Any] = {"kafka_process_roles": "broker,controller"}


def test_both_kinds_are_the_step_between_them(tmp_path):
    apart = {"kafka": THREE, "kafka_controller": ["kafka1", "x1"], **BOTH}
    inventory = support.inventory(tmp_path, **apart, kafka_controller_port=9095, kafka_combined_controller_port=9093)
    found = kraft.controllers(members_of(inventory))
    assert [(one.id, one.unit, one.place) for one in found] == [
        (101, "kafka-controller", "kafka1:9095"),
        (102, "kafka-controller", "x1:9095"),
        (1, "kafka", "kafka1:9093"),
        (2, "kafka", "kafka2:9093"),
        (3, "kafka", "kafka3:9093"),
    ]
    assert list(kraft.named(found)) == ["kafka1 (101)", "x1", "kafka1 (1)", "kafka2", "kafka3"]
    assert list(kraft.named(found, "kafka")) == ["kafka1 (101)", "x1", "kafka1", "kafka2", "kafka3"]
    assert list(kraft.named(found, "kafka-controller")) == ["kafka1", "x1", "kafka1 (1)", "kafka2", "kafka3"]
    text = support.text(support.target(inventory, "kafka1"), "/etc/kafka/server.properties")
    assert "process.roles=broker,controller" in text and "CONTROLLER://0.0.0.0:9093" in text
    own = support.text(support.target(inventory, "kafka1"), "/etc/kafka-controller/controller.properties")
    assert "listeners=CONTROLLER://0.0.0.0:9095" in own and "node.id=101" in own
    assert (
        f"bootstrap.servers={','.join(one.place for one in found)}" in text
        and kraft.bootstrap(members_of(inventory)) in own
    )
    assert any(
        "2 controllers are processes of their own and 3 are in brokers' processes" in one
        for one in site.warnings(inventory)
    )


def test_a_group_of_servers_means_zookeeper(tmp_path):
    inventory = support.inventory(tmp_path, kafka=["a"], zookeeper=["a"])
    assert not kraft.on(inventory.hosts["a"], members_of(inventory))
    assert inventory.hosts["a"].vars["kafka_version"] == "3.9.2"


def test_a_combined_node_listens_for_brokers_clients_and_controllers(tmp_path):
    text = support.text(support.target(support.inventory(tmp_path, kafka=["a"], **OLD)), "/etc/kafka/server.properties")
    lines = text.splitlines()
    assert "process.roles=broker,controller" in lines and "node.id=1" in lines
    assert "listeners=PLAINTEXT://0.0.0.0:9092,CONTROLLER://0.0.0.0:9093" in lines
    assert "advertised.listeners=PLAINTEXT://a:9092,CONTROLLER://a:9093" in lines
    assert "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT" in lines
    assert "controller.quorum.bootstrap.servers=a:9093" in lines and "controller.listener.names=CONTROLLER" in lines
    assert "zookeeper" not in text and "broker.id" not in text


def test_a_broker_beside_controllers_of_their_own_only_knows_them(tmp_path):
    inventory = support.inventory(tmp_path, **APART, **OLD)
    text = support.text(support.target(inventory, "kafka2"), "/etc/kafka/server.properties")
    lines = text.splitlines()
    assert "process.roles=broker" in lines and "listeners=PLAINTEXT://0.0.0.0:9092" in lines
    assert "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT" in lines
    assert "controller.quorum.bootstrap.servers=kafka1:9093,kafka2:9093,kafka3:9093" in lines
    own = support.text(support.target(inventory, "kafka2"), "/etc/kafka-controller/controller.properties").splitlines()
    assert "process.roles=controller" in own and "node.id=102" in own
    assert "advertised.listeners=CONTROLLER://kafka2:9093" in own
    # Controllers decide these about a topic that does not say them.
    assert "default.replication.factor=3" in own and "min.insync.replicas=2" in own


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"zookeeper": ["a"], "kafka_controller": ["a"], "kafka": ["a"]}, ["would both keep the metadata"]),
        ({"kafka": ["a"], "kafka_process_roles": "broker"}, ["no broker is a controller", "broker,controller"]),
        ({"kafka_controller": ["a"]}, ["serve no client", "add a broker"]),
        (
            {"kafka": ["a"], "kafka_zookeeper_connect": "z:2181", "kafka_version": "4.3.1"},
            ["Kafka 4.3.1 runs without ZooKeeper", "use 3.9.2"],
        ),
        (
            {"kafka": ["a"], "zookeeper": ["a"], "zookeeper_version": "3.8.6", "kafka_version": "4.3.1"},
            ["Kafka 4.3.1 runs without ZooKeeper", "use 3.9.2"],
        ),
        (
            {"kafka": {"a": {"kafka_zookeeper_connect": "z:2181"}}, "kafka_controller": ["a"]},
            ["kafka_zookeeper_connect is set", "kafka_controller"],
        ),
        (
            {"kafka": {"a": {"kafka_zookeeper_connect": "z:2181"}, "b": {}}},
            ["not set for every broker", "b"],
        ),
        ({"kafka": ["a"], "kafka_version": "2.5.0"}, ["Kafka 2.5.0 cannot keep its metadata itself", "3.9.2 or 4.x"]),
        (
            {"kafka": {"a": {"kafka_broker_id": 101}}, "kafka_controller": ["b"]},
            ["kafka_controller_id 101 of b is the id of the broker of a", "such as 102"],
        ),
        (
            {"kafka": ["a"], "kafka_controller": {"b": {"kafka_controller_id": 5}, "c": {"kafka_controller_id": 5}}},
            ["kafka_controller_id 5 is used by b and c"],
        ),
        ({"kafka": ["a"], "kafka_cluster_id": "x" * 21}, ["not the id of a cluster", "21 characters", "in:"]),
        ({"kafka": ["a"], "kafka_cluster_id": "A" * 22}, ["not the id of a cluster"]),
        ({"kafka": ["a"], "kafka_port": 9093}, ["port 9093 is used by Kafka listener PLAINTEXT and the controller"]),
        (
            {"kafka": THREE, "kafka_controller_address": "localhost"},
            ["controllers would look for each other at localhost"],
        ),
        ({**APART, "kafka_controller_config": {"node.id": 3}}, ["node.id", "kafka_controller_id instead"]),
        ({**APART, "kafka_controller_heap": "32m"}, ["kafka_controller_heap is 32m", "64m or more"]),
        ({**APART, "kafka_controller_port": 9092}, ["port 9092"]),
        (
            {**APART, "kafka_process_roles": "broker,controller"},
            ["port 9093 is used by the controller in the broker's process", "kafka_combined_controller_port"],
        ),
        ({"kafka": ["a"], "kafka_config": {"process.roles": "broker"}}, ["process.roles", "kafka_process_roles"]),
    ],
)
def test_what_cannot_work_is_refused(tmp_path, given, said):
    with pytest.raises(ProvisionerError) as caught:
        support.inventory(tmp_path, **{**OLD, **given})
    assert caught.value.exit_code == 1
    for part in said:
        assert part in str(caught.value)


def test_the_id_of_a_first_directory_follows_from_cluster_and_node():
    ids = {kraft.directory_id(cluster, node) for cluster in ("one", "two") for node in (1, 2)}
    assert len(ids) == 4 and all(re.fullmatch(r"[A-Za-z0-9_-]{22}", one) for one in ids)
    assert kraft.directory_id("one", 1) == kraft.directory_id("one", 1)
