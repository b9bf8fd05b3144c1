"""A cluster whose certificates have ended: what is replaced at once, and which nodes restart at the same time."""

from __future__ import annotations

import io
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from provisioner.authority import Authority
from provisioner.errors import HostFailed, Refused
from provisioner.options import Options
from provisioner.report.plain import PlainReporter
from provisioner.resources import Credential, Service
from provisioner.run import plan, rolling
from provisioner.run.deploy import Deploy
from provisioner.run.plan import Change, HostPlan
from provisioner.run.rolling import Step
from roles import site
from roles.shared import ended, tls
from roles.shared.tls import Node
from tests.support import roles as support

NOWHERE = Path("/nowhere")
PATH = "/etc/kafka/tls/node.pem"
ONE = Credential(PATH, "/etc/kafka/tls/ca.pem", "kafka", "CN=kafka", (), "", 60)
KAFKA, CONTROLLER = Service("kafka", (PATH,)), Service("kafka-controller")
RUNNING = {"enabled": True, "active": True, "disk": {PATH: "a"}, "started": {PATH: "a"}}
DOWN = {**RUNNING, "active": False}


def planned(state: Mapping[str, Any]) -> HostPlan:
    actual = {**ONE.expected(), "in_time": False, **state}
    return plan.make("kafka1", [ONE, KAFKA], {ONE.key: actual, KAFKA.key: RUNNING})


def test_a_certificate_that_has_ended_does_not_wait_for_the_restart_that_it_needs():
    found = planned({"ended": True})
    assert [one.resource for one in found.at_once] == [ONE]
    assert [one.service for one in found.restarts] == [KAFKA] and not found.restarts[0].changes


def test_one_that_is_still_good_waits_for_its_host_s_turn():
    found = planned({"ended": False})
    assert not found.at_once and [one.resource for one in found.restarts[0].changes] == [ONE]


@pytest.mark.parametrize(("seconds", "over"), [(60, False), (1, False), (0, True), (-60, True)])
def test_a_host_says_whether_a_certificate_has_ended(seconds, over, monkeypatch):
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)
    text = f"# until: {int(now) + seconds}\n-----BEGIN"
    system = SimpleNamespace(path_state=lambda path: {"type": "file"}, read_text=lambda path: text)
    assert ONE.read(system)["ended"] is over


def plans(**hosts: str) -> dict[str, HostPlan]:
    """hosts {name: "runs" or "down"}, each with kafka alone."""
    return {
        name: plan.make(name, [KAFKA], {KAFKA.key: RUNNING if how == "runs" else DOWN}) for name, how in hosts.items()
    }


@pytest.mark.parametrize(
    ("hosts", "found", "together"),
    [
        ({"a": "runs", "b": "runs", "c": "runs"}, "abc", "abc"),
        ({"a": "runs", "b": "runs", "c": "runs"}, "bc", "bc"),
        ({"a": "runs", "b": "runs", "c": "runs"}, "c", ""),  # a node that is down, as for any roll
        ({"a": "runs", "b": "runs", "c": "runs"}, "", ""),
        ({"a": "down", "b": "down", "c": "down"}, "", ""),  # they start at the same time anyway
        ({"a": "down", "b": "runs", "c": "runs"}, "bc", "abc"),  # of a run that was cut off, or after a reboot
        ({"a": "down", "b": "runs"}, "b", "ab"),
    ],
)
def test_which_nodes_start_at_the_same_time(hosts, found, together):
    chosen = rolling.cut_off(plans(**hosts), [(name, "kafka") for name in found])
    assert chosen == {(name, "kafka") for name in together}
    starts = [step.host for step in rolling.starting(plans(**hosts), chosen)]
    assert starts == [name for name in together if hosts[name] == "down"]


def test_a_unit_that_is_not_cut_off_is_nobody_s_business():
    other = plan.make("b", [CONTROLLER], {CONTROLLER.key: DOWN})
    assert rolling.cut_off({**plans(a="runs"), "b": other}, [("a", "kafka")]) == set()


def fleet(log: list[str], fails: str = "") -> Any:
    def request(host: str, op: str, **arguments: Any) -> dict[str, Any]:
        log.append(f"{op} {host}")
        return {"seconds": {"stop": 1.0}}

    def each(names: Any, work: Any) -> Any:
        for name in names:
            work(name)

        def check() -> None:
            if fails:
                raise HostFailed("it does not come back", host=fails)

        return SimpleNamespace(check=check)

    reporter = SimpleNamespace(host=lambda *_: None, change=lambda name, *rest: log.append(f"{name}: {rest[-1]}"))
    return SimpleNamespace(request=request, reporter=reporter, each=each)


def steps() -> list[Step]:
    start = Change(KAFKA, "~", ("active",), DOWN)
    return [Step("a", KAFKA, (PATH,)), Step("b", KAFKA, (PATH,)), Step("c", KAFKA, changes=(start,))]


def test_all_restart_before_any_is_waited_for_and_one_that_was_down_is_only_started():
    log: list[str] = []
    gate: Any = SimpleNamespace(settle=lambda host, before: log.append(f"settle {host}"))
    done = list(rolling.together(fleet(log), steps(), gate, lambda step: log.append(f"start {step.host}")))
    assert done == ["a", "b"]
    assert log[:3] == ["restart a", "restart b", "start c"]
    assert [one for one in log if one.startswith("settle")] == ["settle a", "settle b", "settle c"]


def test_one_that_does_not_come_back_ends_the_run():
    gate: Any = SimpleNamespace(settle=lambda host, before: None)
    with pytest.raises(HostFailed):
        list(rolling.together(fleet([], fails="b"), steps(), gate, lambda step: None))


@pytest.mark.parametrize(
    ("days", "shown", "found"), [(1, True, []), (0, True, ["kafka"]), (0, False, []), (None, True, [])]
)
def test_what_a_process_shows_says_whether_it_is_cut_off(tmp_path, days, shown, found):
    text = "no certificate" if days is None else Authority(tmp_path / "site.ca", "acme").issue("k", ["a"], days).text
    door = {"shown": text if shown else "", "why": "" if shown else "Connection refused"}
    asked = []

    def call(host: str, request: Any, event: Any = None) -> dict[str, Any]:
        asked.append((host, request.args))
        return {"kafka": {"doors": {"NODES": door}}}

    node = Node(ONE, {"NODES": "SSL://127.0.0.1:9091"})
    time.sleep(0 if days is None else 1.1 - time.time() % 1 if days == 0 else 0)  # an end is in whole seconds
    assert ended.units("kafka1", {"kafka": node}, call) == found
    assert asked == [("kafka1", {"nodes": {"kafka": node.asked}})]


def targets(accepted: bool) -> Any:
    class Target(dict):
        name = "kafka1"

    return [Target(kafka_accept_downtime=accepted)]


def test_the_outage_is_said_unless_the_inventory_accepts_it():
    (said,) = site.outage(targets(accepted=False), {("kafka1", "kafka"), ("kafka2", "kafka")})
    assert said.startswith("kafka1, kafka2 show certificates that have ended") and "Kafka is down meanwhile" in said
    assert site.outage(targets(accepted=True), {("kafka1", "kafka"), ("kafka2", "kafka")}) == []
    assert site.outage(targets(accepted=True), {("kafka1", "kafka"), ("kafka2", "kafka")}, accepted=True) == [said]
    assert site.outage(targets(accepted=False), set()) == []


@pytest.mark.parametrize("security", ["required", "off"])
def test_hosts_that_a_run_leaves_out_are_looked_at_from_one_that_it_has(tmp_path, security):
    found = support.inventory(tmp_path, kafka=["a", "b", "c"], kafka_controller=["c"], kafka_security=security)
    tls.authority(found).issue("kafka", ["a"], 1)
    over = Authority(tmp_path / "x.ca", "acme").issue("k", ["a"], 0).text
    time.sleep(1.1 - time.time() % 1)
    asked: list[Any] = []

    def call(host: str, request: Any, event: Any = None) -> dict[str, Any]:
        asked.append((host, {name: one["doors"] for name, one in request.args["nodes"].items()}))
        shown = {"b": {"shown": over, "why": ""}, "c": {"shown": "", "why": "No route to host"}}
        return {name: {"doors": {"": shown[name]}} for name in request.args["nodes"]}

    others = [found.hosts["b"], found.hosts["c"]]
    said = site.cut_off_elsewhere(support.target(found, "a"), "kafka", others, call)
    if security == "off":
        assert said == [] and not asked
        return
    assert said == ["b"] and asked == [("a", {"b": {"": "SSL://b:9091"}, "c": {"": "SSL://c:9091"}})]
    assert site.cut_off_elsewhere(support.target(found, "a"), "kafka-controller", others, call) == []
    asked.clear()
    site.cut_off_elsewhere(support.target(found, "c"), "kafka-controller", [found.hosts["c"]], call)
    assert asked == [("c", {"c": {"": "SSL://c:9095"}})]


def limited(cut_off: list[str], elsewhere: list[str], names: str = "abc") -> tuple[Deploy, Any]:
    """A deploy of a alone, whose kafka needs a restart and does not serve. cut_off: its units that show an ended
    certificate; elsewhere: other hosts that do."""
    hosts = {name: SimpleNamespace(name=name) for name in names}
    inventory: Any = SimpleNamespace(hosts=hosts, limit=lambda limit: [hosts["a"]])
    found: Any = SimpleNamespace(
        cut_off=lambda target, units, call: cut_off,
        cut_off_elsewhere=lambda asked, unit, out, call: [one.name for one in out if one.name in elsewhere],
    )
    reporter = PlainReporter(io.StringIO(), io.StringIO())
    made = Deploy(found, inventory, Options(NOWHERE, NOWHERE, limit="a"), reporter, None)
    made.targets = {"a": SimpleNamespace(name="a")}  # type: ignore[dict-item]
    made.plans = {"a": planned({"ended": True})}
    made.plans = {"a": replace(made.plans["a"], host="a")}

    def each(names: Any, work: Any) -> Any:
        return SimpleNamespace(check=lambda: {name: work(name) for name in names})

    return made, SimpleNamespace(each=each, call=None)


@pytest.mark.parametrize(
    ("cut_off", "elsewhere", "refused"),
    [
        (["kafka"], ["b", "c"], True),
        (["kafka"], ["c"], True),
        (["kafka"], [], False),  # a node that is down, as for any roll
        ([], ["b"], True),  # it shows nothing at all, as one that has just been started
    ],
)
@pytest.mark.parametrize("runs", [True, False])
def test_a_limited_run_does_not_wait_for_nodes_that_it_leaves_out(cut_off, elsewhere, refused, runs):
    made, fleet = limited(cut_off, elsewhere)
    if not runs:
        made.plans = plans(a="down")
    if not refused:
        made._find_cut_off(fleet)
        return
    with pytest.raises(Refused, match="nobody can connect to kafka on") as error:
        made._find_cut_off(fleet)
    assert "without --limit" in str(error.value) and error.value.host == "a"


def test_a_limited_run_of_nodes_that_serve_asks_for_nobody_else():
    made, fleet = limited(["kafka"], ["b"])
    made.serving = {("a", "kafka")}
    made._find_cut_off(fleet)


def test_a_whole_run_asks_for_nobody_else():
    made, fleet = limited(["kafka"], ["a"], names="a")
    made._find_cut_off(fleet)
