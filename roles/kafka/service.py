"""The unit `kafka`: what it has read, when it serves, where its logs and data are; what to type after a deploy."""

from __future__ import annotations

from collections.abc import Sequence

from cluster import remote
from cluster.certificates import remote as certificates
from cluster.endpoint import SASL_SSL, SSL, Endpoint
from cluster.metadata.remote import LOCAL
from cluster.temporary import PREFIXES
from provisioner.inventory.model import Host
from provisioner.resources import Live, Reload, Request, Service
from provisioner.resources.archive import MARKER
from provisioner.run.target import Target
from roles.java import role as java
from roles.kafka import client_certificates, given, listeners, logs, metadata, topology
from roles.kafka.release import home, reads_java_only, release
from roles.shared import expiry, jvm, kraft, security, tls

CONFIG = "/etc/kafka/server.properties"
STARTED = "/run/kafka/server.properties"  # CONFIG as the running broker has read it
ENVIRONMENT = "/etc/kafka/kafka.env"
SECRETS = "/etc/kafka/secret.options"  # JVM options that hold a secret
ADMIN = f"{security.folder('kafka')}/admin.properties"  # of the official commands, as root
UNIT = "/etc/systemd/system/kafka.service"
SAID = "/run/kafka/node.said"  # what stood above the node's key when the broker was started

MAIN = "kafka.Kafka"  # the class that the unit runs

# Worth reading as one stream. Verbose ones (state changes, requests) and those in another format (garbage collection)
# are in /var/log/kafka only.
LOGS = ("/var/log/kafka/server.log", "/var/log/kafka/controller.log")
# What our own checks leave there: they make topics and groups of these names.
PROBES = "|".join(PREFIXES)


# What a broker puts into a data directory (LogManager, UnifiedLog.logDeleteDirName, BrokerMetadataCheckpoint), as in
# `provisioner/agent/trees.py`: the directories of partitions, and files about all of them.
_PARTITION = r"\d{20}.*|leader-epoch-checkpoint(\.tmp)?|partition\.metadata(\.tmp)?|quorum-state(\.tmp)?"
HOLDS = (
    (r"[A-Za-z0-9._-]+-\d+", _PARTITION),
    (r"[A-Za-z0-9._-]+\.[0-9a-f]{32}-(delete|future|stray)", _PARTITION),
    (r"meta\.properties(\.tmp)?|\.lock|\.kafka_cleanshutdown", ""),
    (r"[a-z.-]+checkpoint(\.tmp)?", ""),
)


def services(target: Target) -> list[Service]:
    """The unit, as a resource."""
    return [Service("kafka", inputs(target), ready=ready(target), live=live(target), reload=reload(target))]


def data_dirs(target: Target) -> list[str]:
    """Where the partitions are, and the metadata where the broker has a copy of it."""
    own = [target["kafka_metadata_dir"]] if metadata.follows(target) else []
    return [*target["kafka_data_dirs"], *own]


def next_steps(targets: Sequence[Target]) -> list[str]:
    """Commands to try after a deploy. targets: hosts with a broker."""
    closed = security.on(targets[0].host)
    here = f"kafka-topics.sh --bootstrap-server {listeners.inter_broker(targets[0].host).local} --list"
    beside = metadata.unit_here(targets[0]).removesuffix(".service")
    return [
        *listeners.told(listeners.bootstrap_servers(targets[0].members("kafka"))),
        f"On {targets[0].name}, in any shell:",
        f"  {'sudo kafka-topics.sh --list' if closed else here}",
        f"  logs: journalctl -u kafka{f' -u {beside}' if beside else ''}, and {LOGS[0]}",
        *_protocol(targets),
    ]


def _protocol(targets: Sequence[Target]) -> list[str]:
    if not targets[0]["kafka_protocol"]:
        return []
    from roles.kafka import protocol  # few clusters have been upgraded without having ended that

    return protocol.next_step(targets)


def inputs(target: Target) -> tuple[str, ...]:
    """Everything that the running broker has read: a difference from the disk means a restart."""
    secrets = (SECRETS,) if jvm.secrets(target["kafka_jvm_opts"]) else ()
    logging = logs.path(release(target.host.vars))
    keys = security.files(kraft.COMBINED_UNIT) if security.on(target.host) else ()
    stores = security.store_files(kraft.COMBINED_UNIT) if keys and reads_java_only(target.host.vars) else ()
    trusted = (client_certificates.TRUSTED,) if listeners.with_certificates(target.host) else ()
    shown = security.given_files(kraft.COMBINED_UNIT) if security.given(target.host) else ()
    program = (f"{home(target)}/{MARKER}", f"{java.home(target)}/release")
    return (CONFIG, ENVIRONMENT, *secrets, *keys, *stores, *trusted, *shown, logging, UNIT, *program)


def node(target: Target) -> tls.Node | None:
    """The node of a closed cluster that the unit runs; None in an open one. Listeners with another certificate than the
    node's, which an inventory lists itself, are none of its doors."""
    if not security.on(target.host):
        return None
    listed, here = listeners.of(target.host), kraft.voters_in(kraft.COMBINED_UNIT, target.members)
    # What clients are shown may be given; to those with certificates it is the node's own.
    others = () if security.given(target.host) else listeners.secured(target.host)
    own = {security.NODES, *(one.name for one in others)}
    own |= {one.name for one in listeners.with_certificates(target.host)}
    doors = {one.name: one.asked_here for one in listed if one.name in own and one.protocol in (SSL, SASL_SSL)}
    if voter := next((one for one in here if one.host == target.name), None):
        doors |= {door.name: Endpoint(LOCAL, door.port, SSL).to_wire() for door in voter.doors if door.protocol == SSL}
    # The names and addresses by which clients and nodes reach the broker, and its controller.
    names = [*(name for one in listed for name in (one.advertised_host, one.here)), target["kafka_controller_address"]]
    stores, part = reads_java_only(target.host.vars), said(target)
    taken = tls.RENEWED if part else tls.SUCCEEDED if reloads(target) else ()
    lasting = expiry.RESTART * expiry.DAY if part else 0
    return tls.node(target, kraft.COMBINED_UNIT, names, doors, stores, taken, lasting, part)


def reloads(target: Target) -> bool:
    """Whether the broker takes another certificate as it runs: not where a controller is in its process, which does
    not, and not where keys are in Java's own format."""
    return security.on(target.host) and not metadata.node(target) and not reads_java_only(target.host.vars)


def said(target: Target) -> str:
    """Where the unit keeps what stood above the key at its start; "" where nothing of it goes on. The connections of
    brokers to controllers do, which Kafka does not register for changes (KAFKA-20025)."""
    return SAID if reloads(target) and metadata.follows(target) else ""


def reload(target: Target) -> Reload | None:
    """How the running broker takes another certificate; None where only a restart does it."""
    if not reloads(target) or (own := node(target)) is None:
        return None
    request = certificates.reload_broker(
        topology.broker_id(target.host, target.members("kafka")),
        unit="kafka",
        log_file=LOGS[0],
        path=own.credential.path,
        doors=own.doors,
        said=own.said,
        lasting=expiry.RESTART * expiry.DAY,
    )
    return Reload(security.files(kraft.COMBINED_UNIT), request.at(listeners.door(target.host)))


def shown(target: Target) -> tls.Shown | None:
    """The certificate that the unit shows to clients instead of its node's; None where it shows that."""
    return given.shown(target)


def trusted_of_clients(target: Target) -> str:
    """The file that says whose certificates clients may show; "" where they show none."""
    return client_certificates.TRUSTED if listeners.with_certificates(target.host) else ""


def reached(host: Host) -> str:
    """Where other nodes reach the broker, as `Endpoint.parse` takes it."""
    return listeners.inter_broker(host).asked


def ready(target: Target) -> Request:
    """The check on the host, after a start, that the broker serves."""
    request = remote.broker_ready(
        topology.broker_id(target.host, target.members("kafka")),
        unit="kafka.service",
        log_file=LOGS[0],
        timeout=target["kafka_start_timeout"] / 1000,
        stall=target["kafka_start_stall"] / 1000,
        session=metadata.session(target),
    )
    return request.at(listeners.door(target.host))


def live(target: Target) -> Live:
    """How a running broker takes a changed server.properties."""
    broker = topology.broker_id(target.host, target.members("kafka"))
    return Live(CONFIG, STARTED, remote.adopt_settings(broker).at(listeners.door(target.host)))
