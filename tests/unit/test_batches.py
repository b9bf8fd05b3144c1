"""What is wrong with what a reader of committed records has seen (`tests/support/batches.py`)."""

from __future__ import annotations

import pytest

from tests.support.batches import PARTITIONS, problems, records

COMMITTED, NEVER, OPEN = (0, 2), (1,), (3, 4)


def seen(*batches: int) -> dict[int, list[bytes]]:
    found: dict[int, list[bytes]] = {number: [] for number in range(PARTITIONS)}
    for batch in batches:
        for partition, value in records(batch):
            found[partition].append(value)
    return found


def said(found: dict[int, list[bytes]]) -> str:
    return "; ".join(problems(found, COMMITTED, NEVER, OPEN))


def test_all_that_was_committed_and_what_has_no_answer_whole_or_not_at_all():
    assert not said(seen(0, 2)) and not said(seen(0, 2, 3)) and not said(seen(0, 2, 3, 4))


@pytest.mark.parametrize(
    ("batches", "expected"),
    [
        ((0,), "1 committed batches are lost: [2]"),
        ((0, 1, 2), "1 records that were never committed are seen, of batches: [1]"),
        ((0, 2, 2), "1 batches are there twice: [2]"),
        ((2, 0), "partition 0 is out of order; partition 1 is out of order; partition 2 is out of order"),
        ((0, 2, 9), "6 records of no batch"),
    ],
)
def test_what_is_wrong(batches: tuple[int, ...], expected: str):
    assert said(seen(*batches)).startswith(expected)


@pytest.mark.parametrize("partition", range(PARTITIONS))
@pytest.mark.parametrize(("batch", "expected"), [(2, "lost: [2]"), (4, "there in part: [4]")])
def test_one_record_that_is_missing(partition: int, batch: int, expected: str):
    found = seen(0, 2, 4)
    found[partition].remove(next(value for where, value in records(batch) if where == partition))
    assert expected in said(found)


def test_one_record_of_what_was_aborted():
    found = seen(0, 2)
    partition, value = records(1)[0]
    found[partition].insert(1, value)
    assert "never committed" in said(found)
