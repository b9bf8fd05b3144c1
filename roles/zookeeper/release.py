"""Which ZooKeeper a host gets, and where that comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from provisioner.resources import Archive
from provisioner.run.target import Target
from roles.shared.releases import source, zookeeper_release


def home(target: Target) -> str:
    """The versioned directory that it is unpacked to."""
    release = zookeeper_release(target.host.vars)
    return f"/opt/apache-zookeeper-{release.version}"


def distribution(target: Target) -> Archive:
    """ZooKeeper itself: a release archive when one is given, else the locked set of jars."""
    return Archive(home(target), source(zookeeper_release(target.host.vars), target.host.vars), strip=1)


def uses_logback(variables: Mapping[str, Any]) -> bool:
    """ZooKeeper logs through logback since 3.8, through log4j 1 before."""
    return zookeeper_release(variables).number >= (3, 8)
