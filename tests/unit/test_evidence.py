"""Where an inventory contradicts the brokers that run: rules by table, what permits it, what hosts say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cluster.metadata.zookeeper import evidence as zookeeper_files
from cluster.model import Partition
from cluster.state import evidence as kafka_files
from provisioner.run import evidence
from provisioner.run.evidence import Consent, Objection
from roles.kafka import evidence_rules as kafka
from roles.kafka.evidence_rules import Data
from roles.shared import evidence as shared

ADDRESSES = {number: f"kafka{number}:9092" for number in (1, 2, 3)}
MEMBERS = {number: f"kafka{number}" for number in (1, 2, 3)}
DIR, NEW = "/var/lib/kafka/data", "/srv/kafka"


def said(objections: list[Objection]) -> list[str]:
    return [one.what for one in objections]


def broker(number: int = 1, **also: Any) -> kafka.Seen:
    usual: dict[str, Any] = {
        "present": (DIR,),
        "wanted": (DIR,),
        "data": {DIR: Data("abc", ("orders-0",))},
        "active": True,
        "brokers": ADDRESSES,
        "cluster": "abc",
    }
    return kafka.Seen(f"kafka{number}", number, **{**usual, **also})


# -- consent ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("agreed", "given"),
    [
        ({}, False),
        ({"--accept-downgrade": ()}, False),
        ({"--shrink": ()}, False),
        ({"--shrink": ("kafka3",)}, False),  # kafka2 goes as well, and nobody said so
        ({"--shrink": ("kafka3", "kafka2")}, True),
        ({"--shrink": ("3", "kafka2", "kafka9")}, True),
    ],
)
def test_consent_names_everything_that_goes(agreed, given):
    consent = Consent("--shrink", (("kafka2", "2"), ("kafka3", "3")))
    assert consent.given(agreed) is given
    assert consent.shown == "--shrink kafka2,kafka3"


def test_the_same_on_several_hosts_is_said_once_and_permitted_as_one():
    of = [Objection("older", host, way="stop {host}", consent=Consent("--accept-downgrade")) for host in ("a", "b")]
    refused, permitted = evidence.split([*of, Objection("never", "a", way="empty {host}")], {"--accept-downgrade": ()})
    assert said(refused) == ["never"] and said(permitted) == ["older"]
    assert permitted[0].warning() == "a, b: older (--accept-downgrade)"
    error = permitted[0].error()
    assert error.exit_code == 2 and error.hosts == ["a", "b"]
    assert error.lines() == ["older", "    hosts: a, b", "  -> stop HOST; if that is meant, add --accept-downgrade"]
    assert refused[0].error().lines() == ["a: never", "  -> empty a"]
    of_two_roles, _ = evidence.split([Objection("voter", "a"), Objection("voter", "a")], {})
    assert [one.error().hosts for one in of_two_roles] == [["a"]]


@pytest.mark.parametrize(
    ("number", "address", "names"),
    [
        (3, "kafka3:9092", ("kafka3", "3")),
        (3, "kafka3.example.com:9092", ("kafka3.example.com", "3")),
        (3, "[2001:db8::3]:9092", ("2001:db8::3", "3")),
        (3, "127.0.0.1:9092", ("3",)),  # says nothing about which host it is
        (3, "localhost:9092", ("3",)),
    ],
)
def test_what_a_member_may_be_called(number, address, names):
    assert shared.names(number, address) == names


@pytest.mark.parametrize(
    ("link", "version"),
    [
        ("kafka_2.13-3.9.2", "3.9.2"),
        ("apache-zookeeper-3.8.6", "3.8.6"),
        ("apache-zookeeper-3.8.6-bin", "3.8.6"),
        ("kafka", None),
        (None, None),
    ],
)
def test_the_version_in_use(link, version):
    assert shared.version_in(link) == version


@pytest.mark.parametrize(
    ("now", "then", "found"),
    [
        ("3.9.2", "2.5.0", 1),
        ("2.5.0", "3.9.2", 0),
        ("3.9.2", "3.9.2", 0),
        ("3.10.0", "3.9.2", 1),
        ("3.9.10", "3.9.9", 1),
    ],
)
def test_an_older_version_is_a_downgrade(now, then, found):
    objections = shared.older("Kafka", {"kafka1": (now, then)})
    assert said(objections) == [f"a downgrade: Kafka {now} -> {then}"] * found
    assert all(one.consent == Consent("--accept-downgrade") for one in objections)


# -- brokers -----------------------------------------------------------------------------------------------------------


def test_a_registered_broker_that_the_inventory_does_not_have_is_named_with_the_way_out():
    (one,) = kafka.forgotten([broker(1), broker(2)], {1: "kafka1", 2: "kafka2"})
    assert one.what == "the inventory knows less than the cluster: broker 3 (kafka3:9092) is not in its group kafka"
    assert one.consent == Consent("--shrink", (("kafka3", "3"),))
    assert "--drain kafka3" in one.way and one.host == "kafka1"
    assert "registered: 3 brokers (1, 2, 3)" in one.details


@pytest.mark.parametrize(
    ("seen", "members"),
    [
        ([broker(1)], MEMBERS),  # --limit: the inventory has all of them
        ([broker(1, brokers={})], {1: "kafka1"}),  # it does not serve, so it says nothing
        ([broker(1, brokers={1: ADDRESSES[1]})], MEMBERS),  # more in the inventory: growth
        ([], {1: "kafka1"}),
    ],
)
def test_an_inventory_that_knows_as_much_or_more_is_fine(seen, members):
    assert kafka.forgotten(seen, members) == []


@pytest.mark.parametrize(
    ("seen", "found"),
    [
        ([broker(1), broker(2)], 0),
        ([broker(1), broker(2, data={}, cluster=None)], 0),  # an empty host joins
        ([broker(1), broker(2, data={DIR: Data("xyz")}, cluster=None)], 1),
        ([broker(1), broker(2, data={}, cluster="xyz")], 1),
        ([broker(1, data={DIR: Data("abc"), NEW: Data("xyz")})], 1),  # a disk of another cluster
    ],
)
def test_one_inventory_is_one_cluster(seen, found):
    objections = kafka.clusters(seen)
    assert said(objections) == ["the hosts belong to different clusters"] * found
    assert all(one.consent is None and any("xyz" in line for line in one.details) for one in objections)


TWO = {DIR: Data("abc", ("orders-0", "orders-1")), NEW: Data("abc", ("orders-2",))}
COPIED = {DIR: Data("abc", ("orders-0",)), NEW: Data("abc", ("orders-0", "orders-1"))}


@pytest.mark.parametrize(
    ("also", "out_of_sight"),
    [
        ({}, []),
        ({"wanted": (DIR, NEW)}, []),
        ({"wanted": (NEW,)}, [DIR]),
        ({"wanted": (NEW,), "active": False}, [DIR]),  # a stopped broker's data is as much out of sight
        ({"wanted": (NEW,), "data": {DIR: Data("abc", ())}}, []),  # emptied
        ({"present": (DIR, NEW), "wanted": (DIR,), "data": TWO}, [NEW]),
        ({"present": (DIR, NEW), "wanted": ("/srv/other",), "data": TWO}, [DIR, NEW]),
        ({"wanted": (NEW,), "data": COPIED, "active": False}, []),  # copied by hand while it was stopped
        ({"wanted": (NEW,), "data": COPIED}, [DIR]),  # the copy of a running broker is old at once
    ],
)
def test_a_directory_with_partitions_does_not_leave_the_list(also, out_of_sight):
    found = kafka.hidden([broker(**also)])
    assert [one.what.split()[0] for one in found] == out_of_sight
    assert [one.consent for one in found] == [Consent("--give-up-data", ((path,),)) for path in out_of_sight]
    assert all(f"--drain-dir {{host}}:{path}" in one.way for one, path in zip(found, out_of_sight, strict=True))


@pytest.mark.parametrize(
    ("now", "then", "chosen", "found"),
    [
        ({"min.insync.replicas": "2"}, {"min.insync.replicas": "1"}, (), 1),
        ({"min.insync.replicas": "1"}, {"min.insync.replicas": "2"}, (), 0),
        ({"min.insync.replicas": "2"}, {"min.insync.replicas": "1"}, ("kafka_min_insync_replicas",), 0),
        ({"min.insync.replicas": "2"}, {"min.insync.replicas": "1"}, ("min.insync.replicas",), 0),
        ({"default.replication.factor": "3"}, {"default.replication.factor": "2"}, ("min.insync.replicas",), 1),
        ({"offsets.topic.replication.factor": "3"}, {}, (), 1),
        ({}, {"min.insync.replicas": "1"}, (), 0),  # the first deploy
    ],
)
def test_settings_that_follow_from_the_number_of_brokers_never_fall_silently(now, then, chosen, found):
    objections = kafka.fewer_copies([broker(now=now, then=then, chosen=frozenset(chosen))])
    assert len(objections) == found
    assert all(one.consent == Consent("--accept-fewer-copies") and one.details for one in objections)


@pytest.mark.parametrize(
    ("replicas", "known", "orphaned", "held"),
    [
        ((1, 2), (1, 2, 3), [], []),
        ((1, 4), (1, 2, 3), ["4"], []),  # broker 4 is dead, and gone from the inventory
        ((3, 1), (1, 2, 3), [], ["3"]),
    ],
)
def test_copies_on_brokers_that_leave(replicas, known, orphaned, held):
    partitions = [Partition("orders", number, replicas) for number in (0, 1)]
    found = kafka.orphans(partitions, known)
    assert [one.consent for one in found] == [Consent("--shrink", ((number,),)) for number in orphaned]
    assert all("2 partitions should have a copy on broker 4" in one.what for one in found)
    still = kafka.undrained(partitions, {3: ADDRESSES[3]})
    assert [one.what for one in still] == [f"broker {number} still holds 2 partitions" for number in held]
    assert all("--drain kafka3" in one.way and one.consent is None for one in still)


@pytest.mark.parametrize(
    ("now", "then", "topics", "short"),
    [
        ("1", "2", {"orders": 1}, "orders"),  # a cluster that grows, with topics of before
        ("1", "2", {"orders": 2}, "orders"),  # and none to spare
        ("2", "3", {"orders": 3, "few": 2}, "few orders"),
        ("1", "2", {"orders": 3}, ""),
        ("1", "2", {"own": 1}, ""),  # it says itself what its writes need
        ("2", "1", {"orders": 1}, ""),
        ("2", "2", {"orders": 1}, ""),
        (None, "2", {"orders": 1}, ""),
    ],
)
def test_a_rising_minimum_stops_no_topic_that_has_fewer_copies_or_none_to_spare(now, then, topics, short):
    key = "min.insync.replicas"
    partitions = [Partition(name, number, tuple(range(n))) for name, n in topics.items() for number in (0, 1)]
    found = kafka.too_few_copies(broker(now={key: now} if now else {}, then={key: then}), partitions, ["own"])
    assert [one.details for one in found] == [(f"topics: {topic}",) for topic in short.split()]
    assert all(one.consent == Consent("--accept-downtime") for one in found)


@pytest.mark.parametrize(
    ("now", "then", "found"),
    [
        ("zk:2181", "zk:2181", 0),
        ("zk:2181", "zk:2181,zk2:2181", 0),
        ("zk:2181/kafka", "zk2:2181/kafka/", 0),
        ("zk:2181", "zk:2181/kafka", 1),
        ("zk:2181/a", "zk:2181/b", 1),
        ("", "zk:2181/a", 0),
    ],
)
def test_the_chroot_of_a_broker_with_data_stays(now, then, found):
    settings = [{"zookeeper.connect": connect} for connect in (now, then)]
    assert len(kafka.elsewhere([broker(now=settings[0], then=settings[1])])) == found
    assert kafka.elsewhere([broker(now=settings[0], then=settings[1], data={})]) == []


@pytest.mark.parametrize(("there", "found"), [("abc", 0), ("xyz", 1), (None, 1)])
def test_the_metadata_that_a_broker_would_use_is_its_own_clusters(there, found):
    assert len(kafka.other_metadata(broker(), there)) == found
    assert kafka.other_metadata(broker(data={}), there) == []


@pytest.mark.parametrize(("active", "found"), [(True, ["no ZooKeeper answers at zk-prod:2181"]), (False, [])])
def test_a_broker_that_runs_gets_no_metadata_that_does_not_answer(active, found):
    settings = [{"zookeeper.connect": connect} for connect in ("zk:2181", "zk-prod:2181")]
    said = kafka.silent_metadata(broker(now=settings[0], then=settings[1], active=active))
    assert [one.what.split(",")[0] for one in said] == found


def listening(names: str, inter: str) -> dict[str, str]:
    listed = ",".join(f"{name}://0.0.0.0:{9092 + place}" for place, name in enumerate(names.split()))
    return {"listeners": listed, "inter.broker.listener.name": inter}


@pytest.mark.parametrize(
    ("now", "then", "brokers", "found"),
    [
        (("A B", "A"), ("A B", "A"), 2, 0),
        (("A B", "A"), ("A B", "B"), 2, 0),
        (("A", "A"), ("B", "B"), 2, 2),  # said of each, and shown once
        (("A", "A"), ("A B", "B"), 2, 2),
        (("A B", "A"), ("B", "B"), 2, 2),
        (("A", "A"), ("B", "B"), 1, 1),  # with --limit
    ],
)
def test_brokers_that_restart_one_by_one_find_each_other_meanwhile(now, then, brokers, found):
    seen = [broker(number + 1, now=listening(*now), then=listening(*then)) for number in range(brokers)]
    assert len(kafka.talk(seen)) == found


@pytest.mark.parametrize(
    ("now", "then", "found"),
    [
        ("A B", "A B", 0),
        ("A B", "A C", 1),
        ("A B", "A B C", 0),
        ("A B", "A", 0),  # taken away, as it was asked for
        ("A B C", "A B D", 1),
        ("A B", "B A", 0),  # other ports
        ("A B", "C B", 0),  # the brokers' own: another rule
    ],
)
def test_a_listener_of_clients_keeps_its_name_while_brokers_restart_one_by_one(now, then, found):
    one = broker(now=listening(now, "A"), then=listening(then, "A"))
    assert len(kafka.renamed([one])) == found
    assert kafka.renamed([broker(now=one.now, then=one.then, active=False)]) == []


def test_a_broker_alone_may_rename_its_listeners():
    alone = broker(now=listening("A B", "A"), then=listening("C D", "C"), brokers={1: "kafka1:9092"})
    assert kafka.renamed([alone]) == kafka.talk([alone]) == []


# -- what hosts say ----------------------------------------------------------------------------------------------------


def write(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_what_a_brokers_files_say(tmp_path: Path):
    old, new = tmp_path / "old", tmp_path / "new"
    write(old / "meta.properties", "version=0\nbroker.id=1\ncluster.id=abc\n")
    for name in ("orders-0", "my-topic-12", f"moving-3.{'a' * 32}-future", "gone-1.abc-delete", "tmp"):
        (old / name).mkdir()
    config = write(tmp_path / "server.properties", f"log.dirs={new}/, {old}\nmin.insync.replicas=2\n")
    started = write(tmp_path / "started", f"log.dir={tmp_path}/third\n")
    (tmp_path / "link").symlink_to("/opt/kafka_2.13-3.9.2")
    args: dict[str, Any] = {"config": str(config), "started": str(started), "link": str(tmp_path / "link")}
    found = kafka_files.look({**args, "dirs": [str(new)]}, print)
    third = found["running"]["log.dir"]
    assert found["present"] == [str(new), str(old), third] and third.endswith("third")
    assert found["dirs"][str(old)]["cluster"] == "abc" and found["dirs"][str(new)]["cluster"] is None
    assert found["dirs"][str(old)]["partitions"] == [f"moving-3.{'a' * 32}-future", "my-topic-12", "orders-0"]
    assert found["link"] == "/opt/kafka_2.13-3.9.2" and found["settings"]["min.insync.replicas"] == "2"
    nothing = kafka_files.look({"config": "/nope", "started": "/nope", "link": "/nope", "dirs": [str(new)]}, print)
    assert nothing == {
        "settings": {},
        "running": {},
        "link": None,
        "present": [],
        "led": False,
        "voters": [],
        "bootstrap": "",
        "controllers": [],
        "dirs": {str(new): {"cluster": None, "old_format": False, "partitions": None}},
    }


def test_a_node_asks_the_controllers_that_it_was_started_with(tmp_path: Path):
    config = write(tmp_path / "server.properties", "controller.quorum.bootstrap.servers=a:1,b:1\n")
    args: dict[str, Any] = {"config": str(config), "link": "/nope", "dirs": []}
    started = write(tmp_path / "started", "controller.quorum.bootstrap.servers=a:1\n")
    assert kafka_files.look({**args, "started": str(started)}, print)["bootstrap"] == "a:1"
    for does_not_run in ("/nope", str(config)):
        assert kafka_files.look({**args, "started": does_not_run}, print)["bootstrap"] == "a:1,b:1"


@pytest.mark.parametrize(
    "text",
    [
        "# Rendered from templates/kafka/server.properties.j2\n# log.dirs=/old\nlog.dirs=/a, /b\n\nlisteners=A://:1,B://:2\n",
        "log.dirs : /a, \\\n    /b\nlisteners A://:1,B://:2\n",  # by hand, as Java reads it
    ],
)
def test_a_configuration_of_ours_and_one_by_hand_are_read(text: str):
    found = kafka_files.read(text)
    assert kafka_files.data_dirs(found) == ["/a", "/b"] and found["listeners"] == "A://:1,B://:2"


def test_partitions_are_counted_only_where_a_directory_leaves(tmp_path: Path):
    (tmp_path / "orders-0").mkdir()
    config = write(tmp_path / "server.properties", f"log.dirs={tmp_path}\n")
    args: dict[str, Any] = {"config": str(config), "started": "/nope", "link": "/nope"}
    stays = kafka_files.look({**args, "dirs": [f"{tmp_path}/"]}, print)
    assert stays["dirs"][str(tmp_path)]["partitions"] is None
    leaves = kafka_files.look({**args, "dirs": ["/srv/other"]}, print)
    assert leaves["dirs"][str(tmp_path)]["partitions"] == ["orders-0"]


@pytest.mark.parametrize(
    ("names", "data"),
    [
        (["snapshot.0"], False),
        (["snapshot.100000003"], True),
        (["log.1"], True),
        (["acceptedEpoch"], False),
        ([], False),
    ],
)
def test_what_a_servers_files_say(tmp_path: Path, names: list[str], data: bool):
    for name in names:
        write(tmp_path / "data/version-2" / name)
    named = "server.1=a:2888:3888\nserver.12=b:2888:3888:participant;2181\n"
    config = write(tmp_path / "zoo.cfg", f"dataDir={tmp_path}/data\nclientPort=2181\n{named}")
    found = zookeeper_files.look({"config": str(config), "started": "", "link": "/nope", "dirs": ["/srv/zk"]}, print)
    assert found["servers"] == {"1": "a:2888:3888", "12": "b:2888:3888:participant"}
    assert found["present"] == [f"{tmp_path}/data"]
    assert found["data"] == ([f"{tmp_path}/data"] if data else [])
