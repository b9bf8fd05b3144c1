"""A release archive as Apache publishes it, made from what is at hand.

The jars are the locked ones; a repository of jars has no bin/ and config/, so those stand in which an ordinary
deployment renders under the same names, as plain files and with a mark that tells where they came from.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

from provisioner.artifacts import ClosureSource
from roles.shared.releases import release

from .hosts import LabHost

MARK = "# from a release archive"


def make(folder: Path, like: LabHost, version: str) -> Path:
    """kafka_SCALA-VERSION.tgz in `folder`. like: a host with an ordinary deployment of the version."""
    kafka = release("kafka", version)
    top = f"kafka_{kafka.scala}-{version}"
    path = folder / f"{top}.tgz"
    jars = ClosureSource(kafka.lock_file).obtain(lambda *_: None)
    with tarfile.open(path, "w:gz", compresslevel=1) as out, tarfile.open(jars.path) as libs:
        for name, content, mode in _scripts(like):
            _add(out, f"{top}/{name}", content, mode)
        for member in libs:
            stream = libs.extractfile(member)
            assert stream is not None
            _add(out, f"{top}/libs/{member.name.rsplit('/', 1)[1]}", stream.read(), 0o644)
    return path


def gpg_sha512(path: Path) -> str:
    """The digest as `gpg --print-md SHA512` writes it: groups of eight digits, wrapped, under the file's name."""
    digits = hashlib.sha512(path.read_bytes()).hexdigest().upper()
    groups = [digits[at : at + 8] for at in range(0, len(digits), 8)]
    indent = " " * (len(path.name) + 1)
    lines = [f"{indent} {' '.join(groups[at : at + 4])}" for at in range(0, len(groups), 4)]
    return f"{path.name}:{lines[0][len(indent) :]}\n" + "\n".join(lines[1:]) + "\n"


def _scripts(like: LabHost) -> Iterator[tuple[str, bytes, int]]:
    """bin/* and config/* with links followed, as text that passes through the terminal-free exec."""
    listing = like.sh("cd -P /opt/kafka; find bin config -not -type d -exec stat -L -c '%a %n' {} +")
    for line in listing.splitlines():
        mode, _, name = line.partition(" ")
        text = like.lab.exec(like.base, ["cat", f"/opt/kafka/{name}"]).stdout
        if name.startswith("bin/"):
            head, _, rest = text.partition("\n")
            text = f"{head}\n{MARK}\n{rest}"
        yield name, text.encode(), int(mode, 8)


def _add(out: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), mode
    out.addfile(member, io.BytesIO(content))
