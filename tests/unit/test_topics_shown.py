"""What the verbs about topics print, take from the command line and hand to the hosts; and a deploy's part of it."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from cli.common import Run
from cli.tables import topics as topics_table
from cli.topics_change import configured, count
from cli.topics_code import with_file
from cluster import remote
from cluster.model import Setting
from cluster.topics import apply as topic_apply
from cluster.topics import look as onhost
from cluster.topics.plan import Alter, Plan
from cluster.topics.wanted import Wanted
from provisioner.errors import ConfigError, UsageError
from provisioner.report.plain import PlainReporter
from roles import site
from tests.support import roles as support
from tests.support.fake_hosts import FakeHosts
from tests.support.settings import of_topic

WEEK, TWO_DAYS = "604800000", "172800000"


def partition(
    number: int, *, isr: list[int] | None = None, records: int | None = 10, leader: int = 1
) -> dict[str, Any]:
    return {
        "topic": "orders",
        "partition": number,
        "leader": leader,
        "replicas": [1, 2, 3],
        "isr": isr or [1, 2, 3],
        "moving": False,
        "earliest": None if records is None else 5,
        "latest": None if records is None else 5 + records,
        "sizes": {"1": 1024, "2": 1024, "3": 1024},
    }


def setting(value: str, default: str | None = None) -> dict[str, Any]:
    """A setting as the host tells it; default: what it would be, where the topic has one of its own."""
    own = default is not None
    return of_topic("any", value, own, default if own else value).to_wire()


def found(**topics: Any) -> dict[str, Any]:
    named = {name.replace("_", "-"): topic for name, topic in topics.items()}
    return {"brokers": {"1": None, "2": None, "3": None}, "controller": 1, "topics": named}


def topic(*partitions: dict[str, Any], **settings: dict[str, Any]) -> dict[str, Any]:
    defaults = {"retention.ms": setting(WEEK), "retention.bytes": setting("-1"), "cleanup.policy": setting("delete")}
    named = {name.replace("_", "."): one for name, one in settings.items()}
    return {"internal": False, "partitions": list(partitions), "settings": defaults | named}


# -- tables


def test_a_line_per_topic_with_what_people_ask_for():
    shown = topics_table.listing(
        found(orders=topic(partition(0), partition(1, isr=[1, 2]), retention_ms=setting(TWO_DAYS, WEEK))), str
    )
    heads, row, _, total = shown.splitlines()
    assert " ".join(heads.split()) == "TOPIC PARTITIONS REPLICAS ISR RECORDS ON DISK RETENTION OWN SETTINGS"
    assert row.split() == ["orders", "2", "3", "5", "of", "6", "20", "6", "KiB", "2", "d", "-"]
    assert total == "1 topic, 2 partitions, 20 records, 6 KiB on disk"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, "7 d"),
        ({"retention_ms": setting("-1", WEEK)}, "forever"),
        ({"retention_bytes": setting(str(2**30), "-1")}, "7 d or 1 GiB"),
        ({"retention_ms": setting("-1", WEEK), "retention_bytes": setting(str(2**30), "-1")}, "1 GiB"),
        ({"cleanup_policy": setting("compact", "delete")}, "compacted"),
        ({"cleanup_policy": setting("compact,delete", "delete")}, "compacted, 7 d"),
    ],
)
def test_how_long_records_are_kept_is_said_in_words(settings, expected):
    assert topics_table.retention(topics_table.summary(topic(partition(0), **settings))) == expected


def test_what_is_not_known_is_not_made_up():
    shown = topics_table.listing(found(a=topic(partition(0, records=None), partition(1)), b=topic(partition(0))), str)
    assert shown.splitlines()[1].split()[4] == "?" and "10 and ? records" in shown
    assert topics_table.document(found(a=topic(partition(0, records=None))))["topics"]["a"]["records"] is None


def test_a_broker_that_does_not_tell_is_named():
    quiet = topic({**partition(0), "sizes": {"1": 1024, "2": 1024}})
    shown = topics_table.listing(found(a=quiet), lambda broker: f"kafka{broker}").splitlines()
    assert shown[-1] == "kafka3 does not answer: what is on its disks is not counted" and "2 KiB" in shown[1]


def test_a_setting_equal_to_the_default_does_not_differ():
    one = topic(partition(0), retention_ms=setting(WEEK, WEEK), segment_ms=setting("3600000", WEEK))
    assert topics_table.differing({key: Setting.from_wire(told) for key, told in one["settings"].items()}) == {
        "segment.ms": "3600000"
    }


def test_a_description_names_hosts_and_defaults():
    one = topic(partition(0, isr=[2]), partition(1, leader=-1), retention_ms=setting(TWO_DAYS, WEEK))
    shown = topics_table.descriptions(found(orders=one), lambda broker: f"kafka{broker}")
    assert "retention.ms = 172800000 (2 d); the brokers' default: 604800000 (7 d)" in shown
    heads, first, second = (line.split() for line in shown.splitlines()[-3:])
    assert " ".join(heads) == "PARTITION LEADER REPLICAS ISR RECORDS START OFFSET END OFFSET ON DISK"
    assert first == ["0", "kafka1", "kafka1", "kafka2", "kafka3", "kafka2", "10", "5", "15", "3", "KiB"]
    assert second[1] == "none"


def test_the_documents_can_be_read_by_machines():
    document = topics_table.document(found(orders=topic(partition(0))), partitions=True)
    assert json.loads(json.dumps(document))["topics"]["orders"]["partition_list"][0]["latest"] == 15


# -- the command line


def test_settings_of_a_command_line_become_what_brokers_want():
    given = {"retention": "2d", "retention_bytes": "10g", "set": ["max.message.bytes=2m"], "unset": ["a,b", "c"]}
    assert configured(given) == {
        "retention.ms": TWO_DAYS,
        "retention.bytes": str(10 * 2**30),
        "max.message.bytes": str(2 * 2**20),
        "a": None,
        "b": None,
        "c": None,
    }
    assert configured({}) == {}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"retention": "2x"}, "--retention: '2x' has an unknown unit"),
        ({"retention": "300"}, "300 has no unit"),
        ({"set": ["retention.ms"]}, "--set retention.ms: this is not NAME=VALUE"),
        ({"set": ["segment.ms=soon"]}, "--set segment.ms: 'soon' is not a duration"),
        ({"retention": "2d", "set": ["retention.ms=5"]}, "retention.ms is given twice"),
        ({"set": ["a=1"], "unset": ["a"]}, "a is given twice, the second time by --unset"),
    ],
)
def test_a_wrong_setting_is_named(given, expected):
    with pytest.raises(UsageError) as caught:
        configured(given)
    assert expected in caught.value.summary


@pytest.mark.parametrize("given", ["0", "-1", "x", "1.5", "99999999999"])
def test_a_number_that_is_none_is_refused(given):
    with pytest.raises(UsageError, match="--partitions"):
        count("partitions", given)


def test_a_file_holds_topics_and_nothing_else(tmp_path):
    path = tmp_path / "t.yml"
    path.write_text("topics: {a: {}}\n")
    run = Run("single", ["x=1"])
    assert with_file(run, str(path)).extra_vars == ["x=1", f"@{path}"] and with_file(run, "").extra_vars == ["x=1"]
    for text, expected in (("kafka_heap: 1g\ntopics: {}\n", "has kafka_heap"), ("", "has no `topics:`")):
        path.write_text(text)
        with pytest.raises(ConfigError) as caught:
            with_file(run, str(path))
        assert expected in caught.value.summary


# -- on the host


@pytest.mark.parametrize(
    ("patterns", "chosen", "unmatched"),
    [
        (None, ["a", "ab", "b"], []),
        (["a*"], ["a", "ab"], []),
        (["b", "a"], ["a", "b"], []),
        (["a", "nope", "z*"], ["a"], ["nope", "z*"]),
    ],
)
def test_names_and_globs_choose_topics(patterns, chosen, unmatched):
    assert onhost.match(["a", "ab", "b"], patterns) == (chosen, unmatched)


def test_a_setting_is_told_with_what_it_would_be_without():
    synonyms = (("retention.ms", "5", "dynamic topic"), ("log.retention.ms", WEEK, "static file"))
    told = onhost.told({"retention.ms": Setting("retention.ms", "5", "dynamic topic", synonyms=synonyms)}, keys=())
    one = told["retention.ms"]
    assert (one.value, one.own, one.default, one.default_source) == ("5", True, WEEK, "static file")
    plain = {"segment.ms": Setting("segment.ms", "9", "default", synonyms=(("log.roll.ms", "9", "default"),))}
    assert onhost.told(plain, keys=()) == {} and onhost.told(plain, keys=None)["segment.ms"].own is False


# -- what a plan looks like


def test_settings_are_shown_before_and_after():
    changes = {
        "retention.ms": Alter(of_topic("retention.ms", WEEK, False, WEEK), TWO_DAYS),
        "cleanup.policy": Alter(of_topic("cleanup.policy", "compact", True, "delete"), None),
    }
    assert topic_apply.diff(changes) == [
        "-retention.ms=604800000 (7 d), the brokers' default",
        "+retention.ms=172800000 (2 d)",
        "-cleanup.policy=compact",
        "+cleanup.policy=delete, the brokers' default",
    ]


def test_what_is_not_listed_is_said_to_stay_or_to_go():
    plan = Plan(
        unmanaged={"by-hand": 2048}, strays={"orders": {"segment.ms": of_topic("segment.ms", "3600000", True, WEEK)}}
    )
    for prune, expected in (
        (False, ["  not listed, left alone: by-hand", "  not listed, left alone on orders: segment.ms=3600000 (1 h)"]),
        (
            True,
            [
                "  - by-hand: delete the topic with all its records (not listed; 2 KiB)",
                "  - orders: remove segment.ms (not listed)",
            ],
        ),
    ):
        out = io.StringIO()
        topic_apply.show(PlainReporter(out), plan, prune)
        assert out.getvalue().splitlines() == expected
    assert topic_apply.pruned(plan) == "1 topic and 1 setting"


def test_partitions_are_not_checked_while_copies_of_the_topic_move():
    """The cluster would refuse them now, and takes them when the copies have arrived."""
    hosts = FakeHosts(
        {
            remote.topics_look: found(orders=topic({**partition(0), "moving": True}), other=topic(partition(0))),
            remote.topic_defaults: {"partitions": 1, "factor": 3, "settings": {}},
            remote.check_topics: {"refused": [], "there": []},
        }
    )
    plan, _ = topic_apply.planned(
        lambda request: hosts("kafka1", request.at("127.0.0.1:9092")), [Wanted("orders", 4), Wanted("other", 4)]
    )
    assert plan.grow == {"orders": (1, 4), "other": (1, 4)}
    assert [checked["grow"] for checked in hosts.to(remote.check_topics)] == [{"other": 4}]


def test_a_broker_that_does_not_know_its_topics_yet_is_asked_again():
    looks = iter([found(), found(), found(orders=topic(partition(0)))])
    there = {"refused": [["orders", "TopicAlreadyExistsError: Topic 'orders' already exists."]], "there": ["orders"]}
    hosts = FakeHosts(
        {
            remote.topics_look: lambda host, args: next(looks),
            remote.topic_defaults: {"partitions": 1, "factor": 3, "settings": {}},
            remote.check_topics: lambda host, args: there,
        }
    )
    plan, _ = topic_apply.planned(
        lambda request: hosts("kafka1", request.at("127.0.0.1:9092")), [Wanted("orders", 1)], again=(0.0, 0.0)
    )
    assert plan.nothing
    looks = iter([found(), found()])
    with pytest.raises(ConfigError, match="refuses orders: TopicAlreadyExistsError"):
        topic_apply.planned(
            lambda request: hosts("kafka1", request.at("127.0.0.1:9092")), [Wanted("orders", 1)], again=(0.0,)
        )


# -- in a deploy


class Hosts(FakeHosts):
    """The hosts of three brokers with one topic."""

    def __init__(self, answering: bool = True) -> None:
        why = "" if answering else "Connection refused"
        super().__init__(
            {
                remote.answering: lambda host, args: dict.fromkeys(args["addresses"], why),
                remote.topics_look: found(
                    orders=topic(partition(0), partition(1), retention_ms=setting(TWO_DAYS, WEEK))
                ),
                remote.topic_defaults: {"partitions": 1, "factor": 3, "settings": {"retention.ms": WEEK}},
                remote.check_topics: {"refused": [], "there": []},
                remote.change_topics: {},
            }
        )

    @property
    def changed(self) -> list[dict[str, Any]]:
        """What was to be changed, request by request."""
        return [
            {key: one for key, one in args.items() if key != "bootstrap" and one}
            for args in self.to(remote.change_topics)
        ]


@pytest.fixture
def deploy(tmp_path):
    def run(topics: dict[str, Any], hosts: Hosts, tags: tuple[str, ...] = (), check: bool = False) -> tuple[Any, str]:
        inventory = support.three(tmp_path, topics=topics)
        targets = [support.target(inventory, name) for name in inventory.hosts]
        out = io.StringIO()
        return site.contents(hosts, targets, PlainReporter(out), tags, check), out.getvalue()

    return run


def test_a_deploy_makes_what_is_listed_and_counts_it(deploy):
    hosts = Hosts()
    counts, output = deploy({"orders": {"retention": "1d"}, "new": {"partitions": 4}}, hosts)
    assert counts == {"kafka1": (2, 2)} and {host for host, _ in hosts.asked} == {"kafka1"}
    assert "+ new: 4 partitions, 3 copies" in output and "+retention.ms=86400000 (1 d)" in output
    made = {"name": "new", "partitions": 4, "factor": 3, "config": {}}
    assert hosts.changed == [{"create": [made], "settings": {"orders": {"retention.ms": "86400000"}}}]


def test_a_check_only_shows_it(deploy):
    hosts = Hosts()
    counts, output = deploy({"orders": {"retention": "1d"}}, hosts, check=True)
    assert counts == {"kafka1": (1, 1)} and hosts.changed == [] and "+retention.ms=86400000" in output


@pytest.mark.parametrize(
    ("topics", "tags", "up", "counts", "said"),
    [
        ({"orders": {"retention": "2d"}}, (), True, {"kafka1": (1, 0)}, "topics: 1 listed, each as it should be"),
        ({"orders": {}}, ("os",), True, {}, ""),
        ({}, (), True, {}, ""),
        ({"orders": {}}, (), False, {}, "topics: no broker answers yet"),
    ],
)
def test_where_there_is_nothing_to_do_nothing_is_done(deploy, topics, tags, up, counts, said):
    hosts = Hosts(up)
    found_counts, output = deploy(topics, hosts, tags)
    assert found_counts == counts and hosts.changed == [] and said in output
