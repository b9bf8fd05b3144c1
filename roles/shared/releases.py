"""The versions that can be installed: what `roles/<product>/versions/<version>.yml` says about each.

These files are part of the project (the locked set of jars, and beside it the facts a role needs: which Scala, which
Java, which other product, which command runs which class), so reading them is reading our own tables, not a host.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from provisioner.artifacts import ArchiveSource, ClosureSource
from provisioner.errors import ConfigError

ROLES = Path(__file__).parent.parent
Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Release:
    """One version of a product. java: lowest and highest major version it runs on (highest None: no known limit)."""

    product: str
    version: str
    lock_file: Path
    scala: str = ""
    java_min: int = 8
    java_max: int | None = None
    tools: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    scripts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    paired: Mapping[str, str] = field(default_factory=dict)  # other product -> the version that it is tested with
    absent: Mapping[str, str] = field(default_factory=dict)  # script whose classes no locked jar has -> why

    @property
    def number(self) -> tuple[int, ...]:
        """The version for comparisons: (3, 9, 2)."""
        return tuple(int(part) for part in self.version.split("-")[0].split(".") if part.isdigit())

    @property
    def commands(self) -> tuple[str, ...]:
        """Every name in the distribution's bin/, sorted."""
        return tuple(sorted({*self.tools, *self.scripts}))


def known(product: str) -> list[str]:
    """The versions of a product that are locked, oldest first."""
    found = (path.stem for path in (ROLES / product / "versions").glob("*.yml"))
    return sorted(found, key=lambda version: [int(part) if part.isdigit() else 0 for part in version.split(".")])


@cache
def release(product: str, version: str) -> Release:
    """The facts of one version. ConfigError naming the locked versions when it is not one of them."""
    path = ROLES / product / "versions" / f"{version}.yml"
    if version not in known(product):  # and no path that leads elsewhere
        raise ConfigError(
            f"{product}_version {version} is not locked",
            details=[f"locked versions of {product}: {', '.join(known(product)) or 'none'}"],
            advice=f"choose one of these, or add it: invoke artifacts.lock --product {product} --version {version}",
        )
    data = yaml.load(path.read_text(encoding="utf-8"), Loader=Loader)
    java = data.get("java") or {}
    return Release(
        product=product,
        version=str(data["version"]),
        lock_file=path,
        scala=str(data.get("scala") or ""),
        paired={other: str(data[other]) for other in data if other != product and known(other)},
        java_min=int(java.get("min") or 8),
        java_max=java.get("max"),
        tools=data.get("tools") or {},
        scripts=data.get("scripts") or {},
        absent=data.get("absent") or {},
    )


def newest(product: str, paired: str) -> str:
    """The newest locked version of a product that runs with another product, `paired`."""
    return next(version for version in reversed(known(product)) if paired in release(product, version).paired)


def source(release: Release, variables: Mapping[str, Any]) -> ArchiveSource | ClosureSource:
    """Where a release comes from: the archive that the variables name, else the locked set of jars."""
    archive = variables[f"{release.product}_archive"]
    if archive:
        holds = f"{release.product}*-{release.version}.jar"
        return ArchiveSource(archive, variables[f"{release.product}_archive_sha512"] or "", holds)
    return _closure(release.lock_file)


@cache
def _closure(lock_file: Path) -> ClosureSource:
    """Read once, however many hosts get it."""
    return ClosureSource(lock_file)
