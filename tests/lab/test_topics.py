"""Topics: every verb on three hosts and on Kafka 2.5.0, topics as code with a deploy and without, and what is refused.

One cluster for all of it, in the order of this file; every test leaves it healthy. What the verbs say is compared with
what a client of the cluster is told.
"""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ConfigResource,
    ConfigResourceType,
    ResourcePattern,
    ResourceType,
)

from lab.lab import Lab

from .cluster import TOPICS, Cluster
from .copies import asked, fill, partitions, throttles, under_way
from .hosts import LabHost, counts
from .serving import eventually, produce

pytestmark = pytest.mark.second_lab


@pytest.fixture(scope="module")
def three(made3: Cluster) -> Iterator[Cluster]:
    """kafka1 to kafka3 with topics in their inventory, deployed; the topics go at the end."""
    made3.set({"topics": TOPICS})
    made3.invoke("deploy", "--no-smoke")
    yield made3
    made3.require_unchanged()
    made3.set()
    made3.invoke("topics.delete", "--topic", ",".join(TOPICS), "--yes")


@pytest.fixture(scope="module")
def old(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """kafka4 alone with Kafka 2.5.0, ACLs that forbid nothing yet, and deletion switched on."""
    lab.recreate("kafka4")
    path = tmp_path_factory.mktemp("topics-old") / "old.yml"
    content = yaml.safe_load(lab.inventory("single").read_text())
    content = json.loads(json.dumps(content).replace(lab.host("single1"), lab.host("kafka4")))
    (entry,) = content["all"]["children"]["kafka"]["hosts"].values()
    entry |= {"ansible_port": lab.ports("kafka4")["ssh"], "kafka_port": lab.ports("kafka4")["kafka"]}
    cluster = Cluster((LabHost(lab, "kafka4", path),), content, path)
    acls = {"authorizer.class.name": "kafka.security.authorizer.AclAuthorizer", "allow.everyone.if.no.acl.found": True}
    cluster.set({"kafka_version": "2.5.0", "kafka_config": acls})
    cluster.invoke("deploy", "--no-smoke")
    yield cluster
    lab.down(["kafka4"])


def names(cluster: Cluster) -> set[str]:
    """The topics that there are, Kafka's own left out."""
    return {name for name in asked(cluster, lambda admin: admin.list_topics()) if not name.startswith("__")}


def settings(cluster: Cluster, topic: str) -> dict[str, str]:
    """The settings of a topic's own."""
    resource = ConfigResource(ConfigResourceType.TOPIC, topic)
    found = asked(cluster, lambda admin: admin.describe_configs([resource]))
    return {name: one["value"] for name, one in found["topic"][topic].items()}


def replicas(cluster: Cluster, topic: str) -> list[int]:
    """How many copies each partition of a topic has."""
    return [len(one["replica_nodes"]) for one in partitions(cluster) if one["topic"] == topic]


def as_json(output: str) -> dict[str, Any]:
    """The answer of a verb with --json; what goes on may be shown before it."""
    return dict(json.loads(output[output.index("{") :]))


def file(cluster: Cluster, topics: dict[str, Any]) -> str:
    path: Path = cluster.path.with_name("listed.yml")
    path.write_text(yaml.safe_dump({"topics": topics}))
    return str(path)


# -- as part of a deploy


def test_a_deploy_makes_the_topics_of_its_inventory_and_then_leaves_them_alone(three: Cluster):
    driver, first = three.hosts[0].name, three.made
    assert "  + orders: 3 partitions, 3 copies, retention.ms 2 d" in first
    assert first.index("+ orders") < first.index("Smoke check passed")
    assert counts(first, driver)["touched"] == counts(first, driver)["ok"] - 2, (
        "all but Java was missing, and no old version"
    )
    assert names(three) == set(TOPICS)
    assert replicas(three, "orders") == [3, 3, 3] and settings(three, "orders")["retention.ms"] == "172800000"
    assert settings(three, "events")["max.message.bytes"] == str(2 * 2**20)

    again = three.invoke("deploy", "--no-smoke")
    assert "topics: 2 listed, each as it should be" in again
    assert [counts(again, host.name)["touched"] for host in three.hosts] == [0, 0, 0]

    three.set({"topics": TOPICS | {"orders": TOPICS["orders"] | {"retention": "1d"}}})
    checked = three.invoke("deploy", "--check")
    assert "-retention.ms=172800000 (2 d)" in checked and "+retention.ms=86400000 (1 d)" in checked
    assert counts(checked, driver)["touched"] == 1 and settings(three, "orders")["retention.ms"] == "172800000"
    three.set({"topics": TOPICS})


# -- every verb, both versions


def walk(cluster: Cluster, copies: int) -> dict[str, float]:
    """Every verb once, as people type it; {verb: seconds}."""
    took: dict[str, float] = {}

    def run(verb: str, *arguments: str, expect: int = 0) -> str:
        began = time.monotonic()
        output = cluster.invoke(f"topics.{verb}", *arguments, expect=expect)
        took[verb] = time.monotonic() - began
        return output

    made = run("create", "--topic", "walk,walk-2", "--partitions", "2", "--retention", "2d", "--set", "segment.ms=1h")
    assert f"+ walk: 2 partitions, {copies} {'copy' if copies == 1 else 'copies'}, retention.ms 2 d" in made
    assert {"walk", "walk-2"} <= names(cluster) and settings(cluster, "walk")["segment.ms"] == "3600000"

    produce(cluster.bootstrap[0], "walk", ["x" * 1000] * 50)
    listed = run("list", "--topic", "walk*")
    row = next(line.split() for line in listed.splitlines() if line.startswith("walk "))
    assert row[:5] == ["walk", "2", str(copies), "all", "50"] and "2 d" in listed and "segment.ms=1 h" in listed
    found = as_json(run("list", "--json"))["topics"]["walk"]
    assert (
        found["records"] == 50
        and found["retention_ms"] == 172800000
        and found["own_settings"]["segment.ms"] == "3600000"
    )
    assert found["bytes"] >= 50_000 * copies
    described = run("describe", "--topic", "walk")
    assert "segment.ms = 3600000 (1 h); the brokers' default" in described
    rows = [line.split() for line in described.splitlines()[-2:]]
    assert all(row[1].startswith(cluster.hosts[0].name[:-1]) for row in rows)
    ends = [row[-5:-2] for row in rows]  # records, and the first and the next offset; what is on disk has a unit
    assert sorted(ends) == [["0", "0", "0"], ["50", "0", "50"]], described

    altered = run(
        "alter", "--topic", "walk", "--partitions", "4", "--retention", "172800001ms", "--unset", "segment.ms"
    )
    assert "2 -> 4 partitions" in altered and "records with a key go to other partitions" in altered
    assert "-segment.ms=3600000 (1 h)" in altered and "+retention.ms=172800001" in altered
    assert settings(cluster, "walk")["retention.ms"] == "172800001" and len(replicas(cluster, "walk")) == 4
    assert "No changes" in run("alter", "--topic", "walk", "--partitions", "4", "--unset", "segment.ms")

    before = names(cluster)
    refused = run("delete", "--topic", "walk*", expect=1)
    assert "- walk: 4 partitions, 50 records" in refused and "nothing was deleted" in refused and "--yes" in refused
    assert names(cluster) == before
    assert "gone from every broker" in run("delete", "--topic", "walk*", "--yes")
    assert names(cluster) == before - {"walk", "walk-2"}

    listing = file(cluster, {"code": {"partitions": 2, "retention": "1d"}})
    assert "+ code: 2 partitions" in run("plan", "--file", listing) and "code" not in names(cluster)
    assert "Applied in" in run("apply", "--file", listing)
    assert "No changes" in run("apply", "--file", listing)
    run("delete", "--topic", "code", "--yes")
    return took


def test_every_verb_on_three_hosts(three: Cluster):
    took = walk(three, copies=3)
    print(
        "\nseconds of each verb, three hosts: " + ", ".join(f"{verb} {seconds:.2f}" for verb, seconds in took.items())
    )
    assert "__consumer_offsets" not in three.invoke("topics.list")
    assert "__consumer_offsets" in three.invoke("topics.list", "--internal")


def test_every_verb_on_2_5_0(old: Cluster):
    walk(old, copies=1)


# -- topics as code


def test_what_is_not_listed_survives_until_it_is_pruned_with_a_yes(three: Cluster):
    three.invoke("topics.create", "--topic", "by-hand")
    three.invoke("topics.alter", "--topic", "orders", "--set", "segment.ms=1h")
    applied = three.invoke("topics.apply")
    assert "No changes" in applied and "left alone: by-hand" in applied and "segment.ms=3600000 (1 h)" in applied

    asked_for = three.invoke("topics.apply", "--prune", expect=1)
    assert "- by-hand: delete the topic" in asked_for and "nothing was deleted" in asked_for and "--yes" in asked_for
    assert names(three) == {*TOPICS, "by-hand"} and settings(three, "orders")["segment.ms"] == "3600000"

    three.invoke("topics.apply", "--prune", "--yes")
    assert names(three) == set(TOPICS) and "segment.ms" not in settings(three, "orders")
    assert "__consumer_offsets" in asked(three, lambda admin: admin.list_topics())
    assert "No changes" in three.invoke("topics.apply", "--prune", "--yes")


@pytest.fixture
def cargo(three: Cluster) -> Iterator[None]:
    """A topic with one copy of 3 MB in every partition, which goes when the test ends."""
    fill(three, "cargo", {number: [1] for number in range(3)}, 60)
    yield
    three.invoke("topics.delete", "--topic", "cargo", "--yes")


@pytest.mark.usefixtures("cargo")
def test_an_interrupted_change_of_the_copies_goes_on_throttled_and_is_finished_by_the_next_apply(three: Cluster):
    listing = file(three, TOPICS | {"cargo": {"replication_factor": 3, "partitions": 4}})
    with three.running("topics.apply", "--file", listing, "--throttle", "200k") as apply:
        apply.says(" to go")
        apply.process.send_signal(signal.SIGINT)
        output = apply.end(expect=130)
    assert "1 -> 3 copies (6 to make" in output and "goes on in the cluster, with its throttle" in output
    assert under_way(three), "nothing was under way any more: the interruption came too late to prove anything"
    assert any(one.startswith("cargo: ") for one in throttles(three))
    assert len(replicas(three, "cargo")) == 3, "partitions are added when the copies are there"

    assert "under way from an earlier run" in three.invoke("topics.apply", "--file", listing, "--throttle", "none")
    assert replicas(three, "cargo") == [3, 3, 3, 3] and throttles(three) == set()
    assert all(len(one["isr_nodes"]) == 3 for one in partitions(three) if one["topic"] == "cargo")
    assert "No changes" in three.invoke("topics.apply", "--file", listing)
    three.invoke("topics.alter", "--topic", "cargo", "--replication-factor", "2")
    assert replicas(three, "cargo") == [2, 2, 2, 2]


# -- what is refused


BAD: list[tuple[str, list[str], list[str]]] = [
    ("create", ["--topic", "x", "--set", "retention.mss=1"], ["retention.mss; did you mean retention.ms?"]),
    ("create", ["--topic", "x", "--set", "cleanup.policy=shred"], ["takes a list of compact, delete; found: 'shred'"]),
    (
        "create",
        ["--topic", "x", "--set", "min.compaction.lag.ms=9", "--set", "max.compaction.lag.ms=5"],
        ["the cluster refuses x", "max.compaction.lag.ms"],
    ),
    ("create", ["--topic", "x", "--retention", "2x"], ["--retention: '2x' has an unknown unit"]),
    ("create", ["--topic", "x", "--retention", "300"], ["300 has no unit"]),
    ("create", ["--topic", "x", "--replication-factor", "4"], ["replication factor 4, and 3 brokers are up"]),
    ("create", ["--topic", "x", "--partitions", "none"], ["--partitions none"]),
    ("create", ["--topic", "a b"], ["'a b' is not a topic's name"]),
    ("create", ["--topic", "orders", "--partitions", "9"], ["orders exists already", "partitions: 3, asked for 9"]),
    ("alter", ["--topic", "orders", "--partitions", "2"], ["has 3 partitions and cannot have 2"]),
    ("alter", ["--topic", "oders", "--partitions", "9"], ["there is no topic oders; did you mean orders?"]),
    ("alter", ["--topic", "orders"], ["nothing to alter"]),
    ("delete", ["--topic", "__consumer_offsets", "--yes"], ["Kafka's own"]),
    ("describe", ["--topic", "nothing*"], ["there is no topic nothing*"]),
    ("plan", ["--file", "nowhere.yml"], ["nowhere.yml: cannot be read"]),
]


@pytest.mark.parametrize(("verb", "arguments", "parts"), BAD, ids=[" ".join([verb, *rest]) for verb, rest, _ in BAD])
def test_a_wrong_word_is_one_message_and_changes_nothing(
    three: Cluster, verb: str, arguments: list[str], parts: list[str]
):
    output = three.invoke(f"topics.{verb}", *arguments, expect=1)
    assert all(part in output for part in parts), output
    assert "Traceback" not in output and names(three) == set(TOPICS)


def test_a_list_that_cannot_be_is_refused_as_a_whole(three: Cluster):
    for wrong, said in (
        ({"orders": {"partitions": 1}}, "cannot have 1"),
        ({"wide": {"replication_factor": 7}}, "replication_factor is 7, but the inventory has 3 brokers"),
        ({"a.b": {}, "a_b": {}}, "Kafka takes only one of a.b and a_b"),
    ):
        output = three.invoke("topics.apply", "--file", file(three, {"fine": {}, **wrong}), expect=1)
        assert said in output and "listed.yml:3" in output
    assert names(three) == set(TOPICS)


def test_with_a_broker_down_another_one_answers_and_what_needs_it_is_refused(three: Cluster):
    first = three.hosts[0]
    first.sh("systemctl stop kafka")
    try:
        shown = three.invoke("topics.list")
        assert f"passed over: {first.name}" in shown and "orders" in shown
        refused = three.invoke("topics.create", "--topic", "late", expect=1)
        assert "2 brokers are up" in refused and "invoke status" in refused
        assert names(three) == set(TOPICS)
        alone = three.invoke("topics.list", "--limit", first.name, expect=2)
        assert "no broker answers" in alone and "Connection refused" in alone and "invoke deploy" in alone
    finally:
        first.sh("systemctl start kafka")
        eventually(lambda: three.invoke("status"), seconds=120, what="healthy again", every=1)


def test_what_the_cluster_forbids_is_said_with_the_mend(old: Cluster):
    for topic in ("hidden", "locked"):
        old.invoke("topics.create", "--topic", topic)
    allowed = [acl("hidden", "someone", ACLOperation.ALL)]
    allowed += [acl("locked", "ANONYMOUS", one) for one in (ACLOperation.DESCRIBE, ACLOperation.DESCRIBE_CONFIGS)]
    asked(old, lambda admin: admin.create_acls(allowed))
    eventually(lambda: "hidden" not in names(old), seconds=30, what="the ACLs in force")
    for verb, topic, *rest in (
        ("describe", "hidden"),
        ("create", "hidden"),
        ("alter", "locked", "--retention", "1d"),
        ("alter", "locked", "--partitions", "2"),
        ("delete", "locked", "--yes"),
    ):
        output = old.invoke(f"topics.{verb}", "--topic", topic, *rest, expect=2)
        assert "TopicAuthorizationFailedError" in output and topic in output and "kafka-acls.sh" in output, output
    assert "locked" in names(old) and len(replicas(old, "locked")) == 1


def test_deletion_that_is_switched_off_is_said_so(old: Cluster):
    content = yaml.safe_load(old.path.read_text())
    content["all"]["vars"]["kafka_config"] = {"delete.topic.enable": False}
    old.path.write_text(yaml.safe_dump(content))
    old.invoke("deploy", "--no-smoke")
    output = old.invoke("topics.delete", "--topic", "locked", "--yes", expect=2)
    assert "delete.topic.enable=false" in output and "kafka_config" in output
    assert "locked" in names(old)


def acl(topic: str, user: str, operation: ACLOperation) -> ACL:
    """Who may do what; everybody else may not any more."""
    pattern = ResourcePattern(ResourceType.TOPIC, topic)
    return ACL(f"User:{user}", "*", operation, ACLPermissionType.ALLOW, pattern)
