"""Which ZooKeeper a host gets, and where that comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from provisioner.errors import ConfigError
from provisioner.resources import Archive
from provisioner.run.target import Target
from roles.kafka import release as kafka
from roles.shared import releases

WITHOUT = "runs without ZooKeeper, and the inventory has a group zookeeper"


def release(variables: Mapping[str, Any]) -> releases.Release:
    """The ZooKeeper that a host's variables ask for: its own version, or the one paired with the Kafka version.
    ConfigError when it is not locked, and for a Kafka that has none (4.0 and newer, KIP-833)."""
    version = variables["zookeeper_version"]
    if not version:
        broker = kafka.release(variables)
        version = broker.paired.get("zookeeper")
        if not version:
            last = releases.newest("kafka", paired="zookeeper")
            raise ConfigError(
                f"Kafka {broker.version} {WITHOUT}",
                advice=f"remove that group, or set kafka_version: {last}, the newest one that runs with ZooKeeper",
            )
    return releases.release("zookeeper", str(version))


def home(target: Target) -> str:
    """The versioned directory that it is unpacked to."""
    return f"/opt/apache-zookeeper-{release(target.host.vars).version}"


def distribution(target: Target) -> Archive:
    """ZooKeeper itself: a release archive when one is given, else the locked set of jars."""
    return Archive(home(target), releases.source(release(target.host.vars), target.host.vars), strip=1)


def uses_logback(variables: Mapping[str, Any]) -> bool:
    """ZooKeeper logs through logback since 3.8, through log4j 1 before."""
    return release(variables).number >= (3, 8)


def checks_names_itself(variables: Mapping[str, Any]) -> bool:
    """Before 3.8, a server cannot leave it to Java whether a certificate is for the name that was asked for."""
    return release(variables).number < (3, 8)


def compresses_snapshots(variables: Mapping[str, Any]) -> bool:
    """Since 3.6, a server may write snapshots with snappy, and the commands about snapshots read them."""
    return release(variables).number >= (3, 6)
