"""How the servers are spoken to, by each other, by brokers and by the toolkit (`kafka_security`): pure functions of
hosts.

There is one port for clients, in the clear or by TLS, so no firewall has to change with the mode. A server lets in who
shows a certificate of the cluster's authority, and nobody else, with `open` as well: clients of Kafka have no business
here, and whoever changes znodes is above all rights that the brokers look after.
"""

from __future__ import annotations

from collections.abc import Mapping

from cluster.endpoint import PLAINTEXT, SSL, Endpoint
from cluster.metadata.remote import LOCAL
from roles.shared import kraft, security
from roles.shared.members import HostLike
from roles.zookeeper.release import checks_names_itself

UNIT = "zookeeper"
# Properties of a server: where it takes clients, in the clear, by TLS, or both; whether it speaks TLS with the others.
CLIENTS, SECURE, UNIFIED, QUORUM = "clientPort", "secureClientPort", "client.portUnification", "sslQuorum"
OWNED = "zookeeper.set.acl"  # of a broker: what it makes is its own
NETTY, CLIENT_NETTY = "org.apache.zookeeper.server.NettyServerCnxnFactory", "org.apache.zookeeper.ClientCnxnSocketNetty"
PROTOCOLS = "TLSv1.3,TLSv1.2"
OLDER_PROTOCOLS = "TLSv1.2"  # of versions that run on a Java 8 which may have no other
OWNER = security.SUBJECT  # of all znodes, by its certificate (x509)


# With this, Java itself checks the name of the server to which one connects. ZooKeeper's own check also looks up the
# name of whoever connects, in a DNS that need not know it (CVE-2026-24281).
_NAMES = {"fips-mode": "true"}
# With these, a server reads its key and what it trusts again as soon as one of the files is replaced.
_RELOADS = {"client.certReload": "true", "sslQuorumReloadCertFiles": "true"}
# There is only that check here. Among servers it has to be off: all have one name, which only nodes have, and a server
# that connects is known by nothing else anyway.
_OLDER_NAMES = {"ssl.quorum.hostnameVerification": "false", "ssl.quorum.protocol": OLDER_PROTOCOLS}


def protocol(host: HostLike) -> str:
    """How clients speak to the servers."""
    return SSL if security.among_nodes(host) else PLAINTEXT


def here(host: HostLike) -> str:
    """Where the server of a host is asked on that host, as `Endpoint.parse` takes it."""
    return Endpoint(LOCAL, int(host.vars["zookeeper_port"]), protocol(host)).to_wire()


def server(host: HostLike) -> dict[str, str]:
    """The properties of zoo.cfg that say how clients, and other servers, get in. On the way from one mode to the other
    (`security.ADDED`, `MOVED`), a server takes both kinds at each port, and begins to speak the other one."""
    port, mode = str(host.vars["zookeeper_port"]), security.mode(host)
    if not security.on(host):
        return {CLIENTS: port}
    way = mode in (security.ADDED, security.MOVED)
    older = checks_names_itself(host.vars)
    return {
        **({CLIENTS: port, UNIFIED: "true", "portUnification": "true"} if way else {SECURE: port}),
        "serverCnxnFactory": NETTY,
        **_shown("ssl"),
        "ssl.clientAuth": "need",
        # ZooKeeper adds it by itself only where there is a port for TLS alone.
        "authProvider.x509": "org.apache.zookeeper.server.auth.X509AuthenticationProvider",
        **({"ssl.protocol": OLDER_PROTOCOLS} if older else {}),
        "ssl.enabledProtocols": OLDER_PROTOCOLS if older else PROTOCOLS,
        **(_OLDER_NAMES if older else {**_NAMES, **_RELOADS}),
        QUORUM: str(security.among_nodes(host)).lower(),
        **_shown("ssl.quorum"),
        "ssl.quorum.clientAuth": "need",
    }


def reloads(host: HostLike) -> bool:
    """Whether a server reads its key, and what it trusts, again as soon as one of the files is replaced (3.8)."""
    return security.on(host) and not checks_names_itself(host.vars)


def position(settings: Mapping[str, str]) -> int:
    """Where a server is on that way, by its zoo.cfg: an index of `security.WAY`."""
    if settings.get(UNIFIED) != "true":
        return len(security.WAY) - 1 if SECURE in settings else 0
    return 2 if settings.get(QUORUM) == "true" else 1


def client(host: HostLike, older: bool = False, unit: str = kraft.COMBINED_UNIT) -> dict[str, str]:
    """The properties by which a broker, or a controller in a migration, speaks to closed servers; none where they are
    open. What it writes is its own, and that of all who have its name. older: whether it may run on a Java with older
    protocols only. unit: that it runs in."""
    if not security.among_nodes(host):
        return {}
    own, trusted = security.files(unit)
    protocols = OLDER_PROTOCOLS if older else PROTOCOLS
    return {
        "zookeeper.clientCnxnSocket": CLIENT_NETTY,
        "zookeeper.ssl.client.enable": "true",
        "zookeeper.ssl.keystore.type": "PEM",
        "zookeeper.ssl.keystore.location": own,
        "zookeeper.ssl.truststore.type": "PEM",
        "zookeeper.ssl.truststore.location": trusted,
        "zookeeper.ssl.protocol": protocols.split(",")[0],
        "zookeeper.ssl.enabled.protocols": protocols,
        # Not while a broker may still come without a name: it could not change what the others have made.
        **({} if security.mode(host) == security.MOVED else {OWNED: "true"}),
    }


def tool(host: HostLike) -> list[str]:
    """The options of Java by which the official commands, as root, are the node of their host."""
    if not security.on(host):
        return []
    found = {"client.secure": "true", "clientCnxnSocket": CLIENT_NETTY, **_shown("ssl")}
    return [f"-Dzookeeper.{name}={value}" for name, value in found.items()]


def _shown(prefix: str) -> dict[str, str]:
    """What a server shows, and whom it trusts."""
    own, trusted = security.files(UNIT)
    return {
        f"{prefix}.keyStore.type": "PEM",
        f"{prefix}.keyStore.location": own,
        f"{prefix}.trustStore.type": "PEM",
        f"{prefix}.trustStore.location": trusted,
    }
