"""What belongs to a deploy as a whole rather than to one role: may it be, may it interrupt, does it work, what now."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from roles.gates import Call, Say, gate

if TYPE_CHECKING:
    from provisioner.errors import ProvisionerError
    from provisioner.report.reporter import Reporter
    from provisioner.run.plan import HostPlan
    from provisioner.run.target import Target


def objections(target: Target, plan: HostPlan, call: Callable[..., dict[str, Any]]) -> list[ProvisionerError]:
    """Why a host must not be brought to what is planned for it, though it could."""
    if not target.is_in("kafka"):
        return []
    from roles.kafka import upgrade

    return upgrade.objections(target, plan, call)


def downtime(targets: Sequence[Target], restarts: Sequence[tuple[str, str]], call: Call, say: Say) -> list[str]:
    """What clients would lose by restarting these (host, unit), each reason with its evidence in one line; none where
    the inventory accepts it (kafka_accept_downtime)."""
    by_name = {target.name: target for target in targets}
    out = []
    for host, unit in restarts:
        if not by_name[host]["kafka_accept_downtime"]:
            lost = gate(unit, by_name, call, say).downtime(host)
            out += ["; ".join([lost.reason, *lost.details])] if lost else []
    return out


def departure(targets: Sequence[Target], call: Call, say: Say) -> list[str]:
    """What the cluster would lose if these hosts left it for good, each reason with its evidence in one line; nothing
    where a service leaves altogether. An ensemble without brokers that stay is missed by nobody."""
    by_name = {target.name: target for target in targets}
    out = []
    for unit in ("kafka", "zookeeper"):
        leaving = [target.name for target in targets if target.is_in(unit)]
        brokers = targets[0].members("kafka")
        if leaving and any(broker.name not in by_name for broker in brokers):
            lost = gate(unit, by_name, call, say).departure(leaving)
            out += ["; ".join([lost.reason, *lost.details])] if lost else []
    return out


def contents(
    call: Callable[..., dict[str, Any]], targets: Sequence[Target], reporter: Reporter, tags: Sequence[str], check: bool
) -> Mapping[str, tuple[int, int]]:
    """The topics that the inventory lists, made so (check: only shown). {host by way of which: (topics as they should
    be or planned to be, topics changed or to change)}; empty where none are listed, or --tags leaves brokers out."""
    brokers = [target for target in targets if target.is_in("kafka")]
    if not brokers or (tags and "kafka" not in tags) or not brokers[0]["topics"]:
        return {}
    from roles.kafka import contents as topic_deploy

    return topic_deploy.contents(call, brokers, reporter, check)


def verify(
    call: Callable[..., dict[str, Any]], targets: Sequence[Target], reporter: Reporter, *, cli: bool = False
) -> None:
    """Records get through: the smoke check over all brokers of the targets' cluster, with the native client or the
    official console tools. Raises HostFailed naming the failing leg."""
    brokers = [target for target in targets if target.is_in("kafka")]
    if not brokers:
        reporter.note("no broker among these hosts: nothing to produce to")
        return
    from roles.kafka import verify as smoke

    smoke.run_smoke(call, brokers, reporter, cli=cli)
