"""Which host keys are trusted: known_hosts as OpenSSH reads it (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT").

Paramiko's own reader knows neither patterns nor revoked keys: a revoked key passed, and a host that a pattern names
counted as unknown. Two things are stricter here: a host that is known by a key of another kind counts as changed, and
one that only a certificate authority vouches for is refused, since such certificates are not checked here.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import hashlib
import hmac
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import translate
from functools import lru_cache
from pathlib import Path
from re import Pattern, compile
from typing import NamedTuple

REVOKED, AUTHORITY = "@revoked", "@cert-authority"


class Line(NamedTuple):
    """A line about a host. key: as on the wire."""

    file: Path
    number: int
    kind: str
    key: bytes

    @property
    def place(self) -> str:
        """Where it is: "/home/me/.ssh/known_hosts:12"."""
        return f"{self.file}:{self.number}"


class Known(NamedTuple):
    """What the files say about one host. name: the host as they name it."""

    name: str
    files: Sequence[Path]
    trusted: list[Line]
    revoked: list[Line]
    authorities: list[Line]

    def kinds(self) -> list[str]:
        """The kinds of its keys, for the server to prove it has one of these."""
        return list(dict.fromkeys(line.kind for line in self.trusted))

    def revoking(self, key: bytes) -> Line | None:
        """The line that revokes a key."""
        return next((line for line in self.revoked if line.key == key), None)

    def trusts(self, key: bytes) -> bool:
        """A line lists exactly this key, and none revokes it."""
        return self.revoking(key) is None and any(line.key == key for line in self.trusted)


def name_of(address: str, port: int, alias: str | None = None) -> str:
    """A host as known_hosts names it. alias: HostKeyAlias, which stands for both."""
    if alias:
        return alias
    return address if port == 22 else f"[{address}]:{port}"


def read(files: Iterable[Path], name: str) -> Known:
    """What these files say about a host; a file that is missing or cannot be read says nothing."""
    known = Known(name, tuple(files), [], [], [])
    kinds = {"": known.trusted, REVOKED: known.revoked, AUTHORITY: known.authorities}
    for file in known.files:
        try:
            text = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
        except OSError:
            continue
        for marker, line in about(text, file, name):
            kinds[marker].append(line)
    return known


def about(text: str, file: Path, name: str) -> Iterator[tuple[str, Line]]:
    """The lines about a host with their markers ("" for an ordinary one). Like OpenSSH, it passes over lines that it
    cannot read; whatever else is in the file costs little, since it may have thousands of lines and hosts."""
    for number, text_line in enumerate(text.split("\n"), 1):
        words = text_line.split(None, 4)
        marker = words.pop(0) if words and words[0].startswith("@") else ""
        if len(words) < 3 or marker not in ("", REVOKED, AUTHORITY) or not matches(words[0], name):
            continue
        try:
            key = base64.b64decode(words[2], validate=True)
        except (binascii.Error, ValueError):
            continue
        if key[4 : 4 + int.from_bytes(key[:4], "big")] == words[1].encode():  # a key begins with its kind
            yield marker, Line(file, number, words[1], key)


def matches(names: str, name: str) -> bool:
    """Whether the first field of a line, which may be hashed or hold patterns, is about this name. As in OpenSSH a
    pattern with `!` that matches excludes the name, whatever else matches."""
    name = name.lower()
    if names.startswith("|1|"):
        return _hashed(names, name)
    found = False
    for one in names.lower().split(","):
        excluded, pattern = one.startswith("!"), one.lstrip("!")
        if pattern == name or (("*" in pattern or "?" in pattern) and _pattern(pattern).match(name)):
            if excluded:
                return False
            found = True
    return found


@lru_cache(maxsize=1000)
def _pattern(pattern: str) -> Pattern[str]:
    # Only * and ? mean something; brackets are part of "[host]:port".
    return compile(translate(pattern.replace("[", "[[]")))


def _hashed(entry: str, name: str) -> bool:
    try:
        salt, digest = (base64.b64decode(part, validate=True) for part in entry[3:].split("|"))
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(hmac.new(salt, name.encode(), hashlib.sha1).digest(), digest)


def place_to_remember(files: Iterable[Path]) -> Path | None:
    """The first file that can take a line more: not /dev/null."""
    return next((file for file in files if file.is_file() or not file.exists()), None)


def remember(file: Path, name: str, kind: str, key: bytes) -> None:
    """Add a line, once. (Paramiko would write the whole file anew, without its comments and certificate authorities,
    and while another host's thread does the same.) Raises OSError."""
    line = f"{name} {kind} {base64.b64encode(key).decode()}".encode()
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.touch(mode=0o600, exist_ok=True)
    with file.open("r+b", buffering=0) as opened:
        fcntl.flock(opened, fcntl.LOCK_EX)
        there = opened.read()
        if line not in there.splitlines():  # hosts behind one jump host learn its key at the same time
            start = b"" if there[-1:] in (b"", b"\n") else b"\n"
            opened.write(start + line + b"\n")
