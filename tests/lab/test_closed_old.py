"""One broker of Kafka 2.5.0 with its ZooKeeper, closed by its first deploy: keys in Java's own format, and users that
are written to ZooKeeper."""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer
from kafka.errors import TopicAuthorizationFailedError

from cluster.endpoint import Endpoint, Login
from cluster.protocol.hello import hello
from cluster.protocol.login import Refused
from lab.lab import Lab
from provisioner import certificates

from .closed_host import closed
from .hosts import LabHost, counts
from .serving import eventually

BASE = "kafka4"
ALICE, BOB = "a-password-of-alice", "a-password-of-bob"
USERS: dict[str, dict[str, Any]] = {
    "alice": {"password": ALICE, "read": "orders*", "write": "orders*", "groups": "alice*"},
    "bob": {"password": BOB, "read": "bobs", "write": "bobs"},
}
STORES = "/etc/kafka/tls"


@dataclass(frozen=True)
class Node:
    """The host, and what its inventory says beside what all of the lab's do."""

    host: LabHost
    said: Path

    def users(self, users: dict[str, Any], topics: tuple[str, ...] = ()) -> None:
        port = self.host.bootstrap.split(":")[1]  # the one that the lab forwards: it is the secured one here
        ports = {"kafka_secure_port": int(port), "kafka_port": 19092}
        listed = {"topics": {name: {"partitions": 1} for name in topics}} if topics else {}
        mode = {"kafka_version": "2.5.0", "kafka_security": "required"}
        self.said.write_text(json.dumps({**mode, **ports, "kafka_users": users, **listed}))

    def invoke(self, verb: str, *arguments: str) -> str:
        done = self.host.invoke(verb, *arguments, "--extra-vars", f"@{self.said}")
        assert done.returncode == 0, done.stdout
        return str(done.stdout)

    @property
    def trusted(self) -> str:
        own = self.host.inventory
        return (own.with_name(f"{own.stem}.ca") / "ca.crt").read_text()

    def gets_in(self, user: str, password: str) -> bool:
        host, port = self.host.bootstrap.split(":")
        try:
            hello(Endpoint(host, int(port), "SASL_SSL", Login(self.trusted, user, password)))
        except Refused:
            return False
        return True


@pytest.fixture(scope="module")
def node(lab: Lab, host: Callable[..., LabHost], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    lab.recreate(BASE)
    found = Node(host(BASE, archive=False), tmp_path_factory.mktemp("old") / "variables.json")
    found.users(USERS, topics=("orders", "bobs"))
    yield found
    lab.down([BASE])


def entry(host: LabHost, store: str) -> tuple[str, str]:
    """What Java says of the only entry of a store: its kind, and the sha256 of its certificate."""
    said = host.sh(f"keytool -list -keystore {STORES}/{store} -storepass changeit")
    assert "contains 1 entry" in said, said
    kind, digest = re.search(r"(\w+Entry)", said), re.search(r"SHA-?256\S*: ([0-9A-F:]+)", said)
    assert kind and digest, said
    return kind[1], digest[1].replace(":", "").lower()


def as_java_reads_them(host: LabHost) -> None:
    fingerprints = [certificates.read(host.sh(f"cat {STORES}/{name}.pem")).fingerprint for name in ("node", "ca")]
    assert [entry(host, "node.jks"), entry(host, "ca.jks")] == [
        ("PrivateKeyEntry", fingerprints[0]),
        ("trustedCertEntry", fingerprints[1]),
    ]


def test_a_new_2_5_0_is_closed_by_its_first_deploy(node: Node, tmp_path: Path):
    output = node.invoke("deploy")
    assert "through 2 listeners of 1 broker" in output and "zookeeper:/" in output
    assert ALICE not in output and BOB not in output
    assert counts(node.invoke("deploy", "--no-smoke"), node.host.name)["touched"] == 0
    assert "Healthy" in node.invoke("status")
    modes = node.host.sh(f"stat -c '%U:%G %a' {STORES}/node.pem {STORES}/node.jks {STORES}/ca.jks").splitlines()
    assert modes == ["root:kafka 640", "root:kafka 640", "root:root 644"]
    as_java_reads_them(node.host)
    closed(node.host, tmp_path)
    assert {"bobs", "orders"} <= {*node.host.sh("kafka-topics.sh --list 2>/dev/null").split()}


def test_users_get_in_by_their_password_and_may_do_what_the_inventory_says(node: Node):
    assert node.gets_in("alice", ALICE) and not node.gets_in("alice", BOB)
    assert not node.gets_in("mallory", ALICE)
    known = {"security_protocol": "SASL_SSL", "sasl_mechanism": "SCRAM-SHA-512", "sasl_plain_username": "alice"}
    producer = KafkaProducer(
        bootstrap_servers=node.host.bootstrap,
        **known,
        sasl_plain_password=ALICE,
        ssl_context=ssl.create_default_context(cadata=node.trusted),
        acks="all",
        max_block_ms=20_000,
    )
    try:
        producer.send("orders", b"one").get(timeout=20)  # idempotently, as this client does by default
        with pytest.raises(TopicAuthorizationFailedError):
            producer.send("bobs", b"one").get(timeout=20)
    finally:
        producer.close(timeout=1)
    denied = "Principal = User:alice is Denied Operation = .* on resource = Topic:LITERAL:bobs"
    assert int(node.host.sh(f"grep -c '{denied}' /var/log/kafka/kafka-authorizer.log"))


def test_users_follow_the_inventory(node: Node):
    other = "another-one-of-alice"
    node.users({"alice": {**USERS["alice"], "password": other, "quota": {"produce": "1m", "requests": 12.5}}})
    output = node.invoke("users.apply", "--prune", "--yes")
    assert "~ alice: another password; quota: produce 1 MiB/s, requests 12.5 %" in output, output
    assert "- bob: delete the user and its rules" in output and other not in output
    assert "may forget all users" not in output, "that is a fault of clusters without ZooKeeper"
    eventually(lambda: not node.gets_in("alice", ALICE), seconds=5, what="the old password is out")
    eventually(lambda: not node.gets_in("bob", BOB), seconds=5, what="bob is out")
    assert node.gets_in("alice", other)
    asked = "grep -c 'users/alice with config.*producer_byte_rate -> 1048576' /var/log/kafka/server.log"
    eventually(lambda: int(node.host.sh(asked, expect=None)), seconds=5, what="the broker reads the quota")
    (listed,) = json.loads(node.invoke("users.list", "--json"))
    assert (listed["user"], listed["quota"]) == ("alice", {"produce": 1048576, "requests": 12.5})
    node.users({"alice": {**USERS["alice"], "password": other, "quota": {}}})
    assert "~ alice: quota: produce unlimited, requests unlimited" in node.invoke("users.apply")
    assert json.loads(node.invoke("users.list", "--json"))[0]["quota"] == {}


def test_a_store_that_was_touched_is_made_again_with_a_new_key(node: Node):
    before = entry(node.host, "node.jks")
    node.host.sh(f"truncate -s -1 {STORES}/node.jks")
    output = node.invoke("deploy")
    assert f"credential:{STORES}/node.pem" in output and "Smoke check passed" in output
    assert counts(output, node.host.name)["restarted"] == 1
    assert entry(node.host, "node.jks") != before
    as_java_reads_them(node.host)
    assert "2 of 2" in node.invoke("certs.list"), "both listeners show it"
    assert counts(node.invoke("deploy", "--no-smoke"), node.host.name)["touched"] == 0
