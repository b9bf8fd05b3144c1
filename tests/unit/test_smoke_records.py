"""The comparison that the smoke check stands or falls with: nothing that differs may pass."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cluster import temporary
from cluster.smoke import payloads as records

WRITTEN = records.payloads("run1", "INTERNAL@1", 5)
ONE, TWO, THREE, FOUR, FIVE = WRITTEN


def test_what_was_written_compares_equal():
    assert records.compare(WRITTEN, list(WRITTEN)) is None
    assert records.compare([], []) is None


@pytest.mark.parametrize(
    ("actual", "expected_words"),
    [
        pytest.param([ONE, TWO, FOUR, FIVE], "1 lost (run1|INTERNAL@1|2)", id="lost in the middle"),
        pytest.param([ONE, TWO, THREE], "2 lost", id="cut at the end"),
        pytest.param([], "5 written, 0 read: 5 lost", id="nothing came back"),
        pytest.param([ONE, TWO, TWO, THREE, FOUR, FIVE], "1 duplicated (run1|INTERNAL@1|1)", id="duplicated"),
        pytest.param([ONE, THREE, TWO, FOUR, FIVE], "out of order from position 1", id="reordered"),
        pytest.param([*WRITTEN, b"hello"], "1 that no producer wrote, or altered ('hello')", id="foreign"),
        pytest.param(
            [ONE, TWO, THREE, FOUR, FIVE[:-1]], "1 lost (run1|INTERNAL@1|4); 1 that no producer", id="truncated"
        ),
        pytest.param(
            [ONE, TWO, THREE, FOUR, b"\xff" + FIVE[1:]], "that no producer wrote, or altered", id="one byte altered"
        ),
    ],
)
def test_every_kind_of_difference_is_named(actual, expected_words):
    assert expected_words in records.compare(WRITTEN, actual)


def test_a_write_without_acknowledgement_may_be_there_or_not():
    assert records.compare([ONE, THREE], [ONE, TWO, THREE], maybe={TWO}) is None
    assert records.compare([ONE, THREE], [ONE, THREE], maybe={TWO}) is None
    assert "lost" in records.compare([ONE, THREE], [ONE, TWO], maybe={TWO})


@given(st.permutations(WRITTEN))
def test_only_the_written_order_passes(shuffled):
    assert (records.compare(WRITTEN, shuffled) is None) == (shuffled == WRITTEN)


@given(st.lists(st.sampled_from(WRITTEN), max_size=8))
def test_only_the_same_records_pass(actual):
    assert (records.compare(WRITTEN, actual) is None) == (actual == WRITTEN)


@given(st.integers(0, 4), st.data())
def test_a_changed_byte_never_passes(index, data):
    value = bytearray(WRITTEN[index])
    place = data.draw(st.integers(0, len(value) - 1))
    byte = data.draw(st.integers(0, 255))
    assume(value[place] != byte)
    value[place] = byte
    actual = list(WRITTEN)
    actual[index] = bytes(value)
    assert records.compare(WRITTEN, actual)


@given(st.integers(0, 300), st.text("ABC@12", min_size=1, max_size=12))
def test_payloads_are_unique_and_of_the_promised_size(count, leg):
    values = records.payloads("r", leg, count)
    assert len(set(values)) == len(values) == count
    assert all(len(value) >= records.RECORD_BYTES for value in values)
    assert not set(values) & set(records.payloads("other", leg, count))


def test_a_topic_of_a_killed_run_is_a_leftover_only_when_it_is_old():
    now = 1_700_000_000
    fresh, old = temporary.topic_name("a", now), temporary.topic_name("b", now - temporary.LEFTOVER_AFTER - 1)
    users = ["orders", "provisioner-smoke-mine", "x" + old, "__consumer_offsets"]
    assert temporary.leftovers([fresh, old, f"{old}-internal-1-0", *users], now) == [old, f"{old}-internal-1-0"]
