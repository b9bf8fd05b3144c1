"""Apache Kafka: a broker, and the official command-line tools for everybody on the host."""

from __future__ import annotations

from typing import Any

from provisioner.inventory.addresses import is_loopback
from provisioner.resources import Archive, Directory, File, Link, Links, Resource
from provisioner.run.preflight import Needs
from provisioner.run.target import Target
from roles import site
from roles.java import role as java
from roles.kafka import class_archive, listeners, metadata, topology
from roles.kafka.checks import OWNED
from roles.kafka.release import distribution, release
from roles.kafka.service import CONFIG, ENVIRONMENT, HOLDS, LOGGING, SECRETS, STARTED, UNIT, data_dirs, inputs, services
from roles.kafka.units import SYNONYMS
from roles.shared import commands, jvm, native
from roles.shared.directories import guarded
from roles.shared.properties import escaped, has_secret, override

LAUNCHER = "/usr/local/lib/kafka-provisioner/kafka"

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
        "key": "broker.id",
        "expected": str(topology.broker_id(target.host, brokers)),
        "what": "broker id (kafka_broker_id)",
    }
    peers = [listeners.inter_broker(broker).advertised_host for broker in brokers]
    return Needs(
        heaps={"kafka": heap(target)},
        disks=dict.fromkeys(data_dirs(target), target["kafka_disk_min"]),
        ports={listener.port: "kafka.service" for listener in listeners.of(target.host)},
        runs=runs(target),
        names=tuple(dict.fromkeys([*peers, *metadata.names(target)])),
        away=away(target),
        identity=dict.fromkeys((f"{path}/meta.properties" for path in data_dirs(target)), identity),
    )


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
    listed = commands.of(release(target.host.vars), site.stops())
    on_path = [*(command.name for command in listed), "kafka-run-class.sh"]
    quick = class_archive.settings(target, archive)
    start = {"quick": quick, "native": native.place(archive), **java.given(target, release(target.host.vars))}
    reach: list[Resource] = [
        target.file(LAUNCHER, "kafka/bin/launcher.sh.j2", mode=0o755, commands=listed, **start),
        Links("/usr/local/bin", dict.fromkeys(on_path, LAUNCHER), only=LAUNCHER),
        native.libraries(target, archive, zstd=True),
        *class_archive.makers(target, archive),
    ]
    if target["kafka_archive"]:
        return reach
    bin_dir, config_dir = f"{archive.path}/bin", f"{archive.path}/config"
    console = "kafka/config/console-log4j.properties.j2"
    cluster: dict[str, Any] = {
        "bootstrap": listeners.inter_broker(target.host).local,
        "replication": topology.replication(target.host, len(target.members("kafka"))),
    }
    return [
        Directory(bin_dir),
        Directory(config_dir),
        target.file(f"{bin_dir}/kafka-run-class.sh", "kafka/bin/kafka-run-class.sh.j2", mode=0o755, **start),
        target.file(f"{bin_dir}/kafka-tool.sh", "kafka/bin/kafka-tool.sh.j2", mode=0o755, commands=listed, **start),
        Links(bin_dir, {command.name: "kafka-tool.sh" for command in listed}),
        target.file(f"{config_dir}/tools-log4j.properties", console, level="WARN", stream="System.err"),
        target.file(f"{config_dir}/connect-log4j.properties", console, level="INFO", stream="System.out"),
        target.file(f"{config_dir}/log4j.properties", console, level="INFO", stream="System.out"),
        *(
            target.file(f"{config_dir}/{name}.properties", f"kafka/config/{name}.properties.j2", **cluster)
            for name in SAMPLES
        ),
        Link(f"{config_dir}/server.properties", CONFIG, over=True),
        *reach,
    ]


def config(target: Target) -> File:
    """server.properties with the inventory's own properties laid over it."""
    brokers = target.members("kafka")
    text = target.render(
        "kafka/server.properties.j2",
        broker_id=topology.broker_id(target.host, brokers),
        brokers=len(brokers),
        listeners=[listeners.written(one) for one in listeners.of(target.host)],
        inter_broker=listeners.inter_broker(target.host),
        replication=topology.replication(target.host, len(brokers)),
        rack=escaped(target["kafka_rack"] or ""),
        zookeeper_connect=escaped(metadata.connect(target)),
    )
    own = target["kafka_config"]
    if own:
        from roles.kafka import settings  # as in the checks: only where there are any

        own = settings.written(target.host, brokers, OWNED.get)
    return File(
        CONFIG,
        override(text, own, variable="kafka_config", synonyms=SYNONYMS),
        "root",
        "kafka",
        0o640,
        template="kafka/server.properties.j2",
        secret=has_secret(own),
    )


def resources(target: Target) -> list[Resource]:
    archive = distribution(target)
    known = dict.fromkeys(site.SERVICES, ()) | site.data_dirs(target)
    options = target["kafka_jvm_opts"]
    return [
        archive,
        *tools(target, archive),
        Link("/opt/kafka", archive.path),
        *(guarded(path, "kafka", "Kafka data", HOLDS, known) for path in data_dirs(target)),
        config(target),
        target.file(LOGGING, "kafka/log4j.properties.j2", group="kafka", mode=0o640),
        target.file(
            ENVIRONMENT,
            "kafka/kafka.env.j2",
            group="kafka",
            mode=0o640,
            heap=jvm.heap_options(heap(target)),
            gc_log=gc_log(target),
            options=jvm.without_secrets(options, SECRETS, variable="kafka_jvm_opts"),
        ),
        jvm.secret_file(target, SECRETS, "kafka", options),
        target.file(
            UNIT,
            "kafka/kafka.service.j2",
            inputs=inputs(target),
            home=archive.path,
            java_home=java.home(target),
            after=metadata.unit_here(target),
            config=CONFIG,
            started=STARTED,
        ),
        *services(target),
        *class_archive.made(target, archive),
    ]


def gc_log(target: Target) -> list[str]:
    """The garbage-collection log, bounded like the service logs."""
    return jvm.gc_log_options("/var/log/kafka/gc.log", target["kafka_log_size"], target["kafka_log_files"])
