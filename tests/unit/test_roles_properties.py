"""A user's own properties over a rendered file: each property once, in place, marked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.settings.properties import parse
from roles.shared.properties import has_secret, override

BASE = "# head\na.x=1\n\n# why\nlog.retention.ms=5\nb.y=2\n"
SYNONYMS = (frozenset({"log.retention.ms", "log.retention.minutes", "log.retention.hours"}),)


def overridden(own, text=BASE):
    return override(text, own, variable="kafka_config", synonyms=SYNONYMS)


def test_without_own_properties_nothing_changes():
    assert overridden({}) == BASE


@pytest.mark.parametrize(
    ("own", "properties"),
    [
        ({"a.x": 9}, {"a.x": "9", "log.retention.ms": "5", "b.y": "2"}),
        ({"new": True}, {"a.x": "1", "log.retention.ms": "5", "b.y": "2", "new": "true"}),
        ({"a.x": None}, {"log.retention.ms": "5", "b.y": "2"}),
        ({"absent": None}, {"a.x": "1", "log.retention.ms": "5", "b.y": "2"}),
        ({"b.y": ["p", "q"]}, {"a.x": "1", "log.retention.ms": "5", "b.y": "p,q"}),
        # Hours would be ignored by Kafka while the milliseconds are there.
        ({"log.retention.hours": 48}, {"a.x": "1", "b.y": "2", "log.retention.hours": "48"}),
        ({"log.retention.hours": None}, {"a.x": "1", "log.retention.ms": "5", "b.y": "2"}),
        (
            {"log.retention.ms": 7, "log.retention.hours": 1},
            {"a.x": "1", "b.y": "2", "log.retention.ms": "7", "log.retention.hours": "1"},
        ),
    ],
)
def test_properties_are_replaced_added_and_removed(own, properties):
    assert parse(overridden(own)) == properties


def test_an_override_stands_in_place_and_says_where_it_comes_from():
    assert overridden({"a.x": 9}).startswith("# head\n# from kafka_config\na.x=9\n\n# why\n")
    assert "# kafka_config removes a.x\n" in overridden({"a.x": None})


def test_changing_back_gives_the_same_bytes():
    assert overridden({"a.x": 1}) != BASE and overridden({}) == BASE


KEYS = st.text("abc.", min_size=1).filter(lambda key: key.strip(".") == key)


@given(st.dictionaries(KEYS, st.one_of(st.none(), st.booleans(), st.integers(), st.text("xyz"))))
def test_every_property_appears_at_most_once(own):
    text = override("a=1\na.b=2\n", own, variable="v")
    keys = [line.split("=", 1)[0] for line in text.splitlines() if line and not line.startswith("#")]
    assert len(keys) == len(set(keys))
    assert set(keys) == ({"a", "a.b"} | set(own)) - {key for key, value in own.items() if value is None}


def test_control_characters_and_backslashes_survive_javas_reading():
    assert "p=a\\\\b\\nc\n" in override("", {"p": "a\\b\nc"}, variable="v")


@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["Zs", "Zl", "Zp", "Cc"]) | st.sampled_from("\\\n\t =:#"))
)
def test_what_is_written_is_what_is_read(value):
    assert parse(override("", {"p": value}, variable="v")).get("p", "") == value.strip()


@pytest.mark.parametrize(
    ("text", "properties"),
    [
        ("a=1\nb: 2\n c 3\nd\n", {"a": "1", "b": "2", "c": "3", "d": ""}),
        ("# a=1\n! b=2\n\n", {}),
        ("a=1\na=2\n", {"a": "2"}),
        ("a=1,\\\n   2\nb=3", {"a": "1,2", "b": "3"}),
        ("a=x\\\\\nb=1", {"a": "x\\", "b": "1"}),
        ("a\\ b\\:c=\\u0041\\t.", {"a b:c": "A\t."}),
        ("a = b = c  \n", {"a": "b = c"}),
    ],
)
def test_a_properties_file_is_read_as_java_reads_it(text, properties):
    assert parse(text) == properties


@pytest.mark.parametrize(
    ("own", "secret"),
    [
        ({"ssl.keystore.password": "x"}, True),
        ({"listener.name.x.sasl.jaas.config": "x"}, True),
        ({"ssl.keystore.key": "PEM"}, True),
        ({"ssl.keystore.password": None}, False),
        ({"log.cleaner.threads": 2}, False),
    ],
)
def test_a_file_with_a_password_is_not_shown(own, secret):
    assert has_secret(own) is secret
