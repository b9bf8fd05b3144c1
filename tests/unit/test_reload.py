"""Inputs that a running process reads again: what is asked of the host, what the plan makes of it, and who is next."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest

from cluster.certificates import onhost, reload
from provisioner.agent.failure import Failure
from provisioner.connect import requests
from provisioner.errors import HostFailed
from provisioner.report.reporter import Row
from provisioner.resources import Credential, File, Reload, Request, Service, from_wire
from provisioner.resources.service import outdated
from provisioner.run import plan, reloading
from roles.shared import tls
from tests.support.fake_hosts import FakeHosts

KEY, TRUST, OTHER = "/etc/kafka/tls/node.pem", "/etc/kafka/tls/ca.pem", "/etc/other"
SERVICE = Service("it", (KEY, TRUST, OTHER), reload=Reload((KEY, TRUST), Request("a.b", "f", {"a": 1})))
STARTED = {KEY: "1", TRUST: "1", OTHER: "1"}
DAY = 24 * 3600


class Host:
    """Files by their digest, and what the process answers."""

    def __init__(self, disk: dict[str, str], **answer: Any) -> None:
        self.disk, self.active, self.asked = {**STARTED, **disk}, True, list[dict[str, Any]]()
        self.answer = {"changes": [], "refused": [], **answer}

    def unit_state(self, unit: str) -> dict[str, Any]:
        return {"enabled": True, "active": self.active}

    def digest(self, path: str) -> str:
        return self.disk[path]

    def read_text(self, path: str) -> str:
        return "".join(f"{digest}  {path}\n" for path, digest in STARTED.items())

    def call(self, call: Request) -> dict[str, Any]:
        self.asked.append(dict(call.args))
        return self.answer


def test_a_service_travels_with_what_it_reads_again():
    assert from_wire(SERVICE.wire(content=False)) == SERVICE


@pytest.mark.parametrize(
    ("host", "asked", "restart"),
    [
        (Host({}), False, []),
        (Host({OTHER: "2"}), False, [OTHER]),
        (Host({KEY: "2"}), True, []),  # in force
        (Host({KEY: "2"}, changes=["a new one"]), True, []),
        (Host({KEY: "2"}, refused=["why"]), True, [KEY]),
        (Host({KEY: "2", TRUST: "2"}, refused=["why"]), True, [KEY, TRUST]),
        (Host({KEY: "2", OTHER: "2"}), True, [OTHER]),
    ],
)
def test_the_process_is_asked_where_a_file_is_another_one_than_at_its_start(host, asked, restart):
    state = SERVICE.read(host)
    assert host.asked == [{"a": 1, "apply": False}] * asked
    assert outdated(SERVICE.inputs, state, {}) == restart


def test_one_that_does_not_run_is_not_asked():
    host = Host({KEY: "2"})
    host.active = False
    assert SERVICE.read(host)["reload"] is None and not host.asked


def credential(**more: Any) -> Credential:
    said = {"taken": tls.RENEWED, "lasting": 14 * DAY, **more}
    return Credential(KEY, TRUST, "it", "CN=it", ("a", "b"), "ours", 60 * DAY, **said)


def there(**more: Any) -> dict[str, Any]:
    found = {**credential().expected(), "left": 50 * DAY, "until": 1, **more}
    return {"in_time": False, **found} if "in_time" in more else {**found, "in_time": False}


@pytest.mark.parametrize(
    ("actual", "more", "taken"),
    [
        (there(), {}, True),
        (there(names=["a"]), {}, True),
        (there(names=["a", "c"]), {}, False),  # no running broker takes fewer names
        (there(renewed=False, complete=False), {}, True),
        (there(authority="theirs"), {}, False),
        (there(authority="theirs"), {"taken": tls.SUCCEEDED}, True),
        (there(also_trusts="theirs"), {"taken": tls.SUCCEEDED}, True),
        (there(subject="CN=other"), {"taken": tls.SUCCEEDED}, False),
        (there(left=13 * DAY), {}, False),  # part of the process goes on with what is there
        (there(left=-DAY), {"lasting": None}, True),
        (there(), {"taken": ()}, False),
        (None, {}, False),
        ({"type": "link"}, {}, False),
    ],
)
def test_what_of_a_certificate_is_taken_without_a_restart(actual, more, taken):
    one = credential(**more)
    differs = (
        tuple(one.expected()) if actual is None else tuple(n for n, v in one.expected().items() if actual.get(n) != v)
    )
    assert one.as_it_runs(actual, differs) is taken


def state(**more: Any) -> dict[str, Any]:
    return {"enabled": True, "active": True, "started": STARTED, "disk": STARTED, "reload": None, **more}


def made(actual: dict[str, Any], service: dict[str, Any], *others: File) -> plan.HostPlan:
    one = credential()
    return plan.make("h", [one, *others, SERVICE], {one.key: actual, SERVICE.key: service})


def test_a_renewal_is_made_when_the_service_takes_it_and_not_before():
    found = made(there(), state())
    (one,) = found.reloads
    assert not found.restarts and not found.at_once and one.what == (f"a new {KEY}",)
    assert [change.resource.name for change in one.changes] == [KEY] and not found.nothing


@pytest.mark.parametrize("pending", [{"digests": {KEY: "2"}, "changes": [], "refused": ["it ends"]}, None])
def test_a_service_that_has_to_restart_anyway_takes_it_then(pending):
    disk = {**STARTED, **({KEY: "2"} if pending else {})}
    others = () if pending else (File(OTHER, "x"),)
    found = made(there(), state(disk=disk, reload=pending), *others)
    (restart,) = found.restarts
    assert not found.reloads and KEY in restart.reasons
    assert credential().key in [change.resource.key for change in restart.changes]


def test_one_that_does_not_run_gets_its_file_at_once():
    found = made(there(), state(active=False))
    assert not found.reloads and not found.restarts and credential().key in [one.resource.key for one in found.at_once]


def test_a_run_that_was_cut_off_between_file_and_process_is_finished_by_the_next_one():
    answer = {"digests": {KEY: "2", TRUST: "1"}, "changes": ["the new one at NODES"], "refused": []}
    found = plan.make("h", [SERVICE], {SERVICE.key: state(disk={**STARTED, KEY: "2"}, reload=answer)})
    assert [(one.what, one.changes) for one in found.reloads] == [
        (("the new one at NODES",), ())
    ] and not found.restarts
    answer["changes"] = []
    assert plan.make("h", [SERVICE], {SERVICE.key: state(disk={**STARTED, KEY: "2"}, reload=answer)}).nothing


class Fleet(FakeHosts):
    """Hosts whose services read their files again, but for one."""

    def __init__(self, fails: str = "") -> None:
        super().__init__({requests.reload: self.reload})
        self.fails, self.done = fails, list[tuple[str, ...]]()
        self.reporter = SimpleNamespace(
            host=lambda *a: None, phase=lambda text: None, change=lambda *line: self.done.append(line)
        )

    def reload(self, host: str, args: Any) -> dict[str, Any]:
        if host == self.fails:
            raise HostFailed("does not take it", host=host)
        return {"changes": []}


def two_units() -> dict[str, plan.HostPlan]:
    other = Service("other", (KEY,), reload=SERVICE.reload)
    pending = [plan.Reloading(one, ("a new key",)) for one in (SERVICE, other)]
    return {host: plan.HostPlan(host, (SERVICE, other), (), (), reloads=tuple(pending)) for host in ("h1", "h2")}


def test_services_are_asked_one_after_the_other_and_counted():
    fleet, rows = Fleet(), {"h1": Row(), "h2": Row()}
    reloading.reload(fleet, two_units(), ["other", "it"], None, rows)  # type: ignore[arg-type]
    said = ("reload", "a new key, no restart")
    order = [("h1", "other"), ("h2", "other"), ("h1", "it"), ("h2", "it")]
    assert fleet.done == [(host, f"service:{unit}", *said) for host, unit in order]
    assert rows == {"h1": Row(reloaded=2), "h2": Row(reloaded=2)}


def test_nobody_is_asked_behind_the_first_that_does_not_take_it():
    fleet, rows = Fleet(fails="h1"), {"h1": Row(), "h2": Row()}
    change = plan.Change(credential(), "~", ("in_time",), there())
    plans = {
        "h1": plan.HostPlan("h1", (SERVICE,), (), (), reloads=(plan.Reloading(SERVICE, ("new",)),)),
        "h2": plan.HostPlan("h2", (SERVICE,), (), (), reloads=(plan.Reloading(SERVICE, ("new",), (change,)),)),
    }
    with pytest.raises(HostFailed) as caught:
        reloading.reload(fleet, plans, ["it"], None, rows)  # type: ignore[arg-type]
    assert caught.value.details == ["not touched, still with the old files: h2"]
    assert len(fleet.asked) == 1 and not fleet.done and rows["h1"].reloaded == 0


# -- on the host

SAID = {"subject": "CN=kafka", "authority": "a", "also_trusts": "nobody else"}


@pytest.mark.parametrize(
    ("days", "differs", "why"),
    [
        (30, {}, ""),
        (13, {}, "ends soon"),
        (30, {"authority": "b"}, "another name or authority"),
        (30, {"also_trusts": "b"}, "another name or authority"),
        (30, {"subject": "CN=b"}, "another name or authority"),
    ],
)
def test_connections_that_go_on_with_an_older_certificate_ask_for_a_restart_in_time(days, differs, why):
    started = {**SAID, "until": str(int(time.time()) + days * DAY)}
    found = reload.bound({**SAID, **differs, "until": "9"}, started, 14 * DAY)
    assert (why in found) if why else not found
    assert reload.bound(SAID, {}, 0), "what it was started with has to be known"
    assert reload.bound(SAID, {**SAID, "until": "²"}, 0) and reload.bound(SAID, {**SAID, "until": "9" * 5000}, 0)


class Doors:
    """Listeners that show the certificate on disk after so many looks, and go back to the old one for some."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *shown: str) -> None:
        self.shown, self.touched = list(shown), 0
        monkeypatch.setattr(onhost, "node", self.look)
        monkeypatch.setattr(reload.time, "sleep", lambda seconds: None)
        monkeypatch.setattr(reload.os, "utime", self.touch)
        monkeypatch.setattr(reload, "SECONDS", 0.2)

    def look(self, one: dict[str, Any]) -> dict[str, Any]:
        now = self.shown.pop(0) if len(self.shown) > 1 else self.shown[0]
        return {"certificate": "new", "doors": {"NODES": {"shown": now, "why": ""}}}

    def touch(self, path: str) -> None:
        self.touched += 1


def server(apply: bool) -> dict[str, Any]:
    args = {"unit": "zookeeper", "log_file": "", "path": KEY, "doors": {"CLIENT": "SSL://x:1"}, "apply": apply}
    return reload.server(args, lambda event: None)


def test_a_server_that_puts_back_an_older_key_is_told_again(monkeypatch):
    doors = Doors(monkeypatch, "old", "old", "old", "new", "old", "old", "new")
    assert server(apply=True) == {"changes": [f"the new {KEY} at NODES"], "refused": []}
    assert doors.touched > 0 and doors.shown == ["new"], "seen with it twice, one after the other"


def test_what_is_still_shown_in_the_end_is_a_failure(monkeypatch):
    Doors(monkeypatch, "old")
    assert server(apply=False)["changes"] == [f"the new {KEY} at NODES"]
    with pytest.raises(Failure, match=f"zookeeper does not take {KEY}, and still shows the old certificate at NODES"):
        server(apply=True)


class Endpoint:
    def __init__(self, refuses: bool) -> None:
        self.refuses = refuses

    def connect(self) -> Any:
        if self.refuses:
            raise OSError(None, "certificate has expired")
        return SimpleNamespace(close=lambda: None)


def broker(monkeypatch: pytest.MonkeyPatch, apply: bool, said: str = "", refuses: bool = False) -> dict[str, Any]:
    monkeypatch.setattr(reload.Endpoint, "parse", lambda text: Endpoint(refuses))
    args = {"unit": "kafka", "log_file": "", "path": KEY, "doors": {}, "said": said, "lasting": 0, "broker": 1}
    return reload.broker({**args, "bootstrap": "x:1", "apply": apply}, lambda event: None)


def test_a_broker_is_told_once_and_what_it_shows_counts(monkeypatch):
    told: list[Any] = []
    monkeypatch.setattr(reload.brokers, "change", lambda *args: told.append(args[1:]))
    Doors(monkeypatch, "old", "old", "new")
    assert broker(monkeypatch, apply=True)["changes"] == [f"the new {KEY} at NODES"]
    assert told == [("1", {"listener.name.nodes.ssl.keystore.certificate.chain": None})]
    assert broker(monkeypatch, apply=True) == {"changes": [], "refused": []} and len(told) == 1, "it has it"


def test_a_broker_s_own_reason_is_said(monkeypatch):
    def refuse(*args: Any) -> None:
        raise OSError(None, "Keystore SubjectAltNames do not match")

    monkeypatch.setattr(reload.brokers, "change", refuse)
    Doors(monkeypatch, "old")
    with pytest.raises(Failure) as caught:
        broker(monkeypatch, apply=True)
    assert caught.value.details == ["Keystore SubjectAltNames do not match"]
    assert "the next deploy tries it again" in caught.value.advice


def test_a_broker_that_lets_nobody_in_has_to_restart(monkeypatch):
    Doors(monkeypatch, "old")
    assert broker(monkeypatch, apply=False, refuses=True)["refused"] == [
        "its broker does not answer: certificate has expired"
    ]
