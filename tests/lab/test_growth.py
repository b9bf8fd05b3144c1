"""Growth and repair: a broker joins, takes its share, is emptied and leaves; a host that lost everything comes back.

One cluster for all of it, in the order of this file, under load as Kafka's own system tests judge it.
"""

from __future__ import annotations

import re
import signal
import uuid
from collections.abc import Callable, Iterator

import pytest
import yaml
from kafka.admin import NewTopic

from lab.lab import Lab

from .cluster import Cluster
from .copies import asked, copies, fill, leaders, partitions, throttles, under_way
from .hosts import LabHost, counts, status_json
from .load import Load, loads
from .serving import delete_topic, eventually, produce, records
from .unchanged import unchanged

BASES = ("kafka1", "kafka2", "kafka3", "kafka4")
CARGO, PARTITIONS, EACH = "cargo", 8, 60  # a topic with 3 MB in every partition
RATE, LIST = "leader.replication.throttled.rate", "leader.replication.throttled.replicas"


pytestmark = pytest.mark.second_lab


@pytest.fixture(scope="module")
def three(lab: Lab, prod3: Cluster) -> Iterator[Cluster]:
    """kafka1 to kafka3, deployed, with the topic; beside them kafka4, empty."""
    lab.recreate("kafka4")
    fill(prod3, CARGO, {number: [(number + place) % 3 + 1 for place in range(3)] for number in range(PARTITIONS)}, EACH)
    try:
        yield prod3
        delete_topic(",".join(prod3.bootstrap), CARGO)
    finally:
        lab.down(["kafka4"])


@pytest.fixture(scope="module")
def four(lab: Lab, three: Cluster) -> Cluster:
    """The same inventory with kafka4 in it, a broker only."""
    path = three.path.with_name("four.yml")
    base = yaml.safe_load(yaml.safe_dump(dict(three.base)))
    brokers = base["all"]["children"]["kafka"]["hosts"]
    brokers[lab.host("kafka4")] = {
        "ansible_host": "127.0.0.1",
        "ansible_port": lab.ports("kafka4")["ssh"],
        "kafka_broker_id": 4,
        "kafka_rack": "rack4",
        "external_port": lab.ports("kafka4")["kafka"],
    }
    cluster = Cluster(tuple(LabHost(lab, name, path) for name in BASES), base, path)
    cluster.set()
    return cluster


@pytest.fixture
def load(three: Cluster) -> Iterator[Callable[[], Load]]:
    """load(): a producer and a consumer at work on a topic of their own, which goes when the test ends."""
    yield from loads(three.bootstrap)


def healthy(cluster: Cluster) -> None:
    assert "\nHealthy" in cluster.invoke("status")


def test_a_fourth_broker_joins_and_takes_its_share_unnoticed(three: Cluster, four: Cluster, load: Callable[[], Load]):
    before = three.pids("kafka"), three.pids("zookeeper")
    with load() as clients:
        output = four.invoke("deploy", "--no-smoke")
        assert [counts(output, host.name)["touched"] for host in three.hosts] == [0, 0, 0], output
        clients.more()
        assert copies(four)[4] == 0, "a broker that joins has nothing until somebody moves it there"

        output = four.invoke("rebalance", expect=1)
        assert "to make" in output and "nothing was moved" in output and "--yes" in output
        assert four.invoke("rebalance", "--check").count("--> Plan") == 1
        assert copies(four)[4] == 0, "moved without a yes"

        output = four.invoke("rebalance", "--yes", "--throttle", "20m")
        assert "--> Rebalanced in" in output
        clients.more()
    clients.verdict()
    found = copies(four)
    assert max(found.values()) - min(found[broker] for broker in (1, 2, 3, 4)) <= 1, found
    assert {p["topic"] for p in partitions(four) if 4 in p["replica_nodes"]} >= {CARGO, "__consumer_offsets"}
    led = leaders(four)
    assert max(led.values()) - min(led[broker] for broker in (1, 2, 3, 4)) <= 1, led
    assert all(len(p["replica_nodes"]) == len(p["isr_nodes"]) == 3 for p in partitions(four))
    assert throttles(four) == set()
    assert (three.pids("kafka"), three.pids("zookeeper")) == before
    assert "Nothing to do" in four.invoke("rebalance", "--yes")
    healthy(four)


def test_an_interrupted_drain_is_finished_by_the_same_command_and_the_broker_can_leave(
    three: Cluster, four: Cluster, load: Callable[[], Load]
):
    kafka4 = four.hosts[3].name
    assert copies(four)[4] > 0
    # The topic of the load before is deleted; brokers take its partitions off their disks when they get to it.
    still = "ls /var/lib/kafka/data | grep '^load-' | grep -v -- '-delete$' || true"
    eventually(lambda: not any(host.sh(still) for host in four.hosts), seconds=60, what="the earlier load is gone")
    with unchanged(four.hosts):
        refused = three.invoke("deploy", "--yes", expect=2)
        assert f"broker 4 ({kafka4}:9092) is not in its group kafka" in refused
        assert f"if that is meant, add --shrink {kafka4}" in refused
        refused = three.invoke("deploy", "--shrink", kafka4, expect=2)
        assert f"error: broker 4 still holds {copies(four)[4]} partitions" in refused
        assert f"`invoke rebalance --drain {kafka4}`" in refused
    with load() as clients:
        with four.running("rebalance", "--drain", kafka4, "--yes", "--throttle", "100k") as drain:
            # The topic with data, which takes its time, begins after many small ones.
            eventually(lambda: CARGO in {one.topic for one in under_way(four)}, seconds=120, what="cargo is on its way")
            drain.process.send_signal(signal.SIGINT)
            output = drain.end(expect=130)
        assert "goes on in the cluster, with its throttle" in output
        assert under_way(four), "nothing was under way any more: the interruption came too late to prove anything"
        slowed = throttles(four)
        assert {f"1: {RATE}", f"4: {RATE}", f"{CARGO}: {LIST}"} <= slowed, f"what goes on goes on unthrottled: {slowed}"
        status = four.invoke("status")
        assert "under way" in status and "`invoke rebalance` finishes it and removes the throttle" in status
        clients.more()

        output = four.invoke("rebalance", "--drain", kafka4, "--yes", "--throttle", "none")
        assert "under way from before" in output and "holds no partition any more" in output
        assert copies(four)[4] == 0 and 4 not in leaders(four)
        assert throttles(four) == set()
        clients.more()

        output = three.invoke("deploy", "--no-smoke", "--shrink", kafka4)
        assert "warning: " in output
        assert f"broker 4 ({kafka4}:9092) is not in its group kafka (--shrink {kafka4})" in output
        four.invoke("uninstall", "--limit", kafka4, "--purge-data", "--yes")
        three.require_unchanged()  # and no flag is needed any more
        healthy(three)
        clients.more()
    clients.verdict()
    assert all(len(p["isr_nodes"]) == 3 for p in partitions(three))


def test_a_host_that_lost_everything_is_rebuilt_with_its_ids_and_catches_up(
    lab: Lab, three: Cluster, load: Callable[[], Load]
):
    first, wiped = three.hosts[0], three.hosts[1]
    others = {host.base: host.pids() for host in (three.hosts[0], three.hosts[2])}
    topic = f"before-{uuid.uuid4().hex[:8]}"
    asked(three, lambda admin: admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=3)]))
    produce(first.bootstrap, topic, ["one", "two"])
    with load() as clients:
        lab.recreate("kafka2")
        assert wiped.sh("ls /var/lib/kafka", expect=None).startswith("ls: cannot access"), "nothing was wiped"
        three.invoke("deploy", "--limit", wiped.name, "--no-smoke")
        assert wiped.sh("cat /var/lib/zookeeper/data/myid") == "2"
        assert "broker.id=2" in wiped.sh("cat /var/lib/kafka/data/meta.properties").splitlines()

        def in_sync() -> bool:
            return all(2 in p["isr_nodes"] for p in partitions(three) if 2 in p["replica_nodes"])

        assert any(2 in p["replica_nodes"] for p in partitions(three))
        eventually(in_sync, seconds=90, what="everything of broker 2 in sync again")
        clients.more()
    clients.verdict()
    assert records(wiped.bootstrap, topic) == ["one", "two"]
    assert {host.base: host.pids() for host in (three.hosts[0], three.hosts[2])} == others
    healthy(three)
    output = three.invoke("deploy", "--no-smoke")
    assert [counts(output, host.name)["touched"] for host in three.hosts] == [0, 0, 0], output


def test_a_partition_that_copies_for_longer_than_the_stall_is_waited_for_by_its_bytes(three: Cluster):
    first, second = three.hosts[0], three.hosts[1]
    bulk, stall = f"bulk-{uuid.uuid4().hex[:8]}", 15
    topic = NewTopic(bulk, num_partitions=-1, replication_factor=-1, replica_assignments={0: [1, 2, 3]})
    asked(three, lambda admin: admin.create_topics([topic]))
    slow = ("follower.replication.throttled.rate=200000", f"topics --entity-name {bulk}")
    kafka_configs(first, "--entity-type brokers --entity-name 2", f"--add-config {slow[0]}")
    kafka_configs(first, f"--entity-type {slow[1]}", "--add-config 'follower.replication.throttled.replicas=*'")
    second.sh("systemctl stop kafka")
    produce(first.bootstrap, bulk, ["x" * 900_000] * 22)
    three.invoke("deploy", "--limit", second.name, "--no-smoke")  # it is there, and has everything still to copy
    before = first.pids()
    limits = ("--service", "kafka", "--limit", first.name, "--extra-vars", f"kafka_start_stall={stall}s")
    with three.running("restart", *limits) as restart:
        # Said after 5 s, and then every 10 s with new figures: the third time is later than the stall.
        eventually(lambda: restart.output.count(" copied (for ") >= 3, seconds=90, what="it still waits")
        assert restart.process.poll() is None and first.pids() == before
        assert (
            f"{first.name}: waiting, broker 1 must stay up: 1 partition cannot spare an in-sync copy" in restart.output
        )
        figures = re.findall(rf"{bulk}-0 \(isr 1,3 of 3, needs 2\); (\S+ \S+) of (\S+ MiB) copied", restart.output)
        assert len(set(figures)) >= 3 and len({whole for _, whole in figures}) == 1, restart.output
        kafka_configs(first, "--entity-type brokers --entity-name 2", f"--delete-config {slow[0].split('=')[0]}")
        assert "restart service:kafka (asked for)" in restart.end()
    assert first.pids()["kafka"] != before["kafka"]
    delete_topic(",".join(three.bootstrap), bulk)
    assert not throttles(three)
    healthy(three)


def test_with_a_broker_down_status_tells_what_it_costs_with_exit_code_2(three: Cluster):
    topic, servers = f"strict-{uuid.uuid4().hex[:8]}", ",".join(three.bootstrap[:2])
    strict = {0: [1, 2, 3], 1: [2, 1, 3]}
    config = {"min.insync.replicas": "3"}
    new = NewTopic(topic, num_partitions=-1, replication_factor=-1, replica_assignments=strict, topic_configs=config)
    lost_one = three.hosts[2]
    lost_one.sh("systemctl stop kafka")
    try:
        # Until the others know the new controller, they may name the broker that is gone.
        eventually(lambda: asked(three, lambda admin: admin.create_topics([new])), seconds=60, what="a topic is made")
        found = status_json(three.hosts[0], expect=2)
        page = three.invoke("status", expect=2)
    finally:
        delete_topic(servers, topic)
        lost_one.sh("systemctl start kafka")
    first, _, third = (found["hosts"][host.name]["services"]["kafka"] for host in three.hosts)
    assert (first["state"], first["serving"]) == ("running", True)
    assert (third["state"], third["active"], third["serving"], third["leaders"]) == ("dead", False, False, None)
    cluster = found["cluster"]
    assert cluster["brokers_registered"] == [1, 2] and cluster["brokers_expected"] == [1, 2, 3]
    assert set(cluster["leaders"]) == {"1", "2"} and sum(cluster["leaders"].values()) == cluster["partitions"]
    assert cluster["under_replicated"]["count"] == cluster["partitions"] and cluster["offline"]["count"] == 0
    assert cluster["under_min_isr"] == {"count": 2, "first": [f"{topic}-0", f"{topic}-1"]}
    assert found["healthy"] is False and found["ensemble"]["not_serving"] == []

    lost = f"{lost_one.name}: kafka does not run (dead): `invoke logs` shows why, `invoke deploy` starts it"
    assert lost in found["problems"] and f"  {lost}\n" in page
    assert "broker 3 is not registered in the cluster" in page
    assert f"{cluster['partitions']} under-replicated, 2 under min ISR, 0 offline" in page
    assert f"2 partitions ({topic}-0, {topic}-1) under min.insync.replicas (writes with acks=all fail)" in page
    (row,) = [line.split() for line in page.splitlines() if line.startswith(f"{lost_one.name}  kafka ")]
    assert row[2:5] == ["dead", "-", "-"]
    eventually(lambda: three.invoke("status"), seconds=120, what="healthy again", every=1)


def kafka_configs(host: LabHost, entity: str, change: str) -> None:
    """The official tool: kafka-python refuses to set what brokers do not list."""
    host.sh(f"kafka-configs.sh --bootstrap-server 127.0.0.1:9092 --alter {entity} {change}", login=True)
