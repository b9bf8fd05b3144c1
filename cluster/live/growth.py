"""What was written to the partitions that a broker leads, between two looks at it. Pure.

Records are counted by the ends of partitions, bytes by the growth of the leader's copies on disk: as they are stored,
with what batches add and compression saves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple, Optional

if TYPE_CHECKING:
    Key = tuple[str, int]  # topic and number of a partition
    Grown = dict[str, tuple[int, Optional[int]]]  # {topic: (records, bytes)}


class Reading(NamedTuple):
    """One look. at: seconds, by a clock of this host's that never goes back; ends, sizes: of the partitions that the
    broker leads at this moment, sizes as far as they are known."""

    at: float
    ends: Mapping[Key, int]
    sizes: Mapping[Key, int]


def to_measure(before: Optional[Reading], ends: Mapping[Key, int]) -> dict[str, list[int]]:
    """{topic: partitions} whose size is not known: those that have grown or are new here. The others have the size
    that they had, so that an idle partition costs no broker anything."""
    found: dict[str, list[int]] = {}
    for (topic, number), end in ends.items():
        if before is None or before.ends.get((topic, number)) != end:
            found.setdefault(topic, []).append(number)
    return found


def complete(before: Optional[Reading], at: float, ends: Mapping[Key, int], measured: Mapping[Key, int]) -> Reading:
    """The look with these sizes, and for all other partitions those of the look before."""
    known = {**(before.sizes if before else {}), **measured}
    return Reading(at, ends, {key: known[key] for key in ends if key in known})


def grown(before: Reading, after: Reading) -> Grown:
    """What each topic that grew has got; bytes are None where they cannot be known.

    Only partitions that the broker led at both looks count: what one that moved here has got, the broker it came from
    may have counted already. A partition that has become shorter (an unclean election, a topic that was made anew)
    counts as idle. One whose log lost a segment meanwhile, by retention or compaction, is taken to have got as many
    bytes per record as the rest of its topic.
    """
    records: dict[str, int] = {}
    measured: dict[str, list[int]] = {}  # topic: [records, bytes] of the partitions whose growth is known
    for key, end in after.ends.items():
        count = end - before.ends.get(key, end)
        if count <= 0:
            continue
        topic = key[0]
        records[topic] = records.get(topic, 0) + count
        size = after.sizes.get(key, -1) - before.sizes.get(key, 0) if key in before.sizes else -1
        if size >= 0:
            sums = measured.setdefault(topic, [0, 0])
            sums[0] += count
            sums[1] += size
    return {topic: (count, _bytes(count, *measured.get(topic, (0, 0)))) for topic, count in records.items()}


def _bytes(records: int, of: int, size: int) -> Optional[int]:
    """Bytes of these records, when `of` of them have `size`."""
    return round(size * records / of) if of else None
