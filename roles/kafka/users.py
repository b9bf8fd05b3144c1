"""Users of the secured listeners and rules as an inventory lists them (`kafka_users`, `kafka_acls`): checked, planned,
made by a deploy.

What is not listed stays, users and rules alike: `invoke users.apply --prune` removes it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from cluster.users import acls, remote
from cluster.users import plan as planning
from cluster.users.quotas import KINDS
from cluster.users.rules import CLUSTER, Rule
from cluster.users.wanted import User, parse
from provisioner.errors import ConfigError
from roles.kafka import listeners
from roles.kafka.release import release
from roles.shared import security
from roles.shared.checks import members, one_for_all

if TYPE_CHECKING:
    from cluster.remote import ByBroker
    from provisioner.connect.requests import Call
    from provisioner.inventory.model import Host, Inventory
    from provisioner.report.reporter import Reporter
    from provisioner.resources import Request
    from provisioner.run.target import Target

IDEMPOTENT = (2, 8)  # the first version in which that follows from the right to write (KIP-679)
MUTATIONS = (2, 7)  # the first version that limits them (KIP-599)
VARIABLE, RULES = "kafka_users", "kafka_acls"
Ask = Callable[["ByBroker"], "dict[str, Any]"]


def door(host: Host) -> str:
    """The secured listener of a broker, as its own host reaches it; "" where it has none."""
    found = listeners.secured(host)
    return found[0].local if found else ""


def listed(host: Host) -> bool:
    """Whether the inventory says anything about users or rules."""
    return bool(host.vars[VARIABLE]) or host.vars[RULES] is not None


def planned(ask: Ask, host: Host) -> planning.Plan | None:
    """What is to be done about users and rules; None where the broker does not answer. host: the one that is asked."""
    there = ask(_look(host))
    return planning.make(of(host), there, rules_of(host)) if there["serving"] else None


def _look(host: Host) -> ByBroker:
    return remote.look(door(host), {one.name: one.passwords for one in of(host) if one.passwords})


def apply(ask: Ask, host: Host, plan: planning.Plan, prune: bool = False) -> None:
    """Do it. prune: also remove what is not listed. Raises HostFailed."""
    delete = list(plan.others) if prune else []
    rules = {"add": plan.made(), "remove": plan.pruned() if prune else []}
    quotas = plan.set_quotas(prune)
    ask(remote.change(door(host), passwords=plan.set_passwords(), delete=delete, **rules, quotas=quotas))


def show(reporter: Reporter, plan: planning.Plan, prune: bool = False) -> None:
    """The plan in `+ ~ -` lines."""
    for name, what, action in planning.lines(plan, prune):
        reporter.change(name, what, action)
    if not prune:
        show_left(reporter, plan)


def show_left(reporter: Reporter, plan: planning.Plan) -> None:
    """What is there and not listed."""
    for line in planning.left_alone(plan):
        reporter.note(f"  {line}")


def contents(call: Call, brokers: Sequence[Target], reporter: Reporter, check: bool) -> dict[str, tuple[int, int]]:
    """Make the listed users and rules. {host by way of which: (users as listed, those changed)}; empty where none are
    listed or no broker answers. Raises HostFailed."""
    if question(brokers[0]) is None:
        return {}
    for asked in brokers:
        plan = planned(_by(call, asked), asked.host)
        if plan is not None:
            break
    else:
        reporter.note("users: no broker answers yet; a deploy makes them when the services are up")
        return {}
    if plan.changes:
        reporter.phase("Users")
        show(reporter, plan)
    else:
        reporter.note(f"users: {len(plan.listed)} listed, each as it should be")
        show_left(reporter, plan)
    if plan.changes and not check:
        apply(_by(call, asked), asked.host, plan)
    return {asked.name: (len(plan.listed) - plan.changes, plan.changes)}


def question(target: Target) -> Request | None:
    """What `contents` asks first, None where it asks nothing. target: the first of its brokers."""
    host = target.host
    return _look(host).at(listeners.door(host)) if listed(host) and security.on(host) else None


def _by(call: Call, asked: Target) -> Ask:
    return lambda request: call(asked.name, request.at(listeners.door(asked.host)))


def of(host: Host) -> list[User]:
    """The users that an inventory lists; it was checked. Where that is a right of its own, whoever may write may do so
    idempotently, too, as the producers of today do unless they are told otherwise."""
    found = parse(host.vars[VARIABLE], partial(host.place, VARIABLE))[0]
    if not found or release(host.vars).number >= IDEMPOTENT:
        return found
    return [_idempotent(one) for one in found]


def _idempotent(user: User) -> User:
    may = [Rule(user.name, "idempotent-write", "cluster", CLUSTER)] if any(map(_writes, user.rules)) else []
    return user._replace(rules=(*user.rules, *may))


def _writes(rule: Rule) -> bool:
    return (rule.kind, rule.operation) == ("topic", "write")


def origins(host: Host) -> dict[Rule, list[str]]:
    """{rule: the variables that list it}."""
    found: dict[Rule, list[str]] = {}
    listed = {VARIABLE: [rule for one in of(host) for rule in one.rules], RULES: rules_of(host) or []}
    for variable, rules in listed.items():
        for rule in rules:
            found.setdefault(rule, []).append(variable)
    return found


def rules_of(host: Host) -> list[Rule] | None:
    """The rules that an inventory lists beside those of its users; None where it does not say. It was checked."""
    given = host.vars[RULES]
    return None if given is None else acls.parse(given, partial(host.place, RULES))[0]


def problems(inventory: Inventory) -> list[ConfigError]:
    """kafka_users and kafka_acls are the same on all brokers, each entry is one, and there is a listener for them."""
    brokers = members(inventory, "kafka")
    used = [one for one in (VARIABLE, RULES) if any(host.vars[one] for host in brokers)]
    if differs := [problem for one in (VARIABLE, RULES) for problem in one_for_all(brokers, one)]:
        return differs
    parsed: dict[str, Callable[..., tuple[list[Any], list[ConfigError]]]] = {VARIABLE: parse, RULES: acls.parse}
    found = [
        problem for one in used for problem in parsed[one](brokers[0].vars[one], partial(brokers[0].place, one))[1]
    ]
    if used and not security.on(brokers[0]):
        found.append(
            ConfigError(
                f"{used[0]} lists {'users' if used[0] == VARIABLE else 'rules'}, and no listener asks for a user",
                details=[f"in: {brokers[0].place(used[0])}"],
                advice=f"set kafka_security: required (or open), or remove {used[0]}",
            )
        )
    elif used and not found and (known := release(brokers[0].vars)).number < MUTATIONS:
        found += [
            ConfigError(
                f"kafka_users: {one.name} has a quota of mutations, which Kafka {known.version} does not know",
                details=[f"in: {brokers[0].place(VARIABLE, one.name)}"],
                advice="leave it out: the other kinds of quota are known",
            )
            for one in of(brokers[0])
            if KINDS["mutations"].key in (one.quota or {})
        ]
    if used and not found and not listeners.with_certificates(brokers[0]):
        found += [
            ConfigError(
                f"kafka_users: {one.name} shows a certificate, and no listener takes one",
                details=[f"in: {brokers[0].place(VARIABLE, one.name)}"],
                advice="list one in kafka_listeners, beside those that are there: "
                "{name: CERTIFICATES, port: 9096, clients: certificates}",
            )
            for one in of(brokers[0])
            if one.certificate
        ]
    return found
