"""A cluster that is closed from its first deploy (`kafka_security: required`): three brokers with three controllers."""

from __future__ import annotations

import json
import re
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer, KafkaProducer
from kafka.errors import TopicAuthorizationFailedError

from cluster.endpoint import Endpoint, Login
from cluster.protocol.hello import hello
from cluster.protocol.login import Refused
from lab.lab import Lab
from provisioner.authority import Authority

from .cluster import Cluster, bare_cluster
from .serving import eventually

ALICE, BOB = "a-password-of-alice", "a-password-of-bob"
USERS: dict[str, dict[str, Any]] = {
    "alice": {"password": ALICE, "read": ["orders*"], "write": ["orders"], "groups": ["alice*"]},
    "bob": {"password": BOB, "read": "bobs", "write": "bobs", "groups": "*"},
}
ASKER = Path(__file__).with_name("strangers.py")
PORTS = {"NODES": 9091, "CONTROLLER_SECURE": 9095}


@pytest.fixture(scope="module")
def closed(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with bare_cluster(lab, tmp_path_factory.mktemp("closed"), "prod3-kraft") as cluster:
        variables = cluster.base["all"]["vars"]
        (external,) = [one for one in variables["kafka_listeners"] if one["name"] == "EXTERNAL"]
        # The lab forwards one port of Kafka's: it is the secured one here.
        external |= {"secure_port": external["port"], "port": "{{ external_port | int + 1 }}"}
        variables |= {"kafka_security": "required", "topics": {"orders": {"partitions": 3}, "bobs": {}}}
        cluster.set({"kafka_users": USERS})
        cluster.made = cluster.invoke("deploy")
        yield cluster


def authority(cluster: Cluster) -> Path:
    return cluster.path.with_name(f"{cluster.path.stem}.ca")


def client(cluster: Cluster, user: str, password: str) -> dict[str, Any]:
    """What kafka-python needs to be a user."""
    return {
        "bootstrap_servers": [host.bootstrap for host in cluster.hosts],
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": user,
        "sasl_plain_password": password,
        "ssl_context": ssl.create_default_context(cafile=str(authority(cluster) / "ca.crt")),
    }


def door(cluster: Cluster, user: str, password: str) -> Endpoint:
    """The secured listener of the first broker."""
    host, port = cluster.hosts[0].bootstrap.split(":")
    trusted = (authority(cluster) / "ca.crt").read_text()
    return Endpoint(host, int(port), "SASL_SSL", Login(trusted, user, password))


def refused(cluster: Cluster, user: str, password: str) -> float:
    """Assert that a user does not get in; after how many seconds that was clear."""
    began = time.monotonic()
    with pytest.raises(OSError) as said:
        hello(door(cluster, user, password))
    assert not user or isinstance(said.value, Refused), said.value
    return time.monotonic() - began


def tried(cluster: Cluster, port: int, tries: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """{who: what they were told by the first host, asked from the second}."""
    first, second = cluster.hosts[:2]
    asked = json.dumps({"host": first.name, "port": port, "tries": tries})
    done = first.lab.exec(second.base, ["python3", "-c", ASKER.read_text()], input=asked)
    assert done.returncode == 0, done.stderr
    return {one["who"]: one for one in map(json.loads, done.stdout.splitlines())}


def test_a_new_cluster_is_closed_by_its_first_deploy(closed: Cluster):
    output = closed.made
    # A record went through each listener of each broker, though users have to log in at two of them.
    assert "was skipped" not in output and re.search(r"Smoke check passed .* 3 listeners of 3 brokers", output)
    assert "+ alice: may read topic orders*; may write topic orders; may read group alice*" in output
    assert ALICE not in output and BOB not in output
    closed.require_unchanged()
    assert "Healthy" in closed.invoke("status")
    key, own = authority(closed) / "ca.key", authority(closed) / ".gitignore"
    assert key.stat().st_mode & 0o777 == 0o600 and own.read_text() == "*.key\n"
    for host in closed.hosts:
        left = host.sh(f"grep -rlE '{ALICE}|{BOB}' /etc /var/log /var/lib /opt /run /tmp 2>/dev/null", expect=None)
        assert not left, f"{host.name}: a password is in {left}"
        modes = host.sh("stat -c '%U:%G %a' /etc/kafka/tls/node.pem /etc/kafka-controller/tls/node.pem").splitlines()
        assert modes == ["root:kafka 640", "root:kafka-controller 640"]
        assert host.sh("find / -xdev -name ca.key 2>/dev/null", expect=None) == ""


def test_nothing_answers_in_the_clear(closed: Cluster):
    first = closed.hosts[0]
    listening = first.sh("ss -ltnH | awk '{print $4}' | grep -v '^127[.]' | sed 's/.*://' | sort -un").split()
    ports = [int(port) for port in listening if port != "22"]
    assert {9091, 9095, 9094} <= set(ports)
    for port in ports:
        found = tried(closed, port, {"in the clear": {"tls": False, "shown": ""}})
        assert found["in the clear"]["answer"] == "", f"port {port}"


@pytest.mark.parametrize("listener", PORTS)
def test_nodes_let_in_nobody_else(closed: Cluster, tmp_path: Path, listener: str):
    own = Authority(authority(closed), "kafka-provisioner")
    foreign = Authority(tmp_path / "prod3-kraft.ca", "kafka-provisioner")
    shown = {
        "a node": own.issue("kafka", ["kafka2"], 1).text,
        "no certificate": "",
        "another authority with the same names": foreign.issue("kafka", ["kafka2"], 1).text,
        "an expired certificate": own.issue("kafka", ["kafka2"], 0).text,
    }
    time.sleep(1.1)  # an end is written in whole seconds
    found = tried(closed, PORTS[listener], {who: {"tls": True, "shown": text} for who, text in shown.items()})
    assert found.pop("a node")["answer"], "the test itself does not get an answer"
    for who, one in found.items():
        assert not one["answer"] and one["seconds"] < 1, (who, one)


def test_clients_get_in_by_name_and_password_only(closed: Cluster):
    assert len(hello(door(closed, "alice", ALICE))["brokers"]) == 3
    assert refused(closed, "alice", "a-wrong-password") < 1
    assert refused(closed, "mallory", ALICE) < 1
    assert refused(closed, "", "") < 1
    # And a client refuses a broker that is not the one of the name it asked for.
    place, context = door(closed, "alice", ALICE), client(closed, "alice", ALICE)["ssl_context"]
    with socket.create_connection((place.host, place.port)) as plain, pytest.raises(ssl.SSLCertVerificationError):
        context.wrap_socket(plain, server_hostname="kafka9.example.com")


def test_a_user_may_do_what_the_inventory_says_and_nothing_else(closed: Cluster):
    producer = KafkaProducer(**client(closed, "alice", ALICE), acks="all", max_block_ms=20_000)
    try:
        for number in range(20):
            producer.send("orders", b"%d" % number).get(timeout=20)
        with pytest.raises(TopicAuthorizationFailedError):
            producer.send("bobs", b"x").get(timeout=20)
    finally:
        producer.close(timeout=1)
    consumer = KafkaConsumer(
        "orders",
        **client(closed, "alice", ALICE),
        group_id="alice1",
        auto_offset_reset="earliest",
        consumer_timeout_ms=20_000,
    )
    try:
        assert {next(consumer).value for _ in range(20)} == {b"%d" % number for number in range(20)}
    finally:
        consumer.close()
    denied = "Principal = User:alice is Denied operation = .* on resource = Topic:LITERAL:bobs"
    logs = [host.sh(f"grep -c '{denied}' /var/log/kafka/kafka-authorizer.log", expect=None) for host in closed.hosts]
    assert any(int(count) for count in logs)


def test_the_verbs_and_the_official_commands_work(closed: Cluster):
    first = closed.hosts[0]
    assert "orders" in closed.invoke("topics.list")
    assert "alice" in closed.invoke("users.list") and "Healthy" in closed.invoke("status")
    assert "Nothing is wrong" in closed.invoke("doctor")
    command = (
        "kafka-topics.sh --bootstrap-server 127.0.0.1:9091 --command-config /etc/kafka/tls/admin.properties --list"
    )
    assert "orders" in first.sh(command).split()
    closed.invoke("client.config", "--user", "alice", "--out", str(closed.path.with_name("alice.properties")))
    config = closed.path.with_name("alice.properties")
    assert config.stat().st_mode & 0o777 == 0o600 and ALICE in config.read_text()
    assert ALICE not in closed.invoke("client.config", "--user", "alice")
    first.lab.exec(first.base, ["sh", "-c", "cat > /root/alice.properties"], input=config.read_text())
    alices = f"kafka-topics.sh --bootstrap-server {first.name}:9094 --command-config /root/alice.properties --list"
    assert first.sh(alices).split() == ["orders"], "the tools see what alice may see"
    first.sh("rm /root/alice.properties")


def test_the_user_of_a_check_stays_without_a_right_so_that_no_restart_forgets_the_others(closed: Cluster):
    """A broker that reads of a deleted user as it starts may drop all others (`roles/kafka/visitor.py`)."""
    first = closed.hosts[0]
    tool = "kafka-configs.sh --bootstrap-server 127.0.0.1:9091 --command-config /etc/kafka/tls/admin.properties"
    closed.invoke("smoke")
    names = first.sh(f"{tool} --describe --entity-type users")
    assert names.count("provisioner-smoke") == 1 and "provisioner-smoke" not in closed.invoke("users.list")
    rules = first.sh(f"{tool.replace('kafka-configs.sh', 'kafka-acls.sh')} --list")
    assert "User:alice" in rules and "provisioner-smoke" not in rules
    log = "/var/lib/kafka/metadata/__cluster_metadata-0/00000000000000000000.log"
    records = first.sh(f"kafka-dump-log.sh --cluster-metadata-decoder --files {log} | grep -o '[A-Z_]*_SCRAM_[A-Z_]*'")
    assert set(records.split()) == {"USER_SCRAM_CREDENTIAL_RECORD"}, "nobody was deleted so far"


def test_users_follow_the_inventory(closed: Cluster):
    carol = {"password": "a-password-of-carol", "read": "orders"}
    other = {**USERS, "bob": {**USERS["bob"], "password": "another-one-of-bob"}, "carol": carol}
    closed.set({"kafka_users": other})
    output = closed.invoke("users.apply")
    assert "~ bob: another password" in output and "+ carol: may read topic orders" in output
    assert "another-one-of-bob" not in output
    hello(door(closed, "bob", "another-one-of-bob"))
    eventually(lambda: refused(closed, "bob", BOB) < 1, seconds=5, what="the old password is out")

    closed.set({"kafka_users": USERS})
    output = closed.invoke("deploy", "--no-smoke")
    assert "not listed, left alone: carol" in output and "~ bob: another password" in output
    hello(door(closed, "carol", carol["password"]))
    output = closed.invoke("users.apply", "--prune", "--yes")
    assert "- carol: delete the user and its rules" in output and "may forget all users" in output
    eventually(lambda: refused(closed, "carol", carol["password"]) < 1, seconds=5, what="carol is out")
    closed.require_unchanged()


def test_whoever_lacks_the_key_deploys_and_makes_no_certificate_and_no_second_authority(
    closed: Cluster, tmp_path: Path
):
    folder = authority(closed)
    (folder / "ca.key").rename(tmp_path / "ca.key")
    try:
        closed.require_unchanged()
        renewing = ("--extra-vars", "kafka_tls_lifetime=500d", "--extra-vars", "kafka_tls_renew=400d")
        output = closed.invoke("deploy", *renewing, expect=2)
        assert "the key that signs it is not here" in output and "nothing was changed" in output
        (folder / "ca.crt").rename(tmp_path / "ca.crt")
        assert "ca.crt is not here" in closed.invoke("smoke", expect=1)
        output = closed.invoke("deploy", expect=2)
        assert "of an authority that is not the one here" in output and not (folder / "ca.key").exists()
    finally:
        for name in ("ca.key", "ca.crt"):
            if (tmp_path / name).exists():
                (tmp_path / name).rename(folder / name)


def test_the_way_back_is_planned_and_all_nodes_go_it_together(closed: Cluster):
    """What it does is in test_closing.py."""
    off = ("--extra-vars", "kafka_security=off", "--extra-vars", '{"kafka_users": {}}')
    before = {unit: closed.pids(unit) for unit in ("kafka-controller", "kafka")}
    page = closed.invoke("plan", *off)
    assert "kafka_security: on -> off: 3 rolling restarts, one after the other" in page and "6 to restart" in page
    output = closed.invoke("deploy", *off, "--limit", closed.hosts[0].name, expect=2)
    assert "some are not in this run" in output and "nothing was changed" in output
    assert {unit: closed.pids(unit) for unit in before} == before
