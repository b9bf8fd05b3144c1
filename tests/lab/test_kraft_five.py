"""Controllers on hosts of their own, as the example for five hosts has them: Kafka 3.9.2 without ZooKeeper, Debian 13
and its Java 21. And who is a controller changes while the cluster serves.

One cluster for all of it, in the order of this file; every test leaves it healthy and as its inventory says.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
import yaml

from lab.lab import Lab

from .cluster import Cluster, restarted
from .hosts import ROOT, LabHost, counts, status_json
from .load import Load, loads
from .serving import create_topic, delete_topic, eventually, produce, records

CONTROLLERS, BROKERS = ("kafka1", "kafka2", "kafka3"), ("kafka4", "kafka5")
BASES = (*CONTROLLERS, *BROKERS)
OWN = "kafka-controller"
VERSION = "3.9.2"

pytestmark = pytest.mark.second_lab


@dataclass
class Five(Cluster):
    """Three controllers and two brokers, each on a host of its own."""

    @property
    def controllers(self) -> list[LabHost]:
        return [host for host in self.hosts if host.base in CONTROLLERS]

    @property
    def brokers(self) -> list[LabHost]:
        return [host for host in self.hosts if host.base in BROKERS]

    @property
    def bootstrap(self) -> list[str]:
        return [host.bootstrap for host in self.brokers]

    def everyone_s_pids(self) -> dict[str, str]:
        return {host.base: host.pid(OWN if host in self.controllers else "kafka") for host in self.hosts}

    def leader(self) -> LabHost:
        """The host whose controller leads."""
        found = status_json(self.hosts[0], expect=0)
        (one,) = (host for host in self.controllers if host.name == found["cluster"]["controller_host"])
        return one

    def without(self, gone: LabHost) -> Five:
        """The same cluster, with an inventory that has one controller less."""
        base: dict[str, Any] = yaml.safe_load(yaml.safe_dump(dict(self.base)))
        del base["all"]["children"]["kafka_controller"]["hosts"][gone.name]
        path = self.path.with_name("without.yml")
        found = Five(tuple(LabHost(one.lab, one.base, path) for one in self.hosts if one != gone), base, path)
        found.set()
        return found


def shipped(lab: Lab) -> dict[str, Any]:
    """The example for five hosts, for the lab's: their addresses, and what the lab's inventories say of all hosts."""
    text = (ROOT / "inventory" / "example-prod5-kraft.yml").read_text()
    for example, base in {
        **{f"controller{number}": name for number, name in enumerate(CONTROLLERS, 1)},
        **{f"kafka{number}": name for number, name in enumerate(BROKERS, 1)},
    }.items():
        text = text.replace(f"{example}.example.com", lab.host(base))
    found: dict[str, Any] = yaml.safe_load(text)
    found["all"]["vars"] |= yaml.safe_load(lab.inventory("prod3-kraft").read_text())["all"]["vars"]
    found["all"]["vars"]["kafka_version"] = VERSION
    for group in found["all"]["children"].values():
        for base in BASES:
            if (entry := group["hosts"].get(lab.host(base))) is not None:
                ports = lab.ports(base)
                entry |= {"ansible_host": "127.0.0.1", "ansible_port": ports["ssh"], "external_port": ports["kafka"]}
    return found


@pytest.fixture(scope="module")
def five(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Five]:
    """Five empty hosts, then deployed."""
    lab.down(BASES)
    lab.up(BASES, "trixie")
    path = tmp_path_factory.mktemp("prod5-kraft") / "prod5-kraft.yml"
    cluster = Five(tuple(LabHost(lab, name, path) for name in BASES), shipped(lab), path)
    cluster.set()
    try:
        cluster.made = cluster.invoke("deploy")
        yield cluster
    finally:
        lab.down(BASES)


@pytest.fixture
def load(five: Five) -> Iterator[Callable[[], Load]]:
    """load(): a producer and a consumer at work on a topic of their own, which goes when the test ends."""
    for make in loads(five.bootstrap):
        yield partial(make, copies=len(BROKERS), least=1)


def report(what: str, gap: float, seconds: float) -> None:
    print(f"\n{what}: longest gap between two acks of a partition {gap:.2f} s, the whole command {seconds:.1f} s")


def healthy(five: Five) -> None:
    eventually(lambda: "\nHealthy" in five.invoke("status"), seconds=60, what="healthy", every=1)


def test_five_bare_hosts_become_one_cluster_and_stay_as_they_are(five: Five):
    assert "Smoke check passed" in five.made and "of 2 brokers" in five.made
    units = "ls /etc/systemd/system | grep -xE '(kafka|kafka-controller).service'"
    assert {host.sh(units) for host in five.controllers} == {f"{OWN}.service"}
    assert {host.sh(units) for host in five.brokers} == {"kafka.service"}
    command = five.brokers[0].sh("tr '\\0' ' ' < /proc/$(systemctl show -P MainPID kafka)/cmdline")
    assert "java-21" in command and f"-{VERSION}/" in command
    assert five.brokers[0].sh("cat /etc/debian_version").startswith("13")
    values = [f"{number}" for number in range(1000)]
    for there in five.bootstrap:
        topic = f"through-{uuid.uuid4().hex[:8]}"
        create_topic(there, topic)
        produce(there, topic, values)
        assert records(there, topic) == values
        delete_topic(there, topic)
    before = five.everyone_s_pids()
    assert "0" not in before.values()
    output = five.invoke("deploy")
    assert [counts(output, host.name)["touched"] for host in five.hosts] == [0] * len(five.hosts), output
    assert five.everyone_s_pids() == before


def test_status_shows_the_quorum_of_the_other_hosts(five: Five):
    page = five.invoke("status")
    assert f"quorum: {five.leader().name} leads (epoch " in page and "\nHealthy" in page
    assert page.count("voter 10") == 2 and page.count("leader 10") == 1 and "2 of 2 brokers registered" in page
    assert "Nothing is wrong" in five.invoke("doctor")


def test_controllers_restart_with_the_leader_last_and_one_that_is_killed_is_replaced_unnoticed(
    five: Five, load: Callable[[], Load]
):
    first, before = five.leader(), five.everyone_s_pids()
    with load() as clients:
        began = time.monotonic()
        output = five.invoke("restart", "--service", OWN)
        took = time.monotonic() - began
        clients.more()
        gap = clients.longest_gap()
        second = five.leader()
        assert second != first
        second.sh(f"kill -9 {second.pid(OWN)}")
        clients.more()
        eventually(lambda: second.pid(OWN) != "0" and five.leader() != second, seconds=60, what="another one leads")
        clients.more()
    clients.verdict()
    order = restarted(output, OWN)
    assert sorted(order) == list(CONTROLLERS) and order[-1] == first.base
    after = five.everyone_s_pids()
    assert all(after[base] not in (before[base], "0") for base in CONTROLLERS)
    assert {base: after[base] for base in BROKERS} == {base: before[base] for base in BROKERS}
    report("restart of the controllers", gap, took)
    healthy(five)


def test_with_one_controller_down_a_second_stays_up_and_without_anybody_status_says_what_to_start(five: Five):
    down, second, third = five.controllers
    down.sh(f"systemctl stop {OWN}")
    try:
        before = five.everyone_s_pids()
        output = five.invoke("restart", "--service", OWN, "--limit", f"{second.name},{third.name}", expect=2)
        assert "must stay up" in output and f"{down.name}, which is not part of this run" in output
        output = five.invoke("restart", "--service", "kafka", expect=2)
        assert "no broker may go down" in output and f"{down.name}: {OWN} does not run" in output
        assert five.everyone_s_pids() == before, "a refused restart changed something"
        for host in five.brokers:  # before the majority is gone: they would wait for a controller
            host.sh("systemctl stop kafka")
        second.sh(f"systemctl stop {OWN}")

        def said() -> bool:
            page = five.invoke("status", expect=2)
            return "the controllers have no leader (1 of 3 answer, 2 are needed)" in page and "start 1 of" in page

        # One that leads takes a while to notice that nobody follows any more.
        eventually(said, seconds=30, what="status says that the majority is gone", every=1)
    finally:
        output = five.invoke("deploy")
    assert sum(counts(output, host.name)["touched"] for host in five.hosts) == 4 and "Smoke check passed" in output
    healthy(five)


def test_a_controller_leaves_in_the_safe_order_and_comes_back_by_a_deploy(
    lab: Lab, five: Five, load: Callable[[], Load]
):
    """The one that leads, which the others have to replace first."""
    gone = five.leader()
    rest = five.without(gone)
    with load() as clients:
        output = five.invoke("uninstall", "--limit", gone.name, "--yes", expect=2)
        assert f"{gone.name} is a voter of the quorum" in output
        assert f"`invoke quorum.remove --controller {gone.name}`" in output
        output = rest.invoke("deploy", expect=2)
        assert "voters of the quorum" in output and "`invoke quorum.remove --controller" in output

        output = five.invoke("quorum.remove", "--controller", gone.name, "--yes")
        assert "3 voters -> 2" in output and "it leads, and the others elect another leader" in output
        clients.more()
        page = five.invoke("status", expect=2)
        assert f"{gone.name} is a controller of the inventory and no voter of the quorum" in page
        assert "observer 10" in page and page.count("voter 10") == 1
        assert "the quorum has 2 voters and needs 2 of them" in five.invoke("doctor", expect=2)

        five.invoke("uninstall", "--limit", gone.name, "--purge-data", "--yes")
        # Brokers go on with the list that has all three: their roll is another test's.
        controllers = ("--no-smoke", "--limit", "kafka_controller")
        output = rest.invoke("deploy", *controllers, expect=2)
        assert "is one of two controllers, which need each other" in output
        output = rest.invoke("deploy", *controllers, "--accept-downtime")
        assert gone.base not in restarted(output, OWN) and len(restarted(output, OWN)) == 2
        clients.more()

        output = five.invoke("doctor", expect=2)
        assert output.count(f"{OWN}: controller.quorum.bootstrap.servers leaves out {gone.name}") == 2, output
        output = five.invoke("deploy", "--no-smoke")
        assert f"{gone.name}: voter:" in output and "(in the quorum)" in output
        assert gone.base not in restarted(output, OWN) and len(restarted(output, OWN)) == 2
        clients.more()
    clients.verdict()
    found = status_json(five.hosts[0], expect=0)["cluster"]["quorum"]
    assert [row["host"] for row in found["voters"]] == [host.name for host in five.controllers]
    five.require_unchanged()
