"""The cache on the control machine: where it is, room on its disk, and one run at a time where that matters.

Everything is kept below `~/.cache/kafka-provisioner/artifacts` or $PROVISIONER_CACHE:

    blobs/<sha256>               the jars, shared by all closures
    closures/<digest>/<name>.tar one tar per locked version, assembled from them
    archives/<sha512>/<name>     release archives that came over the network
    digests/                     which large files were read already, and what was found
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from provisioner.artifacts.private import require_private
from provisioner.errors import ArtifactError

SPARE = 64 << 20  # bytes to leave free on the disk


def cache_directory() -> Path:
    """$PROVISIONER_CACHE, or the user's cache. Raises ArtifactError where others may write there."""
    given = os.environ.get("PROVISIONER_CACHE")
    if given:
        return require_private(Path(given).expanduser().absolute())
    above = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return require_private(above / "kafka-provisioner" / "artifacts")


def maven_repository() -> str:
    """The repository to download from: $PROVISIONER_MAVEN_URL (a company's mirror), or the resolver's own default."""
    given = os.environ.get("PROVISIONER_MAVEN_URL")
    if given:
        return given.rstrip("/")
    from jgo.constants import MAVEN_CENTRAL_URL

    return str(MAVEN_CENTRAL_URL).rstrip("/")


def require_space(directory: Path, needed: int) -> None:
    """Raise ArtifactError unless `needed` bytes fit on the disk of `directory`, which need not exist yet."""
    while not directory.exists():
        directory = directory.parent
    free = shutil.disk_usage(directory).free
    if free < needed + SPARE:
        raise ArtifactError(
            f"not enough disk space: {(needed + SPARE) >> 20} MiB needed, {free >> 20} MiB free",
            details=[f"in {directory}"],
            advice="free space there, or point PROVISIONER_CACHE at a directory on another disk",
        )


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Held by one run at a time; freed by the kernel when the run ends, however it ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns what the disk refuses into one message."""
    try:
        yield
    except OSError as error:
        raise ArtifactError(
            f"{error.filename or path} cannot be used: {error.strerror or error}",
            advice="free space or fix the permissions there, or point PROVISIONER_CACHE at another directory",
        ) from error
