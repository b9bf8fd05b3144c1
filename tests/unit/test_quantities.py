from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.quantities import format_duration, format_elapsed, format_size, parse_duration, parse_size
from roles.shared.jvm import jvm_size

GIB = 1024**3


@pytest.mark.parametrize(
    ("written", "size"),
    [
        (0, 0),
        (1073741824, GIB),
        ("1073741824", GIB),
        ("512m", 512 * 1024**2),
        ("512M", 512 * 1024**2),
        (" 6 g ", 6 * GIB),
        ("1.5g", 3 * GIB // 2),
        ("64k", 65536),
        ("2t", 2048 * GIB),
        ("6GiB", 6 * GIB),
        ("6gb", 6 * GIB),
        ("100b", 100),
        (-1, -1),
        ("-1", -1),
    ],
)
def test_sizes_are_bytes_in_powers_of_1024(written, size):
    assert parse_size(written) == size


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("", "not a size"),
        ("big", "not a size"),
        ("-5g", "not a size"),
        (-5, "negative"),
        ("5x", "unknown unit"),
        ("5i", "unknown unit"),
        ("0.3k", "whole number of bytes"),
        (True, "not a size"),
        ("1_000", "not a size"),
        ("1e3", "not a size"),
    ],
)
def test_what_is_not_a_size_is_refused_with_the_reason(written, complaint):
    with pytest.raises(ValueError, match=complaint):
        parse_size(written)


@pytest.mark.parametrize(
    ("written", "milliseconds"),
    [
        ("172800000ms", 172_800_000),
        ("2d", 172_800_000),
        ("300s", 300_000),
        ("1.5h", 5_400_000),
        ("10m", 600_000),
        ("1w", 604_800_000),
        ("2 days", 172_800_000),
        ("1 hour", 3_600_000),
        ("30 SECONDS", 30_000),
        ("0", 0),
        (0, 0),
        (-1, -1),
    ],
)
def test_durations_are_milliseconds(written, milliseconds):
    assert parse_duration(written) == milliseconds


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("300", "300 has no unit; write 300ms or 300s"),
        (300, "300 has no unit"),
        ("soon", "not a duration"),
        ("5y", "unknown unit"),
        ("-2d", "not a duration"),
        ("0.0001s", "whole number of milliseconds"),
        (False, "not a duration"),
    ],
)
def test_what_is_not_a_duration_is_refused_with_the_reason(written, complaint):
    with pytest.raises(ValueError, match=complaint):
        parse_duration(written)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (823, "823 B"),
        (1024, "1 KiB"),
        (61_027_123, "58.2 MiB"),
        (6 * GIB, "6 GiB"),
        (5000 * GIB, "4.9 TiB"),
    ],
)
def test_sizes_read_well(size, text):
    assert format_size(size) == text


@pytest.mark.parametrize(
    ("size", "text"), [(512 * 1024**2, "512m"), (6 * GIB, "6g"), (1536 * 1024**2, "1536m"), (1000, "1000"), (0, "0")]
)
def test_jvm_sizes_are_exact(size, text):
    assert jvm_size(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 seconds"),
        (12.34, "12.3 seconds"),
        (59.94, "59.9 seconds"),
        (59.96, "1 minute"),
        (60, "1 minute"),
        (125, "2 minutes 5 seconds"),
        (121, "2 minutes 1 second"),
        (3600, "1 hour"),
        (3780, "1 hour 3 minutes"),
        (7199, "2 hours"),
    ],
)
def test_elapsed_time_reads_as_a_person_would_say_it(seconds, text):
    assert format_elapsed(seconds) == text


@given(st.integers(min_value=-1, max_value=2**50))
def test_formatted_quantities_read_back_exactly(number):
    assert parse_duration(format_duration(number)) == number
    assert parse_size(jvm_size(number)) == number
