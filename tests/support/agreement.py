"""Pairs of a property and a value, and two verdicts on each: ours, and that of Kafka's or ZooKeeper's own classes."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from provisioner.inventory.model import Host, Inventory
from roles.kafka import metadata
from roles.kafka import settings as kafka
from roles.kafka.checks import OWNED
from roles.shared import program, settings
from roles.shared.catalogue import WHOLE, Catalogue, Property
from roles.zookeeper import settings as zookeeper
from roles.zookeeper.checks import owner as zookeeper_owner

from .roles import files, target

PROGRAMS = {"kafka": Path(__file__).with_name("Judge.java"), "zookeeper": Path(__file__).with_name("JudgeKeeper.java")}
FILES = {"kafka": "/etc/kafka/server.properties", "zookeeper": "/etc/zookeeper/zoo.cfg"}
OWNERS: dict[str, Callable[[str], str | None]] = {
    "broker": OWNED.get,
    "topic": lambda name: None,
    "server": zookeeper_owner,
}
# What neither the definitions of Kafka nor the parser of ZooKeeper judges.
UNJUDGED = ("read by", "system property")
# Names of hosts, which the parser looks up where it runs.
LOOKED_UP = ("clientPortAddress", "secureClientPortAddress")
WORDS = ("", "many", "true", "False", "yes", "1", "0", "-1", " 7 ", "+3", "1.5", "2e3", "1_000", "0x10", "a,b")
NAMES = ("java.util.ArrayList", "no.such.Class", "Word")


@dataclass(frozen=True)
class Pair:
    """One property of a section, with a value as an inventory has it."""

    section: str
    name: str
    value: Any


@dataclass(frozen=True)
class Judged:
    """A pair, its value as we would write it, and why each refuses it: "" for what it takes."""

    pair: Pair
    text: str
    ours: str
    theirs: str


def pairs(known: Catalogue, most: int, seed: int = 1) -> list[Pair]:
    """At most so many, spread over all properties that an inventory may set: their bounds and the values beside them,
    what is listed, and what people type by mistake."""
    chance = random.Random(seed)
    by_property = [
        [Pair(section, one.name, value) for value in _values(one, chance, known)]
        for section, ones in known.sections.items()
        for one in ones.values()
        if not OWNERS[section](one.name) and not one.note.startswith(UNJUDGED) and one.name not in LOOKED_UP
    ]
    for each in by_property:
        chance.shuffle(each)
    longest = max(map(len, by_property))
    spread = [each[at] for at in range(longest) for each in by_property if at < len(each)]
    return spread[:most]


def _values(one: Property, chance: random.Random, known: Catalogue) -> Iterator[Any]:
    yield from dict.fromkeys([*_right(one, chance, known), *chance.sample(WORDS, 6)])


def _right(one: Property, chance: random.Random, known: Catalogue) -> Iterator[Any]:
    if one.default is not None:
        yield one.default
    yield from chance.sample(one.values, min(4, len(one.values)))
    if one.values:
        yield ",".join(chance.sample(one.values, min(2, len(one.values))))
        yield one.values[0] + ","
        yield one.values[-1].upper()
        yield "gz"
    if one.type in WHOLE or one.type == "DOUBLE":
        low, high = (WHOLE.get(one.type, (0, 1))[at] for at in (0, 1))
        for bound in (one.least if one.least is not None else low, one.most if one.most is not None else high):
            yield from (str(bound), str(bound - 1), str(bound + 1))
        yield str(chance.randrange(low, high))
        yield str(chance.randrange(1, 100_000))
        yield from ("2d", "10m", "1g")
    if one.type == "CLASS":
        yield from (*NAMES, *chance.sample(sorted(known.classes), min(3, len(known.classes))))
    if one.check == "version":
        yield from ("2.5.0", "2.4-IV1.7", "0.10", "0.10.2", "9.9", "2")


def judged(known: Catalogue, site: Inventory, jars: Sequence[Path], directory: Path, most: int) -> list[Judged]:
    """Both verdicts on at most so many pairs. site: the inventory that the product's file is made from."""
    host = site.hosts[site.groups[known.product][0]]
    base = directory / "base.properties"
    text = files(target(site, host.name))[FILES[known.product]].content
    base.write_text(text if isinstance(text, str) else text.decode())
    asked = pairs(known, most)
    ours = [_ours(known, site, host, pair) for pair in asked]
    given = "".join(f"{pair.section}\t{pair.name}\t{text}\n" for pair, (text, _) in zip(asked, ours, strict=True))
    lines = program.run(PROGRAMS[known.product], jars, str(base), given=given)
    theirs = [line[1:] for line in lines if line.startswith("=")]
    both = zip(asked, ours, theirs, strict=True)
    return [Judged(pair, text, mine, other) for pair, (text, mine), other in both]


def _ours(known: Catalogue, site: Inventory, host: Host, pair: Pair) -> tuple[str, str]:
    """(the value as we would write it, why we refuse it: "" when we do not)."""
    own = {pair.name: pair.value}
    asked: Any = SimpleNamespace(name=host.name, vars={**host.vars, f"{known.product}_config": own})
    others = [site.hosts[name] for name in site.groups["kafka"] if name != host.name]
    rules: settings.Rules
    if known.product == "zookeeper":
        rules = zookeeper.Rules(asked, known, zookeeper_owner)
    elif pair.section == "topic":
        rules = kafka.TopicRules(known)
    else:
        rules = kafka.Rules(asked, known, [asked, *others], OWNED.get, metadata.kept_itself(site))
    found = settings.findings(known, pair.section, own, (), rules)
    text = settings.texts(known, pair.section, own, rules)[0][pair.name]
    return str(text), found[0].sentence if found else ""
