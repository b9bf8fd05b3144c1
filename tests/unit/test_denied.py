"""Users whom a cluster that is closed further would deny what they do: what their authorizer says, what follows."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.users.check import Policy
from cluster.users.overheard import parsed
from cluster.users.rules import Rule
from provisioner.agent.growing import Growing
from provisioner.run.evidence import Witness
from roles.kafka import clients, denied
from tests.support import roles as support

STANDARD = (
    "[2026-11-27 13:00:00,123] DEBUG Principal = User:alice is Allowed operation = {operation} from host = 10.0.0.7 on "
    "resource = {resource} for request = {request} with resourceRefCount = 1 based on rule DefaultAllow "
    "(kafka.authorizer.logger)"
)
WITH_ZOOKEEPER = (
    "[2026-11-27 13:00:00,123] DEBUG Principal = User:alice is Allowed Operation = {operation} from host = 10.0.0.7 on "
    "resource = {resource} for request = {request} with resourceRefCount = 1 (kafka.authorizer.logger)"
)


@pytest.mark.parametrize(
    ("line", "operation", "resource", "request_", "found"),
    [
        (STANDARD, "READ", "Topic:LITERAL:orders", "FETCH", ("read", "topic", "orders")),
        (
            STANDARD,
            "IDEMPOTENT_WRITE",
            "Cluster:LITERAL:kafka-cluster",
            "INIT_PRODUCER_ID",
            ("idempotent-write", "cluster", "kafka-cluster"),
        ),
        (STANDARD, "WRITE", "TransactionalId:LITERAL:tx:1", "INIT_PRODUCER_ID", ("write", "transactional-id", "tx:1")),
        (STANDARD, "DESCRIBE", "Topic:LITERAL:orders", "METADATA", None),
        (WITH_ZOOKEEPER, "Write", "Topic:LITERAL:orders", "Produce", ("write", "topic", "orders")),
        (
            WITH_ZOOKEEPER,
            "DescribeConfigs",
            "Cluster:LITERAL:kafka-cluster",
            "DescribeConfigs",
            ("describe-configs", "cluster", "kafka-cluster"),
        ),
        (WITH_ZOOKEEPER, "Read", "Group:LITERAL:a group", "JoinGroup", ("read", "group", "a group")),
        (WITH_ZOOKEEPER, "Describe", "Topic:LITERAL:orders", "Metadata", None),
        # A consumer after a change of leaders: the broker asks whether it is a follower, and then about its topics.
        (STANDARD, "CLUSTER_ACTION", "Cluster:LITERAL:kafka-cluster", "OFFSET_FOR_LEADER_EPOCH", None),
        (WITH_ZOOKEEPER, "ClusterAction", "Cluster:LITERAL:kafka-cluster", "OffsetForLeaderEpoch", None),
        (
            STANDARD,
            "CLUSTER_ACTION",
            "Cluster:LITERAL:kafka-cluster",
            "WRITE_TXN_MARKERS",
            ("cluster-action", "cluster", "kafka-cluster"),
        ),
        (STANDARD, "DESCRIBE", "Topic:LITERAL:orders", "OFFSET_FOR_LEADER_EPOCH", ("describe", "topic", "orders")),
        (STANDARD, "DESCRIBE", "Cluster:LITERAL:kafka-cluster", "LIST_GROUPS", None),
        (STANDARD, "DESCRIBE_CONFIGS", "Topic:LITERAL:orders", "CREATE_TOPICS", None),
        (
            STANDARD,
            "CREATE",
            "Cluster:LITERAL:kafka-cluster",
            "CREATE_TOPICS",
            ("create", "cluster", "kafka-cluster"),
        ),
        ("a line of another kind", "", "", "", None),
    ],
)
def test_what_an_authorizer_says(line, operation, resource, request_, found):
    text = line.format(operation=operation, resource=resource, request=request_)
    assert list(parsed([text])) == ([("User:alice", *found, "10.0.0.7")] if found else [])
    assert not list(parsed([text], ["User:alice"])) and not list(parsed([text.replace("Allowed", "Denied")]))


def test_a_log_is_read_from_now_on_and_through_its_renaming(tmp_path):
    path = tmp_path / "kafka-authorizer.log"
    path.write_text("before\n")
    log = Growing(str(path))
    with path.open("a") as file:
        file.write("one\ntw")
    assert log.more() == ["one"]
    with path.open("a") as file:
        file.write("o\n")
    assert log.more() == ["two"]
    path.rename(tmp_path / "kafka-authorizer.log.1")
    assert log.more() == []
    path.write_text("three\n")
    assert log.more() == ["three"]


def heard(who, *things):
    return {(f"User:{who}", *one, "10.0.0.7") for one in things}


READS, WRITES = ("read", "topic", "orders"), ("write", "topic", "orders")


def test_those_are_named_whom_no_rule_allows_what_they_do():
    policy, rules = Policy(frozenset({"root"}), everyone=False), [Rule("alice", "read", "topic", "ord", prefixed=True)]
    said = heard("alice", READS, WRITES) | heard("root", WRITES) | heard("provisioner-visitor", WRITES)
    said |= heard("bob", READS, ("describe", "cluster", "kafka-cluster"))
    said |= {("Group:ops", *READS, "10.0.0.7")}
    assert denied.lost(said, rules, policy) == {
        "alice": ["write topic orders"],
        "bob": ["describe cluster", "read topic orders"],
    }
    assert denied.lost(heard("alice", READS), [Rule("alice", "read", "topic", "orders", host="10.0.0.8")], policy)
    assert not denied.lost(heard("alice", READS), [Rule("alice", "read", "topic", "orders", host="10.0.0.7")], policy)
    # Whoever may write somewhere may do so idempotently.
    idempotent = heard("alice", ("idempotent-write", "cluster", "kafka-cluster"))
    assert not denied.lost(idempotent, [Rule("alice", "write", "topic", "orders")], policy)
    # A broker asks about the cluster first, and about the topic only where that is not allowed.
    for operation in ("create", "delete"):
        whole = heard("alice", (operation, "cluster", "kafka-cluster"))
        assert denied.lost(whole, [Rule("alice", "write", "topic", "orders")], policy)
        assert not denied.lost(whole, [Rule("alice", operation, "topic", "orders", prefixed=True)], policy)
        assert not denied.lost(whole, [Rule("alice", operation, "cluster", "kafka-cluster")], policy)


ALICE = {"password": "a-long-password", "write": "orders"}


def found(tmp_path, now: str, answers: dict[str, Any], **variables: Any) -> list[Any]:
    """What is said against a deploy to a broker that runs like this; answers: by the name of the function."""
    of = support.inventory(tmp_path, kafka=["a"], kafka_security="required", **variables)
    settings = {"listeners": "NODES://:9091,SECURE://:9094", "allow.everyone.if.no.acl.found": now}
    one = Witness(support.target(of, "a"), None, {"kafka": {"settings": settings}}, {"kafka": {}})
    if not clients.closed_further(one):
        return []
    return denied.denied([one], lambda host, request, event=None: answers[request.function])


def test_a_broker_is_listened_to_only_where_it_is_closed_further(tmp_path):
    assert found(tmp_path, "false", {}) == []


@pytest.mark.parametrize(
    ("variables", "way"),
    [({}, "list what they need in kafka_users"), ({"kafka_users": {"alice": ALICE}}, "the inventory has them already")],
)
def test_what_to_do_depends_on_what_the_inventory_lists(tmp_path, variables, way):
    there = {"serving": True, "users": {}, "right": {}, "rules": [], "quotas": {}}
    (one,) = found(tmp_path, "true", {"listen": {"heard": sorted(heard("alice", WRITES))}, "look": there}, **variables)
    assert one.details == ("alice: write topic orders",) and way in one.way and one.consent.flag == "--accept-downtime"
