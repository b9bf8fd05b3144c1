"""Who is who in a cluster: ids, addresses, listeners, replication; pure functions of hosts and their variables.

Roles, checks and the smoke check all ask here, so that they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from provisioner.errors import ConfigError

PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")


class HostLike(Protocol):
    """What is needed of `provisioner.inventory.model.Host`."""

    @property
    def name(self) -> str: ...
    @property
    def vars(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True)
class Listener:
    """One door of a broker: where it binds, and the address that clients are told."""

    name: str
    port: int
    protocol: str
    bind: str
    advertised_host: str
    advertised_port: int

    @property
    def local(self) -> str:
        """host:port at which this listener answers on its own host."""
        return f"{'127.0.0.1' if self.bind in ('', '0.0.0.0', '::') else self.bind}:{self.port}"


def _id(host: HostLike, members: Sequence[HostLike], variable: str) -> int:
    given = host.vars.get(variable)
    if given is not None:
        return int(given)
    return [member.name for member in members].index(host.name) + 1


def broker_id(host: HostLike, members: Sequence[HostLike]) -> int:
    """`kafka_broker_id`, or the host's position among the `members` of the group, counted from 1."""
    return _id(host, members, "kafka_broker_id")


def myid(host: HostLike, members: Sequence[HostLike]) -> int:
    """`zookeeper_myid`, or the host's position among the `members` of the group, counted from 1."""
    return _id(host, members, "zookeeper_myid")


def listeners(host: HostLike) -> tuple[Listener, ...]:
    """A broker's listeners, complete with defaults. ConfigError for an entry that cannot be one."""
    given = host.vars["kafka_listeners"] or [{"name": "PLAINTEXT", "port": host.vars["kafka_port"]}]
    return tuple(_listener(host, entry) for entry in given)


def _listener(host: HostLike, entry: Any) -> Listener:
    allowed = ("name", "port", "protocol", "bind", "advertised_host", "advertised_port")
    try:
        if unknown := sorted(set(entry) - set(allowed)):
            raise ValueError(f"unknown key {unknown[0]}")
        listener = Listener(
            name=str(entry["name"]),
            port=int(entry["port"]),
            protocol=str(entry.get("protocol", "PLAINTEXT")).upper(),
            bind=str(entry.get("bind", "0.0.0.0")),
            advertised_host=str(entry.get("advertised_host", host.vars["kafka_advertised_host"])),
            advertised_port=int(entry.get("advertised_port", entry["port"])),
        )
        if listener.protocol not in PROTOCOLS:
            raise ValueError(f"protocol {listener.protocol} is not one of {', '.join(PROTOCOLS)}")
        if not (0 < listener.port < 65536 and 0 < listener.advertised_port < 65536):
            raise ValueError("a port is between 1 and 65535")
        if listener.advertised_host in ("", "0.0.0.0", "::"):
            raise ValueError("advertised_host must be a name or address that clients can connect to")
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        why = f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
        raise ConfigError(
            f"kafka_listeners has an entry that is not a listener: {entry!r}",
            host=host.name,
            details=[why],
            advice="an entry looks like {name: INTERNAL, port: 9092, advertised_host: broker1.example.com}; "
            f"keys: {', '.join(allowed)}",
        ) from None
    return listener


def inter_broker(host: HostLike) -> Listener:
    """The listener that brokers use among themselves. ConfigError when the named one is not there."""
    found = listeners(host)
    name = host.vars["kafka_inter_broker_listener"] or found[0].name
    for listener in found:
        if listener.name == name:
            return listener
    raise ConfigError(
        f"kafka_inter_broker_listener {name} is not one of the listeners",
        host=host.name,
        details=[f"kafka_listeners: {', '.join(listener.name for listener in found)}"],
    )


def plain(host: HostLike) -> Listener | None:
    """A listener without TLS and SASL, since the toolkit's client has neither: the brokers' own if it is one."""
    return next((one for one in (inter_broker(host), *listeners(host)) if one.protocol == "PLAINTEXT"), None)


def door(host: HostLike) -> str:
    """Where a broker takes native requests on its own host. Raises ConfigError when no listener is plain."""
    found = plain(host)
    if found is None:
        own = inter_broker(host)
        raise ConfigError(
            f"this needs a PLAINTEXT listener, and there is none: {own.name} is {own.protocol}",
            host=host.name,
            advice="bind one to 127.0.0.1 in kafka_listeners, or use the official tools on the host",
        )
    return found.local


def zookeeper_addresses(host: HostLike, servers: Sequence[HostLike]) -> list[str]:
    """Names under which this broker reaches the servers. The only one, on this very host, needs no name."""
    if [server.name for server in servers] == [host.name]:
        return ["127.0.0.1"]
    return [str(server.vars["zookeeper_address"]) for server in servers]


def zookeeper_connect(host: HostLike, servers: Sequence[HostLike]) -> str:
    """What a broker's zookeeper.connect says: the servers, each host:port, and the chroot behind the last."""
    reached = zip(zookeeper_addresses(host, servers), servers, strict=True)
    addresses = ",".join(f"{address}:{server.vars['zookeeper_port']}" for address, server in reached)
    chroot = str(host.vars["kafka_zookeeper_chroot"] or "").strip("/")
    return (host.vars["kafka_zookeeper_connect"] or addresses) + (f"/{chroot}" if chroot else "")


@dataclass(frozen=True)
class Replication:
    """Copies of a partition, and the in-sync copies that an acks=all write needs."""

    factor: int
    min_insync: int


def replication(host: HostLike, brokers: int) -> Replication:
    """From the variables, or: 3 copies (all brokers when fewer), of which one may be missing."""
    factor = host.vars["kafka_replication_factor"] or min(3, brokers)
    return Replication(factor, host.vars["kafka_min_insync_replicas"] or max(1, factor - 1))
