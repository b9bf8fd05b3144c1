"""Downloads that arrive whole or not at all: verified while streaming, resumed, retried, safe beside another run."""

from __future__ import annotations

import fcntl
import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import requests

from provisioner.artifacts.cache import require_space
from provisioner.artifacts.checksum import CHUNK
from provisioner.errors import ArtifactError

THREADS = 8
ATTEMPTS = 4
BACKOFF = 0.5  # seconds before the second attempt, doubled each time
TIMEOUT = (10, 30)  # seconds to connect, and without a byte
_TRANSIENT_STATUS = {408, 425, 429, 500, 502, 503, 504}


@dataclass(frozen=True)
class Wanted:
    """One file to have at `path`. `digest` is hex, of `algorithm`; `size` in bytes, None when not known."""

    url: str
    path: Path
    algorithm: str
    digest: str
    size: int | None = None

    @property
    def name(self) -> str:
        return self.url.rsplit("/", 1)[-1]

    def present(self) -> bool:
        """Whether the file is there with the right size. Its content was verified when it got its name."""
        return self.path.is_file() and self.size in (None, self.path.stat().st_size)


def download_all(wanted: Sequence[Wanted], progress: Callable[[int, int], None]) -> None:
    """Download what is not present, `THREADS` at a time. `progress(done, total)` in bytes, never two calls at once.

    Raises ArtifactError for the first file that cannot be had; files that are already complete stay.
    """
    missing = [item for item in wanted if not item.present()]
    if not missing:
        return
    meter = _Meter(missing, progress)
    require_space(missing[0].path.parent, sum(item.size or 0 for item in missing))
    stop = threading.Event()
    with ThreadPoolExecutor(THREADS) as pool:
        futures = [pool.submit(_download, item, meter, stop) for item in missing]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            stop.set()  # also on Ctrl-C: the workers stop at their next chunk
    errors = [error for error in (future.exception() for future in futures) if error is not None]
    for error in sorted(errors, key=lambda error: isinstance(error, _Stopped)):
        raise error


class _Transient(Exception):
    """Worth another attempt: the message says what happened."""


class _Stopped(Exception):
    """Another file failed; this one gives up."""


class _Meter:
    """Adds up the bytes of all files and reports the sum, one call at a time."""

    def __init__(self, wanted: Sequence[Wanted], report: Callable[[int, int], None]) -> None:
        self._totals = {item.path: item.size or 0 for item in wanted}
        self._done = dict.fromkeys(self._totals, 0)
        self._report = report
        self._lock = threading.Lock()

    def at(self, item: Wanted, done: int, total: int | None = None) -> None:
        """`item` has `done` bytes, of `total` where the server told."""
        with self._lock:
            self._done[item.path] = done
            self._totals[item.path] = max(total or self._totals[item.path], done)
            self._report(sum(self._done.values()), sum(self._totals.values()))


def _download(item: Wanted, meter: _Meter, stop: threading.Event) -> None:
    """Have one file, retrying what may pass. Each attempt goes on where the one before stopped."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with _part_file(item.path) as part:
                if not item.present():  # another run may have finished it while we waited for the lock
                    _attempt(item, part, meter, stop)
            meter.at(item, item.path.stat().st_size)
            return
        except _Transient as error:
            if attempt == ATTEMPTS:
                raise ArtifactError(
                    f"{item.name} could not be downloaded: {error}",
                    details=[f"from {item.url}", f"gave up after {ATTEMPTS} attempts"],
                    advice="check the network and the proxy (HTTPS_PROXY), then run again: finished files are kept",
                ) from error
            if stop.wait(BACKOFF * 2 ** (attempt - 1)):
                raise _Stopped from None
        except OSError as error:
            raise ArtifactError(
                f"{item.name} could not be written: {error.strerror or error}",
                details=[f"to {item.path}"],
                advice="free space there, or point PROVISIONER_CACHE at a directory on another disk",
            ) from error


@contextmanager
def _part_file(path: Path) -> Iterator[BinaryIO]:
    """The partial download of `path`, at its end and ours alone.

    Two runs may want the same file: the second waits for the first on the file's lock. The lock belongs to an inode
    that the first may since have renamed or removed, so once it is ours the name is looked up again.
    """
    name = path.with_name(path.name + ".part")
    name.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with name.open("a+b") as part:
            fcntl.flock(part, fcntl.LOCK_EX)
            if _is_at(part, name):
                try:
                    yield part
                finally:
                    if os.fstat(part.fileno()).st_size == 0:
                        name.unlink(missing_ok=True)  # nothing to resume from
                return


def _is_at(part: BinaryIO, name: Path) -> bool:
    """Whether a file still has this name. One look: another run may remove it at any moment."""
    try:
        return os.fstat(part.fileno()).st_ino == name.stat().st_ino
    except FileNotFoundError:
        return False


def _attempt(item: Wanted, part: BinaryIO, meter: _Meter, stop: threading.Event) -> None:
    digest = hashlib.new(item.algorithm)
    have = _feed(part, digest)
    # identity: a transparent gzip would change both the length and the meaning of a range
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    try:
        with _session().get(item.url, headers=headers, stream=True, timeout=TIMEOUT) as response:
            if response.status_code == 416:
                part.truncate(0)
                raise _Transient("the server does not continue a partial download")
            _check_status(item, response)
            if have and response.status_code != 206:  # the server sends everything again
                part.truncate(0)
                have, digest = 0, hashlib.new(item.algorithm)
            length = response.headers.get("Content-Length", "")
            total = have + int(length) if length.isdigit() else None
            for chunk in response.iter_content(CHUNK):
                if stop.is_set():
                    raise _Stopped
                part.write(chunk)
                digest.update(chunk)
                have += len(chunk)
                meter.at(item, have, total)
                if item.size is not None and have > item.size:
                    break  # too long already: _finish refuses it
            if total is not None and have < total:
                raise _Transient(f"the connection was cut after {have} of {total} bytes")
    except requests.RequestException as error:
        raise _Transient(reason(error)) from error
    _finish(item, part, have, digest.hexdigest())


def _feed(part: BinaryIO, digest: hashlib._Hash) -> int:
    """Bring the digest to the end of a partial file; returns its size in bytes."""
    part.seek(0)
    while chunk := part.read(CHUNK):
        digest.update(chunk)
    return part.tell()


def _finish(item: Wanted, part: BinaryIO, size: int, digest: str) -> None:
    """Compare with what was asked for, and only then give the file its name."""
    expected, got = f"{item.algorithm} {item.digest}", f"{item.algorithm} {digest}"
    if item.size is not None and size != item.size:
        expected, got = f"{item.size} bytes", f"{'more' if size > item.size else size} bytes"
    if expected != got:
        part.truncate(0)  # or the next run would resume from it
        raise ArtifactError(
            f"{item.name} is not the file that was asked for",
            details=[f"from {item.url}", f"expected {expected}", f"got      {got}"],
            advice="do not use it: something between here and the repository changes files, or the digest is wrong",
        )
    part.flush()
    os.fsync(part.fileno())
    Path(part.name).replace(item.path)


def _check_status(item: Wanted, response: requests.Response) -> None:
    status = f"HTTP {response.status_code} {response.reason}".strip()
    if response.status_code in _TRANSIENT_STATUS:
        raise _Transient(status)
    if response.status_code == 404:
        raise ArtifactError(
            f"{item.name} does not exist there ({status})",
            details=[f"asked for {item.url}"],
            advice="check the version; a mirror may lack the file: set PROVISIONER_MAVEN_URL to another repository, or"
            " deploy from a release archive",
        )
    if response.status_code not in (200, 206):
        raise ArtifactError(
            f"{item.name} was refused ({status})",
            details=[f"asked for {item.url}"],
            advice="check that the proxy or mirror lets this machine download",
        )


_threads = threading.local()


def _session() -> requests.Session:
    """A session per thread: connections are reused, proxies and CAs come from the environment."""
    if not hasattr(_threads, "session"):
        _threads.session = requests.Session()
    session: requests.Session = _threads.session
    return session


def reason(error: requests.RequestException) -> str:
    """A network error in a few words: the libraries below nest theirs four levels deep."""
    inner: object = error
    while isinstance(inner, BaseException):
        text = str(inner)
        inner = getattr(inner, "reason", None) or (inner.args[-1] if inner.args else None)
    text = text.rsplit(": ", 1)[-1].strip(" '\"")[:120]
    if isinstance(error, requests.exceptions.SSLError):
        return f"TLS failed ({text}); a private CA goes into REQUESTS_CA_BUNDLE"
    if isinstance(error, requests.exceptions.ProxyError):
        return f"the proxy failed ({text})"
    if isinstance(error, requests.exceptions.Timeout):
        return f"no answer within {TIMEOUT[1]} seconds"
    return f"no connection ({text})"
