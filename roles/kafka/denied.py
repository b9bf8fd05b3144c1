"""Users that a cluster which is closed further (`kafka_security: open -> required`) would deny what they do today.

While it is open, everybody may use what no rule is about. Nobody can say whose clients rely on that but the brokers'
authorizer, so all brokers are listened to for some seconds before they are closed. A client that does nothing then is
not heard.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from cluster.users import check, remote
from cluster.users.rules import USER, from_wire, principal
from cluster.users.wanted import OURS
from provisioner.run.evidence import DOWNTIME, Consent, Objection
from provisioner.words import some
from roles.kafka import listeners, logs, topology, users
from roles.shared import security

if TYPE_CHECKING:
    from provisioner.connect.requests import Call
    from provisioner.run.evidence import Witness

UNIT = "kafka"
LOG = f"{logs.folder(UNIT)}/kafka-authorizer.log"
SECONDS = 4.0  # a consumer asks at least every half a second, a group's member every three (Kafka's defaults)
SHOWN = 8  # things that a user does


def denied(closing: Sequence[Witness], call: Call) -> list[Objection]:
    """Those of brokers that a deploy is about to close further. closing: these (`clients.closed_further`)."""
    aside = [*security.super_users(closing[0].target.host), f"{USER}:{security.ANONYMOUS}"]

    def listen(one: Witness) -> set[tuple[str, ...]]:
        host = one.target.host
        broker = topology.broker_id(host, one.target.members(UNIT))
        asked = remote.listen(broker, log=LOG, seconds=SECONDS, aside=aside)
        return {tuple(said) for said in call(one.name, asked.at(listeners.door(host)))["heard"]}

    with ThreadPoolExecutor(len(closing)) as beside:
        heard = set().union(*beside.map(listen, closing))
    asked_by = closing[0]
    there = call(asked_by.name, remote.look("", {}).at(listeners.door(asked_by.target.host)))
    if not there["serving"]:
        return []
    host = asked_by.target.host
    supers = frozenset(name for kind, name in map(principal, security.super_users(host)) if kind == USER)
    policy = check.Policy(supers, everyone=False)
    rules = [from_wire(one) for one in there["rules"]]
    found = lost(heard, rules, policy)
    if not found:
        return []
    soon = [*rules, *(rule for one in users.of(host) for rule in one.rules), *(users.rules_of(host) or [])]
    listed = not lost(heard, soon, policy)
    return [
        Objection(
            "users do what no rule allows them, and would be denied it",
            details=tuple(f"{name}: {some(does, SHOWN)}" for name, does in found.items()),
            way="make the rules first, the inventory has them already: `invoke users.apply`"
            if listed
            else "list what they need in kafka_users (or kafka_acls), and make it so first: `invoke users.apply`",
            consent=Consent(DOWNTIME),
        )
    ]


def lost(heard: set[tuple[str, ...]], rules: Sequence[check.Rule], policy: check.Policy) -> dict[str, list[str]]:
    """{user: what it does and may not do by these rules}, of those that were heard, as `overheard.Heard`. Pure."""
    found: dict[str, set[str]] = {}
    for who, operation, kind, name, address in heard:
        sort, user = principal(who)
        if sort != USER or user.startswith(OURS):
            continue
        if not check.may_somewhere(rules, policy, check.Question(user, operation, kind, name, address)).allowed:
            found.setdefault(user, set()).add(f"{operation} {kind}{f' {name}' if kind != 'cluster' else ''}")
    return {user: sorted(does) for user, does in sorted(found.items())}
