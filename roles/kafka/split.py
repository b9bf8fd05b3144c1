"""Brokers of one inventory that are not one cluster: recognised from what each broker says, and the way back. Pure.

A cluster splits when a broker's ZooKeeper is no longer the others': when an inventory that names fewer servers was
deployed, the server starts alone, with the old data. Both sides keep the cluster's id, elect a controller and accept
writes, and no broker reports a fault. What one side cannot have is the other side's registrations.

One look is not enough (`status` and `doctor` look twice): a broker that was killed stays registered for its session of
18 s, and one that has just started is known to some a moment before others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

DOCUMENTED = 'docs/operations.md, "A split cluster", has the commands and the reasons'
UNCLEAR = f"which of the brokers is where it belongs, the inventory does not say: {DOCUMENTED}"


@dataclass(frozen=True)
class View:
    """What one broker that answers says about its cluster. registered: broker ids; controller: None for none."""

    host: str
    broker: int
    registered: frozenset[int]
    controller: int | None
    cluster_id: str | None

    @classmethod
    def of(cls, host: str, broker: int, said: Mapping[str, Any]) -> View:
        """From a probe's answer, with brokers (ids), controller and cluster_id: those of `cluster.state.serving.ready`
        and `cluster.state.node.look` have them."""
        return cls(host, broker, frozenset(map(int, said["brokers"])), said["controller"], said["cluster_id"])

    @property
    def serving(self) -> bool:
        """Whether it is registered in its own eyes: one that has just started is not yet."""
        return self.broker in self.registered

    def with_(self, other: View) -> bool:
        """Whether both are in one cluster, as far as they say. Where only one lists the other, news is on its way if
        both have the same controller."""
        lists, listed = other.broker in self.registered, self.broker in other.registered
        same = self.controller is not None and self.controller == other.controller
        return self.cluster_id == other.cluster_id and ((lists and listed) or (same and (lists or listed)))


@dataclass(frozen=True)
class Side:
    """Brokers that list each other. hosts: theirs, in the same order."""

    brokers: tuple[int, ...]
    hosts: tuple[str, ...]
    controller: int | None
    cluster_id: str | None

    def to_json(self) -> dict[str, Any]:
        """{brokers, hosts, controller, cluster_id}"""
        return {
            "brokers": list(self.brokers),
            "hosts": list(self.hosts),
            "controller": self.controller,
            "cluster_id": self.cluster_id,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Side:
        """The way back."""
        return cls(tuple(data["brokers"]), tuple(data["hosts"]), data["controller"], data["cluster_id"])


def sides(views: Iterable[View]) -> list[Side]:
    """The sides of a split, the largest first; one when the cluster is whole, none when no broker serves."""
    groups: list[list[View]] = []
    for view in sorted((one for one in views if one.serving), key=lambda one: one.broker):
        with_it = [group for group in groups if any(view.with_(one) for one in group)]
        groups = [group for group in groups if group not in with_it]
        groups.append([*(one for group in with_it for one in group), view])
    return [_side(group) for group in sorted(groups, key=lambda group: (-len(group), min(one.broker for one in group)))]


def _side(group: Sequence[View]) -> Side:
    ordered = sorted(group, key=lambda view: view.broker)
    own = {view.broker for view in ordered}
    controllers = [view.controller for view in ordered if view.controller is not None]
    # A session of the other side may still hold the controller's znode: what a side has for itself comes first.
    controller = next((one for one in controllers if one in own), controllers[0] if controllers else None)
    return Side(
        tuple(view.broker for view in ordered), tuple(view.host for view in ordered), controller, ordered[0].cluster_id
    )


def problem(found: Sequence[Side]) -> str | None:
    """The split in a sentence; None when there is none. found: as by `sides`."""
    if len(found) < 2:
        return None
    if len({side.cluster_id for side in found}) == len(found):
        named = ", ".join(f"{_who(side)} to {side.cluster_id}" for side in found)
        return f"the brokers of this inventory belong to different clusters: {named}"
    named = "; ".join(f"{_who(side)} with {_controller(side)}" for side in found)
    return (
        f"the cluster is split: {named}. No side knows the other, and each may accept writes that the other never gets"
    )


def _who(side: Side) -> str:
    number = "broker" if len(side.brokers) == 1 else "brokers"
    return f"{number} {', '.join(map(str, side.brokers))} ({', '.join(side.hosts)})"


def _controller(side: Side) -> str:
    return "no controller" if side.controller is None else f"controller {side.controller}"


def astray(found: Sequence[Side]) -> tuple[str, ...]:
    """The hosts that have to come back to the others: all but those of the largest side of one cluster. None when the
    cluster is whole, when no side is the largest, and of different clusters, which never were one."""
    if len(found) < 2 or len({side.cluster_id for side in found}) > 1:
        return ()
    if len(found[0].brokers) == len(found[1].brokers):
        return ()
    return tuple(host for side in found[1:] for host in side.hosts)


def way_back(host: str, broker: int | None, data: Collection[str], keeper_data: Collection[str]) -> Iterator[str]:
    """What brings a host back into its cluster, step by step, one line each; the first says what for.

    broker: its id, None for a host that has none or whose broker stayed with the others. data: the broker's data
    directories; keeper_data: those of its ZooKeeper server, none when that is not apart. Every step was needed on real
    hosts, and the order matters: docs/operations.md has the reasons.
    """
    steps = []
    if broker is not None:
        steps.append(
            f"what broker {broker} alone has acknowledged will be gone from the topics: keep what matters (`invoke "
            f"consume --limit {host} --topic TOPIC --from-beginning --json`)"
        )
    stop = f"on {host}, `systemctl stop kafka`"
    if keeper_data:
        stop += ", and only then `systemctl stop zookeeper`: a broker whose ZooKeeper is gone does not end by itself"
    steps.append(stop)
    aside = [f"all that is in {path}/version-2" for path in sorted(keeper_data)]
    if broker is not None:
        aside += [
            f"of {path} every partition but those that the other brokers list as in sync on broker {broker}"
            for path in sorted(data)
        ]
    if aside:
        steps.append(f"on {host}, move aside {'; '.join(aside)}: it has diverged, and a copy that has is not repaired")
    again = f"; broker {broker} copies its partitions from the others" if broker is not None else ""
    steps.append(f"`invoke deploy` with the inventory of the whole cluster, then `invoke status`{again}")
    yield f"to bring {host} back ({DOCUMENTED}):"
    yield from (f"{number}. {step}" for number, step in enumerate(steps, 1))
