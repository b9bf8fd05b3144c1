"""Changes of server.properties that a running broker takes without a restart (KIP-226).

Each is set on this broker at run time. ZooKeeper keeps that, and it overrides the file permanently; so what was set
here, and only that, is recorded on the host, and is removed as soon as the file that the broker was started with
has the same value, or the change was reverted. A value that a person has set at run time is left alone.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Optional

from kafka.errors import KafkaError

from cluster.endpoint import Endpoint
from cluster.model import Setting
from cluster.protocol import wire
from cluster.settings import brokers, held
from cluster.settings.properties import parse
from cluster.settings.sources import ANYWHERE, DEFAULT, DYNAMIC_BROKER, DYNAMIC_CLUSTER, STATIC
from provisioner.agent.failure import Failure
from provisioner.agent.system import STATE, System

if TYPE_CHECKING:
    from provisioner.agent.waiting import Emit

    # What was set from here: {setting: {"values": [what it was set to], "done": whether the broker has confirmed it}}.
    Owned = Mapping[str, Mapping[str, Any]]

# Classes that the broker would have to load and configure: only a start does that as the file says.
NEVER = ("metric.reporters",)


@dataclass
class Verdict:
    """What to do. values: {setting: value, None to remove it}; changes: as text; refused: why a
    restart is needed, as text; keep: what stays on record as ours without a change."""

    values: dict[str, Optional[str]] = field(default_factory=dict)
    changes: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    keep: dict[str, Any] = field(default_factory=dict)


def bring(args: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Decide whether a broker can take a server.properties at run time, and with `apply` make it so.

    args: bootstrap, its own address; broker, its id; started and wanted: the file's text that it was started with, and
    the one that it should run with; memory: the name of our record; apply (bool). Returns changes and refused, lists
    of texts: both empty when all is in force. Raises Failure when the broker did not apply what it had validated.
    """
    system = System(emit=emit, state=args.get("state") or STATE)
    here = {int(args["broker"]): Endpoint.parse(args["bootstrap"])}
    (broker,) = here
    answers, silent = brokers.read(here)
    if silent:
        return {"changes": [], "refused": [f"its broker does not answer: {silent[broker]}"]}
    owned: Owned = json.loads(system.recall(args["memory"]) or "{}")
    started, wanted, found = parse(args["started"]), parse(args["wanted"]), answers[broker]
    for_all = [name for name in held.differing(started, wanted) if name in found and found[name].has(DYNAMIC_CLUSTER)]
    try:
        by_cluster = held.by_cluster(here[broker], for_all)
    except OSError as error:
        return {"changes": [], "refused": [f"its broker does not answer: {wire.describe(error)}"]}
    verdict = judge(started, wanted, found, owned, by_cluster)
    if verdict.refused:
        return {"changes": [], "refused": verdict.refused}
    if verdict.values and not args["apply"]:
        try:
            brokers.change(here[broker], str(broker), verdict.values, validate_only=True)
        except (KafkaError, OSError) as error:
            return {"changes": [], "refused": [f"the broker does not take it at run time: {wire.describe(error)}"]}
    if args["apply"] and (verdict.values or owned):
        _apply(system, args["memory"], here, verdict, owned)
    return {"changes": verdict.changes, "refused": []}


def _apply(system: System, memory: str, here: Mapping[int, Endpoint], verdict: Verdict, owned: Owned) -> None:
    """Record what will be ours, change it, and check that the broker has it; in this order, so that a run that
    is interrupted anywhere leaves no value that is not on record."""
    (broker,) = here
    begun = {name: _entry(owned, name, value) for name, value in verdict.values.items()}
    if begun:
        _remember(system, memory, {**verdict.keep, **begun})
        what = f"change {', '.join(verdict.values)} at run time"
        late = brokers.make(here, str(broker), verdict.values, DYNAMIC_BROKER, what)
        if late:
            raise Failure(
                f"set at run time, but not yet in force: {', '.join(verdict.values)}",
                advice="see the broker's server.log; restart it (`invoke restart --service kafka`), then deploy again",
            )
    done = {name: {"values": [value], "done": True} for name, value in verdict.values.items() if value is not None}
    _remember(system, memory, {**verdict.keep, **done})


def _entry(owned: Owned, name: str, value: Optional[str]) -> dict[str, Any]:
    # Before the broker has the new value, it may have any of those that were set earlier.
    before = list(owned.get(name, {}).get("values", ()))
    return {"values": before if value is None or value in before else [*before, value], "done": False}


def _remember(system: System, memory: str, owned: Owned) -> None:
    if owned:
        system.remember(memory, json.dumps(owned, sort_keys=True))
    else:
        system.forget(memory)


def judge(
    started: Mapping[str, str],
    wanted: Mapping[str, str],
    found: Mapping[str, Setting],
    owned: Owned,
    by_cluster: Collection[str] = (),
) -> Verdict:
    """What brings a running broker from the file that it was started with to the wanted one. Pure.

    found: its settings. by_cluster: those that the cluster holds for all brokers, whatever the file says, also at the
    next start; so there is nothing to do about them here. In doubt, a restart is needed: for settings that it does not
    know, hides, or that are set for each broker separately (listeners, and what secures them), and for one that was
    removed from the file, whose default the broker may not know.
    """
    verdict = Verdict()
    changed = [name for name in held.differing(started, wanted) if name not in by_cluster]
    for name in changed:
        _change(verdict, name, wanted.get(name), found.get(name), owned)
    for name in sorted(set(owned) - set(changed)):
        _tidy(verdict, name, wanted.get(name), found.get(name), owned)
    return verdict


def _change(verdict: Verdict, name: str, value: Optional[str], one: Optional[Setting], owned: Owned) -> None:
    if value is None:
        verdict.refused.append(f"{name} is not set any more")
    elif one is None or one.sensitive or one.update_mode != ANYWHERE or name in NEVER:
        verdict.refused.append(f"{name} is not taken at run time")
    elif not (one.has(STATIC) or one.has(DEFAULT)):
        verdict.refused.append(f"{name} could not be removed at run time: it has no default")
    elif one.settled and one.synonyms and one.synonyms[0][1] == value:
        if name in owned:
            verdict.keep[name] = owned[name]  # in force: ours, or by what is set for all brokers
    elif _by_a_person(name, one, owned):
        verdict.keep[name] = owned[name]
    else:
        verdict.values[name] = value
        verdict.changes.append(f"{name} {'(none)' if one.value is None else one.value} -> {value} at run time")


def _by_a_person(name: str, one: Setting, owned: Owned) -> bool:
    """Whether somebody has set another value after us, on purpose. Otherwise the changed file has priority."""
    ours = owned.get(name)
    return bool(ours and ours["done"] and one.has(DYNAMIC_BROKER) and one.at(DYNAMIC_BROKER) not in ours["values"])


def _tidy(verdict: Verdict, name: str, value: Optional[str], one: Optional[Setting], owned: Owned) -> None:
    """A setting of ours that the broker's own file has as well, after a restart or a reverted change."""
    now = one.at(DYNAMIC_BROKER) if one else None
    if one is None or now is None or now not in owned[name]["values"]:
        return  # removed, or set by a person: not ours any more
    if now == value and one.has(DYNAMIC_CLUSTER) and one.at(DYNAMIC_CLUSTER) != value:
        verdict.keep[name] = owned[name]  # without it, a value for all brokers would override the file
        return
    verdict.values[name] = None
    as_file = "the file says the same" if now == value else f"it was {now}, and the file says {value or 'nothing'}"
    verdict.changes.append(f"{name} no longer set at run time: {as_file}")
