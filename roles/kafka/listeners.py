"""The listeners of a broker: where clients, the other brokers and the toolkit reach it; pure functions of hosts.

Role, checks, gate and the smoke check all use this module, so that they cannot disagree. It refuses an entry that is no
listener; which listeners a cluster may have is said in `checks.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from provisioner.errors import ConfigError
from provisioner.inventory.value_types import PORTS
from roles.shared.members import HostLike

PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")


@dataclass(frozen=True)
class Listener:
    """A listener of a broker: the address it binds to, and the address it gives to clients."""

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


def of(host: HostLike) -> tuple[Listener, ...]:
    """A broker's listeners, complete with defaults. ConfigError for an invalid entry."""
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
        for port in (listener.port, listener.advertised_port):
            if port not in PORTS:
                raise ValueError(f"a port is between {PORTS[0]} and {PORTS[-1]}")
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
    """The listener through which brokers connect to each other. ConfigError when the named one does not exist."""
    found = of(host)
    name = host.vars["kafka_inter_broker_listener"] or found[0].name
    for listener in found:
        if listener.name == name:
            return listener
    raise ConfigError(
        f"kafka_inter_broker_listener {name} is not one of the listeners",
        host=host.name,
        details=[f"kafka_listeners: {', '.join(listener.name for listener in found)}"],
    )


def door(host: HostLike) -> str:
    """The address at which a broker takes the toolkit's own requests on its own host."""
    return inter_broker(host).local
