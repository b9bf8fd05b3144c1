"""Careless edits of a working inventory: what people do to it without meaning any harm, as a table; pure.

`edit(base, stranger, seed)` is one of them, the same for the same seed. The kinds are a deck of cards: each fifty seeds
from a multiple of fifty on hold every kind, so that a whole round leaves none out and costs about the same every time.
The kinds themselves are in `careless_kinds.py`; `tests/lab/careless.py` runs them against a cluster.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .careless_kinds import KINDS, Kind, Sheet, Stranger

ROUND = 50

# What people add to a command line without thinking. The first hosts are those of the base inventory.
FLAGS: tuple[tuple[str, ...], ...] = (
    (),
    ("--yes",),
    ("--accept-downtime",),
    ("--yes", "--accept-downtime", "--no-smoke"),
    ("--limit", "{first}"),
    ("--limit", "{last}", "--yes"),
    ("--no-smoke",),
    ("--tags", "kafka"),
    ("--no-restart", "--yes"),
    ("--shrink", "{last}", "--accept-fewer-copies"),
)


@dataclass(frozen=True)
class Edit:
    """An edit. name: in words; inventory: what becomes of the file; flags: of the deploy, as well as what people add.

    refused: whether a deploy has no other way than to refuse it. stops: whether only the first restart can show that
    it is wrong. lowers: whether it asks for fewer copies in so many words.
    """

    seed: int
    name: str
    inventory: dict[str, Any]
    flags: tuple[str, ...]
    refused: bool
    stops: bool
    lowers: bool


def deck(number: int) -> list[Kind | None]:
    """The cards of one round in their order. None: two edits at once."""
    cards: list[Kind | None] = [kind for kind in KINDS for _ in range(kind.cards)]
    cards += [None] * (ROUND - len(cards))
    random.Random(f"deck {number}").shuffle(cards)
    return cards


def edit(base: Mapping[str, Any], stranger: Stranger, seed: int) -> Edit:
    """The edit of a seed. base: an inventory of three hosts, each a broker and a ZooKeeper server; it stays."""
    chance = random.Random(seed)
    card = deck(seed // ROUND)[seed % ROUND]
    kinds = [card] if card else chance.sample([kind for kind in KINDS if kind.cheap], 2)
    sheet = Sheet(copy.deepcopy(dict(base)), chance, stranger)
    flags = card.flags if card and card.flags is not None else chance.choice(FLAGS)
    names = [kind.change(sheet) for kind in kinds]
    first, *_, last = base["all"]["children"]["kafka"]["hosts"]
    return Edit(
        seed,
        "; and ".join(names),
        sheet.inventory,
        tuple(flag.format(first=first, last=last) for flag in flags),
        any(kind.refused for kind in kinds),
        any(kind.stops for kind in kinds),
        any(kind.lowers for kind in kinds),
    )
