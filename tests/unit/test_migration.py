"""From ZooKeeper to controllers: which step a cluster may take, by where it stands, and what each step's files say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cluster.metadata.kraft.seen import Controller, Replica, Seen
from cluster.settings.properties import parse
from provisioner.errors import ConfigError
from roles.kafka import migration
from roles.kafka.migration import END, Stands, Zookeeper
from roles.kafka_controller import service as controller
from roles.shared import kraft
from tests.support.roles import inventory, target, text

HOSTS = ["kafka1", "kafka2", "kafka3"]
CONTROLLERS = {101: "kafka1", 102: "kafka2", 103: "kafka3"}
BROKER, CONTROLLER = "/etc/kafka/server.properties", controller.CONFIG
# Where a cluster may stand.
BEFORE = Stands({"zookeeper": HOSTS})
BESIDE = Stands({"zookeeper": HOSTS}, controllers=HOSTS, led=True)
HALF_DUAL = Stands({"zookeeper": HOSTS[1:], "dual": HOSTS[:1]}, controllers=HOSTS, led=True)
DUAL = Stands({"dual": HOSTS}, controllers=HOSTS, led=True)
GONE = Stands({"dual": HOSTS})  # a way back that was cut off: the controllers are removed
HALF_MOVED = Stands({"dual": HOSTS[1:], "kraft": HOSTS[:1]}, controllers=HOSTS, led=True)
MOVED = Stands({"kraft": HOSTS}, controllers=HOSTS, led=True)
HALF_LEFT = MOVED._replace(left=HOSTS[:1])
ENDED = MOVED._replace(left=HOSTS)
NEW = Stands({}, new=HOSTS)


def of_step(directory: Path, step: str | None, **variables: Any) -> Any:
    if step is not None:
        variables["kafka_migration"] = step
    return inventory(directory, HOSTS, HOSTS, kafka_controller=HOSTS, **{"kafka_version": "3.9.2", **variables})


@pytest.mark.parametrize(
    ("now", "allowed"),
    [
        (BEFORE, {"back", "controllers"}),
        (BESIDE, {"back", "controllers", "dual"}),
        (HALF_DUAL, {"back", "controllers", "dual"}),
        (DUAL, {"back", "controllers", "dual", "brokers"}),
        (GONE, {"back", "controllers"}),
        (HALF_MOVED, {"dual", "brokers"}),
        (MOVED, {"dual", "brokers", END}),
        (HALF_LEFT, {END}),
        (ENDED, {END}),
        (NEW, {"back"}),
    ],
)
def test_only_the_next_step_and_the_one_before_may_be_taken(now: Stands, allowed: set[str]):
    assert {goal for goal in migration.ORDER if migration.skipped(goal, now) is None} == allowed


@pytest.mark.parametrize(
    ("goal", "now", "first"),
    [
        ("dual", BEFORE, "controllers"),
        ("brokers", BEFORE, "controllers"),
        ("brokers", BESIDE, "dual"),
        (END, BESIDE, "dual"),
        (END, DUAL, "brokers"),
        ("controllers", MOVED, "dual"),
        ("back", MOVED, "dual"),
        ("back", HALF_MOVED, "dual"),
    ],
)
def test_a_step_that_is_skipped_is_refused_with_the_name_of_the_next_one(goal: str, now: Stands, first: str):
    refused = migration.skipped(goal, now)
    assert refused is not None and refused.what.endswith(f"skips a step: kafka_migration: {first} comes first")
    assert f"kafka_migration: {first}" in refused.way


def test_nothing_leads_back_from_the_end():
    refused = migration.skipped("brokers", ENDED)
    assert refused is not None and "there is no way back" in refused.what


@pytest.mark.parametrize(
    ("goal", "now", "offset", "trap"),
    [
        ("controllers", BEFORE, None, False),
        ("controllers", BEFORE, -1, False),
        ("controllers", BEFORE, 0, True),
        ("controllers", BEFORE, 412, True),
        ("controllers", BESIDE, 412, True),  # of others: no broker knows these
        ("dual", BESIDE._replace(led=False), 412, True),
        ("dual", HALF_DUAL, 412, False),
        ("dual", DUAL, 412, False),
        ("dual", DUAL._replace(led=False), 412, True),
        ("controllers", DUAL, 412, False),  # they go first, and /migration with them
        ("back", BEFORE, 412, False),
    ],
)
def test_controllers_without_metadata_never_meet_what_others_left_in_zookeeper(
    goal: str, now: Stands, offset: int | None, trap: bool
):
    refused = migration.trapped(goal, now, Zookeeper(offset=offset))
    assert (refused is not None) == trap
    assert refused is None or ("kafka_migration: back" in refused.way and str(offset) in refused.details[0])


def seen(leader: int | None = 101, down: int | None = None, voters: tuple[int, ...] = (101, 102, 103), **late: int):
    asked = {
        host: Controller(number, "Connection refused" if number == down else "", leader)
        for number, host in CONTROLLERS.items()
    }
    level: dict[str, Any] = {"end_offset": 100, "silent_ms": 0, "behind_ms": 0}
    found = [Replica(number, **{**level, **(late if number == 102 else {})}) for number in voters]
    return Seen(asked, leader, 4, 100, tuple(found))


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (seen(), None),
        (seen(leader=None), "the controllers have no leader"),
        (seen(down=103), "the controllers are not ready: 2 of 3 controllers in the quorum and level"),
        (seen(voters=(101, 102)), "the controllers are not ready: 2 of 3 controllers in the quorum and level"),
        (seen(silent_ms=9000), "the controllers are not ready: 2 of 3 controllers in the quorum and level"),
        (seen(behind_ms=9000), "the controllers are not ready: 2 of 3 controllers in the quorum and level"),
    ],
)
def test_brokers_are_given_to_a_whole_quorum_only(found: Seen, said: str | None):
    refused = migration.not_ready(found, CONTROLLERS)
    assert (refused.what if refused else None) == said


@pytest.mark.parametrize(
    ("found", "ready"),
    [
        (Zookeeper(101, True, 412), True),
        (Zookeeper(101, True, -1), False),
        (Zookeeper(101, True, None), False),
        (Zookeeper(1, False, 412), False),
        (Zookeeper(900, True, 412), False),
        (Zookeeper(), False),
    ],
)
def test_brokers_leave_zookeeper_when_a_controller_leads_them_with_all_that_is_there(found: Zookeeper, ready: bool):
    assert (migration.not_migrated(found, CONTROLLERS) is None) == ready


def test_brokers_have_left_when_zookeeper_has_none_and_the_controllers_all():
    brokers = {1: "kafka1", 2: "kafka2"}
    assert migration.under_way(Zookeeper(brokers=(2,)), brokers, [1]) == "still registered in ZooKeeper: kafka2 (2)"
    assert migration.under_way(Zookeeper(), brokers, [1]) == "do not follow the controllers yet: kafka2 (2)"
    assert migration.under_way(Zookeeper(), brokers, [1, 2]) == ""


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({"zookeeper.connect": "a:2181"}, "zookeeper"),
        ({"zookeeper.connect": "a:2181", migration.FLAG: "true"}, "dual"),
        ({"process.roles": "broker"}, "kraft"),
        ({}, ""),
    ],
)
def test_what_a_broker_runs_with_says_where_it_stands(settings: dict[str, str], kind: str):
    assert migration.kind(settings) == kind


def test_each_step_changes_the_brokers_files_or_the_controllers_never_both(tmp_path: Path):
    def written(step: str | None, path: str) -> dict[str, str]:
        hosts, servers = None if step == "none" else HOSTS, HOSTS if step == "none" else None
        found = (
            of_step(tmp_path, step)
            if step in kraft.STEPS
            else inventory(tmp_path, HOSTS, servers, kafka_controller=hosts, kafka_version="3.9.2")
        )
        return parse(text(target(found, "kafka1"), path))

    before, beside, dual, moved, after = (written(one, BROKER) for one in ("none", *kraft.STEPS[1:], None))
    assert before == beside and moved == after
    added = {name: dual[name] for name in dual.keys() - beside.keys()}
    assert added == {
        "zookeeper.metadata.migration.enable": "true",
        "controller.quorum.bootstrap.servers": "kafka1:9093,kafka2:9093,kafka3:9093",
        "controller.listener.names": "CONTROLLER",
        "metadata.log.dir": "/var/lib/kafka/metadata",
        "broker.session.timeout.ms": "6000",
        "broker.heartbeat.interval.ms": "1000",
    }
    assert dual["listener.security.protocol.map"] == "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT"
    assert (moved["process.roles"], moved["node.id"], dual["broker.id"]) == ("broker", "1", "1")
    assert not [name for name in moved if name.startswith("zookeeper.")]

    first, second, third, last = (written(one, CONTROLLER) for one in (*kraft.STEPS[1:], None))
    assert first == second == third
    assert {name: first[name] for name in first.keys() - last.keys()} == {
        "zookeeper.metadata.migration.enable": "true",
        "zookeeper.connect": "kafka1:2181,kafka2:2181,kafka3:2181",
        "inter.broker.listener.name": "PLAINTEXT",
    }
    assert first["listener.security.protocol.map"] == "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT"


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"kafka_version": "2.5.0"}, "kafka_migration: dual is for Kafka 3.9, not for 2.5.0"),
        (
            {"kafka_process_roles": "broker,controller", "kafka_combined_controller_port": 9095},
            "controllers that are processes of their own",
        ),
        ({"kafka_zookeeper_connect": "zk1:2181"}, "kafka_migration: dual is for the servers of the inventory"),
    ],
)
def test_what_no_migration_starts_from_is_refused_before_any_connection(
    tmp_path: Path, variables: dict[str, Any], said: str
):
    with pytest.raises(ConfigError) as caught:
        of_step(tmp_path, "dual", **variables)
    assert said in str(caught.value)


def test_both_kinds_of_keeper_beside_each_other_are_a_migration_or_refused(tmp_path: Path):
    with pytest.raises(ConfigError) as caught:
        of_step(tmp_path, None)
    assert "would both keep the metadata" in str(caught.value) and "kafka_migration" in str(caught.value.advice)
    of_step(tmp_path, "controllers")
    with pytest.raises(ConfigError) as caught:
        inventory(tmp_path, HOSTS, HOSTS, kafka_version="3.9.2", kafka_migration="controllers")
    assert "kafka_controller has no hosts" in str(caught.value)


@pytest.mark.parametrize(
    ("goal", "brokers", "controllers", "expected"),
    [
        ("controllers", ("zookeeper",), (), True),
        ("controllers", ("zookeeper",), ("kafka1",), False),
        ("controllers", ("dual",), ("kafka1",), True),  # back
        ("controllers", ("dual", "zookeeper"), (), False),
        ("dual", ("zookeeper",), ("kafka1",), True),
        ("dual", ("zookeeper", "dual"), ("kafka1",), False),
        ("dual", ("kraft",), ("kafka1",), True),  # back
        ("dual", ("dual",), ("kafka1",), False),
        ("brokers", ("dual",), ("kafka1",), True),
        ("brokers", ("dual", "kraft"), ("kafka1",), False),
        ("back", ("dual",), ("kafka1",), False),
        ("end", ("kraft",), ("kafka1",), False),
    ],
)
def test_only_the_beginning_of_a_step_needs_all_brokers(
    goal: str, brokers: tuple[str, ...], controllers: tuple[str, ...], expected: bool
):
    now = migration.Stands({kind: [f"host{number}"] for number, kind in enumerate(brokers)}, controllers=controllers)
    assert migration.begins(goal, now) == expected
