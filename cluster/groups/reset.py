"""What resetting a consumer group would do, partition by partition. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Step:
    """A partition's move. before: the committed offset or None; first, end: the partition's first and end offset, None
    if they are not known."""

    topic: str
    partition: int
    before: int | None
    after: int
    first: int | None
    end: int | None

    @property
    def beyond(self) -> int:
        """By how many records the committed offset is larger than the end: the topic was made again, or records were
        lost. What the group has read of the records that exist is unknown then."""
        return max(0, self.before - self.end) if self.before is not None and self.end is not None else 0

    @property
    def expired(self) -> int:
        """Records that were deleted before the group had read them, whatever the move."""
        return max(0, (self.first or 0) - self.before) if self.before is not None else 0

    @property
    def again(self) -> int:
        """Records that will be read a second time, as far as they still exist."""
        known = None if self.beyond else self.before
        return max(0, known - max(self.after, self.first or 0)) if known is not None else 0

    @property
    def skipped(self) -> int:
        """Records that no member of the group will read. Without a committed offset, or with one beyond the end, it is
        unknown where the group would have begun (auto.offset.reset of its consumers), so they count from the first
        record."""
        begin = self.first or 0
        known = None if self.beyond else self.before
        return max(0, self.after - max(begin, known if known is not None else begin))


def steps(rows: Iterable[Mapping[str, Any]], places: Iterable[Sequence[Any]]) -> list[Step]:
    """The move of each place. rows: a group's partitions as `cluster.groups.groups.look` returns them; places: [topic,
    partition, offset, first, end]."""
    committed = {(row["topic"], row["partition"]): row["committed"] for row in rows}
    return [Step(topic, at, committed.get((topic, at)), to, first, end) for topic, at, to, first, end in places]


def shifted(rows: Iterable[Mapping[str, Any]], by: int) -> list[Step]:
    """Every committed offset moved by this many records, limited to the partition's first and end offset. rows: of
    partitions that exist and have a leader, or they are left out."""
    return [
        Step(
            row["topic"],
            row["partition"],
            row["committed"],
            min(max(row["committed"] + by, row["first"]), row["end"]),
            row["first"],
            row["end"],
        )
        for row in rows
        if row["committed"] is not None and row["end"] is not None
    ]


def total_lag(rows: Iterable[Mapping[str, Any]]) -> int | None:
    """Records that a group has not read yet; None if it is not known for any partition."""
    known = [row["lag"] for row in rows if row["lag"] is not None]
    return sum(known) if known else None
