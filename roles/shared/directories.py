"""The data directories that an inventory names: each is its service's own, and written so that all files take it; pure.

The rules for one path are the engine's (`provisioner/resources/places.py`), since hosts apply them as well. What only a
host shows (a link, other people's files) is refused in preflight (`provisioner/resources/directory.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from provisioner.errors import ConfigError
from provisioner.resources import Directory, places
from provisioner.resources.places import within

# Paths go into lists with commas, properties files, units and shell words, and Java reads them in the C locale.
UNWRITTEN = re.compile(r"[^A-Za-z0-9._+@:=/-]")
LONGEST = 255  # bytes of a name on Linux' file systems
LINE = 100  # characters of a path in a message
LONGEST_PATH = 1024  # of PATH_MAX's 4096: partitions and files below it need some


@dataclass(frozen=True)
class DataDir:
    """One data directory of a service: `path` as variable `variable` has it. service: the role's name; listed: whether
    the variable is a list."""

    path: str
    variable: str
    service: str
    listed: bool = False

    @property
    def usual(self) -> str:
        """Where it would be by default."""
        return f"/var/lib/{self.service}/data"

    def refused(self, why: str, advice: str = "") -> ConfigError:
        """A refusal of this directory. advice: where the default path would not do."""
        usual = f"use a directory that holds nothing else, such as {self.usual}"
        return ConfigError(f"{self.variable}: {self.shown} {why}", advice=advice or usual)

    @property
    def shown(self) -> str:
        """The path in a message: no control character reaches a terminal, and it stays a line."""
        shown = self.path if self.path.isprintable() else repr(self.path)
        return shown if len(shown) <= LINE else f"{shown[:LINE]}..."


def guarded(
    path: str, service: str, once: str, holds: Sequence[tuple[str, str]], known: Mapping[str, Sequence[str]] | None
) -> Directory:
    """A data directory as a resource. once: what its content is called; holds: what the service puts there; known:
    {service: data directories} of the toolkit's services on this host, None for a directory in another one."""
    apart = tuple(other for paths in (known or {}).values() for other in paths if other != path)
    services, part = tuple(known or ()), known is None
    return Directory(path, service, service, 0o750, once, holds=holds, services=services, apart=apart, part=part)


def problems(found: Sequence[DataDir], services: Iterable[str]) -> list[ConfigError]:
    """What is wrong with the data directories of one host. services: all that roles can run. The errors
    name no host and no place yet."""
    out: list[ConfigError] = []
    sound: list[DataDir] = []
    for one in found:
        error = _written(one) or _owned(one, services)
        if error:
            out.append(error)
        else:
            out += [clash for other in sound if (clash := _clash(other, one))]
            sound.append(one)
    return out


def _written(one: DataDir) -> ConfigError | None:
    """A path that some file or unit would not take as it is."""
    path = one.path
    signs = sorted(set(UNWRITTEN.findall(path)))
    if signs == [","] and one.listed:
        return one.refused("has a comma in it", f"make each path an item: [{', '.join(path.split(','))}]")
    if signs:
        named = " and ".join("a blank" if sign == " " else repr(sign) for sign in signs)
        clean = re.sub(r"-*/-*", "/", UNWRITTEN.sub("-", path)).rstrip("-/")
        return one.refused(f"has {named} in it", f"use letters, digits and . _ - + @ : = only, such as {clean}")
    if len(path) > LONGEST_PATH or any(len(part) > LONGEST for part in path.split("/")):
        return one.refused("is too long")
    return None


def _owned(one: DataDir, services: Iterable[str]) -> ConfigError | None:
    """A directory that is not the service's own."""
    why = places.why_not(one.path, one.service, services)
    if not why:
        return None
    if one.path in places.ROOMY:
        return one.refused(why, f"use a directory below it, such as {one.path}/{one.service}")
    if one.path == f"/var/lib/{one.service}":
        return one.refused(why, f"use {one.usual}; data that is there already must be moved there")
    if "lost+found" in one.path:
        return one.refused(why, f"use {one.path.split('/lost+found')[0]}/{one.service}")
    return one.refused(why)


def _clash(first: DataDir, second: DataDir) -> ConfigError | None:
    """Two data directories of one host that are the same, or one inside the other."""
    if first.path == second.path:
        if first.variable == second.variable:
            return ConfigError(f"{first.variable} has {first.path} twice", advice="remove one of them")
        summary = f"{first.variable} and {second.variable} are the same directory, {first.path}"
        return ConfigError(summary, advice=f"give each its own, such as {_own(first)} and {_own(second)}")
    inner, outer = (first, second) if within(first.path, second.path) else (second, first)
    if not within(inner.path, outer.path):
        return None
    if inner.variable == outer.variable:
        return inner.refused(f"is inside {outer.path}", f"remove one of them, such as {outer.path}")
    beside = f"{outer.path}/{outer.service}"
    better = outer.usual if within(inner.path, beside) else beside
    return inner.refused(f"is inside {outer.path} of {outer.variable}", f"set {outer.variable} to {better}")


def _own(one: DataDir) -> str:
    return f"{one.path}/{one.service}"
