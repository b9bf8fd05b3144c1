"""Brokers' settings: what is asked for, what is said of them, and what a change at run time would do; tables."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from cli import broker as verbs
from cli.tables import broker as broker_table
from cluster.settings import brokers
from cluster.settings import rules as settings
from cluster.settings.sources import DYNAMIC_BROKER, DYNAMIC_CLUSTER
from provisioner.errors import UsageError
from tests.support.settings import RETENTION, setting


def by_broker(*of_each):
    return {number: {one.name: one for one in found} for number, found in enumerate(of_each, 1)}


@pytest.mark.parametrize(
    ("name", "read_only", "mode"),
    [
        ("log.retention.ms", False, "cluster-wide"),
        ("min.insync.replicas", False, "cluster-wide"),
        ("num.partitions", True, "read-only"),
        ("ssl.truststore.location", True, "read-only"),
        ("advertised.listeners", False, "per-broker"),
        ("ssl.keystore.location", False, "per-broker"),
        ("sasl.jaas.config", False, "per-broker"),
        ("listener.name.x.max.connections", False, "per-broker"),
    ],
)
def test_how_a_setting_can_change(name, read_only, mode):
    assert setting(name, read_only=read_only, static="1").update_mode == mode


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (["log.retention.ms=2d"], {"log.retention.ms": "172800000"}),
        (["log.segment.bytes=512m", "a=b=c"], {"log.segment.bytes": "536870912", "a": "b=c"}),
        (["log.retention.ms=-1", " num.io.threads = 9"], {"log.retention.ms": "-1", "num.io.threads": "9"}),
        # Not a duration by its name: Kafka's to judge.
        (["log.retention.hours=2d"], {"log.retention.hours": "2d"}),
        (["compression.type="], {"compression.type": ""}),
    ],
)
def test_assignments_are_read_with_units_where_the_name_says_what_it_counts(given, read):
    assert settings.assignments(given) == read


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (["log.retention.ms"], "not NAME=VALUE"),
        (["=2"], "not NAME=VALUE"),
        (["a=1", "a=2"], "given twice"),
        (["log.retention.ms=2x"], "unknown unit"),
        (["log.segment.bytes=1.0001k"], "not a whole number of bytes"),
    ],
)
def test_assignments_that_cannot_be_meant_are_refused(given, why):
    with pytest.raises(UsageError, match=why):
        settings.assignments(given)


KNOWN = ["log.retention.ms", "num.io.threads", "ssl.keystore.type", "sasl.jaas.config", "max.connections"]


@pytest.mark.parametrize(
    "name",
    [
        *KNOWN,
        "leader.replication.throttled.rate",
        "listener.name.inside.ssl.keystore.type",
        "listener.name.inside.scram-sha-256.sasl.jaas.config",
    ],
)
def test_settings_that_there_are(name):
    settings.require_known([name], KNOWN, patterns=False)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("log.retenton.ms", "there is no setting log.retenton.ms; did you mean log.retention.ms?"),
        ("num.io.thread", "did you mean num.io.threads?"),
        ("listener.name.inside.ssl.keystore.typ", "did you mean ssl.keystore.type?"),
        ("quite.another.thing.altogether", "there is no setting quite.another.thing.altogether"),
        ("log.*", "there is no setting log.*"),
    ],
)
def test_settings_that_there_are_not(name, said):
    with pytest.raises(UsageError) as refused:
        settings.require_known([name], KNOWN, patterns=False)
    assert said in refused.value.summary


def test_patterns_are_for_looking_only_and_must_fit_something():
    settings.require_known(["log.*", "*threads"], KNOWN, patterns=True)
    with pytest.raises(UsageError):
        settings.require_known(["logs.*"], KNOWN, patterns=True)
    assert settings.patterns(["a, b.*", "c"]) == ["a", "b.*", "c"] and settings.patterns(None or []) == []


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        (RETENTION, "172800000", "172800000 (2 d)"),
        (RETENTION, "-1", "-1 (forever)"),
        (RETENTION, "1", "1"),
        (RETENTION, "1500", "1500"),
        ("log.flush.interval.ms", "9223372036854775807", "9223372036854775807"),
        ("log.segment.bytes", "1073741824", "1073741824 (1 GiB)"),
        ("message.max.bytes", "1048588", "1048588"),
        ("num.io.threads", "86400000", "86400000"),
        ("ssl.protocol", "", '""'),
        (RETENTION, None, "none"),
    ],
)
def test_values_for_people_are_exact(name, value, text):
    assert settings.human(name, value) == text


def test_brokers_disagree_by_value_and_not_about_what_is_their_own_or_secret():
    found = by_broker(
        [
            setting(static="1"),
            setting("broker.id", static="1"),
            setting("num.io.threads", static="8"),
            setting("ssl.key.password", sensitive=True, static=None),
        ],
        [setting(broker="1", static="9"), setting("broker.id", static="2"), setting("num.io.threads", broker="16")],
    )
    assert settings.disagreeing(found) == ["num.io.threads"]
    text = broker_table.page({1: "kafka1", 2: "kafka2"}, found, 300, None)
    assert "Brokers disagree: num.io.threads is 8 on 1, 16 on 2" in text and "The brokers agree" not in text
    rows = [line.split() for line in text.splitlines()]
    assert ["num.io.threads", "16", "dynamic", "broker", "cluster-wide", "2"] in rows
    assert [RETENTION, "1", "static", "file", "cluster-wide", "1"] in rows
    assert "********" in text


def test_one_row_where_all_agree_and_no_column_of_brokers_for_one():
    one = broker_table.page({1: "kafka1"}, by_broker([setting(static="604800000")]), 1, None)
    assert one.splitlines()[1].split() == [RETENTION, "604800000", "(7", "d)", "static", "file", "cluster-wide"]
    assert "1 of 1 settings, 1 broker" in one and "agree" not in one
    three = broker_table.page({1: "a", 2: "b", 3: "c"}, by_broker(*[[setting(static="1")]] * 3), 9, None)
    assert three.splitlines()[1].split()[-1] == "all" and "The brokers agree" in three and "--all" in three


@pytest.mark.parametrize(
    ("one", "file", "wanted", "force", "why"),
    [
        (setting(static="1"), {RETENTION: "2"}, "2", "1", "not in force"),
        (setting(static="1"), {}, None, "1", "not in force"),
        (setting(default="1"), {RETENTION: "2"}, "2", None, "not in force"),
        (setting(broker="3", static="2"), {RETENTION: "2"}, "2", "3", "set at run time (dynamic broker)"),
        (setting(cluster="3", static="2"), {RETENTION: "2"}, "2", "3", "set at run time (dynamic cluster)"),
        (setting(broker="3"), {}, None, "3", "set at run time"),
    ],
)
def test_a_file_that_says_something_else(one, file, wanted, force, why):
    (found,) = settings.differences({RETENTION: one}, file)
    assert (found.name, found.wanted, found.force) == (RETENTION, wanted, force) and why in found.why


@pytest.mark.parametrize(
    ("one", "file"),
    [
        (setting(static="1"), {RETENTION: "1"}),
        (setting(broker="2", static="1"), {RETENTION: "2"}),  # beats what was read at the start, not what is there now
        (setting(default="1"), {}),
        (setting("ssl.key.password", sensitive=True, static=None), {"ssl.key.password": "hidden"}),
        (setting("node.id", static="3"), {"broker.id": "3"}),  # which brokers take from there
    ],
)
def test_a_file_that_says_what_is_in_force(one, file):
    assert [found for found in settings.differences({one.name: one}, file) if found.name == one.name] == []


@pytest.mark.parametrize(
    ("one", "value", "source", "due", "before", "after"),
    [
        (setting(static="1"), "2", DYNAMIC_CLUSTER, True, "1 (static file)", "2 (dynamic cluster)"),
        (setting(static="1"), "1", DYNAMIC_CLUSTER, True, "1 (static file)", "1 (dynamic cluster)"),
        (setting(cluster="2", static="1"), "2", DYNAMIC_CLUSTER, False, "2 (dynamic cluster)", "2 (dynamic cluster)"),
        (setting(cluster="2", static="1"), "3", DYNAMIC_BROKER, True, "2 (dynamic cluster)", "3 (dynamic broker)"),
        (setting(cluster="2", static="1"), None, DYNAMIC_CLUSTER, True, "2 (dynamic cluster)", "1 (static file)"),
        (setting(broker="3", cluster="2"), None, DYNAMIC_BROKER, True, "3 (dynamic broker)", "2 (dynamic cluster)"),
        (setting(static="1"), None, DYNAMIC_CLUSTER, False, "1 (static file)", "1 (static file)"),
        (setting(cluster="2", default="7"), None, DYNAMIC_CLUSTER, True, "2 (dynamic cluster)", "7 (default)"),
        # A broker's own value beats all brokers'.
        (setting(broker="3", static="1"), "2", DYNAMIC_CLUSTER, True, "3 (dynamic broker)", "3 (dynamic broker)"),
    ],
)
def test_what_a_change_does_on_a_broker(one, value, source, due, before, after):
    found, wanted = by_broker([one]), {RETENTION: value}
    assert settings.due(found, wanted, source) is due
    (change,) = settings.planned(found, wanted, source)
    assert (change.before, change.after) == (before, after)
    assert bool(change.note) is (one.source == DYNAMIC_BROKER and source == DYNAMIC_CLUSTER)


def test_a_secret_is_never_shown_and_always_due():
    found = by_broker([setting("ssl.keystore.password", sensitive=True, broker=None)])
    (change,) = settings.planned(found, {"ssl.keystore.password": "hunter2"}, DYNAMIC_BROKER)
    assert "hunter2" not in str(change) and settings.HIDDEN in change.after
    assert settings.due(found, {"ssl.keystore.password": "hunter2"}, DYNAMIC_BROKER)


def test_what_takes_a_restart_or_a_broker_by_itself_is_refused_with_the_way_to_do_it():
    found = by_broker(
        [setting("num.partitions", read_only=True, static="1"), setting("listeners"), setting(static="1")]
    )
    settings.refuse(found, [RETENTION], DYNAMIC_CLUSTER)
    settings.refuse(found, [RETENTION, "listeners"], DYNAMIC_BROKER)
    with pytest.raises(UsageError) as refused:
        settings.refuse(found, [RETENTION, "num.partitions"], DYNAMIC_BROKER)
    assert "num.partitions cannot change at run time" in refused.value.summary
    assert "kafka_config: {num.partitions: ...}" in str(refused.value.advice)
    with pytest.raises(UsageError, match="listeners must be set for each broker separately"):
        settings.refuse(found, [RETENTION, "listeners"], DYNAMIC_CLUSTER)


@pytest.mark.parametrize(
    ("found", "default"),
    [
        ([setting(cluster="2", default="1")] * 2, "1"),
        ([setting(cluster="2", default="1"), setting(default="1")], "1"),  # one that never had it
        ([setting(cluster="2", static="3", default="1")], None),
        ([setting(cluster="2", default="1"), setting(cluster="2", static="3", default="1")], None),
        ([setting(broker="4", cluster="2", default="1")], None),
        ([setting(cluster="2")], None),
    ],
)
def test_the_default_that_brokers_go_back_to(found, default):
    assert brokers.back_to([{RETENTION: one} for one in found], RETENTION, DYNAMIC_CLUSTER) == default


@pytest.mark.parametrize(
    ("one", "value", "source", "taken"),
    [
        (setting(cluster="2", static="1"), "2", DYNAMIC_CLUSTER, True),
        (setting(cluster="3", static="2"), "2", DYNAMIC_CLUSTER, False),
        (setting(cluster="0.50", now="0.5"), "0.50", DYNAMIC_CLUSTER, True),
        # Brokers note a change a moment before they work with it.
        (setting(cluster="2", static="1", now="1"), "2", DYNAMIC_CLUSTER, False),
        (setting(default="1", now="2"), None, DYNAMIC_CLUSTER, False),
        (setting(static="2"), "2", DYNAMIC_CLUSTER, False),
        (setting(static="2"), None, DYNAMIC_CLUSTER, True),
        (setting(broker="1", cluster="2"), None, DYNAMIC_CLUSTER, False),
        (setting(sensitive=True, broker=None), "2", DYNAMIC_BROKER, True),
    ],
)
def test_whether_a_broker_has_taken_a_change(one, value, source, taken):
    assert brokers.taken({RETENTION: one}, {RETENTION: value}, source) is taken


@pytest.mark.parametrize(
    ("silent", "code", "summary"),
    [
        ({9: verbs.NOT_REGISTERED}, 1, "--broker 9: no such broker"),
        ({2: verbs.NOT_REGISTERED}, 2, "no answer from kafka2: not registered"),
        ({9: "Connection refused"}, 2, "no answer from kafka9: Connection refused"),
    ],
)
def test_a_broker_that_there_is_not_is_a_mistake_and_one_that_is_down_is_none(silent, code, summary):
    cluster: Any = SimpleNamespace(brokers={2: SimpleNamespace(name="kafka2")}, name=lambda broker: f"kafka{broker}")
    error = verbs._unanswered(cluster, silent)
    assert (error.exit_code, error.summary) == (code, summary)
