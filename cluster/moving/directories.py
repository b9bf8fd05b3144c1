"""The data directories of one broker, and where the partitions of one that is to leave go. Pure; for both sides.

A broker moves partitions between its own directories by itself (KIP-113): it copies each into a *future* copy beside
the present one, and lets that take its place as soon as it has caught up. Nothing restarts, and clients go on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from provisioner.resources.frozen import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    Key = tuple[str, int]  # topic and number of a partition

# A partition below this weighs next to nothing, but has its files and its share of the work: it counts as one.
SMALL = 1 << 20  # bytes


@dataclass(frozen=True)
class Directory:
    """A data directory as its broker describes it.

    copies: {partition: bytes} that the broker uses; coming: {partition: bytes so far} of those that are being moved
    here from another of its directories. error: the protocol's name for what is wrong, "" while it is online. device:
    the number of its file system, which directories may share; free: bytes that may still be written there.
    """

    path: str
    copies: Mapping[Key, int] = field(default_factory=dict)
    coming: Mapping[Key, int] = field(default_factory=dict)
    error: str = ""
    device: int = 0
    free: int = 0

    @property
    def size(self) -> int:
        """Bytes of its partitions."""
        return sum(self.copies.values())

    def to_wire(self) -> dict[str, Any]:
        """Every field by its name, partitions as [topic, number, bytes]."""
        return {
            "path": self.path,
            "copies": [[*key, size] for key, size in sorted(self.copies.items())],
            "coming": [[*key, size] for key, size in sorted(self.coming.items())],
            "error": self.error,
            "device": self.device,
            "free": self.free,
        }

    @classmethod
    def from_wire(cls, data: Mapping[str, Any]) -> Directory:
        """The way back."""
        listed = {name: {(topic, n): size for topic, n, size in data[name]} for name in ("copies", "coming")}
        return cls(**{**data, **listed})


@dataclass(frozen=True)
class Shift:
    """A partition that goes to another directory of its broker. size: bytes that are still to be copied. For one that
    was on its way into the directory that leaves, `to` is where it is: it stays there."""

    topic: str
    partition: int
    to: str
    size: int = 0

    @property
    def key(self) -> Key:
        """(topic, number)."""
        return self.topic, self.partition


class NoRoom(Exception):
    """A partition fits into no directory that stays. size: its bytes; room: {directory: bytes that may be used}."""

    def __init__(self, key: Key, size: int, room: Mapping[str, int]) -> None:
        super().__init__(f"no room for {key[0]}-{key[1]}")
        self.size, self.room = size, dict(room)


def targets(directories: Iterable[Directory], leaving: str, staying: Collection[str]) -> list[Directory]:
    """Those that may get partitions: online, and among those that are to stay. By path."""
    return sorted(
        (one for one in directories if one.path in staying and one.path != leaving and not one.error),
        key=lambda one: one.path,
    )


def plan(directories: Sequence[Directory], leaving: str, staying: Collection[str], reserve: int = 0) -> list[Shift]:
    """Where each partition of the directory that leaves goes: the largest first, each to the directory with the fewest
    bytes, then the fewest partitions; small ones by their number. What is on its way already goes on.

    staying: paths of those that may get any; reserve: bytes that stay free on every file system. The old copies are
    deleted only later, so on a file system that is shared there must be room for both. Raises NoRoom.
    """
    source = next(one for one in directories if one.path == leaving)
    able = targets(directories, leaving, staying)
    sizes = {key: size for one in directories for key, size in one.copies.items()}
    place = {key: one.path for one in directories for key in one.copies}
    room = {one.device: one.free - reserve for one in able}
    load = {one.path: one.size for one in able}
    count = {one.path: len(one.copies) for one in able}

    def take(one: Directory, whole: int, there: int = 0) -> int:
        left = max(0, whole - there)
        room[one.device] -= left
        load[one.path] += whole
        count[one.path] += 1
        return left

    shifts = [Shift(*key, to=place[key]) for key in sorted(source.coming) if key in place]
    begun = set()
    for one in able:
        for key, there in sorted(one.coming.items()):
            left = take(one, sizes.get(key, there), there)
            if key in source.copies:
                shifts.append(Shift(*key, to=one.path, size=left))
                begun.add(key)
    rest = [(key, size) for key, size in source.copies.items() if key not in begun]
    for key, size in sorted(rest, key=lambda one: (-one[1], one[0])):
        fitting = [one for one in able if size <= max(0, room[one.device])]
        if not fitting:
            raise NoRoom(key, size, {one.path: max(0, room[one.device]) for one in able})

        def cost(one: Directory, small: bool = size < SMALL) -> tuple[int, int]:
            return (count[one.path], load[one.path]) if small else (load[one.path], count[one.path])

        best = min(fitting, key=cost)
        shifts.append(Shift(*key, to=best.path, size=take(best, size)))
    return shifts
