"""One broker of Kafka 3.9.2 with ZooKeeper, closed by its first deploy, opened again, and closed as it runs."""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.lab import Lab
from provisioner.authority import Authority

from .hosts import LabHost, counts
from .serving import serves

BASE = "kafka4"
ASKER = Path(__file__).with_name("strangers.py")
ZOOKEEPER, NODES = 2181, 9091
# A session, as a client of ZooKeeper asks for one: it is the first message, and everything else needs it.
BODY = struct.pack(">iqiqi", 0, 0, 10_000, 0, 16) + bytes(16) + b"\0"
SESSION = struct.pack(">i", len(BODY)) + BODY
# ZooKeeper's root, and an entry of the broker's: whose they are.
RIGHTS = "printf 'getAcl /\\ngetAcl /controller\\n' | zkCli.sh -server localhost:2181"


def mode(name: str) -> tuple[str, str]:
    return "--extra-vars", f"kafka_security={name}"


@pytest.fixture(scope="module")
def node(lab: Lab, host: Callable[..., LabHost]) -> Iterator[LabHost]:
    lab.recreate(BASE)
    yield host(BASE)
    lab.down([BASE])


def tried(node: LabHost, port: int, tries: dict[str, dict[str, Any]], question: bytes = b"") -> dict[str, str]:
    """{who: the answer}, asked at an address that other hosts reach. question: a broker's, unless it is given."""
    asked = json.dumps({"host": node.name, "port": port, "tries": tries, "question": question.hex()})
    done = node.lab.exec(node.base, ["python3", "-c", ASKER.read_text()], input=asked)
    assert done.returncode == 0, done.stderr
    return {one["who"]: one["answer"] for one in map(json.loads, done.stdout.splitlines())}


def in_the_clear(node: LabHost) -> dict[int, tuple[str, str]]:
    """{port that is not sshd's: the answers to a question of Kafka's and to one of ZooKeeper's}."""
    listening = node.sh("ss -ltnH | awk '{print $4}' | grep -v '^127[.]' | sed 's/.*://' | sort -un").split()
    nobody = {"": {"tls": False, "shown": ""}}
    ports = [int(port) for port in listening if port != "22"]
    return {port: (tried(node, port, nobody)[""], tried(node, port, nobody, SESSION)[""]) for port in ports}


def closed(node: LabHost, folder: Path) -> None:
    found = in_the_clear(node)
    assert {ZOOKEEPER, NODES} <= {*found} and set(found.values()) == {("", "")}, found
    own = Authority(node.inventory.with_name(f"{node.inventory.stem}.ca"), "kafka-provisioner")
    shown = {
        "a node": own.issue("kafka", [node.name], 1).text,
        "no certificate": "",
        "another authority": Authority(folder / "single.ca", "kafka-provisioner").issue("kafka", [node.name], 1).text,
        "an expired certificate": own.issue("kafka", [node.name], 0).text,
    }
    time.sleep(1.1)  # an end is written in whole seconds
    tries = {who: {"tls": True, "shown": text} for who, text in shown.items()}
    for port, question in ((NODES, b""), (ZOOKEEPER, SESSION)):
        answers = tried(node, port, tries, question)
        assert answers.pop("a node"), f"port {port}: the test itself does not get an answer"
        assert set(answers.values()) == {""}, (port, answers)
    rights = node.sh(RIGHTS)
    assert rights.count("CN=kafka%2CO=kafka-provisioner\n: cdrwa") == 2, rights


def test_a_new_cluster_is_closed_by_its_first_deploy(node: LabHost, tmp_path: Path):
    output = node.deploy(*mode("required"))
    assert "through 2 listeners of 1 broker" in output and "zookeeper:/" in output
    assert counts(node.deploy(*mode("required"), "--no-smoke"), node.name)["touched"] == 0
    assert "Healthy" in node.invoke("status", *mode("required")).stdout
    keys = node.sh("stat -c '%U:%G %a' /etc/zookeeper/tls/node.pem /etc/kafka/tls/node.pem").splitlines()
    assert keys == ["root:zookeeper 640", "root:kafka 640"]
    closed(node, tmp_path)
    assert "Mode: standalone" in node.sh("zkServer.sh status")
    said = node.sh("su nobody -s /bin/sh -c 'zkServer.sh status'", expect=1)
    assert "only root can show the certificate of this host" in said


def test_it_is_opened_again_and_closed_as_it_runs(node: LabHost, tmp_path: Path):
    output = node.deploy(*mode("off"), "--accept-downtime")
    assert "-> off: 3 rolling restarts" in output and "Smoke check passed" in output
    assert serves(node.bootstrap) and in_the_clear(node)[ZOOKEEPER][1], "who comes in the clear is served as before"
    assert node.sh(RIGHTS).count("'world,'anyone\n: cdrwa") == 2
    output = node.deploy(*mode("required"), "--accept-downtime")
    assert "off -> required: 3 rolling restarts" in output and "through 2 listeners of 1 broker" in output
    closed(node, tmp_path)
    assert counts(node.deploy(*mode("required"), "--no-smoke"), node.name)["touched"] == 0
