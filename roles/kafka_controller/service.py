"""The unit `kafka-controller`: what it has read, when it serves, where its logs and its data are."""

from __future__ import annotations

from cluster.endpoint import SSL, Endpoint
from cluster.metadata import remote
from cluster.remote import adopt_held_settings
from provisioner.inventory.model import Host
from provisioner.resources import Live, Request, Service
from provisioner.resources.archive import MARKER
from provisioner.run.target import Target
from roles.java import role as java
from roles.kafka import logs
from roles.kafka.release import home, release
from roles.kafka.service import HOLDS as HOLDS
from roles.kafka.service import PROBES as PROBES
from roles.shared import jvm, kraft, security, tls

NAME = "kafka-controller"
CONFIG = "/etc/kafka-controller/controller.properties"
STARTED = "/run/kafka-controller/controller.properties"  # CONFIG as the running controller has read it
ENVIRONMENT = "/etc/kafka-controller/kafka-controller.env"
SECRETS = "/etc/kafka-controller/secret.options"  # JVM options that hold a secret
UNIT = "/etc/systemd/system/kafka-controller.service"

# Worth reading as one stream. The garbage collection's log is in the same folder.
LOGS = tuple(f"{logs.folder(NAME)}/{name}.log" for name in ("server", "controller"))


def services(target: Target) -> list[Service]:
    """The unit, as a resource; none where a migration is taken back."""
    if kraft.migration(target.members) == kraft.BACK:
        return []
    return [Service(NAME, inputs(target), ready=ready(target), live=live(target))]


def data_dirs(target: Target) -> list[str]:
    """Where the cluster's metadata is."""
    return [target["kafka_controller_data_dir"]]


def inputs(target: Target) -> tuple[str, ...]:
    """Everything that the running controller has read: a difference from the disk means a restart."""
    secrets = (SECRETS,) if jvm.secrets(target["kafka_controller_jvm_opts"]) else ()
    program = (f"{home(target)}/{MARKER}", f"{java.home(target)}/release")
    keys = security.files(NAME) if security.on(target.host) else ()
    return (CONFIG, ENVIRONMENT, *secrets, *keys, logs.path(release(target.host.vars), NAME), UNIT, *program)


def node(target: Target) -> tls.Node | None:
    """The node of a closed cluster that the unit runs; None in an open one."""
    if not security.on(target.host):
        return None
    doors = {one.name: _asked(one).to_wire() for one in kraft.listeners(target.host) if one.protocol == SSL}
    return tls.node(target, NAME, [target["kafka_controller_address"]], doors)


def reached(host: Host) -> str:
    """Where other nodes reach the controller, as `Endpoint.parse` takes it."""
    one = kraft.listeners(host)[0]
    return Endpoint(host.vars["kafka_controller_address"], one.port, one.protocol).to_wire()


def door(target: Target) -> Endpoint:
    """Where the controller is asked on its own host."""
    return _asked(kraft.listeners(target.host)[0])


def _asked(one: security.Door) -> Endpoint:
    return Endpoint(remote.LOCAL, one.port, one.protocol)


def number(target: Target) -> int:
    """The id of this host's controller."""
    return kraft.controller_id(target.host, target.members(kraft.CONTROLLERS))


def ready(target: Target) -> Request:
    """The check on the host, after a start, that the controller serves: it follows a leader, or leads."""
    place = door(target)
    return remote.controller_ready(
        number(target),
        place.port,
        protocol=place.protocol,
        unit=f"{NAME}.service",
        log_file=LOGS[0],
        timeout=target["kafka_controller_start_timeout"] / 1000,
        stall=target["kafka_controller_start_stall"] / 1000,
    )


def live(target: Target) -> Live:
    """How a running controller is asked whether a changed file needs a restart: not for what the cluster holds."""
    return Live(CONFIG, STARTED, adopt_held_settings().at(door(target).to_wire()))
