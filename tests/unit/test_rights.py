"""acls.check: what Kafka's authorizer answers, by which rule, and what is asked."""

from __future__ import annotations

import pytest

from cli import acls
from cli.tables import acls as table
from cluster.users import check
from cluster.users import plan as planning
from cluster.users.check import BY_RULE, NO_RULE, SUPER, UNRULED, Policy, Question
from cluster.users.rules import CLUSTER, Rule, from_wire
from cluster.users.wanted import User
from provisioner.errors import UsageError

CLOSED, OPEN = Policy(frozenset({"CN=kafka"}), everyone=False), Policy(frozenset({"ANONYMOUS"}), everyone=True)


def rule(text: str, name: str, user: str = "ann", kind: str = "topic", **more) -> Rule:
    """ "-read" denies; a name with * behind it is how names begin."""
    prefixed = name.endswith("*") and name != "*"
    return Rule(user, text.lstrip("-"), kind, name.rstrip("*") if prefixed else name, prefixed, text[0] != "-", **more)


CASES = [
    ([], "read", "orders", False, UNRULED),
    ([rule("read", "orders")], "read", "orders", True, BY_RULE),
    ([rule("read", "orders")], "read", "orders-eu", False, UNRULED),
    ([rule("read", "orders*")], "read", "orders-eu", True, BY_RULE),
    ([rule("read", "*")], "read", "orders-eu", True, BY_RULE),
    ([rule("read", "orders", user="ben")], "read", "orders", False, NO_RULE),
    ([rule("read", "orders", user="*")], "read", "orders", True, BY_RULE),
    ([rule("read", "orders", type="Group")], "read", "orders", False, NO_RULE),
    ([rule("read", "orders", kind="group")], "read", "orders", False, UNRULED),
    # What denies comes first, however general it is.
    ([rule("read", "orders"), rule("-read", "*")], "read", "orders", False, BY_RULE),
    ([rule("all", "orders"), rule("-read", "o*", user="*")], "read", "orders", False, BY_RULE),
    ([rule("all", "orders"), rule("-all", "o*")], "describe", "orders", False, BY_RULE),
    # One operation includes another where it is allowed, not where it is denied.
    *[([rule(one, "orders")], "describe", "orders", True, BY_RULE) for one in ("read", "write", "delete", "alter")],
    ([rule("create", "orders")], "describe", "orders", False, NO_RULE),
    ([rule("alter-configs", "orders")], "describe-configs", "orders", True, BY_RULE),
    ([rule("alter-configs", "orders")], "describe", "orders", False, NO_RULE),
    ([rule("read", "orders"), rule("-write", "orders")], "describe", "orders", True, BY_RULE),
    ([rule("describe", "orders")], "read", "orders", False, NO_RULE),
    # Addresses.
    ([rule("read", "orders", host="10.0.0.7")], "read", "orders", False, NO_RULE),
    ([rule("read", "orders"), rule("-read", "orders", host="10.0.0.7")], "read", "orders", True, BY_RULE),
]


@pytest.mark.parametrize(("rules", "operation", "name", "allowed", "why"), CASES)
def test_the_authorizers_answer(rules, operation, name, allowed, why):
    found = check.authorize(rules, CLOSED, Question("ann", operation, "topic", name))
    assert (found.allowed, found.why) == (allowed, why)
    assert (found.rule in rules) == (why == BY_RULE)


def test_super_users_may_do_everything_and_in_an_open_cluster_everyone_what_no_rule_is_about():
    rules = [rule("-all", "*", user="*")]
    assert check.authorize(rules, CLOSED, Question("CN=kafka", "read", "topic", "x")) == check.Verdict(True, SUPER)
    assert check.authorize([], OPEN, Question("ann", "read", "topic", "x")) == check.Verdict(True, UNRULED)
    others = [rule("read", "x", user="ben")]
    assert check.authorize(others, OPEN, Question("ann", "read", "topic", "x")) == check.Verdict(False, NO_RULE)


def test_an_address_makes_a_difference_which_is_said():
    rules = [rule("read", "orders"), rule("-read", "orders", host="10.0.0.7")]
    asked = Question("ann", "read", "topic", "orders")
    assert check.elsewhere(rules, CLOSED, asked) == ["10.0.0.7"]
    assert not check.may(rules, CLOSED, asked._replace(address="10.0.0.7")).allowed


CREATE = Question("ann", "create", "topic", "orders")
IDEMPOTENT = Question("ann", "idempotent-write", "cluster")


@pytest.mark.parametrize(
    ("rules", "asked", "allowed"),
    [
        ([rule("create", CLUSTER, kind="cluster")], CREATE, True),
        # Brokers ask about the cluster first, and about the topic only where that says no.
        ([rule("create", CLUSTER, kind="cluster"), rule("-create", "orders")], CREATE, True),
        ([rule("-create", CLUSTER, kind="cluster"), rule("create", "orders")], CREATE, True),
        ([rule("-create", CLUSTER, kind="cluster")], CREATE, False),
        ([rule("idempotent-write", CLUSTER, kind="cluster")], IDEMPOTENT, True),
        ([rule("write", "some")], IDEMPOTENT, True),
        ([rule("read", "some")], IDEMPOTENT, False),
        ([rule("write", "some"), rule("-write", "*")], IDEMPOTENT, False),
        ([rule("write", "some"), rule("-write", "some")], IDEMPOTENT, False),
        ([rule("write", "some"), rule("-write", "so*")], IDEMPOTENT, False),
        ([rule("write", "so*"), rule("-write", "some")], IDEMPOTENT, True),
        ([rule("write", "some", host="10.0.0.7")], IDEMPOTENT, False),
    ],
)
def test_what_brokers_ask_beside_the_rule_for_the_one_operation(rules, asked, allowed):
    assert check.may(rules, CLOSED, asked).allowed == allowed


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("", {"topic": "t"}, False, ""), "which user"),
        (("ann", {"topic": ""}, False, ""), "may ann do what"),
        (("ann", {"topic": "t"}, False, "raed"), "did you mean read"),
        (("ann", {}, True, "read"), "is nothing that is asked of a cluster"),
    ],
)
def test_what_cannot_be_asked_is_refused(given, said):
    with pytest.raises(UsageError, match=said):
        list(acls.questions(*given))


def test_questions_are_as_many_as_there_are_names_and_operations():
    asked = list(acls.questions("User:ann", {"topic": "a,b", "group": "g"}, False, "READ,describe"))
    assert {(one.user, one.kind, one.name, one.operation) for one in asked} == {
        ("ann", kind, name, operation)
        for kind, name in (("topic", "a"), ("topic", "b"), ("group", "g"))
        for operation in ("read", "describe")
    }
    assert len(list(acls.questions("ann", {}, True, ""))) == len(check.OPERATIONS["cluster"])


@pytest.mark.parametrize(
    ("rules", "policy", "said"),
    [
        ([rule("read", "o*")], CLOSED, "ann may read topic o*, which includes describe"),
        ([rule("-all", "*", user="*")], CLOSED, "everyone may not all topic *"),
        ([], CLOSED, "no rule allows it"),
        ([], OPEN, "allow.everyone.if.no.acl.found"),
        ([rule("describe", "orders"), rule("-describe", "o*", host="10.0.0.7")], CLOSED, "; not from 10.0.0.7"),
    ],
)
def test_the_reason_is_shown(rules, policy, said):
    asked = Question("ann", "describe", "topic", "orders")
    answers, other = [(asked, check.may(rules, policy, asked))], {asked: check.elsewhere(rules, policy, asked)}
    assert said in table.listing(answers, other)
    (found,) = table.document(answers, other)
    assert found["allowed"] == answers[0][1].allowed and (found["rule"] is None) == (answers[0][1].rule is None)


def test_rules_that_the_inventory_cannot_say_are_none_of_a_plans():
    foreign = [rule("-read", "a"), rule("read", "b", host="10.0.0.7"), rule("read", "c", user="*")]
    foreign.append(rule("read", "d", type="Group"))
    assert all(from_wire(one.to_wire()) == one for one in foreign)
    there = {
        "users": {"ann": ["SCRAM-SHA-512"]},
        "right": {},
        "quotas": {},
        "rules": [one.to_wire() for one in foreign],
    }
    plan = planning.make([User("ben", {"SCRAM-SHA-512": "a-long-password"}, ())], there)
    assert plan.others == {"ann": ()} and not plan.more and not plan.rules
