"""One broker of Kafka 3.9.2 with ZooKeeper, closed by its first deploy, opened again, and closed as it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab.lab import Lab

from .closed_host import RIGHTS, ZOOKEEPER, closed, in_the_clear
from .hosts import LabHost, counts
from .serving import serves

BASE = "kafka4"


def mode(name: str) -> tuple[str, str]:
    return "--extra-vars", f"kafka_security={name}"


@pytest.fixture(scope="module")
def node(lab: Lab, host: Callable[..., LabHost]) -> Iterator[LabHost]:
    lab.recreate(BASE)
    yield host(BASE, archive=False)
    lab.down([BASE])


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
