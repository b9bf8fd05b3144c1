"""What acls.list and acls.check print. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from cli.tables.columns import PIPE, Column, table
from cli.tables.users import rule_document
from cluster.users.check import BY_RULE, SUPER, UNRULED, Question, Verdict
from cluster.users.rules import Rule, shown
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


class Listed(NamedTuple):
    """A rule. origins: the variables of the inventory that list it; there: whether the brokers have it."""

    rule: Rule
    origins: Sequence[str]
    there: bool

    @property
    def origin(self) -> str:
        """Who says so."""
        by = ", ".join(self.origins) or "by hand"
        return by if self.there else f"{by}; not there so far"


LISTED = (Column("WHO", share=30), Column("RULE", share=60), Column("FROM"))


def listed(rows: Sequence[Listed], supers: Sequence[str], everyone: bool, terminal: Terminal = PIPE) -> str:
    """A line per rule, before them one for each that needs none. supers: super users; everyone: whether everyone may do
    what no rule is about."""
    cells = [[one, "may everything", "super.users"] for one in supers]
    cells += [["everyone", "may what no rule is about", "allow.everyone.if.no.acl.found"]] if everyone else []
    cells += [[shown(one.rule.who), one.rule.sentence, one.origin] for one in rows]
    return "\n".join(table(LISTED, cells, terminal))


def listed_document(one: Listed) -> dict[str, Any]:
    """A rule for machines, with the keys of kafka_acls; docs/operations.md describes the others."""
    document = {"principal": one.rule.principal, **rule_document(one.rule)}
    return {**document, "listed_by": list(one.origins), "there": one.there}


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
        included = rule.allow and rule.kind == asked.kind and rule.operation not in ("all", asked.operation)
        return f"{shown(rule.who)} {rule.sentence}" + (f", which includes {asked.operation}" if included else "")
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
