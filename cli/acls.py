"""acls.list: who may do what, and who says so. acls.check: whether a user may do something, and by which rule."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping

from cli.cluster import opened
from cli.common import Run, for_machines, names
from cli.tables import acls as table
from cli.users import look, origins, require_closed
from cluster.users import check as core
from cluster.users import principals
from cluster.users.rules import CLUSTER, USER, Rule, from_wire, principal
from cluster.users.wanted import OURS
from provisioner.errors import UsageError
from provisioner.report.terminal import terminal
from provisioner.words import did_you_mean
from roles.shared import security

KINDS = "--topic, --group, --transactional-id or --cluster"


def listing(run: Run, as_json: bool) -> None:
    """Print a line per rule: those of the brokers, and those that the inventory lists and that are not there yet."""
    with opened(run) as found:
        require_closed(found)
        there = look(found)
        broker = found.driver
        rules = [one for one in map(from_wire, there["rules"]) if not one.user.startswith(OURS)]
        listed = origins(broker)
        supers = [one.removeprefix(f"{USER}:") for one in security.super_users(broker)]
        everyone = security.everyone(broker)
    rows = [table.Listed(one, listed.get(one, []), one in rules) for one in sorted({*rules, *listed})]
    if as_json:
        print(for_machines([table.listed_document(one) for one in rows]))
    else:
        print(table.listed(rows, supers, everyone, terminal()))


def check(
    run: Run,
    user: str,
    resources: Mapping[str, str],
    cluster: bool,
    operation: str,
    address: str,
    as_json: bool,
) -> int:
    """Print a line per right that is asked about. resources: {kind: names, by commas}. Returns the exit code: 0 where
    all of it is allowed. Raises UsageError."""
    asked = list(questions(user, resources, cluster, operation, _address(address)))
    with opened(run) as found:
        require_closed(found)
        there = look(found)
        broker = found.driver
        supers = map(principal, security.super_users(broker))
        named = frozenset(name for kind, name in supers if kind == USER)
        policy = core.Policy(named, security.everyone(broker))
    rules = [from_wire(one) for one in there["rules"]]
    answers = [(one, core.may(rules, policy, one)) for one in asked]
    if unknown := _unknown(asked[0].user, there["users"], rules, policy):
        print(unknown, file=sys.stderr)
    other = {one: core.elsewhere(rules, policy, one) if not address else [] for one in asked}
    if as_json:
        print(for_machines(table.document(answers, other)))
    else:
        print(table.listing(answers, other, terminal()))
    return 0 if all(verdict.allowed for _, verdict in answers) else 1


def questions(
    user: str, resources: Mapping[str, str], cluster: bool, operation: str, address: str = ""
) -> Iterator[core.Question]:
    """What is asked. Raises UsageError."""
    if not user:
        raise UsageError("which user? --user is missing", advice="`invoke users.list` shows the users")
    given = [(kind, name) for kind, text in resources.items() for name in names(text)]
    given += [("cluster", CLUSTER)] if cluster else []
    if not given:
        raise UsageError(f"may {user} do what? {KINDS} is missing")
    operations = [one.lower().replace("_", "-") for one in names(operation)]
    for kind, name in given:
        known = core.OPERATIONS[kind]
        for one in operations:
            if one not in known:
                raise UsageError(
                    f"--operation {one} is nothing that is asked of a {kind}{did_you_mean(one, known)}",
                    details=[f"operations: {', '.join(known)}"],
                )
        yield from core.questions(core.user_of(user), kind, name, operations, address)


def _address(text: str) -> str:
    try:
        return principals.address(text) if text else ""
    except ValueError:
        raise UsageError(f"--address {text} is no address", advice="brokers compare addresses, no names") from None


def _unknown(user: str, users: list[str], rules: list[Rule], policy: core.Policy) -> str:
    """What to say of a user whom nothing knows; "" for the others."""
    known = [name for name in {*users, *(rule.user for rule in rules)} if not name.startswith(OURS)]
    if user in known or user in policy.super_users:
        return ""
    return f"note: there is no user {user}{did_you_mean(user, known)}"
