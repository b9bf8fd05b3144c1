"""One file that deploys from a machine with no network: the project, its Python packages, and the software to install.

Unpack it anywhere and type `./run deploy --hosts NAME`. It needs nothing there but the python3 it was made for: the
wheels are used as they are, so neither pip nor venv has to exist.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from provisioner.artifacts.checksum import digest_file
from provisioner.artifacts.source import ArchiveSource, ClosureSource, Progress
from provisioner.artifacts.tarball import Corrupt, Entry, write_tar
from provisioner.errors import ArtifactError, ConfigError
from provisioner.secrets import HOLDS
from provisioner.words import some

# Private keys, stores of keys, and files that hold the password of a vault.
_KEY_NAME = re.compile(
    r"\.(key|p12|pfx|jks|keystore|ppk)$|^id_(rsa|dsa|ecdsa|ed25519)$|vault[._-]?(pass|password|pw|key)([._-]|$)",
    re.IGNORECASE,
)
LARGEST_PEM = 1 << 20  # bytes of certificates before a key
_NOT_PROJECT = {".git", ".venv", "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis"}


@dataclass(frozen=True)
class Bundle:
    """What was packed. `size` in bytes, `sha256` of the whole file."""

    path: Path
    size: int
    sha256: str
    contents: tuple[str, ...]


def bundle(
    out: Path,
    *,
    root: Path,
    sources: Sequence[ClosureSource | ArchiveSource],
    requirements: Sequence[str],
    inventory: Path | None = None,
    progress: Progress = lambda *_: None,
    say: Callable[[str], None] = lambda _: None,
) -> Bundle:
    """Write the bundle `out` (.tar), readable only by its owner: an inventory may hold secrets.

    root: the project. requirements: what `pip download` is asked for ("fabric>=3", or "-r", "requirements.lock").
    inventory: the file to deploy with; it may be outside the project, or one that git ignores (`place_of` says where
    it goes).
    The same input gives the same file. Raises ArtifactError, and ConfigError for a source that another machine could
    not recognise.
    """
    top = out.name.removesuffix(".tar")
    entries = [Entry("run", _runner(), 0o755)]
    for source in sources:
        say(f"packing {source.label}")
        entries += _artifact_entries(source, progress)
    with tempfile.TemporaryDirectory(prefix="bundle-") as scratch:
        say("downloading Python packages")
        entries += _wheels(Path(scratch), requirements)
        files = {str(path.relative_to(root)): path for path in project_files(root, out)}
        files |= _inventory_files(inventory, root) if inventory else {}
        keys = sorted(name for name, path in files.items() if is_key(path))
        if keys:
            say(f"left out, since they look like keys or passwords of a vault: {some(keys)}")
        files = {name: path for name, path in files.items() if name not in keys}
        entries += [Entry(f"project/{name}", path, _mode(path)) for name, path in files.items()]
        say(f"writing {out}")
        contents = tuple(source.label for source in sources)
        entries = [_digested(entry) for entry in entries]
        entries.append(Entry("MANIFEST.json", _manifest(entries, contents)))
        placed = [Entry(f"{top}/{entry.name}", entry.content, entry.mode, entry.sha256) for entry in entries]
        try:
            sha256 = write_tar(out, placed, lambda _: None, mode=0o600)
        except (Corrupt, OSError) as error:
            raise ArtifactError(f"{out} could not be written: {error}", advice="run it again") from error
    return Bundle(out, out.stat().st_size, sha256, contents)


def place_of(inventory: Path, root: Path) -> str:
    """The inventory's path below the project in a bundle: as here, or inventory/bundled/ for one from elsewhere."""
    path = inventory.resolve()
    if path.is_relative_to(root.resolve()):
        return path.relative_to(root.resolve()).as_posix()
    return f"inventory/bundled/{inventory.name}"


def _inventory_files(inventory: Path, root: Path) -> dict[str, Path]:
    """{path below the project: file} of an inventory and of the variables beside it."""
    place = Path(place_of(inventory, root)).parent
    beside = [path for folder in ("group_vars", "host_vars") for path in (inventory.parent / folder).rglob("*")]
    files = [inventory, *(path for path in beside if path.is_file() and _may_hold_variables(path))]
    return {(place / path.relative_to(inventory.parent)).as_posix(): path for path in files}


def _may_hold_variables(path: Path) -> bool:
    """Whether it is read as a file of variables: not a copy that an editor keeps, for one."""
    return path.suffix in ("", ".yml", ".yaml", ".json") and not path.name.startswith(".") and path.name[-1] != "~"


def project_files(root: Path, out: Path) -> Iterator[Path]:
    """The project's own files: what git tracks, or, without git, everything that is not a cache. What lies beside them,
    such as a key of the CA, stays here."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached"],
            cwd=root,
            capture_output=True,
            check=True,
        )
        paths = [root / os.fsdecode(name) for name in listed.stdout.split(b"\0") if name]
    except (OSError, subprocess.CalledProcessError):
        paths = [path for path in root.rglob("*") if not _NOT_PROJECT & set(path.relative_to(root).parts)]
    for path in sorted(set(paths)):
        if path.is_file() and path.resolve() != out.resolve():
            yield path


def _artifact_entries(source: ClosureSource | ArchiveSource, progress: Progress) -> list[Entry]:
    """The files that the cache must hold for `source.obtain()` to need no network."""
    if isinstance(source, ArchiveSource) and not source.id.startswith("sha512:"):
        payload = source.obtain(progress)
        raise ConfigError(
            f"{source.name} can only be bundled with its sha512: the other machine knows it by that",
            details=[f"sha512 {digest_file(payload.path).sha512}"],
            advice="set it in the inventory beside the archive's location",
        )
    payload = source.obtain(progress)
    return [Entry(f"cache/{name}", path) for name, path in source.cache_entries(payload).items()]


def _wheels(scratch: Path, requirements: Sequence[str]) -> list[Entry]:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:", "--dest", str(scratch)]
    result = subprocess.run([*command, *requirements], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise ArtifactError(
            f"the Python packages could not be downloaded (pip exit code {result.returncode})",
            details=result.stderr.strip().splitlines()[-5:],
            advice="check the network, and that `python3 -m pip` works here",
        )
    return [Entry(f"wheels/{wheel.name}", wheel) for wheel in scratch.glob("*.whl")]


def _digested(entry: Entry) -> Entry:
    """The entry with its digest, which the manifest names and packing compares."""
    content = entry.content
    sha256 = hashlib.sha256(content).hexdigest() if isinstance(content, bytes) else digest_file(content).sha256
    return Entry(entry.name, content, entry.mode, sha256)


def _manifest(entries: Sequence[Entry], contents: Sequence[str]) -> bytes:
    """What is inside and what it needs; without a time or a name of this machine."""
    manifest = {
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "machine": f"{platform.system()} {platform.machine()}",
        "contents": list(contents),
        "files": {entry.name: entry.sha256 for entry in sorted(entries, key=lambda entry: entry.name)},
    }
    return (json.dumps(manifest, indent=1) + "\n").encode()


def _runner() -> bytes:
    return Path(__file__).with_name("bundle_run.py").read_bytes()


def _mode(path: Path) -> int:
    """Whether it can be run, and whether others may read it."""
    mode = path.stat().st_mode
    return (0o755 if mode & 0o100 else 0o644) & (0o777 if mode & 0o044 else 0o700)


def is_key(path: Path) -> bool:
    """Whether a file is, by its name or what is in it, a private key, also behind certificates, a key store, the
    password of a vault, or made with a password (`HOLDS`); not one that is encrypted with ansible-vault."""
    with path.open("rb") as file:
        head = file.read(4096)
        if head.startswith(b"$ANSIBLE_VAULT"):
            return False
        if _KEY_NAME.search(path.name) or head.startswith(HOLDS.encode()):
            return True
        # openssl writes the attributes of a bag before its first block.
        begins = b"-----BEGIN" in head[:64] or head.startswith(b"Bag Attributes")
        return begins and b"PRIVATE KEY-----" in head + file.read(LARGEST_PEM)
