"""Apache ZooKeeper: one server or an ensemble."""

from __future__ import annotations

from collections.abc import Sequence
from posixpath import basename

from provisioner.resources import Archive, Directory, File, Link, Links, Resource
from provisioner.run.preflight import Needs
from provisioner.run.target import Target
from roles import site
from roles.java import role as java
from roles.shared import commands, jvm, native, security, tls
from roles.shared.directories import guarded
from roles.shared.properties import has_secret, open_names, override
from roles.zookeeper import doors, topology
from roles.zookeeper.checks import owner
from roles.zookeeper.release import compresses_snapshots, distribution, release, uses_logback
from roles.zookeeper.service import (
    CONFIG,
    ENVIRONMENT,
    HOLDS,
    SECRETS,
    STARTED,
    TRANSACTIONS,
    UNIT,
    data_dirs,
    inputs,
    logging,
    node,
    services,
)

LAUNCHER = "/usr/local/lib/kafka-provisioner/zookeeper"


def heap(target: Target) -> int:
    """Heap of this host's server, bytes."""
    return target["zookeeper_heap"] or default_heap(target.facts["memory"])


def default_heap(memory: int) -> int:
    """An eighth of the host's `memory`, bytes, between 256 MiB and 1 GiB."""
    return jvm.share(memory, 8, 256 * jvm.MIB, jvm.GIB)


def needs(target: Target) -> Needs:
    servers = target.members("zookeeper")
    number = str(topology.myid(target.host, servers))
    ensemble = [target["zookeeper_quorum_port"], target["zookeeper_election_port"]] if len(servers) > 1 else []
    return Needs(
        heaps={"zookeeper": heap(target)},
        disks=dict.fromkeys(data_dirs(target), target["zookeeper_disk_min"]),
        ports=dict.fromkeys([target["zookeeper_port"], *ensemble], "zookeeper.service"),
        runs={"/opt": "the official commands"},
        names=tuple(server.vars["zookeeper_address"] for server in servers) if ensemble else (),
        # Its own name may: each server listens on all addresses (zoo.cfg).
        away={
            server.vars["zookeeper_address"]: f"ZooKeeper on {server.name} is reached by it"
            for server in servers
            if server.name != target.name
        },
        identity={
            f"{target['zookeeper_data_dir']}/myid": {
                "format": "text",
                "key": None,
                "expected": number,
                "what": "ZooKeeper server id (zookeeper_myid)",
            }
        },
    )


def tools(target: Target, archive: Archive) -> list[Resource]:
    """The official commands. A release archive has them; a set of jars gets them under the same names."""
    listed = commands.of(release(target.host.vars), site.stops())
    own = [native.libraries(target, archive, zstd=False)] if compresses_snapshots(target.host.vars) else []
    start = {"native": native.place(archive) if own else "", **java.given(target, release(target.host.vars))}
    start["tls"] = doors.tool(target.host)
    launch = target.file(LAUNCHER, "zookeeper/bin/launcher.sh.j2", mode=0o755, **start)
    path = Links("/usr/local/bin", {command.name: LAUNCHER for command in listed}, only=LAUNCHER)
    if target["zookeeper_archive"]:
        return [*own, launch, path]
    log = "tools-logback.xml" if uses_logback(target.host.vars) else "tools-log4j.properties"
    tool = f"{archive.path}/bin/zk-tool.sh"
    return [
        Directory(f"{archive.path}/bin"),
        Directory(f"{archive.path}/conf"),
        target.file(f"{archive.path}/conf/{log}", f"zookeeper/{log}.j2"),
        target.file(tool, "zookeeper/bin/zk-tool.sh.j2", mode=0o755, commands=listed, log=log, **start),
        Links(f"{archive.path}/bin", {command.name: "zk-tool.sh" for command in listed}),
        *own,
        launch,
        path,
    ]


def config(target: Target) -> File:
    """zoo.cfg with the inventory's own properties; readable by all, as `zkServer.sh status` reads it, unless secret."""
    servers = target.members("zookeeper")
    ids = {topology.myid(server, servers): server for server in servers}
    listed = {number: topology.quorum_address(server) for number, server in ids.items()}
    closed = doors.server(target.host)
    text = target.render("zookeeper/zoo.cfg.j2", servers=listed if len(listed) > 1 else {}, closed=closed)
    own = target["zookeeper_config"]
    public: Sequence[str] = ()
    if own:
        from roles.zookeeper import settings  # as in the checks: only where there are any

        own, public = settings.written(target.host, owner)
    secret = has_secret(own)
    return File(
        CONFIG,
        override(text, own, variable="zookeeper_config"),
        "root",
        "zookeeper",
        0o640 if secret else 0o644,
        template="zookeeper/zoo.cfg.j2",
        secret=secret,
        open_names=open_names(text, own, public),
    )


def resources(target: Target) -> list[Resource]:
    archive = distribution(target)
    known = dict.fromkeys(site.SERVICES, ()) | site.data_dirs(target)
    data = target["zookeeper_data_dir"]
    number = topology.myid(target.host, target.members("zookeeper"))
    log = logging(target)
    options = target["zookeeper_jvm_opts"]
    return [
        archive,
        *tools(target, archive),
        Link("/opt/zookeeper", archive.path),
        *(
            one
            for path in data_dirs(target)
            for one in (
                guarded(path, "zookeeper", "ZooKeeper data", HOLDS, known),
                # The server itself never creates it (zookeeper.datadir.autocreate).
                guarded(f"{path}/version-2", "zookeeper", "ZooKeeper data", ((TRANSACTIONS, ""),), None),
            )
        ),
        *tls.resources(node(target)),
        File(f"{data}/myid", f"{number}\n", "root", "zookeeper", 0o640),
        config(target),
        target.file(log, f"zookeeper/{basename(log)}.j2", group="zookeeper", mode=0o640),
        target.file(
            ENVIRONMENT,
            "zookeeper/zookeeper.env.j2",
            group="zookeeper",
            mode=0o640,
            heap=jvm.heap_options(heap(target)),
            gc_log=gc_log(target),
            logging=log,
            options=jvm.without_secrets(options, SECRETS, variable="zookeeper_jvm_opts"),
        ),
        jvm.secret_file(target, SECRETS, "zookeeper", options),
        target.file(
            UNIT,
            "zookeeper/zookeeper.service.j2",
            inputs=inputs(target),
            home=archive.path,
            java_home=java.home(target),
            data_dirs=data_dirs(target),
            started=STARTED if security.on(target.host) else "",
            jars="lib" if target["zookeeper_archive"] else "libs",
        ),
        *services(target),
    ]


def gc_log(target: Target) -> list[str]:
    """The garbage-collection log, bounded like the service log."""
    return jvm.gc_log_options("/var/log/zookeeper/gc.log", target["zookeeper_log_size"], target["zookeeper_log_files"])
