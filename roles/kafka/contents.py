"""What the brokers hold and the inventory lists, as a part of a deploy: after the services are up, before the smoke
check. Topics as code; in a cluster that keeps its metadata itself, first its voters, its features and the setting that
it holds for all brokers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from roles.kafka import features, in_sync, listeners, metadata, voters
from roles.shared import kraft

if TYPE_CHECKING:
    from cluster.remote import ByBroker
    from provisioner.connect.requests import Call
    from provisioner.report.reporter import Reporter
    from provisioner.resources import Request
    from provisioner.run.target import Target


def contents(call: Call, brokers: Sequence[Target], reporter: Reporter, check: bool) -> dict[str, tuple[int, int]]:
    """Show how all of that differs from the inventory and, unless check, apply it. brokers: not empty, checked.

    Returns {host by way of which: (things listed and as they should be, those changed)}; empty where none are listed.
    Raises ConfigError and HostFailed.
    """
    done: dict[str, tuple[int, int]] = {}
    first = brokers[0]
    if combined := _combined(brokers):
        _add(done, voters.contents(call, combined, reporter, check, kraft.COMBINED_UNIT))
    for step in _steps(first):
        _add(done, step.contents(call, brokers, reporter, check))
    if kraft.migration(first.members):
        _add(done, _migration(call, brokers, reporter, check))
    if first["topics"]:
        _add(done, _topics(call, brokers, reporter, check))
    return done


def _steps(first: Target) -> list[Any]:
    # Features before the setting: finalising one of them is what makes the cluster hold it.
    steps: list[Any] = [features, in_sync]
    if first["kafka_users"] or first["kafka_acls"] is not None:
        from roles.kafka import users

        steps.append(users)
    return steps


def asked_first(target: Target) -> list[Request]:
    """What `contents` asks first, of the first broker."""
    if target.members(kraft.BROKERS)[0] != target.host:
        return []
    asked = [voters.question(target, kraft.COMBINED_UNIT)] if metadata.node(target) else []
    asked += [step.question(target) for step in _steps(target)]
    return [one for one in asked if one is not None]


def before_restarts(call: Call, brokers: Sequence[Target], reporter: Reporter) -> dict[str, tuple[int, int]]:
    """New combined nodes get their vote before others go down. As `voters.before_restarts`. Raises HostFailed."""
    combined = _combined(brokers)
    return voters.before_restarts(call, combined, reporter, kraft.COMBINED_UNIT) if combined else {}


def _migration(call: Call, brokers: Sequence[Target], reporter: Reporter, check: bool) -> dict[str, tuple[int, int]]:
    from roles.kafka import migration_back, migration_gate

    done: dict[str, tuple[int, int]] = {}
    if kraft.migration(brokers[0].members) in (kraft.BACK, kraft.BESIDE):
        done = migration_back.remove_copies(call, brokers, reporter, check)
    if not check:
        _add(done, migration_gate.settle(call, brokers, reporter))
        _add(done, _revive(call, brokers, reporter))
    return done


def _revive(call: Call, brokers: Sequence[Target], reporter: Reporter) -> dict[str, tuple[int, int]]:
    """Restart brokers that stand still since an earlier run."""
    from roles.kafka.gate import KafkaGate

    done = KafkaGate({one.name: one for one in brokers}, call, reporter.host).revive()
    for host, why in done.items():
        reporter.change(host, f"service:{kraft.COMBINED_UNIT}", "restart", why)
    return dict.fromkeys(done, (0, 1))


def _combined(brokers: Sequence[Target]) -> list[Target]:
    return [broker for broker in brokers if metadata.node(broker)]


def _add(done: dict[str, tuple[int, int]], more: Mapping[str, tuple[int, int]]) -> None:
    for host, (ok, changed) in more.items():
        before = done.get(host, (0, 0))
        done[host] = (before[0] + ok, before[1] + changed)


def _topics(call: Call, brokers: Sequence[Target], reporter: Reporter, check: bool) -> dict[str, tuple[int, int]]:
    from cluster.moving.carrying import carry_out
    from cluster.topics import apply as topic_apply
    from cluster.topics.wanted import parse

    driver = _driver(call, brokers)
    if driver is None:
        reporter.note("topics: no broker answers yet; a deploy makes them when the services are up")
        return {}
    door = listeners.door(driver.host)

    def ask(request: ByBroker) -> dict[str, Any]:
        return call(driver.name, request.at(door))

    wanted = parse(driver["topics"], partial(driver.host.place, "topics"))[0]
    reporter.host(driver.name, "looking at the topics")
    plan, warnings = topic_apply.planned(ask, wanted)
    reporter.host(driver.name, "")
    if plan.nothing:
        reporter.note(f"topics: {len(wanted)} listed, each as it should be")
    else:
        reporter.phase("Topics")
        topic_apply.show(reporter, plan, others=False)
    for warning in warnings:
        reporter.warning(warning)
    if not check and not plan.nothing:
        topic_apply.execute(ask, plan, lambda moves: carry_out(call, reporter, driver.name, door, moves))
        reporter.host(driver.name, "")
    return {driver.name: (len(wanted), plan.changes)}


def _driver(call: Call, brokers: Sequence[Target]) -> Target | None:
    """The first host whose broker answers; None while none does. Raises what else keeps hosts from being asked."""
    from cluster.driver import Silent, find
    from provisioner.errors import raise_all

    by_name = {target.name: target for target in brokers}
    found, passed_over = find(call, by_name, lambda name: listeners.door(by_name[name].host))
    if found is None:
        raise_all(error for error in passed_over.values() if not isinstance(error, Silent))
        return None
    return by_name[found]
