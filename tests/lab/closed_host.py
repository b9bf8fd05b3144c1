"""What nobody may do from outside with one host that is closed with its ZooKeeper."""

from __future__ import annotations

import json
import struct
import time
from pathlib import Path
from typing import Any

from provisioner.authority import Authority

from .hosts import LabHost

ASKER = Path(__file__).with_name("strangers.py")
ZOOKEEPER, NODES = 2181, 9091
# A session, as a client of ZooKeeper asks for one: it is the first message, and everything else needs it.
BODY = struct.pack(">iqiqi", 0, 0, 10_000, 0, 16) + bytes(16) + b"\0"
SESSION = struct.pack(">i", len(BODY)) + BODY
# ZooKeeper's root, and an entry of the broker's: whose they are.
RIGHTS = "printf 'getAcl /\\ngetAcl /controller\\n' | zkCli.sh -server localhost:2181"


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
