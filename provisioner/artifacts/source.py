"""Where software comes from. A source knows its identity without a download and can hand over a verified file."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from provisioner.artifacts import lockfile
from provisioner.artifacts.cache import cache_directory, locked, maven_repository, require_space, writing
from provisioner.artifacts.checksum import DigestMemo, parse_sha512
from provisioner.artifacts.tarball import Corrupt, Entry, check_release, write_tar
from provisioner.errors import ArtifactError, ConfigError
from provisioner.words import some

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


def fetch(sources: Iterable[Source], progress: Progress) -> list[Payload]:
    """Have every source on this machine, as a deployment would. Raises ArtifactError."""
    return [source.obtain(progress) for source in sources]


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
        with writing(tar), locked(tar.with_suffix(".lock")):
            # The record is written after the tar; a tar that no longer matches it is assembled anew.
            if not (tar.is_file() and recorded.is_file() and memo.digests(tar).sha256 == recorded.read_text().strip()):
                recorded.unlink(missing_ok=True)
                require_space(tar.parent, 2 * sum(jar.size for jar in self.lock.jars))
                recorded.write_text(self._assemble(tar, cache / "blobs", progress) + "\n")
            digests = memo.digests(tar)
        return Payload(tar, digests.sha256, digests.size, "tar")

    def cache_entries(self, payload: Payload) -> dict[str, Path]:
        """The files, by their path in a cache, with which `obtain` needs no network."""
        folder = f"closures/{self.lock.digest}"
        return {f"{folder}/{path.name}": path for path in (payload.path, payload.path.with_suffix(".sha256"))}

    def _assemble(self, tar: Path, blobs: Path, progress: Progress) -> str:
        """Download what is missing, verify every jar as it is packed, and fetch again what went bad in the cache."""
        from provisioner.artifacts.download import Wanted, download_all  # slow to import, and seldom needed

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

    def __init__(self, location: str, sha512: str = "", holds: str = "") -> None:
        """`sha512`: the digest, or the content of a checksum file. Without it the `.sha512` beside a file is used.
        `holds`: a pattern for the name of a jar that tells this version from others.

        Raises ConfigError for a URL without a digest, a missing file or an unreadable digest.
        """
        _require_location(location)
        self.location, self._holds = location, holds
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
        with writing(self._file()):
            return f"sha256:{DigestMemo(cache_directory() / 'digests').digests(self._file()).sha256}"

    def obtain(self, progress: Progress) -> Payload:
        path = self._file()
        cache = cache_directory()
        if self._remote and not path.is_file():
            from provisioner.artifacts.download import Wanted, download_all

            wanted = Wanted(self.location, path, "sha512", self._sha512)
            download_all([wanted], lambda done, total: progress(self.name, self.label, done, total))
        with writing(path):
            digests = DigestMemo(cache / "digests").digests(path)
        if self._sha512 and digests.sha512 != self._sha512:
            self._refuse(path, digests.sha512)
        checked = cache / "digests" / f"{digests.sha256}.release"
        jars = checked.read_text(encoding="utf-8").splitlines() if checked.exists() else []
        if not jars:
            jars = check_release(path)
            with writing(checked):
                checked.parent.mkdir(parents=True, exist_ok=True)
                checked.write_text("\n".join(jars), encoding="utf-8")
        self._require_version(jars)
        return Payload(path, digests.sha256, digests.size, "tgz")

    def cache_entries(self, payload: Payload) -> dict[str, Path]:
        """The file, by its path in a cache, with which `obtain` needs neither the network nor the given file."""
        return {f"archives/{self._sha512}/{self.name}": payload.path}

    def _require_version(self, jars: list[str]) -> None:
        """Raises ArtifactError for the release of another version, whatever its file is called."""
        if not self._holds or fnmatch.filter(jars, self._holds):
            return
        stem = self._holds.partition("*")[0]
        raise ArtifactError(
            f"{self.name} is not the release that was asked for: it has no {self._holds}",
            details=[f"its jars: {some([jar for jar in jars if jar.startswith(stem)] or jars, 3)}"],
            advice="make the archive and the version agree",
        )

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


def _require_location(location: str) -> None:
    """Raises ConfigError for what no file system and no server would take as a name."""
    name = location.rsplit("/", 1)[-1]
    try:
        urlsplit(location)
        Path(location).expanduser()
    except (ValueError, RuntimeError):  # http://[ and ~nobody
        name = ""
    if not location.isprintable() or name in ("", ".", "..") or len(name) > 255 or len(location) > 4000:
        raise ConfigError(
            f"{location[:100]!r} is not the path or the address of a release archive",
            advice="write it like this: file:downloads/NAME.tgz, or https://...",
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
