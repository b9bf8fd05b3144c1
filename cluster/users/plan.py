"""Users as an inventory wants them against those that are there: what is to be done. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cluster.users import quotas
from cluster.users.rules import Rule, from_wire
from cluster.users.wanted import OURS, User


@dataclass(frozen=True)
class Plan:
    """add: users that are not there; passwords: those whose password is another one; rules: to be made, by user; more:
    rules of listed users that are not listed; others: users that are not listed, with their rules; quotas: what changes
    of the quotas that are listed, by user; loose: quotas that nobody lists, of any user."""

    add: tuple[User, ...] = ()
    passwords: tuple[User, ...] = ()
    rules: Mapping[str, tuple[Rule, ...]] = field(default_factory=dict)
    more: Mapping[str, tuple[Rule, ...]] = field(default_factory=dict)
    others: Mapping[str, tuple[Rule, ...]] = field(default_factory=dict)
    quotas: Mapping[str, quotas.Change] = field(default_factory=dict)
    loose: Mapping[str, quotas.Quota] = field(default_factory=dict)

    @property
    def changes(self) -> int:
        """How many users change."""
        return len({one.name for one in (*self.add, *self.passwords)} | {*self.rules, *self.quotas})

    @property
    def prunes(self) -> bool:
        """Whether something is there that is not listed."""
        return bool(self.more or self.others or self.loose)

    def set_passwords(self) -> dict[str, str]:
        """{user: password} of those that are to be made or changed."""
        return {one.name: one.password for one in (*self.add, *self.passwords)}

    def made(self) -> list[Rule]:
        """All rules that are to be made."""
        return [rule for rules in self.rules.values() for rule in rules]

    def set_quotas(self, prune: bool) -> dict[str, quotas.Change]:
        """{user: what changes of its quota}. prune: those that nobody lists are removed."""
        removed = {name: dict.fromkeys(quota) for name, quota in self.loose.items()} if prune else {}
        return {**removed, **self.quotas}


def make(wanted: Sequence[User], there: Mapping[str, Any]) -> Plan:
    """The plan. there: as `cluster.users.onhost.look` answers."""
    users, right = set(there["users"]), there["right"]
    by_user: dict[str, set[Rule]] = {}
    for data in there["rules"]:
        rule = from_wire(data)
        if rule.plain:
            by_user.setdefault(rule.user, set()).add(rule)
    rules = {one.name: tuple(rule for rule in one.rules if rule not in by_user.get(one.name, ())) for one in wanted}
    more = {one.name: tuple(sorted(by_user.get(one.name, set()) - {*one.rules})) for one in wanted}
    listed = {one.name for one in wanted}
    others = {name for name in {*users, *by_user} - listed if not name.startswith(OURS)}
    mentioned = {one.name: one.quota for one in wanted if one.quota is not None}
    changed = {name: quotas.change(quota, there["quotas"].get(name, {})) for name, quota in mentioned.items()}
    return Plan(
        add=tuple(one for one in wanted if one.name not in users),
        passwords=tuple(one for one in wanted if one.name in users and not right.get(one.name)),
        rules={name: found for name, found in rules.items() if found},
        more={name: found for name, found in more.items() if found},
        others={name: tuple(sorted(by_user.get(name, ()))) for name in sorted(others)},
        quotas={name: change for name, change in changed.items() if change},
        loose={name: quota for name, quota in sorted(there["quotas"].items()) if name not in mentioned},
    )


def lines(plan: Plan, prune: bool) -> Iterator[tuple[str, str, str]]:
    """(user, what changes, "+", "~" or "-") of each change."""
    new = {one.name for one in plan.add}
    for name in sorted({*new, *(one.name for one in plan.passwords), *plan.rules, *plan.quotas}):
        parts = [] if name in new or name not in {one.name for one in plan.passwords} else ["another password"]
        parts += [f"may {rule}" for rule in plan.rules.get(name, ())]
        parts += [f"quota: {quotas.text(plan.quotas[name])}"] if name in plan.quotas else []
        yield name, "; ".join(parts) or "may nothing", "+" if name in new else "~"
    if prune:
        for name, rules in plan.more.items():
            yield name, "; ".join(f"may no longer {rule}" for rule in rules), "~"
        for name, quota in plan.loose.items():
            if name not in plan.others:
                yield name, f"no longer a quota: {quotas.text(quota)}", "~"
        for name in plan.others:
            yield name, f"delete the user and its {'rules and quota' if name in plan.loose else 'rules'}", "-"


def left_alone(plan: Plan) -> Iterator[str]:
    """What is there and not listed, a line each."""
    if plan.others:
        yield f"not listed, left alone: {', '.join(plan.others)}"
    for name, rules in plan.more.items():
        yield f"not listed, left alone: {name} may {', '.join(map(str, rules))}"
    for name, quota in plan.loose.items():
        if name not in plan.others:
            yield f"not listed, left alone: the quota of {name}: {quotas.text(quota)}"
