"""Data directories of a broker made up for the tests of --drain-dir."""

from __future__ import annotations

from typing import Any

from cluster.moving.directories import Directory

MIB = 1 << 20
PLENTY = 1 << 40
OLD, A, B = "/srv/old", "/srv/a", "/srv/b"


def directory(path: str, *sizes: int, free: int = PLENTY, device: int | None = None, **more: Any) -> Directory:
    """A directory with one partition of the topic named like its last letter for each size."""
    copies = {(path[-1], number): size for number, size in enumerate(sizes)}
    return Directory(path, copies, free=free, device=hash(path) if device is None else device, **more)
