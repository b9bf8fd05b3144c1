"""What a restart on demand takes on, before it has touched anything."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from provisioner.errors import HostFailed, Refused, UsageError
from provisioner.options import Options
from provisioner.report.plain import PlainReporter
from provisioner.resources import File, Service
from provisioner.run import plan
from provisioner.run.evidence import Consent, Objection
from provisioner.run.restart import Restart
from roles.shared.gate import OneByOne

NOWHERE = Path("/nowhere")
ZOOKEEPER, KAFKA = Service("zookeeper"), Service("kafka")
RUNS = {"enabled": True, "active": True, "disk": {}, "started": {}}


def restart(*services: str, states: dict[str, Any] | None = None, check: bool = False, out: Any = None) -> Restart:
    inventory: Any = SimpleNamespace(limit=lambda limit: [SimpleNamespace(name="a"), SimpleNamespace(name="b")])
    site: Any = SimpleNamespace()
    reporter = PlainReporter(out or io.StringIO(), out or io.StringIO())
    made = Restart(site, inventory, Options(NOWHERE, NOWHERE, check=check), reporter, None, services=services)
    known = {"service:zookeeper": RUNS, "service:kafka": RUNS} if states is None else states
    made.plans = {"a": plan.make("a", [ZOOKEEPER, KAFKA], known), "b": plan.make("b", [KAFKA], known)}
    return made


@pytest.mark.parametrize(
    ("services", "expected"),
    [
        ((), [("a", "zookeeper"), ("a", "kafka"), ("b", "kafka")]),
        (("kafka",), [("a", "kafka"), ("b", "kafka")]),
        (("zookeeper",), [("a", "zookeeper")]),
    ],
)
def test_the_wanted_services_of_all_hosts_restart(services: tuple[str, ...], expected: list[tuple[str, str]]):
    assert [(step.host, step.service.unit) for step in restart(*services).steps()] == expected


def test_a_service_that_none_of_the_hosts_has_is_a_usage_error_with_those_they_have():
    with pytest.raises(UsageError, match="no service mail on these hosts") as error:
        restart("mail").steps()
    assert "zookeeper, kafka" in error.value.details[0]


def test_a_service_that_was_never_deployed_is_not_restarted_but_said():
    with pytest.raises(HostFailed, match="zookeeper was never deployed here") as error:
        restart(states={"service:kafka": RUNS}).steps()
    assert error.value.host == "a" and error.value.advice == "deploy first"
    assert restart("kafka", states={"service:kafka": RUNS}).steps()


def test_a_service_that_is_down_is_started_by_a_restart():
    down = {"service:kafka": {**RUNS, "active": False}}
    assert [step.host for step in restart("kafka", states=down).steps()] == ["a", "b"]


def test_a_check_shows_every_restart_and_says_what_it_leaves_alone():
    out = io.StringIO()
    made = restart("kafka", check=True, out=out)
    made.plans["b"] = plan.make(
        "b", [File("/etc/kafka/x", "new\n", "root", "root", 0o644), KAFKA], {"service:kafka": RUNS}
    )
    made._show_plan(asking(made, {}))
    assert "changes on b" in out.getvalue() and "left alone by a restart" in out.getvalue()
    assert out.getvalue().splitlines()[1:] == [
        "--> Restart, one after the other",
        "  ~ b: restart service:kafka (1 of 2)",
        "  ~ a: restart service:kafka (2 of 2: the controller)",
        "2 to restart",
        "1 outage:",
        "  topic-0 goes offline",
    ]
    assert {name: (row.changed, row.restarted) for name, row in made.rows.items()} == {"a": (0, 1), "b": (0, 1)}


@pytest.mark.parametrize(
    ("options", "answer", "refused"),
    [
        ({}, None, True),
        ({}, False, True),
        ({}, True, False),
        ({"yes": True}, None, True),  # it is in every script: no permission to take Kafka down
        ({"yes": True}, True, True),
        ({"accept_downtime": True}, None, False),
    ],
)
def test_downtime_that_nobody_accepts_is_a_refusal_with_exit_code_2(
    options: dict[str, Any], answer: bool | None, refused: bool
):
    made = restart()
    made.options = Options(NOWHERE, NOWHERE, **options)
    made.ask = None if answer is None else lambda question: "topic-0 goes offline" in question and bool(answer)
    made.site = SimpleNamespace(downtime=lambda *arguments: ["topic-0 goes offline"])
    fleet: Any = SimpleNamespace(call=None, reporter=made.reporter)
    if not refused:
        made.confirm_downtime(fleet, [("a", "kafka")], "accept it")
        return
    with pytest.raises(Refused, match="nothing was changed") as error:
        made.confirm_downtime(fleet, [("a", "kafka")], "accept it")
    assert error.value.exit_code == 2
    assert error.value.details == ["topic-0 goes offline"] and error.value.advice == "accept it"


class Ordered(OneByOne):
    """Has an order of its own."""

    def order(self, hosts: Sequence[str]) -> dict[str, str]:
        return {host: "the controller" * (host == "a") for host in sorted(hosts, reverse=True)}


def asking(made: Restart, states: dict[str, Any]) -> Any:
    """The hosts of a restart, which answer about their services with these states, and the gates of their units."""

    def downtime(targets: Any, restarts: Any, call: Any, say: Any, accepted: bool = False) -> list[str]:
        return ["topic-0 goes offline"] if ("a", "kafka") in restarts else []

    made.site = SimpleNamespace(
        SERVICES=("zookeeper", "kafka"), gate=lambda *_: Ordered(), cut_off=lambda *_: [], downtime=downtime
    )
    nothing: Any = SimpleNamespace()
    made.targets = dict.fromkeys("ab", nothing)

    def request(op: str, **arguments: Any) -> dict[str, Any]:
        assert op == "read"
        return {"states": states, "serving": []}

    def each(names: Sequence[str], work: Any) -> Any:
        return SimpleNamespace(check=lambda: {name: work(name) for name in names})

    sessions = dict.fromkeys("ab", SimpleNamespace(request=request))
    return SimpleNamespace(each=each, sessions=sessions, call=None, reporter=made.reporter)


def test_the_order_that_is_shown_is_that_of_the_roll_and_what_is_untried_goes_first():
    inputs = ("/etc/kafka/x",)
    made = restart("kafka", check=True, out=(out := io.StringIO()))
    untried = {"enabled": True, "active": True, "started": {inputs[0]: "1"}, "disk": {inputs[0]: "2"}}
    resources = [Service("kafka", inputs)]
    made.plans = {name: plan.make(name, resources, {"service:kafka": untried}) for name in "ab"}
    fleet = asking(made, {"service:kafka": untried})
    fleet.sessions["b"] = SimpleNamespace(request=lambda op, **_: {"states": {"service:kafka": RUNS}, "serving": []})
    made._show_plan(fleet)
    lines = out.getvalue().splitlines()
    assert lines[1].startswith("  ~ a: restart service:kafka (1 of 2: files on its disk are untried")
    assert lines[2] == "  ~ b: restart service:kafka (2 of 2)"

    rolled: list[str] = []

    def request(host: str, *_: Any, **__: Any) -> dict[str, Any]:
        rolled.append(host)
        return {"seconds": {}}

    made.options, fleet.request = Options(NOWHERE, NOWHERE, accept_downtime=True), request
    made._change(fleet)
    assert rolled == ["a", "b"] and made.changing


class Gate(OneByOne):
    """Lets every host restart; restored: what it says or raises at the end."""

    def __init__(self, restored: str | HostFailed) -> None:
        self.restored = restored

    def restore(self, hosts: Sequence[str]) -> str:
        assert hosts == ["a", "b"]
        if isinstance(self.restored, HostFailed):
            raise self.restored
        return self.restored


@pytest.mark.parametrize(
    ("restored", "said"),
    [
        ("7 leaders returned", "\n7 leaders returned\n"),
        ("", ""),
        (HostFailed("no controller", host="b", advice="wait"), "warning: b: no controller; wait\n"),
    ],
)
def test_what_a_roll_has_moved_is_put_back_at_its_end_and_a_failure_of_that_fails_no_roll(
    restored: str | HostFailed, said: str
):
    out = io.StringIO()
    made = restart("kafka", out=out)
    fleet: Any = SimpleNamespace(request=lambda *_, **__: {"seconds": {}}, reporter=made.reporter)
    made.roll(fleet, made.steps(), Gate(restored))
    assert {name: (row.changed, row.restarted) for name, row in made.rows.items()} == {"a": (0, 1), "b": (0, 1)}
    assert said in out.getvalue() and ("warning" in out.getvalue()) == isinstance(restored, HostFailed)
    assert out.getvalue().count("\n") == 2 + bool(restored)


@pytest.mark.parametrize(
    ("flag", "refused"), [("--shrink", True), ("--accept-downgrade", False), ("--accept-fewer-copies", False)]
)
def test_a_restart_minds_only_what_the_inventory_does_not_know(flag: str, refused: bool):
    """It writes nothing; but its gates must know every node."""
    made = restart()
    made.refused = [Objection("contradicts", "a", consent=Consent(flag))]
    if not refused:
        made._refuse()
        return
    with pytest.raises(Refused, match="contradicts"):
        made._refuse()


def test_a_service_to_which_nobody_can_connect_is_not_restarted_and_waited_for():
    made = restart("kafka")
    fleet = asking(made, {})
    asked: list[Any] = []

    def cut_off(target: Any, units: Any, call: Any) -> Any:
        asked.append(units)
        return units

    made.site = SimpleNamespace(cut_off=cut_off)
    made.serving = {("b", "kafka")}
    with pytest.raises(Refused, match="shows a certificate that has ended") as error:
        made._change(fleet)
    assert error.value.host == "a" and asked == [["kafka"]], "what serves is not asked"
    assert "`invoke deploy --accept-downtime`" in str(error.value) and not made.changing
