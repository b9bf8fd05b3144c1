"""Users of secured listeners: what an inventory may say, and what follows from it."""

from __future__ import annotations

import pytest

from cluster.protocol.login import MECHANISM as S512
from cluster.protocol.login import SECOND as S256
from cluster.users import plan as planning
from cluster.users.rules import Rule, from_wire
from cluster.users.wanted import User, parse

PASSWORD = "a-long-password"


def parsed(**users):
    return parse(users, lambda *keys: f"site.yml:{'.'.join(keys)}")


def test_rights_become_rules():
    (alice,), problems = parsed(
        alice={"password": PASSWORD, "read": ["orders*", "clicks"], "write": "orders", "groups": "*", "create": "a-*"}
    )
    assert not problems
    assert set(alice.rules) == {
        Rule("alice", "read", "topic", "orders", True),
        Rule("alice", "read", "topic", "clicks"),
        Rule("alice", "write", "topic", "orders"),
        Rule("alice", "read", "group", "*"),
        Rule("alice", "create", "topic", "a-", True),
    }
    assert PASSWORD not in repr(alice)
    assert all(from_wire(rule.to_wire()) == rule for rule in alice.rules)


@pytest.mark.parametrize(
    ("name", "entry", "said"),
    [
        ("al,ice", {"password": PASSWORD}, "is no name of a user"),
        ("provisioner-x", {"password": PASSWORD}, "begins as the users of this toolkit's own checks"),
        ("alice", PASSWORD, "alice is not a map"),
        ("alice", {"passwrd": PASSWORD}, "unknown key passwrd; did you mean password?"),
        ("alice", {}, "alice has no password"),
        ("alice", {"password": ""}, "alice has no password"),
        ("alice", {"password": "short"}, "shorter than 8"),
        ("alice", {"password": PASSWORD, "password_sha256": "short"}, "shorter than 8"),
        ("alice", {"password": PASSWORD, "password_sha256": ["x"]}, "alice has no password"),
        ("alice", {"password": PASSWORD, "read": [{"topic": "orders"}]}, "read has an entry that is no name"),
        ("alice", {"password": PASSWORD, "read": "or*ders"}, "read has an entry that is no name"),
        ("alice", {"password": PASSWORD, "quota": "10m"}, "alice: quota is not a map"),
        ("alice", {"password": PASSWORD, "quota": {"produces": "1m"}}, "key produces; did you mean produce?"),
        *[
            ("alice", {"password": PASSWORD, "quota": {name: value}}, f"alice: quota: {name} is not")
            for name, wrong in {"produce": ("10 mb/s", 0, -1, True, [1]), "requests": (0, -5, "half", "nan")}.items()
            for value in wrong
        ],
    ],
)
def test_what_is_wrong_is_said_without_a_value(name, entry, said):
    users, problems = parse({name: entry}, lambda *keys: "site.yml:3")
    text = "\n".join(line for one in problems for line in one.lines())
    assert not users and said in text and "site.yml:3" in text and PASSWORD not in text


MAY = (Rule("alice", "read", "topic", "orders"), Rule("alice", "write", "topic", "orders"))
ALICE = User("alice", {S512: PASSWORD}, MAY)


def there(users=(), right=(), rules=(), quotas=()):
    """users: those with one password, or {user: mechanisms}; right: those whose password is the one, or the same."""
    having, same = (one if isinstance(one, dict) else {name: [S512] for name in one} for one in (users, right))
    found = {"users": having, "right": same, "rules": [rule.to_wire() for rule in rules]}
    return {**found, "quotas": dict(quotas)}


def test_a_new_user_comes_with_all_of_its_rules():
    plan = planning.make([ALICE], there())
    assert plan.add == (ALICE,) and plan.made() == list(ALICE.rules) and plan.changes == 1
    assert plan.set_passwords() == {"alice": {S512: PASSWORD}}
    assert list(planning.lines(plan, False)) == [("alice", "may read topic orders; may write topic orders", "+")]


def test_a_user_that_is_as_listed_needs_nothing():
    plan = planning.make([ALICE], there(["alice"], ["alice"], ALICE.rules))
    assert not plan.changes and not plan.prunes and not plan.set_passwords()


def test_a_password_that_does_not_open_is_set_again():
    plan = planning.make([ALICE], there(["alice"], [], ALICE.rules))
    assert plan.set_passwords() == {"alice": {S512: PASSWORD}} and not plan.made()
    assert list(planning.lines(plan, False)) == [("alice", "another password", "~")]


OTHER = "another-long-password"


@pytest.mark.parametrize(
    ("entry", "has", "right", "set_", "shown"),
    [
        (
            {"password": PASSWORD, "password_sha256": OTHER},
            [S512],
            [S512],
            {S256: OTHER},
            "a password by SCRAM-SHA-256, beside the other one",
        ),
        ({"password": PASSWORD, "password_sha256": OTHER}, [S256, S512], [S256, S512], {}, ""),
        (
            {"password": PASSWORD, "password_sha256": OTHER},
            [S256, S512],
            [S512],
            {S256: OTHER},
            "another password by SCRAM-SHA-256",
        ),
        ({"password_sha256": OTHER}, [S256, S512], [S256], {S512: None}, "no longer a password by SCRAM-SHA-512"),
        ({"password_sha256": OTHER, "password": None}, [S256], [S256], {}, ""),
        ({"password": PASSWORD}, [S256, S512], [S512], {S256: None}, "no longer a password by SCRAM-SHA-256"),
        (
            {"password": PASSWORD},
            [S256],
            [],
            {S512: PASSWORD, S256: None},
            "a password by SCRAM-SHA-512, beside the other one; no longer a password by SCRAM-SHA-256",
        ),
    ],
)
def test_a_user_has_a_password_by_each_mechanism(entry, has, right, set_, shown):
    (alice,), problems = parsed(alice=entry)
    plan = planning.make([alice], there({"alice": has}, {"alice": right}))
    assert not problems and plan.set_passwords() == ({"alice": set_} if set_ else {})
    assert [line for _, line, _ in planning.lines(plan, False)] == ([shown] if shown else [])
    assert OTHER not in repr(alice)


def test_what_is_not_listed_goes_only_when_it_is_pruned():
    more, bobs = Rule("alice", "read", "topic", "clicks"), Rule("bob", "read", "topic", "b")
    ours = Rule("provisioner-smoke-1795742786-x", "all", "topic", "provisioner-smoke-", True)
    found = there(["alice", "bob", ours.user], ["alice"], [*ALICE.rules, more, bobs, ours])
    plan = planning.make([ALICE], found)
    assert not plan.changes and plan.prunes and not list(planning.lines(plan, False))
    assert plan.more == {"alice": (more,)} and plan.others == {"bob": (bobs,)}, "a running check's user is no stranger"
    assert list(planning.left_alone(plan)) == [
        "not listed, left alone: bob",
        "not listed, left alone: alice may read topic clicks",
    ]
    assert list(planning.lines(plan, True)) == [
        ("alice", "may no longer read topic clicks", "~"),
        ("bob", "delete the user and its rules", "-"),
    ]


@pytest.mark.parametrize(
    ("said", "before", "changed", "shown"),
    [
        ({"produce": "10m"}, {}, {"producer_byte_rate": 10485760.0}, "quota: produce 10 MiB/s"),
        ({"produce": "10m"}, {"producer_byte_rate": 10485760.0}, {}, ""),
        ({"produce": None, "requests": 50}, {"request_percentage": 50.0}, {}, ""),
        (
            {"consume": 1024, "mutations": 2.5},
            {"producer_byte_rate": 1.0, "consumer_byte_rate": 5.0},
            {"producer_byte_rate": None, "consumer_byte_rate": 1024.0, "controller_mutation_rate": 2.5},
            "quota: produce unlimited, consume 1 KiB/s, mutations 2.5/s",
        ),
        ({}, {"request_percentage": 5.0}, {"request_percentage": None}, "quota: requests unlimited"),
        (None, {"new_in_kafka_9": 5.0}, {"new_in_kafka_9": None}, "quota: new_in_kafka_9 unlimited"),
    ],
)
def test_a_quota_that_is_mentioned_is_the_whole_one(said, before, changed, shown):
    (alice,), problems = parsed(alice={"password": PASSWORD, "quota": said})
    plan = planning.make([alice], there(["alice"], ["alice"], quotas={"alice": before}))
    assert not problems and plan.set_quotas(prune=False) == ({"alice": changed} if changed else {})
    assert [line for _, line, _ in planning.lines(plan, False)] == ([shown] if shown else [])
    assert plan.changes == bool(changed) and not plan.prunes


def test_a_quota_that_is_not_mentioned_goes_only_when_it_is_pruned():
    quotas = {"alice": {"producer_byte_rate": 1024.0}, "bob": {"request_percentage": 5.0}, "CN=app": {"x": 1.0}}
    plan = planning.make([ALICE], there(["alice", "bob"], ["alice"], ALICE.rules, quotas))
    assert not plan.changes and plan.prunes and not plan.set_quotas(prune=False)
    assert "not listed, left alone: the quota of alice: produce 1 KiB/s" in [*planning.left_alone(plan)]
    assert [*planning.lines(plan, True)] == [
        ("CN=app", "no longer a quota: x 1", "~"),
        ("alice", "no longer a quota: produce 1 KiB/s", "~"),
        ("bob", "delete the user and its quota", "-"),
    ]
    assert plan.set_quotas(prune=True) == {
        "alice": {"producer_byte_rate": None},
        "bob": {"request_percentage": None},
        "CN=app": {"x": None},
    }
