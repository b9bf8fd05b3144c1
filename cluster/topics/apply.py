"""Brings topics into their wanted state: read, plan, show, apply. Shared by `topics.apply` and a deploy.

Each run reads from the cluster what is left to do, so the next run completes one that was interrupted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cluster import remote
from cluster.model import Setting, Topic
from cluster.moving.layout import Move
from cluster.remote import ByBroker
from cluster.settings.values import shown
from cluster.topics import plan as topic_plan
from cluster.topics.plan import Alter, Cluster, Plan
from cluster.topics.wanted import Wanted
from provisioner.errors import ConfigError, raise_all
from provisioner.quantities import format_size
from provisioner.words import counted, some

if TYPE_CHECKING:
    from provisioner.report.reporter import Reporter

SHOWN = 10  # topics named in a line, the rest is counted
# A broker with ZooKeeper that has just started answers before the controller has told it which topics there are.
AGAIN = (0.5, 1.0, 2.0, 4.0, 8.0)


# Runs a function through one broker and returns its answer. Raises HostFailed for the Failure that it ends with.
Ask = Callable[[ByBroker], dict[str, Any]]


def look(ask: Ask, described: Sequence[str]) -> tuple[dict[str, Topic], Cluster]:
    """Every topic of the cluster, those that are named with their settings, and what counts where a topic is silent."""
    found = ask(remote.topics_look(internal=True, sizes=True, settings=described))
    known = ask(remote.topic_defaults())
    racks = {int(broker): rack for broker, rack in found["brokers"].items()}
    topics = {name: Topic.from_wire(name, data) for name, data in found["topics"].items()}
    return topics, Cluster(racks, known["partitions"], known["factor"], known["settings"])


def planned(ask: Ask, wanted: Sequence[Wanted], again: Sequence[float] = AGAIN) -> tuple[Plan, list[str]]:
    """The plan, and what is to be known before it is done. The cluster has checked it. again: seconds until the next
    looks, while a broker does not know of topics that are there. Raises ConfigError, or Several, for what cannot be
    done; nothing was changed."""
    topics, cluster = look(ask, [one.name for one in wanted])
    raise_all(topic_plan.problems(wanted, topics, cluster))
    plan = topic_plan.make(wanted, topics, cluster)
    wants = requests(plan)
    # No partitions are added to a topic while copies of it move; when they have arrived, it is tried.
    wants["grow"] = {name: count for name, count in wants["grow"].items() if name not in plan.moving}
    if any(wants.values()):
        places = {one.name: one.place for one in wanted}
        found = ask(remote.check_topics(**wants))
        if found["there"] and again:
            time.sleep(again[0])
            return planned(ask, wanted, again[1:])
        raise_all(
            ConfigError(
                f"the cluster refuses {name}: {why}",
                details=[f"in: {places[name]}"] if places.get(name) else [],
                advice="nothing was changed",
            )
            for name, why in found["refused"]
        )
    return plan, topic_plan.warnings(wanted, topics, cluster, plan)


def requests(plan: Plan) -> dict[str, Any]:
    """A plan's topics, settings and partitions as `cluster.topics.changes` takes them."""
    return {
        "create": [
            {
                "name": one.name,
                "partitions": one.partitions,
                "factor": one.factor,
                "config": {key: value for key, value in one.config.items() if value is not None},
            }
            for one in plan.create
        ],
        "settings": {
            name: {key: change.after for key, change in changes.items()} for name, changes in plan.settings.items()
        },
        "grow": {name: after for name, (_, after) in plan.grow.items()},
    }


# -- showing


def show(reporter: Reporter, plan: Plan, prune: bool = False, others: bool = True) -> None:
    """The plan in `+ ~ -` lines. prune: what is not listed goes; others: say what is not listed and stays."""
    for one in plan.create:
        reporter.change(one.name, new_topic(one), "+")
    for name in sorted({*plan.settings, *plan.grow, *plan.factors}):
        if name in plan.factors:
            reporter.change(name, *_copies(name, plan))
        if name in plan.grow:
            before, after = plan.grow[name]
            reporter.change(name, f"{before} -> {counted(after, 'partition')}", "~")
        if name in plan.settings:
            reporter.change(name, counted(len(plan.settings[name]), "setting"), "~")
            reporter.diff(name, "settings", "\n".join(diff(plan.settings[name])))
    if plan.moving:
        reporter.note(
            f"  {counted(sum(plan.moving.values()), 'partition')} under way from an earlier run: they continue"
        )
    if plan.throttled and not plan.moving:
        reporter.note(f"  to be removed, left by an earlier move: the throttle on {listed(plan.throttled)}")
    if prune:
        for name, size in plan.unmanaged.items():
            reporter.change(name, "delete the topic with all its records", "-", f"not listed; {format_size(size)}")
        for name, own in plan.strays.items():
            reporter.change(name, f"remove {listed(list(own))}", "-", "not listed")
    elif others:
        for line in unmanaged(plan):
            reporter.note(line)


def unmanaged(plan: Plan) -> list[str]:
    """Topics and settings that exist but are not listed, in lines."""
    lines = [f"  not listed, left alone: {listed(list(plan.unmanaged))}"] if plan.unmanaged else []
    lines += [f"  not listed, left alone on {name}: {_values(own)}" for name, own in plan.strays.items()]
    return lines


def totals(plan: Plan, prune: bool) -> str:
    """As in: 1 to add, 2 to change, 0 to delete."""
    adds = len(plan.create)
    return f"{adds} to add, {plan.changes - adds} to change, {len(plan.unmanaged) if prune else 0} to delete"


def pruned(plan: Plan) -> str:
    """What --prune removes, counted."""
    strays = sum(map(len, plan.strays.values()))
    parts = [counted(len(plan.unmanaged), "topic")] if plan.unmanaged else []
    return " and ".join([*parts, *([counted(strays, "setting")] if strays else [])])


def document(plan: Plan) -> dict[str, Any]:
    """The plan for machines; docs/operations.md describes the keys."""
    return {
        "changes": plan.changes,
        "create": {
            one.name: {"partitions": one.partitions, "replication_factor": one.factor, "config": dict(one.config)}
            for one in plan.create
        },
        "settings": {
            name: {
                key: {"before": change.before.value, "after": change.after, "own": change.before.own}
                for key, change in changes.items()
            }
            for name, changes in plan.settings.items()
        },
        "partitions": {name: {"before": before, "after": after} for name, (before, after) in plan.grow.items()},
        "replication_factor": {
            name: {"before": list(before), "after": after} for name, (before, after) in plan.factors.items()
        },
        "moving": dict(plan.moving),
        "unmanaged": list(plan.unmanaged),
        "unmanaged_settings": {
            name: {key: setting.value for key, setting in own.items()} for name, own in plan.strays.items()
        },
    }


def new_topic(one: Wanted) -> str:
    """What a new topic is to be: "6 partitions, 3 copies, retention.ms 2 d"."""
    parts = [
        counted(one.partitions or 0, "partition"),
        counted(one.factor or 0, "copy"),
        *(f"{key} {shown(key, value)}" for key, value in one.config.items() if value is not None),
    ]
    return ", ".join(parts)


def diff(changes: Mapping[str, Alter]) -> list[str]:
    """The settings of one topic before and after, a line each."""
    lines = []
    for key, change in changes.items():
        before, default = change.before, change.before.default
        lines.append(f"-{_pair(key, before.value)}" + ("" if before.own else ", the brokers' default"))
        after = _pair(key, default) + ", the brokers' default" if change.after is None else _pair(key, change.after)
        lines.append(f"+{after}")
    return lines


def _copies(name: str, plan: Plan) -> tuple[str, str, str]:
    before, after = plan.factors[name]
    moves = [move for move in plan.moves if move.topic == name]
    new = [(broker, move.size) for move in moves for broker in move.after if broker not in move.before]
    what = f"{' or '.join(map(str, before))} -> {counted(after, 'copy')}"
    return what, "~", f"{len(new)} to make, {format_size(sum(size for _, size in new))}" if new else "none to make"


def _pair(key: str, value: str | None) -> str:
    words = shown(key, value)
    return f"{key}={value}" + (f" ({words})" if value and words != value else "")


def _values(own: Mapping[str, Setting]) -> str:
    return listed([_pair(key, setting.value) for key, setting in own.items()])


def listed(names: Sequence[str]) -> str:
    """Names in a line, the first ones and how many more."""
    return some(names, SHOWN)


# -- doing


def execute(ask: Ask, plan: Plan, move: Callable[[Sequence[Move]], object]) -> None:
    """Apply the plan. move: makes the moves, including those under way from an earlier run. Raises HostFailed;
    the changes before the failed one are made, and the next run makes the rest."""
    wants = requests(plan)
    if plan.create or plan.settings:
        ask(remote.change_topics(create=wants["create"], settings=wants["settings"]))
    if plan.moves or plan.moving or plan.throttled:
        move(plan.moves)
        ask(remote.settle_topics({name: after for name, (_, after) in plan.factors.items()}))
    if plan.grow:  # after the copies: a new partition gets as many as the first one has
        ask(remote.change_topics(grow=wants["grow"]))


def prune(ask: Ask, plan: Plan) -> None:
    """Delete the topics that are not listed, and remove settings that are not listed from the others."""
    settings = {name: dict.fromkeys(own) for name, own in plan.strays.items()}
    ask(remote.change_topics(settings=settings, delete=list(plan.unmanaged)))
