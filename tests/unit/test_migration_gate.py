"""A step of a migration from ZooKeeper, judged by a cluster that answers as a test says."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cluster import remote
from cluster.metadata import remote as nodes
from provisioner.errors import HostFailed, ProvisionerError, Refused
from provisioner.report.plain import PlainReporter
from provisioner.run.evidence import Witness
from roles import site
from roles.kafka import migration_gate, migration_status, stages
from roles.kafka.release import release
from roles.shared import kraft
from roles.zookeeper import gate as servers
from tests.support.fake_hosts import FakeHosts
from tests.support.roles import inventory, target

HOSTS = ["kafka1", "kafka2", "kafka3"]
RUNS = {
    "zookeeper": {"zookeeper.connect": "kafka1:2181"},
    "dual": {"zookeeper.connect": "kafka1:2181", kraft.MIGRATES: "true"},
    "kraft": {"process.roles": "broker"},
}
CONTROLLER = {"process.roles": "controller", kraft.MIGRATES: "true", "zookeeper.connect": "kafka1:2181"}
LEFT = {"process.roles": "controller"}


class Answers:
    """What the hosts say: who leads, how far ZooKeeper's metadata was copied, how many of the controllers are level."""

    def __init__(self, controller: int = 1, offset: int | None = None, ready: int = 3) -> None:
        self.zookeeper = {
            "answers": True,
            "why": "",
            "controller": controller,
            "kraft": controller > 100,
            "offset": offset,
            "since": None if offset is None else 1000.0,
            "brokers": [1, 2, 3],
        }
        self.ready, self.isr, self.looks = ready, [1, 2, 3], 0
        self.why, self.then = list[str](), list[list[int]]()  # of one that did not serve, and copies, look by look
        self.hosts = FakeHosts(
            {
                nodes.migration_look: self._look,
                nodes.kraft_quorum: self._quorum,
                nodes.zookeeper_ensemble: lambda host, args: self.ensemble,
                remote.answering: lambda host, args: {args["addresses"][0]: self.why.pop(0) if self.why else ""},
                remote.cluster_status: lambda host, args: {"serving": True, "partitions": [self._partition()]},
            }
        )
        self.ensemble: dict[str, Any] = {}

    def _look(self, host: str, args: Mapping[str, Any]) -> dict[str, Any]:
        assert args["connect"].startswith("kafka1:2181") and args["protocol"] == "PLAINTEXT"
        self.looks += 1
        return self.zookeeper

    def _partition(self) -> dict[str, Any]:
        one = {"topic": "t", "partition": 0, "leader": 1, "replicas": [1, 2, 3], "min_isr": 1}
        self.isr = self.then.pop(0) if self.then else self.isr
        return {**one, "isr": self.isr}

    def _quorum(self, host: str, args: Mapping[str, Any]) -> dict[str, Any]:
        level = {"end_offset": 9, "silent_ms": 0, "behind_ms": 0}
        voters = [{"id": one, "directory": f"d{one}", **level} for one in (101, 102, 103)]
        for late in voters[self.ready :]:
            late |= {"silent_ms": 9000, "behind_ms": 9000}
        observers = [{"id": one, "directory": f"b{one}", **level} for one in (1, 2, 3)]
        leads = {"epoch": 1, "high_watermark": 9, "voters": voters, "observers": observers, "places": {}}
        follows = {"serving": True, "why": "", "leader": 101, "is_leader": False}
        found = {name: {"id": where[0], **follows} for name, where in args["controllers"].items()}
        return {name: {**one, "is_leader": True, **leads} if one["id"] == 101 else one for name, one in found.items()}


def witnesses(
    directory: Path,
    step: str,
    kinds: str,
    controller: Mapping[str, str] | None = None,
    changes: bool = True,
    version: str = "3.9.2",
    **variables: Any,
) -> list[Witness]:
    """Three hosts of an inventory at a step ("" for none, "end" without ZooKeeper), whose brokers run so."""
    given: dict[str, Any] = {"kafka_version": version, **variables}
    controllers = HOSTS if step or controller else None
    zookeeper = None if step == "end" else HOSTS
    if step not in ("", "end"):
        given["kafka_migration"] = step
    found = inventory(
        directory, HOSTS, zookeeper, kafka_controller=None if not step else controllers, check=False, **given
    )
    plan: Any = SimpleNamespace(nothing=not changes, changes=(), restarts=())
    said: dict[str, Any] = {
        "kafka": {"settings": RUNS[kinds], "running": {}, "link": "/opt/kafka_2.13-3.9.2", "led": False}
    }
    if step:
        deployed = {"settings": dict(controller or {}), "running": {}, "link": None, "led": bool(controller)}
        said["kafka-controller"] = deployed
    said |= {"zookeeper": {"settings": {}}} if zookeeper else {}
    serving: Any = {"kafka": {"brokers": {}}}
    beside = ("kafka-controller",) if controller and not step else ()
    return [Witness(target(found, name), plan, said, serving, (), beside) for name in HOSTS]


def refusal(found: list[Witness], answers: Answers) -> str:
    with pytest.raises(ProvisionerError) as caught:
        stages.way(found, answers.hosts.call)
    return "\n".join(caught.value.lines())


@pytest.mark.parametrize(
    ("step", "kinds", "controller", "answers"),
    [
        ("controllers", "zookeeper", None, Answers()),
        ("controllers", "zookeeper", CONTROLLER, Answers(offset=-1)),
        ("dual", "zookeeper", CONTROLLER, Answers(offset=-1)),
        ("dual", "kraft", CONTROLLER, Answers(101, 412)),
        ("brokers", "dual", CONTROLLER, Answers(101, 412)),
        ("back", "dual", CONTROLLER, Answers(101, 412)),
        ("back", "zookeeper", CONTROLLER, Answers(101, 412)),
    ],
)
def test_a_step_that_may_be_taken_is_one_roll_as_any_other(
    tmp_path: Path, step: str, kinds: str, controller: Any, answers: Answers
):
    assert stages.way(witnesses(tmp_path, step, kinds, controller), answers.hosts.call) is None
    assert answers.looks == 1


@pytest.mark.parametrize(
    ("step", "kinds", "controller", "answers", "said"),
    [
        ("dual", "zookeeper", None, Answers(), "kafka_migration: controllers comes first"),
        ("brokers", "zookeeper", CONTROLLER, Answers(), "kafka_migration: dual comes first"),
        ("end", "dual", CONTROLLER, Answers(), "kafka_migration: brokers comes first"),
        ("controllers", "zookeeper", None, Answers(offset=412), "they would delete every topic there"),
        ("dual", "zookeeper", CONTROLLER, Answers(offset=-1, ready=2), "the controllers are not ready: 2 of 3"),
        ("brokers", "dual", CONTROLLER, Answers(1, -1), "the controllers have not copied yet what ZooKeeper knows"),
        ("brokers", "dual", CONTROLLER, Answers(101, 412, ready=2), "the controllers are not ready: 2 of 3"),
        ("brokers", "kraft", LEFT, Answers(101, 412), "there is no way back"),
        ("end", "kraft", CONTROLLER, Answers(101, 412, ready=2), "the controllers are not ready: 2 of 3"),
        ("", "dual", CONTROLLER, Answers(101, 412), "deploy with kafka_migration: back and the group kafka_controller"),
        ("", "kraft", CONTROLLER, Answers(101, 412), "kafka_migration: dual and the group kafka_controller"),
        ("", "zookeeper", CONTROLLER, Answers(), "the inventory does not say how far it is to go"),
    ],
)
def test_what_must_not_be_done_is_refused_with_what_comes_first(
    tmp_path: Path, step: str, kinds: str, controller: Any, answers: Answers, said: str
):
    assert said in refusal(witnesses(tmp_path, step, kinds, controller), answers)


def test_the_state_before_a_step_is_sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(migration_gate, "PAUSE", 0.0)
    down = witnesses(tmp_path, "controllers", "zookeeper")
    down[1] = down[1]._replace(serving={})
    answers = Answers()
    answers.why = ["Connection refused"]
    assert "some do not serve: kafka2" in refusal(down, answers) and not answers.why, "it does not run: asked once"

    monkeypatch.setattr(migration_gate, "COMING", 0.0)
    behind = Answers()
    behind.isr = [1, 2]
    assert "1 partition under-replicated" in refusal(witnesses(tmp_path, "controllers", "zookeeper"), behind)

    silent = Answers()
    silent.zookeeper = {**silent.zookeeper, "answers": False, "why": "Connection refused"}
    assert "does not say how far the migration is: Connection refused" in refusal(
        witnesses(tmp_path, "controllers", "zookeeper"), silent
    )


def test_a_broker_that_has_just_started_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(migration_gate, "PAUSE", 0.0)
    found = witnesses(tmp_path, "controllers", "zookeeper")
    found[1] = found[1]._replace(serving={}, active=("kafka",))
    answers = Answers()
    answers.why, answers.isr = ["Connection refused", "Connection refused"], [1, 2]
    answers.then = [[1, 2], [1, 2, 3]]
    assert stages.way(found, answers.hosts.call) is None
    assert not answers.why and not answers.then


def test_a_step_changes_nothing_else_and_is_for_all_nodes(tmp_path: Path):
    older = witnesses(tmp_path, "controllers", "zookeeper", version="2.5.0")
    assert release(older[0].target.host.vars).version == "2.5.0"
    assert "runs with Kafka 3.9.2, and the inventory says 2.5.0" in refusal(older, Answers())
    newer = witnesses(tmp_path, "end", "kraft", CONTROLLER, version="4.3.1")
    assert "set kafka_version: 3.9.2" in refusal(newer, Answers(101, 412))
    unfinished = witnesses(tmp_path, "controllers", "zookeeper", kafka_protocol="2.5")
    assert "end the upgrade first: kafka_protocol: '3.9'" in refusal(unfinished, Answers())
    assert "some are not in this run" in refusal(witnesses(tmp_path, "dual", "zookeeper", CONTROLLER)[:2], Answers())


def test_where_no_broker_takes_a_step_some_hosts_alone_may_be_deployed_to(tmp_path: Path):
    answers = Answers(101, 412)
    assert stages.way(witnesses(tmp_path, "dual", "dual", CONTROLLER)[:2], answers.hosts.call) is None
    assert not answers.hosts.asked
    with pytest.raises(Refused, match="some are not in this run"):  # the first controllers come together
        stages.way(witnesses(tmp_path, "controllers", "zookeeper")[:2], answers.hosts.call)


def test_the_last_step_needs_a_yes_of_its_own(tmp_path: Path):
    way = stages.way(witnesses(tmp_path, "end", "kraft", CONTROLLER), Answers(101, 412).hosts.call)
    assert way is not None and [one.variables for one in way.stages] == [{}]
    (objection,) = way.objections
    assert objection.consent is not None and objection.consent.shown == "--accept-no-way-back"
    assert stages.way(witnesses(tmp_path, "end", "kraft", LEFT), Answers(101, 412).hosts.call) is None


@pytest.mark.parametrize("running", [{}, CONTROLLER])  # started again already, or only its file is written
def test_the_last_step_goes_on_while_the_controller_in_whose_restart_it_was_cut_off_is_starting(
    tmp_path: Path, running: Mapping[str, str]
):
    found = witnesses(tmp_path, "end", "kraft", CONTROLLER)
    one = {**found[2].said["kafka-controller"], "settings": LEFT, "running": running}
    found[2] = found[2]._replace(said={**found[2].said, "kafka-controller": one})
    way = stages.way(found, Answers(101, 412, ready=2).hosts.call)
    assert way is not None and [one.consent.shown for one in way.objections if one.consent] == ["--accept-no-way-back"]


def test_from_both_back_to_controllers_these_begin_anew(tmp_path: Path):
    for controller in (CONTROLLER, None):  # None: cut off when they were gone already
        found = witnesses(tmp_path, "controllers", "dual", controller)
        way = stages.way(found, Answers(101, 412).hosts.call)
        assert way is not None and [dict(one.variables) for one in way.stages] == [{"kafka_migration": "back"}, {}]


def test_where_nothing_is_to_do_only_zookeeper_is_asked(tmp_path: Path):
    answers = Answers(101, 412, ready=1)
    found = witnesses(tmp_path, "brokers", "kraft", CONTROLLER, changes=False)
    assert stages.way(found, answers.hosts.call) is None
    assert len(answers.hosts.asked) == answers.looks == 1


def test_a_step_is_waited_for_and_says_what_comes_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    out = io.StringIO()
    monkeypatch.setattr(migration_gate, "PAUSE", 0.0)
    answers = Answers(1, -1)
    brokers = [one.target for one in witnesses(tmp_path, "dual", "dual", CONTROLLER)]

    def copied(host: str, request: Any, event: Any = None) -> dict[str, Any]:
        if answers.looks == 3:
            answers.zookeeper |= {"controller": 101, "kraft": True, "offset": 412}
        return answers.hosts.call(host, request)

    assert migration_gate.settle(copied, brokers, PlainReporter(out)) == {"kafka1": (1, 0)}
    assert answers.looks == 4 and "dual is done; next: kafka_migration: brokers" in out.getvalue()
    monkeypatch.setattr(migration_gate, "SECONDS", 0.0)
    answers.zookeeper["offset"] = -1
    with pytest.raises(HostFailed, match="kafka_migration: dual is not complete after 0 seconds"):
        migration_gate.settle(answers.hosts.call, brokers, PlainReporter(out))


# -- status, and the end of ZooKeeper


@pytest.mark.parametrize(
    ("controller", "offset", "brokers", "step", "note"),
    [
        (1, None, [1, 2, 3], "back", "is at back, and the inventory says dual: `invoke deploy` goes there"),
        (1, -1, [1, 2, 3], "controllers", "is at controllers, and the inventory says dual"),
        (101, 412, [1, 2, 3], "dual", "is at dual; next: kafka_migration: brokers"),
        (101, 412, [], "brokers", "is at brokers, and the inventory says dual"),
    ],
)
def test_status_says_where_it_stands_and_what_is_next(
    tmp_path: Path, controller: int, offset: int | None, brokers: list[int], step: str, note: str
):
    answers = Answers(controller, offset)
    answers.zookeeper["brokers"] = brokers
    host = witnesses(tmp_path, "dual", "dual", CONTROLLER)[0].target
    found = migration_status.document([{"migration": migration_status.look(answers.hosts.call, host)}])
    assert found is not None and (found["step"], found["in_zookeeper"]) == (step, brokers)
    long = " for 2 days" if controller > 100 else ""  # a broker has led them since before
    said = f"migration from ZooKeeper: {step} ({controller} leads the brokers{long};"
    assert migration_status.line(found, 1000 + 2.5 * 86400).startswith(said)
    assert found["since"] == ("1970-01-01T00:16:40Z" if long else None)
    assert note in "\n".join(migration_status.notes(found))


def test_status_of_a_silent_zookeeper_and_of_no_migration(tmp_path: Path):
    answers = Answers()
    answers.zookeeper |= {"answers": False, "why": "Connection refused"}
    host = witnesses(tmp_path, "dual", "dual", CONTROLLER)[0].target
    found = migration_status.document([{"migration": migration_status.look(answers.hosts.call, host)}])
    assert found is not None and found["step"] is None and list(migration_status.notes(found)) == []
    assert "does not say how far it is" in migration_status.line(found, 0)
    none = witnesses(tmp_path, "", "zookeeper")[0].target
    assert migration_status.look(answers.hosts.call, none) is None
    assert migration_status.document([{"migration": None}]) is None


def test_zookeeper_on_hosts_of_its_own_goes_as_a_whole_or_as_any_of_its_servers(tmp_path: Path):
    found = inventory(tmp_path, ["kafka1"], ["z1", "z2"], kafka_version="3.9.2")
    targets = [target(found, name) for name in ("z1", "z2")]
    answers = Answers()
    modes = {"z1": "leader", "z2": "follower"}
    answers.ensemble = {name: {"serving": True, "mode": mode, "connections": 1} for name, mode in modes.items()}
    assert site.departure(targets, answers.hosts.call, lambda *_: None, "zookeeper") == [], (
        "no broker needs it any more"
    )
    (lost,) = site.departure(targets[:1], answers.hosts.call, lambda *_: None, "zookeeper")
    assert "quorum" in lost


@pytest.mark.parametrize(("connections", "used"), [((1, 1, 1), False), ((1, 3, 1), True)])
def test_zookeeper_goes_when_nobody_is_connected_to_it(tmp_path: Path, connections: tuple[int, ...], used: bool):
    answers = Answers()
    modes = ("leader", "follower", "follower")
    answers.ensemble = {
        name: {"serving": True, "mode": mode, "connections": number}
        for name, mode, number in zip(HOSTS, modes, connections, strict=True)
    }
    targets = [one.target for one in witnesses(tmp_path, "brokers", "kraft", CONTROLLER)]
    refused = servers.in_use(targets, answers.hosts.call)
    assert (refused is not None) == used
    assert refused is None or refused.details == ("kafka2: 2 connections",)
