"""Three nodes that are closed and opened again, and clients that reach them by the hosts' addresses."""

from __future__ import annotations

import contextlib
import re
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lab.lab import Lab

from .cluster import Cluster, bare_cluster
from .load import Load

PASSWORD = "a-password-of-alice"
USERS: dict[str, Any] = {"alice": {"password": PASSWORD, **dict.fromkeys(("read", "write", "create", "groups"), "*")}}
PLAIN, SECURED = 9192, 9194  # of a listener that clients on this machine reach by the hosts' own addresses
MODE = "kafka_security"


# The clusters that can be closed as they run: the shipped inventory, and the version where it is another one.
COMBINED, OLD = "combined", "2.5.0"
CLUSTERS = {
    COMBINED: ("prod3-kraft", ""),
    "controllers": ("prod3-kraft", ""),
    "zookeeper": ("prod3", ""),
    OLD: ("prod3", OLD),
}


@contextlib.contextmanager
def open_cluster(lab: Lab, folder: Path, kind: str = COMBINED) -> Iterator[Cluster]:
    """Deployed, with listeners in the clear only. kind: one of CLUSTERS."""
    inventory, version = CLUSTERS[kind]
    with bare_cluster(lab, folder, inventory) as found:
        if kind == COMBINED:
            del found.base["all"]["children"]["kafka_controller"]
        if version:
            found.base["all"]["vars"]["kafka_version"] = version
        found.base["all"]["vars"]["kafka_listeners"] = [
            {"name": "INTERNAL", "port": 9092, "advertised_host": "{{ inventory_hostname }}"},
            {"name": "EXTERNAL", "port": PLAIN, "advertised_host": "{{ address }}"},
        ]
        for host in found.hosts:
            found.base["all"]["children"]["kafka"]["hosts"][host.name]["address"] = address(host)
        found.set()
        found.made = found.invoke("deploy", "--no-smoke")
        yield found


def address(host: Any) -> str:
    return str(host.sh("hostname -i").split()[0])


def at_port(cluster: Cluster, port: int) -> list[str]:
    return [f"{address(host)}:{port}" for host in cluster.hosts]


def in_the_clear(cluster: Cluster, topic: str) -> Load:
    return Load(at_port(cluster, PLAIN), topic)


def with_a_password(cluster: Cluster, topic: str, password: str = PASSWORD, bits: int = 512) -> Load:
    return Load(at_port(cluster, SECURED), topic, client=client(cluster, password, bits))


def client(cluster: Cluster, password: str = PASSWORD, bits: int = 512) -> dict[str, Any]:
    trusted = cluster.path.with_name(f"{cluster.path.stem}.ca") / "ca.crt"
    return {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": f"SCRAM-SHA-{bits}",
        "sasl_plain_username": "alice",
        "sasl_plain_password": password,
        "ssl_context": ssl.create_default_context(cafile=str(trusted)),
    }


def closed(cluster: Cluster, mode: str, **passwords: str) -> None:
    """passwords: alice's, by their names in kafka_users, where they are others."""
    rights = {name: may for name, may in USERS["alice"].items() if name != "password"}
    alice = {**rights, **passwords} if passwords else USERS["alice"]
    cluster.set({MODE: mode, **({"kafka_users": {"alice": alice}} if mode != "off" else {})})


def require_owners(cluster: Cluster, mode: str) -> int:
    """Assert that all that ZooKeeper holds is the nodes' own, or with `off` anybody's; how many znodes that was."""
    host = cluster.hosts[0]
    cli = "zkCli.sh -server localhost:2181"
    listed = host.sh(f"echo 'ls -R /' | {cli}").splitlines()
    paths = [line for line in listed if line.startswith("/") and not line.startswith("/zookeeper")]
    asked = "".join(f"getAcl {path}\n" for path in paths)
    said = host.sh(f"{cli} <<'END'\n{asked}END")
    rights = re.findall(r"'(\w+),'(\S+)\s*\n: (\w+)$", said, re.MULTILINE)
    world = {bits for scheme, _, bits in rights if scheme == "world"}
    assert len(rights) >= len(paths) > 10, f"{len(paths)} znodes, {len(rights)} rights\n{said[-2000:]}"
    if mode == "off":
        assert {scheme for scheme, *_ in rights} == {"world"} and world == {"cdrwa"}, rights
    else:
        assert world <= {"r"}, said
    return len(paths)


def listening(cluster: Cluster) -> set[str]:
    """The names of the listeners of all brokers, as they run."""
    lines = [host.sh("grep ^listeners= /run/kafka/server.properties") for host in cluster.hosts]
    (line,) = {line.strip() for line in lines}
    return {one.partition("://")[0] for one in line.partition("=")[2].split(",")}
