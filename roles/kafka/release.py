"""Which Kafka a host gets, and where that comes from."""

from __future__ import annotations

from provisioner.resources import Archive
from provisioner.run.target import Target
from roles.shared.releases import kafka_release, source


def home(target: Target) -> str:
    """The versioned directory that it is unpacked to."""
    release = kafka_release(target.host.vars)
    return f"/opt/kafka_{release.scala}-{release.version}"


def distribution(target: Target) -> Archive:
    """Kafka itself: a release archive when one is given, else the locked set of jars."""
    return Archive(home(target), source(kafka_release(target.host.vars), target.host.vars), strip=1)
