"""Topics as code, as a part of a deploy: after the services are up, before the smoke check."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from roles.kafka import listeners

if TYPE_CHECKING:
    from cluster.moving.layout import Move
    from cluster.topics import apply as topic_apply
    from provisioner.report.reporter import Reporter
    from provisioner.run.target import Target

THROTTLE = 50 * 1024 * 1024  # bytes per second and broker that copies are moved with, as rebalance's default
STALL_SECONDS = 180.0
ON_HOST = "cluster"

Call = Callable[..., dict[str, Any]]


def contents(call: Call, brokers: Sequence[Target], reporter: Reporter, check: bool) -> dict[str, tuple[int, int]]:
    """Show how the topics differ from the inventory's and, unless check, make them so. brokers: not empty, checked.

    Returns {host by way of which: (topics listed, topics changed)}; empty where none are listed. Raises ConfigError and
    HostFailed.
    """
    if not brokers[0]["topics"]:
        return {}
    from cluster.topics import apply as topic_apply
    from cluster.topics.wanted import parse

    driver = _driver(call, brokers)
    if driver is None:
        reporter.note("topics: no broker answers yet; a deploy makes them when the services are up")
        return {}
    ask = asking(call, driver)
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
        topic_apply.execute(ask, plan, lambda moves: _move(call, driver, reporter, moves))
        reporter.host(driver.name, "")
    return {driver.name: (len(wanted), plan.changes)}


def asking(call: Call, driver: Target) -> topic_apply.Ask:
    """On-host functions by way of one broker's host."""

    def ask(module: str, function: str, **arguments: Any) -> dict[str, Any]:
        return call(driver.name, f"{ON_HOST}.{module}", function, {**_door(driver), **arguments})

    return ask


def _door(driver: Target) -> dict[str, str]:
    return {"bootstrap": listeners.door(driver.host)}


def _driver(call: Call, brokers: Sequence[Target]) -> Target | None:
    """The first host whose broker answers."""
    for target in brokers:
        address = listeners.door(target.host)
        if not call(target.name, f"{ON_HOST}.state.serving", "answering", {"addresses": [address]})[address]:
            return target
    return None


def _move(call: Call, driver: Target, reporter: Reporter, moves: Sequence[Move]) -> None:
    def event(message: Mapping[str, Any]) -> None:
        if "left" in message:
            reporter.host(driver.name, f"copying: {message['left']} partitions left")

    work = {
        **_door(driver),
        "throttle": THROTTLE,
        "stall": STALL_SECONDS,
        "moves": [{"topic": one.topic, "partition": one.partition, "replicas": one.after} for one in moves],
    }
    call(driver.name, f"{ON_HOST}.moving.reassign", "work", work, event)
