"""Topics as people want them: `topics:` of an inventory or a file, read and checked before any connection. Pure.

    topics:
      orders: {partitions: 6, replication_factor: 3, retention: 2d}
      clicks: {retention: 12h, retention_bytes: 10g, config: {compression.type: lz4, cleanup.policy: null}}

What an entry leaves out is the brokers' default for a new topic, and unchanged for an existing one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cluster import temporary
from cluster.moving import marks
from cluster.settings import values
from provisioner.errors import ConfigError
from provisioner.quantities import parse_duration
from provisioner.words import did_you_mean

KEYS = ("partitions", "replication_factor", "retention", "retention_bytes", "config")
# A key of ours for a setting of Kafka's.
NAMED = {"retention": "retention.ms", "retention_bytes": "retention.bytes"}
# Kafka's own topics: made by the brokers when they need them. (__cluster_metadata is a log without being a topic.)
INTERNAL = ("__consumer_offsets", "__transaction_state", "__share_group_state", "__cluster_metadata")
MOST_PARTITIONS = 2**31 - 1
_NAME = re.compile(r"[a-zA-Z0-9._-]{1,249}")
_EXAMPLE = "write it like this: orders: {partitions: 6, replication_factor: 3, retention: 2d, config: {...}}"

Where = Callable[..., str]  # keys below `topics` -> the file and line they were written in


@dataclass(frozen=True)
class Wanted:
    """A topic as it is to be. None, or a setting that is not named: not said. config: {setting: value as a broker
    wants it, None to take it off the topic}. place: where it is written."""

    name: str
    partitions: int | None = None
    factor: int | None = None
    config: Mapping[str, str | None] = field(default_factory=dict)
    place: str = ""


def wrong_name(name: str) -> str:
    """Why no topic can have this name, "" when one can. The rule is Kafka's (Topic.validate)."""
    if name in (".", ".."):
        return "a topic cannot be called . or .."
    if not _NAME.fullmatch(name):
        return f"{name!r} is not a topic's name: letters, digits, '.', '_' and '-', 249 at most"
    if name in INTERNAL:
        return f"{name} is a topic of Kafka's own, which the brokers manage themselves"
    if name.startswith(temporary.PREFIXES):
        return f"{name} is called like the topics of a check, which are deleted when they are old"
    return ""


def colliding(names: Iterable[str], there: Iterable[str] = ()) -> list[tuple[str, str]]:
    """Pairs of which a cluster takes only one, since its metrics have _ for . in their names (Topic.hasCollision).
    there: further names, of topics that exist: each pair has one of `names` at least."""
    first = {_in_metrics(name): name for name in reversed([*there])}
    found = []
    for name in names:
        other = first.setdefault(_in_metrics(name), name)
        if other != name:
            found.append((name, other))
    return found


def _in_metrics(name: str) -> str:
    return name.replace(".", "_")


def parse(topics: Mapping[Any, Any], where: Where) -> tuple[list[Wanted], list[ConfigError]]:
    """The topics of a `topics:` map as an inventory holds it, and what is wrong with it, all of it."""
    wanted: list[Wanted] = []
    problems: list[ConfigError] = []
    for name, entry in topics.items():
        try:
            if name is None or isinstance(name, bool):  # `~:`, or what a template says
                raise _error(f"topics: one name is {name!s}", where(), "put the name in quotes")
            wanted.append(_one(str(name), entry, where))
        except ConfigError as error:
            problems.append(error)
    places = {one.name: one.place for one in wanted}
    for name, other in colliding(places):
        details = [f"in: {places[each]}" for each in (other, name) if places[each]]
        problems.append(ConfigError(f"topics: {collision(name, other)}", details=details, advice="rename one of them"))
    return wanted, problems


def collision(name: str, other: str) -> str:
    """The sentence about two names that collide."""
    return f"Kafka takes only one of {other} and {name}: its metrics have _ for . in the names of topics"


def _one(name: str, entry: Any, where: Where) -> Wanted:
    place = where(name)
    if why := wrong_name(name):
        raise _error(f"topics: {why}", place)
    if entry is None:
        entry = {}
    if not isinstance(entry, Mapping):
        raise _error(f"topics: {name} must be a map, and is {entry!r}", place, _EXAMPLE)
    for key in entry:
        if not isinstance(key, str) or key not in KEYS:
            advice = f"a setting of Kafka's goes below `config:`; keys are: {', '.join(KEYS)}"
            raise _error(
                f"topics: {name} has the unknown key {key}{did_you_mean(str(key), KEYS)}", where(name, key), advice
            )
    config = _config(name, entry.get("config"), where)
    for key, setting in NAMED.items():
        if entry.get(key) is None:
            continue
        if setting in config:
            raise _error(f"topics: {name} says both {key} and {setting}", where(name, key), "keep one of them")
        try:
            config[setting] = with_unit(setting, entry[key])
        except ValueError as error:
            raise _error(f"topics: {name}: {key}: {error}", where(name, key)) from None
    return Wanted(
        name,
        _count(name, entry, "partitions", MOST_PARTITIONS, where),
        _count(name, entry, "replication_factor", 2**15 - 1, where),
        config,
        place,
    )


def with_unit(setting: str, value: Any) -> str:
    """A value of `retention` or `retention_bytes`: as `values.typed`, but a duration needs its unit."""
    if values.is_duration(setting) and re.fullmatch(r"\s*[0-9]+\s*", str(value)):
        return str(parse_duration(str(value)))
    return values.typed(setting, value)


def _config(name: str, config: Any, where: Where) -> dict[str, str | None]:
    if config is None:
        return {}
    if not isinstance(config, Mapping):
        raise _error(f"topics: {name}: config must be a map, and is {config!r}", where(name, "config"), _EXAMPLE)
    found: dict[str, str | None] = {}
    for key, value in config.items():
        if not isinstance(key, str) or key in marks.LISTS:
            raise _error(f"topics: {name}: config has the key {key}, which is not for this", where(name, "config", key))
        if isinstance(value, Mapping):
            flat = "; ".join(values.flat(key, value))
            summary = f"topics: {name}: {key} is a map, and names of settings are flat"
            raise _error(summary, where(name, "config", key), f"write it flat: {flat}")
        try:
            found[key] = None if value is None else values.typed(key, value)
        except ValueError as error:
            raise _error(f"topics: {name}: {key}: {error}", where(name, "config", key)) from None
    return found


def _count(name: str, entry: Mapping[str, Any], key: str, most: int, where: Where) -> int | None:
    value = entry.get(key)
    if value is None:
        return None
    # As text: a template's result is text as well, and YAML reads 010 as 8.
    if isinstance(value, bool) or not re.fullmatch(r"[1-9][0-9]{0,9}", str(value)) or int(str(value)) > most:
        raise _error(f"topics: {name}: {key} must be a whole number, 1 or more; found: {value!r}", where(name, key))
    return int(str(value))


def _error(summary: str, place: str, advice: str | None = None) -> ConfigError:
    return ConfigError(summary, details=[f"in: {place}"] if place else [], advice=advice)
