"""The plan of a rebalance: which copy of which partition moves to which broker.

Pure. The rules, in this order: every partition keeps its number of copies, no copy stays on a broker that is to
leave, copies are spread over as many racks as possible, all brokers have the same number of copies (within one,
if racks allow), all brokers are the preferred leader of the same number of partitions. No copy moves without need.

`resize` is the other plan: the same rules for partitions that get more copies, or fewer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from cluster.model import Partition
from cluster.moving.layout import Layout, Move, level


def plan(
    partitions: Sequence[Partition],
    brokers: Iterable[int],
    racks: Mapping[int, str | None],
    leaving: Iterable[int] = (),
) -> list[Move]:
    """The moves that even out the load. brokers: those that share it; leaving: those to be emptied; copies on any
    other broker stay where they are. racks: of every registered broker. Raises ValueError when there are fewer brokers
    than copies of a partition (`too_few` finds that beforehand)."""
    layout = Layout(partitions, sorted(set(brokers) - set(leaving)), racks)
    layout.empty(set(leaving))
    layout.spread_over_racks()
    level(layout.load, layout.candidate, layout.move)
    level(layout.led, layout.follower, layout.lead)
    return layout.moves()


def resize(
    partitions: Sequence[Partition],
    factors: Mapping[str, int],
    brokers: Iterable[int],
    racks: Mapping[int, str | None],
) -> list[Move]:
    """The moves that give topics another number of copies. Only these topics change, and as little as possible:
    existing copies stay where they are, and so does the preferred leader. New copies go to racks without one, then to
    brokers with the fewest, at the end of the list; surplus copies are removed in racks with two, then on brokers with
    the most.

    partitions: all of the cluster, since they determine the load of each broker. factors: {topic: number of copies
    wanted}. brokers: those that may get copies (registered, and not to leave); copies on any other broker are removed
    first if some must be removed. racks: of every registered broker. Raises ValueError, with the topic, for a factor
    below 1 or above the number of brokers.

    `cluster.moving.reassign.work` carries moves out: {"topic", "partition", "replicas": move.after} each, with
    `throttle` in bytes per second and broker. `Move.added` and `Move.removed` say which brokers gain and lose a copy.
    """
    layout = Layout(partitions, sorted(set(brokers)), racks, sparing=True)
    for number, partition in enumerate(partitions):
        factor = factors.get(partition.topic, len(partition.replicas))
        if factor < 1:
            raise ValueError(f"{factor} copies of {partition.topic}: at least 1 is needed")
        layout.shrink(number, factor)
        layout.grow(number, factor)
    level(layout.load, layout.candidate, layout.move)
    return layout.moves()


def too_few(partitions: Iterable[Partition], brokers: Iterable[int], leaving: Iterable[int]) -> list[Partition]:
    """The partitions with more copies than the number of remaining brokers."""
    able, gone = set(brokers) - set(leaving), set(leaving)
    return [p for p in partitions if set(p.replicas) & gone and len(p.replicas) > len(able | (set(p.replicas) - gone))]
