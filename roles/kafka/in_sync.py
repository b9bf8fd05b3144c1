"""min.insync.replicas of a cluster that holds it for all brokers, whatever their files say
(`cluster/settings/held.py`).

The deploy writes it into the files as ever, and sets it here, once the services are up. The inventory's value always
counts: Kafka itself makes such a value, so that one that a person has set cannot be told from it, and there is no other
place for the inventory's.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from cluster import remote
from provisioner.errors import ConfigError, HostFailed
from roles.kafka import answers, listeners, metadata, topology
from roles.kafka.release import release
from roles.shared import kraft
from roles.shared.checks import members

if TYPE_CHECKING:
    from provisioner.connect.requests import Call
    from provisioner.inventory.model import Host, Inventory
    from provisioner.report.reporter import Reporter
    from provisioner.resources import Request
    from provisioner.run.target import Target

NAME = "min.insync.replicas"
SINCE = (4, 0)  # the version that has the feature with which clusters hold it (eligible.leader.replicas.version)


def contents(call: Call, brokers: Sequence[Target], reporter: Reporter, check: bool) -> dict[str, tuple[int, int]]:
    """Set the inventory's value for all brokers where the cluster holds it. {host by way of which: (1, 0) as it should
    be, (0, 1) changed or to be changed}; empty where the files count, or no broker answers. Raises HostFailed."""
    if question(brokers[0]) is None:
        return {}
    found = answers.first(call, brokers, remote.held_settings())
    if found is None or not found[1]["held"]:
        return {}
    asked, now = found[0], found[1]["value"]
    wanted = _wanted(asked.host, len(asked.members(kraft.BROKERS)))
    if now == wanted:
        return {asked.name: (1, 0)}
    if not check:
        request = remote.alter_broker_settings({NAME: wanted}, broker=None, check=False)
        late = call(asked.name, request.at(listeners.door(asked.host)))["late"]
        if late:
            raise HostFailed(
                f"{NAME} {wanted} is set for all brokers, and not in force yet on {', '.join(map(str, late))}",
                host=asked.name,
                advice="see `invoke status`, then deploy again",
            )
    reporter.change(asked.name, f"setting:{NAME}", "~", f"{now or 'not set'} -> {wanted} for all brokers, no restart")
    return {asked.name: (0, 1)}


def question(target: Target) -> Request | None:
    """What `contents` asks first, None where it asks nothing. target: the first of its brokers."""
    if not metadata.own(target) or release(target.host.vars).number < SINCE:
        return None
    return remote.held_settings().at(listeners.door(target.host))


def one_value(inventory: Inventory) -> list[ConfigError]:
    """The brokers of a cluster that may hold the value for all of them agree about it. Pure."""
    brokers = members(inventory, kraft.BROKERS)
    if not brokers or not kraft.on(brokers[0], partial(members, inventory)):
        return []
    values = {host.name: _wanted(host, len(brokers)) for host in brokers if _may_hold(host)}
    if len({*values.values()}) < 2:
        return []
    return [
        ConfigError(
            "kafka_min_insync_replicas differs between the brokers, and the cluster holds one value for all of them",
            details=[f"{name}: {value}" for name, value in values.items()],
            advice="set it (and kafka_replication_factor) once for all hosts, under `all: vars:`",
        )
    ]


def _may_hold(host: Host) -> bool:
    try:
        return release(host.vars).number >= SINCE
    except ConfigError:  # the checks of versions say so
        return False


def _wanted(host: Host, brokers: int) -> str:
    return str(topology.replication(host, brokers).min_insync)
