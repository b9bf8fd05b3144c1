"""A rebalance that is cut off twice, beside a throttle of somebody else: on two brokers of the oldest version, one of
them with two data directories, of which one is emptied in the end."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator

import pytest
import yaml
from kafka import KafkaConsumer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType

from lab.lab import Lab

from .cluster import Cluster
from .copies import asked, copies, fill, partitions, throttles, under_way
from .hosts import LabHost
from .serving import eventually

BASES = ("kafka1", "kafka2")
CARGO, PARTITIONS, EACH = "cargo", 6, 80  # 4 MB in every partition
QUIET = "quiet"
DIRS = ["/var/lib/kafka/data", "/var/lib/kafka/more"]
RATE, LIST = "leader.replication.throttled.rate", "leader.replication.throttled.replicas"
FINISH = "`invoke rebalance` finishes it and removes the throttle"

pytestmark = pytest.mark.second_lab


@pytest.fixture(scope="module")
def pair(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """kafka1, with the ZooKeeper, and kafka2: Kafka 2.5.0, everything on the first."""
    lab.down(BASES)
    lab.up(BASES)
    path = tmp_path_factory.mktemp("rebalance") / "pair.yml"
    base = yaml.safe_load(lab.inventory("prod3").read_text())
    groups, names = base["all"]["children"], [lab.host(one) for one in BASES]
    groups["zookeeper"]["hosts"] = {names[0]: {}}
    groups["kafka"]["hosts"] = {name: groups["kafka"]["hosts"][name] for name in names}
    cluster = Cluster(tuple(LabHost(lab, one, path) for one in BASES), base, path)
    quick = {"log.segment.delete.delay.ms": 1000}  # for what is out of use in an emptied directory; 60 s otherwise
    cluster.set({"kafka_version": "2.5.0", "kafka_config": quick}, kafka2={"kafka_data_dirs": DIRS})
    cluster.invoke("deploy", "--no-smoke")
    fill(cluster, CARGO, {number: [1] for number in range(PARTITIONS)}, EACH)
    fill(cluster, QUIET, {0: [1], 1: [2]}, 1)
    yield cluster
    lab.down(BASES)


def somebody_else_throttles(cluster: Cluster) -> set[str]:
    """A rate on broker 2 and a list on a topic, which are not ours to remove; as `throttles` names them."""
    rate = ConfigResource(ConfigResourceType.BROKER, "2", configs={RATE: "1000000000"})
    every = ConfigResource(ConfigResourceType.TOPIC, QUIET, configs={LIST: "*"})
    asked(cluster, lambda admin: admin.alter_configs([rate, every], raise_on_unknown=False))
    return {f"2: {RATE}", f"{QUIET}: {LIST}"}


def status(cluster: Cluster) -> dict:
    """`status --json`; what goes on is shown before it."""
    output = cluster.invoke("status", "--json")
    return dict(json.loads(output[output.index("{") :]))


def records(cluster: Cluster) -> int:
    consumer = KafkaConsumer(bootstrap_servers=cluster.bootstrap)
    try:
        found = consumer.end_offsets([TopicPartition(CARGO, number) for number in range(PARTITIONS)])
    finally:
        consumer.close()
    return sum(found.values())


def test_a_throttled_rebalance_killed_and_then_interrupted_is_finished_by_the_same_command(pair: Cluster):
    theirs = somebody_else_throttles(pair)
    assert throttles(pair) == theirs
    command = ("rebalance", "--yes", "--throttle", "50k")
    with pair.running(*command) as first:
        eventually(lambda: under_way(pair), seconds=120, what="copies are made")
        assert f"somebody else has set a rate for copies on {pair.hosts[1].name}" in first.output
        refused = pair.invoke("deploy", "--no-smoke", expect=5)
        assert all(f"{host.name}: another run is at work here" in refused for host in pair.hosts), refused
        first.kill()
    assert under_way(pair), "nothing was under way any more: the kill came too late to prove anything"
    assert throttles(pair) > theirs
    found = status(pair)
    assert found["healthy"] and found["cluster"]["under_way"] == 3
    assert found["cluster"]["throttled"] == {
        "ours": {"brokers": [1, 2], "topics": {"count": 1, "first": [CARGO]}},
        "others": {"brokers": [2], "topics": {"count": 1, "first": [QUIET]}},
    }
    assert FINISH in pair.invoke("status") and FINISH in pair.invoke("doctor")

    with pair.running(*command) as second:
        second.says(" under way from before: they go on")
        second.says("--> Rebalance")
        second.process.send_signal(signal.SIGINT)
        assert "goes on in the cluster, with its throttle" in second.end(expect=130)
    assert under_way(pair) and throttles(pair) > theirs

    output = pair.invoke("rebalance", "--yes", "--throttle", "none")
    assert "--> Rebalanced in" in output
    held = copies(pair)  # of Kafka's own topics, too
    assert held[1] == held[2] >= 4 and all(p["isr_nodes"] == p["replica_nodes"] for p in partitions(pair))
    assert throttles(pair) == theirs and not under_way(pair)
    assert records(pair) == PARTITIONS * EACH
    assert "Nothing to do" in pair.invoke("rebalance", "--yes")
    output = pair.invoke("status")
    assert FINISH not in output and "somebody else has throttled copies (broker 2; topic quiet)" in output


def test_data_is_spread_over_both_directories_of_a_broker_and_shown_for_each(pair: Cluster):
    (first, second) = status(pair)["hosts"][pair.hosts[1].name]["services"]["kafka"]["disks"]
    assert [first["path"], second["path"]] == DIRS and min(first["data_bytes"], second["data_bytes"]) > 4_000_000


def test_a_data_directory_is_emptied_by_the_oldest_version_too_and_by_a_run_after_an_interrupted_one(pair: Cluster):
    second = pair.hosts[1]
    theirs, count = throttles(pair), records(pair)
    command = ("rebalance", "--yes", "--drain-dir", f"{second.name}:{DIRS[1]}", "--throttle")
    with pair.running(*command, "50k") as first:
        first.says("--> Move")
        eventually(lambda: "-future" in second.sh(f"ls {DIRS[0]}"), seconds=60, what="copies are made")
        first.process.send_signal(signal.SIGINT)
        assert "goes on in the broker, with its throttle" in first.end(expect=130)
    assert "-future" in second.sh(f"ls {DIRS[0]}"), "nothing was under way any more: that proves nothing"
    assert FINISH in pair.invoke("status")

    output = pair.invoke(*command, "none")
    assert "under way from before: they go on" in output and f"--> Emptied {second.name}:{DIRS[1]} in " in output
    assert second.sh(f"find {DIRS[1]} -mindepth 1 -type d") == ""
    assert FINISH not in pair.invoke("status")
    assert throttles(pair) == theirs and records(pair) == count
    assert all(p["isr_nodes"] == p["replica_nodes"] for p in partitions(pair))
