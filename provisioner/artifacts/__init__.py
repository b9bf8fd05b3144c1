"""Software to install: locked closures and release archives, downloaded once, verified, ready to push to a host."""

from provisioner.artifacts.cache import cache_directory
from provisioner.artifacts.lockfile import Jar, Lock
from provisioner.artifacts.source import ArchiveSource, ClosureSource, Payload, Progress, Source, fetch

__all__ = [
    "ArchiveSource",
    "ClosureSource",
    "Jar",
    "Lock",
    "Payload",
    "Progress",
    "Source",
    "cache_directory",
    "fetch",
]
