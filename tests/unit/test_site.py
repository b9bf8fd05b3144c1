"""The site asks every role for the parts that it has; a unit of which nothing else is known is rolled, too."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from provisioner.errors import ConfigError
from roles import checks, site
from roles.role import Role
from tests.support import roles as support

HOSTS = ("kafka2", "kafka1", "kafka3")


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> Role:
    """A role that stands beside Kafka and has no part but role.py."""
    role = Role("exporter", groups=("kafka",))
    monkeypatch.setattr(site, "ROLES", (*site.ROLES, role))
    return role


def nobody(*arguments: Any) -> Any:
    raise AssertionError(f"nobody is to be asked: {arguments}")


@pytest.mark.usefixtures("exporter")
def test_a_unit_without_a_gate_of_its_own_restarts_one_host_after_the_other_and_waits_for_nobody(tmp_path: Path):
    inventory = support.three(tmp_path)
    targets = {name: support.target(inventory, name) for name in HOSTS}
    gate = site.gate("exporter", targets, nobody, nobody)
    assert list(gate.order(HOSTS)) == list(HOSTS)
    for host in HOSTS:
        before = gate.permit(host)
        assert gate.relieve(host, before) is False
        gate.settle(host, before)
    assert site.downtime(list(targets.values()), [(host, "exporter") for host in HOSTS], nobody, nobody) == []


def test_downtime_that_the_inventory_accepts_is_no_reason_to_ask(tmp_path: Path):
    restarts = [("single1", "zookeeper"), ("single1", "kafka")]
    strict = [support.target(support.single(tmp_path))]
    reasons = site.downtime(strict, restarts, nobody, nobody)
    assert [reason.partition(":")[0] for reason in reasons] == [
        "single1 is the only ZooKeeper server",
        "single1 is the only Kafka broker",
    ]
    lenient = [support.target(support.single(tmp_path, kafka_accept_downtime=True))]
    assert site.downtime(lenient, restarts, nobody, nobody) == []
    assert site.downtime(lenient, restarts, nobody, nobody, accepted=True) == reasons, "a plan counts it all the same"


def test_what_a_role_finds_in_an_inventory_counts_its_ports_among_those_of_the_host(
    tmp_path: Path, exporter: Role, monkeypatch: pytest.MonkeyPatch
):
    part = SimpleNamespace(
        CHECKS=(lambda inventory: [ConfigError("no metrics")],),
        ports=lambda host: [(9092, "the exporter")],
        warnings=lambda inventory: ["no metrics are kept"],
    )
    found = Role.part
    monkeypatch.setattr(Role, "has", lambda role, name: role == exporter or (role.name in ("kafka", "zookeeper")))
    monkeypatch.setattr(Role, "part", lambda role, name: part if role == exporter else found(role, name))
    inventory = support.single(tmp_path)
    problems = [str(problem) for check in checks.of(site.ROLES) for problem in check(inventory)]
    assert problems[0] == "no metrics" and len(problems) == 2
    assert "port 9092 is used by the exporter and Kafka listener PLAINTEXT" in problems[1]
    assert site.warnings(inventory) == ["no metrics are kept"]
