"""ZooKeeper and brokers on different hosts: the groups decide what a host gets, and the gates look across."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import yaml

from lab.lab import Lab

from .cluster import CHEAP, Cluster, restarted
from .hosts import LabHost, counts
from .serving import eventually

BASES = ("kafka1", "kafka2", "kafka3")

pytestmark = pytest.mark.second_lab


@pytest.fixture(scope="module")
def apart(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three bare hosts: kafka1 is the ZooKeeper server, kafka2 and kafka3 are the brokers."""
    lab.down(BASES)
    lab.up(BASES)
    base = yaml.safe_load(lab.inventory("prod3").read_text())
    groups = base["all"]["children"]
    server = lab.host(BASES[0])
    groups["zookeeper"]["hosts"] = {server: groups["kafka"]["hosts"].pop(server)}
    base["all"]["vars"] |= CHEAP
    path = tmp_path_factory.mktemp("apart") / "apart.yml"
    path.write_text(yaml.safe_dump(base, sort_keys=False))
    yield Cluster(tuple(LabHost(lab, name, path) for name in BASES), base, path)
    lab.down(BASES)


def test_each_host_gets_what_its_groups_say_and_together_they_serve(apart: Cluster):
    assert "Smoke check passed" in apart.invoke("deploy")
    output = apart.invoke("deploy", "--no-smoke")
    assert [counts(output, host.name)["touched"] for host in apart.hosts] == [0, 0, 0]
    server, *brokers = apart.hosts
    found = "ls /opt /etc/systemd/system | grep -oE '(kafka|zookeeper)' | sort -u"
    assert server.sh(found) == "zookeeper" and [host.sh(found) for host in brokers] == ["kafka", "kafka"]
    page = apart.invoke("status")
    assert f"ensemble: {server.name} serves alone" in page and "2 of 2 brokers registered" in page


def test_no_broker_goes_down_while_zookeeper_on_its_host_does_not_serve(apart: Cluster):
    server, *brokers = apart.hosts
    before = {host.base: host.pids()["kafka"] for host in brokers}
    server.sh("systemctl stop zookeeper")
    try:
        output = apart.invoke("restart", "--service", "kafka", expect=2)
        assert "no broker may go down: 0 of 1 ZooKeeper servers serve" in output
        assert f"{server.name}: zookeeper does not run (dead)" in output
        assert {host.base: host.pids()["kafka"] for host in brokers} == before
        # A broker that is asked for what is in ZooKeeper does not answer; nobody who only looks may make it hang.
        page = apart.invoke("status", expect=2)
        assert f"{server.name}: zookeeper does not run (dead)" in page and "2 of 2 brokers registered" in page
        assert all(f"{host.name}: kafka" not in page for host in brokers), page
    finally:
        server.sh("systemctl start zookeeper")
    eventually(lambda: apart.invoke("status"), seconds=60, what="healthy again", every=1)
    assert sorted(restarted(apart.invoke("restart", "--service", "kafka"), "kafka")) == ["kafka2", "kafka3"]
