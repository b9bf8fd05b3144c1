"""A cluster that is closed from its first deploy (`kafka_security: required`): three brokers with three controllers."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import TopicAuthorizationFailedError

from cli.cluster import opened
from cli.common import Run
from cluster.endpoint import Endpoint, Login
from cluster.protocol.hello import LARGEST_ANSWER, REQUEST, STRANGE, hello
from cluster.protocol.login import MECHANISM, Refused, log_in
from cluster.users import remote
from lab.lab import Lab
from provisioner.agent.framed import receive
from provisioner.authority import Authority
from roles.kafka import users

from . import canary
from .cluster import Cluster, bare_cluster
from .load import Load
from .serving import eventually

ALICE, BOB = "a-password-of-alice", "a-password-of-bob"
USERS: dict[str, dict[str, Any]] = {
    "alice": {"password": ALICE, "read": ["orders*"], "write": ["orders"], "groups": ["alice*"]},
    "bob": {"password": BOB, "read": "bobs", "write": "bobs", "groups": "*"},
}
ASKER = Path(__file__).with_name("strangers.py")
REAUTH = 8  # seconds after which a client has to show its password again
OFFICIAL = "kafka-configs.sh"  # as root, who is the node of its host without a word
UNITS = ("kafka", "kafka-controller")
PORTS = {"NODES": 9091, "CONTROLLER_SECURE": 9095}


@pytest.fixture(scope="module")
def closed(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with bare_cluster(lab, tmp_path_factory.mktemp("closed"), "prod3-kraft") as cluster:
        variables = cluster.base["all"]["vars"]
        (external,) = [one for one in variables["kafka_listeners"] if one["name"] == "EXTERNAL"]
        # The lab forwards one port of Kafka's: it is the secured one here.
        external |= {"secure_port": external["port"], "port": "{{ external_port | int + 1 }}"}
        variables |= {"kafka_security": "required", "topics": {"orders": {"partitions": 3}, "bobs": {}}}
        variables["kafka_reauth"] = f"{REAUTH}s"
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
    assert any(int(count) for count in logs), "a denial is in the log, with the name of the user"


def test_the_verbs_and_the_official_commands_work(closed: Cluster):
    first = closed.hosts[0]
    assert "orders" in closed.invoke("topics.list")
    assert "alice" in closed.invoke("users.list") and "Healthy" in closed.invoke("status")
    assert "Nothing is wrong" in closed.invoke("doctor")
    own = "--command-config /etc/kafka/tls/admin.properties"
    for given in ("", "--bootstrap-server localhost:9091", f"--bootstrap-server 127.0.0.1:9091 {own}"):
        assert "orders" in first.sh(f"kafka-topics.sh {given} --list").split(), given
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
    closed.invoke("smoke")
    names = first.sh(f"{OFFICIAL} --describe --entity-type users")
    assert names.count("provisioner-smoke") == 1 and "provisioner-smoke" not in closed.invoke("users.list")
    rules = first.sh(f"{OFFICIAL.replace('configs', 'acls')} --list")
    assert "User:alice" in rules and "provisioner-smoke" not in rules
    log = "/var/lib/kafka/metadata/__cluster_metadata-0/00000000000000000000.log"
    records = first.sh(f"kafka-dump-log.sh --cluster-metadata-decoder --files {log} | grep -o '[A-Z_]*_SCRAM_[A-Z_]*'")
    assert set(records.split()) == {"USER_SCRAM_CREDENTIAL_RECORD"}, "nobody was deleted so far"


def test_users_follow_the_inventory(closed: Cluster):
    carol = {"password": "a-password-of-carol", "read": "orders"}
    bob = {**USERS["bob"], "password": "another-one-of-bob", "quota": {"produce": "1m", "requests": 50}}
    other = {**USERS, "bob": bob, "carol": carol}
    closed.set({"kafka_users": other})
    output = closed.invoke("users.apply")
    assert "~ bob: another password; quota: produce 1 MiB/s, requests 50 %" in output
    assert "+ carol: may read topic orders" in output
    assert "another-one-of-bob" not in output
    hello(door(closed, "bob", "another-one-of-bob"))
    described = f"{OFFICIAL} --describe --entity-type users --entity-name bob"
    eventually(
        lambda: "producer_byte_rate=1048576" in closed.hosts[0].sh(described), seconds=5, what="a broker has the quota"
    )
    eventually(lambda: refused(closed, "bob", BOB) < 1, seconds=5, what="the old password is out")

    closed.set({"kafka_users": USERS})
    output = closed.invoke("deploy", "--no-smoke")
    assert "not listed, left alone: carol" in output and "~ bob: another password" in output
    assert "not listed, left alone: the quota of bob: produce 1 MiB/s, requests 50 %" in output
    hello(door(closed, "carol", carol["password"]))
    output = closed.invoke("users.apply", "--prune", "--yes")
    assert "- carol: delete the user and its rules" in output and "~ bob: no longer a quota" in output
    assert "may forget all users" in output
    eventually(lambda: refused(closed, "carol", carol["password"]) < 1, seconds=5, what="carol is out")
    closed.require_unchanged()


def test_secrets_are_seen_nowhere(closed: Cluster, tmp_path: Path):
    """Passwords, what opens them, and the authority's key: in no argument list or environment, output, log or file."""
    password, vault = "canary-5c0de-of-dora", "canary-5c0de-opens"
    secrets = password, vault, (authority(closed) / "ca.key").read_text().splitlines()[1]
    opens, encrypted = tmp_path / "password", tmp_path / "users.json"
    opens.write_text(f"{vault}\n")
    dora = {"kafka_users": {**USERS, "dora": {"password": password, "read": "orders"}}}
    encrypted.write_text(json.dumps(dora))
    chosen = ("--extra-vars", f"@{encrypted}", "--vault-password-file", str(opens))
    encrypt = [str(Path(sys.executable).with_name("ansible-vault")), "encrypt", *chosen[2:], str(encrypted)]
    subprocess.run(encrypt, check=True, capture_output=True, timeout=60)
    said = []
    with contextlib.ExitStack() as watched:
        for host in closed.hosts:
            watched.enter_context(canary.watched_for(host, *secrets))
        watched.enter_context(canary.watched_here(*secrets))
        said.append(closed.invoke("plan", *chosen))
        said.append(closed.invoke("users.apply", *chosen))
        said.append(closed.invoke("deploy", "--diff", "--timings", *chosen))
        for verb in ("status", "users.list", "certs.list"):
            said.append(closed.invoke(verb, "--json", *chosen))
        said.append(closed.invoke("client.config", "--user", "dora", *chosen))
        # What is refused is said without them, too.
        said.append(closed.invoke("deploy", "--extra-vars", "kafka_reauth=often", *chosen, expect=None))
        said.append(closed.invoke("users.apply", *chosen, "--limit", "nobody", expect=None))
    assert "+ dora: " in said[1] and not [one for one in said if any(secret in one for secret in secrets)]
    hello(door(closed, "dora", password))
    for host in closed.hosts:
        assert not canary.files_with(host) and not canary.logged(host), host.name
        canary.forget(host)
    key = authority(closed) / "ca.key"
    assert canary.holding(closed.path.parent, *secrets) == [key]
    closed.invoke("users.apply", "--prune", "--yes")
    closed.require_unchanged()


def answers(connection: socket.socket) -> bool:
    """Whether an open connection is served; False where the broker has closed it."""
    try:
        connection.sendall(REQUEST)
        return bool(receive(connection, LARGEST_ANSWER, STRANGE))
    except OSError:
        return False


def test_an_open_connection_ends_in_time_once_its_user_is_deleted_or_has_another_password(closed: Cluster):
    old, new, names = "a-password-of-both", "another-password-of-dave", ("dave", "erin")
    places = {name: door(closed, name, old) for name in names}
    with opened(Run(hosts=str(closed.path))) as cluster, contextlib.ExitStack() as stack:
        tried_at = users.door(cluster.driver)
        cluster.call(remote.change(tried_at, passwords={name: {MECHANISM: old} for name in names}))
        for place in places.values():
            eventually(partial(hello, place), seconds=5, what="the broker knows the user")
        again, once = (stack.enter_context(places["dave"].connect()) for _ in range(2))
        time.sleep(REAUTH - 2)
        log_in(again, "dave", old)  # as Java's clients do in time
        time.sleep(3)
        assert answers(again) and not answers(once), "who shows the password again stays"

        shows, silent = (
            {name: stack.enter_context(place.connect()) for name, place in places.items()} for _ in range(2)
        )
        cluster.call(remote.change(tried_at, passwords={"dave": {MECHANISM: new}}, delete=["erin"]))
        changed = time.monotonic()
        # This is when a client is moved: its connection is served, the new password is good, and the old one is not.
        assert all(answers(one) for one in (*shows.values(), *silent.values()))
        hello(door(closed, "dave", new))
        for name in names:
            eventually(partial(refused, closed, name, old), seconds=3, what="the old password is out")
            with pytest.raises(OSError):
                log_in(shows[name], name, old)
            assert not answers(shows[name]), "who shows the old password on an open connection is out"
        time.sleep(max(0.0, changed + REAUTH + 0.5 - time.monotonic()))
        assert not any(answers(one) for one in silent.values())
        cluster.call(remote.change("", passwords={}, delete=names))


def test_rules_follow_the_inventory_and_those_of_others_stay_until_a_list_is_pruned(closed: Cluster):
    denied = {"principal": "alice", "operation": "Read", "resource": "topic", "name": "orders*", "permission": "deny"}
    by_hand = "--add --deny-principal 'User:*' --operation Write --topic by-hand --resource-pattern-type prefixed"
    closed.hosts[0].sh(f"{OFFICIAL.replace('configs', 'acls')} {by_hand}")
    asked = ("--user", "alice", "--topic", "orders", "--operation", "read")
    closed.set({"kafka_users": USERS})
    assert "yes" in closed.invoke("acls.check", *asked)
    assert "No changes" in closed.invoke("users.apply", "--prune"), "without a list, others' rules are not ours"

    closed.set({"kafka_users": USERS, "kafka_acls": [denied]})
    output = closed.invoke("deploy", "--no-smoke")
    assert "~ alice: may not read topic orders*" in output
    assert "not listed, left alone: everyone may not write topic by-hand*" in output
    page = closed.invoke("acls.list")
    assert re.search(r"alice +may not read topic orders[*] +kafka_acls\n", page), page
    assert re.search(r"everyone +may not write topic by-hand[*] +by hand\n", page), page
    assert "alice may not read topic orders*" in closed.invoke("acls.check", *asked, expect=1)
    consumer = KafkaConsumer(**client(closed, "alice", ALICE), group_id="alice1", auto_offset_reset="earliest")
    try:
        consumer.assign([TopicPartition("orders", 0)])
        with pytest.raises(TopicAuthorizationFailedError):
            consumer.poll(timeout_ms=20_000)
    finally:
        consumer.close(autocommit=False)

    closed.set({"kafka_users": USERS, "kafka_acls": []})
    output = closed.invoke("users.apply", "--prune", "--yes")
    assert "~ alice: is no longer denied to read topic orders*" in output
    assert "~ everyone: is no longer denied to write topic by-hand*" in output
    assert "yes" in closed.invoke("acls.check", *asked)
    closed.set({"kafka_users": USERS})


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


def test_brokers_go_on_while_certificates_are_renewed_and_controllers_roll(closed: Cluster):
    carol = {"password": "a-password-of-carol", **dict.fromkeys(("read", "write", "create", "groups"), "*")}
    closed.set({"kafka_users": {**USERS, "carol": carol}})
    closed.invoke("users.apply")
    known, brokers, controllers = (client(closed, "carol", carol["password"]), *map(closed.pids, UNITS))
    with Load(known.pop("bootstrap_servers"), "load-renewal", client=known) as load:
        output = closed.invoke("certs.renew", "--yes", "--accept-downtime")
        load.more()
    load.verdict()
    assert "3 to reload, 3 to restart" in output and closed.pids(UNITS[0]) == brokers
    assert not {*closed.pids(UNITS[1]).items()} & {*controllers.items()}
    for one in json.loads(re.sub("^[^{]*", "", closed.invoke("certs.list", "--json")))["certificates"]:
        assert {door["serial"] for door in one["listeners"].values()} == {one["serial"]}
        assert bool(one["started_with"]) is (one["unit"] == "kafka"), one
    closed.require_unchanged()


def test_the_way_back_is_planned_and_all_nodes_go_it_together(closed: Cluster):
    """What it does is in test_closing.py."""
    off = ("--extra-vars", "kafka_security=off", "--extra-vars", '{"kafka_users": {}}')
    before = {unit: closed.pids(unit) for unit in UNITS}
    page = closed.invoke("plan", *off)
    assert "kafka_security: on -> off: 3 rolling restarts, one after the other" in page and "6 to restart" in page
    output = closed.invoke("deploy", *off, "--limit", closed.hosts[0].name, expect=2)
    assert "some are not in this run" in output and "nothing was changed" in output
    assert {unit: closed.pids(unit) for unit in before} == before
