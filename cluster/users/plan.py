"""Users and rules as an inventory wants them against those that are there: what is to be done. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cluster.protocol.login import MECHANISM
from cluster.users.quotas import Change, Quota, change, text
from cluster.users.rules import Rule, from_wire, shown
from cluster.users.wanted import OURS, User

ByWho = Mapping[str, tuple[Rule, ...]]  # by whom a rule is for, as `Rule.who` writes it


@dataclass(frozen=True)
class Plan:
    """listed: whom the inventory lists, in whichever way; users: those of kafka_users; add: users that are not there;
    passwords: what changes of those that are there, {user: {mechanism: password, None for one that goes}}; had: for
    which they have one, by user; rules: to be made; more: rules that nobody lists; others: users with
    a password that are not listed, with such rules; quotas: what changes of the quotas that are listed, by user; loose:
    quotas that nobody lists, of any user."""

    listed: frozenset[str] = frozenset()
    users: frozenset[str] = frozenset()
    add: tuple[User, ...] = ()
    passwords: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)
    had: Mapping[str, Sequence[str]] = field(default_factory=dict)
    rules: ByWho = field(default_factory=dict)
    more: ByWho = field(default_factory=dict)
    others: ByWho = field(default_factory=dict)
    quotas: Mapping[str, Change] = field(default_factory=dict)
    loose: Mapping[str, Quota] = field(default_factory=dict)

    @property
    def changes(self) -> int:
        """How many of those that are listed change."""
        return len({one.name for one in self.add} | {*self.passwords, *self.rules, *self.quotas})

    @property
    def prunes(self) -> bool:
        """Whether something is there that is not listed."""
        return bool(self.more or self.others or self.loose)

    def set_passwords(self) -> dict[str, Mapping[str, str | None]]:
        """{user: {mechanism: password, None for one that goes}} of those that are to be made or changed."""
        return {**{one.name: one.passwords for one in self.add}, **self.passwords}

    def made(self) -> list[Rule]:
        """All rules that are to be made."""
        return [rule for rules in self.rules.values() for rule in rules]

    def pruned(self) -> list[Rule]:
        """All rules that nobody lists."""
        return [rule for rules in (*self.more.values(), *self.others.values()) for rule in rules]

    def set_quotas(self, prune: bool) -> dict[str, Change]:
        """{user: what changes of its quota}. prune: those that nobody lists are removed."""
        removed = {name: dict.fromkeys(quota) for name, quota in self.loose.items()} if prune else {}
        return {**removed, **self.quotas}


def make(wanted: Sequence[User], there: Mapping[str, Any], acls: Sequence[Rule] | None = None) -> Plan:
    """The plan. there: as `cluster.users.look.look` answers. acls: rules beside those of the users; None: the
    inventory does not say, so rules that no user's entry can say are somebody else's. Without wanted users, those that
    have a password are, and quotas too."""
    found = [rule for rule in map(from_wire, there["rules"]) if not rule.user.startswith(OURS)]
    listed = [*(rule for one in wanted for rule in one.rules), *(acls or ())]
    names, with_password = {one.name for one in wanted}, [one for one in wanted if one.passwords]
    known, ours = set(there["users"]), {*listed}
    strangers = {name for name in known - names if not name.startswith(OURS)} if wanted else set()
    unlisted = _by_who(sorted(rule for rule in found if rule not in ours and (rule.plain or acls is not None)))
    mentioned = {one.name: one.quota for one in wanted if one.quota is not None}
    changed = {name: change(quota, there["quotas"].get(name, {})) for name, quota in mentioned.items()}
    loose = {name: quota for name, quota in sorted(there["quotas"].items()) if name not in mentioned}
    secrets = {one.name: _passwords(one, there) for one in wanted if one.name in known}
    return Plan(
        listed=frozenset(names | {rule.who for rule in listed}),
        users=frozenset(names),
        add=tuple(one for one in with_password if one.name not in known),
        passwords={name: change for name, change in secrets.items() if change},
        had=there["users"],
        rules=_by_who(rule for rule in dict.fromkeys(listed) if rule not in found),
        more={who: rules for who, rules in unlisted.items() if who not in strangers},
        others={name: unlisted.get(name, ()) for name in sorted(strangers)},
        quotas={name: found for name, found in changed.items() if found},
        loose=loose if wanted else {},
    )


def _passwords(user: User, there: Mapping[str, Any]) -> dict[str, str | None]:
    """What changes of the passwords of a user that is there."""
    right = there["right"].get(user.name, ())
    new: dict[str, str | None] = {name: text for name, text in user.passwords.items() if name not in right}
    return {**new, **{name: None for name in there["users"][user.name] if name not in user.passwords}}


def _told(changed: Mapping[str, str | None], had: Collection[str]) -> Iterator[str]:
    """What is said of the passwords of a user that change. had: the mechanisms for which it had one."""
    for mechanism, password in sorted(changed.items(), reverse=True):
        if password is None:
            yield f"no longer a password by {mechanism}"
        elif mechanism in had:
            yield "another password" if mechanism == MECHANISM else f"another password by {mechanism}"
        else:
            yield f"a password by {mechanism}, beside the other one" if had else f"a password by {mechanism}"


def _by_who(rules: Iterable[Rule]) -> ByWho:
    found: dict[str, tuple[Rule, ...]] = {}
    for rule in rules:
        found[rule.who] = (*found.get(rule.who, ()), rule)
    return found


def lines(plan: Plan, prune: bool) -> Iterator[tuple[str, str, str]]:
    """(user, what changes, "+", "~" or "-") of each change."""
    new = {one.name for one in plan.add}
    for name in sorted({*new, *plan.passwords, *plan.rules, *plan.quotas}):
        parts = list(_told(plan.passwords.get(name, {}), plan.had.get(name, ())))
        parts += [rule.sentence for rule in plan.rules.get(name, ())]
        parts += [f"quota: {text(plan.quotas[name])}"] if name in plan.quotas else []
        changed = name in plan.users and name not in new
        yield shown(name), "; ".join(parts) or "may nothing", "~" if changed else "+"
    if prune:
        for name, rules in plan.more.items():
            yield shown(name), "; ".join(rule.revoked for rule in rules), "~"
        for name, quota in plan.loose.items():
            if name not in plan.others:
                yield name, f"no longer a quota: {text(quota)}", "~"
        for name, rules in plan.others.items():
            with_it = [*(["rules"] if rules else []), *(["quota"] if name in plan.loose else [])]
            yield name, f"delete the user{' and its ' if with_it else ''}{' and '.join(with_it)}", "-"


def left_alone(plan: Plan) -> Iterator[str]:
    """What is there and not listed, a line each."""
    if plan.others:
        yield f"not listed, left alone: {', '.join(plan.others)}"
    for name, rules in plan.more.items():
        yield f"not listed, left alone: {shown(name)} {', '.join(rule.sentence for rule in rules)}"
    for name, quota in plan.loose.items():
        if name not in plan.others:
            yield f"not listed, left alone: the quota of {name}: {text(quota)}"
