"""Three hosts without an outage: rolls under load, judged as Kafka's own system tests judge, and what is refused.

One cluster for all of it, in the order of this file; every test leaves it healthy and as its inventory says.
"""

from __future__ import annotations

import itertools
import re
import time
import uuid
from collections.abc import Callable, Iterator

import pytest
from kafka import KafkaAdminClient
from kafka.admin import NewTopic

from lab import engine

from .cluster import BASES, Cluster, restarted
from .console import conversation
from .hosts import NO_SELECTOR, counts
from .load import PARTITIONS, Load, loads
from .serving import delete_topic, eventually, produce, records

pytestmark = pytest.mark.second_lab


@pytest.fixture
def load(prod3: Cluster) -> Iterator[Callable[[], Load]]:
    """load(): a producer and a consumer at work on a topic of their own, which goes when the test ends."""
    yield from loads(prod3.bootstrap)


def report(what: str, gap: float, seconds: float) -> None:
    print(f"\n{what}: longest gap between two acks of a partition {gap:.2f} s, the whole command {seconds:.1f} s")


def returns_by_itself(cluster: Cluster) -> int:
    """How many times the cluster's controllers returned leaders by their own timer (KafkaController, AutoTriggered)."""
    said = "(PREFERRED) for partitions [^ ].*triggered by AutoTriggered"
    count = f"cat /var/log/kafka/controller.log* | grep -c '{said}' || true"
    return sum(int(host.sh(count)) for host in cluster.hosts)


def controller_at(cluster: Cluster, moment: str) -> str:
    """Which broker was the controller then, as the brokers' logs tell of elections ("2026-01-31 12:00:00,000")."""
    said = (
        "cat /var/log/kafka/controller.log* | "
        "sed -nE 's/^.([0-9,: -]+). INFO .Controller id=([0-9]+). .*successfully elected.*/\\1=\\2/p'"
    )
    elections = sorted(line for host in cluster.hosts for line in host.sh(said).splitlines() if line < moment)
    assert elections, f"nobody was elected before {moment}"
    return f"kafka{elections[-1].rpartition('=')[2]}"


@pytest.mark.quick
def test_three_bare_hosts_become_a_cluster_and_stay_as_they_are(prod3: Cluster):
    assert "Smoke check passed" in prod3.made and "of 3 brokers" in prod3.made
    first, _, last = prod3.bootstrap
    topic = f"across-{uuid.uuid4().hex[:8]}"
    admin = KafkaAdminClient(bootstrap_servers=first)
    admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=3)])
    admin.close()
    produce(first, topic, ["one", "two", "three"])
    assert records(last, topic) == ["one", "two", "three"]
    delete_topic(first, topic)

    before = {unit: prod3.pids(unit) for unit in ("zookeeper", "kafka")}
    assert "0" not in {pid for pids in before.values() for pid in pids.values()}
    output = prod3.invoke("deploy")
    assert [counts(output, host.name)["touched"] for host in prod3.hosts] == [0, 0, 0]
    assert {unit: prod3.pids(unit) for unit in before} == before


@pytest.mark.quick
def test_a_changed_setting_reaches_the_brokers_one_at_a_time_unnoticed(prod3: Cluster, load: Callable[[], Load]):
    controller, zookeeper = f"kafka{prod3.controller()}", prod3.pids("zookeeper")
    prod3.set({"kafka_config": {"queued.max.requests": 501}})
    by_itself = returns_by_itself(prod3)
    with load() as clients:
        began = time.monotonic()
        output = prod3.invoke("deploy", "--no-smoke")
        took = time.monotonic() - began
        clients.more()
    clients.verdict()
    order = restarted(output, "kafka")
    assert sorted(order) == list(BASES) and order[-1] == controller
    absences = prod3.absences("kafka")
    assert [host for _, _, host in absences] == order
    assert all(there <= goes for (_, there, _), (goes, _, _) in itertools.pairwise(absences)), absences
    assert prod3.pids("zookeeper") == zookeeper, "a setting of Kafka restarted ZooKeeper"
    # A controller looks for leaders that are elsewhere five seconds after its election: what it returned by then is
    # not left for the roll.
    said = re.search(r"\n\d+ leaders? returned to (their|its) preferred broker", output)
    assert said or returns_by_itself(prod3) > by_itself, output
    # Other brokers than the controller may hear of it a moment later; Kafka's own timer would take minutes.
    eventually(lambda: not prod3.elsewhere(), seconds=20, what="every leader is back at its preferred broker")
    (last,) = (host for host in prod3.hosts if host.base == controller)
    stopping = last.sh("grep -h 'Starting controlled shutdown' /var/log/kafka/server.log | tail -n 1 | cut -c 2-24")
    assert controller_at(prod3, stopping) != controller, f"it took its work with it, not handed over before\n{output}"
    report("config roll", clients.longest_gap(), took)
    shutdowns = [host.sh("grep -h 'ontrolled shutdown' /var/log/kafka/server.log | tail -n 1") for host in prod3.hosts]
    assert all("returned successfully" in line for line in shutdowns), shutdowns
    # A broker that took its partitions with it would be missed for its whole restart, however busy the machine is. Only
    # where it stands still for so long that the brokers lose their sessions with ZooKeeper is every write late.
    late = "grep -hc 'Client session timed out' /var/log/kafka/server.log || true"
    if {host.sh(late) for host in prod3.hosts} == {"0"}:
        assert clients.longest_gap() < took / len(BASES) / 2


def test_a_restart_on_demand_of_both_services_goes_unnoticed(prod3: Cluster, load: Callable[[], Load]):
    leader = prod3.zookeeper_leader()
    assert leader
    before = {unit: prod3.pids(unit) for unit in ("zookeeper", "kafka")}
    # The command line's own clients go through it as well, by way of a host whose broker restarts like the others.
    with load() as typed:
        pass
    planned, controller = prod3.invoke("restart", "--check"), f"kafka{prod3.controller()}"
    assert restarted(planned, "kafka")[-1] == controller and {unit: prod3.pids(unit) for unit in before} == before
    assert "(3 of 3: the leader, so" in planned and "(3 of 3: the controller, whose" in planned
    with load() as clients, conversation(prod3.path, typed.topic):
        began = time.monotonic()
        output = prod3.invoke("restart")
        took = time.monotonic() - began
        clients.more()
    clients.verdict()
    for unit, pids in before.items():
        assert sorted(restarted(output, unit)) == list(BASES)
        after = prod3.pids(unit)
        assert all(after[host] not in (pids[host], "0") for host in BASES)
    assert restarted(output, "zookeeper")[-1] == leader.base
    assert restarted(planned, "zookeeper") == restarted(output, "zookeeper"), "it goes otherwise than it says"
    report("restart of both services", clients.longest_gap(), took)


def test_a_killed_zookeeper_leader_in_the_roll_costs_no_record(prod3: Cluster, load: Callable[[], Load]):
    leader = prod3.zookeeper_leader()
    assert leader
    pid = leader.pids()["zookeeper"]
    with load() as clients, prod3.running("restart", "--service", "zookeeper") as restart:
        restart.says("restart service:zookeeper (asked for)")
        assert leader.base not in restarted(restart.output, "zookeeper")
        leader.sh(f"kill -9 {pid}")
        output = restart.end()
        clients.more()
    clients.verdict()
    assert sorted(restarted(output, "zookeeper")) == list(BASES)
    modes = sorted(
        host.sh("exec 3<>/dev/tcp/127.0.0.1/2181 && printf srvr >&3 && cat <&3 | grep Mode") for host in prod3.hosts
    )
    assert modes == ["Mode: follower", "Mode: follower", "Mode: leader"]
    assert "\nHealthy" in prod3.invoke("status")


def test_a_broker_killed_while_it_is_rolled_comes_back_and_the_roll_goes_on(prod3: Cluster, load: Callable[[], Load]):
    order = sorted(BASES, key=lambda host: (host == f"kafka{prod3.controller()}", host))
    victim = next(host for host in prod3.hosts if host.base == order[0])
    pid = victim.pids()["kafka"]
    with load() as clients, prod3.running("restart", "--service", "kafka") as restart:
        # In the middle of its controlled shutdown: its ZooKeeper session stays behind and holds its id.
        eventually(
            lambda: victim.sh("systemctl show -P ActiveState kafka") == "deactivating",
            seconds=120,
            what=f"{victim.base} is being stopped",
        )
        victim.sh(f"kill -9 {pid}")
        output = restart.end()
        clients.more()
    clients.verdict()
    assert restarted(output, "kafka") == order


def test_a_deploy_killed_in_the_roll_is_finished_by_the_same_command(prod3: Cluster, load: Callable[[], Load]):
    prod3.set({"kafka_config": {"queued.max.requests": 502}})
    before = prod3.pids("kafka")
    with load() as clients:
        with prod3.running("deploy", "--no-smoke") as deploy:
            deploy.says("restart service:kafka (runs with an older")
            deploy.kill()
        done = restarted(deploy.output, "kafka")
        assert len(done) == 1
        first = prod3.pids("kafka")[done[0]]
        output = prod3.invoke("deploy", "--no-smoke")
        clients.more()
    clients.verdict()
    after = prod3.pids("kafka")
    assert after[done[0]] == first, "what the killed run had finished was done again"
    assert all(after[host] not in (before[host], "0") for host in BASES)
    # The broker that was going down when the run was killed may have come back with the new setting by itself.
    assert restarted(output, "kafka") and set(restarted(output, "kafka")) <= set(BASES) - set(done)
    assert restarted(prod3.invoke("deploy", "--no-smoke"), "kafka") == []


def test_a_broker_that_does_not_start_stops_the_roll_and_its_mend_goes_on(prod3: Cluster, load: Callable[[], Load]):
    controller = f"kafka{prod3.controller()}"
    first, broken = [host for host in BASES if host != controller]
    before = prod3.pids("kafka")
    # For the others what the shipped inventory says, which differs from what they run with.
    prod3.set(**{broken: {"kafka_config": {"replica.selector.class": NO_SELECTOR}}})
    with load() as clients:
        output = prod3.invoke("deploy", "--no-smoke", expect=2)
        after = prod3.pids("kafka")
        assert restarted(output, "kafka") == [first]
        assert after[controller] == before[controller], "the roll went on behind a broker that did not come back"
        assert f"class {NO_SELECTOR} cannot be cast to class" in output and "Traceback" not in output
        name = next(host.name for host in prod3.hosts if host.base == broken)
        assert counts(output, name)["failed"] == 1
        clients.more()

        prod3.set()
        output = prod3.invoke("deploy")
        clients.more()
    clients.verdict()
    assert "Smoke check passed" in output and controller in restarted(output, "kafka")
    assert first not in restarted(output, "kafka")
    assert prod3.pids("kafka")[first] == after[first]


def test_a_value_with_which_no_broker_starts_stays_on_the_first_host(prod3: Cluster, load: Callable[[], Load]):
    def files() -> dict[str, str]:
        return {host.base: host.sh("cat /etc/kafka/* /etc/systemd/system/kafka.service | sha256sum") for host in hosts}

    hosts, names = prod3.hosts, [host.name for host in prod3.hosts]
    before, pids = files(), prod3.pids("kafka")
    # Every check passes: only a start of the broker opens the keystore.
    listeners = [*prod3.base["all"]["vars"]["kafka_listeners"], {"name": "TLS", "port": 9094, "protocol": "SSL"}]
    keystore = {"ssl.keystore.location": "/etc/kafka/none.p12", "ssl.keystore.password": "none"}
    prod3.set({"kafka_listeners": listeners, "kafka_config": keystore})
    with load() as clients:
        output = prod3.invoke("deploy", "--no-smoke", expect=2)
        clients.more()
    after = files()
    (first,) = [host for host in hosts if after[host.base] != before[host.base]]
    others = [host for host in hosts if host != first]
    assert all(prod3.pids("kafka")[host.base] == pids[host.base] for host in others)
    said = re.search("not touched, still with the old files: (.*)", output)
    assert said and sorted(said[1].split(", ")) == [host.name for host in others]
    assert "/etc/kafka/none.p12" in output and "put the old one back in the inventory and deploy again" in output

    # A power cut: what starts by itself then reads what is on its disk.
    engine.docker("kill", *names)
    hosts[0].lab.up(BASES)

    def both_are_back() -> bool:
        """The topic's writes need two copies, of every partition: each may have another leader."""
        for partition in range(PARTITIONS):
            number = (clients.sent // PARTITIONS + 1) * PARTITIONS + partition
            produce(",".join(host.bootstrap for host in others), clients.topic, [str(number)], partition)
        return True

    eventually(both_are_back, seconds=120, what="the others are back")
    clients.verdict()
    assert first.sh("systemctl show -P ActiveState kafka") != "inactive", "it was not even tried"

    prod3.set()
    output = prod3.invoke("deploy")
    assert files() == before and "Smoke check passed" in output
    assert set(restarted(output, "kafka")) <= {first.base}, "a host that had nothing new was restarted"


def test_with_a_broker_down_a_restart_takes_no_second_one(prod3: Cluster, load: Callable[[], Load]):
    first, _, third = prod3.hosts
    with load() as clients:
        third.sh("systemctl stop kafka")
        before, pids = prod3.everything(), prod3.pids("kafka")
        for limit in ([], ["--limit", first.name]):
            output = prod3.invoke("restart", *limit, expect=2)
            assert prod3.everything() == before, "a refused restart changed something"
            assert re.search(r"broker [12] must stay up: ", output) and "as broker 3 is down" in output
            assert f"{clients.topic}-0 (isr 1,2 of 3, needs 2)" in output
            assert "deploy starts what is down" in output and restarted(output, "kafka") == []
            state = "kafka does not run (dead)" if not limit else "which is not part of this run: Connection refused"
            assert third.name in output and state in output

        # A deploy refuses the restart as well, and with it what only that would try.
        inventory = prod3.path.read_text()
        prod3.set(kafka1={"kafka_config": {"queued.max.requests": 504}})
        output = prod3.invoke("deploy", "--no-smoke", "--limit", first.name, expect=2)
        assert "broker 1 must stay up: " in output and counts(output, first.name)["touched"] == 0
        assert f"not touched, still with the old files: {first.name}" in output
        assert prod3.everything() == before, "a refused turn has written something"
        prod3.path.write_text(inventory)
        assert restarted(prod3.invoke("deploy", "--no-smoke", "--limit", first.name), "kafka") == []
        assert prod3.pids("kafka") == pids

        # The node that is down may be restarted, which fixes it.
        limits = ("--service", "kafka", "--limit", third.name)
        assert restarted(prod3.invoke("restart", *limits), "kafka") == ["kafka3"]
        clients.more()
    clients.verdict()


def test_with_a_zookeeper_server_down_no_broker_is_taken(prod3: Cluster):
    first, _, third = prod3.hosts
    third.sh("systemctl stop zookeeper")
    try:
        before = prod3.everything()
        for limit in ([], ["--limit", first.name]):
            output = prod3.invoke("restart", "--service", "kafka", *limit, expect=2)
            assert "no broker may go down: 2 of 3 ZooKeeper servers serve and the quorum needs 2" in output
            assert third.name in output and prod3.everything() == before
        assert third.name in prod3.invoke("restart", "--service", "zookeeper", "--limit", third.name)
    finally:
        third.sh("systemctl start zookeeper")
    eventually(lambda: prod3.invoke("status"), seconds=60, what="healthy again", every=1)


def test_a_partition_without_a_second_copy_is_named_before_it_goes_offline(prod3: Cluster):
    topic = f"alone-{uuid.uuid4().hex[:8]}"
    admin = KafkaAdminClient(bootstrap_servers=prod3.bootstrap)
    admin.create_topics([NewTopic(topic, num_partitions=-1, replication_factor=-1, replica_assignments={0: [2]})])
    admin.close()
    second = prod3.hosts[1]
    limited = ("--service", "kafka", "--limit", second.name)
    before = prod3.pids("kafka")
    everything = prod3.everything()
    output = prod3.invoke("restart", *limited, expect=2)
    assert "1 partition will be offline, having no other copy" in output and f"{topic}-0 (isr 2 of 1" in output
    assert "--accept-downtime" in output and "nothing was changed" in output

    # Still less may it leave for good, or with it the quorum; --yes answers a question, it is no permission for this.
    output = prod3.invoke("uninstall", "--limit", second.name, "--yes", expect=2)
    assert "without broker 2, 1 partition will be offline" in output and f"{topic}-0" in output
    output = prod3.invoke("uninstall", "--limit", f"{second.name},{prod3.hosts[2].name}", "--yes", expect=2)
    assert "without brokers 2, 3, " in output and "1 of 3 ZooKeeper servers serve and the quorum needs 2" in output
    assert "--accept-downtime" in output and "nothing was removed" in output
    assert prod3.everything() == everything, "a refusal changed something"
    assert restarted(prod3.invoke("restart", *limited, "--accept-downtime"), "kafka") == ["kafka2"]
    after = prod3.pids("kafka")
    assert after.pop("kafka2") != before.pop("kafka2") and after == before
    delete_topic(",".join(prod3.bootstrap), topic)
