"""What users.list prints. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from cli.tables.columns import PIPE, Column, table
from cluster.users.quotas import Quota, named, text
from cluster.users.rules import Rule
from provisioner.report.terminal import Terminal

COLUMNS = (Column("USER", share=30), Column("PASSWORD", drop=1), Column("MAY", share=60), Column("QUOTA", drop=2))


def listing(
    rules: Mapping[str, Sequence[Rule]],
    users: Mapping[str, Sequence[str]],
    quotas: Mapping[str, Quota],
    terminal: Terminal = PIPE,
    certificates: Collection[str] = (),
) -> str:
    """A line per user. users: the mechanisms for which each has a password; certificates: those that the inventory lets
    show one."""
    rows = [
        [
            name,
            " or ".join([*_short(users.get(name, ())), *(["certificate"] if name in certificates else [])]) or "none",
            ", ".join(str(one) if one.allow else f"not {one}" for one in found) or "-",
            text(quotas.get(name, {})) or "-",
        ]
        for name, found in sorted(rules.items())
    ]
    return "\n".join(table(COLUMNS, rows, terminal))


def _short(mechanisms: Sequence[str]) -> list[str]:
    """As the column has room for it."""
    return [one.removeprefix("SCRAM-") for one in reversed(mechanisms)]


def document(
    name: str, rules: Sequence[Rule], quota: Quota, passwords: Sequence[str] = (), certificate: bool = False
) -> dict[str, Any]:
    """A user for machines; docs/operations.md describes the keys. passwords: the mechanisms for which it has one."""
    shown = {"passwords": list(passwords), "certificate": certificate}
    return {"user": name, **shown, "rules": [rule_document(one) for one in rules], "quota": named(quota)}


def rule_document(rule: Rule) -> dict[str, Any]:
    """A rule for machines."""
    return {
        "permission": "allow" if rule.allow else "deny",
        "operation": rule.operation,
        "resource": rule.kind,
        "name": rule.name,
        "prefixed": rule.prefixed,
        "host": rule.host,
    }
