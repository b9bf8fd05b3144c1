"""One combined node of Kafka 3.9.2 that is closed: the step between, a certificate that is renewed, and the way out."""

from __future__ import annotations

import base64
import json
import random
import re
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer, KafkaProducer
from kafka.errors import TopicAuthorizationFailedError

from cli.cluster import Cluster, opened
from cli.common import Run
from cluster import remote as kafka
from cluster.endpoint import Endpoint, Login
from cluster.protocol.login import MECHANISM
from cluster.protocol.wire import Connection
from cluster.smoke.leg import Leg
from cluster.users import remote
from cluster.users.rules import Rule, from_wire
from lab.lab import Lab
from provisioner import certificates
from provisioner.authority import Authority
from provisioner.resources import Credential
from roles.kafka import users
from roles.shared import security
from tests.support.company import Company

from . import rights
from .hosts import ROOT, LabHost, counts
from .serving import eventually, serves

BASE = "kafka4"
ASKER = Path(__file__).with_name("strangers.py")
HOST = ("--extra-vars", "kafka_version=3.9.2", "--extra-vars", "kafka_security=open")
REQUIRED = (*HOST[:3], "kafka_security=required")


@pytest.fixture(scope="module")
def node(lab: Lab, host: Callable[..., LabHost]) -> Iterator[LabHost]:
    lab.recreate(BASE)
    yield host(BASE, "single-kraft")
    lab.down([BASE])


def serial(host: LabHost) -> str:
    """What the listener of the nodes shows."""
    asked = "import ssl; print(ssl.get_server_certificate(('127.0.0.1', 9091)))"
    return host.sh(f'python3 -c "{asked}"')


def test_an_open_cluster_has_both_doors_and_a_required_one_the_secured_ones_only(node: LabHost):
    check = node.deploy(*HOST, "--check", "--no-smoke")
    assert "credential:/etc/kafka/tls/node.pem" in check
    assert not node.inventory.with_name(f"{node.inventory.stem}.ca").exists(), "a look made an authority"
    output = node.deploy(*HOST)
    assert "through 3 listeners of 1 broker" in output
    assert serves(node.bootstrap), "who comes in the clear is served as before"
    output = node.deploy(*REQUIRED)
    assert "through 2 listeners of 1 broker" in output and counts(output, node.name)["restarted"] == 1
    assert node.sh("ss -ltnH").count(f":{node.bootstrap.split(':')[1]} ") == 0
    done = node.invoke("smoke", "--cli", *REQUIRED)
    assert done.returncode == 0 and "through 2 listeners" in done.stdout, done.stdout
    for measure in ("bench.produce", "bench.consume"):
        done = node.invoke(measure, "--records", "2000", *REQUIRED)
        assert done.returncode == 0 and "\n2000 " in done.stdout, done.stdout


def has_rules(cluster: Cluster, rules: list[Rule]) -> bool:
    return sorted(map(from_wire, cluster.call(remote.look("", {}))["rules"])) == rules


def test_the_broker_answers_as_the_toolkit_says_by_the_rules(node: LabHost):
    port = node.bootstrap.split(":")[1]  # the one that the lab forwards: it is the secured one here
    moved = (*REQUIRED, "--extra-vars", f"kafka_secure_port={port}", "--extra-vars", "kafka_port=19092")
    topics = json.dumps({"topics": {name: {"partitions": 1} for name in rights.TOPICS}})
    node.deploy(*moved, "--extra-vars", topics, "--no-smoke")
    trusted = (node.inventory.with_name(f"{node.inventory.stem}.ca") / "ca.crt").read_text()
    passwords = {user: f"a-password-of-{user}" for user in rights.USERS}
    doors = {
        user: Endpoint("127.0.0.1", int(port), "SASL_SSL", Login(trusted, user, password))
        for user, password in passwords.items()
    }
    rng, answered, allowed = random.Random(20), 0, 0
    there: list[Rule] = []
    with opened(Run(hosts=str(node.inventory), extra_vars=[*moved[1::2]])) as cluster:
        made = {user: {MECHANISM: password} for user, password in passwords.items()}
        cluster.call(remote.change(users.door(cluster.driver), passwords=made))
        with Connection(doors["ann"]):
            (peer,) = node.sh(f"ss -Htn state established sport = :{port}").splitlines()
        own = re.findall(r"(\d+[.]\d+[.]\d+[.]\d+)\]?:\d+", peer)[1]
        for _ in range(8):
            rules = rights.draw(rng, own)
            new, old = sorted({*rules} - {*there}), sorted({*there} - {*rules})
            cluster.call(remote.change("", passwords={}, add=new, remove=old))
            eventually(partial(has_rules, cluster, rules), seconds=5, what="the broker has the rules")
            found, wrong = rights.compare(rng, rules, doors, own, tries=10)
            assert not wrong, (rules, wrong)
            answered, allowed, there = answered + len(found), allowed + sum(found.values()), rules
        assert answered > 400 and 50 < allowed < answered - 50
        question = next(one for one, may in found.items() if not may and one.kind == "topic")
        asked = ("--user", question.user, "--topic", question.name, "--operation", question.operation)
        done = node.invoke("acls.check", *asked, "--address", own, *moved)
        assert done.returncode == 1 and " no " in done.stdout, done.stdout
        done = node.invoke("acls.check", "--user", "CN=kafka,O=kafka-provisioner", "--cluster", *moved)
        assert done.returncode == 0 and "is a super user" in done.stdout, done.stdout
        cluster.call(remote.change("", passwords={}, delete=rights.USERS, remove=there))


def asked_here(node: LabHost, port: int, shown: dict[str, str]) -> dict[str, dict[str, Any]]:
    """{who: what a listener told them}, on the host itself. shown: keys with a certificate."""
    asked = json.dumps(
        {"host": "127.0.0.1", "port": port, "tries": {who: {"tls": True, "shown": text} for who, text in shown.items()}}
    )
    done = node.lab.exec(node.base, ["python3", "-c", ASKER.read_text()], input=asked)
    assert done.returncode == 0, done.stderr
    return {one["who"]: one for one in map(json.loads, done.stdout.splitlines())}


def test_a_client_with_a_certificate_is_its_user_and_no_certificate_makes_it_a_node(node: LabHost, tmp_path: Path):
    port = int(node.bootstrap.split(":")[1])
    listed = {
        "kafka_listeners": [
            {"name": "PLAINTEXT", "port": 19092},
            {"name": "CERTIFICATES", "port": port, "clients": "certificates"},
        ],
        "kafka_users": {"alice": {"certificate": True, "read": "orders", "write": "orders", "groups": "alice*"}},
        "topics": {"orders": {"partitions": 1}, "bobs": {"partitions": 1}},
    }
    chosen = (*REQUIRED, "--extra-vars", json.dumps(listed))
    output = node.deploy(*chosen, expect=2)
    assert "their authority is not here" in output and "nothing was changed" in output
    key = tmp_path / "alice.pem"
    done = node.invoke("certs.issue", "--user", "alice", "--out", str(key), *chosen)
    assert done.returncode == 0 and key.stat().st_mode & 0o777 == 0o600, done.stdout
    output = node.deploy(*chosen)
    assert "through 3 listeners of 1 broker" in output and "was skipped" not in output
    assert "~ alice: may read topic orders; may write topic orders; may read group alice*" in output

    config = tmp_path / "alice.py"
    written = ("--format", "python", "--certificate", str(key), "--out", str(config))
    assert node.invoke("client.config", "--user", "alice", *written, *chosen).returncode == 0
    given: dict[str, Any] = {}
    exec(config.read_text(), given)
    producer = KafkaProducer(**given["config"], acks="all", max_block_ms=20_000)
    try:
        producer.send("orders", b"from alice").get(timeout=20)
        with pytest.raises(TopicAuthorizationFailedError):
            producer.send("bobs", b"x").get(timeout=20)
    finally:
        producer.close(timeout=1)
    own = {**given["config"], "group_id": "alice1", "auto_offset_reset": "earliest", "consumer_timeout_ms": 20_000}
    consumer = KafkaConsumer("orders", **own)
    assert next(consumer).value == b"from alice"
    consumer.close()
    denied = "Principal = User:alice is Denied operation = .* on resource = Topic:LITERAL:bobs"
    assert int(node.sh(f"grep -c '{denied}' /var/log/kafka/kafka-authorizer.log"))

    folder = node.inventory.with_name(f"{node.inventory.stem}.ca")
    nodes, clients = Authority(folder, "kafka-provisioner"), Authority(folder / "clients", "kafka-clients")
    shown = {
        "alice": key.read_text(),
        "a node": nodes.issue("kafka", [node.name], 1).text,
        "no certificate": "",
        "alice of another authority": Authority(tmp_path / "clients", "kafka-clients").issue("alice", (), 1).text,
        "alice whose certificate has ended": clients.issue("alice", (), 0).text,
        "a name of nodes, of the clients' authority": Authority(folder / "clients", "kafka-provisioner")
        .issue("kafka", (), 1)
        .text,
        "a name of nodes in that of a client": clients.issue("kafka,O=kafka-provisioner", (), 1).text,
    }
    time.sleep(1.1)  # an end is written in whole seconds
    for place, gets_in in ((port, "alice"), (9091, "a node"), (9095, "a node")):
        found = asked_here(node, place, shown)
        assert found.pop(gets_in)["answer"], "the test itself does not get an answer"
        for who, one in found.items():
            assert not one["answer"] and one["seconds"] < 1, (place, who, one)

    assert counts(node.deploy(*chosen, "--no-smoke"), node.name)["restarted"] == 0
    rotate = ("certs.rotate-ca", "--of-clients", "--yes", "--accept-downtime", *chosen)
    assert node.invoke(*rotate).returncode == 0
    new = Authority(folder / "clients", "kafka-clients")
    shown = {"before": key.read_text(), "after": new.issue("alice", (), 1).text}
    assert all(one["answer"] for one in asked_here(node, port, shown).values())
    assert counts(node.deploy(*chosen, "--no-smoke"), node.name)["touched"] == 0
    done = node.invoke(*rotate, "--clients-ready")
    assert done.returncode == 0 and "Step 2 of 2" in done.stdout, done.stdout
    found = asked_here(node, port, shown)
    assert found["after"]["answer"] and not found["before"]["answer"]
    (folder / "clients" / "ca.key").rename(tmp_path / "ca.key")
    done = node.invoke("certs.issue", "--user", "alice", "--out", str(key), "--yes", *chosen)
    assert done.returncode == 2 and "the key that signs it is not here" in done.stdout, done.stdout
    (folder / "clients").rename(tmp_path / "of another machine")
    Authority(folder / "clients", "kafka-clients").issue("alice", (), 1)
    output = node.deploy(*chosen, expect=2)
    assert "would be locked out" in output and "nothing was changed" in output


def test_a_deploy_renews_a_certificate_in_time(node: LabHost):
    before = serial(node)
    early = (*REQUIRED, "--extra-vars", "kafka_tls_lifetime=500d", "--extra-vars", "kafka_tls_renew=400d")
    found = node.invoke("doctor", *early)
    assert "the certificate of kafka ends in 364 days" in found.stdout, found.stdout
    output = node.deploy(*early)
    assert "credential:/etc/kafka/tls/node.pem (in_time)" in output and serial(node) != before

    before, whose = serial(node), node.sh("sha256sum < /etc/kafka/tls/node.pem")
    done = node.invoke("certs.renew", "--yes", *early)
    assert done.returncode == 0 and f"Renewed 1 certificate on {node.name}" in done.stdout, done.stdout
    assert "credential:/etc/kafka/tls/node.pem (renewed)" in done.stdout and serial(node) != before
    assert node.sh("sha256sum < /etc/kafka/tls/node.pem") != whose
    assert counts(node.deploy(*early, "--no-smoke"), node.name)["touched"] == 0


def test_the_authority_gets_another_key_and_a_run_that_is_killed_on_the_way_is_finished_by_the_next_one(node: LabHost):
    place = node.inventory.with_name(f"{node.inventory.stem}.ca") / "ca.crt"
    old, before = place.read_text(), serial(node)
    rotate = ("certs.rotate-ca", "--yes", "--accept-downtime", *REQUIRED)
    done = node.invoke(*rotate)
    assert done.returncode == 0 and f"Now give clients the new {place}" in done.stdout, done.stdout
    both = certificates.blocks(place.read_text())
    assert both[0] == old and len(both) == 2 and certificates.signed_by(serial(node), old) and serial(node) != before
    # Killed when the new one has just begun to sign, before any node has a certificate of it.
    command = [sys.executable, "-m", "invoke", *rotate, "--clients-ready", "--hosts", str(node.inventory)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, start_new_session=True) as process:
        try:
            eventually(lambda: place.read_text().startswith(both[1]), seconds=120, what="the new one signs", every=0.01)
        finally:
            process.kill()
    assert "step 2 of 3: nodes get certificates of the new authority" in node.invoke("plan", *REQUIRED).stdout
    done = node.invoke(*rotate, "--clients-ready")
    assert done.returncode == 0 and "Step 1 of 3" not in done.stdout and "Step 3 of 3" in done.stdout, done.stdout
    assert place.read_text() == both[1] == node.sh("cat /etc/kafka/tls/ca.pem") + "\n"
    said = node.invoke("certs.list", "--json", *REQUIRED).stdout
    (found,) = json.loads(said[said.index("{") :])["certificates"]
    assert found["authority"] == certificates.read(both[1]).key and found["signed_by_authority"]
    assert {one["serial"] for one in found["listeners"].values()} == {found["serial"]}
    assert counts(node.deploy(*REQUIRED, "--no-smoke"), node.name)["touched"] == 0


def test_clients_are_shown_a_certificate_of_the_company_s_and_nodes_never_are(node: LabHost, tmp_path: Path):
    port, folder = node.bootstrap.split(":")[1], node.inventory.with_name(f"{node.inventory.stem}.certs")
    password = "a-password-of-alice"
    there = {"kafka_secure_port": port, "kafka_port": 19092, "kafka_users": {"alice": {"password": password}}}
    moved, company = (*REQUIRED, "--extra-vars", json.dumps(there)), Company(tmp_path)
    done = node.invoke("certs.request", *moved)
    assert done.returncode == 0, done.stdout
    company.sign(folder / f"{node.name}.csr")
    done = node.invoke("certs.import", "--signed", str(company.sent), "--ca", str(company.root), *moved)
    assert done.returncode == 0, done.stdout
    files = zip(security.GIVEN, (f"{node.name}.pem", f"{node.name}.key", "ca.pem"), strict=True)
    given = (*moved, "--extra-vars", json.dumps({variable: str(folder / name) for variable, name in files}))
    output = node.deploy(*given, "--check", "--diff", "--no-smoke")
    assert "given:/etc/kafka/tls/given.pem" in output and "PRIVATE" not in output
    output = node.deploy(*given)
    assert counts(output, node.name)["restarted"] == 1 and "through 2 listeners of 1 broker" in output
    assert "PRIVATE" not in output
    output = node.deploy(*given, "--no-smoke")  # and alice's password was tried, by the name that clients use
    assert counts(output, node.name)["touched"] == 0 and "users: 1 listed, each as it should be" in output
    own = Authority(node.inventory.with_name(f"{node.inventory.stem}.ca"), "kafka-provisioner")
    Endpoint("127.0.0.1", int(port), "SASL_SSL", Login(company.root.read_text(), "alice", password)).connect().close()
    with pytest.raises(ssl.SSLCertVerificationError):
        Endpoint("127.0.0.1", int(port), "SASL_SSL", Login(own.certificate, "alice", password)).connect()
    said = node.invoke("certs.list", "--json", *given).stdout
    nodes, clients = json.loads(said[said.index("{") :])["certificates"]
    assert [*nodes["listeners"]] == ["NODES", "CONTROLLER_SECURE"] and clients["given"] and clients["days"] in (99, 100)
    assert [one["serial"] for one in clients["listeners"].values()] == [clients["serial"]]
    # Who has a certificate of the company's is no node, whatever it says; one of the own authority would be.
    leg = Leg(1, security.NODES, node.name, 9091, "SSL").to_dict()
    with opened(Run(hosts=str(node.inventory), extra_vars=[*given[1::2]])) as cluster:
        for shown, lets_in in ((company.impostor(node.name), False), (own.issue("kafka", [node.name], 1).text, True)):
            found = cluster.fleet.call(cluster.driver.name, kafka.smoke([leg], "auto", [shown]))["failures"]
            assert bool(found) == lets_in and all("lets in" in one["error"] for one in found), found
    output = node.deploy(*REQUIRED)
    assert counts(output, node.name)["restarted"] == 1 and "gone:/etc/kafka/tls/given.pem" in output
    assert "given" not in node.sh("ls /etc/kafka/tls") and "through 2 listeners of 1 broker" in output


def give(node: LabHost, seconds: int) -> float:
    """Put a certificate on the host's disk that is good for so many seconds; when it ends."""
    signs = Authority(node.inventory.with_name(f"{node.inventory.stem}.ca"), "kafka-provisioner")
    names = (node.name, "127.0.0.1", "::1", "localhost")
    made = signs.issue("kafka", names, seconds / 86400)  # type: ignore[arg-type]  # shorter than a deploy would
    one = Credential(
        *("/etc/kafka/tls/node.pem", "/etc/kafka/tls/ca.pem", "kafka", "CN=kafka,O=kafka-provisioner", names),
        signs.fingerprint,
        renew=60 * 86400,
        issue=lambda: made,
    )
    text = base64.b64decode(one.wire(content=True)["text"]).decode()
    node.lab.exec(node.base, ["sh", "-c", "cat > /etc/kafka/tls/node.pem"], input=text)
    return float(made.until)


def test_a_cluster_whose_certificates_have_ended_is_brought_back_by_one_command(node: LabHost):
    strict = (*REQUIRED, "--extra-vars", "kafka_accept_downtime=false")
    before = serial(node)
    ends = give(node, 25)
    said = node.invoke("certs.list", *strict)
    assert "renewed on disk, and kafka still shows" in said.stdout and "0 of 3" in said.stdout, said.stdout
    node.sh("systemctl restart kafka")
    eventually(lambda: serial(node) != before, seconds=20, what="it shows the short one")
    time.sleep(max(0.0, ends + 1 - time.time()))
    said = node.invoke("status", *strict)
    assert said.returncode == 2 and "the certificate of kafka has ended" in said.stdout, said.stdout
    assert "`invoke deploy --accept-downtime` makes new ones" in said.stdout
    said = node.invoke("doctor", *strict)
    assert said.returncode == 2 and "the certificate of kafka has ended" in said.stdout, said.stdout
    said = node.invoke("restart", "--accept-downtime", *strict)
    assert said.returncode == 2 and "a restart makes no new one" in said.stdout, said.stdout
    output = node.deploy(*strict, expect=2)
    assert "is the only Kafka broker: while it restarts, Kafka is down" in output and "nothing was changed" in output
    output = node.deploy(*strict, "--accept-downtime")
    assert counts(output, node.name)["restarted"] == 1 and "through 2 listeners of 1 broker" in output
    said = node.invoke("certs.list", "--json", *strict)
    (found,) = json.loads(said.stdout[said.stdout.index("{") :])["certificates"]
    assert found["days"] == 364 and {one["serial"] for one in found["listeners"].values()} == {found["serial"]}
    assert "Healthy" in node.invoke("status", *strict).stdout

    # The same after a reboot: it does not even start.
    ends = give(node, 1)
    time.sleep(max(0.0, ends + 1 - time.time()))
    node.sh("systemctl restart --no-block kafka")
    eventually(lambda: node.pid("kafka") == "0", seconds=30, what="it does not start with it")
    node.deploy(*strict, "--accept-downtime")  # systemd may be trying to start it at this moment
    assert "Healthy" in node.invoke("status", *strict).stdout


def test_an_uninstall_takes_the_keys_along(node: LabHost):
    done = node.invoke("uninstall", "--yes", "--accept-downtime", *REQUIRED)
    assert done.returncode == 0, done.stdout
    assert node.sh("ls /etc/kafka 2>/dev/null", expect=None) == ""
