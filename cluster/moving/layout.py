"""Where the copies of partitions are, how many each broker has, and how to even that out. Pure.

The building blocks of the plans in `rebalance.py`.
"""

from __future__ import annotations

import itertools
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from cluster.model import Partition


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
        return tuple(zip(self._gone(), self._new(), strict=False))

    @property
    def added(self) -> tuple[int, ...]:
        """The brokers that get a copy which no other one gives up: the partition has so many more than before."""
        return self._new()[len(self._gone()) :]

    @property
    def removed(self) -> tuple[int, ...]:
        """The brokers that give up a copy which no other one gets: the partition has so many fewer than before."""
        return self._gone()[len(self._new()) :]

    def _gone(self) -> tuple[int, ...]:
        return tuple(broker for broker in self.before if broker not in self.after)

    def _new(self) -> tuple[int, ...]:
        return tuple(broker for broker in self.after if broker not in self.before)


class Layout:
    """Where every copy is while a plan is being made.

    brokers: those that may get copies. racks: of every registered broker. sparing: `candidate` makes no copy more than
    has to be made anyway, and no preferred leader give up its copy.
    """

    def __init__(
        self,
        partitions: Sequence[Partition],
        brokers: Sequence[int],
        racks: Mapping[int, str | None],
        sparing: bool = False,
    ) -> None:
        self.partitions = partitions
        self.sparing = sparing
        self.brokers = brokers
        # As in Kafka itself: racks count only if every broker has one.
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
        """Move every copy off these brokers, to those with the fewest copies."""
        for number, replicas in enumerate(self.placed):
            for broker in [one for one in replicas if one in leaving]:
                free = [one for one in self.brokers if one not in replicas]
                if not free:
                    raise ValueError(f"no broker is left for a copy of {self.partitions[number].topic}")
                self.move_copy(number, broker, min(free, key=lambda to: self._cost(number, to, instead_of=broker)))

    def spread_over_racks(self) -> None:
        """Where copies share a rack while another rack has none: move one there."""
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
                self.move_copy(number, source, min(free, key=lambda to: self._cost(number, to, instead_of=source)))

    def grow(self, number: int, factor: int) -> None:
        """Add copies up to this many, at the end of the list: first in racks without one, then on brokers with few
        copies. Raises ValueError when every broker has one."""
        replicas = self.placed[number]
        while len(replicas) < factor:
            free = [broker for broker in self.brokers if broker not in replicas]
            if not free:
                topic = self.partitions[number].topic
                raise ValueError(f"{factor} copies of {topic} need as many brokers; the cluster has {len(replicas)}")
            to = min(free, key=lambda broker: self._cost(number, broker))
            replicas.append(to)
            self._put(number, to)

    def shrink(self, number: int, factor: int) -> None:
        """Remove copies down to this many, but the preferred leader's: on brokers that may not get any, where a rack
        has two, where there is least room."""
        replicas = self.placed[number]
        stays = [*(broker for broker in replicas if broker in self.load), *replicas][:1]

        def cost(broker: int) -> tuple[bool, int, int, int, int]:
            spread = self._spread(other for other in replicas if other != broker)
            of_topic = self.of_topic[self.partitions[number].topic, broker]
            return broker in self.load, -spread, -self.load.get(broker, 0), -of_topic, -replicas.index(broker)

        while len(replicas) > factor:
            self._take(number, min((broker for broker in replicas if broker not in stays), key=cost))

    def candidate(self, source: int, to: int) -> int | None:
        """The partition whose copy is best moved between these brokers, if any can be."""
        fitting = [
            number for number in self.on[source] if to not in self.placed[number] and self._fits(number, source, to)
        ]

        def worth(number: int) -> tuple[int, int, int, int]:
            partition = self.partitions[number]
            skew = self.of_topic[partition.topic, source] - self.of_topic[partition.topic, to]
            return self._more_copies(number, source, to), -skew, partition.size, number

        return min(fitting, key=worth, default=None)

    def _more_copies(self, number: int, source: int, to: int) -> int:
        """A copy that has to be made anyway costs nothing more; one that may stay where it is saves one."""
        replicas = self.partitions[number].replicas
        return (to not in replicas) - (source not in replicas)

    def move(self, source: int, to: int) -> bool:
        """Move the best copy; False when none can be."""
        number = self.candidate(source, to)
        if number is None:
            return False
        self.move_copy(number, source, to)
        return True

    def move_copy(self, number: int, source: int, to: int) -> None:
        """Into the same place of the list, so that the preferred leader moves with its copy."""
        replicas = self.placed[number]
        if replicas[0] == source:
            self._lead(source, to)
        place = replicas.index(source)
        self._take(number, source)
        replicas.insert(place, to)
        self._put(number, to)

    def _take(self, number: int, broker: int) -> None:
        self.placed[number].remove(broker)
        self.of_topic[self.partitions[number].topic, broker] -= 1
        if broker in self.load:
            self.load[broker] -= 1
            self.on[broker].remove(number)

    def _put(self, number: int, broker: int) -> None:
        self.of_topic[self.partitions[number].topic, broker] += 1
        if broker in self.load:
            self.load[broker] += 1
            self.on[broker].add(number)

    def _spread(self, replicas: Iterable[int]) -> int:
        return len({self.racks.get(broker) for broker in replicas}) if self.racks else 0

    def _fits(self, number: int, source: int, to: int) -> bool:
        replicas = self.placed[number]
        if self.sparing and (source == replicas[0] or self._more_copies(number, source, to) > 0):
            return False
        after = [to if broker == source else broker for broker in replicas]
        return self._spread(after) >= self._spread(replicas)

    def _cost(self, number: int, to: int, instead_of: int | None = None) -> tuple[int, int, int, int]:
        after = [*(broker for broker in self.placed[number] if broker != instead_of), to]
        topic = self.partitions[number].topic
        return -self._spread(after), self.load[to], self.of_topic[topic, to], to

    # -- leaders

    def follower(self, source: int, to: int) -> int | None:
        """The partition whose preferred leader is best changed between these brokers; one that moves anyway, if any."""
        found = [n for n in self.on[source] if self.placed[n][0] == source and to in self.placed[n]]
        return min(found, key=lambda n: (tuple(self.placed[n]) == self.partitions[n].replicas, n), default=None)

    def lead(self, source: int, to: int) -> bool:
        """Make `to` the preferred leader of a partition that `source` leads; False when no partition fits."""
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


def level(
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
            # nearer move impossible; that is rare, and not worth a second try.
            if not all(move(here, there) for here, there in reversed(list(itertools.pairwise(path)))):
                given_up.add(source)
            break
        else:
            return


def _path(load: Mapping[int, int], source: int, possible: Callable[[int, int], int | None]) -> list[int]:
    """The shortest way from a broker to one that has at least two fewer; empty if none exists."""
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
