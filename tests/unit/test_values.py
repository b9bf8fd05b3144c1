"""Values of settings: as a person types them, as a broker wants them, as a person reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.settings.sources import same
from cluster.settings.values import shown, typed


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("retention.ms", "2d", "172800000"),
        ("retention.ms", "172800000ms", "172800000"),
        ("retention.ms", 172800000, "172800000"),
        ("retention.ms", "1.5 h", "5400000"),
        ("retention.ms", "forever", "-1"),
        ("retention.ms", -1, "-1"),
        ("retention.bytes", "1GiB", "1073741824"),
        ("retention.bytes", "unlimited", "-1"),
        ("max.message.bytes", "1m", "1048576"),
        ("min.insync.replicas", 2, "2"),
        ("min.cleanable.dirty.ratio", 0.5, "0.5"),
        ("unclean.leader.election.enable", True, "true"),
        ("cleanup.policy", ["compact", "delete"], "compact,delete"),
        ("compression.type", " zstd ", "zstd"),
        ("ssl.key.password", "\xa0x\u2028", "\xa0x\u2028"),  # what Java does not cut off is kept
    ],
)
def test_what_is_typed_becomes_what_a_broker_wants(name, value, expected):
    assert typed(name, value) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [("retention.ms", "2x"), ("retention.ms", "soon"), ("segment.bytes", "1q"), ("x", None), ("x", {"a": 1})],
)
def test_what_is_no_value_is_refused(name, value):
    with pytest.raises(ValueError):
        typed(name, value)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("retention.ms", "172800000", "2 d"),
        ("retention.ms", "90000", "90 s"),
        ("retention.ms", "-1", "forever"),
        ("retention.bytes", "-1", "no limit"),
        ("retention.bytes", "1073741824", "1 GiB"),
        ("max.compaction.lag.ms", "9223372036854775807", "no limit"),
        ("local.retention.ms", "-2", "-2"),
        ("min.insync.replicas", "2", "2"),
        ("cleanup.policy", "delete", "delete"),
        ("leader.replication.throttled.replicas", "", '""'),
        ("retention.ms", None, "none"),
    ],
)
def test_values_are_shown_in_words(name, value, expected):
    assert shown(name, value) == expected


@given(st.integers(min_value=0, max_value=2**62))
def test_a_shown_duration_can_be_typed_again(milliseconds):
    assert typed("retention.ms", shown("retention.ms", str(milliseconds))) == str(milliseconds)


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("0.50", "0.5", True),
        ("True", "true", True),
        ("compact, delete", "compact,delete", True),
        ("1", "2", False),
        ("compact", "compact,delete", False),
        (None, None, True),
        (None, "", False),
    ],
)
def test_what_a_broker_takes_for_the_same_is_the_same(one, other, alike):
    assert same(one, other) is alike
