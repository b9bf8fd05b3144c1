"""Digests: reading them from the checksum files people publish, and computing them once per file.

A release archive is published beside a `.sha512` file in one of three shapes: `sha512sum`'s, BSD's, and gpg's, which
breaks the digest into upper-case groups over several lines. All three say the same thing and are read here.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

CHUNK = 1 << 18
_SHA512 = re.compile(r"[0-9a-f]{128}")


def parse_sha512(text: str, filename: str = "") -> str:
    """The SHA-512 in `text`, as 128 lower-case hex digits.

    `text` is a bare digest or the content of a checksum file: `sha512sum` ("HEX  name"), BSD ("SHA512 (name) = HEX")
    or gpg ("name: 0A1B2C3D ...", in groups over several lines). With digests of several files, the one of `filename`
    is taken. Raises ValueError, with what was found, when there is none or it is not clear which.
    """
    found = _digests(text)
    if len(found) > 1 and filename:
        found = [pair for pair in found if Path(pair[0]).name == filename]
    digests = {digest for _, digest in found}
    if len(digests) != 1:
        shown = " ".join(text.split())[:60]
        what = f"{len(digests)} different SHA-512 digests" if digests else "no SHA-512 digest (128 hex digits)"
        raise ValueError(f"{what} in {shown!r}")
    return digests.pop()


def _digests(text: str) -> list[tuple[str, str]]:
    """(file name or "", digest) for every entry of a checksum text."""
    lines = [line for line in text.splitlines() if line.strip()]
    found: list[tuple[str, str]] = []
    for line in lines:
        if bsd := re.fullmatch(r"\s*SHA(?:2-)?512\s*\((.+)\)\s*=\s*([0-9A-Fa-f]{128})\s*", line):
            found.append((bsd[1], bsd[2].lower()))
        elif plain := re.fullmatch(r"\\?\s*([0-9A-Fa-f]{128})(?:\s+\*?(.*?))?\s*", line):
            found.append((plain[2] or "", plain[1].lower()))
    return found or _gpg_digests(lines)


def _gpg_digests(lines: list[str]) -> list[tuple[str, str]]:
    """Entries of gpg's format. A colon ends a file name; what follows, up to the next name, is the digest in groups."""
    entries: list[tuple[str, str]] = []
    for line in lines:
        name, colon, rest = line.rpartition(":")
        if colon:
            entries.append((name.strip(), rest))
        elif entries:
            entries[-1] = (entries[-1][0], entries[-1][1] + line)
        else:
            entries.append(("", line))
    joined = [(name, "".join(digits.split()).lower()) for name, digits in entries]
    return [(name, digest) for name, digest in joined if _SHA512.fullmatch(digest)]


@dataclass(frozen=True)
class FileDigests:
    """Size in bytes and digests of one file."""

    size: int
    sha256: str
    sha512: str


def digest_file(path: Path) -> FileDigests:
    """Read `path` once and return its size and digests."""
    with path.open("rb") as stream:
        return digest_stream(stream)


def digest_stream(stream: BinaryIO) -> FileDigests:
    sha256, sha512, size = hashlib.sha256(), hashlib.sha512(), 0
    while chunk := stream.read(CHUNK):
        sha256.update(chunk)
        sha512.update(chunk)
        size += len(chunk)
    return FileDigests(size, sha256.hexdigest(), sha512.hexdigest())


class DigestMemo:
    """Remembers the digests of large files, so that a run that changes nothing does not read them again.

    A file is taken for unchanged while its path, size, modification time (ns) and inode are: what `make` and `git`
    trust. The memo is only a shortcut: an unreadable, foreign or missing one costs a re-read, never a failure.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def digests(self, path: Path) -> FileDigests:
        """The digests of `path`. Raises OSError if it cannot be read."""
        path = path.resolve()
        memo = self._directory / f"{hashlib.sha256(str(path).encode()).hexdigest()}.json"
        stat = path.stat()
        key = [str(path), stat.st_size, stat.st_mtime_ns, stat.st_ino]
        try:
            known = json.loads(memo.read_text())
            if known["key"] == key:
                return FileDigests(**known["digests"])
        except (OSError, ValueError, KeyError, TypeError):
            pass
        digests = digest_file(path)
        self._remember(memo, {"key": key, "digests": asdict(digests)})
        return digests

    def _remember(self, memo: Path, record: dict[str, object]) -> None:
        part = memo.with_suffix(f".{os.getpid()}.part")
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            part.write_text(json.dumps(record))
            part.replace(memo)
        except OSError:
            part.unlink(missing_ok=True)
