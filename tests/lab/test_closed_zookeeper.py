"""One broker of Kafka 3.9.2 with ZooKeeper, closed by its first deploy, with other certificates and another authority
without a restart, opened again, and closed as it runs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab.lab import Lab
from provisioner import certificates
from provisioner.authority import Authority
from provisioner.resources import sha256

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


def shown(node: LabHost) -> dict[str, str]:
    """{listener: the serial number that it shows}, asserted to be what is on disk."""
    said = node.invoke("certs.list", "--json", *mode("required")).stdout
    found = json.loads(said[said.index("{") :])["certificates"]
    doors = {
        f"{one['unit']} {name}": (door["serial"], one["serial"])
        for one in found
        for name, door in one["listeners"].items()
    }
    assert all(there == on_disk for there, on_disk in doors.values()), doors
    return {name: there for name, (there, _) in doors.items()}


def test_a_renewed_certificate_and_another_authority_take_no_restart(node: LabHost):
    pids, before = node.pids(), shown(node)
    early = ("--extra-vars", "kafka_tls_lifetime=500d", "--extra-vars", "kafka_tls_renew=400d")
    assert "2 to reload, 0 to restart" in node.invoke("plan", *mode("required"), *early).stdout
    recap = counts(node.deploy(*mode("required"), *early, "--no-smoke"), node.name)
    assert (recap["reloaded"], recap["restarted"]) == (2, 0)
    after = shown(node)
    assert len(after) == 3 and not {*after.values()} & {*before.values()}
    rotate = ("certs.rotate-ca", "--yes", *mode("required"))
    assert node.invoke(*rotate).returncode == 0
    done = node.invoke(*rotate, "--clients-ready")
    assert done.returncode == 0 and "Step 3 of 3" in done.stdout and "Smoke check passed" in done.stdout, done.stdout
    assert not {*shown(node).values()} & {*after.values()} and node.pids() == pids
    assert counts(node.deploy(*mode("required"), "--no-smoke"), node.name)["touched"] == 0


def test_a_certificate_that_the_broker_refuses_leaves_the_old_one_serving(node: LabHost):
    """As of a run that was cut off between file and broker, where the file is not what is said above it."""
    pids, before = node.pids(), shown(node)
    folder, path = node.inventory.with_name(f"{node.inventory.stem}.ca"), "/etc/kafka/tls/node.pem"
    wrong = Authority(folder, "kafka-provisioner").issue("kafka", ("elsewhere",), 300).text
    said = node.sh(f"grep '^# ' {path}")
    said = re.sub("(?m)^# content: .*$", f"# content: {sha256(wrong.encode())}", said)
    node.sh(f"cat > {path} <<'END'\n{said}\n{wrong}END")
    assert "1 to reload, 0 to restart" in node.invoke("plan", *mode("required")).stdout
    output = node.deploy(*mode("required"), "--no-smoke", expect=2)
    assert "still shows the old certificate at NODES, SECURE" in output and "SubjectAltNames do not match" in output
    door = "import ssl; print(ssl.get_server_certificate(('127.0.0.1', 9091)))"
    old = node.sh(f'python3 -c "{door}"')
    assert f"{certificates.read(old).serial}" == before["kafka NODES"] and node.pids() == pids
    done = node.invoke("certs.renew", "--yes", *mode("required"))
    assert done.returncode == 0, done.stdout
    assert not {*shown(node).values()} & {*before.values()} and node.pids() == pids


def test_it_is_opened_again_and_closed_as_it_runs(node: LabHost, tmp_path: Path):
    output = node.deploy(*mode("off"), "--accept-downtime")
    assert "-> off: 3 rolling restarts" in output and "Smoke check passed" in output
    assert serves(node.bootstrap) and in_the_clear(node)[ZOOKEEPER][1], "who comes in the clear is served as before"
    assert node.sh(RIGHTS).count("'world,'anyone\n: cdrwa") == 2
    output = node.deploy(*mode("required"), "--accept-downtime")
    assert "off -> required: 3 rolling restarts" in output and "through 2 listeners of 1 broker" in output
    closed(node, tmp_path)
    assert counts(node.deploy(*mode("required"), "--no-smoke"), node.name)["touched"] == 0
