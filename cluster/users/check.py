"""Whether a user may do something, by the rules that are there: what the brokers' authorizer answers, and why. Pure.

It follows Kafka's StandardAuthorizer: what denies comes before what allows; where no rule is about a resource, for
whomever, a setting decides (allow.everyone.if.no.acl.found). `may` adds what brokers ask beside the authorizer's rule
for the one operation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from cluster.users.rules import CLUSTER, EVERYONE, EVERYWHERE, USER, Rule, principal

# {operation: those that a rule may allow instead}; a rule that denies one of them does not deny this one.
INCLUDED_IN = {
    "describe": ("read", "write", "delete", "alter"),
    "describe-configs": ("alter-configs",),
}
# {kind of resource: what brokers ask about it}
OPERATIONS = {
    "topic": ("describe", "read", "write", "create", "delete", "alter", "describe-configs", "alter-configs"),
    "group": ("describe", "read", "delete"),
    "transactional-id": ("describe", "write"),
    "cluster": (
        "describe",
        "create",
        "alter",
        "describe-configs",
        "alter-configs",
        "idempotent-write",
        "cluster-action",
    ),
}
# Why: a rule says so; the user may do everything; no rule is about the resource; none of those about it is for this.
BY_RULE, SUPER, UNRULED, NO_RULE = "rule", "super user", "no rule about it", "no rule allows it"
# Operations on the cluster that brokers ask about before they ask about each topic of a request (KafkaApis, and
# ControllerApis): only one of both is needed.
BEFORE_TOPICS = ("create", "delete")
ANY_TOPIC = "hardcode"  # the name by which brokers ask about "some topic" first (Authorizer.authorizeByResourceType)


class Policy(NamedTuple):
    """What the brokers' properties say. super_users: names that may do everything; everyone: whether everyone may do
    what no rule is about."""

    super_users: frozenset[str]
    everyone: bool


class Question(NamedTuple):
    """May this user do that? address: the one that the user comes from; "" for one that no rule names."""

    user: str
    operation: str
    kind: str
    name: str = CLUSTER
    address: str = ""


class Verdict(NamedTuple):
    """allowed; why: BY_RULE and the others; rule: the one that decides, with BY_RULE."""

    allowed: bool
    why: str
    rule: Rule | None = None


def authorize(rules: Iterable[Rule], policy: Policy, asked: Question) -> Verdict:
    """What the authorizer answers."""
    if asked.user in policy.super_users:
        return Verdict(True, SUPER)
    about = [rule for rule in rules if rule.about(asked.kind, asked.name)]
    if not about:
        return Verdict(policy.everyone, UNRULED)
    decisive = [rule for rule in about if _is_for(rule, asked) and _covers(rule, asked.operation)]
    # Of several that decide the same, the most exact one is shown.
    for rule in sorted(decisive, key=lambda one: (one.allow, one.operation != asked.operation, -len(one.name))):
        return Verdict(rule.allow, BY_RULE, rule)
    return Verdict(False, NO_RULE)


def may(rules: Sequence[Rule], policy: Policy, asked: Question) -> Verdict:
    """What a broker does with a request. A topic may also be made by whoever may make topics in the whole cluster, and
    whoever may write to some topic may write to it idempotently."""
    own = authorize(rules, policy, asked)
    if (asked.kind, asked.operation) == ("topic", "create"):
        whole = authorize(rules, policy, asked._replace(kind="cluster", name=CLUSTER))
        return whole if whole.allowed and not own.allowed else own
    if (asked.kind, asked.operation) == ("cluster", "idempotent-write") and not own.allowed:
        return _some_topic(rules, policy, asked._replace(kind="topic", operation="write", name=ANY_TOPIC)) or own
    return own


def may_somewhere(rules: Sequence[Rule], policy: Policy, asked: Question) -> Verdict:
    """`may`, where only the question is known that was asked before those about topics (BEFORE_TOPICS): whoever may do
    it to some topic is taken to have done it to that one."""
    own = may(rules, policy, asked)
    if asked.kind == "cluster" and asked.operation in BEFORE_TOPICS and not own.allowed:
        return _some_topic(rules, policy, asked._replace(kind="topic", name=ANY_TOPIC)) or own
    return own


def elsewhere(rules: Sequence[Rule], policy: Policy, asked: Question) -> list[str]:
    """The addresses that rules name, from which the answer is the other one."""
    usual = may(rules, policy, asked).allowed
    named = {rule.host for rule in rules if rule.host != EVERYWHERE}
    return sorted(one for one in named if may(rules, policy, asked._replace(address=one)).allowed != usual)


def _some_topic(rules: Sequence[Rule], policy: Policy, asked: Question) -> Verdict | None:
    """Whether a user may do it to a topic, whichever: what allows it, None where nothing does. As Kafka decides it:
    a rule that denies takes away those that allow nothing outside of it."""
    first = authorize(rules, policy, asked)
    if first.allowed:
        return first
    found = [
        rule
        for rule in rules
        if rule.kind == asked.kind and _is_for(rule, asked) and rule.operation in (asked.operation, "all")
    ]
    denied = [rule for rule in found if not rule.allow]
    if any(_is_wildcard(rule) for rule in denied):
        return None
    for rule in sorted(found, key=lambda one: not _is_wildcard(one)):
        if rule.allow and (_is_wildcard(rule) or not any(_takes(one, rule) for one in denied)):
            return Verdict(True, BY_RULE, rule)
    return None


def _is_for(rule: Rule, asked: Question) -> bool:
    """Whether it is for this user, coming from there."""
    is_for = rule.type == USER and rule.user in (asked.user, EVERYONE)
    return is_for and rule.host in (EVERYWHERE, asked.address)


def _covers(rule: Rule, operation: str) -> bool:
    included = INCLUDED_IN.get(operation, ()) if rule.allow else ()
    return rule.operation in ("all", operation, *included)


def _is_wildcard(rule: Rule) -> bool:
    return rule.name == "*" and not rule.prefixed


def _takes(denied: Rule, rule: Rule) -> bool:
    """Whether nothing is left of what a rule allows."""
    if denied.prefixed:
        return rule.name.startswith(denied.name)
    return not rule.prefixed and rule.name == denied.name


def questions(user: str, kind: str, name: str, operations: Iterable[str], address: str = "") -> Iterator[Question]:
    """One for each operation; all that brokers ask about the kind, where none is named."""
    for operation in operations or OPERATIONS[kind]:
        yield Question(user, operation, kind, name, address)


def user_of(text: str) -> str:
    """The name of a user who is typed as Kafka writes it, too: "User:alice"."""
    kind, name = principal(text)
    return name if kind == USER and name else text
