"""The listeners of a broker: where clients, the other brokers and the toolkit reach it; pure functions of hosts.

Role, checks, gate and the smoke check all use this module, so that they cannot disagree. It refuses an entry that is no
listener; which listeners a cluster may have is said in `checks.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cluster.endpoint import PLAINTEXT, SASL_SSL, SSL, Endpoint, joined
from provisioner.errors import ConfigError
from provisioner.inventory import addresses
from provisioner.inventory.value_types import HOST, PORT, STR
from roles.shared import security
from roles.shared.members import HostLike

PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
KEYS = (
    *("name", "port", "protocol", "bind", "advertised_host", "advertised_port"),
    *("secure_port", "secure_advertised_port", "clients"),
)
CERTIFICATES = "certificates"  # what clients show at a listener, where its entry says so
_EXAMPLE = "an entry looks like {name: INTERNAL, port: 9092, advertised_host: broker1.example.com}"
# Names are parts of properties (listener.name.NAME.*), between dots.
_NAME = re.compile(r"[A-Za-z0-9_-]+")
# A listener as Kafka's own property has it.
_URI = re.compile(r"(?P<name>[A-Za-z0-9_-]+)://(?P<bind>[^,\s]*):(?P<port>[0-9]+)")


@dataclass(frozen=True)
class Listener:
    """A listener of a broker: the address it binds to, and the address it gives to clients."""

    name: str
    port: int
    protocol: str
    bind: str
    advertised_host: str
    advertised_port: int
    # Of the secured door beside it, and as it is given to clients.
    secure_port: int = field(default=0, compare=False)
    secure_advertised_port: int = field(default=0, compare=False)
    # Whether clients show a certificate there: it is there only while the cluster is closed.
    certificates: bool = field(default=False, compare=False)

    @property
    def bound(self) -> str:
        """host:port at which it listens, as server.properties has it."""
        return joined(self.bind, self.port)

    @property
    def advertised(self) -> str:
        """host:port that it gives to clients."""
        return joined(self.advertised_host, self.advertised_port)

    @property
    def everywhere(self) -> bool:
        """Whether it listens on all addresses of its host."""
        return self.bind in ("", "0.0.0.0", "::")

    @property
    def local(self) -> str:
        """host:port at which this listener answers on its own host."""
        return joined(self.here, self.port)

    @property
    def here(self) -> str:
        """The address at which this listener answers on its own host."""
        return "127.0.0.1" if self.everywhere else self.bind

    @property
    def asked_here(self) -> str:
        """Where the toolkit asks the broker on its own host, as `Endpoint.parse` takes it."""
        return Endpoint(self.here, self.port, self.protocol).to_wire()

    @property
    def asked(self) -> str:
        """Where the toolkit asks it on another host of the cluster."""
        return Endpoint(self.advertised_host, self.advertised_port, self.protocol).to_wire()


def written(listener: Listener) -> dict[str, str]:
    """The parts of a listener as server.properties has them; the template puts them together."""
    return {
        "name": listener.name,
        "protocol": listener.protocol,
        "bound": listener.bound,
        "advertised": listener.advertised,
    }


def of(host: HostLike) -> tuple[Listener, ...]:
    """A broker's listeners, complete with defaults. ConfigError for an invalid entry."""
    listed = _listed(host)
    return tuple(_closed(host, listed) if security.on(host) else (one for one in listed if not one.certificates))


def _listed(host: HostLike) -> list[Listener]:
    """The listeners as the inventory has them."""
    default = {"name": PLAINTEXT, "port": host.vars["kafka_port"], "secure_port": host.vars["kafka_secure_port"]}
    given = host.vars["kafka_listeners"] or [default]
    return [_listener(host, entry, str(index)) for index, entry in enumerate(given)]


def _closed(host: HostLike, listed: Sequence[Listener]) -> list[Listener]:
    """The listeners of a broker that speaks TLS with the others: one for the nodes, and for each plaintext one a
    secured door, beside it or in its place."""
    address = host.vars["kafka_internal_address"]
    port = int(host.vars["kafka_internal_port"])
    found = [Listener(security.NODES, port, SSL, "0.0.0.0", str(address), port)]
    for one in listed:
        if one.protocol != PLAINTEXT or security.mode(host) != security.REQUIRED:
            found.append(one)
        if one.protocol == PLAINTEXT:
            found.append(
                Listener(
                    name=security.secured(one.name),
                    port=one.secure_port,
                    protocol=SASL_SSL,
                    bind=one.bind,
                    advertised_host=one.advertised_host,
                    advertised_port=one.secure_advertised_port,
                )
            )
    return found


def of_nodes(host: HostLike) -> Listener:
    """The listener for nodes and the toolkit that `kafka_security` brings."""
    return next(one for one in of(host) if one.name == security.NODES)


def secured(host: HostLike) -> list[Listener]:
    """The secured doors for clients that `kafka_security` brings."""
    if not security.on(host):
        return []
    names = {security.secured(one.name) for one in _listed(host) if one.protocol == PLAINTEXT}
    return [one for one in of(host) if one.name in names]


def with_certificates(host: HostLike) -> list[Listener]:
    """The listeners at which clients show a certificate."""
    return [one for one in of(host) if one.certificates]


def closed_off(host: HostLike) -> list[str]:
    """The names of listeners that are listed and not there, as the cluster is open."""
    return [one.name for one in _listed(host) if one.certificates] if not security.on(host) else []


def _listener(host: HostLike, entry: Any, index: str) -> Listener:
    if not isinstance(entry, Mapping):
        as_kafka_has_it = _URI.fullmatch(entry) if isinstance(entry, str) else None
        advice = f"{_EXAMPLE}; keys: {', '.join(KEYS)}"
        if as_kafka_has_it:
            advice = "write it like this: {{name: {name}, port: {port}}}".format(**as_kafka_has_it.groupdict())
        raise _refused(host, entry, "it is not a map", advice, index)
    # What is empty is not set, as everywhere in an inventory.
    said = {key: value for key, value in entry.items() if value is not None}
    if unknown := sorted(str(key) for key in said if key not in KEYS):
        raise _refused(host, entry, f"unknown key {unknown[0]}", None, index)
    if missing := next((key for key in ("name", "port") if key not in said), None):
        raise _refused(host, entry, f"{missing} is missing", None, index)

    def typed(key: str, parse: Any, what: str, default: Any) -> Any:
        if key not in said:
            return default
        try:
            return parse(said[key], None)
        except ValueError as error:
            reason = f": {error}" if str(error) else f"; found: {said[key]!r}"
            raise _refused(host, entry, f"{key} must be {what}{reason}", None, index, key) from None

    port = typed("port", PORT.parse, PORT.expected, 0)
    advertised_port = typed("advertised_port", PORT.parse, PORT.expected, port)
    secure_port = typed("secure_port", PORT.parse, PORT.expected, port + security.BESIDE)
    certificates = typed("clients", _clients, f"{CERTIFICATES}, or left out", False)
    protocol = typed("protocol", _protocol, f"one of {', '.join(PROTOCOLS)}", SSL if certificates else PLAINTEXT)
    if certificates and protocol != SSL:
        raise _refused(host, entry, f"clients show certificates over SSL, not {protocol}", None, index, "protocol")
    return Listener(
        name=typed("name", _name, "a name of letters, digits, _ and -", ""),
        port=port,
        protocol=protocol,
        bind=typed("bind", _bind, HOST.expected, "0.0.0.0"),
        advertised_host=typed("advertised_host", HOST.parse, HOST.expected, host.vars["kafka_advertised_host"]),
        advertised_port=advertised_port,
        secure_port=secure_port,
        secure_advertised_port=typed("secure_advertised_port", PORT.parse, PORT.expected, secure_port),
        certificates=certificates,
    )


def _name(value: Any, text: str | None) -> str:
    name = STR.parse(value, text)
    if not _NAME.fullmatch(name):
        raise ValueError
    return str(name)


def _protocol(value: Any, text: str | None) -> str:
    protocol = STR.parse(value, text).upper()
    if protocol not in PROTOCOLS:
        raise ValueError
    return str(protocol)


def _clients(value: Any, text: str | None) -> bool:
    if STR.parse(value, text) != CERTIFICATES:
        raise ValueError
    return True


def _bind(value: Any, text: str | None) -> str:
    return addresses.bind(STR.parse(value, text))


def _refused(host: HostLike, entry: Any, why: str, advice: str | None, *keys: str) -> ConfigError:
    place = host.place("kafka_listeners", *keys)
    return ConfigError(
        f"kafka_listeners has an entry that is not a listener: {entry!r}",
        host=host.name,
        details=[why, *([f"in: {place}"] if place else [])],
        advice=advice or f"{_EXAMPLE}; keys: {', '.join(KEYS)}",
    )


def inter_broker(host: HostLike) -> Listener:
    """The listener through which brokers connect to each other. ConfigError when the named one does not exist."""
    if security.among_nodes(host):
        return of_nodes(host)
    found = [one for one in of(host) if not one.certificates]
    first = next((one.name for one in _listed(host) if not one.certificates), "")
    name = host.vars["kafka_inter_broker_listener"] or first
    if not name:
        raise ConfigError(
            "kafka_listeners has no listener for brokers among themselves, only for clients with certificates",
            host=host.name,
            advice="list another one, too, or set kafka_security: required, which brings one",
        )
    for listener in found:
        if listener.name.upper() == name.upper():  # Kafka does not distinguish them either
            return listener
    raise ConfigError(
        f"kafka_inter_broker_listener {name} is not one of the listeners",
        host=host.name,
        details=[f"kafka_listeners: {', '.join(listener.name for listener in found)}"],
    )


def bootstrap_servers(brokers: Sequence[HostLike]) -> list[dict[str, Any]]:
    """What clients are given as `bootstrap.servers`, by listener: {listener, protocol, servers: "a:9092,b:9092",
    between_brokers}. Those that only clients use come first. brokers: all of the cluster, also those that are down."""
    found: dict[str, list[Listener]] = {}
    for broker in brokers:
        for listener in of(broker):
            found.setdefault(listener.name, []).append(listener)
    inner = inter_broker(brokers[0]).name
    return [
        {
            "listener": name,
            "protocol": listed[0].protocol,
            "servers": ",".join(one.advertised for one in listed),
            "between_brokers": name == inner,
        }
        for name, listed in sorted(found.items(), key=lambda item: item[0] == inner)
    ]


def told(servers: Sequence[Mapping[str, Any]]) -> list[str]:
    """The lines about them, as a client's configuration has them; of several, each with its listener."""
    lines = []
    for one in servers:
        about = [one["listener"]] if len(servers) > 1 else []
        about += [one["protocol"]] if one["protocol"] != "PLAINTEXT" else []
        about += ["the brokers' own"] if one["between_brokers"] and len(servers) > 1 else []
        which = f" ({', '.join(about)})" if about else ""
        lines.append(f"bootstrap.servers{which}: {one['servers']}")
    return lines


def door(host: HostLike) -> str:
    """Where a broker takes the toolkit's own requests on its own host, as `Endpoint.parse` takes it."""
    return inter_broker(host).asked_here
