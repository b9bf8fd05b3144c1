"""Questions to a host that are asked side by side, on the host and from here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from provisioner.agent import main, together
from provisioner.agent.failure import Failure
from provisioner.connect import requests
from provisioner.errors import HostFailed
from provisioner.resources import Request, Service
from roles import site
from roles.shared import ahead
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


def fail(args: dict[str, Any], emit: Any) -> dict[str, Any]:
    raise Failure("it does not answer")


def never(args: dict[str, Any], emit: Any) -> dict[str, Any]:
    threading.Event().wait()
    return {}


def wire(function: str, **args: Any) -> dict[str, Any]:
    return Request(HERE, function, args).wire()


def test_questions_are_asked_side_by_side_and_one_that_fails_is_left_out() -> None:
    asked = {"a": wire("meet", name="a"), "b": wire("fail"), "c": wire("meet", name="c")}
    assert together.look({"asked": asked}, print) == {"a": {"met": "a"}, "c": {"met": "c"}}


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


def test_modules_are_loaded_before_the_first_request(tmp_path: Path) -> None:
    (tmp_path / "early.py").write_text("import pathlib; pathlib.Path(__file__).with_name('loaded').touch()\n")
    places = f"{str(tmp_path / 'state')!r}, {str(tmp_path / 'lock')!r}"
    code = f"from provisioner.agent.main import Agent; Agent(0, 1, {places}).serve(['there_is_none', 'early'])"
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


def test_what_was_asked_ahead_takes_one_round_trip() -> None:
    fake = hosts()
    call = ahead.asked(fake, "h", [UNIT, None, PROCESSES])
    assert call("h", UNIT) == {"unit": 1} and call("h", PROCESSES) == {"processes": 2}
    assert fake.trips == 1


def test_an_answer_counts_once_for_its_host_and_only_until_something_else_is_asked() -> None:
    fake = hosts()
    call = ahead.asked(fake, "h", [UNIT, PROCESSES])
    assert call("h", UNIT) == call("h", UNIT) == {"unit": 1}
    assert fake.trips == 2 and call("h", PROCESSES) == {"processes": 2} and fake.trips == 3
    call = ahead.asked(fake, "h", [UNIT, PROCESSES])
    assert call("elsewhere", UNIT) == {"unit": 1} and fake.trips == 5
    call = ahead.asked(fake, "h", [UNIT, PROCESSES])
    assert call("h", FOREIGN) == {"connections": 3} and call("h", UNIT) == {"unit": 1} and fake.trips == 8


def test_a_question_that_fails_is_asked_again_by_whoever_needs_its_answer() -> None:
    def refused(host: str, args: Any) -> dict[str, Any]:
        raise HostFailed("no", host=host)

    fake = hosts().also({requests.look_at_processes: refused})
    call = ahead.asked(fake, "h", [UNIT, PROCESSES])
    assert call("h", UNIT) == {"unit": 1}
    with pytest.raises(HostFailed):
        call("h", PROCESSES)


def test_one_question_alone_is_not_asked_ahead() -> None:
    fake = hosts()
    assert ahead.asked(fake, "h", [None, UNIT]) is fake and fake.trips == 0


@pytest.mark.parametrize(("mode", "loaded"), [("off", ()), ("open", ("ssl",)), ("required", ("ssl",))])
def test_the_agent_loads_tls_early_only_where_services_speak_it(
    tmp_path: Path, mode: str, loaded: tuple[str, ...]
) -> None:
    inventory = support.inventory(tmp_path, kafka=["kafka1"], zookeeper=["zk1"], kafka_security=mode)
    assert {tuple(site.ahead(host)) for host in inventory.hosts.values()} == {loaded}
