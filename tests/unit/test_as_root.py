"""The official commands as root on a broker of a closed cluster: which of them are the node of their host, and when."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from roles.kafka import as_root
from tests.support import roles as support

ADMIN = "/etc/kafka/tls/admin.properties"
DOOR = ("--bootstrap-server", "127.0.0.1:9091")


@pytest.fixture
def call(tmp_path: Path):
    """Run a command as the launcher of a version does it; its arguments. key: whether the caller can read the key."""

    def run(command: str, *arguments: str, version: str = "4.3.1", key: bool = True, security: str = "required"):
        known: dict[str, Any] = {"kafka_version": version, "kafka_security": security}
        found = support.inventory(tmp_path, kafka=["kafka1"], **known)
        text = support.text(support.target(found), "/usr/local/lib/kafka-provisioner/kafka")
        launcher, official = tmp_path / command, tmp_path / "official" / command
        admin = tmp_path / "admin.properties"
        admin.touch()
        admin = admin if key else tmp_path / "nothing"
        launcher.write_text(text.replace("/opt/kafka/bin", str(official.parent)).replace(ADMIN, str(admin)))
        official.parent.mkdir(exist_ok=True)
        official.write_text('#!/bin/sh\nfor word do echo "$word"; done\n')
        for path in (launcher, official):
            path.chmod(0o755)
        done = subprocess.run([launcher, *arguments], capture_output=True, text=True, check=True)
        assert not done.stderr, done.stderr
        return tuple(line.replace(str(admin), ADMIN) for line in done.stdout.splitlines())

    return run


@pytest.mark.parametrize(
    ("command", "version", "option"),
    [
        ("kafka-topics.sh", "4.3.1", "--command-config"),
        ("kafka-topics.sh", "3.9.2", "--command-config"),
        ("kafka-console-consumer.sh", "4.3.1", "--command-config"),
        ("kafka-console-consumer.sh", "3.9.2", "--consumer.config"),
        ("kafka-console-producer.sh", "3.9.2", "--producer.config"),
        ("kafka-leader-election.sh", "3.9.2", "--admin.config"),
    ],
)
def test_root_is_the_node_without_a_word(call, command, version, option):
    assert call(command, "--topic", "a b", version=version) == (*DOOR, option, ADMIN, "--topic", "a b")


@pytest.mark.parametrize(
    "given",
    [("--bootstrap-server", "kafka1:9091"), ("--bootstrap-server=localhost:9091",)],
)
def test_the_listener_of_the_nodes_may_be_named(call, given):
    assert call("kafka-topics.sh", *given, "--list") == ("--command-config", ADMIN, *given, "--list")


@pytest.mark.parametrize(
    "given",
    [
        (),
        ("--list", "--bootstrap-server", "kafka1:9094"),
        ("--list", "--bootstrap-server=kafka1:19091"),
        ("--bootstrap-server", "kafka1:9091", "--command-config", "mine.properties"),
        ("--list", "--command-config=mine.properties"),
        ("--consumer.config", "mine.properties"),
        ("--bootstrap-controller", "kafka1:9095", "describe"),
    ],
)
def test_whoever_says_which_broker_or_configuration_gets_just_that(call, given):
    assert call("kafka-topics.sh", *given) == given


def test_nothing_is_added_for_others_in_an_open_cluster_and_to_commands_that_take_it_elsewhere(call):
    assert call("kafka-topics.sh", "--list", key=False) == ("--list",)
    assert call("kafka-topics.sh", "--list", security="off") == ("--list",)
    assert call("kafka-cluster.sh", "cluster-id") == ("cluster-id",)
    assert call("kafka-storage.sh", "random-uuid") == ("random-uuid",)


@pytest.mark.parametrize("version", ["4.3.1", "3.9.2"])
def test_only_commands_that_the_version_has_are_named(tmp_path, version):
    found = support.inventory(tmp_path, kafka=["a"], kafka_version=version, kafka_security="required")
    target = support.target(found)
    named = {one for names in as_root.settings(target)["options"].values() for one in names}
    assert named <= {*as_root.COMMANDS} and ("kafka-groups.sh" in named) == (version == "4.3.1")
