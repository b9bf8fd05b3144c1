"""Which levels of features a release of Kafka stands for, and what is left to finalise. Pure.

The numbers are those of Kafka's classes, read in 4.3.1: MetadataVersion (a level of metadata.version for each name, and
whether it changes what is written to the metadata's log), and for the other features the metadata.version from which a
new cluster has a level (Feature.PRODUCTION_FEATURES, bootstrapMetadataVersion). A release whose levels are not here can
be finalised level by level.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Dict, List, NamedTuple, Optional

from provisioner.words import did_you_mean, some

METADATA = "metadata.version"
QUORUM = "kraft.version"  # makes a static quorum dynamic, and cannot be undone (KAFKA-21426): in no release

NAMES = {
    7: "3.3-IV3",
    8: "3.4-IV0",
    9: "3.5-IV0",
    10: "3.5-IV1",
    11: "3.5-IV2",
    12: "3.6-IV0",
    13: "3.6-IV1",
    14: "3.6-IV2",
    15: "3.7-IV0",
    16: "3.7-IV1",
    17: "3.7-IV2",
    18: "3.7-IV3",
    19: "3.7-IV4",
    20: "3.8-IV0",
    21: "3.9-IV0",
    22: "4.0-IV0",
    23: "4.0-IV1",
    24: "4.0-IV2",
    25: "4.0-IV3",
    26: "4.1-IV0",
    27: "4.1-IV1",
    28: "4.2-IV0",
    29: "4.2-IV1",
    30: "4.3-IV0",
}
CHANGING = (8, 11, 13, 14, 15, 17, 23, 30)  # there is no way back from these to a level below
SINCE: Mapping[str, Mapping[int, int]] = {  # {feature: {level: the metadata.version that has it from the beginning}}
    "transaction.version": {1: 24, 2: 24},
    "group.version": {1: 22},
    "eligible.leader.replicas.version": {1: 26},
    "share.version": {1: 28},
    "streams.version": {1: 29},
}
RELEASES = {name.split("-")[0]: level for level, name in NAMES.items()}  # {release: its last metadata.version}
EXAMPLE = f"a release such as {list(RELEASES)[-1]}, or levels such as {METADATA}=29,group.version=1"

_RELEASE = re.compile(r"\d+\.\d+")
_LEVEL = re.compile(r"([a-z][a-z.]*)\s*=\s*(\d{1,4})")


class Wanted(NamedTuple):
    """The levels that features should have. exact: those that are named, and the metadata.version of a release; least:
    what else a release has, which may be higher."""

    exact: Mapping[str, int]
    least: Mapping[str, int]


class Step(NamedTuple):
    """A feature that is to be finalised at a higher level. now: its present one, 0 for none."""

    feature: str
    now: int
    level: int

    def __str__(self) -> str:
        """metadata.version 29 (4.2-IV1) -> 30 (4.3-IV0)"""
        return f"{self.feature} {self.change}"

    @property
    def change(self) -> str:
        """29 (4.2-IV1) -> 30 (4.3-IV0)"""
        return f"{shown(self.now, self.feature)} -> {shown(self.level, self.feature)}"

    @property
    def final(self) -> str:
        """What there is no way back below: "4.3-IV0", "" where the level can be lowered again."""
        if self.feature != METADATA:
            return ""
        return next((NAMES[one] for one in reversed(CHANGING) if self.now < one <= self.level), "")


def parse(text: str) -> Wanted:
    """What is to be finalised: releases and levels, separated by commas, of which the later ones count. Raises
    ValueError with the reason."""
    exact: Dict[str, int] = {}
    least: Dict[str, int] = {}
    for part in filter(None, (one.strip() for one in text.split(","))):
        if _RELEASE.fullmatch(part):
            least = of_release(part)
            exact[METADATA] = least.pop(METADATA)
        elif found := _LEVEL.fullmatch(part):
            exact[_known(found[1])] = int(found[2])
        else:
            raise ValueError(f"{part!r} is neither a release nor a feature with a level")
    return Wanted(exact, {name: level for name, level in least.items() if name not in exact})


def of_release(release: str) -> Dict[str, int]:
    """The levels that a new cluster of a release has. Raises ValueError with the reason for one that is not known."""
    if release not in RELEASES:
        raise ValueError(f"the levels of release {release} are not known here, those of {some(RELEASES, 20)} are")
    top = RELEASES[release]
    own = {name: [level for level, since in of.items() if since <= top] for name, of in SINCE.items()}
    return {METADATA: top, **{name: max(reached) for name, reached in own.items() if reached}}


def highest(version: tuple[int, ...]) -> Optional[int]:
    """The highest metadata.version that a version of Kafka has, such as (4, 3, 1); None for one that is not known
    here."""
    return RELEASES.get(".".join(map(str, version[:2])))


def plan(
    wanted: Wanted, finalised: Mapping[str, int], supported: Mapping[str, int]
) -> tuple[list[Step], list[str], list[str]]:
    """(what is to be finalised; what is finalised at a higher level than wanted; what the node that was asked does not
    support), the latter two in words. finalised, supported: as `features.look`."""
    steps: List[Step] = []
    higher: List[str] = []
    unknown: List[str] = []
    for name, level in sorted({**wanted.least, **wanted.exact}.items(), key=lambda one: (one[0] != METADATA, one[0])):
        now, most = finalised.get(name, 0), supported.get(name, 0)
        if level < now and name in wanted.exact:
            higher.append(f"{name} is finalised at {shown(now, name)}, and {shown(level, name)} is wanted")
        elif level > now and level > most:
            limit = f"supported up to {shown(most, name)}" if most else "not supported"
            unknown.append(f"{name} {shown(level, name)} is wanted, and {limit}")
        elif level > now:
            steps.append(Step(name, now, level))
    return steps, higher, unknown


def possible(finalised: Mapping[str, int], supported: Mapping[str, int]) -> list[Step]:
    """What could be finalised: of the release that all nodes support (all that they support, of one that is not known
    here) what is not reached. Nothing for a cluster without features."""
    if METADATA not in finalised or METADATA not in supported:
        return []
    release = next((name for name, level in RELEASES.items() if level == supported[METADATA]), None)
    top = of_release(release) if release else {name: one for name, one in supported.items() if name != QUORUM}
    return plan(Wanted({}, top), finalised, supported)[0]


def named(steps: Sequence[Step]) -> str:
    """As `parse` takes them: the release where the steps lead to one, else each level."""
    goal = {step.feature: step.level for step in steps}
    release = next((name for name, level in RELEASES.items() if level == goal.get(METADATA)), "")
    if release and goal.items() <= of_release(release).items():
        return release
    return ",".join(f"{name}={level}" for name, level in goal.items())


def _known(feature: str) -> str:
    if feature == QUORUM:
        raise ValueError(f"{QUORUM} is no level to come back from, and the quorums of these deploys have it anyway")
    if feature != METADATA and feature not in SINCE:
        near = did_you_mean(feature, [METADATA, *SINCE])
        raise ValueError(f"there is no feature {feature}{near}")
    return feature


def shown(level: int, feature: str = METADATA) -> str:
    """29 (4.2-IV1), or the bare level of another feature."""
    return f"{level} ({NAMES[level]})" if feature == METADATA and level in NAMES else str(level)
