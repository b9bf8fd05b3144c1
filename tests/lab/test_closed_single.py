"""One combined node of Kafka 3.9.2 that is closed: the step between, a certificate that is renewed, and the way out."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from lab.lab import Lab

from .hosts import LabHost, counts
from .serving import serves

BASE = "kafka4"
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


def test_a_deploy_renews_a_certificate_in_time(node: LabHost):
    before = serial(node)
    early = (*REQUIRED, "--extra-vars", "kafka_tls_lifetime=500d", "--extra-vars", "kafka_tls_renew=400d")
    found = node.invoke("doctor", *early)
    assert "the certificate of kafka ends in 364 days" in found.stdout, found.stdout
    output = node.deploy(*early)
    assert "credential:/etc/kafka/tls/node.pem (in_time)" in output and serial(node) != before
    assert counts(node.deploy(*early, "--no-smoke"), node.name)["touched"] == 0


def test_an_uninstall_takes_the_keys_along(node: LabHost):
    done = node.invoke("uninstall", "--yes", "--accept-downtime", *REQUIRED)
    assert done.returncode == 0, done.stdout
    assert node.sh("ls /etc/kafka 2>/dev/null", expect=None) == ""
