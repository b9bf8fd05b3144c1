"""How closed a cluster's doors are (`kafka_security`), as roles and checks need it; pure.

The nodes of a cluster, and the toolkit on their hosts, speak over a listener of their own, NODES, by TLS in which both
sides show a certificate of the cluster's own authority. Clients get a secured door beside each plaintext one, and with
`required` the plaintext ones are gone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from cluster.endpoint import AUTHORITY, GIVEN_AUTHORITY, GIVEN_NODE, NODE, PLAINTEXT, SSL
from cluster.protocol.login import MECHANISMS, MODULE
from cluster.users import principals
from cluster.users.rules import USER
from provisioner.resources import jks
from roles.shared.properties import escaped

VARIABLE, SUPER_USERS = "kafka_security", "kafka_super_users"
OFF, OPEN, REQUIRED = "off", "open", "required"
# Between off and the others, in no inventory (`roles/kafka/stages.py`). ADDED: the listeners with TLS are there, and
# nodes speak over the old ones; MOVED: nodes speak over the new ones, and the old ones are there, too.
ADDED, MOVED = "listeners with TLS added", "nodes speak TLS"
WAY = (OFF, ADDED, MOVED, REQUIRED)  # the last of them stands for open as well
NODES = "NODES"  # the listener of the nodes and of the toolkit
SECURED = "SECURE"  # of clients, for the default listener; behind the name of another
BESIDE = 2  # the port of a secured listener is so much higher than that of its plaintext one, unless it is given
AUTHORIZER = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
ZOOKEEPER_AUTHORIZER = "kafka.security.authorizer.AclAuthorizer"  # of brokers that keep rules there

# What each node is called in its certificate, one name for all: so a node more is no change for the others.
ORGANIZATION, NAME = "kafka-provisioner", "kafka"
ANONYMOUS = "ANONYMOUS"  # who has no name
SUBJECT = f"CN={NAME},O={ORGANIZATION}"  # as Java writes it (RFC 2253), and Kafka's principal behind "User:"
# Clients with certificates: the organization in them, and the file of what is trusted at their listeners, which is no
# authority of nodes. Kafka's rule makes CN=alice the user alice, and turns away whoever has another name, as it
# has no DEFAULT.
CLIENTS, TRUSTED_CLIENTS = "kafka-clients", "clients.pem"
MAPPING = f"RULE:^CN=([A-Za-z0-9._-]+),O={CLIENTS}$/$1/"


# What decides who may do what in a closed cluster.
DECIDED = ("authorizer.class.name", "super.users", "allow.everyone.if.no.acl.found")

# What listeners of clients show instead of the node's certificate: its file, that of its key, what clients trust.
GIVEN = ("kafka_tls_cert", "kafka_tls_key", "kafka_tls_ca")


class Door(NamedTuple):
    """A listener of a controller."""

    name: str
    port: int
    protocol: str


class Vars(Protocol):
    """The used part of `provisioner.inventory.model.Host`."""

    @property
    def vars(self) -> Mapping[str, Any]: ...


def mode(host: Vars) -> str:
    """OFF, OPEN or REQUIRED."""
    return str(host.vars[VARIABLE] or OFF)


def on(host: Vars) -> bool:
    """Whether there are listeners with TLS."""
    return mode(host) != OFF


def among_nodes(host: Vars) -> bool:
    """Whether the nodes speak TLS to each other, and the toolkit to them."""
    return mode(host) not in (OFF, ADDED)


def of_controllers(host: Vars, name: str, port: int, secure_port: int) -> tuple[Door, ...]:
    """The listeners of a controller; over the first of them nodes speak to it. name: of the plaintext one."""
    plain, closed = Door(name, port, PLAINTEXT), Door(secured(name), secure_port, SSL)
    return {OFF: (plain,), ADDED: (plain, closed), MOVED: (closed, plain)}.get(mode(host), (closed,))


def secured(listener: str) -> str:
    """The name of the door that is beside a plaintext listener, or in its place."""
    return SECURED if listener == PLAINTEXT else f"{listener}_{SECURED}"


def folder(unit: str) -> str:
    """Where a unit has its key and what it trusts (`cluster/endpoint.py: TLS_FOLDERS`)."""
    return f"/etc/{unit}/tls"


def files(unit: str) -> tuple[str, str]:
    """The paths of a unit's key with its certificate, and of the authority's certificate."""
    return f"{folder(unit)}/{NODE}", f"{folder(unit)}/{AUTHORITY}"


def given(host: Vars) -> bool:
    """Whether the listeners of clients show a certificate that is given, not the node's own."""
    return on(host) and all(host.vars[name] for name in GIVEN)


def given_files(unit: str) -> tuple[str, str]:
    """As `files`, of what is shown to clients then."""
    return f"{folder(unit)}/{GIVEN_NODE}", f"{folder(unit)}/{GIVEN_AUTHORITY}"


def store_files(unit: str) -> tuple[str, str]:
    """As `files`, of the same in Java's own format, where a unit reads no PEM."""
    own, trusted = files(unit)
    return jks.beside(own), jks.beside(trusted)


def admin(unit: str, stores: bool = False) -> dict[str, str]:
    """The properties by which a client is the node of its host. stores: whether it reads no PEM."""
    return {"security.protocol": SSL, **_stores(unit, stores)}


def node(
    host: Vars, unit: str, listeners: Sequence[str], authorizer: str = AUTHORIZER, stores: bool = False
) -> dict[str, str]:
    """The properties of a node in a closed cluster: the listeners on which nodes speak to each other, at which whoever
    connects must show a certificate, too; and who may do what. While there are plaintext doors, whoever comes through
    them has no name and may do everything, as before; a rule for a user would lock them out otherwise. stores: as for
    `admin`."""
    found: dict[str, str] = {}
    for listener in listeners:
        found |= _tls(unit, listener, "required", stores)
    users = escaped(";".join(super_users(host)))
    return {
        **found,
        **dict(zip(DECIDED, (authorizer, users, str(everyone(host)).lower()), strict=True)),
    }


def super_users(host: Vars) -> list[str]:
    """Those that may do everything, as Kafka writes them: "User:alice"."""
    own = [SUBJECT] if mode(host) == REQUIRED else [SUBJECT, ANONYMOUS]
    listed = [":".join(principals.typed(str(one))) for one in host.vars[SUPER_USERS]]
    return [*(f"{USER}:{one}" for one in own), *listed]


def everyone(host: Vars) -> bool:
    """Whether everyone may do what no rule is about."""
    return mode(host) != REQUIRED


def controller(host: Vars, unit: str, listeners: Sequence[str]) -> dict[str, str]:
    """The same of a controller that is a process of its own; none where the cluster is open."""
    return node(host, unit, listeners) if on(host) else {}


def client_door(host: Vars, unit: str, listener: str, stores: bool = False) -> dict[str, str]:
    """The properties of a listener at which clients have a name and a password, over TLS. Whoever is to be trusted by
    certificate stays with the nodes' authority, whatever is shown. stores: as for `admin`."""
    prefix = f"listener.name.{listener.lower()}."
    shown = {f"{prefix}ssl.keystore.location": given_files(unit)[0]} if given(host) else {}
    return {
        **_tls(unit, listener, "none", stores),
        **shown,
        f"{prefix}sasl.enabled.mechanisms": ",".join(MECHANISMS),
        **{f"{prefix}{one.lower()}.sasl.jaas.config": f"{MODULE} required;" for one in MECHANISMS},
        f"{prefix}connections.max.reauth.ms": str(host.vars["kafka_reauth"]),
    }


def certificate_door(unit: str, listener: str) -> dict[str, str]:
    """The properties of a listener at which clients show a certificate, of the clients' own authority."""
    prefix = f"listener.name.{listener.lower()}."
    return {
        **_tls(unit, listener, "required"),
        f"{prefix}ssl.truststore.location": f"{folder(unit)}/{TRUSTED_CLIENTS}",
        f"{prefix}ssl.principal.mapping.rules": MAPPING,
    }


def _tls(unit: str, listener: str, clients: str, stores: bool = False) -> dict[str, str]:
    """The properties of a listener that speaks TLS. clients: ssl.client.auth."""
    return {
        f"listener.name.{listener.lower()}.{name}": value
        for name, value in {**_stores(unit, stores), "ssl.client.auth": clients}.items()
    }


def _stores(unit: str, stores: bool) -> dict[str, str]:
    """The properties that say what a node shows, and whom it trusts."""
    own, trusted = store_files(unit) if stores else files(unit)
    kind = "JKS" if stores else "PEM"
    return {
        "ssl.keystore.type": kind,
        "ssl.keystore.location": own,
        **({"ssl.keystore.password": jks.PASSWORD} if stores else {}),
        "ssl.truststore.type": kind,
        "ssl.truststore.location": trusted,
    }
