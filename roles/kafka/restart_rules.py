"""The rules of a rolling restart: in which order brokers restart, may this one go down now, and is it back. Pure.

The state comes from `cluster.state.probe.status` with partitions=True, asked of any broker.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from cluster.metadata.keeper import DOWN
from cluster.model import Partition
from provisioner.refusal import Refusal
from provisioner.words import counted

SHOWN = 5  # partitions named in a message; the rest is counted


@dataclass(frozen=True)
class ClusterState:
    """The cluster at one moment: registered brokers, the controller or None, all partitions."""

    brokers: frozenset[int]
    controller: int | None
    partitions: tuple[Partition, ...]

    @classmethod
    def from_status(cls, status: Mapping[str, Any]) -> ClusterState:
        """From a probe's answer of a serving broker that was asked for partitions."""
        return cls(
            brokers=frozenset(map(int, status["brokers"])),
            controller=status["controller"],
            partitions=tuple(map(Partition.from_wire, status["partitions"])),
        )

    def without(self, silent: frozenset[int]) -> ClusterState:
        """The cluster after the sessions of these brokers have expired: before that, for up to
        18 s, a broker that died is still registered and in sync."""
        left = tuple(
            p.in_sync(broker for broker in p.isr if broker not in silent) if silent & {*p.isr} else p
            for p in self.partitions
        )
        return replace(self, brokers=self.brokers - silent, partitions=left) if silent else self

    def caught_up(self) -> ClusterState:
        """The cluster once every copy on a broker that is up is in sync: the best that waiting for copies can
        achieve."""
        # Without a leader, no copy can catch up.
        full = (
            p.in_sync([*p.isr, *(broker for broker in p.behind if broker in self.brokers)])
            if self.brokers & {*p.isr}
            else p
            for p in self.partitions
        )
        return replace(self, partitions=tuple(full))

    def hosted(self, broker: int) -> list[Partition]:
        """The partitions of which this broker holds a copy."""
        return [partition for partition in self.partitions if broker in partition.replicas]

    def under_replicated(self) -> list[Partition]:
        """The partitions with a copy that is behind or missing."""
        return [partition for partition in self.partitions if partition.under_replicated]


def may_go_down(state: ClusterState, broker: int) -> Refusal | None:
    """None when every acks=all write that works now keeps working without this broker; else why not.

    Waiting does not help partitions without a copy to spare (`unprotected`), so they do not count here. A broker that
    is already down costs nothing more: a start fixes that.
    """
    if broker not in state.brokers:
        return None
    if state.controller is None:
        return Refusal(f"broker {broker} must stay up: the cluster has no controller to move its leaders away")
    blocked = [p for p in state.hosted(broker) if p.protected and _too_few_without(p, broker)]
    if not blocked:
        return None
    return Refusal(
        f"broker {broker} must stay up: {counted(len(blocked), 'partition')} cannot spare an in-sync copy"
        + (f", as {_brokers(gone)} down" if (gone := _gone(blocked, state)) else ""),
        listed(blocked),
        tuple(blocked),
    )


def _too_few_without(partition: Partition, broker: int) -> bool:
    in_sync = len(partition.isr)
    return in_sync < partition.min_isr or (in_sync == partition.min_isr and broker in partition.isr)


def unprotected(state: ClusterState, broker: int) -> list[Partition]:
    """The partitions for which this broker's restart is downtime whenever it happens: no copy to spare."""
    return [partition for partition in state.hosted(broker) if not partition.protected]


def downtime(state: ClusterState, broker: int) -> Refusal | None:
    """What clients lose in any case while this broker is down; None when nothing."""
    lost = unprotected(state, broker)
    if state.brokers <= {broker}:
        return Refusal(f"broker {broker} is the only one: while it restarts, Kafka is down", listed(lost))
    if not lost:
        return None
    alone = [partition for partition in lost if len(partition.replicas) == 1]
    costs = [f"{counted(len(alone), 'partition')} will be offline, having no other copy"] if alone else []
    if short := [partition for partition in lost if partition not in alone]:
        costs.append(f"{counted(len(short), 'partition')} cannot be written, needing every copy")
    return Refusal(f"while broker {broker} restarts, {' and '.join(costs)}", listed([*alone, *short]))


def not_back(before: ClusterState, after: ClusterState, broker: int) -> Refusal | None:
    """What is still missing after this broker's restart before the next one may go; None when it is fully back.

    before: the state just before it went down. Partitions created meanwhile count, deleted ones do not.
    """
    if broker not in after.brokers:
        return Refusal(f"broker {broker} is not registered in the cluster")
    if after.controller is None:
        return Refusal("the cluster has no controller")
    behind = [partition for partition in after.hosted(broker) if broker not in partition.isr]
    if behind:
        return Refusal(f"{counted(len(behind), 'partition')} not yet in sync", listed(behind), tuple(behind))
    was, now = len(before.under_replicated()), after.under_replicated()
    if len(now) > was:
        return Refusal(
            f"{counted(len(now), 'partition')} under-replicated, {was} before the restart", listed(now), tuple(now)
        )
    return None


def leaders_return(settings: Mapping[str, Any]) -> bool:
    """Whether leaders go back to their preferred brokers after a roll: as with Kafka's own timer, which does it within
    minutes, unless it is switched off. settings: the properties that an inventory sets for a broker."""
    return str(settings.get("auto.leader.rebalance.enable")).strip().lower() != "false"


def returned(number: int, refused: Mapping[str, int]) -> str:
    """What an election of preferred leaders has come to; "" for nothing. refused {reason: number}."""
    brokers = "its preferred broker" if number == 1 else "their preferred brokers"
    parts = [f"{counted(number, 'leader')} returned to {brokers}"] if number else []
    return ", ".join([*parts, *(f"{counted(n, 'leader')} could not return ({why})" for why, n in refused.items())])


def departure(state: ClusterState, leaving: frozenset[int]) -> Refusal | None:
    """What the cluster loses when these brokers are removed; None when every partition stays readable and writable.

    state: brokers that stay and do not answer already left out (`without`). One that leaves and is down counts with
    the copies that the cluster last knew to be in sync: these may be the only ones.
    """
    gone = [partition for partition in state.partitions if partition.isr and leaving.issuperset(partition.isr)]
    short = [
        partition
        for partition in state.partitions
        if partition not in gone and leaving & {*partition.isr} and len({*partition.isr} - leaving) < partition.min_isr
    ]
    if not gone and not short:
        return None
    costs = [f"{counted(len(gone), 'partition')} will be offline, having no other copy in sync"] if gone else []
    costs += [f"{counted(len(short), 'partition')} cannot be written, having too few copies in sync"] if short else []
    named = f"broker{'s' if len(leaving) > 1 else ''} {', '.join(map(str, sorted(leaving)))}"
    return Refusal(f"without {named}, {' and '.join(costs)}", listed([*gone, *short]))


def forgotten(others: Collection[int]) -> Refusal:
    """Brokers outside the inventory, which would go on without those that are removed."""
    listed = ", ".join(f"broker {broker}" for broker in sorted(others))
    return Refusal(
        f"the inventory knows less than the cluster: {listed} would stay",
        ("copies on the removed hosts may be the only ones",),
    )


def restart_order(brokers: Iterable[int], state: ClusterState | None) -> dict[int, str]:
    """Those that are down first, since their return makes the others safe to restart; then ascending, the controller
    last: each restart of a controller moves its work, so it should move once. Each with why it stands there. state:
    None when no broker answers."""
    if state is None:
        return dict.fromkeys(sorted(brokers), "no broker says how the cluster is")
    order = sorted(brokers, key=lambda broker: (broker in state.brokers, broker == state.controller, broker))
    why = {state.controller: "the controller, whose work then moves only once"}
    return {broker: DOWN if broker not in state.brokers else why.get(broker, "") for broker in order}


def _gone(partitions: list[Partition], state: ClusterState) -> list[int]:
    return sorted({broker for partition in partitions for broker in partition.replicas} - state.brokers)


def _brokers(ids: list[int]) -> str:
    return f"broker {ids[0]} is" if len(ids) == 1 else f"brokers {', '.join(map(str, ids))} are"


def listed(found: list[Partition]) -> tuple[str, ...]:
    more = len(found) - SHOWN
    # The user's own topics first: Kafka's offsets topic alone has 50 partitions.
    first = sorted(found, key=lambda partition: partition.topic.startswith("__"))[:SHOWN]
    return (*map(str, first), *((f"and {more} more",) if more > 0 else ()))
