"""A cluster of Kafka 3.9 leaves ZooKeeper, one deploy for each step, with clients at work; what must not be done is
refused, and a step back is as good as one forward. The walk of docs/operations.md.

One cluster for all of it, in the order of this file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml
from kafka.admin import NewTopic

from lab.lab import Lab

from .cluster import BASES, Cluster, bare_cluster, restarted
from .copies import asked
from .hosts import status_json
from .load import Load, loads
from .serving import produce, records
from .test_kraft_growth import commit

pytestmark = pytest.mark.second_lab

DISK = "/var/lib/kafka-controller/data"  # of a controller
END = "end"  # neither the variable nor the group zookeeper
TOPIC = "kept"
LIMIT = "--bootstrap-server 127.0.0.1:9092 --entity-type clients --entity-name app"
LEFT = {"version": 0, "kraft_metadata_offset": 412, "kraft_controller_id": 101, "kraft_metadata_epoch": 1}


@pytest.fixture(scope="module")
def cluster(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """kafka1 to kafka3 with ZooKeeper, a topic with records and a setting of its own, a group, and a quota."""
    with bare_cluster(lab, tmp_path_factory.mktemp("migration")) as found:
        # Of a group: it is said anyway, so that the archive of the quick start fits.
        found.base["all"]["children"]["kafka"]["vars"] = {"kafka_version": "3.9.2"}
        found.base["all"]["vars"]["kafka_controller_heap"] = "128m"
        found.set()
        found.invoke("deploy", "--no-smoke")
        create(found, TOPIC, {"retention.ms": "86400000"})
        produce(found.bootstrap[0], TOPIC, ["one", "two", "three"])
        assert commit(found.bootstrap[0], TOPIC, 2) == 2
        found.hosts[0].sh(f"kafka-configs.sh {LIMIT} --alter --add-config producer_byte_rate=1048576", login=True)
        yield found


@pytest.fixture
def load(cluster: Cluster) -> Iterator[Callable[..., Load]]:
    """load(): a producer and a consumer at work on a topic of their own, which goes when the test ends."""
    yield from loads(cluster.bootstrap)


def create(cluster: Cluster, topic: str, settings: dict[str, str] | None = None) -> None:
    new = NewTopic(topic, num_partitions=1, replication_factor=3, topic_configs=settings or {})
    asked(cluster, lambda admin: admin.create_topics([new]))


def at(cluster: Cluster, step: str) -> Cluster:
    """The same inventory file, with this step; "" for none."""
    base: dict[str, Any] = yaml.safe_load(yaml.safe_dump(dict(cluster.base)))
    groups = base["all"]["children"]
    if step:
        groups["kafka_controller"] = {"hosts": {host.name: {} for host in cluster.hosts}}
    if step == END:
        del groups["zookeeper"]
    elif step:
        base["all"]["vars"]["kafka_migration"] = step
    found = Cluster(cluster.hosts, base, cluster.path)
    found.set()
    return found


def deployed(cluster: Cluster, step: str, *arguments: str) -> str:
    return at(cluster, step).invoke("deploy", "--no-smoke", *arguments)


def refused(cluster: Cluster, step: str) -> str:
    """What a deploy of this step says that must not be, and changes nothing."""
    output = at(cluster, step).invoke("deploy", "--no-smoke", expect=2)
    assert "nothing was changed" in output, output
    return output


def zookeeper(cluster: Cluster, *words: str) -> str:
    return cluster.hosts[0].sh(f"zookeeper-shell.sh 127.0.0.1:2181 {' '.join(words)}", login=True, expect=None)


def test_controllers_come_beside_zookeeper_unless_others_have_left_something_there(cluster: Cluster):
    assert "dual skips a step: kafka_migration: controllers comes first" in refused(cluster, "dual")
    zookeeper(cluster, "create", "/migration", f"'{json.dumps(LEFT)}'")
    output = refused(cluster, "controllers")
    assert "they would delete every topic there" in output and "kraft_metadata_offset 412" in output
    assert "- " in deployed(cluster, "back") and "/migration" not in zookeeper(cluster, "ls", "/")
    at(cluster, "back").require_unchanged()
    before, files = cluster.pids("kafka"), [host.sh("cat /etc/kafka/*.*") for host in cluster.hosts]
    output = deployed(cluster, "controllers")
    assert "controllers is done; next: kafka_migration: dual" in output
    assert cluster.pids("kafka") == before and [host.sh("cat /etc/kafka/*.*") for host in cluster.hosts] == files
    assert '"kraft_metadata_offset":-1' in zookeeper(cluster, "get", "/migration")
    at(cluster, "controllers").require_unchanged()


def test_brokers_get_to_know_them_back_and_again_with_clients_at_work(cluster: Cluster, load: Callable[..., Load]):
    down = cluster.hosts[2]
    down.sh("systemctl stop kafka-controller")
    output = refused(cluster, "dual")
    assert "2 of 3 controllers in the quorum and level" in output and f"{down.name} (103)" in output
    assert "brokers skips a step: kafka_migration: dual comes first" in refused(cluster, "brokers")
    down.sh("systemctl start kafka-controller")
    deployed(cluster, "controllers")
    with load() as clients:
        controllers = cluster.pids("kafka-controller")
        output = deployed(cluster, "dual")
        assert sorted(restarted(output, "kafka")) == list(BASES) and cluster.pids("kafka-controller") == controllers
        assert '"kraftControllerEpoch":' in zookeeper(cluster, "get", "/controller")
        clients.more()
        create(cluster, "made-meanwhile")

        output = deployed(cluster, "controllers")
        rolls = output.index("restart service:kafka (runs")
        assert output.index("- ") < output.index("/controller (of") < output.index("/migration (of") < rolls, output
        assert sorted(restarted(output, "kafka")) == list(BASES)
        assert '"kraft_metadata_offset":-1' in zookeeper(cluster, "get", "/migration")
        clients.more()
        deployed(cluster, "dual")
        clients.more()
    clients.verdict()
    print(f"\nto dual, back, and to dual: longest gap {clients.longest_gap():.2f} s")


def test_controllers_without_their_disks_are_refused_or_taken_in_again(cluster: Cluster, load: Callable[..., Load]):
    """In the middle of the way, where brokers follow them already, and ZooKeeper says that they know all of it."""
    dual = at(cluster, "dual")
    with load() as clients:
        for host in cluster.hosts:
            host.sh(f"systemctl stop kafka-controller && cp -a {DISK} /root/kept && rm -r {DISK}/*")
        output = refused(cluster, "dual")
        assert "they would delete every topic there" in output, output
        for host in cluster.hosts[:2]:
            host.sh(f"cp -a /root/kept/. {DISK}/ && systemctl start kafka-controller")
        lost = cluster.hosts[2].name
        output = deployed(cluster, "dual")
        assert f"+ {lost}: initial:{DISK}/meta.properties" in output, output
        assert "voter:103 (in the quorum, instead of its lost directory" in output, output
        dual.require_unchanged()
        clients.more()
    clients.verdict()
    assert "\nHealthy" in dual.invoke("status")
    assert records(cluster.bootstrap[1], TOPIC) == ["one", "two", "three"]


def test_brokers_leave_zookeeper_and_then_controllers_do_for_good(cluster: Cluster, load: Callable[..., Load]):
    with load() as clients:
        assert "kafka_migration: brokers comes first" in refused(cluster, END)
        output = deployed(cluster, "brokers")
        assert sorted(restarted(output, "kafka")) == list(BASES) and not restarted(output, "kafka-controller")
        assert zookeeper(cluster, "ls", "/brokers/ids").endswith("[]")
        clients.more()
        at(cluster, "brokers").require_unchanged()
        assert "controllers skips a step: kafka_migration: dual comes first" in refused(cluster, "controllers")

        uses = at(cluster, "brokers").invoke("uninstall", "--service", "zookeeper", "--yes", expect=2)
        assert "connected to ZooKeeper" in uses and "nothing was removed" in uses
        planned = at(cluster, END).invoke("plan", expect=2)
        assert "-zookeeper.connect=" in planned and "1. controllers leave ZooKeeper" in planned
        for output in (planned, refused(cluster, END)):
            assert "there is no way back from there" in output and "add --accept-no-way-back" in output
        output = deployed(cluster, END, "--accept-no-way-back")
        assert sorted(restarted(output, "kafka-controller")) == list(BASES) and not restarted(output, "kafka")
        clients.more()
        assert "the migration from ZooKeeper has ended" in refused(cluster, "brokers")
    clients.verdict()
    print(f"\nfrom dual to the end: longest gap {clients.longest_gap():.2f} s")
    before = cluster.pids("kafka")
    at(cluster, END).invoke("uninstall", "--service", "zookeeper", "--yes")
    gone = "ls -d /etc/zookeeper /opt/zookeeper /etc/systemd/system/zookeeper.service 2>/dev/null"
    assert [host.sh(gone, expect=2) for host in cluster.hosts] == ["", "", ""] and cluster.pids("kafka") == before
    ended = at(cluster, END)
    ended.require_unchanged()
    quorum = status_json(ended.hosts[0], expect=0)["cluster"]["quorum"]
    assert {one["id"] for one in quorum["voters"]} == {101, 102, 103}
    assert {one["id"] for one in quorum["observers"]} == {1, 2, 3}
    # What ZooKeeper knew.
    assert records(ended.bootstrap[1], TOPIC) == ["one", "two", "three"]
    assert commit(ended.bootstrap[2], TOPIC) == 2
    described = ended.invoke("topics.describe", "--topic", TOPIC)
    assert "retention.ms = 86400000" in described
    assert "made-meanwhile" in ended.invoke("topics.list")
    quota = ended.hosts[0].sh(f"kafka-configs.sh {LIMIT} --describe", login=True)
    assert "producer_byte_rate=1048576" in quota
