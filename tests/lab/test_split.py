"""A split, made by hand on three real hosts: recognised by status, doctor and deploy, and the way back as documented.

The commands of the way back are those of docs/operations.md, word for word. Every record that the majority has
acknowledged is there afterwards, in equal copies; what the broker acknowledged alone is gone from the topic, as the
page says, and was kept before.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator

import pytest
from kafka import KafkaAdminClient
from kafka.admin import NewTopic

from .cluster import Cluster
from .hosts import ROOT, LabHost, run_invoke
from .serving import delete_topic, eventually, produce, records

pytestmark = pytest.mark.second_lab

# As the deploy of a one-host inventory left it, before such a deploy was refused.
APART = """
sed -i '/^server[.]/d; /^quorumListenOnAllIPs/d' /etc/zookeeper/zoo.cfg
sed -i 's/^zookeeper.connect=.*/zookeeper.connect=127.0.0.1:2181/; s/^min.insync.replicas=.*/min.insync.replicas=1/' \
    /etc/kafka/server.properties
systemctl restart zookeeper
systemctl restart kafka
"""
SECONDS = 5.0  # for each diagnosis; or SLOWER than on the whole cluster, where the machine is busy
SLOWER = 4.0


def documented(*replaced: tuple[str, str]) -> list[str]:
    """The blocks of commands in the page's way back, with its names replaced by the lab's."""
    page = (ROOT / "docs" / "operations.md").read_text()
    text = page.split("## A split cluster")[1].split("**The way back**")[1].split("**Why so much of it.**")[0]
    for old, new in replaced:
        assert old in text, f"the page does not say {old!r} any more"
        text = text.replace(old, new)
    return text.split("```")[1::2]


def timed(cluster: Cluster, verb: str, *arguments: str) -> tuple[float, int, str]:
    """(seconds, exit code, output) of a verb."""
    began = time.monotonic()
    done = run_invoke(verb, "--hosts", str(cluster.path), *arguments)
    assert "Traceback" not in done.stdout
    return time.monotonic() - began, done.returncode, done.stdout


@pytest.fixture
def topics(prod3: Cluster) -> Iterator[tuple[str, str]]:
    """Two topics of one partition: with copies on all brokers, led by the first, and with its only copy on that one."""
    names = f"split-{uuid.uuid4().hex[:8]}", f"single-{uuid.uuid4().hex[:8]}"
    admin = KafkaAdminClient(bootstrap_servers=prod3.bootstrap)
    made = zip(names, ([1, 2, 3], [1]), ({}, {"min.insync.replicas": "1"}), strict=True)
    admin.create_topics([NewTopic(name, -1, -1, {0: brokers}, config) for name, brokers, config in made])
    admin.close()
    yield names
    for name in names:
        delete_topic(",".join(prod3.bootstrap), name)


def consumed(cluster: Cluster, topic: str, host: LabHost) -> set[str]:
    """The values that the broker of one host has, by the command of the page."""
    arguments = ("--topic", topic, "--from-beginning", "--timeout", "5s", "--json")
    output = cluster.invoke("consume", "--limit", host.name, *arguments)
    return {json.loads(line)["value"] for line in output.splitlines() if line.startswith("{")}


def test_a_split_is_diagnosed_within_seconds_and_the_documented_way_back_works(prod3: Cluster, topics: tuple[str, str]):
    first, second, third = prod3.hosts
    everywhere, (copied, single) = ",".join(prod3.bootstrap), topics
    others = f"{second.bootstrap},{third.bootstrap}"
    before, alone, majority = ([f"{what}-{n}" for n in range(100)] for what in ("before", "alone", "majority"))
    produce(everywhere, copied, before)
    produce(everywhere, single, ["the only copy"])
    whole = {verb: timed(prod3, verb)[0] for verb in ("status", "doctor")}

    first.sh(APART)

    def write(bootstrap: str, values: list[str]) -> bool:
        produce(bootstrap, copied, values)
        return True

    # Each side elects a leader when the sessions of the other one have expired.
    eventually(lambda: write(others, majority[:1]), seconds=90, what="the others write")
    eventually(lambda: write(first.bootstrap, alone[:1]), seconds=120, what="the first broker writes alone")
    write(others, majority[1:])
    write(first.bootstrap, alone[1:])

    said = [
        f"{first.name} runs ZooKeeper alone, though the inventory has 3 servers",
        f"the cluster is split: brokers 2, 3 ({second.name}, {third.name}) with controller ",
        f"; broker 1 ({first.name}) with controller 1",
        f"to bring {first.name} back (docs/operations.md, ",
        "only then `systemctl stop zookeeper`",
    ]
    untouched = prod3.everything()
    for verb, arguments, sentences in (
        ("status", (), said),
        ("doctor", (), said),
        ("deploy", ("--yes", "--accept-downtime"), said[1:]),
        ("plan", (), said[1:]),
    ):
        limit = max(SECONDS, whole.get(verb, whole["doctor"]) + SLOWER)
        for _ in range(3):  # the machine may be busy for a moment
            seconds, code, output = timed(prod3, verb, *arguments)
            if seconds < limit:
                break
        print(f"{verb} of a split cluster: {seconds:.1f} s")
        assert code == 2 and seconds < limit, f"{verb}: exit code {code} after {seconds:.1f} s:\n{output}"
        missing = [sentence for sentence in sentences if sentence not in output]
        assert not missing, f"{verb} does not say {missing}:\n{output}"
    assert "standalone" in timed(prod3, "status")[2]
    assert prod3.everything() == untouched, "a diagnosis changed something"

    # The way back, as the page has it.
    assert consumed(prod3, copied, first) - consumed(prod3, copied, second) == set(alone)
    _, stop, aside = documented(("kafka2:9092,kafka3:9092", f"{second.name}:9092,{third.name}:9092"))
    first.sh(stop)
    first.sh(aside)
    assert f"{single}-0" in first.sh("cat /root/keep"), "the only copy of a partition would have been moved away"
    # min.insync.replicas of the broker that was alone rises again, which matters to the topic with a single copy.
    prod3.invoke("deploy", "--no-smoke", "--accept-downtime")
    eventually(lambda: prod3.invoke("status"), seconds=120, what="healthy again", every=1)
    first.sh("rm -r /var/lib/zookeeper/data/version-2.split /var/lib/kafka/data.split /root/keep /root/described")

    found = records(everywhere, copied)
    assert [value for value in found if value.startswith("before")] == before
    assert {value for value in found if value.startswith("majority")} == set(majority)
    assert not [value for value in found if value.startswith("alone")]
    assert records(everywhere, single) == ["the only copy"]
    log = f"sha256sum /var/lib/kafka/data/{copied}-0/00000000000000000000.log"
    assert len({host.sh(log) for host in prod3.hosts}) == 1, "the copies differ"
    tree = "for path in /brokers/ids /brokers/topics; do zookeeper-shell.sh 127.0.0.1:2181 ls $path | tail -1; done"
    assert len({host.sh(tree) for host in prod3.hosts}) == 1, "the ZooKeeper servers have different data"
    prod3.require_unchanged()
