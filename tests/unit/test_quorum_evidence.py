"""Where an inventory contradicts the controllers that are there: voters that it lacks, their directories, the mode."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cluster.metadata import remote as nodes
from provisioner.run.evidence import Objection, Witness
from roles import site
from roles.kafka import evidence_rules, quorum_evidence
from tests.support import roles as support
from tests.support.fake_hosts import FakeHosts
from tests.support.quorum import FakeQuorum

HOSTS = ["kafka1", "kafka2", "kafka3"]
PLACES = {n: f"kafka{n % 100}:9093" for n in (1, 2, 3, 101, 102, 103)}
NOTHING: Any = SimpleNamespace(changes=(), nothing=True)
SOMETHING: Any = SimpleNamespace(changes=(), nothing=False)
GROUPS = {"kafka-controller": "kafka_controller", "kafka": "kafka"}
DATA, METADATA = "/var/lib/kafka/data", "/var/lib/kafka-controller/data"

# -- voters that the inventory lacks: the rule


@pytest.mark.parametrize(
    ("voters", "wanted", "brokers", "found"),
    [
        ([101, 102, 103], [101, 102, 103], {1: "kafka1"}, []),
        ([101, 102], [101, 102, 103], {1: "kafka1"}, []),  # one more
        ([101, 102, 103], [101, 102], {1: "kafka1"}, ["controller 103 (kafka3:9093) is not in its group g"]),
        ([1, 2, 3], [1, 2], {1: "kafka1", 2: "kafka2"}, ["controller 3 (kafka3:9093) is not in its group g"]),
        ([1, 2, 3], [1, 2], {1: "kafka1", 2: "kafka2", 3: "kafka3"}, ["it is voter 3 of the quorum"]),
        # From combined nodes to controllers of their own in one step: the quorum would be gone.
        ([1], [101], {1: "kafka1"}, ["it is voter 1 of the quorum"]),
    ],
)
def test_voters_that_the_inventory_lacks(voters: list[int], wanted: list[int], brokers: Any, found: list[str]):
    said = quorum_evidence.lacking({n: PLACES[n] for n in voters}, wanted, brokers, "g", "kafka1")
    assert len(said) == len(found) and all(text in one.what for text, one in zip(found, said, strict=True))
    way = "`invoke quorum.remove --controller" if set(voters) & set(wanted) else "the quorum is gone with the last"
    assert all(way in one.way for one in said)


def test_a_voter_less_may_be_meant_and_a_majority_less_never():
    (one,) = quorum_evidence.lacking({n: PLACES[n] for n in (101, 102, 103)}, [101, 102], {}, "g", "kafka1")
    assert one.consent is not None and one.consent.shown == "--shrink kafka3"
    assert one.consent.given({"--shrink": ["103"]}) and "`invoke quorum.remove --controller kafka3`" in one.way
    (one,) = quorum_evidence.lacking({n: PLACES[n] for n in (101, 102, 103)}, [101], {}, "g", "kafka1")
    assert one.consent is None and one.details[-1] == "1 of 3 voters would be the inventory's, and 2 are needed"
    # An older quorum says no addresses.
    (one,) = quorum_evidence.lacking({101: "", 103: ""}, [101, 102], {}, "g", "kafka1")
    assert "controller 103 is not in its group g" in one.what


def test_a_voter_that_would_be_a_broker_alone_is_never_meant():
    (one,) = quorum_evidence.lacking({1: "", 2: "", 3: ""}, [1, 2], {n: f"kafka{n}" for n in (1, 2, 3)}, "g", "kafka1")
    assert one.consent is None and one.host == "kafka3" and "--controller 3`" in one.way


@pytest.mark.parametrize(
    ("voters", "way"),
    [
        ([1, 2, 3], "let the new controllers join first: set kafka_process_roles: broker,controller for all brokers"),
        ([1, 2, 3, 101], "let the new controllers join first"),
        ([1, 2, 3, 101, 102], "take it out of the quorum first: `invoke quorum.remove --controller 1`"),
        ([1, 101, 102], "take it out of the quorum first: `invoke quorum.remove --controller 1`"),
    ],
)
def test_combined_nodes_leave_after_the_controllers_of_their_own_have_joined(voters: list[int], way: str):
    brokers = {number: f"kafka{number}" for number in (1, 2, 3)}
    said = quorum_evidence.lacking(dict.fromkeys(voters, ""), [101, 102], brokers, "kafka_controller", "kafka1")
    assert len(said) == len({*voters} & {*brokers}) and way in said[0].way and said[0].consent is None


# -- the same, asked


def files(path: str, **also: Any) -> dict[str, Any]:
    return {
        "settings": {"process.roles": "x"},
        "link": "kafka_2.13-4.3.1",
        "present": [path],
        "dirs": {path: {"cluster": "abc", "partitions": None}},
        "led": True,
        "voters": [],
        "bootstrap": "",
        **also,
    }


def witnesses(
    directory: Path,
    plan: Any = SOMETHING,
    said: Mapping[str, Mapping[str, Any]] | None = None,
    serving: Mapping[str, Any] | None = None,
    run: list[str] = HOSTS,
    **groups: Any,
) -> list[Witness]:
    inventory = support.inventory(directory, **{"kafka": HOSTS, **groups})
    found = []
    for name in run:
        target = support.target(inventory, name)
        here = [unit for unit, group in GROUPS.items() if target.is_in(group)]
        usual: dict[str, Any] = {"kafka": files(DATA), "kafka-controller": files(METADATA)}
        answers: dict[str, Any] = {"kafka": {"brokers": {}, "cluster_id": "abc"}, "kafka-controller": {"serving": True}}
        found.append(
            Witness(
                target,
                plan,
                said={unit: {**usual[unit], **((said or {}).get(unit) or {})} for unit in here},
                serving={unit: answers[unit] for unit in here} if serving is None else serving,
                active=here,
            )
        )
    return found


def judged(found: list[Witness], quorum: FakeQuorum) -> tuple[list[Objection], FakeHosts]:
    hosts = FakeHosts(quorum.answers)
    return site.judge(found, hosts, {}), hosts


@pytest.mark.parametrize(
    ("groups", "voters", "asked"),
    [
        ({"kafka": HOSTS[:2]}, [1, 2, 3], nodes.quorum_leader),
        ({"kafka_controller": HOSTS[:2]}, [101, 102, 103], nodes.quorum_leader),
        # No broker is in this run, or in none of its hosts: a controller is asked.
        ({"kafka": ["b"], "kafka_controller": HOSTS[:2], "run": HOSTS[:2]}, [101, 102, 103], nodes.kraft_quorum),
    ],
)
def test_a_run_that_changes_something_asks_for_the_voters_once(tmp_path: Path, groups: Any, voters: Any, asked: Any):
    quorum = FakeQuorum(*voters)
    quorum.places = PLACES
    run = groups.pop("run", HOSTS[:2])
    (one,), hosts = judged(witnesses(tmp_path, run=run, **groups), quorum)
    assert f"controller {voters[-1]} (kafka3:9093) is not in its group" in one.what
    assert len(hosts.asked) == 1 == len(hosts.to(asked))


@pytest.mark.parametrize("groups", [{}, {"kafka_controller": HOSTS}])
def test_a_run_that_changes_nothing_asks_nothing_and_neither_does_one_before_there_is_a_quorum(
    tmp_path: Path, groups: Any
):
    quorum = FakeQuorum(7)
    for found in (witnesses(tmp_path, NOTHING, **groups), witnesses(tmp_path, serving={}, **groups)):
        assert (judged(found, quorum)[0], judged(found, quorum)[1].asked) == ([], [])


@pytest.mark.parametrize("groups", [{}, {"kafka": ["b"], "kafka_controller": HOSTS}])
def test_a_quorum_without_a_leader_says_nothing_about_its_voters(tmp_path: Path, groups: Any):
    quorum = FakeQuorum(101)
    quorum.leader = None
    assert judged(witnesses(tmp_path, **groups), quorum)[0] == []


# -- controllers of their own


def test_metadata_is_not_left_behind(tmp_path: Path):
    dirs: dict[str, Any] = {path: {"cluster": None, "partitions": None} for path in ("/srv/old", METADATA)}
    dirs["/srv/old"]["cluster"] = "abc"
    moved = {"kafka-controller": {"present": ["/srv/old"], "dirs": dirs}}
    found = witnesses(tmp_path, NOTHING, moved, run=["kafka3"], kafka={"b": {}}, kafka_controller=HOSTS)
    ((one,), _) = judged(found, FakeQuorum(101))
    assert (
        one.host == "kafka3" and f"is in /srv/old, and the controller would start with an empty {METADATA}" in one.what
    )
    assert one.consent is not None and one.consent.shown == "--give-up-data /srv/old"
    # A directory that was never formatted may be left.
    dirs["/srv/old"]["cluster"] = None
    assert judged(found, FakeQuorum(101))[0] == []


def test_a_controller_that_runs_outside_its_group_leaves_without_the_broker_beside_it(tmp_path: Path):
    (found,) = witnesses(tmp_path, NOTHING, run=["kafka3"])
    (one,) = judged([found._replace(beside=["kafka-controller"])], FakeQuorum(1))[0]
    assert "kafka-controller runs here, and the host is not in the group kafka_controller" in one.what
    assert "`invoke quorum.remove --controller kafka3`" in one.way
    assert "`invoke uninstall --limit kafka3 --service kafka-controller`" in one.way
    assert one.consent is not None and one.consent.shown == "--shrink kafka3"


def test_controllers_and_brokers_of_different_clusters_are_no_cluster(tmp_path: Path):
    other = {"kafka": {"dirs": {DATA: {"cluster": "xyz", "partitions": None}}}}
    found = judged(witnesses(tmp_path, NOTHING, other, kafka_controller=HOSTS), FakeQuorum(101))[0]
    assert any(one.what == "the hosts belong to different clusters" for one in found)


@pytest.mark.parametrize(("link", "older"), [("kafka_2.13-4.9.0", True), ("kafka_2.13-4.0.0", False), (None, False)])
def test_an_older_version_is_said_by_a_host_with_a_controller_alone(tmp_path: Path, link: str | None, older: bool):
    groups: dict[str, Any] = {"kafka": ["b"], "kafka_controller": HOSTS, "run": ["kafka1"]}
    found = judged(witnesses(tmp_path, NOTHING, {"kafka-controller": {"link": link}}, **groups), FakeQuorum(101))[0]
    assert [one.what for one in found] == (["a downgrade: Kafka 4.9.0 -> 4.3.1"] if older else [])


# -- the mode

ZOOKEEPER, KRAFT = {"zookeeper.connect": "zoo1:2181"}, {"process.roles": "broker,controller"}


@pytest.mark.parametrize(
    ("now", "then", "data", "said"),
    [
        (ZOOKEEPER, ZOOKEEPER, True, ""),
        (KRAFT, KRAFT, True, ""),
        (ZOOKEEPER, KRAFT, True, "would become a node of a new one that keeps its own metadata (KRaft)"),
        (KRAFT, ZOOKEEPER, True, "would become a broker of a ZooKeeper one"),
        (ZOOKEEPER, KRAFT, False, ""),  # it never had a cluster
        ({}, KRAFT, True, ""),
        ({}, ZOOKEEPER, True, ""),  # nobody knows what it was: its configuration is lost
        # On the way from ZooKeeper to KRaft it says both.
        ({**ZOOKEEPER, **KRAFT}, KRAFT, True, ""),
    ],
)
def test_a_lost_group_does_not_make_another_cluster_of_a_broker(now: Any, then: Any, data: bool, said: str):
    seen = evidence_rules.Seen(
        "kafka1", 1, data={DATA: evidence_rules.Data("abc" if data else None)}, now=now, then=then
    )
    found = evidence_rules.mode([seen])
    assert [said in one.what for one in found] == ([True] if said else [])
    assert all(one.consent is None and "group zookeeper" in one.way for one in found)


@pytest.mark.parametrize(
    ("now", "old", "found"),
    [
        ({}, True, 1),
        ({}, False, 0),
        (ZOOKEEPER, True, 0),  # its own configuration is there, and says more
        (KRAFT, True, 1),
    ],
)
def test_a_disk_of_a_broker_with_zookeeper_is_no_disk_of_a_node(now: Any, old: bool, found: int):
    data = {DATA: evidence_rules.Data("abc", (), old)}
    objections = evidence_rules.reused([evidence_rules.Seen("kafka1", wanted=(DATA,), data=data, now=now)])
    assert [one.host for one in objections] == ["kafka1"] * found
    assert all(one.consent is None and DATA in one.what for one in objections)


def test_a_controller_gets_no_such_disk_either(tmp_path: Path):
    old = {"kafka-controller": {"dirs": {METADATA: {"cluster": "abc", "old_format": True, "partitions": []}}}}
    (one, two), _ = judged(
        witnesses(tmp_path, said=old, run=["kafka1", "kafka2"], kafka_controller=HOSTS), FakeQuorum(101, 102, 103)
    )
    assert (one.host, two.host) == ("kafka1", "kafka2") and f"{METADATA} has the data of a broker with" in one.what
