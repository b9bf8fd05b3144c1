"""Problems of an inventory's `kafka_security`, found before any connection; pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cluster.users import principals
from cluster.users.rules import EVERYONE
from provisioner.errors import ConfigError
from roles.kafka import given, listeners, metadata
from roles.kafka.release import reads_java_only, release
from roles.shared import kraft, releases, security
from roles.shared.checks import members, one_for_all

if TYPE_CHECKING:
    from provisioner.inventory.model import Host, Inventory


# The first Kafka that speaks TLS to ZooKeeper (KIP-515).
WITH_ZOOKEEPER = (2, 5)
# What says how a broker speaks to ZooKeeper.
DECIDED = re.compile(r"zookeeper\.(ssl\..+|set\.acl|clientCnxnSocket)")


def problems(inventory: Inventory) -> list[ConfigError]:
    """All of them; a mode that is not one, or that the cluster cannot have, first and alone."""
    first = one_mode(inventory) or keeper(inventory)
    rest = (no_listener_of_ours, decided, renewed_in_time, super_users, given.problems, nodes_keys_only)
    return first or [problem for check in rest for problem in check(inventory)]


def one_mode(inventory: Inventory) -> list[ConfigError]:
    """All nodes of a cluster are closed in the same way."""
    hosts = {host.name: host for group in kraft.NODES for host in members(inventory, group)}
    found: dict[str, list[str]] = {}
    for name, host in hosts.items():
        found.setdefault(security.mode(host), []).append(name)
    if len(found) < 2:
        return []
    return [
        ConfigError(
            "kafka_security differs between the hosts of one cluster",
            details=[f"{mode}: {', '.join(names)}" for mode, names in found.items()],
            advice="set it once for all hosts, under `all: vars:`",
        )
    ]


def keeper(inventory: Inventory) -> list[ConfigError]:
    """A ZooKeeper of the cluster is closed with it: of the inventory, and of a version that can be."""
    closed = [host for host in members(inventory, kraft.BROKERS) if security.on(host)]
    if not closed or metadata.kept_itself(inventory):
        return []
    place = closed[0].place(security.VARIABLE)
    details = [f"in: {place}"] if place else []
    if any(host.vars["kafka_zookeeper_connect"] for host in closed):
        return [
            ConfigError(
                "kafka_security closes ZooKeeper with the brokers, and kafka_zookeeper_connect leads to one outside of "
                "the inventory: whoever reaches an open ZooKeeper can do everything that the brokers refuse",
                details=details,
                advice="leave kafka_security out, or put the servers into the group zookeeper",
            )
        ]
    old = next((one for host in closed if (one := release(host.vars)).number < WITH_ZOOKEEPER), None)
    if old is None:
        return []
    return [
        ConfigError(
            f"kafka_security with ZooKeeper is for Kafka 2.5 and newer, not for {old.version}",
            details=details,
            advice="leave kafka_security out, or use 3.9.2",
        )
    ]


def decided(inventory: Inventory) -> list[ConfigError]:
    """No property says otherwise who may do what."""
    found = [
        (host, variable, name)
        for group, variable in ((kraft.BROKERS, "kafka_config"), (kraft.CONTROLLERS, "kafka_controller_config"))
        for host in members(inventory, group)
        for name in host.vars[variable]
        if name in security.DECIDED or DECIDED.fullmatch(str(name))
    ]
    return [
        ConfigError(
            f"{variable} sets {name}, which follows from kafka_security",
            host=host.name,
            details=[f"in: {host.place(variable, name)}"],
            advice="set kafka_super_users instead"
            if name == security.DECIDED[1]
            else "remove it, or leave kafka_security out",
        )
        for host, variable, name in found
    ]


def super_users(inventory: Inventory) -> list[ConfigError]:
    """kafka_super_users is the same on all nodes, and each entry is a principal as Kafka compares it."""
    nodes = [host for group in (kraft.BROKERS, kraft.CONTROLLERS) for host in members(inventory, group)]
    if differs := one_for_all(nodes, security.SUPER_USERS, "nodes"):
        return differs
    given = nodes[0].vars[security.SUPER_USERS]
    out = []
    if given and not security.on(nodes[0]):
        where, advice = nodes[0].place(security.SUPER_USERS), "set kafka_security: required (or open), or remove it"
        what = "kafka_super_users lists users, and no listener asks for one"
        out.append(ConfigError(what, details=[f"in: {where}"] if where else [], advice=advice))
    for number, one in enumerate(given):
        if why := _no_principal(one, given[:number]):
            place = nodes[0].place(security.SUPER_USERS, str(number))
            out.append(
                ConfigError(
                    f"kafka_super_users has {one!r}: {why}",
                    details=[f"in: {place}"] if place else [],
                    advice="write it like this: kafka_super_users: [alice, 'User:CN=ops,O=x']",
                )
            )
    return out


def _no_principal(one: Any, before: Sequence[Any]) -> str:
    """What is wrong with a super user; "" for nothing."""
    if not isinstance(one, str) or not one.isprintable() or one != one.strip():
        return "it is no text, or has blanks or signs at its ends that cannot be seen"
    if ";" in one:
        return "; separates super users in Kafka's properties, so no name may have it"
    try:
        kind, name = principals.typed(one)
    except ValueError as error:
        return str(error)
    if name == EVERYONE:
        return "everyone cannot be a super user: brokers compare the name as it is"
    others = {principals.typed(other) for other in before if isinstance(other, str) and not _no_principal(other, ())}
    return "it is there twice" if (kind, name) in others else ""


def nodes_keys_only(inventory: Inventory) -> list[ConfigError]:
    """Where keys are in stores of Java's own format, these are the nodes' only."""
    hosts = [host for host in members(inventory, kraft.BROKERS) if security.on(host)]
    return [
        ConfigError(
            f"{what} needs a Kafka that reads PEM, which {release(host.vars).version} does not",
            host=host.name,
            advice=f"leave it out, or set kafka_version: {releases.newest(kraft.BROKERS, paired=kraft.SERVERS)}",
        )
        for host in hosts
        if reads_java_only(host.vars)
        for what in _other_keys(host)
    ]


def _other_keys(host: Host) -> list[str]:
    """What the inventory asks for that has a key, or a list of what is trusted, of its own."""
    shown = [name for name in security.GIVEN if host.vars[name]]
    return [
        *shown[:1],
        *(f"kafka_listeners: {one.name} (clients: certificates)" for one in listeners.with_certificates(host)),
    ]


def renewed_in_time(inventory: Inventory) -> list[ConfigError]:
    """A certificate is good for longer than the time before its end at which it is renewed."""
    return [
        ConfigError(
            "kafka_tls_renew is as long as kafka_tls_lifetime or longer: every deploy would renew",
            host=host.name,
            advice="make it shorter",
        )
        for host in members(inventory, kraft.BROKERS)
        if host.vars["kafka_tls_renew"] >= host.vars["kafka_tls_lifetime"]
    ]


def no_listener_of_ours(inventory: Inventory) -> list[ConfigError]:
    """The inventory lists no listener by a name that `kafka_security` gives to one of its own."""
    out = []
    for host in members(inventory, kraft.BROKERS):
        if not security.on(host):
            continue
        names = [one.name.upper() for one in listeners.of(host)]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            out.append(
                ConfigError(
                    f"kafka_listeners has {', '.join(twice)}, the name of a listener that kafka_security brings",
                    host=host.name,
                    advice="give it another name",
                )
            )
    return out
