"""Which Kafka a host gets, and where that comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from provisioner.resources import Archive
from provisioner.run.target import Target
from roles.shared import releases

LINK = "/opt/kafka"  # to the version that is installed
PEM = (3, 3)  # the first version that reads a key without a password as text (KIP-651, and KAFKA-13769)
NEW_OPTIONS = (4, 2)  # the version whose commands all have the same options (KIP-1147)


def release(variables: Mapping[str, Any]) -> releases.Release:
    """The Kafka that a host's variables ask for. ConfigError when it is not locked."""
    return releases.release("kafka", str(variables["kafka_version"]))


def reads_java_only(variables: Mapping[str, Any]) -> bool:
    """Whether it reads keys and certificates only from stores of Java's own format."""
    return release(variables).number < PEM


def home(target: Target) -> str:
    """The versioned directory that it is unpacked to."""
    chosen = release(target.host.vars)
    return f"/opt/kafka_{chosen.scala}-{chosen.version}"


def distribution(target: Target) -> Archive:
    """Kafka itself: a release archive when one is given, else the locked set of jars."""
    return Archive(home(target), releases.source(release(target.host.vars), target.host.vars), strip=1)
