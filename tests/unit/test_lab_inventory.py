"""The inventory of a lab other than the default one."""

from __future__ import annotations

import copy

import pytest
import yaml

from lab.inventory import derive, hosts_of, names
from lab.lab import Lab
from provisioner.errors import ConfigError, UsageError

SINGLE = """
all:
  vars:
    ansible_user: ops
    ansible_host: 127.0.0.1
    ansible_ssh_private_key_file: ~/.cache/kafka-provisioner/lab/default/id_ed25519
    ansible_ssh_common_args: "-o UserKnownHostsFile=~/.cache/kafka-provisioner/lab/default/known_hosts"
  children:
    zookeeper:
      hosts:
        single1:
    kafka:
      hosts:
        single1:
          ansible_port: 2221
          kafka_advertised_host: 127.0.0.1
"""
PROD = """
all:
  children:
    kafka:
      vars: {kafka_port: 9092, zookeeper_port: 2181}
      hosts:
        kafka1: {ansible_port: 2231, broker: 1, listeners: "INTERNAL://kafka1:9092,EXTERNAL://127.0.0.1:19092"}
        kafka2: {ansible_port: 2232, external_port: 29092, peers: [kafka1, mykafka1, kafka1.example]}
"""
PORTS = {
    "single1": {"ssh": 20000, "kafka": 20001, "zookeeper": 20002},
    "kafka1": {"ssh": 20003, "kafka": 20004},
    "kafka2": {"ssh": 20005, "kafka": 20006},
}


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "inventory" / "group_vars").mkdir(parents=True)
    (tmp_path / "inventory" / "single.yml").write_text(SINGLE)
    (tmp_path / "inventory" / "prod.yml").write_text(PROD)
    (tmp_path / "inventory" / "real.yml").write_text("all: {hosts: {broker-a.example: }}")
    return tmp_path


def test_single_gets_the_labs_name_ports_and_paths():
    new = derive(yaml.safe_load(SINGLE), "dev", PORTS)["all"]
    kafka = new["children"]["kafka"]["hosts"]["dev-single1"]
    assert kafka == {"ansible_port": 20000, "kafka_advertised_host": "127.0.0.1", "kafka_port": 20001}
    assert list(new["children"]["zookeeper"]["hosts"]) == ["dev-single1"]
    assert new["vars"]["ansible_ssh_private_key_file"] == "~/.cache/kafka-provisioner/lab/dev/id_ed25519"
    assert "/lab/dev/known_hosts" in new["vars"]["ansible_ssh_common_args"]
    assert new["vars"]["ansible_host"] == "127.0.0.1"


def test_published_ports_change_wherever_they_are_written_and_internal_ones_stay():
    hosts = derive(yaml.safe_load(PROD), "dev", PORTS)["all"]["children"]["kafka"]
    assert hosts["vars"] == {"kafka_port": 9092, "zookeeper_port": 2181}
    assert hosts["hosts"]["dev-kafka1"] == {
        "ansible_port": 20003,
        "broker": 1,
        "listeners": "INTERNAL://dev-kafka1:9092,EXTERNAL://127.0.0.1:20004",
    }
    assert hosts["hosts"]["dev-kafka2"]["external_port"] == 20006


def test_only_whole_host_names_are_replaced():
    peers = derive(yaml.safe_load(PROD), "dev", PORTS)["all"]["children"]["kafka"]["hosts"]["dev-kafka2"]["peers"]
    assert peers == ["dev-kafka1", "mykafka1", "kafka1.example"]


def test_port_that_a_group_sets_is_replaced_there_and_not_set_again():
    inventory = {"all": {"vars": {"kafka_port": 9092}, "hosts": {"single1": {"ansible_port": 2221}}}}
    new = derive(inventory, "dev", PORTS)["all"]
    assert new == {"vars": {"kafka_port": 20001}, "hosts": {"dev-single1": {"ansible_port": 20000}}}


def test_deriving_leaves_its_input_alone():
    inventory = yaml.safe_load(SINGLE)
    before = copy.deepcopy(inventory)
    derive(inventory, "dev", PORTS)
    assert inventory == before


def test_default_lab_uses_the_shipped_file(root):
    assert Lab(root=root).inventory("single") == root / "inventory" / "single.yml"


def test_other_lab_gets_a_file_of_its_own_with_the_same_group_vars(root):
    lab = Lab("dev", root=root)
    path = lab.inventory("single")
    assert path == lab.state.directory / "inventory" / "single.yml"
    written = yaml.safe_load(path.read_text())
    ports = lab.ports("single1")
    assert written["all"]["children"]["kafka"]["hosts"]["dev-single1"]["ansible_port"] == ports["ssh"]
    assert (path.parent / "group_vars").resolve() == root / "inventory" / "group_vars"
    assert lab.inventory("single") == path


def test_names_are_those_of_inventories_made_of_lab_hosts(root):
    assert list(names(root)) == ["prod", "single"]
    assert hosts_of(root, "prod") == ["kafka1", "kafka2"]
    assert hosts_of(root, "single") == ["single1"]


@pytest.mark.parametrize("name", ["nope", "real", "../single"])
def test_other_inventories_are_refused_with_the_valid_names(root, name):
    with pytest.raises(UsageError, match="prod, single"):
        hosts_of(root, name)


def test_broken_yaml_is_named(root):
    (root / "inventory" / "bad.yml").write_text("all: [")
    with pytest.raises(ConfigError, match=r"bad\.yml"):
        Lab("dev", root=root).inventory("bad")
