"""Questions to a host that are asked side by side, on the host and from here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from provisioner.agent import main, together, units
from provisioner.agent.failure import Failure
from provisioner.connect import requests
from provisioner.connect.fleet import Fleet
from provisioner.options import Options
from provisioner.report.choose import reporter
from provisioner.resources import Request, Service
from provisioner.run import ahead
from provisioner.run.deploy import Deploy
from provisioner.run.plan import HostPlan
from provisioner.run.preparation import Preparation
from roles import site
from tests.support import roles as support
from tests.support.fake_hosts import FakeHosts
from tests.support.tables import Entry

ROOT = Path(__file__).resolve().parents[2]
HERE = __name__
MEETING = threading.Barrier(2)


def meet(args: dict[str, Any], emit: Any) -> dict[str, Any]:
    """Answers only while another one is asked, too."""
    MEETING.wait(20)
    return {"met": args["name"]}


def echo(args: dict[str, Any], emit: Any) -> dict[str, Any]:
    return args


def fail(args: dict[str, Any], emit: Any) -> dict[str, Any]:
    raise Failure("it does not answer")


def never(args: dict[str, Any], emit: Any) -> dict[str, Any]:
    threading.Event().wait()
    return {}


def wire(function: str, **args: Any) -> dict[str, Any]:
    return Request(HERE, function, args).wire()


def test_services_are_asked_side_by_side_and_one_that_does_not_run_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Service, "read", lambda self, system: {"active": self.unit != "c"})
    source, sink = os.pipe()
    agent = main.Agent(source, sink, str(tmp_path / "state"), str(tmp_path / "lock"))
    units = {"a": "meet", "b": "meet", "c": "never", "d": "fail"}
    services = [Service(unit, ready=Request(HERE, probe, {"name": unit})) for unit, probe in units.items()]
    found = agent.op_read(
        {"resources": [one.wire(content=False) for one in services], "wants": {"serving": True}}, print
    )
    assert found["serving"] == {"a": {"met": "a"}, "b": {"met": "b"}}


def test_what_is_asked_ahead_holds_nobody_up_and_what_fails_is_left_out(tmp_path: Path) -> None:
    source, sink = os.pipe()
    agent = main.Agent(source, sink, str(tmp_path / "state"), str(tmp_path / "lock"))
    asked = {"a": wire("meet", name="a"), "b": wire("fail"), "c": wire("meet", name="c"), "d": wire("never")}
    found = agent.op_read({"resources": [], "wants": {"ahead": asked}}, print)
    assert found["ahead"] == {"a": {"met": "a"}, "c": {"met": "c"}}


@pytest.mark.parametrize("around", ["no_such_module.shared", "contextlib.there_is_none", "contextlib.contextmanager"])
def test_what_is_around_questions_may_fail_and_they_are_asked_all_the_same(around: str) -> None:
    first, second = together.begin([wire("echo", said=1), wire("fail")], around)
    assert first.early(10) == {"said": 1}
    with pytest.raises(Failure):
        second.answer()


def test_a_host_that_is_read_again_says_what_systemd_says_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In between a unit may have been removed, or have died, of which this process knows nothing."""
    source, sink = os.pipe()
    agent = main.Agent(source, sink, str(tmp_path / "state"), str(tmp_path / "lock"))
    said = iter([{"a": {"active": True}}, {"a": None}])  # each look asks once
    monkeypatch.setattr(units, "show", lambda names: next(said))

    def look(service: Service, system: Any) -> Any:
        return system.unit_state(service.unit) or system.unit_state(service.unit)

    monkeypatch.setattr(Service, "read", look)
    read = {"resources": [Service("a").wire(content=False)]}
    assert [agent.op_read(read, print)["states"]["service:a"] for _ in range(2)] == [{"active": True}, None]


def test_modules_are_loaded_before_the_first_request(tmp_path: Path) -> None:
    (tmp_path / "early.py").write_text("import pathlib; pathlib.Path(__file__).with_name('loaded').touch()\n")
    places = f"{str(tmp_path / 'state')!r}, {str(tmp_path / 'lock')!r}"
    ahead = {"modules": ["there_is_none", "early"]}
    code = f"from provisioner.agent.main import Agent; Agent(0, 1, {places}).serve({ahead!r})"
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as agent:
        assert agent.stdin is not None and agent.stdout is not None
        agent.stdout.readline()
        agent.stdin.write(json.dumps({"id": 1, "op": "has", "digests": []}).encode() + b"\n")
        agent.stdin.flush()
        assert json.loads(agent.stdout.readline()) == {"id": 1, "result": []}
        assert (tmp_path / "loaded").exists()
        agent.stdin.close()


UNIT, PROCESSES, FOREIGN = (
    requests.look_at_unit("a", ""),
    requests.look_at_processes({}),
    requests.connections([9092], []),
)


def hosts() -> FakeHosts:
    answers: dict[Entry, Any] = {requests.look_at_unit: {"unit": 1}, requests.look_at_processes: {"processes": 2}}
    return FakeHosts({**answers, requests.connections: {"connections": 3}})


def asked_ahead(call: Any) -> ahead.Ahead:
    answers = {ahead.key("h", one): {"ahead": number} for number, one in enumerate((UNIT, PROCESSES))}
    return ahead.Ahead(call, answers)


def test_what_was_asked_ahead_is_not_asked_again() -> None:
    fake = hosts()
    call = asked_ahead(fake)
    assert call("h", UNIT) == {"ahead": 0} and call("h", PROCESSES) == {"ahead": 1}
    assert fake.asked == []


def test_an_answer_counts_once_for_its_host_and_only_until_something_else_is_asked() -> None:
    fake = hosts()
    call = asked_ahead(fake)
    assert call("h", UNIT) == {"ahead": 0} and call("h", UNIT) == {"unit": 1}
    assert call("h", PROCESSES) == {"processes": 2}
    call = asked_ahead(fake)
    assert call("elsewhere", UNIT) == {"unit": 1} and call("h", UNIT) == {"unit": 1}
    call = asked_ahead(fake)
    assert call("h", FOREIGN) == {"connections": 3} and call("h", UNIT) == {"unit": 1}


@pytest.mark.parametrize(("changing", "known"), [(False, [{"ahead": 0}]), (True, [{"unit": 1}])])
def test_answers_from_before_a_change_do_not_count_after_it(
    tmp_path: Path, changing: bool, known: list[dict[str, Any]]
) -> None:
    said = []

    def contents(call: Any, *rest: Any) -> dict[str, Any]:
        said.append(call("h", UNIT))
        return {}

    inventory = support.inventory(tmp_path, kafka=["kafka1"])
    options = Options(root=ROOT, cache=tmp_path)
    run = Deploy(SimpleNamespace(contents=contents), inventory, options, None, None)
    run.changing, run.early = changing, {ahead.key("h", UNIT): {"ahead": 0}}
    run._contents(SimpleNamespace(call=hosts()))  # type: ignore[arg-type]
    assert said == known


@pytest.mark.parametrize(("serving", "kept"), [({("a", "kafka"), ("b", "kafka")}, True), ({("a", "kafka")}, False)])
def test_answers_from_before_a_wait_for_another_host_do_not_count(
    tmp_path: Path, serving: set[tuple[str, str]], kept: bool
) -> None:
    """A controller that has just been started on b: what a has said of the quorum did not know it yet."""
    inventory = support.inventory(tmp_path, kafka=["kafka1"])
    run = Deploy(site, inventory, Options(root=ROOT, cache=tmp_path), reporter(), None)
    service = Service("kafka", ready=Request("m", "ready", {}))
    run.plans = {host: HostPlan(host, (service,), (), ()) for host in "ab"}
    run.serving, run.early = serving, {ahead.key("a", UNIT): {"ahead": 0}}
    with Fleet(reporter()) as fleet:
        session: Any = SimpleNamespace(request=lambda *_, **__: {}, close=lambda: None)
        fleet.sessions.update(dict.fromkeys("ab", session))
        run._all_changes(fleet, Preparation(fleet, site, run.inventory, run.options))
    assert bool(run.early) == kept


@pytest.mark.parametrize(("serving", "known"), [(["kafka"], True), ([], False)])
def test_what_a_service_says_before_it_serves_does_not_count(tmp_path: Path, serving: list[str], known: bool) -> None:
    target = support.target(support.inventory(tmp_path, kafka=["kafka1"]), "kafka1")
    asked = {}

    def read(name: str, **question: Any) -> dict[str, Any]:
        asked.update(question["wants"]["ahead"])
        lists = dict.fromkeys(("problems", "beside", "unresolved", "noexec"), ())
        maps: dict[str, Any] = {key: {} for key in ("states", "answers", "loopback", "ports", "files")}
        disks = {key: {"free": 1 << 40} for key in question["wants"]["disks"]}
        early = {"ahead": {key: {"ahead": 0} for key in asked}}
        return {**lists, **maps, "disks": disks, "java": None, "serving": {key: {} for key in serving}, **early}

    fleet = SimpleNamespace(read=read, reporter=SimpleNamespace(host=lambda *said: None), call=hosts())
    options = Options(root=ROOT, cache=tmp_path, check=True)
    found = Preparation(fleet, site, target.inventory, options).again(target, target.inventory)  # type: ignore[arg-type]
    assert asked and found.early == ({key: {"ahead": 0} for key in asked} if known else {})


@pytest.mark.parametrize(("mode", "loaded"), [("off", ()), ("open", ("ssl",)), ("required", ("ssl",))])
def test_the_agent_loads_tls_early_only_where_services_speak_it(
    tmp_path: Path, mode: str, loaded: tuple[str, ...]
) -> None:
    inventory = support.inventory(tmp_path, kafka=["kafka1"], zookeeper=["zk1"], kafka_security=mode)
    assert {tuple(site.loaded(host)) for host in inventory.hosts.values()} == {loaded}
