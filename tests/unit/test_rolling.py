"""The engine's side of a roll: one host after the other, nothing behind a failure, and no memory of a run."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from provisioner.errors import HostFailed
from provisioner.resources import File, Request, Service
from provisioner.run import plan, rolling
from provisioner.run.plan import Change, HostPlan
from provisioner.run.rolling import Step

KAFKA = Service("kafka", ("/etc/a", "/etc/b"))
NEW = File("/etc/a", "new\n")
CHANGE = Change(NEW, "~", ("digest",), {**NEW.expected(), "digest": "old"})


class Gate:
    """Notes what it is asked; refuses or fails for the hosts it is told to, or has something to hand over."""

    def __init__(self, log: list[str], refuses: str = "", fails: str = "", relieves: str = "") -> None:
        self.log, self.refuses, self.fails, self.relieves = log, refuses, fails, relieves

    def order(self, hosts: Sequence[str]) -> dict[str, str]:
        return dict.fromkeys(sorted(hosts, reverse=True), "")

    def permit(self, host: str) -> str:
        self.log.append(f"permit {host}")
        if host == self.refuses:
            raise HostFailed("it must stay up", host=host)
        return f"before {host}"

    def relieve(self, host: str, before: Any) -> bool:
        assert before == f"before {host}"
        if host == self.relieves:
            self.log.append(f"relieve {host}")
        return host == self.relieves

    def settle(self, host: str, before: Any) -> None:
        assert before == f"before {host}"
        self.log.append(f"settle {host}")
        if host == self.fails:
            raise HostFailed("it does not come back", host=host)

    def restore(self, hosts: Sequence[str]) -> str:
        raise AssertionError("only a whole run knows when the last host is done")


def fleet(log: list[str]) -> Any:
    def request(host: str, op: str, **arguments: Any) -> dict[str, Any]:
        log.append(f"{op} {host}")
        return {"seconds": {"stop": 1.0, "start": 0.1}}

    changes = SimpleNamespace(host=lambda *_: None, change=lambda name, *rest: log.append(f"{name}: {rest[-1]}"))
    return SimpleNamespace(request=request, reporter=changes)


def roll(log: list[str], steps: Sequence[Step], gate: Gate) -> Any:
    return rolling.roll(fleet(log), steps, gate, lambda step: log.append(f"write {step.host}"))


def test_each_host_is_back_before_the_next_one_goes_in_the_gates_order():
    log: list[str] = []
    done = list(roll(log, [Step(host, KAFKA, ("/etc/a",)) for host in "abc"], Gate(log)))
    assert done == ["c", "b", "a"]
    assert log[:4] == ["permit c", "restart c", "settle c", "c: runs with an older /etc/a"]
    assert [entry for entry in log if entry.startswith(("restart", "settle"))] == [
        "restart c",
        "settle c",
        "restart b",
        "settle b",
        "restart a",
        "settle a",
    ]


def test_a_host_that_hands_something_over_is_asked_for_again_before_it_goes():
    log: list[str] = []
    list(roll(log, [Step(host, KAFKA) for host in "ab"], Gate(log, relieves="a")))
    assert [entry for entry in log if ":" not in entry] == [
        "permit b",
        "restart b",
        "settle b",
        "permit a",
        "relieve a",
        "permit a",
        "restart a",
        "settle a",
    ]


@pytest.mark.parametrize(("refuses", "fails"), [("b", ""), ("", "b")])
def test_nothing_behind_the_first_failure_is_touched(refuses: str, fails: str):
    log: list[str] = []
    going = roll(log, [Step(host, KAFKA, changes=(CHANGE,)) for host in "abc"], Gate(log, refuses, fails))
    assert next(going) == "c"
    with pytest.raises(HostFailed) as failure:
        next(going)
    assert failure.value.host == "b"
    assert not {"permit a", "write a", "restart a", "settle a"} & set(log), log
    assert ("restart b" in log) == ("write b" in log) == bool(fails)


def test_what_a_service_reads_at_its_start_is_written_in_its_turn_and_the_gate_is_asked_again():
    log: list[str] = []
    list(roll(log, [Step(host, KAFKA, ("/etc/a",), (CHANGE,)) for host in "ab"], Gate(log, relieves="a")))
    assert [entry for entry in log if ":" not in entry] == [
        "permit b",
        "write b",
        "permit b",
        "restart b",
        "settle b",
        "permit a",
        "write a",
        "relieve a",
        "permit a",
        "restart a",
        "settle a",
    ]


def test_a_roll_that_fails_says_which_hosts_have_the_old_files_and_the_way_back():
    def error(refuses: str = "", fails: str = "", reasons: tuple[str, ...] = ("/etc/a",)) -> HostFailed:
        steps = [Step(host, KAFKA, reasons, (CHANGE,) if reasons and host != "d" else ()) for host in "abcd"]
        with pytest.raises(HostFailed) as failure:
            list(roll([], steps, Gate([], refuses, fails)))
        return failure.value

    died = error(fails="c")
    assert died.details == ["not touched, still with the old files: b, a"]
    assert died.advice == (
        "if a new value is the cause, put the old one back in the inventory and deploy again: "
        "that starts kafka here first"
    )
    refused = error(refuses="b")
    assert refused.details == ["not touched, still with the old files: b, a"] and refused.advice is None
    asked = error(fails="c", reasons=())  # `restart`: nothing was to be written
    assert asked.details == [] and asked.advice is None


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ({"a": {}, "b": {}, "c": {}}, "abc"),
        # Untried on this disk since an earlier run: tried there before another one gets it.
        ({"a": {}, "b": {}, "c": {"begun": True}}, "cab"),
        # What is down goes first, or no gate lets the others go down.
        ({"a": {}, "b": {"serves": False}, "c": {"begun": True}}, "bca"),
        ({"a": {"serves": False}, "b": {"serves": False, "begun": True}, "c": {}}, "bac"),
    ],
)
def test_a_turn_that_was_cut_off_comes_before_the_others(steps: dict[str, Any], expected: str):
    made = {host: Step(host, KAFKA, **given) for host, given in steps.items()}
    order = {"a": "", "b": "", "c": "the controller"}
    found = rolling.turns(order, made)
    assert [*found] == [*expected]
    for host, step in made.items():
        assert ("does not serve" in found[host]) is not step.serves
        assert ("untried" in found[host]) is (step.begun and step.serves)
        assert step.begun or not step.serves or found[host] == order[host], "the gate's reason is lost"


@pytest.mark.parametrize(
    ("state", "reasons"),
    [
        ({"active": True, "started": {"/etc/a": "1", "/etc/b": "2"}, "disk": {"/etc/a": "1", "/etc/b": "2"}}, None),
        (
            {"active": True, "started": {"/etc/a": "1", "/etc/b": "2"}, "disk": {"/etc/a": "1", "/etc/b": "3"}},
            ["/etc/b"],
        ),
        ({"active": True, "started": None, "disk": {"/etc/a": "1", "/etc/b": "2"}}, ["/etc/a", "/etc/b"]),
        ({"active": False, "started": {"/etc/a": "0"}, "disk": {"/etc/a": "1", "/etc/b": "2"}}, None),
        (None, None),
    ],
)
def test_what_is_due_follows_from_the_host_alone(state: Any, reasons: list[str] | None):
    found = rolling.pending(HostPlan("a", (KAFKA,), (), ()), {"service:kafka": state}, ())
    assert found == ([Step("a", KAFKA, tuple(reasons), begun=True)] if reasons else [])


@pytest.mark.parametrize(
    ("now", "serving", "expected"),
    [
        ({}, ("kafka",), {}),
        ({}, (), {"serves": False}),  # it runs and does not answer: a start that failed, perhaps
        ({"active": False}, (), {"serves": False}),  # it has died since the plan was made: its turn starts it
        ({"disk": {"/etc/a": "1", "/etc/b": "3"}}, ("kafka",), {"begun": True}),
    ],
)
def test_what_waits_for_a_restart_is_due_whatever_has_become_of_the_service(
    now: dict[str, Any], serving: tuple[str, ...], expected: dict[str, Any]
):
    service = Service("kafka", KAFKA.inputs, ready=Request("m", "f"))
    on_disk = {"/etc/a": "1", "/etc/b": "2"}
    state = {"enabled": True, "active": True, "started": on_disk, "disk": on_disk}
    states = {NEW.key: {**NEW.expected(), "digest": "1"}, service.key: state}
    made = plan.make("a", [NEW, service], states)
    found = rolling.pending(made, {service.key: {**state, **now}}, serving)
    assert found == [Step("a", service, ("/etc/a",), made.changes, **expected)]


def test_what_the_service_turns_out_to_run_with_is_written_without_a_restart():
    service = Service("kafka", KAFKA.inputs, ready=Request("m", "f"))
    unknown = {"enabled": True, "active": True, "started": {}, "disk": {"/etc/a": "1", "/etc/b": "2"}}
    made = plan.make("a", [NEW, service], {NEW.key: {**NEW.expected(), "digest": "1"}, service.key: unknown})
    # The plan could not know: what the service was started with came back while everything else was put right.
    known = {**unknown, "started": {"/etc/a": NEW.expected()["digest"], "/etc/b": "2"}}
    (step,) = rolling.pending(made, {service.key: known}, ("kafka",))
    assert step.needless and step.changes == made.changes and step.reasons == ()


def test_a_service_rolls_after_what_it_stands_on_also_where_they_are_on_different_hosts():
    zookeeper = Service("zookeeper")
    plans = {
        "b": HostPlan("b", (KAFKA,), (), ()),
        "z": HostPlan("z", (zookeeper,), (), ()),
    }
    assert rolling.units(plans, ("zookeeper", "another", "kafka")) == ["zookeeper", "kafka"]


def test_the_reason_is_said_in_words():
    assert rolling.because(("/a", "/b")) == "runs with an older /a, /b"
    assert rolling.because(tuple(f"/{n}" for n in range(6))) == "runs with an older /0, /1, /2, /3 and 2 more"
    assert rolling.because(()) == "asked for"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ((CHANGE,), "kafka needs a new /etc/a; left out with its restart (--no-restart), for the next deploy"),
        ((), "kafka runs with an older /etc/a; restart left out (--no-restart), the next deploy does it"),
    ],
)
def test_what_no_restart_leaves_out_is_said(changes: tuple[Change, ...], expected: str):
    assert rolling.left_out(Step("a", KAFKA, ("/etc/a",), changes)) == expected
