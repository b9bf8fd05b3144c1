"""`kafka_security`: the listeners, properties and files that follow from it, and what an inventory may not say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from provisioner import succession
from provisioner.errors import ConfigError, ProvisionerError, Refused
from provisioner.resources import Credential, Service
from provisioner.run import plan as planning
from roles.kafka import listeners
from roles.shared import tls
from tests.support import roles as support

LISTED = [
    {"name": "INTERNAL", "port": 9092, "advertised_host": "{{ inventory_hostname }}"},
    {"name": "EXTERNAL", "port": 19092, "advertised_host": "kafka.example.com", "secure_port": 443},
    {"name": "OWN", "port": 19999, "protocol": "SSL"},
]


def doors(directory, **variables):
    found = support.inventory(directory, kafka=["kafka1"], **variables)
    return [(one.name, one.protocol, one.advertised) for one in listeners.of(found.hosts["kafka1"])]


NODES = ("NODES", "SSL", "kafka1:9091")
SECURE = ("SECURE", "SASL_SSL", "kafka1:9094")
PLAIN = ("PLAINTEXT", "PLAINTEXT", "kafka1:9092")


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, [PLAIN]),
        ({"kafka_security": "off"}, [PLAIN]),
        ({"kafka_security": False}, [PLAIN]),  # as YAML reads the word off
        ({"kafka_security": "open"}, [NODES, PLAIN, SECURE]),
        ({"kafka_security": "required"}, [NODES, SECURE]),
        (
            {"kafka_security": "required", "kafka_secure_port": 9999, "kafka_internal_port": 8000},
            [("NODES", "SSL", "kafka1:8000"), ("SECURE", "SASL_SSL", "kafka1:9999")],
        ),
        (
            {"kafka_security": "required", "kafka_listeners": LISTED},
            [
                NODES,
                ("INTERNAL_SECURE", "SASL_SSL", "kafka1:9094"),
                ("EXTERNAL_SECURE", "SASL_SSL", "kafka.example.com:443"),
                ("OWN", "SSL", "kafka1:19999"),
            ],
        ),
    ],
)
def test_each_plaintext_listener_gets_a_secured_one_beside_it_or_in_its_place(tmp_path, variables, expected):
    assert doors(tmp_path, **variables) == expected


def properties(directory, path="/etc/kafka/server.properties", name=None, **variables):
    found = support.inventory(directory, **variables)
    text = support.files(support.target(found, name))[path].content
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))


def test_a_broker_speaks_tls_with_certificates_of_both_sides_to_nodes_and_asks_clients_for_a_name(tmp_path):
    found = properties(tmp_path, kafka=["kafka1"], kafka_security="required")
    assert found["inter.broker.listener.name"] == "NODES"
    assert "CONTROLLER_SECURE:SSL" in found["listener.security.protocol.map"] and "PLAINTEXT" not in str(found)
    for listener in ("nodes", "controller_secure"):
        assert found[f"listener.name.{listener}.ssl.client.auth"] == "required"
        assert found[f"listener.name.{listener}.ssl.keystore.location"] == "/etc/kafka/tls/node.pem"
    assert found["listener.name.secure.sasl.enabled.mechanisms"] == "SCRAM-SHA-512,SCRAM-SHA-256"
    for mechanism in ("scram-sha-512", "scram-sha-256"):
        assert found[f"listener.name.secure.{mechanism}.sasl.jaas.config"].endswith("ScramLoginModule required;")
    assert found["listener.name.secure.connections.max.reauth.ms"] == "3600000"
    assert found["allow.everyone.if.no.acl.found"] == "false"
    assert found["super.users"] == "User:CN=kafka,O=kafka-provisioner"


@pytest.mark.parametrize(
    ("path", "host"),
    [
        ("/etc/kafka/server.properties", "kafka1"),
        ("/etc/kafka-controller/controller.properties", "control1"),
    ],
)
def test_listed_super_users_are_known_to_brokers_and_controllers(tmp_path, path, host):
    where: dict[str, Any] = {"kafka": ["kafka1"], "kafka_controller": ["control1"]}
    listed = {"kafka_super_users": ["alice", "User:CN=ops\\, night,O=x"]}
    found = properties(tmp_path, path, host, kafka_security="required", **where, **listed)
    own = "User:CN=kafka,O=kafka-provisioner"
    assert found["super.users"] == rf"{own};User:alice;User:CN=ops\\, night,O=x", "escaped for java.util.Properties"


def test_with_plaintext_doors_whoever_has_no_name_may_do_what_they_could(tmp_path):
    found = properties(tmp_path, kafka=["kafka1"], kafka_security="open")
    assert found["super.users"] == "User:CN=kafka,O=kafka-provisioner;User:ANONYMOUS"
    assert found["allow.everyone.if.no.acl.found"] == "true"


def test_a_controller_of_its_own_is_closed_as_well(tmp_path):
    path = "/etc/kafka-controller/controller.properties"
    where: dict[str, Any] = {"kafka": ["kafka1"], "kafka_controller": ["control1"]}
    found = properties(tmp_path, path, "control1", kafka_security="required", **where)
    assert found["listener.security.protocol.map"] == "CONTROLLER_SECURE:SSL"
    assert found["listeners"] == "CONTROLLER_SECURE://0.0.0.0:9095"
    assert found["listener.name.controller_secure.ssl.client.auth"] == "required"
    assert found["listener.name.controller_secure.ssl.keystore.location"] == "/etc/kafka-controller/tls/node.pem"


def test_an_open_cluster_is_what_it_was(tmp_path):
    found = properties(tmp_path, kafka=["kafka1"])
    assert not [name for name in found if "ssl" in name or "sasl" in name or name.startswith(("super", "authorizer"))]


def credentials(inventory, name=None):
    of = support.target(inventory, name)
    return {one.path: one for one in support.resources(of) if isinstance(one, Credential)}


def test_a_certificate_has_every_name_by_which_its_node_is_reached(tmp_path):
    own: dict[str, Any] = {"kafka_security": "open", "kafka_listeners": LISTED, "kafka_tls_names": ["10.0.0.7"]}
    (one,) = credentials(support.inventory(tmp_path, kafka=["kafka1"], **own)).values()
    assert one.names == ("10.0.0.7", "127.0.0.1", "::1", "kafka.example.com", "kafka1", "localhost")
    assert one.group == "kafka" and one.authority == ""
    assert not (tmp_path / "site.ca").exists()


def test_a_host_with_two_nodes_has_two_keys_each_readable_by_its_own(tmp_path):
    found = support.inventory(tmp_path, kafka=["a"], kafka_controller=["a"], kafka_security="required")
    groups = {path: one.group for path, one in credentials(found).items()}
    assert groups == {"/etc/kafka/tls/node.pem": "kafka", "/etc/kafka-controller/tls/node.pem": "kafka-controller"}


@pytest.mark.parametrize(
    ("groups", "variables", "said"),
    [
        (
            {"kafka": ["a"]},
            {"kafka_security": "required", "kafka_zookeeper_connect": "zoo:2181", "kafka_version": "3.9.2"},
            "kafka_zookeeper_connect leads to one outside of the inventory",
        ),
        (
            {"kafka": ["a"], "zookeeper": ["a"]},
            {
                "kafka_security": "required",
                "kafka_version": "2.5.0",
                "kafka_listeners": [
                    {"name": "P", "port": 9092},
                    {"name": "C", "port": 9096, "clients": "certificates"},
                ],
            },
            "kafka_listeners: C (clients: certificates) needs a Kafka that reads PEM, which 2.5.0 does not",
        ),
        (
            {"kafka": ["a"], "zookeeper": ["a"]},
            {"kafka_security": "required", "kafka_version": "2.5.0", "kafka_tls_cert": "/company.pem"},
            "kafka_tls_cert needs a Kafka that reads PEM, which 2.5.0 does not",
        ),
        (
            {"kafka": ["a"], "zookeeper": ["a"]},
            {
                "kafka_security": "required",
                "kafka_version": "2.5.0",
                "kafka_users": {"u": {"password": "long-enough", "quota": {"mutations": 5}}},
            },
            "u has a quota of mutations, which Kafka 2.5.0 does not know",
        ),
        (
            {"kafka": ["a"], "zookeeper": ["a"]},
            {"kafka_security": "open", "zookeeper_config": {"ssl.clientAuth": "want"}},
            "zookeeper_config sets ssl.clientAuth, which follows from kafka_security",
        ),
        (
            {"kafka": ["a"], "zookeeper": ["a"]},
            {"kafka_security": "open", "kafka_config": {"zookeeper.set.acl": False}},
            "kafka_config sets zookeeper.set.acl, which follows from kafka_security",
        ),
        (
            {"kafka": ["a"], "zookeeper": {"z": {"kafka_security": "open"}}},
            {},
            "kafka_security differs",
        ),
        ({"kafka": {"a": {"kafka_security": "open"}, "b": {}}}, {}, "kafka_security differs"),
        ({"kafka": ["a"]}, {"kafka_security": "on"}, "one of off, open, required"),
        (
            {"kafka": ["a"]},
            {"kafka_security": "open", "kafka_listeners": [{"name": "NODES", "port": 1000}]},
            "a listener that kafka_security brings",
        ),
        (
            {"kafka": ["a"]},
            {"kafka_security": "open", "kafka_tls_renew": "400d"},
            "kafka_tls_renew is as long as kafka_tls_lifetime",
        ),
        (
            {"kafka": ["a"]},
            {"kafka_security": "open", "kafka_config": {"super.users": "User:me"}},
            "set kafka_super_users instead",
        ),
        *[
            ({"kafka": ["a"]}, {"kafka_security": "open", "kafka_super_users": [*wrong]}, said)
            for wrong, said in (
                (["alice;User:bob"], "; separates super users in Kafka's properties"),
                (["user:alice"], "its kind is user; brokers know User"),
                (["User:*"], "everyone cannot be a super user"),
                (["alice", "User:alice"], "kafka_super_users has 'User:alice': it is there twice"),
                ([["alice"]], "it is no text"),
                (["User:"], "it has no name"),
            )
        ],
        ({"kafka": ["a"]}, {"kafka_super_users": ["alice"]}, "kafka_super_users lists users, and no listener asks"),
        (
            {"kafka": ["a"], "kafka_controller": {"c": {"kafka_super_users": ["bob"]}}},
            {"kafka_security": "open"},
            "kafka_super_users differs between the nodes",
        ),
        ({"kafka": ["a"]}, {"kafka_security": "open", "kafka_internal_port": 9092}, "port 9092 is used by"),
        ({"kafka": ["a"]}, {"kafka_users": {"u": {"password": "long-enough"}}}, "no listener asks for a user"),
        ({"kafka": ["a"]}, {"kafka_security": "open", "kafka_users": {"u": {}}}, "u has no password"),
    ],
)
def test_what_an_inventory_may_not_say(tmp_path, groups, variables, said):
    with pytest.raises(ProvisionerError) as refused:
        support.inventory(tmp_path, **groups, **variables)
    errors = getattr(refused.value, "errors", [refused.value])
    text = "\n".join(line for one in errors for line in one.lines())
    assert said in text and isinstance(errors[0], ConfigError) and "long-enough" not in text


def planned(inventory, there=None):
    """The plan of a host on which all is as wanted, but for what is said of its certificate."""
    of = support.target(inventory)
    states = {}
    for one in support.resources(of):
        states[one.key] = dict(one.expected())
        if isinstance(one, Credential):
            states[one.key] = None if there is None else {**one.expected(), **there}
        if isinstance(one, Service):
            disk = dict.fromkeys(one.inputs, "0")
            disk |= planning.soon_on_disk(support.resources(of))
            states[one.key] = {**one.expected(), "active": True, "inputs": disk, "disk": disk, "live": None}
    return of, planning.make(of.name, support.resources(of), states)


def test_a_new_authority_is_made_only_where_nobody_has_one(tmp_path):
    of, plan = planned(support.inventory(tmp_path, kafka=["kafka1"], kafka_security="required"))
    assert tls.objections(of, plan, "kafka") == []
    of, plan = planned(of.inventory, {"authority": "12ab"})
    (error,) = tls.objections(of, plan, "kafka")
    assert isinstance(error, Refused) and "of an authority that is not the one here" in "\n".join(error.lines())


def test_who_has_the_certificate_and_not_the_key_cannot_renew(tmp_path):
    found = support.inventory(tmp_path, kafka=["kafka1"], kafka_security="required")
    tls.authority(found).issue("kafka", ["kafka1"], 1)
    (tmp_path / "site.ca" / "ca.key").unlink()
    of, plan = planned(found, {})
    assert tls.objections(of, plan, "kafka") == [], "nothing has to be signed"
    of, plan = planned(found, {"in_time": False})
    (error,) = tls.objections(of, plan, "kafka")
    assert "the key that signs it is not here" in str(error)


def test_a_key_that_cannot_be_used_is_known_before_anything_changes(tmp_path):
    found = support.inventory(tmp_path, kafka=["kafka1"], kafka_security="required")
    own = tls.authority(found)
    own.issue("kafka", ["kafka1"], 1)
    own.forget()
    key = own.folder / "ca.key"
    content = key.read_bytes()
    key.write_text("$ANSIBLE_VAULT;1.1;AES256\n00\n")
    of, plan = planned(found, {"in_time": False, "trusted": own.certificate})
    (error,) = tls.objections(of, plan, "kafka")
    assert f"{key} is encrypted by ansible-vault" in str(error) and "--vault-password-file" in str(error)
    with_password = replace(found, decrypt=lambda text, what: content.decode())
    of, plan = planned(with_password, {"in_time": False, "trusted": own.certificate})
    assert tls.objections(of, plan, "kafka") == []


def test_a_folder_that_is_behind_its_nodes_changes_none_of_them(tmp_path):
    found = support.inventory(tmp_path, kafka=["kafka1"], kafka_security="required")
    own = tls.authority(found)
    own.issue("kafka", ["kafka1"], 1)
    old, copy = own.fingerprint, {path.name: path.read_bytes() for path in own.folder.iterdir()}
    succession.announce(own)
    node = {"authority": old, "also_trusts": own.others[0], "trusted": own.certificate}
    of, plan = planned(found, node)
    assert tls.objections(of, plan, "kafka") == [] and not plan.changes
    assert "step 1 of 3" in tls.warnings(found)[0]
    for name, content in copy.items():  # as another machine still has it
        (own.folder / name).write_bytes(content)
    own.forget()
    of, plan = planned(found, node)
    (error,) = tls.objections(of, plan, "kafka")
    assert isinstance(error, Refused) and "is being replaced, or was, from another machine" in str(error)
    assert tls.warnings(found) == []


def test_some_hosts_alone_do_not_begin_an_authority(tmp_path):
    found = support.inventory(tmp_path, kafka=["kafka1", "kafka2"], kafka_security="required")
    targets = [support.target(found, name) for name in ("kafka1", "kafka2")]
    tls.require_all(targets)
    with pytest.raises(Refused, match="other hosts may have one already"):
        tls.require_all(targets[:1])
    tls.authority(found).issue("kafka", ["kafka1"], 1)
    tls.require_all(targets[:1])


def test_a_renewed_certificate_is_delivered_in_the_hosts_turn(tmp_path):
    _, plan = planned(support.inventory(tmp_path, kafka=["kafka1"], kafka_security="required"), {"in_time": False})
    (restart,) = plan.restarts
    assert restart.reasons and [one.resource.key for one in restart.changes] == ["credential:/etc/kafka/tls/node.pem"]
    assert not plan.at_once
