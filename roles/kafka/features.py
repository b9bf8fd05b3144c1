"""`kafka_features`: the features of a KRaft cluster that the inventory wants finalised.

A level of metadata that is finalised may have no way back, and the version of Kafka that ran before has none with it.
So it happens only because the inventory names it, never by the way of a new version; and not in the deploy that changes
the version either, so that there is a time in which the new one can be tried and the old one can come back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from cluster.metadata import remote
from provisioner.errors import ConfigError, HostFailed
from provisioner.run.evidence import Objection
from provisioner.words import some
from roles.kafka import answers, listeners, metadata
from roles.kafka.release import release
from roles.shared.checks import members

if TYPE_CHECKING:
    from cluster.metadata.kraft import levels
    from provisioner.connect.requests import Call
    from provisioner.inventory.model import Host, Inventory
    from provisioner.report.reporter import Reporter
    from provisioner.resources import Request
    from provisioner.run.target import Target
    from roles.kafka.evidence_rules import Seen

VARIABLE = "kafka_features"
HIGHER = f"{VARIABLE} asks for less than what is finalised"
RAISE = f"raise {VARIABLE} or remove it: a deploy lowers no level (kafka-features.sh does, where Kafka allows it)"
UNSUPPORTED = f"{VARIABLE} has levels that the brokers which run do not support"
FIRST = f"deploy without {VARIABLE} first; finalise in a deploy of its own, when you do not want to go back any more"


def contents(call: Call, brokers: Sequence[Target], reporter: Reporter, check: bool) -> dict[str, tuple[int, int]]:
    """Finalise what is wanted and not reached, once the controllers have validated it. {host by way of which: (features
    as they should be, those that were or would be finalised)}; empty where nothing is wanted. Raises HostFailed."""
    text = brokers[0][VARIABLE]
    if not text:
        return {}
    from cluster.metadata.kraft import levels  # few inventories ask for any of it, and every run loads this file

    found = answers.first(call, brokers, remote.features())
    if found is None:
        reporter.note("features: no broker answers yet; a deploy finalises them when the services are up")
        return {}
    target, answer = found
    wanted = levels.parse(text)
    steps, higher, unknown = levels.plan(wanted, answer["finalised"], answer["supported"])
    if higher or unknown:  # preflight says so where a broker answered then
        summary, advice = (HIGHER, RAISE) if higher else (UNSUPPORTED, FIRST)
        raise HostFailed(summary, host=target.name, details=[*higher, *unknown], advice=advice)
    if steps:
        _update(call, target, steps, check=True)
        if not check:
            _update(call, target, steps, check=False)
    for step in steps:
        final = f", no way back below {step.final}" if step.final else ""
        reporter.change(target.name, f"feature:{step.feature}", "~", f"{step.change}{final}")
    return {target.name: (len({*wanted.exact, *wanted.least}) - len(steps), len(steps))}


def question(target: Target) -> Request | None:
    """What `contents` asks first, None where it asks nothing. target: the first of its brokers."""
    return remote.features().at(listeners.door(target.host)) if target[VARIABLE] else None


def contradictions(target: Target, seen: Sequence[Seen], call: Call) -> list[Objection]:
    """What of `kafka_features` cannot be finalised in this run, and versions that are too old for what is finalised, as
    a broker that serves on this host says. seen: the brokers of the run."""
    text = target[VARIABLE]
    older = [one for one in seen if one.version and _minor(one.wanted_version) < _minor(one.version)]
    if not (text or older) or not metadata.own(target):
        return []
    from cluster.metadata.kraft import levels  # as above

    answer = call(target.name, remote.features().at(listeners.door(target.host)))
    if not answer["serving"]:
        return []
    wanted = judge(levels.parse(text), answer, seen) if text else []
    return [*too_old(answer["finalised"].get(levels.METADATA, 0), older), *wanted]


def too_old(finalised: int, older: Iterable[Seen]) -> list[Objection]:
    """Brokers that would get a version which does not know the finalised level of metadata.version. Pure."""
    from cluster.metadata.kraft import levels  # as above

    out = []
    for one in older:
        most = levels.highest(_minor(one.wanted_version))
        if most is not None and most < finalised:
            then, now = levels.shown(most), levels.shown(finalised)
            out.append(
                Objection(
                    f"Kafka {one.wanted_version} has {levels.METADATA} {then} at most, and {now} is finalised: the "
                    "broker would not start",
                    one.host,
                    way=f"stay with {one.version}, or lower the level first, where Kafka allows it (kafka-features.sh)",
                )
            )
    return out


def judge(wanted: levels.Wanted, answer: dict[str, Any], seen: Iterable[Seen]) -> list[Objection]:
    """The same, of an answer of `features.look`. Pure."""
    from cluster.metadata.kraft import levels  # as above

    steps, higher, unknown = levels.plan(wanted, answer["finalised"], answer["supported"])
    if higher:
        return [Objection(HIGHER, details=tuple(higher), way=RAISE)]
    changing = [
        f"{one.host}: Kafka {one.version} -> {one.wanted_version}"
        for one in seen
        if one.version and _minor(one.version) != _minor(one.wanted_version)
    ]
    if changing and (steps or unknown):
        what = f"{VARIABLE} would be finalised in the deploy that changes the version, so that it could not go back"
        return [Objection(what, details=(*changing, *map(str, steps), *unknown), way=FIRST)]
    return [Objection(UNSUPPORTED, details=tuple(unknown), way=FIRST)] if unknown else []


def wanted(inventory: Inventory) -> list[ConfigError]:
    """`kafka_features` is understood, is the same on all brokers, and is not more than the version has. Pure."""
    brokers = members(inventory, "kafka")
    if not any(host.vars[VARIABLE] for host in brokers):
        return []
    first = brokers[0]
    other = next((host for host in brokers if host.vars[VARIABLE] != first.vars[VARIABLE]), None)
    if other is not None:
        details = [f"{host.name}: {host.vars[VARIABLE] or 'not set'}" for host in (first, other)]
        advice = "set it once for all hosts, under `all: vars:`"
        return [ConfigError(f"{VARIABLE} differs between the brokers of one cluster", details=details, advice=advice)]
    details = [f"found: {first.vars[VARIABLE]}", f"in:    {first.place(VARIABLE)}"]
    if not metadata.kept_itself(inventory):
        what = f"{VARIABLE} is set, and a cluster whose metadata is in ZooKeeper has no features to finalise"
        return [ConfigError(what, details=details, advice="remove it")]
    why = _wrong(first)
    from cluster.metadata.kraft import levels  # as above

    advice = f"write {levels.EXAMPLE}; empty leaves all features as they are"
    return [ConfigError(f"{VARIABLE} cannot be finalised: {why}", details=details, advice=advice)] if why else []


def _wrong(host: Host) -> str:
    """Why the variable of a host cannot be what is finalised, "" where it can."""
    from cluster.metadata.kraft import levels  # as above

    try:
        level = levels.parse(host.vars[VARIABLE]).exact.get(levels.METADATA)
        used = release(host.vars)
    except ValueError as error:
        return str(error)
    except ConfigError:  # of the version; its own check says so
        return ""
    most = levels.highest(used.number)
    if level is None or most is None or level <= most:
        return ""
    now, then = levels.shown(most), levels.shown(level)
    return f"{levels.METADATA} {then} is wanted, and Kafka {used.version} has {now} at most"


def _minor(version: str) -> tuple[int, ...]:
    """(4, 3) of 4.3.1"""
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())


def _update(call: Call, target: Target, steps: Sequence[levels.Step], *, check: bool) -> None:
    request = remote.update_features({step.feature: step.level for step in steps}, check=check)
    answer = call(target.name, request.at(listeners.door(target.host)))
    if not answer["done"]:
        raise HostFailed(
            f"{some(step.feature for step in steps)} cannot be finalised: {answer['why']}",
            host=target.name,
            advice="run the same command again when all brokers and controllers are up (`invoke status`)",
        )
