"""Lock files: exactly which files make up one version of a product, and what its users need to know about it.

A lock is `<folder>/<version>.yml`. What a person decides (roots, pins, supported Java, scripts) stands above the marker
line and is never rewritten; the resolved jars stand below it. Reading one needs no network.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from provisioner.errors import ConfigError

RESTORE = "restore it from version control, or remove it and lock the version again"
MARKER = "# --- written by `invoke artifacts.lock`; change what is above and lock again ---"
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml reads a lock eight times as fast
_COORDINATE = re.compile(r"[\w.-]+:[\w.-]+:[\w.+-]+(:[\w.-]+)?")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, order=True)
class Jar:
    """One locked file of a Maven repository. `size` in bytes."""

    coordinate: str  # group:artifact:version[:classifier]
    size: int
    sha256: str

    @property
    def filename(self) -> str:
        _, artifact, version, *classifier = self.coordinate.split(":")
        return "-".join([artifact, version, *classifier]) + ".jar"

    @property
    def repository_path(self) -> str:
        """Where a Maven repository keeps it, below the repository's address."""
        group, artifact, version, *_ = self.coordinate.split(":")
        return f"{group.replace('.', '/')}/{artifact}/{version}/{self.filename}"


@dataclass(frozen=True)
class Lock:
    """One locked version. `data` is the whole file, for the keys that only a role understands."""

    path: Path
    product: str
    version: str
    jars: tuple[Jar, ...]
    data: Mapping[str, Any]

    @property
    def name(self) -> str:
        return f"{self.product}-{self.version}"

    @property
    def digest(self) -> str:
        """Identity of the locked content: independent of comments, order and everything that is not a jar."""
        lines = [f"{jar.coordinate} {jar.size} {jar.sha256}\n" for jar in sorted(self.jars)]
        return hashlib.sha256("".join([self.name, "\n", *lines]).encode()).hexdigest()


def versions(folder: Path) -> list[str]:
    """The versions that have a file in `folder`, oldest first."""
    return sorted((path.stem for path in folder.glob("*.yml")), key=version_key)


def version_key(version: str) -> list[tuple[int, int, str]]:
    """Sort key: numbers as numbers (3.10 after 3.9), and a pre-release before its release."""
    parts = re.findall(r"\d+|[a-zA-Z]+", version)
    return [(1, int(part), "") if part.isdigit() else (-1, 0, part) for part in parts] + [(0, 0, "")]


def nearest(version: str, known: list[str], count: int = 5) -> list[str]:
    """The `count` entries of `known` that a person most likely meant by `version`, oldest first."""
    close = difflib.get_close_matches(version, known, n=count, cutoff=0.0)
    return sorted(close, key=version_key)


def find(folder: Path, product: str, version: str) -> Path:
    """The lock file of `version`. Raises ConfigError that lists the locked ones when there is none."""
    path = folder / f"{version}.yml"
    if version not in versions(folder):
        raise ConfigError(
            f"{product} {version} is not locked",
            details=[f"locked versions: {', '.join(versions(folder)) or 'none'}"],
            advice=f"choose one of these, or run `invoke artifacts.lock --product {product} --version {version}`",
        )
    return path


def read(path: Path) -> Lock:
    """Read and check a lock file. Raises ConfigError that says what is wrong with it."""
    data = read_head(path)
    problems: list[str] = []
    jars = tuple(_jar(entry, problems) for entry in data.get("jars") or [])
    names = [] if problems else [jar.filename for jar in jars]
    problems += [f"jars: {name} appears twice" for name in sorted({n for n in names if names.count(n) > 1})]
    if not jars and not problems:
        problems.append("jars: missing or empty, the version was never resolved")
    if problems:
        raise ConfigError(
            f"{path.name} is not a usable lock of {data['product']}",
            details=problems[:5],
            advice=f"run `invoke artifacts.lock --product {data['product']} --version {data['version']}`",
        )
    return Lock(path, str(data["product"]), str(data["version"]), jars, data)


def read_head(path: Path) -> dict[str, Any]:
    """The keys of a lock file that may not have been resolved yet. Raises ConfigError."""
    try:
        data: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{path} cannot be read: {reason}", advice=RESTORE) from error
    missing = [key for key in ("product", "version") if not isinstance(data, dict) or key not in data]
    if missing:
        raise ConfigError(f"{path} lacks {' and '.join(missing)}", advice=RESTORE)
    if str(data["version"]) != path.stem:
        raise ConfigError(f"{path} says it is version {data['version']}", advice="name the file after its version")
    return data


def _jar(entry: Any, problems: list[str]) -> Jar:
    fields = entry if isinstance(entry, dict) else {}
    jar = Jar(str(fields.get("jar", "")), fields.get("size", 0), str(fields.get("sha256", "")))
    if not _COORDINATE.fullmatch(jar.coordinate):
        problems.append(f"jars: {jar.coordinate or entry!r} is not group:artifact:version[:classifier]")
    elif not isinstance(jar.size, int) or jar.size <= 0:
        problems.append(f"jars: {jar.coordinate} has size {jar.size!r}, not a number of bytes")
    elif not _SHA256.fullmatch(jar.sha256):
        problems.append(f"jars: {jar.coordinate} has no sha256 of 64 lower-case hex digits")
    return jar
