"""Every verb about topics, settings, records and groups, walked on three hosts by each version; how long each takes."""

from __future__ import annotations

import json
import signal
import statistics
import time
from collections.abc import Iterator

import pytest
import yaml

from lab.lab import Lab

from .cluster import Cluster, bare_cluster
from .hosts import run_invoke
from .load import Load

LINES = "customer-7:two boxes\ncustomer-9:상자 하나\ncustomer-7:one more\n"
RETENTION = "log.retention.ms"
RATE = 2000  # records a second: little enough for a busy machine to keep

pytestmark = pytest.mark.second_lab


@pytest.fixture(scope="module")
def three(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """kafka1 to kafka3 with the inventory prod3, nothing deployed."""
    with bare_cluster(lab, tmp_path_factory.mktemp("verbs")) as cluster:
        yield cluster


class Stopwatch:
    """run("topics.list", ...): a verb as typed, its end asserted, its whole process timed: the first time that the
    agent is sent is left out, as `deploy` has sent it."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.seconds: dict[str, float] = {}

    def __call__(self, verb: str, *arguments: str, stdin: str = "", expect: int = 0) -> str:
        began = time.monotonic()
        done = run_invoke(verb, "--hosts", str(self.cluster.path), *arguments, stdin=stdin)
        self.seconds[verb] = time.monotonic() - began
        assert done.returncode == expect, f"{verb}: exit code {done.returncode}, expected {expect}:\n{done.stdout}"
        return done.stdout


@pytest.mark.parametrize("version", ["2.5.0", "3.9.2"])
def test_every_verb_works_the_same_on(three: Cluster, version: str):
    if version == "3.9.2":
        upgrade(three)
    three.set({"kafka_version": version})
    three.invoke("deploy", "--no-smoke")
    run = Stopwatch(three)
    topics(run)
    records(run)
    if version == "2.5.0":
        watched(three)
    settings(run)
    assert "delete" in run("topics.delete", "--topic", "walk", "--yes")
    report = ", ".join(f"{verb} {seconds:.2f}" for verb, seconds in run.seconds.items())
    print(f"\nKafka {version}, three hosts, seconds of the whole process: {report}")


def upgrade(three: Cluster) -> None:
    """From 2.5.0, in the two steps in which brokers that restart one by one understand each other, also where the first
    one is cut off: nobody notices. Between them, the old version could come back."""
    before, spoken = three.everything(), "inter.broker.protocol.version="
    three.set({"kafka_version": "3.9.2", "kafka_protocol": "3.9"})
    for verb in ("plan", "deploy"):
        refused = three.invoke(verb, expect=2)
        assert "Kafka 2.5.0 -> 3.9.2 in one step" in refused and "leave kafka_protocol out of this one" in refused
    assert three.everything() == before
    load = Load(three.bootstrap, "upgraded")
    with load:
        three.set({"kafka_version": "3.9.2"})
        assert "brokers run 3.9.2, and go on speaking protocol 2.5; kafka_version: 2.5.0" in three.invoke("plan")
        # All have the new version by then, and one runs it, or none does.
        with three.running("deploy") as run:
            run.says("restart service:kafka (")
            run.kill()
        output = three.invoke("deploy")
        assert "Smoke check passed" in output and "set\n    kafka_protocol: '3.9' and deploy" in output, output
        assert all(host.sh(f"grep {spoken} /etc/kafka/server.properties") == f"{spoken}2.5" for host in three.hosts)
        three.require_unchanged()
        three.set({"kafka_version": "2.5.0"})
        assert "--accept-downgrade" in three.invoke("plan", expect=2)
        three.invoke("plan", "--accept-downgrade")
        three.set({"kafka_version": "3.9.2", "kafka_protocol": "3.9"})
        assert "Smoke check passed" in three.invoke("deploy")
        load.more()
    load.verdict()
    three.invoke("topics.delete", "--topic", "upgraded", "--yes")
    three.set({"kafka_version": "3.9.2"})
    three.require_unchanged()
    three.set({"kafka_version": "3.9.2", "kafka_protocol": "2.5"})
    assert "speak protocol 3.9 already" in three.invoke("plan", expect=2)
    three.set({"kafka_version": "2.5.0"})
    assert "which 2.5.0 does not understand" in three.invoke("plan", expect=2)


def topics(run: Stopwatch) -> None:
    """Made, looked at, changed; as one types it and as code."""
    assert "3 copies" in run("topics.create", "--topic", "walk", "--partitions", "2", "--retention", "2d")
    assert "2 d" in run("topics.list")
    assert "retention.ms" in run("topics.describe", "--topic", "walk")
    assert "2 -> 3 partitions" in run("topics.alter", "--topic", "walk", "--partitions", "3", "--retention", "1d")
    listing = run.cluster.path.with_name("topics.yml")
    listing.write_text(yaml.safe_dump({"topics": {"walk": {"partitions": 3, "retention": "12h"}}}))
    assert "43200000" in run("topics.plan", "--file", str(listing))
    run("topics.apply", "--file", str(listing))
    assert "No changes" in run("topics.apply", "--file", str(listing))


def records(run: Stopwatch) -> None:
    """Produced, consumed in a group, the group looked at, moved and deleted; and many, measured."""
    assert "3 records" in run("produce", "--topic", "walk", "--key-separator", ":", stdin=LINES)
    read = ("--topic", "walk", "--from-beginning", "--count", "3", "--group", "walkers", "--timeout", "20s")
    consumed = run("consume", *read, "--format", "{key}:{value}")
    assert sorted(consumed.splitlines()[:3]) == sorted(LINES.splitlines())
    assert "walkers" in run("groups.list")
    assert " 0" in run("groups.describe", "--group", "walkers")
    assert "3 records read again" in run("groups.reset", "--group", "walkers", "--to", "earliest", "--yes")
    run("groups.delete", "--group", "walkers", "--yes")


def watched(three: Cluster) -> None:
    """What is watched beside a measurement is what the measurement says; Ctrl-C ends it, and nothing is wrong."""
    with three.running("status", "--watch", "--json", "--interval", "1") as watching:
        watching.says('"serving": true')
        # The tool catches up with what a slow start costs it before it keeps the rate.
        flags = ("--records", str(20 * RATE), "--size", "200", "--throughput", str(RATE), "--json")
        shown = three.invoke("bench.produce", *flags)
        measured = json.loads(shown[shown.index("{\n") :])
        watching.process.send_signal(signal.SIGINT)
        said = [json.loads(line) for line in watching.end(0).splitlines() if line.startswith("{")]
    rates = [
        topic["records_per_second"]
        for one in said
        for name, topic in one["topics"].items()
        if name.startswith("provisioner-bench-") and topic["records_per_second"]
    ]
    # The first and the last interval are not full of records. On a busy machine the tool stands still, and catches up.
    assert len(rates) >= 10 and statistics.mean(rates[1:-1]) == pytest.approx(measured["rate"], rel=0.25), rates
    last = said[-1]
    assert all(broker["serving"] and broker["heap_max_bytes"] for broker in last["brokers"].values()), last
    assert last["cluster"]["controller_host"] in last["brokers"] and not last["cluster"]["offline"]["count"]
    assert not any(one["cluster"] and one["cluster"]["quorum"] for one in said), "there is ZooKeeper"
    sizes = [topic["bytes_per_second"] for one in said for topic in one["topics"].values()]
    assert max(size or 0 for size in sizes) > 200 * RATE, "as it is stored: more than the records' own bytes"


def settings(run: Stopwatch) -> None:
    """Looked at, set at run time, taken back."""
    assert RETENTION in run("broker.config", "--name", RETENTION)
    assert "In force" in run("broker.set", "--set", f"{RETENTION}=3d")
    assert "dynamic cluster" in run("broker.config", "--name", RETENTION)
    assert "In force" in run("broker.unset", "--name", RETENTION)
    assert "dynamic" not in run("broker.config", "--name", RETENTION)
