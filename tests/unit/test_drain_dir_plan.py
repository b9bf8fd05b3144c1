"""Which partition of a data directory that leaves goes to which other one: by bytes, by number, by room."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.moving.directories import SMALL, Directory, NoRoom, Shift, plan
from tests.support.directories import MIB, OLD, A, B, directory


def goals(shifts: Sequence[Shift]) -> dict[str, str]:
    return {f"{shift.topic}-{shift.partition}": shift.to for shift in shifts}


PLANS: dict[str, tuple[list[Directory], dict[str, str]]] = {
    "nothing": ([directory(OLD), directory(A, 5 * MIB)], {}),
    "all to the only other one": ([directory(OLD, 3 * MIB, 0), directory(A)], {"d-0": A, "d-1": A}),
    "the emptier one takes more bytes, the largest partition first": (
        [directory(OLD, 2 * MIB, 9 * MIB, 3 * MIB), directory(A, 4 * MIB), directory(B)],
        {"d-1": B, "d-2": A, "d-0": A},
    ),
    "with as many bytes, the one with fewer partitions": (
        [directory(OLD, 2 * MIB), directory(A, MIB, MIB), directory(B, 2 * MIB)],
        {"d-0": B},
    ),
    "small ones by their number, however many bytes there are": (
        [directory(OLD, 0, 10, 0, 10), directory(A, 900 * MIB), directory(B, *[0] * 3)],
        {"d-1": A, "d-3": A, "d-0": B, "d-2": A},
    ),
    "a full disk gets only what fits": (
        [directory(OLD, 8 * MIB, 6 * MIB), directory(A, free=7 * MIB), directory(B, 90 * MIB)],
        {"d-0": B, "d-1": A},
    ),
    "an offline one gets none": (
        [directory(OLD, 2 * MIB), directory(A, error="KafkaStorageError"), directory(B, 90 * MIB)],
        {"d-0": B},
    ),
    "what is on its way goes on to where it goes": (
        [directory(OLD, 8 * MIB), directory(A), directory(B, 90 * MIB, coming={("d", 0): MIB})],
        {"d-0": B},
    ),
    "what is on its way to one that leaves, too, goes elsewhere": (
        [directory(OLD, 8 * MIB), directory(A), directory("/srv/gone", coming={("d", 0): MIB})],
        {"d-0": A},
    ),
    "what is on its way in stays where it is": (
        [directory(OLD, coming={("a", 0): MIB}), directory(A, 5 * MIB)],
        {"a-0": A},
    ),
}


@pytest.mark.parametrize("case", PLANS)
def test_where_each_partition_goes(case: str):
    directories, wanted = PLANS[case]
    assert goals(plan(directories, OLD, [A, B, OLD])) == wanted


@given(
    st.lists(st.integers(0, 64 * MIB), max_size=40),
    st.lists(st.lists(st.integers(0, 64 * MIB), max_size=8), min_size=1, max_size=4),
)
def test_directories_come_out_even_within_the_largest_partition_or_are_left_as_they_were(
    sizes: list[int], others: list[list[int]]
):
    able = [directory(f"/srv/{'abcd'[number]}", *theirs) for number, theirs in enumerate(others)]
    source = Directory(OLD, {("moved", number): size for number, size in enumerate(sizes)})
    shifts = plan([source, *able], OLD, [one.path for one in able])
    assert {shift.key for shift in shifts} == set(source.copies)
    load = {one.path: one.size + sum(shift.size for shift in shifts if shift.to == one.path) for one in able}
    grown = [one.path for one in able if any(shift.to == one.path and shift.size >= SMALL for shift in shifts)]
    unit = max([*sizes, 0]) + len(sizes) * SMALL
    assert all(load[path] - min(load.values()) <= unit for path in grown)


def test_bytes_that_are_copied_already_need_no_room_and_are_not_copied_again():
    there = directory(A, free=3 * MIB, coming={("d", 0): 6 * MIB})
    (shift,) = plan([directory(OLD, 8 * MIB), there], OLD, [A])
    assert (shift.to, shift.size) == (A, 2 * MIB)


@pytest.mark.parametrize(("free", "reserve", "fits"), [(10 * MIB, 0, True), (10 * MIB, 1, False), (9 * MIB, 0, False)])
def test_directories_on_one_file_system_share_its_room(free: int, reserve: int, fits: bool):
    able = [directory(path, free=free, device=7) for path in (A, B)]
    found = [directory(OLD, 5 * MIB, 5 * MIB, device=7), *able]
    if fits:
        assert len(plan(found, OLD, [A, B], reserve)) == 2
        return
    with pytest.raises(NoRoom, match=r"no room for d-1") as error:
        plan(found, OLD, [A, B], reserve)
    assert error.value.size == 5 * MIB


def test_on_a_disk_that_is_too_full_already_an_empty_partition_has_room():
    assert len(plan([directory(OLD, 0), directory(A, free=0)], OLD, [A], reserve=MIB)) == 1
    with pytest.raises(NoRoom):
        plan([directory(OLD, 1), directory(A, free=0)], OLD, [A], reserve=MIB)


def test_a_directory_survives_the_wire():
    found = directory(OLD, 1, 2, coming={("orders", 3): 4}, error="KafkaStorageError", free=5, device=6)
    assert Directory.from_wire(json.loads(json.dumps(found.to_wire()))) == found
