"""The quorum of a KRaft cluster as an inventory describes it: its nodes, their ids, and where they are reached. Pure.

The groups say which mode a cluster is in, so that nothing can disagree with them: with servers of ZooKeeper it is
theirs; without, brokers alone are combined (broker and controller in one process), and a group of controllers makes
these a unit of their own. Both kinds at once are the step between the two: brokers say themselves that they still are
controllers. Servers of ZooKeeper and controllers at once are a migration from the one mode to the other, and
`kafka_migration` says how far it is to go (`roles/kafka/migration.py`).
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from cluster.endpoint import PLAINTEXT, Endpoint, joined
from provisioner.quantities import parse_duration
from provisioner.resources import Initial
from roles.shared import security
from roles.shared.members import HostLike, number

Members = Callable[[str], Sequence[HostLike]]  # the hosts of a group

SERVERS, BROKERS, CONTROLLERS = "zookeeper", "kafka", "kafka_controller"  # groups
NODES = (SERVERS, BROKERS, CONTROLLERS)  # of all that a cluster consists of
COMBINED_UNIT, OWN_UNIT = "kafka", "kafka-controller"  # of a controller beside a broker in one process, and of its own
LISTENER = "CONTROLLER"
COMBINED = ("broker", "controller")
MOST_COMBINED = 3  # controllers among brokers, where the inventory does not say which: more only make each vote slower
FIRST_ID = 101  # of controllers of their own: far from the ids of brokers, which count from 1

SESSION = "broker.session.timeout.ms"
SESSION_MS = 6000  # what controllers are told of it, where the inventory has nothing else; why: server.properties.j2

# The steps of a migration from ZooKeeper: all as before it; controllers run, and brokers do not know them; brokers know
# both; brokers know the controllers only, and these still write to ZooKeeper.
MIGRATION = "kafka_migration"
MIGRATES = "zookeeper.metadata.migration.enable"  # of a node that is on the way
BACK, BESIDE, DUAL, MOVED = STEPS = ("back", "controllers", "dual", "brokers")

SHARE_GROUPS = (4, 2)  # the version whose brokers make the topic of share groups (KIP-932)

# Kafka's Uuid: 16 bytes in base64url without padding. Kafka itself takes any text for the id of a cluster.
_UUID = re.compile(r"[A-Za-z0-9_-]{22}")


class Controller(NamedTuple):
    """One voter. host: its name in the inventory; address, port: where other nodes reach it; unit: its systemd unit."""

    host: str
    id: int
    address: str
    port: int
    unit: str
    protocol: str = PLAINTEXT
    doors: tuple[security.Door, ...] = ()  # all listeners; port and protocol are those of the first

    @property
    def asked(self) -> str:
        """Where the toolkit asks it, as `Endpoint.parse` takes it."""
        return Endpoint(self.address, self.port, self.protocol).to_wire()

    @property
    def where(self) -> tuple[int, str, int, str]:
        """As the tables of remote calls take it."""
        return self.id, self.address, self.port, self.protocol

    @property
    def place(self) -> str:
        """host:port"""
        return joined(self.address, self.port)


def on(host: HostLike, members: Members) -> bool:
    """Whether the cluster of this broker keeps its metadata itself."""
    if migration(members):
        return migration(members) == MOVED
    return not members(SERVERS) and not host.vars["kafka_zookeeper_connect"]


def migration(members: Members) -> str:
    """The step of a migration that a cluster is to be at, one of STEPS; "" for none."""
    brokers = members(BROKERS)
    return str(brokers[0].vars.get(MIGRATION) or "") if brokers else ""


def migrating(members: Members) -> bool:
    """Whether there are to be controllers beside ZooKeeper."""
    return migration(members) in (BESIDE, DUAL, MOVED)


def apart(members: Members) -> bool:
    """Whether the controllers are processes of their own."""
    return bool(members(CONTROLLERS))


def controllers(members: Members) -> list[Controller]:
    """The voters, in the inventory's order, processes of their own first."""
    own, brokers = members(CONTROLLERS), members(BROKERS)
    found = [host for host in brokers if "controller" in process_roles(host, members)]
    return [
        *(_controller(host, controller_id(host, own), OWN_UNIT, own_port(host)) for host in own),
        *(_controller(host, number(host, brokers, "kafka_broker_id"), COMBINED_UNIT, _port(host)) for host in found),
    ]


def named(found: Sequence[Controller], unit: str = "") -> dict[str, Controller]:
    """{name: controller}: its host, with its id where the host has two. unit: whose controllers have the name of their
    host in any case, as in a roll of that unit."""
    hosts = [one.host for one in found]
    return {
        one.host if hosts.count(one.host) == 1 or one.unit == unit else f"{one.host} ({one.id})": one for one in found
    }


def voters_in(unit: str, members: Members) -> list[Controller]:
    """The voters that are processes of this unit."""
    keep = not members(SERVERS) or migrating(members)
    return [one for one in controllers(members) if one.unit == unit] if keep else []


def written(controller: Controller) -> list[dict[str, str]]:
    """The listeners of a controller, as server.properties has them: it listens on all addresses of its host."""
    return [
        {
            "name": door.name,
            "protocol": door.protocol,
            "bound": joined("0.0.0.0", door.port),
            "advertised": joined(controller.address, door.port),
        }
        for door in controller.doors
    ]


def listeners(host: HostLike) -> tuple[security.Door, ...]:
    """The controllers' listeners as a node knows them, whether it has some or not."""
    return _doors(host, own_port(host))


def controller_id(host: HostLike, members: Sequence[HostLike]) -> int:
    """`kafka_controller_id`, or 100 and the host's position among the controllers."""
    given = host.vars["kafka_controller_id"]
    return int(given) if given is not None else FIRST_ID + [one.name for one in members].index(host.name)


def process_roles(host: HostLike, members: Members) -> tuple[str, ...]:
    """The process.roles of a host's broker: `kafka_process_roles`, or both for the first three brokers, or the broker's
    alone where controllers are processes of their own."""
    given = host.vars["kafka_process_roles"]
    if given is not None:
        return COMBINED if given == "broker,controller" else ("broker",)
    if apart(members):
        return ("broker",)
    first = [one.name for one in members(BROKERS)[:MOST_COMBINED]]
    return COMBINED if host.name in first else ("broker",)


def session(members: Members) -> int:
    """How long the controllers hold the session of a broker that is silent, milliseconds: the longest of any of them,
    since each of them may lead."""
    said = {OWN_UNIT: (CONTROLLERS, "kafka_controller_config"), COMBINED_UNIT: (BROKERS, "kafka_config")}
    own: dict[tuple[str, str], Mapping[str, Any]] = {
        (unit, host.name): host.vars[variable] for unit, (group, variable) in said.items() for host in members(group)
    }
    found = [own[one.unit, one.host].get(SESSION) for one in controllers(members)]
    return max((SESSION_MS if value is None else _milliseconds(value) for value in found), default=SESSION_MS)


def bootstrap(members: Members) -> str:
    """The value of controller.quorum.bootstrap.servers: all of them, since a node that loses its leader asks only these
    (KIP-853)."""
    return ",".join(one.place for one in controllers(members))


def format_command(java_home: str, home: str, config: str) -> tuple[str, ...]:
    """The command that formats the directories that a configuration names, as far as one host knows it. What is
    formatted stays as it is, so that a command which was cut off between two directories goes on."""
    quick = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
    tool = (f"{java_home}/bin/java", "-Xmx128m", *quick, "-cp", f"{home}/libs/*")
    return (*tool, "kafka.tools.StorageTool", "format", "--ignore-formatted", "--config", config)


# All of what a directory of a broker needs: Kafka adds an id of the directory at its start (KafkaRaftServer's
# initializeLogDirs), and what StorageTool adds for a broker alone (bootstrap.checkpoint, the features of a new cluster)
# only a controller reads. Without a JVM: three of them are two seconds of a first deploy to hosts that share two
# processors.
_IDENTITY = """set -eu
umask 027
printf '%s\\n' version=1 "cluster.id=${3#--cluster-id=}" "node.id=$2" >"$1/meta.properties.tmp"
sync "$1/meta.properties.tmp"
mv "$1/meta.properties.tmp" "$1/meta.properties"
"""


def identity_command(directory: str, number: int) -> tuple[str, ...]:
    """The command that formats a directory of partitions, or the metadata's of a broker alone, as far as one host knows
    it; behind it come `founding.flags` of a broker. number: the node's id. KIP-858 has what meta.properties says."""
    return ("/bin/sh", "-c", _IDENTITY, "format", directory, str(number))


def formatted(directory: str, user: str, command: tuple[str, ...]) -> Initial:
    """A directory of a node: its metadata's, or of partitions. Every command writes meta.properties last (StorageTool
    in its writeFormattedDirs)."""
    return Initial(f"{directory}/meta.properties", user, command, "a new node", decided=False)


def directory_id(cluster: str, node: int) -> str:
    """The id of a controller's directory at its first format. It follows from the cluster and the node, so that each
    controller can be told all of them, and a first deploy that was cut off goes on with the same ones."""
    return encoded(hashlib.sha256(f"{cluster} {node}".encode()).digest()[:16])


def is_uuid(text: str) -> bool:
    """Whether a text is an id as Kafka's own tools make them, and not the one that means none."""
    return bool(_UUID.fullmatch(text)) and text.strip("A") != ""


def encoded(uuid: bytes) -> str:
    """16 bytes as Kafka's Uuid writes them."""
    return base64.urlsafe_b64encode(uuid).rstrip(b"=").decode()


def _milliseconds(value: Any) -> int:
    """A property's value: milliseconds, as Kafka has it, or with a unit."""
    text = str(value).strip()
    return int(text) if text.isdigit() else parse_duration(text)


def own_port(host: HostLike) -> int:
    """The port of a controller that is a process of its own."""
    return int(host.vars["kafka_controller_port"])


def _port(host: HostLike) -> int:
    """The port of the controller in a combined node."""
    given = host.vars["kafka_combined_controller_port"]
    return own_port(host) if given is None else int(given)


def _controller(host: HostLike, node: int, unit: str, port: int) -> Controller:
    address = str(host.vars["kafka_controller_address"])
    doors = _doors(host, port)
    return Controller(host.name, node, address, doors[0].port, unit, doors[0].protocol, doors)


def _doors(host: HostLike, port: int) -> tuple[security.Door, ...]:
    given = host.vars["kafka_controller_secure_port"] if port == own_port(host) else None
    return security.of_controllers(host, LISTENER, port, port + security.BESIDE if given is None else int(given))
