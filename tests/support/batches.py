"""Numbered batches of a transactional producer, and what is wrong with what a reader of committed records has seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

PARTITIONS = 3
SIZE = 2 * PARTITIONS  # records of a batch, in all partitions


def records(batch: int) -> list[tuple[int, bytes]]:
    """(partition, value) of each record of a batch."""
    return [(number % PARTITIONS, b"%d:%d" % (batch, number)) for number in range(SIZE)]


def problems(
    seen: Mapping[int, Sequence[bytes]], committed: Collection[int], never: Collection[int], open_: Collection[int]
) -> Iterator[str]:
    """What is wrong; nothing where all is well. seen {partition: values, as they come}; committed: batches whose commit
    was confirmed; never: those that nobody has asked to commit; open_: those whose commit was asked for, and not
    confirmed: each is there whole or not at all."""
    count = Counter((partition, value) for partition, values in seen.items() for value in values)
    there = {batch: [count[one] for one in records(batch)] for batch in {*committed, *never, *open_}}
    for what, batches, wrong in (
        ("committed batches are lost", committed, lambda found: not all(found)),
        ("records that were never committed are seen, of batches", never, any),
        (
            "batches without an answer to their commit are there in part",
            open_,
            lambda found: 0 < len(found) - found.count(0) < SIZE,
        ),
        ("batches are there twice", there, lambda found: max(found) > 1),
    ):
        if bad := sorted(batch for batch in batches if wrong(there[batch])):
            yield f"{len(bad)} {what}: {bad[:10]}"
    known = {one for batch in there for one in records(batch)}
    if strange := sorted(one for one in count if one not in known):
        yield f"{len(strange)} records of no batch: {strange[:5]}"
    for partition, values in seen.items():
        order = [int(value.partition(b":")[0]) for value in values]
        if order != sorted(order):
            yield f"partition {partition} is out of order"
