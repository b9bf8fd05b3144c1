"""The engine's side of a roll: one host after the other, nothing behind a failure, and no memory of a run."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from provisioner.errors import HostFailed
from provisioner.resources import Service
from provisioner.run import rolling
from provisioner.run.plan import HostPlan
from provisioner.run.rolling import Step

KAFKA = Service("kafka", ("/etc/a", "/etc/b"))


class Gate:
    """Notes what it is asked; refuses or fails for the hosts it is told to, or has something to hand over."""

    def __init__(self, log: list[str], refuses: str = "", fails: str = "", relieves: str = "") -> None:
        self.log, self.refuses, self.fails, self.relieves = log, refuses, fails, relieves

    def order(self, hosts: Sequence[str]) -> list[str]:
        return sorted(hosts, reverse=True)

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


def fleet(log: list[str]) -> Any:
    def request(host: str, op: str, **arguments: Any) -> dict[str, Any]:
        log.append(f"{op} {host}")
        return {"seconds": {"stop": 1.0, "start": 0.1}}

    changes = SimpleNamespace(host=lambda *_: None, change=lambda name, *rest: log.append(f"{name}: {rest[-1]}"))
    return SimpleNamespace(request=request, reporter=changes)


def test_each_host_is_back_before_the_next_one_goes_in_the_gates_order():
    log: list[str] = []
    done = list(rolling.roll(fleet(log), [Step(host, KAFKA, ("/etc/a",)) for host in "abc"], Gate(log)))
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
    list(rolling.roll(fleet(log), [Step(host, KAFKA) for host in "ab"], Gate(log, relieves="a")))
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
    roll = rolling.roll(fleet(log), [Step(host, KAFKA) for host in "abc"], Gate(log, refuses, fails))
    assert next(roll) == "c"
    with pytest.raises(HostFailed) as failure:
        next(roll)
    assert failure.value.host == "b"
    assert not {"permit a", "restart a", "settle a"} & set(log), log
    assert ("restart b" in log) == bool(fails)


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
    found = rolling.pending("a", [KAFKA], {"service:kafka": state})
    assert found == ([Step("a", KAFKA, tuple(reasons))] if reasons else [])


def test_a_service_rolls_after_what_it_stands_on_also_where_they_are_on_different_hosts():
    zookeeper = Service("zookeeper")
    plans = {
        "z": HostPlan("z", (zookeeper,), (), ()),
        "b": HostPlan("b", (KAFKA,), (), ()),
        "both": HostPlan("both", (zookeeper, KAFKA), (), ()),
    }
    assert rolling.units(plans) == ["zookeeper", "kafka"]


def test_the_reason_is_said_in_words():
    assert rolling.because(("/a", "/b")) == "runs with an older /a, /b"
    assert rolling.because(tuple(f"/{n}" for n in range(6))) == "runs with an older /0, /1, /2, /3 and 2 more"
    assert rolling.because(()) == "asked for"
