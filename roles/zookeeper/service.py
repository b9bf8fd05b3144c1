"""The unit `zookeeper`: what it has read, when it serves, where it logs and keeps its data."""

from __future__ import annotations

from cluster.certificates import remote as certificates
from cluster.endpoint import SSL, Endpoint
from cluster.metadata import remote
from provisioner.agent.trees import ANYTHING
from provisioner.resources import Reload, Request, Service
from provisioner.resources.archive import MARKER
from provisioner.run.target import Target
from roles.java import role as java
from roles.shared import jvm, security, tls
from roles.zookeeper import doors
from roles.zookeeper.release import home, uses_logback

CONFIG = "/etc/zookeeper/zoo.cfg"
STARTED = "/run/zookeeper/zoo.cfg"  # CONFIG as the running server has read it; of a server that takes TLS
ENVIRONMENT = "/etc/zookeeper/zookeeper.env"
SECRETS = "/etc/zookeeper/secret.options"  # JVM options that hold a secret
UNIT = "/etc/systemd/system/zookeeper.service"

MAIN = "org.apache.zookeeper.server.quorum.QuorumPeerMain"  # the class that the unit runs
OPEN_CONFIG = True  # `zkServer.sh status` reads zoo.cfg as anybody

# Worth reading as one stream. The garbage collection's log is in /var/log/zookeeper only.
LOGS = ("/var/log/zookeeper/zookeeper.log",)
# What our own looks at a server leave there (`cluster/metadata/zookeeper/probe.py`).
PROBES = r"Processing (srvr|mntr) command from /127\.0\.0\.1:"


# What a server puts into its directories (FileTxnSnapLog, QuorumPeer), as in `provisioner/agent/trees.py`.
TRANSACTIONS = r"(log|snapshot)\.[0-9a-f]+(\.\w+)?|(accepted|current|updating)Epoch(\.tmp)?"
HOLDS = (
    ("version-2", TRANSACTIONS),
    (r"myid|zookeeper_server\.pid|initialize", ""),
    (r"lost\+found", ANYTHING),  # a server starts over it
)


def services(target: Target) -> list[Service]:
    """The unit, as a resource."""
    return [Service("zookeeper", inputs(target), ready=ready(target), reload=reload(target))]


def data_dirs(target: Target) -> list[str]:
    """Where snapshots and the transaction log are: one directory or two."""
    snapshots, transactions = target["zookeeper_data_dir"], target["zookeeper_txn_dir"]
    return [snapshots] if transactions in (None, snapshots) else [snapshots, transactions]


def logging(target: Target) -> str:
    """The configuration file of logging."""
    return f"/etc/zookeeper/zookeeper-{'logback.xml' if uses_logback(target.host.vars) else 'log4j.properties'}"


def inputs(target: Target) -> tuple[str, ...]:
    """Everything that the running server has read: a difference from the disk means a restart."""
    return (
        CONFIG,
        f"{target['zookeeper_data_dir']}/myid",
        ENVIRONMENT,
        *((SECRETS,) if jvm.secrets(target["zookeeper_jvm_opts"]) else ()),
        *(security.files(doors.UNIT) if security.on(target.host) else ()),
        logging(target),
        UNIT,
        f"{home(target)}/{MARKER}",
        f"{java.home(target)}/release",
    )


def node(target: Target) -> tls.Node | None:
    """The node of a closed cluster that the unit runs; None in an open one."""
    if not security.on(target.host):
        return None
    shows = Endpoint(remote.LOCAL, target["zookeeper_port"], SSL)
    taken = tls.SUCCEEDED if doors.reloads(target.host) else ()
    asked = {"CLIENT": shows.to_wire()}
    if taken and security.among_nodes(target.host) and len(target.members("zookeeper")) > 1:
        # The servers' own connections have a key of their own in the process. Each listens for elections all the time.
        asked["ELECTION"] = Endpoint(remote.LOCAL, target["zookeeper_election_port"], SSL).to_wire()
    return tls.node(target, doors.UNIT, [str(target["zookeeper_address"])], asked, taken=taken)


def reload(target: Target) -> Reload | None:
    """How the running server takes another certificate; None where only a restart does it."""
    if not doors.reloads(target.host) or (own := node(target)) is None:
        return None
    path, log_file = own.credential.path, LOGS[0]
    request = certificates.reload_server(unit="zookeeper", log_file=log_file, path=path, doors=own.doors)
    return Reload(security.files(doors.UNIT), request)


def ready(target: Target) -> Request:
    """The check on the host, after a start, that the server serves."""
    return remote.zookeeper_ready(
        doors.here(target.host),
        unit="zookeeper.service",
        log_file=LOGS[0],
        timeout=target["zookeeper_start_timeout"] / 1000,
        stall=target["zookeeper_start_stall"] / 1000,
    )
