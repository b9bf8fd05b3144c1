"""A cluster that keeps its metadata itself: three hosts, on each a controller and a broker, Kafka 4.

One cluster for all of it, in the order of this file; every test leaves it healthy and as its inventory says.
"""

from __future__ import annotations

import itertools
import re
import time
import uuid
from collections.abc import Callable, Iterator

import pytest
from kafka.admin import NewTopic

from lab.lab import Lab

from . import quick_start
from .cluster import BASES, Cluster, bare_cluster, restarted
from .copies import asked
from .hosts import LabHost, counts, status_json
from .load import Load, loads
from .serving import create_topic, delete_topic, eventually, produce, records

pytestmark = pytest.mark.second_lab

UNITS = ("kafka-controller", "kafka")


@pytest.fixture(scope="module")
def prod3(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """kafka1 to kafka3, empty, then deployed with the inventory prod3-kraft."""
    with bare_cluster(lab, tmp_path_factory.mktemp("prod3-kraft"), "prod3-kraft") as cluster:
        cluster.made = cluster.invoke("deploy")
        yield cluster


@pytest.fixture
def load(prod3: Cluster) -> Iterator[Callable[[], Load]]:
    """load(): a producer and a consumer at work on a topic of their own, which goes when the test ends."""
    yield from loads(prod3.bootstrap)


def leader(cluster: Cluster) -> LabHost:
    """The host whose controller leads."""
    found = status_json(cluster.hosts[0], expect=0)
    (one,) = (host for host in cluster.hosts if host.name == found["cluster"]["controller_host"])
    return one


def report(what: str, gap: float, seconds: float) -> None:
    print(f"\n{what}: longest gap between two acks of a partition {gap:.2f} s, the whole command {seconds:.1f} s")


def test_three_bare_hosts_become_one_cluster_and_stay_as_they_are(prod3: Cluster):
    assert "Smoke check passed" in prod3.made and "of 3 brokers" in prod3.made
    ids = {host.sh("grep -h cluster.id /var/lib/kafka*/*/meta.properties | sort -u") for host in prod3.hosts}
    assert len(ids) == 1 and re.fullmatch(r"cluster\.id=[A-Za-z0-9_-]{22}", ids.pop())
    values = [f"{number}" for number in range(1000)]
    for there in prod3.bootstrap:
        topic = f"through-{uuid.uuid4().hex[:8]}"
        create_topic(there, topic)
        produce(there, topic, values)
        assert records(there, topic) == values
        delete_topic(there, topic)
    before = {unit: prod3.pids(unit) for unit in UNITS}
    assert "0" not in {pid for pids in before.values() for pid in pids.values()}
    output = prod3.invoke("deploy")
    assert [counts(output, host.name)["touched"] for host in prod3.hosts] == [0, 0, 0], output
    assert {unit: prod3.pids(unit) for unit in UNITS} == before


def test_status_shows_the_quorum(prod3: Cluster):
    page = prod3.invoke("status")
    leads = leader(prod3)
    assert f"quorum: {leads.name} leads (epoch " in page and "\nHealthy" in page
    assert page.count("voter 10") == 2 and page.count("leader 10") == 1
    assert prod3.invoke("doctor").count("Traceback") == 0


def test_a_changed_setting_reaches_the_brokers_one_at_a_time_unnoticed(prod3: Cluster, load: Callable[[], Load]):
    controllers = prod3.pids("kafka-controller")
    prod3.set({"kafka_config": {"queued.max.requests": 501}})
    with load() as clients:
        began = time.monotonic()
        output = prod3.invoke("deploy", "--no-smoke")
        took = time.monotonic() - began
        clients.more()
    clients.verdict()
    assert sorted(restarted(output, "kafka")) == list(BASES)
    absences = prod3.absences("kafka")
    assert all(there <= goes for (_, there, _), (goes, _, _) in itertools.pairwise(absences)), absences
    assert prod3.pids("kafka-controller") == controllers, "a setting of brokers restarted controllers"
    report("config roll", clients.longest_gap(), took)


def test_a_killed_leader_in_the_roll_costs_no_record(prod3: Cluster, load: Callable[[], Load]):
    first = leader(prod3)
    pid = first.pid("kafka-controller")
    with load() as clients, prod3.running("restart", "--service", "kafka-controller") as restart:
        restart.says("restart service:kafka-controller (asked for)")
        first.sh(f"kill -9 {pid}")
        output = restart.end()
        clients.more()
    clients.verdict()
    assert sorted(restarted(output, "kafka-controller")) == list(BASES)
    assert "\nHealthy" in prod3.invoke("status")


def test_without_one_controller_no_second_one_restarts_and_without_two_status_says_what_works(prod3: Cluster):
    first, second, third = prod3.hosts
    third.sh("systemctl stop kafka-controller")
    try:
        pids = prod3.pids("kafka-controller")
        output = prod3.invoke("restart", "--service", "kafka-controller", "--limit", first.name, expect=2)
        assert f"{third.name}, which is not part of this run" in output
        assert prod3.pids("kafka-controller") == pids, "a refused restart changed something"
        second.sh("systemctl stop kafka-controller")

        def said() -> bool:
            page = prod3.invoke("status", expect=2)
            lost = "the controllers have no leader (1 of 3 answer, 2 are needed)" in page
            return lost and "go on serving producers and consumers" in page

        # One that leads takes a while to notice that nobody follows any more.
        eventually(said, seconds=30, what="status says that the majority is gone", every=1)
        topic = f"still-{uuid.uuid4().hex[:8]}"
        output = prod3.invoke("deploy", "--no-smoke")
        assert sum(counts(output, host.name)["touched"] for host in prod3.hosts) == 2
        create_topic(first.bootstrap, topic)
        delete_topic(first.bootstrap, topic)
    finally:
        for host in (second, third):
            host.sh("systemctl start kafka-controller")
    eventually(lambda: prod3.invoke("status"), seconds=60, what="healthy again", every=1)


def test_a_host_that_lost_everything_is_rebuilt_and_votes_again(lab: Lab, prod3: Cluster, load: Callable[[], Load]):
    wiped = prod3.hosts[1]
    voter = "sed -n 's/^directory.id=//p' /var/lib/kafka-controller/data/meta.properties"
    before = wiped.sh(voter)
    topic = f"kept-{uuid.uuid4().hex[:8]}"
    with load() as clients:
        # A copy everywhere: what only the lost disk had would be gone.
        new = NewTopic(topic, num_partitions=1, replication_factor=3)
        asked(prod3, lambda admin: admin.create_topics([new]))
        produce(prod3.bootstrap[0], topic, ["one", "two", "three"])
        lab.recreate(wiped.base)
        quick_start.give(lab, [wiped.base], prod3.path.parent, "4.3.1")
        clients.more()
        output = prod3.invoke("deploy", "--limit", wiped.name, "--no-smoke")
        assert f"voter:102 (in the quorum, instead of its lost directory {before})" in output, output
        clients.more()
    clients.verdict()
    assert wiped.sh(voter) not in ("", before), "a wiped controller has its old vote, and forgot what it voted"
    assert records(prod3.bootstrap[0], topic) == ["one", "two", "three"]
    delete_topic(prod3.bootstrap[0], topic)
    eventually(lambda: "\nHealthy" in prod3.invoke("status"), seconds=120, what="healthy again", every=1)
    prod3.require_unchanged()


def test_a_directory_of_another_cluster_is_refused_before_anything_changes(prod3: Cluster):
    second = prod3.hosts[1]
    files = "/var/lib/kafka-controller/data/meta.properties"
    second.sh(f"cp -p {files} /tmp/kept; sed -i 's/^cluster.id=.*/cluster.id=MkU3OEVBNTcwNTJENDM2Qg/' {files}")
    try:
        before = prod3.pids("kafka-controller")
        output = prod3.invoke("deploy", "--no-smoke", expect=2)
        assert "belong to different clusters" in output and "MkU3OEVBNTcwNTJENDM2Qg" in output
        assert prod3.pids("kafka-controller") == before
        second.sh(f"sed -e 's/^node.id=.*/node.id=103/' /tmp/kept > {files}")
        output = prod3.invoke("deploy", "--no-smoke", expect=2)
        assert "controller id (kafka_controller_id)" in output and "103" in output
    finally:
        second.sh(f"cp -p /tmp/kept {files}")
    prod3.require_unchanged()
