"""Pairs of a property and a value, and two verdicts on each: ours, and that of Kafka's own classes."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from provisioner.inventory.model import Inventory
from roles.kafka import settings as kafka_settings
from roles.kafka.checks import OWNED
from roles.shared import program, settings
from roles.shared.catalogue import WHOLE, Catalogue, Property

PROGRAM = Path(__file__).with_name("Judge.java")
WORDS = ("", "many", "true", "False", "yes", "1", "0", "-1", " 7 ", "+3", "1.5", "2e3", "1_000", "0x10", "a,b")
NAMES = ("java.util.ArrayList", "no.such.Class", "Word")


@dataclass(frozen=True)
class Pair:
    """One property of a section, with a value as an inventory has it."""

    section: str
    name: str
    value: Any


def pairs(known: Catalogue, most: int, seed: int = 1) -> list[Pair]:
    """At most so many, spread over all properties that an inventory may set: their bounds and the values beside them,
    what is listed, and what people type by mistake. (Of what a plugin reads, Kafka's definitions have no word.)"""
    chance = random.Random(seed)
    by_property = [
        [Pair(section, one.name, value) for value in _values(one, chance, known)]
        for section in ("broker", "topic")
        for one in known.sections[section].values()
        if (one.name not in OWNED or section == "topic") and "read by" not in one.note
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
        yield from (*NAMES, *chance.sample(sorted(known.classes), 3))
    if one.check == "version":
        yield from ("2.5.0", "2.4-IV1.7", "0.10", "0.10.2", "9.9", "2")


def ours(known: Catalogue, site: Inventory, all_pairs: Sequence[Pair]) -> list[tuple[str, str]]:
    """(the value as we would write it, why we refuse it: "" when we do not) of each pair."""
    brokers = [site.hosts[name] for name in site.groups["kafka"]]
    host = brokers[0]
    out = []
    for pair in all_pairs:
        own = {pair.name: pair.value}
        asked: Any = SimpleNamespace(name=host.name, vars={**host.vars, "kafka_config": own})
        rules: settings.Rules = kafka_settings.Rules(asked, known, [asked, *brokers[1:]], OWNED.get)
        if pair.section == "topic":
            rules = kafka_settings.TopicRules(known)
        found = settings.findings(known, pair.section, own, (), rules)
        text = settings.texts(known, pair.section, own, rules)[pair.name]
        out.append((str(text), found[0].sentence if found else ""))
    return out


def theirs(jars: Sequence[Path], base: Path, judged: Sequence[tuple[Pair, str]]) -> list[str]:
    """Why Kafka refuses each, "" when it does not. base: a server.properties; judged: (pair, its text)."""
    given = "".join(f"{pair.section}\t{pair.name}\t{text}\n" for pair, text in judged)
    return [line[1:] for line in program.run(PROGRAM, jars, str(base), given=given) if line.startswith("=")]
