"""Tar files: ours are written so that equal content gives equal bytes; release archives are checked before use."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import posixpath
import tarfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from provisioner.artifacts.checksum import CHUNK
from provisioner.errors import ArtifactError


@dataclass(frozen=True)
class Entry:
    """One regular file of a tar. `sha256`: what a file on disk must still have, "" when it may be anything."""

    name: str
    content: Path | bytes
    mode: int = 0o644
    sha256: str = ""


class Corrupt(Exception):
    """A file that goes into a tar no longer is what it was when it was verified."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} changed")
        self.path = path


def write_tar(path: Path, entries: Iterable[Entry], written: Callable[[int], None], mode: int = 0o644) -> str:
    """Write an uncompressed tar to `path`, which appears only when complete; returns its SHA-256.

    Owner, times and order are fixed. `written(bytes)` is called after each file. Raises Corrupt and OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC, mode), "w+b") as stream:
            sink = _Hashing(stream)
            with tarfile.open(fileobj=sink, mode="w|", format=tarfile.PAX_FORMAT) as tar:  # type: ignore[call-overload]
                for entry in sorted(entries, key=lambda entry: entry.name):
                    written(_add(tar, entry))
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return sink.sha256.hexdigest()


def _add(tar: tarfile.TarFile, entry: Entry) -> int:
    info = tarfile.TarInfo(entry.name)
    info.mode = entry.mode
    if isinstance(entry.content, bytes):
        info.size = len(entry.content)
        tar.addfile(info, io.BytesIO(entry.content))
        return info.size
    with entry.content.open("rb") as stream:
        info.size = os.fstat(stream.fileno()).st_size
        source = _Hashing(stream)
        tar.addfile(info, source)
    if entry.sha256 and source.sha256.hexdigest() != entry.sha256:
        raise Corrupt(entry.content)
    return info.size


class _Hashing:
    """A stream that hashes what passes through it in either direction."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.sha256 = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self.sha256.update(data)
        return data

    def write(self, data: bytes) -> int:
        self.sha256.update(data)
        return self._stream.write(data)


def check_release(path: Path) -> list[str]:
    """The names of the jars of a release archive. Raises ArtifactError unless `path` is a gzipped tar, safe to unpack,
    with jars in libs/ or lib/ of its top folder.

    Safe: every name stays below the top directory, every link points below it, and there is no device or pipe.
    """
    tops: set[str] = set()
    jars: list[str] = []
    try:
        with gzip.open(path) as stream:
            with tarfile.open(fileobj=stream, mode="r|") as tar:
                for member in tar:
                    if problem := _unsafe(member):
                        raise _refused(path, problem)
                    parts = posixpath.normpath(member.name).split("/")
                    tops.add(parts[0])
                    if len(parts) == 3 and parts[1] in ("libs", "lib") and parts[2].endswith(".jar"):
                        jars.append(parts[2])
            while stream.read(CHUNK):  # to the checksum at its end, which tarfile leaves unread
                pass
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise _refused(path, f"it cannot be read to its end: {error}") from error
    if len(tops) != 1:
        raise _refused(path, f"it has {len(tops)} top directories, not one: {', '.join(sorted(tops)[:5])}")
    if not jars:
        raise _refused(path, f"there is no jar in {tops.pop()}/libs/ or lib/: a source release?")
    return sorted(jars)


def _unsafe(member: tarfile.TarInfo) -> str:
    """Why this member must not be unpacked; empty when it may."""
    name = posixpath.normpath(member.name)
    if member.name.startswith("/") or name.startswith(".."):
        return f"{member.name!r} would be unpacked outside its directory"
    if member.issym() or member.islnk():
        base = posixpath.dirname(name) if member.issym() else ""
        target = posixpath.normpath(posixpath.join(base, member.linkname))
        if member.linkname.startswith("/") or target.split("/")[0] != name.split("/")[0]:
            return f"{member.name!r} links to {member.linkname!r}, outside its directory"
    elif not (member.isfile() or member.isdir()):
        return f"{member.name!r} is neither a file nor a directory nor a link"
    return ""


def _refused(path: Path, reason: str) -> ArtifactError:
    return ArtifactError(
        f"{path.name} is not a usable release archive",
        details=[reason, f"read from {path}"],
        advice="give the binary release (.tgz) as it was published; download it again if it was cut off",
    )
