"""What acls.check prints. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cli.tables.columns import PIPE, Column, table
from cli.tables.users import rule_document
from cluster.users.check import BY_RULE, SUPER, UNRULED, Question, Verdict
from cluster.users.rules import EVERYONE
from provisioner.report.terminal import Terminal
from provisioner.words import some

COLUMNS = (
    Column("USER", share=20, drop=2),
    Column("OPERATION"),
    Column("ON", share=30),
    Column("MAY"),
    Column("BECAUSE", remark=True),
)
Answers = Sequence[tuple[Question, Verdict]]
Elsewhere = Mapping[Question, Sequence[str]]  # from which addresses the answer is the other one


def listing(answers: Answers, elsewhere: Elsewhere, terminal: Terminal = PIPE) -> str:
    """A line per right."""
    rows = [
        [
            asked.user,
            asked.operation,
            asked.kind if asked.kind == "cluster" else f"{asked.kind} {asked.name}",
            "yes" if verdict.allowed else "no",
            because(asked, verdict) + _elsewhere(verdict, elsewhere[asked]),
        ]
        for asked, verdict in answers
    ]
    return "\n".join(table(COLUMNS, rows, terminal))


def because(asked: Question, verdict: Verdict) -> str:
    """Why, as a sentence without a stop."""
    rule = verdict.rule
    if verdict.why == BY_RULE and rule is not None:
        who = "everyone" if rule.who == EVERYONE else rule.who
        included = rule.allow and rule.kind == asked.kind and rule.operation not in ("all", asked.operation)
        return f"{who} {rule.sentence}" + (f", which includes {asked.operation}" if included else "")
    if verdict.why == SUPER:
        return "is a super user"
    if verdict.why == UNRULED and verdict.allowed:
        return "no rule is about it, so everyone may (allow.everyone.if.no.acl.found)"
    return "no rule allows it"


def _elsewhere(verdict: Verdict, addresses: Sequence[str]) -> str:
    if not addresses:
        return ""
    return f"; {'not' if verdict.allowed else 'but'} from {some(addresses)}"


def document(answers: Answers, elsewhere: Elsewhere) -> list[dict[str, Any]]:
    """The same for machines; docs/operations.md describes the keys."""
    return [
        {
            "user": asked.user,
            "operation": asked.operation,
            "resource": asked.kind,
            "name": asked.name,
            "allowed": verdict.allowed,
            "why": verdict.why,
            "rule": None
            if verdict.rule is None
            else {"principal": verdict.rule.principal, **rule_document(verdict.rule)},
            "otherwise_from": list(elsewhere[asked]),
        }
        for asked, verdict in answers
    ]
