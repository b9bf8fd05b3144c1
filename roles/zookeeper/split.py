"""ZooKeeper servers of one inventory that are not one ensemble: recognised from their modes, and from the servers that
their own configuration names. Pure.

A server whose zoo.cfg names no servers starts alone (`standalone`), with whatever data it has, and answers like a
healthy one: brokers that reach it work on, apart from the others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple


def alone(servers: Collection[str], modes: Mapping[str, str | None]) -> list[str]:
    """The servers that run without the others of their ensemble. servers: the inventory's, by host; modes {host: as
    `srvr` says, None for one that does not serve}."""
    return [name for name in servers if len(servers) > 1 and modes.get(name) == "standalone"]


def leaders(servers: Collection[str], modes: Mapping[str, str | None]) -> list[str]:
    """The servers that lead; the only one of an inventory needs no followers."""
    wanted = ("leader",) if len(servers) > 1 else ("leader", "standalone")
    return [name for name in servers if modes.get(name) in wanted]


def problems(servers: Collection[str], modes: Mapping[str, str | None]) -> Iterator[str]:
    """The ways in which servers are not one ensemble, one sentence each. Arguments as for `alone`."""
    for name in alone(servers, modes):
        yield f"{name} runs ZooKeeper alone, though the inventory has {len(servers)} servers"
    leading = leaders(servers, modes)
    if len(leading) > 1:
        yield f"ZooKeeper has {len(leading)} leaders, so there are as many ensembles: {', '.join(leading)}"


def astray(servers: Collection[str], modes: Mapping[str, str | None]) -> list[str]:
    """The servers that have to come back to the others; none when nobody leads those, so that it is not known which
    data is the ensemble's."""
    return alone(servers, modes) if leaders(servers, modes) else []


def diverged(contents: Mapping[str, tuple[str, int | None]], leader: str | None) -> list[str]:
    """The servers that have another number of znodes than their leader at the same transaction: they came back from
    being alone with their own data, and nothing repairs that. contents {host: (zxid, znodes)} of the servers that
    follow or lead. Equal numbers prove nothing, and a busy ensemble is rarely seen at one transaction."""
    if leader is None or leader not in contents:
        return []
    zxid, znodes = contents[leader]
    return [name for name, (at, number) in contents.items() if at == zxid and number != znodes]


class Named(NamedTuple):
    """How the servers of a zoo.cfg differ from the inventory's. strangers: those that only zoo.cfg has; lacking: those
    that only the inventory has."""

    strangers: tuple[str, ...]
    lacking: tuple[str, ...]


def compare(config: Mapping[str, str], inventory: Mapping[str, str]) -> Named:
    """What a server was told compared with the inventory. config: as `probe.parse_servers` reads it; inventory {id:
    address}, also of a single server, which needs no line."""
    if not config and len(inventory) == 1:
        return Named((), ())
    return Named(
        tuple(address for number, address in config.items() if inventory.get(number) != address),
        tuple(address for number, address in inventory.items() if config.get(number) != address),
    )
