"""One combined node of Kafka 3.9.2 that is closed: the step between, a certificate that is renewed, and the way out."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator

import pytest

from lab.lab import Lab
from provisioner.authority import Authority
from provisioner.resources import Credential

from .hosts import LabHost, counts
from .serving import eventually, serves

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
