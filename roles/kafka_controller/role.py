"""A controller of a KRaft cluster as a process of its own, on a host of its own or beside a broker."""

from __future__ import annotations

from collections.abc import Sequence

from cluster.endpoint import SSL
from provisioner.resources import File, Resource
from provisioner.run.preflight import Needs
from provisioner.run.target import Target
from roles import site
from roles.java import role as java
from roles.kafka import listeners, logs, metadata, service_archive, topology
from roles.kafka import role as kafka
from roles.kafka.release import distribution, home, release
from roles.kafka_controller.checks import OWNED
from roles.kafka_controller.service import (
    CONFIG,
    ENVIRONMENT,
    HOLDS,
    NAME,
    SECRETS,
    STARTED,
    UNIT,
    data_dirs,
    inputs,
    node,
    number,
    services,
)
from roles.shared import jvm, kraft, security, tls
from roles.shared.directories import guarded
from roles.shared.properties import has_secret, open_names, override


def heap(target: Target) -> int:
    """Heap of this host's controller, bytes."""
    return target["kafka_controller_heap"] or default_heap(target.facts["memory"])


def default_heap(memory: int) -> int:
    """An eighth of the host's `memory`, bytes, between 256 MiB and 1 GiB: it holds the metadata, and no records."""
    return jvm.share(memory, 8, 256 * jvm.MIB, jvm.GIB)


def needs(target: Target) -> Needs:
    others = [one for one in kraft.controllers(target.members) if one.host != target.name]
    identity = {
        "format": "properties",
        "key": "node.id",
        "expected": str(number(target)),
        "what": "controller id (kafka_controller_id)",
    }
    return Needs(
        heaps={NAME: heap(target)},
        disks=dict.fromkeys(data_dirs(target), target["kafka_controller_disk_min"]),
        ports={door.port: f"{NAME}.service" for door in kraft.listeners(target.host)},
        runs={"/opt": "the official commands"},
        names=tuple(one.address for one in kraft.controllers(target.members)),
        away={one.address: f"the controller of {one.host} is reached by it" for one in others},
        identity={f"{path}/meta.properties": identity for path in data_dirs(target)},
    )


def config(target: Target) -> File:
    """controller.properties with the inventory's own properties laid over it."""
    brokers = target.members(kraft.BROKERS)
    me = next(one for one in kraft.voters_in(NAME, target.members) if one.host == target.name)
    migration = metadata.of_controllers(target, NAME)
    # Of brokers that do not follow the controllers yet, these are clients.
    told = [listeners.written(one) for one in listeners.of(brokers[0])] if migration else []
    closed = [*(door.name for door in me.doors if door.protocol == SSL), *([security.NODES] if migration else [])]
    text = target.render(
        "kafka-controller/controller.properties.j2",
        node_id=number(target),
        listeners=kraft.written(me),
        bootstrap=kraft.bootstrap(target.members),
        session=kraft.SESSION_MS,
        directory=data_dirs(target)[0],
        replication=topology.replication(target.host, len(brokers)),
        security=security.controller(target.host, NAME, closed),
        migration=migration,
        brokers=told,
        inter_broker=listeners.inter_broker(brokers[0]).name,
    )
    own = target["kafka_controller_config"]
    public: Sequence[str] = ()
    if own:
        from roles.kafka_controller import settings  # as in the checks: only where there are any

        own, public = settings.written(target.host, OWNED.get)
    return File(
        CONFIG,
        override(text, own, variable="kafka_controller_config"),
        "root",
        NAME,
        0o640,
        template="kafka-controller/controller.properties.j2",
        secret=has_secret(own),
        open_names=open_names(text, own, public),
    )


def resources(target: Target) -> list[Resource]:
    if kraft.migration(target.members) == kraft.BACK:
        return []  # `contents.py` removes what is there
    migrating = kraft.migrating(target.members)
    known = dict.fromkeys(site.SERVICES, ()) | site.data_dirs(target)
    options = target["kafka_controller_jvm_opts"]
    size, files = target["kafka_controller_log_size"], target["kafka_controller_log_files"]
    return [
        *kafka.installed(target),
        *(guarded(path, NAME, "the cluster's metadata", HOLDS, known) for path in data_dirs(target)),
        *tls.resources(node(target)),
        config(target),
        logs.of_unit(target, release(target.host.vars), NAME),
        target.file(
            ENVIRONMENT,
            "kafka-controller/kafka-controller.env.j2",
            group=NAME,
            mode=0o640,
            heap=jvm.heap_options(heap(target)),
            gc_log=jvm.gc_log_options(f"{logs.folder(NAME)}/gc.log", size, files),
            logging=logs.options(release(target.host.vars), NAME),
            options=jvm.without_secrets(options, SECRETS, variable="kafka_controller_jvm_opts"),
        ),
        jvm.secret_file(target, SECRETS, NAME, options),
        target.file(
            UNIT,
            "kafka-controller/kafka-controller.service.j2",
            inputs=inputs(target),
            home=home(target),
            java_home=java.home(target),
            data_dirs=data_dirs(target),
            config=CONFIG,
            started=STARTED,
            # Not while a migration may be at a step whose brokers have none, so that no step restarts controllers.
            archive="" if migrating else service_archive.options(target),
        ),
        kraft.formatted(data_dirs(target)[0], NAME, kraft.format_command(java.home(target), home(target), CONFIG)),
        *services(target),
        # A broker here brings it, after its own start.
        *([] if target.is_in(kraft.BROKERS) else service_archive.made(target, distribution(target))),
    ]
