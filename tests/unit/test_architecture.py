"""The house keeps its rules, and each rule reports what is planted into the real tree to break it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from roles import site
from tests.support import architecture
from tests.support.architecture import Finding, Module, Rule

ROOT = Path(__file__).resolve().parents[2]
TREE = architecture.read(ROOT, [*architecture.LAYERS, *architecture.OUTSIDE, "tests"])

RULES: dict[str, Rule] = {
    "arrows": architecture.arrows,
    "rooms": architecture.rooms,
    "circles": architecture.circles,
    "travelling": architecture.travelling(site.AGENT_PACKAGES),
    "kafka_words": architecture.kafka_words,
    "role_names": architecture.role_names(role.name for role in site.ROLES),
    "sockets": architecture.sockets,
    "addressing": architecture.addressing,
    "long_files": architecture.long_files,
    "skips": architecture.skips,
}

# Exceptions, each with its reason. The list may only become shorter: one that is no longer needed fails the test.
ALLOWED: dict[str, dict[Finding, str]] = {
    "arrows": {
        Finding("tasks.py", "imports lab.tasks"): "the lab's verbs stand in the list of verbs",
    },
    "kafka_words": {
        Finding("provisioner/agent/waiting.py", "kafka."): "the beginning of a Java exception's class in a log",
        Finding(
            "provisioner/inventory/file.py", "write a host as `name:`, `broker[1:3]:` or `broker-[a:c]:`"
        ): "host names as an example",
        Finding("provisioner/artifacts/cache.py", "kafka-provisioner"): "the project's own name",
    },
    "role_names": {
        Finding("cli/broker.py", "imports roles.kafka"): "the file of the settings that --diff compares with",
        Finding(
            "cli/cluster.py", "imports roles.kafka"
        ): "the verbs about a cluster reach it at the brokers' listeners",
        Finding("cli/cluster.py", "says kafka"): "the verbs about a cluster find its brokers by their group",
        Finding("cli/client_config.py", "imports roles.kafka"): "clients connect to the brokers' listeners",
        Finding("cli/client_config.py", "says kafka"): "and the group has the brokers",
        Finding("cli/client_config.py", "says java"): "a language of clients",
        Finding("cli/certs.py", "imports roles.kafka"): "certificates are for clients of the brokers' listeners",
        Finding("cli/issue.py", "imports roles.kafka"): "certificates are for clients of the brokers' listeners",
        Finding("cli/rotation.py", "imports roles.kafka"): "one of the authorities is that of the brokers' clients",
        Finding("cli/issue.py", "says kafka"): "and the group has the brokers",
        Finding("cli/verbs/users.py", "says java"): "a language of clients",
        Finding("roles/shared/security.py", "says kafka"): "what nodes are called in their certificates",
        Finding("cli/given_certs.py", "imports roles.kafka"): "certificates of what clients connect to",
        Finding("cli/upgrade.py", "imports roles.kafka"): "it is about another version of the brokers",
        Finding("cli/known.py", "says kafka"): "the product whose versions --to may be",
        Finding("cli/users.py", "imports roles.kafka"): "the users that the inventory lists",
        Finding("cli/rebalance.py", "imports roles.kafka"): "a rebalance reaches the brokers at their listeners",
        Finding("cli/topics_code.py", "imports roles.kafka"): "the topics that the inventory lists",
        Finding("cli/topics_moving.py", "imports roles.kafka"): "a move reaches the brokers at their listeners",
        Finding("cli/verbs/artifacts.py", "says kafka"): "the default of --product",
        Finding("provisioner/agent/facts.py", "says java"): "the engine knows the JVM: which one is a fact of a host",
        Finding("provisioner/agent/main.py", "says java"): "the engine knows the JVM: which one is a fact of a host",
        Finding("provisioner/run/preflight.py", "says java"): "the engine knows the JVM: which one is a fact of a host",
        Finding("roles/kafka/class_archive.py", "imports roles.java"): "runs on Java, and asks which one",
        Finding(
            "roles/kafka/metadata.py", "imports roles.zookeeper"
        ): "the one place that knows who keeps the metadata",
        Finding("roles/kafka/metadata.py", "says zookeeper"): "the one place that knows who keeps the metadata",
        Finding("roles/kafka/role.py", "imports roles.java"): "runs on Java, and asks which one",
        Finding("roles/kafka/upgrade_hosts.py", "imports roles.java"): "runs on Java, and asks which one",
        Finding("roles/kafka/service.py", "imports roles.java"): "runs on Java, and asks which one",
        **{
            Finding(f"roles/kafka_controller/{file}.py", "imports roles.kafka"): "it runs the same program as a broker"
            for file in ("checks", "contents", "evidence", "gate", "role", "service", "settings")
        },
        Finding("roles/kafka_controller/settings.py", "says kafka"): "the product whose properties it has",
        Finding("roles/kafka_controller/role.py", "imports roles.java"): "runs on Java, and asks which one",
        Finding("roles/kafka_controller/service.py", "imports roles.java"): "runs on Java, and asks which one",
        Finding("roles/shared/kraft.py", "says kafka"): "the groups decide who keeps the metadata",
        Finding("roles/shared/kraft.py", "says kafka-controller"): "the unit of a controller of its own",
        Finding("roles/shared/kraft.py", "says zookeeper"): "the groups decide who keeps the metadata",
        Finding("roles/os/role.py", "says kafka"): "a word in the names of files on hosts",
        Finding("roles/shared/releases.py", "says java"): "a key of the lock files",
        Finding("roles/zookeeper/evidence.py", "says kafka"): "whose metadata a server keeps stands at Kafka's chroot",
        Finding("roles/zookeeper/release.py", "imports roles.kafka"): "its version follows from Kafka's",
        Finding("roles/zookeeper/release.py", "says kafka"): "its version follows from Kafka's",
        Finding("roles/zookeeper/role.py", "imports roles.java"): "runs on Java, and asks which one",
        Finding("roles/zookeeper/service.py", "imports roles.java"): "runs on Java, and asks which one",
    },
    "sockets": {
        Finding(
            "cluster/protocol/client.py", "KafkaNetClient"
        ): "made by a producer or consumer, out of its own settings",
    },
}


@pytest.mark.parametrize("name", RULES)
def test_the_rule_holds(name: str):
    found = set(RULES[name](TREE))
    allowed = set(ALLOWED.get(name, {}))
    assert not found - allowed, (RULES[name].__doc__ or "").strip()
    assert not allowed - found, "no longer needed: remove it from ALLOWED"


SKIP = "x = 1  # fmt: " + "skip\n"
PLANTED: list[tuple[str, Mapping[str, str], Finding]] = [
    (
        "arrows",
        {"provisioner/run/x.py": "from cluster.names import x"},
        Finding("provisioner/run/x.py", "imports cluster.names"),
    ),
    ("arrows", {"cluster/x.py": "import roles.site"}, Finding("cluster/x.py", "imports roles.site")),
    ("arrows", {"roles/x.py": "def f():\n    from cli import common"}, Finding("roles/x.py", "imports cli.common")),
    ("arrows", {"cli/x.py": "from lab.lab import Lab"}, Finding("cli/x.py", "imports lab.lab")),
    ("arrows", {"cli/x.py": "import tasks"}, Finding("cli/x.py", "imports tasks")),
    (
        "rooms",
        {"provisioner/agent/x.py": "from provisioner.run import plan"},
        Finding("provisioner/agent/x.py", "imports provisioner.run.plan"),
    ),
    (
        "rooms",
        {"provisioner/resources/x.py": "import provisioner.connect.fleet"},
        Finding("provisioner/resources/x.py", "imports provisioner.connect.fleet"),
    ),
    (
        "rooms",
        {"provisioner/inventory/x.py": "from ..report import live"},
        Finding("provisioner/inventory/x.py", "imports provisioner.report.live"),
    ),
    (
        "rooms",
        {"provisioner/x.py": "from provisioner.agent import main"},
        Finding("provisioner/x.py", "imports provisioner.agent.main"),
    ),
    (
        "circles",
        {"cli/x.py": "import cli.y", "cli/y.py": "def f():\n    from cli import x"},
        Finding("cli/x.py", "imports in a circle: cli/x.py, cli/y.py"),
    ),
    (
        "circles",
        {"lab/x.py": "if TYPE_CHECKING:\n    from lab.y import z", "lab/y.py": "from lab.x import z"},
        Finding("lab/x.py", "imports in a circle: lab/x.py, lab/y.py"),
    ),
    (
        "circles",
        {"roles/x.py": "from roles.y import z", "roles/y.py": "from .z import z", "roles/z.py": "import roles.x"},
        Finding("roles/x.py", "imports in a circle: roles/x.py, roles/y.py, roles/z.py"),
    ),
    (
        "travelling",
        {
            "cli/x.py": 'MODULE = "cluster.x"',
            "cluster/x.py": "import cluster.y",
            "cluster/y.py": "from provisioner.errors import UsageError",
        },
        Finding("cluster/y.py", "imports provisioner.errors"),
    ),
    (
        "kafka_words",
        {"provisioner/run/x.py": "def restart_broker(): pass"},
        Finding("provisioner/run/x.py", "restart_broker"),
    ),
    (
        "kafka_words",
        {"provisioner/run/x.py": 'say(f"{n} of ZooKeeper")'},
        Finding("provisioner/run/x.py", " of ZooKeeper"),
    ),
    ("kafka_words", {"provisioner/run/x.py": "def f(topics): pass"}, Finding("provisioner/run/x.py", "topics")),
    ("role_names", {"cli/x.py": "import roles.os.role"}, Finding("cli/x.py", "imports roles.os")),
    ("role_names", {"cli/x.py": 'if unit == "zookeeper": pass'}, Finding("cli/x.py", "says zookeeper")),
    ("role_names", {"roles/zookeeper/x.py": 'UNIT = "kafka"'}, Finding("roles/zookeeper/x.py", "says kafka")),
    ("role_names", {"roles/x.py": "from .kafka.role import resources"}, Finding("roles/x.py", "imports roles.kafka")),
    ("role_names", {"provisioner/run/x.py": "java = 17"}, Finding("provisioner/run/x.py", "says java")),
    (
        "sockets",
        {"cluster/x.py": "socket.create_connection((host, port))"},
        Finding("cluster/x.py", "socket.create_connection"),
    ),
    ("sockets", {"roles/x.py": "s = socket.socket()"}, Finding("roles/x.py", "socket.socket")),
    ("sockets", {"cluster/x.py": 'KafkaConsumer(bootstrap_servers="a:1")'}, Finding("cluster/x.py", "KafkaConsumer")),
    ("sockets", {"cli/x.py": "kafka.KafkaAdminClient(**config)"}, Finding("cli/x.py", "kafka.KafkaAdminClient")),
    (
        "addressing",
        {"cli/x.py": 'fleet.call(host, "cluster.endpoint", "look", {})'},
        Finding("cli/x.py", "cluster.endpoint"),
    ),
    (
        "addressing",
        {"provisioner/run/x.py": 'AGENT = "provisioner.agent.main"'},
        Finding("provisioner/run/x.py", "provisioner.agent.main"),
    ),
    ("long_files", {"tests/unit/x.py": "x = 1\n" * 401}, Finding("tests/unit/x.py", "401 lines")),
    ("skips", {"cli/x.py": SKIP * 21}, Finding("cli/x.py", SKIP.strip())),
]


@pytest.mark.parametrize(
    ("name", "files", "expected"), PLANTED, ids=[f"{rule}: {found.what[:40]}" for rule, _, found in PLANTED]
)
def test_a_planted_violation_is_reported(name: str, files: Mapping[str, str], expected: Finding):
    assert expected not in RULES[name](TREE)
    assert expected in RULES[name](planted(files))


HARMLESS: list[tuple[str, Mapping[str, str]]] = [
    (
        "arrows",
        {"cli/x.py": "from provisioner import words", "bench/x.py": "import cli.common", "tests/x.py": "import tasks"},
    ),
    ("rooms", {"provisioner/run/x.py": "from provisioner.connect import fleet\nfrom provisioner import errors"}),
    ("circles", {"cli/x.py": "import cli.y", "cli/y.py": "import cluster.names"}),
    ("kafka_words", {"provisioner/run/x.py": '"""As a broker does."""\ndef f():\n    """Of a topic."""'}),
    (
        "role_names",
        {"roles/kafka/x.py": 'UNIT = "kafka"', "cluster/x.py": 'NAME = "kafka"', "cli/x.py": "import os\nos.sep"},
    ),
    (
        "sockets",
        {"cluster/x.py": "KafkaConsumer(**endpoint.client_config(), group_id=g)", "lab/x.py": "socket.socket()"},
    ),
    (
        "addressing",
        {"cluster/remote.py": 'Request("cluster.endpoint", "look", {})', "cli/x.py": 'print("cluster.nothing")'},
    ),
    ("long_files", {"cli/x.py": "x = 1\n" * 400}),
]


@pytest.mark.parametrize(("name", "files"), HARMLESS, ids=[name for name, _ in HARMLESS])
def test_what_is_allowed_is_not_reported(name: str, files: Mapping[str, str]):
    assert not [finding for finding in RULES[name](planted(files)) if finding.path in files]


def planted(files: Mapping[str, str]) -> dict[str, Module]:
    """The real tree with these files in it."""
    return {**TREE, **{path: Module(path, source) for path, source in files.items()}}
