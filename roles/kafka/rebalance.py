"""Which copy of which partition goes to which broker, so that every broker bears its share: the plan and nothing else.

Pure. What counts, in this order: every partition keeps its number of copies, nothing stays on a broker that is to
leave, copies stand in as many racks as there can be, every broker has as many copies as the next one (within one,
where racks allow), every broker is the preferred leader of as many partitions. No copy moves that need not.
"""

from __future__ import annotations

import itertools
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Partition:
    """replicas: the preferred leader first; of a partition that is being moved, where it goes. size: bytes of a copy"""

    topic: str
    partition: int
    replicas: tuple[int, ...]
    size: int = 0


@dataclass(frozen=True)
class Move:
    """A partition's copies before and after. The same brokers in another order: only the preferred leader changes."""

    topic: str
    partition: int
    before: tuple[int, ...]
    after: tuple[int, ...]
    size: int = 0

    @property
    def copies(self) -> tuple[tuple[int, int], ...]:
        """(from, to) of each copy that changes its broker."""
        return tuple(
            zip(
                (broker for broker in self.before if broker not in self.after),
                (broker for broker in self.after if broker not in self.before),
                strict=True,
            )
        )


def plan(
    partitions: Sequence[Partition],
    brokers: Iterable[int],
    racks: Mapping[int, str | None],
    leaving: Iterable[int] = (),
) -> list[Move]:
    """The moves that level the load. brokers: those that bear it; leaving: those that nothing stays on; copies on any
    other broker stay where they are. racks: of every registered broker. Raises ValueError when there are fewer brokers
    than copies of a partition (`too_few` says it beforehand)."""
    layout = _Layout(partitions, sorted(set(brokers) - set(leaving)), racks)
    layout.empty(set(leaving))
    layout.spread_over_racks()
    _level(layout.load, layout.candidate, layout.move)
    _level(layout.led, layout.follower, layout.lead)
    return layout.moves()


def too_few(partitions: Iterable[Partition], brokers: Iterable[int], leaving: Iterable[int]) -> list[Partition]:
    """The partitions that have more copies than there would be brokers for them."""
    able, gone = set(brokers) - set(leaving), set(leaving)
    return [p for p in partitions if set(p.replicas) & gone and len(p.replicas) > len(able | (set(p.replicas) - gone))]


class _Layout:
    """Where every copy is while the plan is being made."""

    def __init__(
        self, partitions: Sequence[Partition], brokers: Sequence[int], racks: Mapping[int, str | None]
    ) -> None:
        self.partitions = partitions
        self.brokers = brokers
        # As in Kafka itself: a rack counts when every broker says where it stands.
        self.racks = dict(racks) if all(racks.get(broker) for broker in brokers) else {}
        self.placed = [list(partition.replicas) for partition in partitions]
        self.load = dict.fromkeys(brokers, 0)
        self.led = dict.fromkeys(brokers, 0)
        self.on: dict[int, set[int]] = {broker: set() for broker in brokers}  # broker -> places in `partitions`
        self.of_topic: Counter[tuple[str, int]] = Counter()
        for number, replicas in enumerate(self.placed):
            for broker in replicas:
                self._put(number, broker)
            if replicas and replicas[0] in self.led:
                self.led[replicas[0]] += 1

    # -- copies

    def empty(self, leaving: set[int]) -> None:
        """Take every copy off these brokers, to where there is most room."""
        for number, replicas in enumerate(self.placed):
            for broker in [one for one in replicas if one in leaving]:
                free = [one for one in self.brokers if one not in replicas]
                if not free:
                    raise ValueError(f"no broker is left for a copy of {self.partitions[number].topic}")
                self.move_copy(number, broker, min(free, key=lambda to: self._cost(number, broker, to)))

    def spread_over_racks(self) -> None:
        """Where copies share a rack though there is one without: move one there."""
        if not self.racks:
            return
        for number, replicas in enumerate(self.placed):
            while True:
                here = Counter(self.racks.get(broker) for broker in replicas)
                shared = [b for b in replicas if b in self.load and here[self.racks.get(b)] > 1]
                free = [broker for broker in self.brokers if self.racks[broker] not in here]
                if not shared or not free:
                    break
                source = max(shared, key=lambda broker: (self.load[broker], broker))
                self.move_copy(number, source, min(free, key=lambda to: self._cost(number, source, to)))

    def candidate(self, source: int, to: int) -> int | None:
        """The partition whose copy is best moved between these brokers, if any can be."""
        fitting = [
            number for number in self.on[source] if to not in self.placed[number] and self._fits(number, source, to)
        ]

        def worth(number: int) -> tuple[int, int, int, int]:
            partition = self.partitions[number]
            # A copy that has to be made anyway costs nothing more; one that may stay where it is saves one.
            costs = (to not in partition.replicas) - (source not in partition.replicas)
            skew = self.of_topic[partition.topic, source] - self.of_topic[partition.topic, to]
            return costs, -skew, partition.size, number

        return min(fitting, key=worth, default=None)

    def move(self, source: int, to: int) -> bool:
        """Move the best copy; False when none can be."""
        number = self.candidate(source, to)
        if number is None:
            return False
        self.move_copy(number, source, to)
        return True

    def move_copy(self, number: int, source: int, to: int) -> None:
        """Into the same place of the list, so that who leads goes with it."""
        replicas = self.placed[number]
        if replicas[0] == source:
            self._lead(source, to)
        replicas[replicas.index(source)] = to
        if source in self.load:
            self.load[source] -= 1
            self.on[source].remove(number)
        self.of_topic[self.partitions[number].topic, source] -= 1
        self._put(number, to)

    def _put(self, number: int, broker: int) -> None:
        self.of_topic[self.partitions[number].topic, broker] += 1
        if broker in self.load:
            self.load[broker] += 1
            self.on[broker].add(number)

    def _spread(self, replicas: Iterable[int]) -> int:
        return len({self.racks.get(broker) for broker in replicas}) if self.racks else 0

    def _fits(self, number: int, source: int, to: int) -> bool:
        replicas = self.placed[number]
        after = [to if broker == source else broker for broker in replicas]
        return self._spread(after) >= self._spread(replicas)

    def _cost(self, number: int, source: int, to: int) -> tuple[int, int, int, int]:
        after = [to if broker == source else broker for broker in self.placed[number]]
        topic = self.partitions[number].topic
        return -self._spread(after), self.load[to], self.of_topic[topic, to], to

    # -- leaders

    def follower(self, source: int, to: int) -> int | None:
        """The partition whose preferred leader is best changed between these brokers; one that moves anyway, if any."""
        found = [n for n in self.on[source] if self.placed[n][0] == source and to in self.placed[n]]
        return min(found, key=lambda n: (tuple(self.placed[n]) == self.partitions[n].replicas, n), default=None)

    def lead(self, source: int, to: int) -> bool:
        """Make `to` the preferred leader of a partition that `source` leads; False when there is none."""
        number = self.follower(source, to)
        if number is None:
            return False
        replicas = self.placed[number]
        other = replicas.index(to)
        replicas[0], replicas[other] = to, source
        self._lead(source, to)
        return True

    def _lead(self, source: int, to: int) -> None:
        if source in self.led:
            self.led[source] -= 1
        if to in self.led:
            self.led[to] += 1

    # -- the outcome

    def moves(self) -> list[Move]:
        """What differs from the beginning."""
        return [
            Move(one.topic, one.partition, one.replicas, tuple(after), one.size)
            for one, after in zip(self.partitions, self.placed, strict=True)
            if tuple(after) != one.replicas
        ]


def _level(
    load: Mapping[int, int], possible: Callable[[int, int], int | None], move: Callable[[int, int], bool]
) -> None:
    """Move from the fullest to the emptiest until they differ by one at most, over others where it is not possible
    directly (racks). Each round takes one from a broker and gives one to another that had at least two fewer."""
    given_up: set[int] = set()
    while True:
        for source in sorted(set(load) - given_up, key=lambda broker: (-load[broker], broker)):
            path = _path(load, source, possible)
            if not path:
                continue
            # From the far end: every broker on the way gives one before it takes one. What was moved there may make a
            # nearer move impossible; that is rare, and not worth trying again.
            if not all(move(here, there) for here, there in reversed(list(itertools.pairwise(path)))):
                given_up.add(source)
            break
        else:
            return


def _path(load: Mapping[int, int], source: int, possible: Callable[[int, int], int | None]) -> list[int]:
    """The shortest way from a broker to one that has at least two fewer; empty when there is none."""
    came: dict[int, int | None] = {source: None}
    queue = deque([source])
    by_load = sorted(load, key=lambda broker: (load[broker], broker))
    if load[by_load[0]] > load[source] - 2:
        return []
    while queue:
        here = queue.popleft()
        for there in by_load:
            if there in came or possible(here, there) is None:
                continue
            came[there] = here
            if load[there] <= load[source] - 2:
                path = [there]
                while (before := came[path[-1]]) is not None:
                    path.append(before)
                return path[::-1]
            queue.append(there)
    return []
