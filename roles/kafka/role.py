"""Apache Kafka: a broker, and the official command-line tools for everybody on the host."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from cluster.endpoint import SSL
from cluster.settings.properties import parse
from provisioner.inventory.addresses import is_loopback
from provisioner.resources import Archive, Directory, Earlier, File, Link, Links, Resource
from provisioner.run.preflight import Needs
from provisioner.run.target import Target
from roles import site
from roles.java import role as java
from roles.kafka import (
    as_root,
    class_archive,
    client_certificates,
    given,
    listeners,
    logs,
    metadata,
    protocol,
    service_archive,
    topology,
)
from roles.kafka.checks import OWNED
from roles.kafka.release import LINK, distribution, home, reads_java_only, release
from roles.kafka.service import (
    ADMIN,
    CONFIG,
    ENVIRONMENT,
    HOLDS,
    SECRETS,
    STARTED,
    UNIT,
    data_dirs,
    inputs,
    node,
    said,
    services,
)
from roles.kafka.units import SYNONYMS, VARIABLES
from roles.shared import commands, jvm, kraft, native, security, tls
from roles.shared.directories import guarded
from roles.shared.properties import escaped, has_secret, open_names, override

LAUNCHER = "/usr/local/lib/kafka-provisioner/kafka"

START_PAUSE = 4  # seconds between two starts of a unit that dies (RestartSec in its template)
FEWEST_STARTS = 8  # in a row, of any unit that dies in each (os/restart.j2)

# Where the broker unpacks native code to (kafka.env), unless `kafka_jvm_opts` says where with one of these.
NATIVE = "/var/lib/kafka/tmp"
NATIVE_OPTIONS = ("-Djava.io.tmpdir=", "-DZstdTempFolder=", "-DZstdNativePath=", "-Dorg.xerial.snappy.")

# Files of config/ that people start from.
SAMPLES = (
    "producer",
    "consumer",
    "connect-standalone",
    "connect-distributed",
    "connect-file-source",
    "connect-file-sink",
)


def heap(target: Target) -> int:
    """Heap of this host's broker, bytes."""
    return target["kafka_heap"] or default_heap(target.facts["memory"])


def default_heap(memory: int) -> int:
    """A quarter of the host's `memory`, bytes, between 512 MiB and 6 GiB.

    More does not help: a broker's data passes through the page cache, which is the rest of the memory.
    """
    return jvm.share(memory, 4, 512 * jvm.MIB, 6 * jvm.GIB)


def needs(target: Target) -> Needs:
    brokers = target.members("kafka")
    identity = {
        "format": "properties",
        "key": "node.id" if metadata.own(target) else "broker.id",
        "expected": str(topology.broker_id(target.host, brokers)),
        "what": "broker id (kafka_broker_id)",
    }
    peers = [listeners.inter_broker(broker).advertised_host for broker in brokers]
    return Needs(
        heaps={"kafka": heap(target)},
        disks=dict.fromkeys(data_dirs(target), target["kafka_disk_min"]),
        ports=dict.fromkeys(ports(target), "kafka.service"),
        runs=runs(target),
        names=tuple(dict.fromkeys([*peers, *metadata.names(target)])),
        away=away(target),
        identity=dict.fromkeys((f"{path}/meta.properties" for path in data_dirs(target)), identity),
    )


def ports(target: Target) -> list[int]:
    """The ports that the broker's process listens on."""
    voter = [one for one in kraft.voters_in(kraft.COMBINED_UNIT, target.members) if one.host == target.name]
    return [
        *(listener.port for listener in listeners.of(target.host)),
        *(door.port for one in voter for door in one.doors),
    ]


def away(target: Target) -> dict[str, str]:
    """The names at which this host must not find itself; as `Needs` takes them."""
    own = listeners.inter_broker(target.host)
    found = metadata.elsewhere(target)
    for broker in target.members("kafka"):
        name = listeners.inter_broker(broker).advertised_host
        if broker.name != target.name and name != own.advertised_host:
            found[name] = f"the broker of {broker.name} is reached by it"
    if not own.everywhere and not is_loopback(own.bind):
        found[own.advertised_host] = f"the broker here listens on {own.bind} only"
    return found


def runs(target: Target) -> dict[str, str]:
    """Where a host must allow programs and libraries, and which; as `Needs` takes it."""
    own = any(str(option).startswith(NATIVE_OPTIONS) for option in target["kafka_jvm_opts"])
    libraries = {} if own else {NATIVE: "the broker's libraries for snappy and zstd"}
    return {"/opt": "the official commands", **libraries}


def tools(target: Target, archive: Archive) -> list[Resource]:
    """The official commands on everybody's PATH. A release archive brings bin/ and config/; a set of jars gets them."""
    used = release(target.host.vars)
    listed = commands.of(used, site.stops())
    on_path = [*(command.name for command in listed), "kafka-run-class.sh"]
    quick = class_archive.settings(target, archive)
    start = {"commands": listed, "quick": quick, "native": native.place(archive), **java.given(target, used)}
    reach: list[Resource] = [
        target.file(LAUNCHER, "kafka/bin/launcher.sh.j2", mode=0o755, as_root=as_root.settings(target), **start),
        Links("/usr/local/bin", dict.fromkeys(on_path, LAUNCHER), only=LAUNCHER),
        native.libraries(target, archive, zstd=True),
        *class_archive.makers(target, archive),
        *service_archive.makers(target, archive),
    ]
    if target["kafka_archive"]:
        return reach
    bin_dir, config_dir = f"{archive.path}/bin", f"{archive.path}/config"
    start |= {"log4j2": logs.log4j2(used), "log4j_option": logs.option(used)}
    broker = target.is_in("kafka")
    cluster: dict[str, Any] = {
        "bootstrap": listeners.inter_broker(target.host).local
        if broker
        else listeners.inter_broker(target.members("kafka")[0]).advertised,
        "replication": topology.replication(target.host, len(target.members("kafka"))),
    }
    return [
        Directory(bin_dir),
        Directory(config_dir),
        target.file(f"{bin_dir}/kafka-run-class.sh", "kafka/bin/kafka-run-class.sh.j2", mode=0o755, **start),
        target.file(f"{bin_dir}/kafka-tool.sh", "kafka/bin/kafka-tool.sh.j2", mode=0o755, **start),
        Links(bin_dir, {command.name: "kafka-tool.sh" for command in listed}),
        *logs.of_commands(target, used, config_dir),
        *(
            target.file(f"{config_dir}/{name}.properties", f"kafka/config/{name}.properties.j2", **cluster)
            for name in SAMPLES
        ),
        *([Link(f"{config_dir}/server.properties", CONFIG, over=True)] if broker else []),
        *reach,
    ]


def config(target: Target) -> File:
    """server.properties with the inventory's own properties laid over it."""
    brokers = target.members("kafka")
    own_quorum = quorum(target)
    text = target.render(
        "kafka/server.properties.j2",
        broker_id=topology.broker_id(target.host, brokers),
        brokers=len(brokers),
        kraft=own_quorum,
        listeners=[
            *(listeners.written(one) for one in listeners.of(target.host)),
            *(own_quorum["here"] if own_quorum else ()),
        ],
        migration=metadata.migrating(target),
        inter_broker=listeners.inter_broker(target.host),
        replication=topology.replication(target.host, len(brokers)),
        rack=escaped(target["kafka_rack"] or ""),
        security=locked(target),
        with_certificates=[one.name for one in listeners.with_certificates(target.host)],
        zookeeper_connect="" if own_quorum else escaped(metadata.connect(target)),
        protocol=protocol.told(target),
    )
    own = target["kafka_config"]
    public: Sequence[str] = ()
    if own:
        from roles.kafka import settings  # as in the checks: only where there are any

        own, public = settings.written(target.host, brokers, OWNED.get, own_quorum is not None)
    return File(
        CONFIG,
        override(text, own, variable="kafka_config", synonyms=SYNONYMS),
        "root",
        "kafka",
        0o640,
        template="kafka/server.properties.j2",
        secret=has_secret(own),
        open_names=open_names(text, own, public),
    )


def starts(properties: str) -> int:
    """How many starts in a row systemd makes of a broker that dies in each. One that was killed has to wait until its
    session with ZooKeeper has expired (zookeeper.session.timeout.ms), and a fast machine needs little more than the
    pause between two starts for one that fails. Three more are for the election of ZooKeeper's leader after a power
    cut: from then on sessions count anew."""
    session = int(parse(properties).get(VARIABLES["kafka_zookeeper_session"], 0)) / 1000
    return max(FEWEST_STARTS, math.ceil(session / START_PAUSE) + 3)


def for_commands(target: Target) -> list[Resource]:
    """What lets root use the official commands in a closed cluster."""
    if not security.on(target.host):
        return []
    settings = security.admin(kraft.COMBINED_UNIT, reads_java_only(target.host.vars))
    door = listeners.of_nodes(target.host).local
    return [target.file(ADMIN, "kafka/admin.properties.j2", mode=0o600, settings=settings, door=door)]


def locked(target: Target) -> dict[str, str]:
    """The properties that close a broker's listeners; none where they are open."""
    if not security.on(target.host):
        return {}
    own, follows = metadata.own(target), metadata.follows(target)
    closed = [door.name for door in kraft.listeners(target.host) if door.protocol == SSL] if follows else []
    authorizer = security.AUTHORIZER if own else security.ZOOKEEPER_AUTHORIZER
    stores = reads_java_only(target.host.vars)
    found = security.node(target.host, kraft.COMBINED_UNIT, [security.NODES, *closed], authorizer, stores)
    for door in listeners.secured(target.host):
        found |= security.client_door(target.host, kraft.COMBINED_UNIT, door.name, stores)
    for door in listeners.with_certificates(target.host):
        found |= security.certificate_door(kraft.COMBINED_UNIT, door.name)
    return found | metadata.closed(target)


def quorum(target: Target) -> dict[str, Any] | None:
    """What server.properties says of the controllers in a cluster that keeps its metadata itself. here: the listeners
    of the controller in the same process, if it has one; elsewhere: those that only others have."""
    if not metadata.own(target):
        return None
    here = [one for one in kraft.voters_in(kraft.COMBINED_UNIT, target.members) if one.host == target.name]
    return {
        "roles": ",".join(kraft.process_roles(target.host, target.members)),
        "bootstrap": kraft.bootstrap(target.members),
        "names": ",".join(door.name for door in kraft.listeners(target.host)),
        "elsewhere": () if here else kraft.listeners(target.host),
        "session": kraft.session(target.members),
        "here": [listener for one in here for listener in kraft.written(one)],
        "shares": release(target.host.vars).number >= kraft.SHARE_GROUPS,
    }


def formatted(target: Target) -> list[Resource]:
    """The directories of the partitions and, last, of the metadata, each of which is formatted once, also one that is
    added or whose disk is replaced; for which cluster, all hosts together decide (`founding.py`)."""
    if not metadata.own(target):
        return []
    number, own = topology.broker_id(target.host, target.members("kafka")), target["kafka_metadata_dir"]
    commands = {path: kraft.identity_command(path, number) for path in [*target["kafka_data_dirs"], own]}
    if metadata.node(target):
        commands[own] = kraft.format_command(java.home(target), home(target), CONFIG)
    return [kraft.formatted(path, "kafka", command) for path, command in commands.items()]


def installed(target: Target) -> list[Resource]:
    """Kafka itself and the official commands, for every role that runs it; once on a host."""
    archive = distribution(target)
    earlier = [Earlier(archive.path, target["kafka_keep_versions"])] if protocol.final(target) else []
    return [archive, *tools(target, archive), Link(LINK, archive.path), *earlier]


def resources(target: Target) -> list[Resource]:
    archive = distribution(target)
    known = dict.fromkeys(site.SERVICES, ()) | site.data_dirs(target)
    options = target["kafka_jvm_opts"]
    # It brings Kafka, too; not where a migration is taken back, which leaves no controller.
    controller_here = target.is_in(kraft.CONTROLLERS) and kraft.migration(target.members) != kraft.BACK
    return [
        *([] if controller_here else installed(target)),
        *(guarded(path, "kafka", "Kafka data", HOLDS, known) for path in data_dirs(target)),
        *tls.resources(node(target)),
        *client_certificates.resources(target),
        *given.resources(target),
        properties := config(target),
        *for_commands(target),
        logs.of_unit(target, release(target.host.vars)),
        target.file(
            ENVIRONMENT,
            "kafka/kafka.env.j2",
            group="kafka",
            mode=0o640,
            heap=jvm.heap_options(heap(target)),
            gc_log=gc_log(target),
            logging=logs.options(release(target.host.vars)),
            options=jvm.without_secrets(options, SECRETS, variable="kafka_jvm_opts"),
        ),
        jvm.secret_file(target, SECRETS, "kafka", options),
        target.file(
            UNIT,
            "kafka/kafka.service.j2",
            inputs=inputs(target),
            starts=starts(properties.content or ""),
            home=archive.path,
            java_home=java.home(target),
            after=metadata.unit_here(target),
            data_dirs=data_dirs(target),
            config=CONFIG,
            started=STARTED,
            said=said(target),
            node=security.files(kraft.COMBINED_UNIT)[0],
            archive=service_archive.options(target),
        ),
        *given.gone(target, CONFIG),
        *formatted(target),
        *services(target),
        *class_archive.made(target, archive),
        *service_archive.made(target, archive),
    ]


def gc_log(target: Target) -> list[str]:
    """The garbage-collection log, bounded like the service logs."""
    return jvm.gc_log_options("/var/log/kafka/gc.log", target["kafka_log_size"], target["kafka_log_files"])
