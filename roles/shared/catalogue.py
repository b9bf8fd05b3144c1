"""The catalogue of a version: every property that its services know, as the version's own classes define it.

`roles/<product>/versions/<version>.json` stands beside the lock, is written by `invoke artifacts.lock`, and is read
only when an inventory sets properties of its own. One property a line, so that `diff` compares two versions.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from provisioner.errors import ConfigError
from roles.shared import releases

# Kinds of values, in Kafka's words (ConfigDef.Type).
WHOLE = {"SHORT": (-(2**15), 2**15 - 1), "INT": (-(2**31), 2**31 - 1), "LONG": (-(2**63), 2**63 - 1)}


@dataclass(frozen=True)
class Property:
    """A property of one version.

    type: in Kafka's words. default: as it would be written; None for none. least, most: of a number, where it is
    limited. values: the only ones that are taken; open_case: in capitals, too. check: of a value that needs a rule of
    its own (`verdict.CHECKS`). update: "read-only", "per-broker" or "cluster-wide". where: whose it is. other: of a
    topic's property the broker's name for it, of a broker's the topic's. metadata: "ZooKeeper" or "KRaft", where only a
    cluster with that keeper uses it. note: what should be known of it ("deprecated").
    """

    name: str
    type: str
    default: str | None = None
    least: float | None = None
    most: float | None = None
    values: tuple[str, ...] = ()
    open_case: bool = False
    check: str = ""
    update: str = "read-only"
    where: tuple[str, ...] = ()
    other: str = ""
    metadata: str = ""
    note: str = ""


@dataclass(frozen=True)
class Catalogue:
    """The properties of one version of a product. sections: whose ("broker", "topic", "server") -> name -> Property.
    classes: those of the product that a property may name. elsewhere: names that the product knows as JVM options
    only."""

    product: str
    version: str
    sections: Mapping[str, Mapping[str, Property]]
    classes: frozenset[str] = frozenset()
    elsewhere: frozenset[str] = field(default_factory=frozenset)

    def find(self, section: str, name: str) -> Property | None:
        """The property of this name; None where the version has none."""
        return self.sections.get(section, {}).get(name)


@cache
def of(product: str, version: str) -> Catalogue | None:
    """The catalogue of a locked version; None where it was locked without one. Raises ConfigError for a file that
    cannot be read."""
    file = path(product, version)
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        return _catalogue(data)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{file.name} is not a usable catalogue of {product}: {' '.join(str(error).split())}",
            advice=f"restore it from version control, or run `invoke artifacts.lock --product {product}`",
        ) from error


def _catalogue(data: Mapping[str, Any]) -> Catalogue:
    sections = {
        section: {name: _property(name, entry) for name, entry in entries.items()}
        for section, entries in data["properties"].items()
    }
    lists = {key: frozenset(data.get(key) or ()) for key in ("classes", "elsewhere")}
    return Catalogue(data["product"], data["version"], sections, **lists)


def _property(name: str, entry: Mapping[str, Any]) -> Property:
    lists = {key: tuple(entry[key]) for key in ("values", "where") if key in entry}
    return Property(name, **{**entry, **lists})


def written(
    product: str, version: str, properties: Iterable[tuple[str, Property]], lists: Mapping[str, Collection[str]]
) -> str:
    """The text of a catalogue. properties: (section, Property); lists: `classes` and `elsewhere`."""
    sections: dict[str, list[Property]] = {}
    for section, one in properties:
        sections.setdefault(section, []).append(one)
    blocks = [
        f"  {json.dumps(section)}: {{\n"
        + ",\n".join(f"    {json.dumps(one.name)}: {json.dumps(_entry(one))}" for one in sorted(ones, key=_by_name))
        + "\n  }"
        for section, ones in sections.items()
    ]
    out = [f'{{\n"product": {json.dumps(product)}, "version": {json.dumps(version)},\n']
    out += [
        f"{json.dumps(name)}: {json.dumps(sorted(entries), indent=2)},\n" for name, entries in lists.items() if entries
    ]
    out += ['"properties": {\n', ",\n".join(blocks), "\n}\n}\n"]
    return "".join(out)


def _by_name(one: Property) -> str:
    return one.name


def _entry(one: Property) -> dict[str, Any]:
    """A property without its name, and without what is as in most properties."""
    plain = Property(one.name, one.type)
    return {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in vars(one).items()
        if key == "type" or (key != "name" and value != getattr(plain, key))
    }


def versions(product: str) -> list[Catalogue]:
    """The catalogues of all locked versions, oldest first. One that cannot be read concerns only its own version."""
    found: list[Catalogue] = []
    for version in releases.usable(product):
        with contextlib.suppress(ConfigError):
            found += filter(None, [of(product, version)])
    return found


def path(product: str, version: str) -> Path:
    """Where the catalogue of a version is kept."""
    return releases.ROLES / product / "versions" / f"{version}.json"
