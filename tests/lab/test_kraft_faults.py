"""Faults on a cluster that keeps its metadata itself: deploys that are killed at every step, a voter that lags, disks
that hold what they should not.

One cluster for all of it, in the order of this file; every test leaves it healthy and as its inventory says.
"""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from kafka.admin import NewTopic

from lab.lab import Lab

from .cluster import Cluster, bare_cluster, restarted
from .copies import asked
from .hosts import LabHost, counts, status_json
from .load import Load, loads
from .serving import delete_topic, eventually

UNIT = "kafka-controller"
DATA = "/var/lib/kafka-controller/data"
META = f"{DATA}/meta.properties"
BROKER_META = "/var/lib/kafka/metadata/meta.properties"
FIRST = f"{DATA}/__cluster_metadata-0/{'0' * 20}-{'0' * 10}.checkpoint"
JAVA = "/usr/lib/jvm/*/bin/java"
LAG_SECONDS = 30.0


@pytest.fixture(scope="module")
def three(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """kafka1 to kafka3, empty but for Java, with the inventory prod3-kraft."""
    with bare_cluster(lab, tmp_path_factory.mktemp("faults"), "prod3-kraft") as cluster:
        yield cluster


@pytest.fixture
def load(three: Cluster) -> Iterator[Callable[[], Load]]:
    """load(): a producer and a consumer at work on a topic of their own, which goes when the test ends."""
    yield from loads(three.bootstrap)


def killed(cluster: Cluster, at: str) -> None:
    """Kill -9 a deploy as soon as its output has this."""
    with cluster.running("deploy") as run:
        run.says(at)
        run.kill()
    print(f"\nkilled at {at!r}")


def hold(*hosts: LabHost) -> None:
    """Let no deploy format anything on these hosts: however fast they are, they get no further."""
    for host in hosts:
        host.sh(f"chmod a-x {JAVA}")


def release(host: LabHost) -> None:
    host.sh(f"chmod a+x {JAVA}")


def formatted(cluster: Cluster) -> list[str]:
    """The hosts whose controllers are formatted."""
    return [host.base for host in cluster.hosts if host.sh(f"test -s {META}; echo $?") == "0"]


def directory(host: LabHost) -> str:
    """The id of a controller's directory: what has the vote."""
    return host.sh(f"sed -n 's/^directory.id=//p' {META}")


def quorum(cluster: Cluster) -> tuple[str, dict[int, str]]:
    """(the leader's host, {id: directory} of the voters), of a healthy cluster."""
    found = status_json(cluster.hosts[0], expect=0)["cluster"]["quorum"]
    return found["leader"], {row["id"]: row["directory"] for row in found["voters"]}


def require_whole(cluster: Cluster) -> None:
    """Assert that it is one healthy cluster of three voters, each with its own disk, and that a deploy changes
    nothing."""
    eventually(lambda: "\nHealthy" in cluster.invoke("status"), seconds=120, what="healthy", every=1)
    ids = {host.sh("grep -h cluster.id /var/lib/kafka*/*/meta.properties | sort -u") for host in cluster.hosts}
    assert len(ids) == 1, ids
    _, voters = quorum(cluster)
    assert voters == {101 + number: directory(host) for number, host in enumerate(cluster.hosts)}
    cluster.require_unchanged()


def test_a_first_deploy_that_is_killed_at_every_step_founds_one_cluster(three: Cluster):
    first, second, third = three.hosts
    began = f"+ {first.name}: "
    # A disk that a broker of another cluster has left, before anything of ours is there.
    old = "/var/lib/kafka/data"
    first.sh(
        f"mkdir -p {old}/orders-0; printf 'version=0\\nbroker.id=1\\ncluster.id=MkU3OEVBNTcwNTJENDM2Qg\\n'"
        f" > {old}/meta.properties"
    )
    output = three.invoke("deploy", expect=2)
    assert f"{old} has the data of a broker with ZooKeeper" in output and "--> Apply" not in output
    first.sh("rm -r /var/lib/kafka")

    # An agent finishes what it is at, so that the next line to wait for is of a step further on.
    hold(first, second, third)
    killed(three, f"{began}links:/usr/local/bin")
    # The first of the controllers is formatted, and starts alone.
    release(first)
    killed(three, f"{began}initial:{META}")
    assert formatted(three) == ["kafka1"]
    before = directory(first)
    # What it was told of the others must stay true.
    three.set({"kafka_controller_port": 9094})
    output = three.invoke("deploy", expect=2)
    assert "are not those of an earlier deploy" in output and f"102@{second.name}:9093" in output, output
    three.set()
    # The second one, and then both elect a leader, while the third is not there.
    release(second)
    killed(three, f"+ {second.name}: initial:{BROKER_META}")
    assert formatted(three) == ["kafka1", "kafka2"]
    # The third comes to a quorum that counts on it already, with a disk that nobody knows.
    release(third)
    killed(three, f"+ {third.name}: voter:103 (in the quorum, instead of")
    output = three.invoke("deploy")
    assert "Smoke check passed" in output
    assert directory(first) == before, "it was formatted twice"
    require_whole(three)


def test_a_roll_that_is_killed_while_nodes_go_loses_nothing(three: Cluster, load: Callable[[], Load]):
    three.set({"kafka_config": {"queued.max.requests": 501}, "kafka_controller_config": {"queued.max.requests": 501}})

    def goes(unit: str, before: dict[str, str]) -> bool:
        return three.pids(unit) != before

    with load() as clients:
        # Between the stop of a node and its return; a broker that is back is test_rolling's.
        for unit in (UNIT, "kafka"):
            with three.running("deploy") as run:
                before = three.pids(unit)
                run.says("--> Restart")
                # Brokers go after all controllers.
                run.until(partial(goes, unit, before), f"a {unit} goes", seconds=240)
                run.kill()
        output = three.invoke("deploy")
        clients.more()
    clients.verdict()
    assert "Smoke check passed" in output
    print(f"\nlongest gap {clients.longest_gap():.2f} s")
    require_whole(three)


@contextlib.contextmanager
def cut_off(host: LabHost) -> Iterator[None]:
    """The controller of this host answers, and reaches no other: it falls behind, as with a disk that does not keep
    up."""
    user = host.sh(f"id -u {UNIT}")
    rule = f"uidrange {user}-{user} ipproto 6 dport 9093 blackhole"  # TCP
    host.sh(f"ip rule add {rule}")
    try:
        yield
    finally:
        host.sh(f"ip rule del {rule}")


def test_a_voter_that_lags_keeps_the_others_up_and_the_roll_goes_on_when_it_is_level(
    three: Cluster, load: Callable[[], Load]
):
    three.invoke("deploy", "--no-smoke")
    leader, _ = quorum(three)
    goes, lags = (host for host in three.hosts if host.name != leader)
    change = {"kafka_controller_config": {"queued.max.requests": 502}}
    three.set({**change, "kafka_controller_start_stall": "5s"})
    before = {unit: three.pids(unit) for unit in (UNIT, "kafka")}
    with load() as clients:
        with contextlib.ExitStack() as lag:
            lag.enter_context(cut_off(lags))
            began = time.monotonic()
            late = f"{lags.name} is a voter of the quorum and does not fetch from the leader"
            eventually(lambda: late in three.invoke("status", expect=2), seconds=30, what="it lags", every=1)
            output = three.invoke("deploy", "--no-smoke", expect=2)
            refusal = f"{goes.name} must stay up: 1 of the 2 other voters of the quorum has not caught up with {leader}"
            assert refusal in output, output
            assert f"{lags.name}: " in output and "not touched, still with the old files" in output
            three.set(change)
            with three.running("deploy", "--no-smoke") as run:
                run.says(f"waiting, {goes.name} must stay up")
                eventually(lambda: time.monotonic() - began >= LAG_SECONDS, seconds=60, what="it lags by 30 s")
                assert {unit: three.pids(unit) for unit in (UNIT, "kafka")} == before, "a node went down meanwhile"
                lag.close()
                output = run.end()
        clients.more()
    clients.verdict()
    assert len(restarted(output, UNIT)) == 3 and leader.endswith(restarted(output, UNIT)[-1])
    print(f"\nlongest gap {clients.longest_gap():.2f} s")
    require_whole(three)


def test_disks_that_hold_what_they_should_not(three: Cluster):
    """A format that was cut off, a deploy that was killed on a controller's way back, an old meta.properties, an old
    backup, and none: each time the same command ends well."""
    three.invoke("deploy", "--no-smoke")
    _, second, third = three.hosts
    lost = directory(second)
    # Everything but what the format writes first.
    second.sh(
        f"systemctl stop {UNIT}; cp -p {META} /root/old.meta; find {DATA} -type f ! -name bootstrap.checkpoint"
        f" ! -path {FIRST} -delete; test -e {FIRST}"
    )
    killed(three, f"+ {second.name}: initial:{META}")
    # As if it had come as far as to remove the lost disk.
    three.invoke("quorum.remove", "--controller", "102", "--yes")
    output = three.invoke("deploy", "--no-smoke")
    assert f"+ {second.name}: voter:102 (in the quorum)" in output, output
    now = directory(second)
    assert now not in ("", lost)

    # The same disk under its earlier name: another voter, whatever it has.
    second.sh(f"systemctl stop {UNIT}; cp -p /root/old.meta {META}")
    output = three.invoke("deploy", "--no-smoke")
    assert f"voter:102 (in the quorum, instead of its lost directory {now})" in output, output

    # A backup: the same voter with less in its log. Beside it, a log whose meta.properties is lost.
    third.sh(f"systemctl stop {UNIT}; cp -a {DATA} /root/backup; systemctl start {UNIT}")
    topic = f"later-{uuid.uuid4().hex[:8]}"
    new = NewTopic(topic, num_partitions=1, replication_factor=3)
    asked(three, lambda admin: admin.create_topics([new]))
    eventually(lambda: "\nHealthy" in three.invoke("status"), seconds=60, what="all voters are level", every=1)
    third.sh(f"systemctl stop {UNIT}; rm -r {DATA}/*; cp -a /root/backup/. {DATA}/")
    output = three.invoke("deploy", "--no-smoke")
    assert "voter:" not in output and counts(output, third.name)["touched"] == 1, output
    delete_topic(three.bootstrap[2], topic)
    third.sh(f"rm {META}")
    refused = three.invoke("deploy", "--no-smoke", expect=2)
    assert "a node runs whose meta.properties is gone" in refused and third.name in refused, refused
    third.sh(f"systemctl stop {UNIT}")
    output = three.invoke("deploy", "--no-smoke")
    assert "voter:103 (in the quorum, instead of its lost directory" in output, output
    require_whole(three)
