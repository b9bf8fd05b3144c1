"""The end of an attempt to leave ZooKeeper: what is removed, in which order, and what a check leaves alone."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from cluster.metadata import remote as nodes
from provisioner.connect import requests
from provisioner.report.plain import PlainReporter
from provisioner.run.target import Target
from roles.kafka import migration_back
from roles.kafka_controller import contents
from tests.support.fake_hosts import FakeHosts
from tests.support.roles import inventory, resources, target

HOSTS = ["kafka1", "kafka2"]


@pytest.fixture
def targets(tmp_path: Path) -> list[Target]:
    found = inventory(
        tmp_path, HOSTS, ["kafka1"], kafka_controller=HOSTS, kafka_version="3.9.2", kafka_migration="back"
    )
    return [target(found, name) for name in HOSTS]


def hosts(*present: str) -> FakeHosts:
    return FakeHosts(
        {
            requests.look_for: {"present": list(present)},
            requests.remove: {"removed": [], "stays": []},
            nodes.migration_forget: {"deleted": ["/controller", "/migration"]},
        }
    )


def named(host: FakeHosts, entry: Any) -> list[list[str]]:
    """The resources of every such request, each as its kind."""
    return [[one["kind"] for one in args["resources"]] for args in host.to(entry)]


def test_a_step_back_has_no_controller_in_it(targets: list[Target]):
    assert not [one for one in resources(targets[0]) if "kafka-controller" in one.key]


def test_controllers_stop_everywhere_before_zookeeper_forgets_them_and_then_their_data_goes(targets: list[Target]):
    asked, out = hosts("service kafka-controller", "/var/lib/kafka-controller/data"), io.StringIO()
    done = contents.before_restarts(asked.call, targets, PlainReporter(out))
    assert done == dict.fromkeys(HOSTS, (0, 2))
    order = [(host, request.function) for host, request in asked.asked if request.function != "look"]
    assert order == [
        *((name, "remove") for name in HOSTS),
        ("kafka1", "forget"),
        *((name, "remove") for name in HOSTS),
    ]
    removed = named(asked, requests.remove)
    assert removed[:2] == [["service"], ["service"]] and "service" not in removed[2]
    paths = {one.get("path") for one in asked.to(requests.remove)[2]["resources"]}
    assert "/var/lib/kafka-controller/data" in paths and "/opt/kafka" not in paths, "the broker beside it needs that"
    assert "zookeeper:/migration (of controllers that are gone)" in out.getvalue()


def test_a_host_of_a_controllers_own_keeps_what_every_deploy_of_this_step_brings(tmp_path: Path):
    """What its removal took along, the next deploy would bring again, and the one after that remove."""
    mixed = ["kafka1", "c2", "c3"]
    found = inventory(
        tmp_path, HOSTS, ["kafka1"], kafka_controller=mixed, kafka_version="3.9.2", kafka_migration="back"
    )
    asked = hosts("service kafka-controller")
    controllers = [target(found, name) for name in mixed]
    contents.contents(asked.call, controllers, PlainReporter(io.StringIO()), False)
    for number, one in enumerate(controllers):
        removed = [*asked.to(requests.remove)[number]["resources"], *asked.to(requests.remove)[number + 3]["resources"]]
        gone = {made["path"] for made in removed if made.get("path")}
        assert "/var/lib/kafka-controller/data" in gone
        assert not gone & {made.place for made in resources(one)}
        assert ("/opt/kafka" in gone) == (one.name != "kafka1")


def test_a_check_shows_it_and_removes_nothing(targets: list[Target]):
    asked, out = hosts("service kafka-controller"), io.StringIO()
    assert contents.contents(asked.call, targets, PlainReporter(out), True) == dict.fromkeys(HOSTS, (0, 1))
    assert "- kafka2: service:kafka-controller" in out.getvalue() and not asked.to(requests.remove)
    assert contents.contents(hosts().call, targets, PlainReporter(out), True) == {}


def test_brokers_lose_their_copies_of_what_those_controllers_knew(targets: list[Target]):
    asked, out = hosts("/var/lib/kafka/metadata"), io.StringIO()
    migration_back.remove_copies(asked.call, targets, PlainReporter(out), False)
    (first, second) = (args["resources"] for args in asked.to(requests.remove))
    assert [one["path"] for one in first] == ["/var/lib/kafka/metadata"] == [one["path"] for one in second]
    assert all(one["purge"] for one in first), "only a purge removes data"
    asked = hosts()
    assert migration_back.remove_copies(asked.call, targets, PlainReporter(out), False) == {}
    assert not asked.to(requests.remove)
