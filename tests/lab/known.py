"""What a cluster keeps in its metadata, as Kafka's own commands show it: it is the same in ZooKeeper and with
controllers, before a migration and after."""

from __future__ import annotations

import copy
import itertools
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.structs import OffsetAndMetadata

from cluster.endpoint import Endpoint, Login
from cluster.protocol.login import Refused
from tests.support.evolution import OLD, State

from .cluster import Cluster
from .load import make_topic
from .serving import eventually

TOPIC, GROUP = "kept", "kept-group"
BY_HAND = (
    f"kafka-configs.sh --alter --entity-type topics --entity-name {TOPIC} "
    "--add-config retention.ms=86400000,max.message.bytes=2000000",
    "kafka-configs.sh --alter --entity-type clients --entity-name app --add-config producer_byte_rate=1048576",
    "kafka-configs.sh --alter --entity-type clients --entity-default --add-config consumer_byte_rate=10485760",
    "kafka-configs.sh --alter --entity-type users --entity-name carol --entity-type clients --entity-name app "
    "--add-config request_percentage=50",
    "kafka-configs.sh --alter --entity-type users --entity-default --add-config producer_byte_rate=104857600",
    "kafka-configs.sh --alter --entity-type brokers --entity-default --add-config log.cleaner.threads=2",
)
LOOKS = {
    "settings of topics": "kafka-configs.sh --describe --entity-type topics",
    "users and their quotas": "kafka-configs.sh --describe --entity-type users",
    "quotas of clients": "kafka-configs.sh --describe --entity-type clients",
    "quotas of clients of a user": "kafka-configs.sh --describe --entity-type users --entity-type clients",
    "settings of brokers": "kafka-configs.sh --describe --entity-type brokers --entity-default",
    "topics": "kafka-topics.sh --describe | grep TopicId",
    "offsets": f"kafka-consumer-groups.sh --describe --group {GROUP} | grep {TOPIC}",
}
COMMANDS = ("kafka-configs.sh", "kafka-topics.sh", "kafka-consumer-groups.sh")
TOLD = '{command}() {{ command {command} --bootstrap-server 127.0.0.1:9092 "$@"; }}; '
RULES = {"rules": "kafka-acls.sh --list"}
# What a version adds to a line, and how the parts of a line are laid out; the smoke check's user comes and goes.
BESIDE = re.compile(r"\s*(synonyms=\{.*?\}|Configs:.*|sensitive=\w+)")
OURS = "provisioner-smoke"
ELR = "min.insync.replicas="  # which 4.x keeps for all brokers when its features are finalised

PASSWORDS = ("a-password-of-alice", "a-password-of-bob", "another-one-of-bob")
ALL = dict.fromkeys(("read", "write", "create", "groups", "transactions"), "*")
CLOSED: dict[str, Any] = {
    "kafka_security": "required",
    "kafka_users": {
        "alice": {"password": PASSWORDS[0], **ALL},
        "bob": {
            "password": PASSWORDS[1],
            "password_sha256": PASSWORDS[2],
            "read": ["bobs*", "orders"],
            "groups": "bobs",
            "quota": {"produce": "1m", "requests": 50},
        },
    },
    "kafka_acls": [
        {"principal": "bob", "operation": "read", "resource": "topic", "name": "bobs-own*", "permission": "deny"},
        {"principal": "User:CN=app,O=x", "operation": ["read", "describe"], "resource": "topic", "name": "orders"},
        {"principal": "bob", "operation": "write", "resource": "topic", "name": "orders", "host": "10.1.2.3"},
    ],
}


def close(cluster: Cluster) -> dict[str, Any]:
    """The inventory of the cluster, closed. The lab forwards one port of Kafka's: it is the secured one then."""
    base: dict[str, Any] = copy.deepcopy(dict(cluster.base))
    variables = base["all"]["vars"]
    (external,) = [one for one in variables["kafka_listeners"] if one["name"] == "EXTERNAL"]
    external |= {"secure_port": external["port"], "port": "{{ external_port | int + 1 }}"}
    variables |= CLOSED
    return base


def client(cluster: Cluster) -> dict[str, Any]:
    """How clients connect to it as alice."""
    return {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "alice",
        "sasl_plain_password": PASSWORDS[0],
        "ssl_context": ssl.create_default_context(cafile=str(_authority(cluster))),
    }


def _authority(cluster: Cluster) -> Path:
    return cluster.path.with_name(f"{cluster.path.stem}.ca") / "ca.crt"


@dataclass
class Known:
    """The cluster's, to be compared. closed: whether it has rules for users."""

    cluster: Cluster
    client: Mapping[str, Any]  # how its clients connect
    closed: bool
    before: dict[str, list[str]] = field(default_factory=dict)
    compared: int = 0

    def make(self) -> None:
        """A topic with settings of its own, a group that has read some of it, quotas of all kinds, and a setting of
        all brokers."""
        bootstrap = self.cluster.bootstrap
        eventually(lambda: make_topic(bootstrap, TOPIC, 1, self.client), seconds=60, what=TOPIC)
        consumer = KafkaConsumer(bootstrap_servers=bootstrap, group_id=GROUP, enable_auto_commit=False, **self.client)
        partition = TopicPartition(TOPIC, 0)
        consumer.assign([partition])
        consumer.commit({partition: OffsetAndMetadata(7, "", -1)})
        consumer.close()
        # What the first host says to all of them, once.
        self._run(" && ".join(f"{line} >/dev/null" for line in BY_HAND))

    def look(self) -> dict[str, list[str]]:
        looks = LOOKS | (RULES if self.closed else {})
        said = self._run("; ".join(f"echo '== {name}'; {command}" for name, command in looks.items()))
        found: dict[str, list[str]] = {"passwords": self._passwords()} if self.closed else {}
        of, lines = "", list[str]()
        for line in said.splitlines():
            if line.startswith("== "):
                found[line[3:]] = lines = []
            elif line.strip() and OURS not in line and not (lines is found.get("settings of brokers") and ELR in line):
                head, are, values = BESIDE.sub("", line).partition(" are ")
                text = " ".join(f"{head}{are}{', '.join(sorted(values.split(', ')))}".split())
                of = text if line == line.lstrip() else of  # what is indented is of the line before
                lines.append(text if text == of else f"{of} {text}")
        return {name: sorted(lines) for name, lines in found.items()}

    def compare(self, state: State) -> None:
        """Assert that it is what it was, when this was asked first: where a cluster has reached 3.9 for good, whose
        commands can say it all; nothing of it is empty."""
        if state.version == OLD or not state.final:
            return
        if not self.before:
            self.make()
        now = self.look()
        assert all(now.values()), now
        if self.before:
            for name, lines in now.items():
                gone, come = (
                    {*one} - {*other} for one, other in ((self.before[name], lines), (lines, self.before[name]))
                )
                assert not gone and not come, f"{name}: no longer {sorted(gone)}; instead {sorted(come)}"
            self.compared += 1
        self.before = self.before or now

    def _passwords(self) -> list[str]:
        """Those of all that are tried by which somebody gets in."""
        host, port = self.cluster.bootstrap[0].split(":")
        trusted = _authority(self.cluster).read_text()
        found = []
        for user, given, bits in itertools.product(("alice", "bob"), PASSWORDS, (256, 512)):
            try:
                who = Login(trusted, user, given, mechanism=f"SCRAM-SHA-{bits}")
                Endpoint(host, int(port), "SASL_SSL", who).connect().close()
                found.append(f"{user}: {given} ({bits})")
            except Refused:
                continue
        return found

    def _run(self, script: str) -> str:
        """By root's login on the first host, whose commands know where to go in a closed cluster only."""
        told = "" if self.closed else "".join(TOLD.format(command=command) for command in COMMANDS)
        return self.cluster.hosts[0].sh(f"{told}{script}", login=True)
