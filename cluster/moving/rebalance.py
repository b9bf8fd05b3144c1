"""Which copy of which partition goes to which broker, so that every broker bears its share: the plan and nothing else.

Pure. What counts, in this order: every partition keeps its number of copies, nothing stays on a broker that is to
leave, copies stand in as many racks as there can be, every broker has as many copies as the next one (within one,
where racks allow), every broker is the preferred leader of as many partitions. No copy moves that need not.

`resize` is the other plan: the same rules for partitions that get more copies, or fewer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from cluster.moving.layout import Layout, Move, Partition, level


def plan(
    partitions: Sequence[Partition],
    brokers: Iterable[int],
    racks: Mapping[int, str | None],
    leaving: Iterable[int] = (),
) -> list[Move]:
    """The moves that level the load. brokers: those that bear it; leaving: those that nothing stays on; copies on any
    other broker stay where they are. racks: of every registered broker. Raises ValueError when there are fewer brokers
    than copies of a partition (`too_few` says it beforehand)."""
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
    """The moves that give topics another number of copies. Only these change, and as little as can be: what there is
    stays where it is, the preferred leader is the same. New copies go where the rack has none, then where there are
    fewest, and stand at the end of the list; copies too many go where a rack has two, then where there are most.

    partitions: all of the cluster, since they say what each broker bears. factors: {topic: number of copies wanted}.
    brokers: those that may get copies (registered, and not to leave); of any other broker the copies go first where
    some have to go. racks: of every registered broker. Raises ValueError, with the topic, for a factor below 1 or
    above the number of brokers.

    `cluster.moving.reassign.work` carries moves out: {"topic", "partition", "replicas": move.after} each, with
    `throttle` in bytes per second and broker. `Move.added` and `Move.removed` say which brokers gain and lose a copy.
    """
    layout = Layout(partitions, sorted(set(brokers)), racks, sparing=True)
    for number, partition in enumerate(partitions):
        factor = factors.get(partition.topic, len(partition.replicas))
        if factor < 1:
            raise ValueError(f"{factor} copies of {partition.topic}: there must be one at least")
        layout.shrink(number, factor)
        layout.grow(number, factor)
    level(layout.load, layout.candidate, layout.move)
    return layout.moves()


def too_few(partitions: Iterable[Partition], brokers: Iterable[int], leaving: Iterable[int]) -> list[Partition]:
    """The partitions that have more copies than there would be brokers for them."""
    able, gone = set(brokers) - set(leaving), set(leaving)
    return [p for p in partitions if set(p.replicas) & gone and len(p.replicas) > len(able | (set(p.replicas) - gone))]
