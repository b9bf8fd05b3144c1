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

from provisioner.artifacts import ArchiveSource, ClosureSource
from provisioner.artifacts.lockfile import read_head
from provisioner.errors import ConfigError

ROLES = Path(__file__).parent.parent


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
    locked: bool = True  # its jars are; else it can only be installed from a release archive

    @property
    def number(self) -> tuple[int, ...]:
        """The version for comparisons: (3, 9, 2)."""
        return tuple(int(part) for part in self.version.split("-")[0].split(".") if part.isdigit())

    @property
    def commands(self) -> tuple[str, ...]:
        """Every name in the distribution's bin/, sorted."""
        return tuple(sorted({*self.tools, *self.scripts}))


def known(product: str) -> list[str]:
    """The versions of a product that have a file, oldest first."""
    found = (path.stem for path in (ROLES / product / "versions").glob("*.yml"))
    return sorted(found, key=lambda version: [int(part) if part.isdigit() else 0 for part in version.split(".")])


def usable(product: str) -> list[str]:
    """The versions of a product that can be installed, oldest first. A file that is broken or not finished concerns
    only who asks for its version."""
    return [version for version in known(product) if (found := _readable(product, version)) and found.locked]


def listed(product: str) -> list[str]:
    """For messages: the versions that can be installed, and the files that are no usable locks."""
    good = usable(product)
    bad = [f"{version}.yml" for version in known(product) if version not in good]
    return [
        f"locked versions of {product}: {', '.join(good) or 'none'}",
        *([f"not usable, in roles/{product}/versions: {', '.join(bad)}"] if bad else []),
    ]


def _readable(product: str, version: str) -> Release | None:
    try:
        return release(product, version)
    except ConfigError:
        return None


@cache
def release(product: str, version: str) -> Release:
    """The facts of one version. ConfigError naming the locked versions when it is not one of them, and naming the file
    when that is broken."""
    path = ROLES / product / "versions" / f"{version}.yml"
    if version not in known(product):  # and no path that leads elsewhere
        raise ConfigError(
            f"{product}_version {version} is not locked",
            details=listed(product),
            advice=f"choose one of these, or add it: invoke artifacts.lock --product {product} --version {version}",
        )
    data = read_head(path)
    java, tools, scripts, absent = (_map(path, data, key) for key in ("java", "tools", "scripts", "absent"))
    return Release(
        product=product,
        version=str(data["version"]),
        lock_file=path,
        scala=str(data.get("scala") or ""),
        paired={other: str(data[other]) for other in data if other != product and known(other)},
        java_min=int(java.get("min") or 8),
        java_max=java.get("max"),
        tools=tools,
        scripts=scripts,
        absent=absent,
        locked=bool(data.get("jars")),
    )


def _map(path: Path, data: Mapping[str, Any], key: str) -> dict[str, Any]:
    """A part of a lock file. ConfigError where it is something else, as in a file that was cut off."""
    found = data.get(key) or {}
    if not isinstance(found, dict):
        raise ConfigError(f"{path}: {key} is no map", advice="restore the file from version control")
    return found


def newest(product: str, paired: str) -> str:
    """The newest locked version of a product that runs with another product, `paired`."""
    return next(version for version in reversed(usable(product)) if paired in release(product, version).paired)


def source(release: Release, variables: Mapping[str, Any]) -> ArchiveSource | ClosureSource:
    """Where a release comes from: the archive that the variables name, else the locked set of jars."""
    archive = variables[f"{release.product}_archive"]
    if archive:
        holds = f"{release.product}*-{release.version}.jar"
        return ArchiveSource(archive, variables[f"{release.product}_archive_sha512"] or "", holds)
    return _closure(release.lock_file)


def size(release: Release) -> int:
    """Bytes of its locked jars: what it takes on a host, without what is made there."""
    return sum(jar.size for jar in _closure(release.lock_file).lock.jars)


@cache
def _closure(lock_file: Path) -> ClosureSource:
    """Read once, however many hosts get it."""
    return ClosureSource(lock_file)
