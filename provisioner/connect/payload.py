"""The agent as it travels: one zip of the engine's host side and the roles', named by its content.

`STAGE0` (agent/stage0.py) is the only code that is sent on every run; it asks for the zip when the host lacks it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from provisioner.errors import ArtifactError

MAGIC = b"PROVISIONER AGENT 1\n"
STAGE0 = (Path(__file__).parent.parent / "agent" / "stage0.py").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Payload:
    """A built agent. digest: sha256 of the zip; size: its bytes."""

    digest: str
    size: int
    path: Path

    def read(self) -> bytes:
        """Its bytes. Raises ArtifactError for a file that is not what was built."""
        data = self.path.read_bytes()
        if hashlib.sha256(data).hexdigest() != self.digest:
            raise ArtifactError(
                f"{self.path} is not the agent that was built there",
                advice="remove it, and find out who can write there; the next run builds it again",
            )
        return data


def _files(root: Path, packages: Sequence[str], libraries: Sequence[str]) -> Iterator[tuple[str, Path]]:
    """(name in the zip, file) of everything that travels, in order."""
    places = [(name.replace(".", "/"), root / name.replace(".", "/")) for name in packages]
    for library in libraries:
        spec = importlib.util.find_spec(library)
        assert spec is not None and spec.origin is not None
        places.append((library, Path(spec.origin).parent))
    seen = set()
    for prefix, folder in places:
        for parent in _parents(prefix):
            if parent not in seen and (root / parent / "__init__.py").is_file():
                seen.add(parent)
                yield f"{parent}/__init__.py", root / parent / "__init__.py"
        module = folder.with_suffix(".py")
        if module.is_file():
            yield f"{prefix}.py", module
            continue
        for inner in sorted(_below(str(folder))):
            name = f"{prefix}/{inner}"
            if name not in seen:
                seen.add(name)
                yield name, folder / inner


def _below(folder: str, prefix: str = "") -> Iterator[str]:
    """Names of all files below a folder, without compiled ones. Done on every run: pathlib takes five times as long."""
    for entry in os.scandir(folder):
        if entry.is_dir():
            if entry.name != "__pycache__":
                yield from _below(entry.path, f"{prefix}{entry.name}/")
        elif entry.is_file():
            yield prefix + entry.name


def _parents(prefix: str) -> list[str]:
    parts = prefix.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def _fingerprint(files: Iterable[tuple[str, Path]]) -> str:
    """Changes whenever a file may have changed; much cheaper than reading them."""
    digest = hashlib.sha256()
    for name, path in files:
        found = path.stat()
        digest.update(f"{name} {path} {found.st_size} {found.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def build(root: Path, cache: Path, *, packages: Sequence[str], libraries: Sequence[str]) -> Payload:
    """The zip of `packages` (or single modules; dotted, below `root`) and `libraries` (importable here), built once per
    content.

    The zip is deterministic, so equal code has an equal digest on every control machine.
    """
    files = list(_files(root, packages, libraries))
    index = cache / "agent" / _fingerprint(files)
    if index.is_file():
        digest = index.read_text()
        path = cache / "agent" / f"{digest}.zip"
        if re.fullmatch("[0-9a-f]{64}", digest) and path.is_file():
            return Payload(digest, path.stat().st_size, path)
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, file in files:
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), file.read_bytes(), zipfile.ZIP_DEFLATED)
    data = buffer.getvalue()
    digest = hashlib.sha256(data).hexdigest()
    path = cache / "agent" / f"{digest}.zip"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(path, data)
    _write(index, digest.encode())
    return Payload(digest, len(data), path)


def _write(path: Path, data: bytes) -> None:
    import tempfile

    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as out:
        out.write(data)
    Path(out.name).replace(path)
