"""The steps that a cluster may take from one day to the next, and what its inventory says after each: versions up and
down, the protocol and the features that end an upgrade, ZooKeeper left behind and come back to, a setting, restarts,
kills. Pure; `tests/lab/evolution_round.py` takes them on real hosts."""

from __future__ import annotations

import copy
import random
from collections.abc import Mapping
from typing import Any, NamedTuple

WAY = ("", "back", "controllers", "dual", "brokers", "left")  # values of kafka_migration, and what comes after
NONE, BACK, BESIDE, DUAL, MOVED, LEFT = range(len(WAY))
OLD, LAST, NEW = "2.5.0", "3.9.2", "4.3.1"
FIRST = 101  # the id of the first host's controller
FINAL = {LAST: "3.9", NEW: "4.3"}
NO_WAY_BACK = "--accept-no-way-back"
KEEPER_KILLED, KEEPER_GONE = "ZooKeeper's leader killed", "ZooKeeper uninstalled"
CONTROLLER_KILLED = "the leading controller killed"
# What gives up the version before: brokers that have left ZooKeeper know no protocol any more.
VARIABLES = {(LAST, NONE): "kafka_protocol", (NEW, LEFT): "kafka_features"}


class State(NamedTuple):
    """What an inventory says. way: how far ZooKeeper is left, an index of WAY; final: whether the version before it is
    given up; setting: how often one that needs a restart was changed."""

    version: str = OLD
    final: bool = True
    way: int = NONE
    setting: int = 0


class Step(NamedTuple):
    """One of the ways to go on. flags: of the deploy; command: another one than a deploy, which the inventory of then
    needs; weight: how much more often it is drawn than others."""

    name: str
    state: State
    flags: tuple[str, ...] = ()
    command: str = "deploy"
    weight: int = 1


def possible(now: State) -> list[Step]:
    """Every step that the toolkit lets a cluster take from there."""
    found = [
        Step("another setting", now._replace(setting=now.setting + 1)),
        Step("a restart", now, command="restart"),
        Step("a broker killed", now, command="kill kafka"),
    ]
    version = {(OLD, NONE): LAST, (LAST, LEFT): NEW}.get((now.version, now.way))
    if version and now.final:
        found.append(Step(f"up to {version}", now._replace(version=version, final=False), weight=4))
    if not now.final:
        before = {LAST: OLD, NEW: LAST}[now.version]
        back = now._replace(version=before, final=True)
        found.append(Step(f"down to {before}", back, ("--accept-downgrade",)))
        found.append(Step(f"{now.version} for good", now._replace(final=True), weight=3))
    if now.version == LAST and now.final and now.way < LEFT:
        further = max(BESIDE, now.way + 1)
        last = further == LEFT
        name = "ZooKeeper left" if last else f"to {WAY[further]}"
        found.append(Step(name, now._replace(way=further), (NO_WAY_BACK,) if last else (), weight=5))
        if now.way:
            name = f"back to {WAY[now.way - 1]}" if now.way > BESIDE else "back" if now.way == BESIDE else "as before"
            found.append(Step(name, now._replace(way=now.way - 1)))
    return found


def named(name: str, now: State) -> Step:
    """The step of this name from there. Three of them are never drawn: ZooKeeper's leader is killed, or the leading
    controller, or all of ZooKeeper is uninstalled when nobody needs it."""
    found = {step.name: step for step in possible(now)}
    if now.way < LEFT:
        found[KEEPER_KILLED] = Step(KEEPER_KILLED, now, command="kill zookeeper")
    if now.way >= DUAL:
        found[CONTROLLER_KILLED] = Step(CONTROLLER_KILLED, now, command="kill kafka-controller")
    if now.way == LEFT and now.version == LAST:
        found[KEEPER_GONE] = Step(KEEPER_GONE, now, command="uninstall")
    assert name in found, f"no step from {now} is {name!r}; there are {', '.join(found)}"
    return found[name]


def drawn(rng: random.Random, now: State) -> Step:
    """One of them; the same for the same random numbers."""
    steps = possible(now)
    return rng.choices(steps, [step.weight for step in steps])[0]


def inventory(base: Mapping[str, Any], now: State) -> dict[str, Any]:
    """The shipped inventory of three brokers with ZooKeeper, as it is for a state."""
    content = copy.deepcopy(dict(base))
    groups, variables = content["all"]["children"], content["all"]["vars"]
    if now.way:
        groups["kafka_controller"] = {"hosts": {name: {} for name in groups["kafka"]["hosts"]}}
        variables["kafka_controller_heap"] = "128m"
    if now.way == LEFT:
        del groups["zookeeper"]
    elif now.way:
        variables["kafka_migration"] = WAY[now.way]
    variables["kafka_version"] = now.version
    if variable := VARIABLES.get((now.version, now.way)) if now.final else None:
        variables[variable] = FINAL[now.version]
    variables["kafka_config"] = {**variables.get("kafka_config", {}), "num.io.threads": 4 + now.setting % 4}
    return content
