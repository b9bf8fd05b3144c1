"""Where a product's files come from. A source knows its identity without a download and can hand over a verified file.

Everything is kept in one cache, `~/.cache/kafka-provisioner/artifacts` or $PROVISIONER_CACHE:

    blobs/<sha256>               the jars, shared by all closures
    closures/<digest>/<name>.tar one tar per locked version, assembled from them
    archives/<sha512>/<name>     release archives that came over the network
    digests/                     which large files were read already, and what was found
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from provisioner.artifacts import lockfile
from provisioner.artifacts.checksum import DigestMemo, parse_sha512
from provisioner.artifacts.download import Wanted, download_all, require_space
from provisioner.artifacts.tarball import Corrupt, Entry, check_release, write_tar
from provisioner.errors import ArtifactError, ConfigError

Progress = Callable[[str, str, int, int], None]  # key, label, bytes done, bytes in all


@dataclass(frozen=True)
class Payload:
    """A verified file on this machine. `size` in bytes; `format` "tar" or "tgz"."""

    path: Path
    sha256: str
    size: int
    format: str


class Source(Protocol):
    """id: identity of the content, known without downloading. label: for people."""

    @property
    def id(self) -> str: ...

    @property
    def label(self) -> str: ...

    def obtain(self, progress: Progress) -> Payload:
        """Have the file, downloading only what the cache lacks. Raises ArtifactError."""
        ...


def cache_directory() -> Path:
    """$PROVISIONER_CACHE, or the user's cache."""
    given = os.environ.get("PROVISIONER_CACHE")
    if given:
        return Path(given).expanduser().absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kafka-provisioner" / "artifacts"


def maven_repository() -> str:
    """The repository to download from: $PROVISIONER_MAVEN_URL (a company's mirror), or the resolver's own default."""
    given = os.environ.get("PROVISIONER_MAVEN_URL")
    if given:
        return given.rstrip("/")
    from jgo.constants import MAVEN_CENTRAL_URL

    return str(MAVEN_CENTRAL_URL).rstrip("/")


class ClosureSource:
    """The jars of a lock file, as one tar with `<product>-<version>/libs/*.jar` in it."""

    def __init__(self, lock_file: Path) -> None:
        """Reads the lock; raises ConfigError when it is not usable."""
        self.lock = lockfile.read(lock_file)
        self.id = f"sha256:{self.lock.digest}"
        self.label = f"{self.lock.product} {self.lock.version} (Maven closure, {len(self.lock.jars)} jars)"

    def obtain(self, progress: Progress) -> Payload:
        cache = cache_directory()
        memo = DigestMemo(cache / "digests")
        tar = cache / "closures" / self.lock.digest / f"{self.lock.name}.tar"
        recorded = tar.with_suffix(".sha256")
        with _writing(tar), _locked(tar.with_suffix(".lock")):
            # The record is written after the tar; a tar that no longer matches it is assembled anew.
            if not (tar.is_file() and recorded.is_file() and memo.digests(tar).sha256 == recorded.read_text().strip()):
                recorded.unlink(missing_ok=True)
                require_space(tar.parent, 2 * sum(jar.size for jar in self.lock.jars))
                recorded.write_text(self._assemble(tar, cache / "blobs", progress) + "\n")
            digests = memo.digests(tar)
        return Payload(tar, digests.sha256, digests.size, "tar")

    def _assemble(self, tar: Path, blobs: Path, progress: Progress) -> str:
        """Download what is missing, verify every jar as it is packed, and fetch again what went bad in the cache."""
        repository = maven_repository()
        wanted = [
            Wanted(f"{repository}/{jar.repository_path}", blobs / jar.sha256, "sha256", jar.sha256, jar.size)
            for jar in self.lock.jars
        ]
        entries = [
            Entry(f"{self.lock.name}/libs/{jar.filename}", blobs / jar.sha256, sha256=jar.sha256)
            for jar in self.lock.jars
        ]
        while True:
            download_all(wanted, lambda done, total: progress(self.lock.name, self.label, done, total))
            try:
                return write_tar(tar, entries, lambda _: None)
            except Corrupt as corrupt:
                corrupt.path.unlink(missing_ok=True)  # each turn removes one bad file, so this ends


class ArchiveSource:
    """A release archive (.tgz): a path, a `file:` address or a URL."""

    def __init__(self, location: str, sha512: str = "") -> None:
        """`sha512`: the digest, or the content of a checksum file. Without it the `.sha512` beside a file is used.

        Raises ConfigError for a URL without a digest, a missing file or an unreadable digest.
        """
        self.location = location
        self._remote = urlsplit(location).scheme in ("http", "https")
        self.name = unquote(urlsplit(location).path if "://" in location else location).rsplit("/", 1)[-1]
        self.label = f"{self.name} (release archive)"
        self._path = None if self._remote else _local_path(location)
        text = sha512 or self._published()
        try:
            self._sha512 = parse_sha512(text, self.name) if text else ""
        except ValueError as error:
            raise ConfigError(
                f"the sha512 of {location} cannot be used: {error}",
                advice="give its 128 hex digits, or the content of the .sha512 file that is published beside it",
            ) from error
        if self._remote and not self._sha512:
            raise ConfigError(
                f"{location} needs its sha512: a download is never trusted as it is",
                advice="give the content of the .sha512 file that is published beside it",
            )
        self._check_exists()

    @property
    def id(self) -> str:
        """sha512 where one is known; for a file without one, its sha256 (read once, then remembered)."""
        if self._sha512:
            return f"sha512:{self._sha512}"
        with _writing(self._file()):
            return f"sha256:{DigestMemo(cache_directory() / 'digests').digests(self._file()).sha256}"

    def obtain(self, progress: Progress) -> Payload:
        path = self._file()
        cache = cache_directory()
        if self._remote and not path.is_file():
            wanted = Wanted(self.location, path, "sha512", self._sha512)
            download_all([wanted], lambda done, total: progress(self.name, self.label, done, total))
        with _writing(path):
            digests = DigestMemo(cache / "digests").digests(path)
        if self._sha512 and digests.sha512 != self._sha512:
            self._refuse(path, digests.sha512)
        checked = cache / "digests" / f"{digests.sha256}.release"
        if not checked.exists():
            check_release(path)
            with _writing(checked):
                checked.parent.mkdir(parents=True, exist_ok=True)
                checked.touch()
        return Payload(path, digests.sha256, digests.size, "tgz")

    def _file(self) -> Path:
        """The file to use: the given one, or its copy in the cache (a download, or what a bundle brought along)."""
        if self._path is not None and (self._path.is_file() or not self._sha512):
            return self._path
        return cache_directory() / "archives" / self._sha512 / self.name

    def _published(self) -> str:
        if self._path is None:
            return ""
        beside = self._path.with_name(self._path.name + ".sha512")
        return beside.read_text(encoding="utf-8", errors="replace") if beside.is_file() else ""

    def _check_exists(self) -> None:
        if not self._remote and not self._file().is_file():
            raise ConfigError(
                f"the release archive {self._path} does not exist",
                details=[f"given as {self.location}"],
                advice="check the path; a relative one starts at the current directory",
            )

    def _refuse(self, path: Path, got: str) -> None:
        if path != self._path:
            path.unlink()  # ours, and no longer what was verified: the next run downloads it again
        raise ArtifactError(
            f"{self.name} does not match its sha512",
            details=[f"file     {path}", f"expected sha512 {self._sha512}", f"got      sha512 {got}"],
            advice="download it again, or correct the digest if this file is the one you want",
        )


def _local_path(location: str) -> Path:
    path = location
    if location.startswith("file:"):
        path = unquote(urlsplit(location).path)
    elif "://" in location:
        raise ConfigError(
            f"{location} is not an address this tool can read",
            advice="give a path, file:/path/to/release.tgz, or an http(s) URL",
        )
    return Path(path).expanduser().absolute()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Held by one run at a time; freed by the kernel when the run ends, however it ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Turns what the disk refuses into one message."""
    try:
        yield
    except OSError as error:
        raise ArtifactError(
            f"{error.filename or path} cannot be used: {error.strerror or error}",
            advice="free space or fix the permissions there, or point PROVISIONER_CACHE at another directory",
        ) from error
