"""Users of the secured listeners as an inventory lists them (`kafka_users`): checked, planned, made by a deploy.

What is not listed stays, users and rules alike: `invoke users.apply --prune` removes it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from cluster.users import plan as planning
from cluster.users import remote
from cluster.users.wanted import User, parse
from provisioner.errors import ConfigError
from roles.kafka import listeners
from roles.shared import security
from roles.shared.checks import members, one_for_all

if TYPE_CHECKING:
    from cluster.remote import ByBroker
    from provisioner.connect.requests import Call
    from provisioner.inventory.model import Host, Inventory
    from provisioner.report.reporter import Reporter
    from provisioner.run.target import Target

VARIABLE = "kafka_users"
Ask = Callable[["ByBroker"], "dict[str, Any]"]


def door(host: Host) -> str:
    """The secured listener of a broker, as its own host reaches it; "" where it has none."""
    found = listeners.secured(host)
    return found[0].local if found else ""


def planned(ask: Ask, host: Host, wanted: Sequence[User]) -> planning.Plan | None:
    """What is to be done about the users; None where the broker does not answer. host: the one that is asked."""
    there = ask(remote.look(door(host), {one.name: one.password for one in wanted}))
    return planning.make(wanted, there) if there["serving"] else None


def apply(ask: Ask, host: Host, plan: planning.Plan, prune: bool = False) -> None:
    """Do it. prune: also remove what is not listed. Raises HostFailed."""
    removed = [rule for rules in (*plan.more.values(), *plan.others.values()) for rule in rules] if prune else []
    delete = list(plan.others) if prune else []
    rules = {"add": plan.made(), "remove": removed}
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
    """Make the listed users and what they may do. {host by way of which: (users as listed, those changed)}; empty where
    none are listed or no broker answers. Raises HostFailed."""
    target = brokers[0]
    wanted = of(target.host)
    if not wanted or not security.on(target.host):
        return {}
    for asked in brokers:
        plan = planned(_by(call, asked), asked.host, wanted)
        if plan is not None:
            break
    else:
        reporter.note("users: no broker answers yet; a deploy makes them when the services are up")
        return {}
    if plan.changes:
        reporter.phase("Users")
        show(reporter, plan)
    else:
        reporter.note(f"users: {len(wanted)} listed, each as it should be")
        show_left(reporter, plan)
    if plan.changes and not check:
        apply(_by(call, asked), asked.host, plan)
    return {asked.name: (len(wanted) - plan.changes, plan.changes)}


def _by(call: Call, asked: Target) -> Ask:
    return lambda request: call(asked.name, request.at(listeners.door(asked.host)))


def of(host: Host) -> list[User]:
    """The users that an inventory lists; it was checked."""
    return parse(host.vars[VARIABLE], partial(host.place, VARIABLE))[0]


def listed(inventory: Inventory) -> list[ConfigError]:
    """kafka_users is the same on all brokers, each entry is a user, and there is a listener for them."""
    brokers = members(inventory, "kafka")
    if not brokers or not any(host.vars[VARIABLE] for host in brokers):
        return []
    if differs := one_for_all(brokers, VARIABLE):
        return differs
    problems = parse(brokers[0].vars[VARIABLE], partial(brokers[0].place, VARIABLE))[1]
    if not security.on(brokers[0]):
        problems.append(
            ConfigError(
                "kafka_users lists users, and no listener asks for one",
                details=[f"in: {brokers[0].place(VARIABLE)}"],
                advice="set kafka_security: required (or open), or remove kafka_users",
            )
        )
    return problems
