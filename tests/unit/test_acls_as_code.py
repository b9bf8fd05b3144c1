"""`kafka_acls`: rules that `kafka_users` cannot say, what is wrong with a list, what is done about others."""

from __future__ import annotations

import pytest

from cli.tables import acls as table
from cluster.protocol.login import MECHANISM
from cluster.users import acls, principals
from cluster.users import plan as planning
from cluster.users.rules import KINDS, OPERATIONS, Rule
from cluster.users.wanted import User
from provisioner.errors import ProvisionerError
from roles.kafka import users
from tests.support import roles as support

READ = {"principal": "alice", "operation": "read", "resource": "topic", "name": "orders"}


def parsed(*entries):
    return acls.parse(entries, lambda *keys: f"site.yml:{'.'.join(keys)}")


@pytest.mark.parametrize(
    ("entry", "rules"),
    [
        (READ, [Rule("alice", "read", "topic", "orders")]),
        ({**READ, "principal": "User:alice"}, [Rule("alice", "read", "topic", "orders")]),
        ({**READ, "principal": "CN=app,O=x"}, [Rule("CN=app,O=x", "read", "topic", "orders")]),
        ({**READ, "principal": "User:*"}, [Rule("*", "read", "topic", "orders")]),
        ({**READ, "principal": "Group:ops"}, [Rule("ops", "read", "topic", "orders", type="Group")]),
        ({**READ, "name": "orders*"}, [Rule("alice", "read", "topic", "orders", True)]),
        ({**READ, "name": "orders", "prefixed": True}, [Rule("alice", "read", "topic", "orders", True)]),
        ({**READ, "name": "*"}, [Rule("alice", "read", "topic", "*")]),
        ({**READ, "name": 2024}, [Rule("alice", "read", "topic", "2024")]),
        (
            {**READ, "resource": "group", "name": "a*", "prefixed": False},
            [Rule("alice", "read", "group", "a*")],
        ),
        (
            {**READ, "permission": "DENY", "host": "10.0.0.7"},
            [Rule("alice", "read", "topic", "orders", allow=False, host="10.0.0.7")],
        ),
        ({**READ, "host": "::1"}, [Rule("alice", "read", "topic", "orders", host="0:0:0:0:0:0:0:1")]),
        (
            {**READ, "operation": ["Read", "DESCRIBE_CONFIGS"]},
            [Rule("alice", "read", "topic", "orders"), Rule("alice", "describe-configs", "topic", "orders")],
        ),
        (
            {**READ, "resource": "transactionalId", "operation": "write"},
            [Rule("alice", "write", "transactional-id", "orders")],
        ),
        (
            {"principal": "alice", "operation": "IdempotentWrite", "resource": "cluster"},
            [Rule("alice", "idempotent-write", "cluster", "kafka-cluster")],
        ),
        (
            {**READ, "resource": "user", "name": "bob", "operation": "create-tokens"},
            [Rule("alice", "create-tokens", "user", "User:bob")],
        ),
    ],
)
def test_what_an_entry_says(entry, rules):
    assert parsed(entry) == (rules, [])


@pytest.mark.parametrize(
    ("entry", "said", "place"),
    [
        ("alice read orders", "'alice read orders' is not a map", "0"),
        ({**READ, "oparation": "read"}, "unknown key oparation; did you mean operation?", "0"),
        ({**READ, "resource_type": "topic"}, "unknown key resource_type; did you mean resource?", "0"),
        ({**READ, "patternType": "prefixed"}, "unknown key patternType; did you mean prefixed?", "0"),
        ({**READ, "user": "alice"}, "unknown key user; did you mean principal?", "0"),
        ({**READ, "principal": None}, "an entry has no principal", "0"),
        ({**READ, "principal": ["a", "b"]}, "principal is a list, and must be text", "0.principal"),
        ({**READ, "principal": "user:alice"}, "its kind is user; brokers know User", "0.principal"),
        ({**READ, "principal": "User:"}, "it has no name", "0.principal"),
        ({**READ, "principal": "User:app*"}, "brokers know no beginnings of users' names", "0.principal"),
        ({**READ, "principal": "alice\n"}, "has blanks or signs in it that cannot be seen", "0.principal"),
        ({**READ, "principal": "provisioner-smoke-1"}, "a user of this toolkit's own checks", "0.principal"),
        ({**READ, "operation": "raed"}, "is not one of all, read, write", "0.operation"),
        ({**READ, "operation": "raed"}, "did you mean read?", "0.operation"),
        ({**READ, "operation": []}, "operation is a list, and must be text", "0.operation"),
        ({**READ, "operation": "idempotent-write"}, "nobody asks for idempotent-write of a topic", "0.operation"),
        ({**READ, "resource": "topics"}, "resource topics is not one of topic, group", "0.resource"),
        ({**READ, "resource": "topics"}, "did you mean topic?", "0.resource"),
        ({**READ, "resource": None}, "an entry has no resource", "0"),
        ({**READ, "name": ["a", "b"]}, "name is a list, and must be text", "0.name"),
        ({**READ, "name": True}, "name is True, and must be text", "0.name"),
        ({**READ, "name": "or ders"}, "or ders is no name of a topic", "0.name"),
        ({**READ, "name": "orders*", "prefixed": True}, "has a * behind it beside prefixed", "0.name"),
        ({**READ, "name": "orders*", "prefixed": False}, "orders* is no name of a topic", "0.name"),
        ({**READ, "prefixed": "yes"}, "prefixed is neither true nor false", "0.prefixed"),
        (
            {"principal": "alice", "operation": "all", "resource": "cluster", "name": "prod"},
            "the cluster is called kafka-cluster, not prod",
            "0.name",
        ),
        ({**READ, "permission": "denny"}, "did you mean deny?", "0.permission"),
        ({**READ, "host": "kafka1.example.com"}, "no address: brokers compare a client's address", "0.host"),
        ({**READ, "host": "10.0.0.0/8"}, "no networks", "0.host"),
    ],
)
def test_careless_entries_get_a_sentence_with_their_place(entry, said, place):
    rules, problems = parsed(entry)
    text = "\n".join(line for one in problems for line in one.lines())
    assert not rules and said in text and f"in: site.yml:{place}" in text and "-> " in text


def test_an_entry_that_is_there_twice_or_contradicts_another_is_named_with_both_places():
    _, (twice,) = parsed(READ, {**READ, "principal": "User:alice", "operation": ["Read", "write"]})
    assert twice.summary == "kafka_acls: alice: read topic orders is listed twice"
    assert twice.details == ["in: site.yml:0", "in: site.yml:1"]
    _, (both,) = parsed({**READ, "permission": "deny"}, READ)
    assert "is both allowed and denied, and what denies wins" in both.summary


def test_every_operation_and_every_kind_of_resource_can_be_said():
    assert {*acls.ACCEPTED} == {*KINDS}
    assert {"all", *(one for known in acls.ACCEPTED.values() for one in known)} == {*OPERATIONS}


@pytest.mark.parametrize(
    ("typed", "compared"),
    [("10.0.0.7", "10.0.0.7"), ("fe80::1:0a", "fe80:0:0:0:0:0:1:a"), ("::ffff:10.0.0.7", "10.0.0.7")],
)
def test_an_address_is_compared_as_java_writes_it(typed, compared):
    assert principals.address(typed) == compared


ALICE = User("alice", {MECHANISM: "a-long-password"}, (Rule("alice", "read", "topic", "orders"),))
APP = Rule("CN=app", "read", "topic", "orders")
DENIED = Rule("alice", "write", "topic", "orders", allow=False)
GROUP = Rule("ops", "read", "topic", "orders", type="Group")
CHECKS = Rule("provisioner-smoke-1795742786-x", "all", "topic", "provisioner-smoke-", True)


def plan(acls, *rules, users=("alice",), wanted=(ALICE,)):
    one_each = {name: [MECHANISM] for name in users}
    known = {"users": one_each, "right": one_each, "quotas": {}}
    return planning.make(wanted, {**known, "rules": [rule.to_wire() for rule in rules]}, acls)


def test_listed_rules_are_made_beside_those_of_users():
    found = plan([APP, DENIED], *ALICE.rules)
    assert found.made() == [APP, DENIED] and found.changes == 2 and found.listed == {"alice", "CN=app"}
    assert [*planning.lines(found, False)] == [
        ("CN=app", "may read topic orders", "+"),
        ("alice", "may not write topic orders", "~"),
    ]
    assert not plan([APP, DENIED], *ALICE.rules, APP, DENIED).changes


def test_without_a_list_rules_that_users_cannot_say_stay_even_if_the_rest_is_pruned():
    found = plan(None, *ALICE.rules, DENIED, GROUP, CHECKS)
    assert not found.changes and not found.prunes and not found.pruned()


@pytest.mark.parametrize("listed", [[], [DENIED], [DENIED, GROUP, APP]])
def test_with_a_list_all_others_go_when_they_are_pruned_and_stay_until_then(listed):
    there = [*ALICE.rules, DENIED, GROUP, APP, CHECKS]
    found = plan(listed, *there)
    assert {*found.pruned()} == {DENIED, GROUP, APP} - {*listed}
    assert not found.made() and not [*planning.lines(found, False)]
    assert len([*planning.lines(found, True)]) == len([*planning.left_alone(found)]) == 3 - len(listed)


def test_a_listed_rule_outlives_its_user_and_no_password_is_touched_where_no_users_are_listed():
    bob = Rule("bob", "read", "topic", "b")
    found = plan([bob], *ALICE.rules, bob, users=("alice", "bob"))
    assert not found.pruned() and [*planning.lines(found, True)] == [("bob", "delete the user", "-")]
    alone = plan([bob], bob, APP, users=("alice", "bob"), wanted=())
    assert not alone.others and alone.pruned() == [APP]


def test_a_list_needs_a_closed_cluster_and_is_the_same_on_all_brokers(tmp_path):
    for variables, said in (
        ({"kafka_acls": [READ]}, "kafka_acls lists rules, and no listener asks for a user"),
        ({"kafka_acls": [{**READ, "nmae": "x"}], "kafka_security": "required"}, "unknown key nmae; did you mean name?"),
    ):
        with pytest.raises(ProvisionerError, match=said):
            support.inventory(tmp_path, kafka=["kafka1"], **variables)
    with pytest.raises(ProvisionerError, match="kafka_acls differs between the brokers"):
        support.inventory(tmp_path, kafka={"a": {"kafka_acls": []}, "b": {}}, kafka_security="required")


def test_the_list_says_who_lists_a_rule_and_what_is_missing(tmp_path):
    user = {"password": "a-long-password", "read": "orders"}
    inventory = support.inventory(
        tmp_path, kafka=["a"], kafka_security="required", kafka_users={"alice": user}, kafka_acls=[READ]
    )
    ((rule, origins),) = users.origins(inventory.hosts["a"]).items()
    assert origins == ["kafka_users", "kafka_acls"]
    rows = [table.Listed(rule, origins, True), table.Listed(APP, ["kafka_acls"], False), table.Listed(GROUP, [], True)]
    text = [line.split("  ") for line in table.listed(rows, ["CN=kafka"], everyone=True).splitlines()]
    assert [[cell.strip() for cell in line if cell.strip()] for line in text[1:]] == [
        ["CN=kafka", "may everything", "super.users"],
        ["everyone", "may what no rule is about", "allow.everyone.if.no.acl.found"],
        ["alice", "may read topic orders", "kafka_users, kafka_acls"],
        ["CN=app", "may read topic orders", "kafka_acls; not there so far"],
        ["Group:ops", "may read topic orders", "by hand"],
    ]


def test_what_the_list_prints_for_machines_can_be_listed():
    for rule in (APP, DENIED, GROUP, Rule("*", "all", "topic", "a", True, host="10.0.0.7")):
        document = table.listed_document(table.Listed(rule, [], True))
        entry = {key: value for key, value in document.items() if key in acls.KEYS}
        assert parsed(entry) == ([rule], [])
