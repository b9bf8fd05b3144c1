"""Problems of the brokers of an inventory, found before any connection; pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING

from cluster.topics.wanted import Wanted, parse
from provisioner.errors import ConfigError
from provisioner.words import counted
from roles.kafka import features, in_sync, metadata, topology
from roles.kafka import listeners as doors
from roles.kafka.release import release
from roles.kafka.units import VARIABLES
from roles.shared import checks, kraft, security, values
from roles.shared.checks import members
from roles.shared.directories import DataDir

if TYPE_CHECKING:
    from provisioner.inventory.model import Host, Inventory

# Properties that other parts of the toolkit use as well, so that they have a variable of their own.
OWNED = {
    "broker.id": "kafka_broker_id",
    "node.id": "kafka_broker_id",
    "listeners": "kafka_listeners",
    "advertised.listeners": "kafka_listeners",
    "listener.security.protocol.map": "kafka_listeners",
    "inter.broker.listener.name": "kafka_inter_broker_listener",
    "security.inter.broker.protocol": "kafka_inter_broker_listener",
    "log.dir": "kafka_data_dirs",
    "log.dirs": "kafka_data_dirs",
    "default.replication.factor": "kafka_replication_factor",
    "min.insync.replicas": "kafka_min_insync_replicas",
    **metadata.OWNED,
}


def versions(inventory: Inventory) -> list[ConfigError]:
    """The version is locked, is the same on all hosts, and an archive has it in its name."""
    brokers = members(inventory, "kafka")
    asked = defaultdict(list)
    for host in [*brokers, *metadata.following(inventory)]:
        asked[str(host.vars["kafka_version"])].append(host.name)
    problems = known_version(brokers)
    if len(asked) > 1:
        details = [f"{version}: {', '.join(names)}" for version, names in sorted(asked.items())]
        advice = "set it once for all hosts, under `all: vars:` (ZooKeeper's version follows from it)"
        summary = "kafka_version differs between hosts of one cluster"
        problems.append(ConfigError(summary, details=details, advice=advice))
    return problems


def known_version(hosts: Sequence[Host]) -> list[ConfigError]:
    """The version of these hosts is locked."""
    return checks.versions(hosts, "kafka", release, r"kafka_[\d.]+-(\d[\d.]*\d)")


def unique_ids(inventory: Inventory) -> list[ConfigError]:
    """No two brokers share an id."""
    return checks.unique_ids(members(inventory, "kafka"), "kafka_broker_id", topology.broker_id, 0, 2**31 - 1)


def listeners(inventory: Inventory) -> list[ConfigError]:
    """Every listener is complete, names are unique, and all brokers talk over the same one, which the toolkit can
    speak."""
    out, names = [], {}
    closed = defaultdict(list)
    for host in members(inventory, "kafka"):
        found = [listener.name for listener in doors.of(host)]
        if len({name.upper() for name in found}) < len(found):
            details = ["Kafka does not distinguish upper and lower case in them"] if len({*found}) == len(found) else []
            details.append(f"in: {host.place('kafka_listeners')}")
            summary = f"kafka_listeners uses a name twice: {', '.join(found)}"
            out.append(ConfigError(summary, host=host.name, details=details, advice="give each a name of its own"))
        out += [_one_door(host.name, pair) for pair in _shared(doors.of(host))]
        own = doors.inter_broker(host)
        names[host.name] = own.name
        if own.protocol != "PLAINTEXT" and not security.on(host):
            closed[own.name, own.protocol].append(host.name)
    for (name, protocol), hosts in closed.items():
        out.append(
            ConfigError(
                f"brokers would talk to each other over {name}, which is {protocol}: deploy, restart and status ask "
                "brokers over that listener, too, and speak PLAINTEXT only",
                host=hosts[0] if len(hosts) == 1 else None,
                details=[f"hosts: {', '.join(hosts)}"] if len(hosts) > 1 else [],
                advice="set kafka_security: open, which brings a listener of their own by TLS; or set "
                "kafka_inter_broker_listener to a PLAINTEXT listener",
            )
        )
    if len({name.upper() for name in names.values()}) > 1:
        details = [f"{host}: {name}" for host, name in names.items()]
        out.append(ConfigError("brokers must use one listener name among themselves", details=details))
    return out


def _shared(found: Sequence[doors.Listener]) -> list[tuple[doors.Listener, doors.Listener]]:
    """Listeners that give clients one address, and speak differently."""
    pairs = combinations(found, 2)
    return [(one, two) for one, two in pairs if one.advertised == two.advertised and one.protocol != two.protocol]


def _one_door(host: str, pair: tuple[doors.Listener, doors.Listener]) -> ConfigError:
    named = " and ".join(f"{one.name} ({one.protocol})" for one in pair)
    summary = f"listeners {named} would both be advertised as {pair[0].advertised}"
    return ConfigError(summary, host=host, advice="give each an advertised_host or advertised_port of its own")


def addresses(inventory: Inventory) -> list[ConfigError]:
    """Brokers find each other, and no broker is refused because another one has registered its address (KafkaServer,
    "Configured end points ... are already registered by broker")."""
    brokers = members(inventory, "kafka")
    own = {host.name: (doors.inter_broker(host).advertised_host, doors.inter_broker(host).name) for host in brokers}
    every = [(one.advertised, host.name, f"listener {one.name}") for host in brokers for one in doors.of(host)]
    return [
        *checks.loopback(
            own,
            "brokers",
            "set kafka_inter_broker_listener to a listener whose advertised_host is the name of its own host",
        ),
        *checks.same_address(every, "give each broker an advertised_host of its own"),
    ]


def replication(inventory: Inventory) -> list[ConfigError]:
    """Replication fits the number of brokers, and a write can succeed at all."""
    out = []
    brokers = members(inventory, "kafka")
    for host in brokers:
        wanted = topology.replication(host, len(brokers))
        if not 1 <= wanted.factor <= len(brokers):
            summary = f"kafka_replication_factor is {wanted.factor}, but the inventory has {len(brokers)} brokers"
            advice = "lower it, or add brokers" if wanted.factor > 0 else "set it to 1 or more"
            out.append(ConfigError(summary, host=host.name, advice=advice))
        elif not 1 <= wanted.min_insync <= wanted.factor:
            summary = f"kafka_min_insync_replicas is {wanted.min_insync}, but partitions have {wanted.factor} copies"
            advice = (
                "lower it: no write with acks=all could succeed" if wanted.min_insync > 0 else "set it to 1 or more"
            )
            out.append(ConfigError(summary, host=host.name, advice=advice))
    return out


def limits(inventory: Inventory) -> list[ConfigError]:
    """Heap and stop timeout are large enough for a broker."""
    return checks.limits(members(inventory, "kafka"), "kafka", 256)


def own_properties(inventory: Inventory) -> list[ConfigError]:
    """kafka_config sets no property that has a variable; JVM options are options."""
    brokers = members(inventory, "kafka")
    owner = metadata.owner(inventory, OWNED)
    return [*checks.own_properties(brokers, "kafka", owner), *values.changed(brokers, "kafka_config")]


def known_properties(inventory: Inventory) -> list[ConfigError]:
    """kafka_config, and the variables that are properties, set some that this version has, to values that it takes."""
    brokers = members(inventory, "kafka")
    given = [host for host in brokers if host.vars["kafka_config"] or checks.given(host, VARIABLES)]
    if not given:
        return []
    from roles.kafka import settings  # few inventories have any, and every run loads this file

    kept_itself = metadata.kept_itself(inventory)
    return settings.problems(given, brokers, metadata.owner(inventory, OWNED), kept_itself)


def topics(inventory: Inventory) -> list[ConfigError]:
    """`topics` is the same on all brokers, as there is one cluster, and each entry is a topic with settings that this
    version takes."""
    brokers = members(inventory, "kafka")
    if differs := checks.one_for_all(brokers, "topics"):
        return differs
    wanted, problems = wanted_topics(inventory)
    for one in wanted:
        if one.factor is not None and one.factor > len(brokers):
            problems.append(
                ConfigError(
                    f"topics: {one.name}: replication_factor is {one.factor}, but the inventory has "
                    f"{counted(len(brokers), 'broker')}",
                    details=[f"in: {one.place}"],
                    advice="lower it, or add brokers",
                )
            )
    if not any(topic.config for topic in wanted):
        return problems
    from roles.kafka import settings  # as above

    return [*problems, *settings.of_topics(brokers[0], wanted)]


def wanted_topics(inventory: Inventory) -> tuple[list[Wanted], list[ConfigError]]:
    """The topics that an inventory lists, and the problems of the list."""
    first = next(iter(members(inventory, "kafka")), None)
    return ([], []) if first is None else parse(first.vars["topics"], partial(first.place, "topics"))


def closed(inventory: Inventory) -> list[ConfigError]:
    """kafka_security is the same everywhere, and this cluster can have it."""
    nodes = [host for group in kraft.NODES for host in members(inventory, group)]
    variables = ("kafka_security", "kafka_super_users", *security.GIVEN)
    if not any(host.vars.get(name) for host in nodes for name in variables):
        return []
    from roles.kafka import closing  # as above

    return closing.problems(inventory)


def users(inventory: Inventory) -> list[ConfigError]:
    """kafka_users is a list of users, and kafka_acls one of rules."""
    brokers = members(inventory, "kafka")
    if not any(host.vars["kafka_users"] or host.vars["kafka_acls"] is not None for host in brokers):
        return []
    from roles.kafka import users  # as above

    return users.problems(inventory)


def spoken(inventory: Inventory) -> list[ConfigError]:
    """kafka_protocol is one that the version knows, and there is such a thing."""
    if not any(host.vars["kafka_protocol"] for host in members(inventory, "kafka")):
        return []
    from roles.kafka import protocol  # few inventories have any, and every run loads this file

    return protocol.problems(inventory)


CHECKS = (
    metadata.missing,
    metadata.addressed,
    versions,
    unique_ids,
    closed,
    listeners,
    addresses,
    replication,
    in_sync.one_value,
    features.wanted,
    spoken,
    limits,
    own_properties,
    known_properties,
    topics,
    users,
)


def ports(host: Host) -> list[tuple[int, str]]:
    """(port, its user) of a broker."""
    return [(listener.port, f"Kafka listener {listener.name}") for listener in doors.of(host)]


def directories(host: Host) -> list[DataDir]:
    """The data directories of a broker."""
    return [DataDir(path, "kafka_data_dirs", "kafka", listed=True) for path in host.vars["kafka_data_dirs"]]


def warnings(inventory: Inventory) -> list[str]:
    """Warnings about working but unwise settings."""
    given = [host for host in members(inventory, "kafka") if host.vars["kafka_config"]]
    rotating = [*_rotating(inventory), *_closed_off(inventory)]
    if not given:
        return [*metadata.untested(inventory), *rotating]
    from roles.kafka import settings  # as above

    without = settings.without_effect(given, metadata.kept_itself(inventory))
    return [*metadata.untested(inventory), *metadata.unread(inventory), *without, *rotating]


def _closed_off(inventory: Inventory) -> list[str]:
    names = dict.fromkeys(name for host in members(inventory, "kafka") for name in doors.closed_off(host))
    said = "is for clients with certificates: it is there once kafka_security is open or required"
    return [f"kafka_listeners: {name} {said}" for name in names]


def _rotating(inventory: Inventory) -> list[str]:
    if not any(security.on(host) for host in members(inventory, "kafka")):
        return []
    from roles.kafka import client_certificates  # only closed clusters have certificates
    from roles.shared import tls

    return [*tls.warnings(inventory), *client_certificates.warnings(inventory)]
