"""How `status --watch` looks at a broker: what its host is asked for again and again, and what the answers are
put together in."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from cluster import remote
from cluster.live.picture import Picture
from provisioner.inventory.model import Inventory
from provisioner.resources import Request
from provisioner.run.target import Target
from roles.kafka import listeners, metadata, service, topology
from roles.shared import kraft
from roles.shared.checks import members

UNIT = "kafka"


def request(target: Target) -> Request:
    """The request for samples of the broker on a host."""
    asked = remote.watch_broker(
        topology.broker_id(target.host, target.members("kafka")),
        unit=UNIT,
        dirs=service.data_dirs(target),
        quorum=metadata.own(target),
    )
    return asked.at(listeners.door(target.host))


def picture(inventory: Inventory, hosts: Iterable[str], now: float) -> Picture:
    """An empty picture of a cluster. hosts: those of the brokers that are watched."""
    brokers = members(inventory, "kafka")
    ids = {host.name: topology.broker_id(host, brokers) for host in brokers}
    names = {number: name for name, number in ids.items()}
    own = metadata.kept_itself(inventory)
    if own:
        names |= {one.id: one.host for one in kraft.controllers(partial(members, inventory))}
    watched = {name: ids[name] for name in hosts}
    return Picture(watched, now, expected=list(ids.values()), names=names, own=own)
