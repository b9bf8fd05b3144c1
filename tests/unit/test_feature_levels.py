"""Which levels are wanted, and what is finalised of them: never by accident, never with an older level."""

from __future__ import annotations

from typing import Any

import pytest

from cluster import remote as cluster_remote
from cluster.metadata import remote
from cluster.metadata.kraft import levels
from cluster.metadata.kraft.levels import Step, Wanted
from provisioner.errors import ConfigError, HostFailed
from roles.kafka import doctor, features, status
from roles.kafka.evidence_rules import Seen
from roles.shared import releases
from tests.support import roles as support
from tests.support.fake_hosts import FakeHosts
from tests.support.shown import QUIET, Shown

META, ELR = "metadata.version", "eligible.leader.replicas.version"
SUPPORTED = {**levels.of_release("4.3"), "kraft.version": 1}
OF_40 = {META: 25, "group.version": 1, "transaction.version": 2, "kraft.version": 1}


def said(finalised: dict[str, int], supported: dict[str, int] = SUPPORTED, serving: bool = True) -> dict[str, Any]:
    return {"serving": serving, "why": "", "finalised": finalised, "supported": supported}


def brokers(tmp_path, text: Any = "4.3", **more: Any):
    return [support.target(support.inventory(tmp_path, kafka=["a"], kafka_features=text, **more))]


@pytest.mark.parametrize(
    ("text", "exact", "least"),
    [
        ("4.0", {META: 25}, {"group.version": 1, "transaction.version": 2}),
        ("3.9", {META: 21}, {}),
        ("metadata.version=29, group.version = 1", {META: 29, "group.version": 1}, {}),
        # The later one counts, and a level that is named is not only a least one.
        ("4.1,eligible.leader.replicas.version=0", {META: 27, ELR: 0}, {"group.version": 1, "transaction.version": 2}),
        ("4.0,metadata.version=26", {META: 26}, {"group.version": 1, "transaction.version": 2}),
    ],
)
def test_a_release_stands_for_the_levels_of_a_new_cluster(text, exact, least):
    assert levels.parse(text) == Wanted(exact, least)


def test_a_new_cluster_of_the_newest_release_has_what_kafka_gives_it():
    # What StorageTool of 4.3.1 writes.
    assert levels.of_release("4.3") == {
        META: 30,
        ELR: 1,
        "group.version": 1,
        "share.version": 1,
        "streams.version": 1,
        "transaction.version": 2,
    }
    assert not any("kraft.version" in levels.of_release(release) for release in levels.RELEASES)


@pytest.mark.parametrize("version", [one for one in releases.known("kafka") if one != "2.5.0"])
def test_every_locked_version_has_its_levels(version):
    assert levels.highest(releases.release("kafka", version).number)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("4", "'4' is neither a release nor a feature with a level"),
        ("latest", "'latest' is neither"),
        ("9.9", "the levels of release 9.9 are not known here, those of 3.3, .* 4.3 are"),
        ("metadata.versions=29", "there is no feature metadata.versions; did you mean metadata.version?"),
        ("kraft.version=1", "kraft.version is no level to come back from"),
    ],
)
def test_what_is_not_understood_is_refused(text, why):
    with pytest.raises(ValueError, match=why):
        levels.parse(text)


@pytest.mark.parametrize(
    ("wanted", "finalised", "supported", "steps", "higher", "unknown"),
    [
        ("4.0", OF_40, SUPPORTED, [], [], []),
        ("4.3", SUPPORTED, SUPPORTED, [], [], []),
        (
            "4.3",
            OF_40,
            SUPPORTED,
            [Step(META, 25, 30), Step(ELR, 0, 1), Step("share.version", 0, 1), Step("streams.version", 0, 1)],
            [],
            [],
        ),
        # More than the release has is left alone, but for metadata.version.
        ("4.0", {**OF_40, "share.version": 1}, SUPPORTED, [], [], []),
        ("4.0", {**OF_40, "group.version": 2}, SUPPORTED, [], [], []),
        ("3.9", OF_40, SUPPORTED, [], [f"{META} is finalised at 25 (4.0-IV3), and 21 (3.9-IV0) is wanted"], []),
        (
            "group.version=0",
            OF_40,
            SUPPORTED,
            [],
            ["group.version is finalised at 1, and 0 is wanted"],
            [],
        ),
        (
            "metadata.version=30",
            OF_40,
            OF_40,
            [],
            [],
            [f"{META} 30 (4.3-IV0) is wanted, and supported up to 25 (4.0-IV3)"],
        ),
        ("share.version=1", OF_40, OF_40, [], [], ["share.version 1 is wanted, and not supported"]),
    ],
)
def test_what_is_left_to_finalise(wanted, finalised, supported, steps, higher, unknown):
    assert levels.plan(levels.parse(wanted), finalised, supported) == (steps, higher, unknown)


@pytest.mark.parametrize(
    ("now", "level", "final"),
    [(21, 25, "4.0-IV1"), (25, 29, ""), (27, 30, "4.3-IV0"), (21, 30, "4.3-IV0"), (23, 25, ""), (22, 23, "4.0-IV1")],
)
def test_where_there_is_no_way_back_to(now, level, final):
    assert Step(META, now, level).final == final


def test_other_features_can_be_lowered_again():
    assert Step("share.version", 0, 23).final == ""


@pytest.mark.parametrize(
    ("finalised", "supported", "possible"),
    [
        (OF_40, SUPPORTED, [META, ELR, "share.version", "streams.version"]),
        (OF_40, OF_40, []),
        ({**SUPPORTED, META: 29}, SUPPORTED, [META]),
        (SUPPORTED, {**SUPPORTED, META: 31, "new.version": 1}, [META, "new.version"]),  # a version not known here
        ({META: 21}, {META: 21, "kraft.version": 1}, []),
        ({}, SUPPORTED, []),
        ({}, {}, []),
    ],
)
def test_what_could_be_finalised(finalised, supported, possible):
    assert [one.feature for one in levels.possible(finalised, supported)] == possible


def test_everything_is_validated_before_anything_is_finalised_and_shown(tmp_path):
    hosts = FakeHosts({remote.features: said({**SUPPORTED, META: 27}), remote.update_features: {"done": True}})
    shown: Any = Shown()
    assert features.contents(hosts, brokers(tmp_path), shown, False) == {"a": (5, 1)}
    assert [(one["levels"], one["check"]) for one in hosts.to(remote.update_features)] == [
        ({META: 30}, True),
        ({META: 30}, False),
    ]
    note = "27 (4.1-IV1) -> 30 (4.3-IV0), no way back below 4.3-IV0"
    assert shown.changes == [("a", f"feature:{META}", "~", note)]


def test_a_plan_only_validates(tmp_path):
    hosts = FakeHosts({remote.features: said({**SUPPORTED, META: 27}), remote.update_features: {"done": True}})
    shown: Any = Shown()
    assert features.contents(hosts, brokers(tmp_path), shown, True) == {"a": (5, 1)}
    assert [one["check"] for one in hosts.to(remote.update_features)] == [True] and shown.changes


def test_what_is_reached_asks_once_and_what_is_not_wanted_never(tmp_path):
    hosts = FakeHosts({remote.features: said(SUPPORTED)})
    assert features.contents(hosts, brokers(tmp_path), QUIET, False) == {"a": (6, 0)}
    assert len(hosts.asked) == 1
    assert features.contents(FakeHosts({}), brokers(tmp_path, ""), QUIET, False) == {}


def test_what_the_controllers_refuse_is_not_tried(tmp_path):
    answer = {"done": False, "error": 95, "why": "broker 2 only supports versions 7-29"}
    hosts = FakeHosts({remote.features: said(OF_40), remote.update_features: answer})
    with pytest.raises(HostFailed, match="cannot be finalised: broker 2 only supports versions 7-29"):
        features.contents(hosts, brokers(tmp_path), QUIET, False)
    assert [one["check"] for one in hosts.to(remote.update_features)] == [True]


def test_a_first_plan_says_that_nobody_answers(tmp_path):
    shown: Any = Shown()
    assert features.contents(FakeHosts({remote.features: said({}, {}, False)}), brokers(tmp_path), shown, True) == {}
    assert "no broker answers yet" in shown.notes[0]


NEW, SAME = Seen("a", version="4.0.2", wanted_version="4.3.1"), Seen("a", version="4.3.0", wanted_version="4.3.1")


@pytest.mark.parametrize(
    ("text", "finalised", "supported", "seen", "what"),
    [
        ("4.3", OF_40, SUPPORTED, SAME, None),
        ("4.3", SUPPORTED, SUPPORTED, NEW, None),  # nothing is left
        ("4.0", OF_40, OF_40, NEW, None),
        ("4.3", OF_40, OF_40, NEW, "in the deploy that changes the version"),
        ("4.3", OF_40, SUPPORTED, NEW, "in the deploy that changes the version"),
        ("4.3", OF_40, OF_40, SAME, "do not support"),
        ("4.0", SUPPORTED, SUPPORTED, SAME, "asks for less than what is finalised"),
    ],
)
def test_what_contradicts_the_running_cluster_is_refused(text, finalised, supported, seen, what):
    found = features.judge(levels.parse(text), said(finalised, supported), [seen])
    assert [what in one.what for one in found] == ([True] if what else [])
    assert all(one.way and one.consent is None for one in found)


@pytest.mark.parametrize(
    ("now", "then", "finalised", "refused"),
    [
        ("4.3.1", "4.2.1", 30, "Kafka 4.2.1 has metadata.version 29 (4.2-IV1) at most, and 30 (4.3-IV0) is finalised"),
        ("4.3.1", "4.2.1", 29, None),
        ("4.3.1", "3.9.2", 25, "Kafka 3.9.2 has metadata.version 21 (3.9-IV0) at most, and 25 (4.0-IV3) is finalised"),
        ("4.3.1", "4.3.0", 30, None),
        ("9.1.0", "9.0.0", 99, None),  # not known here
    ],
)
def test_a_version_that_is_too_old_for_what_is_finalised_is_refused(tmp_path, now, then, finalised, refused):
    hosts = FakeHosts({remote.features: said({META: finalised})})
    seen = [Seen("a", version=now, wanted_version=then)]
    found = features.contradictions(brokers(tmp_path, "")[0], seen, hosts)
    assert [one.what.startswith(refused) for one in found] == ([True] if refused else [])
    assert all(one.consent is None and f"stay with {now}" in one.way for one in found)


def test_the_cluster_is_only_asked_where_something_is_wanted(tmp_path):
    assert features.contradictions(brokers(tmp_path, "")[0], [SAME, NEW], FakeHosts({})) == []
    hosts = FakeHosts({remote.features: said(SUPPORTED)})
    assert features.contradictions(brokers(tmp_path, "4.0")[0], [SAME], hosts)
    assert hosts.asked[0][1].args == {"bootstrap": "127.0.0.1:9092"}


@pytest.mark.parametrize(
    ("variables", "why"),
    [
        ({"kafka_features": "4.3", "kafka_version": "4.3.1"}, None),
        ({"kafka_features": 4.3}, None),
        ({"kafka_features": "metadata.version=31"}, "31 is wanted, and Kafka 4.3.1 has 30 .4.3-IV0. at most"),
        (
            {"kafka_features": "4.0", "kafka_version": "3.9.2"},
            r"25 \(4.0-IV3\) is wanted, and Kafka 3.9.2 has 21 \(3.9-IV0\) at most",
        ),
        ({"kafka_features": "newest"}, "'newest' is neither a release nor a feature with a level"),
        ({"zookeeper": ["a"], "kafka_features": "3.9"}, "a cluster whose metadata is in ZooKeeper has no features"),
        (
            {"kafka": {"a": {"kafka_features": "4.3"}, "b": {}}},
            "kafka_features differs between the brokers of one cluster",
        ),
    ],
)
def test_an_inventory_is_checked_before_any_connection(tmp_path, variables, why):
    given = {"kafka": ["a"], **variables}
    if why is None:
        assert support.inventory(tmp_path, **given).hosts
        return
    with pytest.raises(ConfigError, match=why) as caught:
        support.inventory(tmp_path, **given)
    assert caught.value.advice


@pytest.mark.parametrize(
    ("finalised", "name"),
    [
        (OF_40, "4.3"),
        ({**SUPPORTED, META: 29}, "4.3"),
        ({**SUPPORTED, "share.version": 0}, "share.version=1"),  # no release only for that
    ],
)
def test_what_could_be_finalised_is_named_as_the_inventory_takes_it(finalised, name):
    steps = levels.possible(finalised, SUPPORTED)
    assert levels.named(steps) == name
    assert levels.plan(levels.parse(name), finalised, SUPPORTED)[0] == steps


def test_levels_of_a_release_that_is_not_known_are_named_one_by_one():
    supported = {**SUPPORTED, META: 31}
    assert levels.named(levels.possible(SUPPORTED, supported)) == f"{META}=31"


def test_doctor_names_what_a_new_version_does_not_use_yet():
    (found,) = doctor.unused({"finalised": OF_40, "supported": SUPPORTED})
    assert f"{META} 25 (4.0-IV3) -> 30 (4.3-IV0)" in found.what and found.what.endswith("no way back below 4.3-IV0")
    assert "kafka_features: 4.3, and deploy" in found.fix
    assert not [*doctor.unused({"finalised": SUPPORTED, "supported": SUPPORTED})]
    assert not [*doctor.unused(None)]
    (known,) = doctor.unused({"finalised": OF_40, "supported": SUPPORTED}, " for 3 days")
    assert known.what == f"{found.what}; the brokers have run their version for 3 days"


def test_status_knows_what_all_brokers_support():
    views = [
        {"features": said(OF_40, SUPPORTED)},
        {"features": said({**OF_40, META: 26}, OF_40)},  # not restarted yet, but has read more
        {"features": said({}, {}, serving=False)},
    ]
    assert status.features_of(views) == {"finalised": {**OF_40, META: 26}, "supported": OF_40}
    assert status.features_of([{"features": said({}, {}, serving=False)}]) is None
    assert status.features_of([{}]) is None


@pytest.mark.parametrize("zookeeper", [None, ["a"]])
def test_status_asks_for_features_where_there_are_any(tmp_path, zookeeper):
    target = support.target(support.inventory(tmp_path, kafka=["a"], zookeeper=zookeeper))
    hosts = FakeHosts(
        {
            cluster_remote.broker_status: {"serving": True},
            cluster_remote.running_version: {"version": "3.9.2", "protocol": None, "since": None},
            remote.kraft_quorum: {},
            remote.features: said(SUPPORTED),
            remote.zookeeper_ensemble: {"a": {"serving": True, "mode": "standalone"}},
        }
    )
    assert status.look(hosts, target).get("features") == (None if zookeeper else said(SUPPORTED))
    assert len(hosts.to(remote.features)) == (0 if zookeeper else 1)
