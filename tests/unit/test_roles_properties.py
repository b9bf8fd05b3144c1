"""A user's own properties over a rendered file: each property once, in place, marked."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.settings.properties import BLANKS, load, parse
from provisioner.run import plan, shown
from provisioner.secrets import MASK
from roles.shared.properties import has_secret, line_of, override
from tests.support import roles as support

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


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("a\\b\nc\r\td", r"p=a\\b\nc\r\td"),
        ("größe", r"p=gr\u00f6\u00dfe"),
        ("암호", r"p=\uc554\ud638"),
        ("\N{KEY}", r"p=\ud83d\udd11"),
        ("\ud83d", r"p=\ud83d"),  # half of a pair is text to Java
        ("\0\x0b\f\x7f\x85\u2028\ufeff", r"p=\u0000\u000b\u000c\u007f\u0085\u2028\ufeff"),
        (" a ", r"p=\ a\u0020"),
        (" ", r"p=\u0020"),
        ("\\ ", r"p=\\\u0020"),
        ("=:#!", "p==:#!"),
        (["a", "ü"], r"p=a,\u00fc"),
    ],
)
def test_any_text_is_written_as_ascii(value, line):
    assert line_of("p", value) == line


ANY = st.text(st.characters() | st.sampled_from("\\\n\r\t\f\x0b =:#!,\N{KEY}\ud83d\udd11\u2028\x85\xa0u0041"))


@given(st.lists(ANY, max_size=5))
def test_what_is_written_is_what_is_read(values):
    own = {f"p.{number}": value for number, value in enumerate(values)}
    text = override("a=1\n", own, variable="v")
    assert text.isascii() and load(text) == {"a": "1", **{key: joined(value) for key, value in own.items()}}
    assert parse(text) == {key: value.strip(BLANKS) for key, value in load(text).items()}


def joined(text: str) -> str:
    """A text in which two halves of a pair, side by side, are one character, as in Java."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


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
        ("a=\xa0b\xa0\n\xa0c=1", {"a": "\xa0b\xa0", "\xa0c": "1"}),
        ("a=x\\\n# b\\\n\nb=1\n\\\n#c\n", {"a": "x# b", "b": "1"}),
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
def test_a_file_with_a_password_is_known(own, secret):
    assert has_secret(own) is secret


OWN = {
    "kafka_config": {
        "listener.name.plaintext.ssl.client.auth": "none",
        "log.cleaner.threads": 2,
        "my.plugin.url": "hunter2",
        "sasl.jaas.config": "a module with hunter2;",
        "ssl.keystore.certificate.chain": "hunter2",
        "ssl.keystore.password": "hunter2",
    },
    "zookeeper_config": {"ssl.quorum.keyStore.password": "hunter2", "maxClientCnxns": 7, "group.1": "1"},
    "kafka_controller_config": {"ssl.key.password": "hunter2", "num.io.threads": 9},
}
# {path: (how many lines are hidden whole, some that are shown)}. Whole: a plugin's own, a name of which a part is free,
# and what only the catalogue calls a secret.
SHOWN: dict[str, tuple[int, set[str]]] = {
    "/etc/kafka/server.properties": (
        2,
        {
            "+broker.id=1",  # of the template
            "+listener.name.plaintext.ssl.client.auth=none",
            "+log.cleaner.threads=2",  # of the catalogue
            f"+sasl.jaas.config={MASK}",
            f"+ssl.keystore.password={MASK}",
        },
    ),
    "/etc/zookeeper/zoo.cfg": (1, {"+maxClientCnxns=7", f"+ssl.quorum.keyStore.password={MASK}", "+tickTime=2000"}),
    "/etc/kafka-controller/controller.properties": (
        0,
        {"+num.io.threads=9", f"+ssl.key.password={MASK}", "+node.id=101"},
    ),
}


@pytest.mark.parametrize("path", SHOWN)
def test_a_secret_hides_its_own_line_and_those_of_which_nobody_knows_what_they_hold(tmp_path, path):
    kraft, (hidden, some) = "controller" in path, SHOWN[path]
    own: Any = {name: value for name, value in OWN.items() if kraft is (name == "kafka_controller_config")}
    keeper: Any = {"kafka_controller" if kraft else "zookeeper": ["a"]}
    made = support.inventory(tmp_path, kafka=["a"], kafka_custom_prefixes=["my.plugin."], **keeper, **own)
    file = support.files(support.target(made))[path]
    (change,) = plan.make("a", [file], {file.key: None}).changes
    lines = shown.diff(change)
    assert not [line for line in lines if "hunter2" in line] and lines.count(f"+{MASK}") == hidden
    assert set(lines) >= some and len([line for line in lines if MASK not in line and "=" in line]) > 5
