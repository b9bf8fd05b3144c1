"""Changes of a file that a running broker takes: what is judged, what is remembered, and what the plan makes of it."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from kafka.errors import InvalidRequestError

from cluster.settings import dynamic
from cluster.settings.sources import DYNAMIC_BROKER
from provisioner.agent.failure import Failure
from provisioner.agent.users import Users
from provisioner.connect import requests
from provisioner.report.reporter import Row
from provisioner.resources import File, Live, Request, Service, from_wire, sha256
from provisioner.resources.service import outdated
from provisioner.run import live, plan
from tests.support.fake_hosts import FakeHosts
from tests.support.settings import RETENTION as NAME
from tests.support.settings import setting


def ours(*values, done=True):
    return {NAME: {"values": list(values), "done": done}}


@pytest.mark.parametrize(
    ("started", "wanted", "found", "owned", "values", "kept"),
    [
        # A changed value is set, whatever was in force before.
        ("7", "2", setting(static="7"), {}, {NAME: "2"}, False),
        ("7", "2", setting(broker="5", static="7"), {}, {NAME: "2"}, False),
        ("7", "2", setting(cluster="5", static="7"), {}, {NAME: "2"}, False),
        ("7", "3", setting(broker="2", static="7"), ours("2"), {NAME: "3"}, False),
        (None, "2", setting(default="9"), {}, {NAME: "2"}, False),
        # In force already.
        ("7", "2", setting(broker="2", static="7"), ours("2"), {}, True),
        ("7", "2", setting(broker="2", static="7"), {}, {}, False),
        ("7", "2", setting(cluster="2", static="7"), {}, {}, False),
        # Told to the broker, which does not work with it.
        ("7", "2", setting(broker="2", static="7", now="7"), ours("2"), {NAME: "2"}, False),
        # Cut off before it was set, or before the broker had confirmed it.
        ("7", "2", setting(static="7"), ours("2", done=False), {NAME: "2"}, False),
        ("7", "3", setting(broker="2", static="7"), ours("2", "3", done=False), {NAME: "3"}, False),
        ("7", "2", setting(broker="5", static="7"), ours("2", done=False), {NAME: "2"}, False),
        # A person has set it otherwise since, or taken it back.
        ("7", "2", setting(broker="5", static="7"), ours("2"), {}, True),
        ("7", "2", setting(static="7"), ours("2"), {NAME: "2"}, False),
        # The change was taken back: also one that was cut off.
        ("7", "7", setting(broker="2", static="7"), ours("2"), {NAME: None}, False),
        ("7", "7", setting(broker="2", static="7"), ours("2", "3", done=False), {NAME: None}, False),
        ("7", "7", setting(broker="2", cluster="5", static="7"), ours("2"), {NAME: None}, False),
        (None, None, setting(broker="2", default="9"), ours("2"), {NAME: None}, False),
        # Restarted since: the file says the same, unless it would be beaten.
        ("2", "2", setting(broker="2", static="2"), ours("2"), {NAME: None}, False),
        ("2", "2", setting(broker="2", cluster="2", static="2"), ours("2"), {NAME: None}, False),
        ("2", "2", setting(broker="2", cluster="5", static="2"), ours("2"), {}, True),
        # Not ours: never touched.
        ("7", "7", setting(broker="2", static="7"), {}, {}, False),
        ("7", "7", setting(broker="5", static="7"), ours("2"), {}, False),
        ("7", "7", setting(static="7"), ours("2"), {}, False),
    ],
)
def test_what_a_running_broker_is_to_take(started, wanted, found, owned, values, kept):
    was, is_to_be = ({} if value is None else {NAME: value} for value in (started, wanted))
    verdict = dynamic.judge(was, is_to_be, {NAME: found}, owned)
    assert verdict.values == values and not verdict.refused
    assert len(verdict.changes) == len(values)
    assert verdict.keep == (owned if kept else {})


@pytest.mark.parametrize(
    ("started", "wanted", "found"),
    [
        ({NAME: "7"}, {}, setting(static="7")),  # back to a default
        ({NAME: "7"}, {NAME: "2"}, setting(static="7", read_only=True)),
        ({NAME: "7"}, {NAME: "2"}, setting(static="7", sensitive=True)),
        ({"its.own": "7"}, {"its.own": "2"}, setting(static="7")),  # not known to the broker
        ({}, {"log.roll.ms": "2"}, setting("log.roll.ms")),  # no default to go back to
        ({}, {"listeners": "A://:1"}, setting("listeners", default="x")),
        ({}, {"ssl.keystore.location": "/k"}, setting("ssl.keystore.location")),
        ({}, {"metric.reporters": "a.B"}, setting("metric.reporters", default="")),
    ],
)
def test_what_only_a_restart_brings(started, wanted, found):
    verdict = dynamic.judge(started, wanted, {found.name: found}, {})
    assert len(verdict.refused) == 1 and not verdict.values


def test_the_words_of_a_plan():
    def words(started, wanted, found, owned):
        return dynamic.judge({NAME: started}, {NAME: wanted}, {NAME: found}, owned).changes

    assert words("7", "2", setting(static="7"), {}) == [f"{NAME} 7 -> 2 at run time"]
    assert words("7", "3", setting(broker="2", static="7"), ours("2")) == [f"{NAME} 2 -> 3 at run time"]
    same = words("2", "2", setting(broker="2", static="2"), ours("2"))
    assert same == [f"{NAME} no longer set at run time: the file says the same"]
    back = words("7", "7", setting(broker="2", static="7"), ours("2"))
    assert back == [f"{NAME} no longer set at run time: it was 2, and the file says 7"]


class Broker:
    """Stands in for `cluster.settings.brokers`: one setting, and what is asked of it. `at`: called at a change."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, static: str = "7") -> None:
        self.static, self.dynamic = static, None
        self.refuses, self.dies, self.silent = False, False, ""
        monkeypatch.setattr(dynamic.brokers, "read", self.read)
        monkeypatch.setattr(dynamic.brokers, "change", self.change)
        monkeypatch.setattr(dynamic.brokers, "make", self.make)

    def read(self, here: Any) -> Any:
        if self.silent:
            return {}, {1: self.silent}
        made = setting(static=self.static, broker=self.dynamic) if self.dynamic else setting(static=self.static)
        return {1: {NAME: made}}, {}

    def change(self, address: Any, resource: str, settings: Any, validate_only: bool) -> None:
        assert validate_only and resource == "1"
        if self.refuses:
            raise InvalidRequestError("twice as many at most")

    def make(self, here: Any, resource: str, settings: Any, source: str, what: str) -> list[int]:
        assert source == DYNAMIC_BROKER
        if self.dies:
            raise KeyboardInterrupt
        self.dynamic = settings[NAME]
        return []


@pytest.fixture
def broker(monkeypatch):
    return Broker(monkeypatch)


@pytest.fixture
def bring(tmp_path, broker, monkeypatch):
    """bring(wanted, apply=...) -> the answer; the broker was started with broker.static."""
    monkeypatch.setattr(Users, "ids", lambda self, owner, group: (-1, -1))

    def run(wanted: str, apply: bool = True) -> dict[str, Any]:
        texts = {"started": f"{NAME}={broker.static}\n", "wanted": f"{NAME}={wanted}\n"}
        where = {"bootstrap": "127.0.0.1:1", "broker": 1, "memory": "live/kafka", "state": str(tmp_path)}
        return dynamic.bring({**texts, **where, "apply": apply}, lambda event: None)

    run.memory = tmp_path / "live" / "kafka"  # type: ignore[attr-defined]
    return run


def test_a_look_changes_nothing_and_an_application_is_remembered_until_it_is_taken_back(bring, broker):
    answer = {"changes": [f"{NAME} 7 -> 2 at run time"], "refused": []}
    assert bring("2", apply=False) == answer and broker.dynamic is None and not bring.memory.exists()
    assert bring("2") == answer and broker.dynamic == "2"
    assert json.loads(bring.memory.read_text()) == ours("2")
    assert bring("2") == {"changes": [], "refused": []} and json.loads(bring.memory.read_text()) == ours("2")
    assert bring("7")["changes"] and broker.dynamic is None and not bring.memory.exists()


def test_a_restart_with_the_new_file_lets_go_of_it(bring, broker):
    bring("2")
    broker.static = "2"
    assert "the file says the same" in bring("2", apply=False)["changes"][0] and broker.dynamic == "2"
    bring("2")
    assert broker.dynamic is None and not bring.memory.exists()


@pytest.mark.parametrize("undone", [False, True])
@pytest.mark.parametrize("reached", [False, True])
def test_cut_off_before_the_broker_or_right_after_it_is_finished_or_undone(bring, broker, reached, undone):
    bring("2")
    broker.dies = True
    with pytest.raises(KeyboardInterrupt):
        bring("3")
    broker.dies = False
    assert json.loads(bring.memory.read_text()) == ours("2", "3", done=False)
    broker.dynamic = "3" if reached else "2"
    wanted = "7" if undone else "3"
    assert bool(bring(wanted)["changes"]) is (undone or not reached)
    assert broker.dynamic == (None if undone else "3")
    assert bring.memory.exists() is not undone


def test_what_the_broker_will_not_take_is_a_restart_and_a_silent_one_too(bring, broker):
    broker.refuses = True
    assert "twice as many at most" in bring("2", apply=False)["refused"][0]
    broker.silent = "Connection refused"
    assert "does not answer: Connection refused" in bring("2")["refused"][0]


def test_a_broker_that_does_not_confirm_fails_the_run(bring, broker, monkeypatch):
    monkeypatch.setattr(dynamic.brokers, "make", lambda *arguments: [1])
    with pytest.raises(Failure, match="not yet in force"):
        bring("2")


# -- the engine --------------------------------------------------------------------------------------------------------

PATH, COPY = "/etc/it", "/run/it/it"
SERVICE = Service("it", (PATH, "/etc/other"), live=Live(PATH, COPY, Request("m", "f", {"a": 1})))
OLD, NEW = "x=1\n", "x=2\n"


class Host:
    """Stands in for `System`: files, a running unit, and the answers of the role's judge."""

    def __init__(self, disk: str = NEW, copy: str | None = OLD, memory: bool = False, **answer: Any) -> None:
        record = f"{sha256(OLD.encode())}  {PATH}\n"
        self.files = {PATH: disk, COPY: copy, SERVICE.record: record}
        self.memory, self.answer = memory, {"changes": [], "refused": [], **answer}
        self.asked: list[Any] = []
        self.active = True

    def read_text(self, path: str) -> str | None:
        return self.files.get(path)

    def digest(self, path: str) -> str | None:
        return sha256(self.files[path].encode()) if self.files.get(path) else None

    def unit_state(self, unit: str) -> dict[str, Any]:
        return {"enabled": True, "active": self.active}

    def remembers(self, name: str) -> bool:
        return self.memory

    def call(self, call: Request) -> dict[str, Any]:
        self.asked.append(call.args)
        return self.answer


def test_a_service_travels_with_its_live_input():
    assert from_wire(SERVICE.wire(content=False)) == SERVICE


@pytest.mark.parametrize(
    ("host", "asked", "restart"),
    [
        (Host(disk=OLD), False, []),  # nothing differs: not asked
        (Host(disk=OLD, memory=True), True, []),  # something may be left to take back
        (Host(), True, []),  # in force
        (Host(changes=["x 1 -> 2"]), True, []),  # can be
        (Host(refused=["x needs a restart"]), True, [PATH]),
        (Host(copy=None), False, [PATH]),  # started by an older unit
        (Host(copy="x=3\n"), False, [PATH]),  # not what was recorded
    ],
)
def test_only_what_the_process_will_not_take_asks_for_a_restart(host, asked, restart):
    state = SERVICE.read(host)
    assert bool(host.asked) is asked
    assert outdated(SERVICE.inputs, state, {}) == restart
    if asked:
        expected = {"a": 1, "started": OLD, "wanted": host.files[PATH], "memory": "live/it", "apply": False}
        assert host.asked == [expected]


def test_a_stopped_service_is_not_asked():
    host = Host()
    host.active = False
    assert SERVICE.read(host)["live"] is None and not host.asked


def read(**state: Any) -> dict[str, Any]:
    return {
        "enabled": True,
        "active": True,
        "started": {PATH: sha256(OLD.encode())},
        "disk": {PATH: sha256(OLD.encode())},
        **state,
    }


def said(text: str, **answer: Any) -> dict[str, Any]:
    return {"path": PATH, "digest": sha256(text.encode()), "changes": [], "refused": [], **answer}


@pytest.mark.parametrize(
    ("live_state", "restarts", "adoptions"),
    [
        (said(NEW, changes=["x 1 -> 2"]), 0, 1),
        (said(NEW), 0, 0),  # another comment only
        (said(NEW, refused=["why"]), 1, 0),
        (said(OLD, changes=["x 3 -> 1"]), 1, 0),  # an answer about another text
        (None, 1, 0),
    ],
)
def test_a_plan_restarts_or_applies_but_not_both(live_state, restarts, adoptions):
    resources = [File(PATH, NEW), SERVICE]
    states = {f"file:{PATH}": {"digest": sha256(OLD.encode())}, SERVICE.key: read(live=live_state)}
    made = plan.make("h", resources, states)
    assert (len(made.restarts), len(made.adoptions)) == (restarts, adoptions) and not made.nothing


def test_another_input_that_differs_makes_it_a_restart():
    state = read(live=said(OLD, changes=["x 3 -> 1"]))
    state["disk"]["/etc/other"] = "new"
    made = plan.make("h", [SERVICE], {SERVICE.key: state})
    assert made.restarts[0].reasons == ("/etc/other",) and not made.adoptions


class Fleet(FakeHosts):
    """A host whose service answers as given, and what is shown."""

    def __init__(self, **answer: Any) -> None:
        super().__init__({requests.foresee: answer, requests.adopt: answer})
        self.lines: list[tuple[str, ...]] = []
        self.reporter = SimpleNamespace(host=lambda *a: None, change=lambda *line: self.lines.append(line))


@pytest.mark.parametrize(("content", "active", "asked"), [(NEW, True, True), (OLD, True, False), (NEW, False, False)])
def test_a_text_that_is_about_to_be_written_is_judged_before(content, active, asked):
    fleet, states = Fleet(live=said(NEW)), {SERVICE.key: read(active=active, live=None)}
    live.foresee(fleet, "h", [File(PATH, content), SERVICE], states)  # type: ignore[arg-type]
    assert [arguments["wanted"] for arguments in fleet.to(requests.foresee)] == [NEW] * asked
    assert states[SERVICE.key]["live"] == (said(NEW) if asked else None)


def test_what_is_applied_is_counted_and_told_once():
    row, fleet = Row(), Fleet(changes=["x 1 -> 2"])
    made = plan.HostPlan("h", (), (), (), (plan.Adoption(SERVICE, ("x 1 -> 2",)),))
    live.adopt(fleet, made, row)  # type: ignore[arg-type]
    assert row.applied == 1 and fleet.lines == [("h", SERVICE.key, "apply", "x 1 -> 2, no restart")]
    nothing = Fleet(changes=[])
    live.tidy(nothing, "h", SERVICE, row)  # type: ignore[arg-type]
    live.tidy(nothing, "h", Service("plain"), row)  # type: ignore[arg-type]
    assert row.applied == 1 and len(nothing.asked) == 1
