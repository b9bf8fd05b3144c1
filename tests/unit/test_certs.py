"""When certificates end: what certs.list shows of it, and what status and doctor say."""

from __future__ import annotations

import datetime
import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cli import certs
from cli.common import Run
from cli.tables import certs as table
from cluster.certificates import onhost
from provisioner import authority as authorities
from provisioner import certificates, succession
from provisioner.authority import Authority
from provisioner.report.terminal import Terminal
from provisioner.resources import Credential, Service
from provisioner.run.plan import Change
from roles import site
from roles.shared import certificates as of_doctor
from roles.shared import expiry
from roles.status import Answer, document
from tests.support import roles as support

DAY = expiry.DAY
NAMES = ["127.0.0.1", "kafka1", "::1"]
UNIT = {"enabled": True, "active": True, "sub": "running", "restarts": 0, "disk": {}, "started": {}}
RENEWS = "`invoke deploy` renews it"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "site.ca", "acme")


def judged(left: float, trusted: str = "", in_time: bool = False, clients: str = "") -> dict[str, Any]:
    """The document of status about one node whose certificate is good for so many days. clients: what it trusts of
    clients."""
    state = {"until": int(time.time() + left * DAY) + 5, "in_time": in_time, "trusted": trusted}
    answers: dict[str, Any] = {"services": [Service("kafka")], "states": {"service:kafka": UNIT}, "processes": {}}
    one = Answer(**answers, certificates={"kafka": state}, clients=[clients])
    return document({"kafka1": one}, {}, {"kafka": {"kafka1": 1}})


def told(found: dict[str, Any], where: str) -> list[str]:
    return [line for line in found[where] if "certificate" in line]


@pytest.mark.parametrize(
    ("left", "where", "said"),
    [
        (31, "", ""),
        (30, "notes", f"kafka1: the certificate of kafka ends in 30 days: {RENEWS}"),
        (29, "notes", f"kafka1: the certificate of kafka ends in 29 days: {RENEWS}"),
        (8, "notes", f"kafka1: the certificate of kafka ends in 8 days: {RENEWS}"),
        (7, "problems", f"kafka1: the certificate of kafka ends in 7 days: {RENEWS}"),
        (6, "problems", f"kafka1: the certificate of kafka ends in 6 days: {RENEWS}"),
        (1, "problems", f"kafka1: the certificate of kafka ends in 1 day: {RENEWS}"),
        (0, "problems", f"kafka1: the certificate of kafka ends in less than a day: {RENEWS}"),
        (-1, "problems", "kafka1: the certificate of kafka has ended: the nodes refuse each other and the toolkit"),
    ],
)
def test_status_warns_from_30_days_and_fails_from_7(left, where, said):
    found = judged(left)
    assert found["hosts"]["kafka1"]["services"]["kafka"]["certificate"]["days"] == left
    for key in ("notes", "problems"):
        lines = told(found, key)
        assert len(lines) == (key == where) and all(line.startswith(said) for line in lines), lines


def test_what_no_deploy_renews_yet_is_said_with_what_makes_it():
    (line,) = told(judged(20, in_time=True), "notes")
    assert line.endswith("a deploy does not renew it yet: make kafka_tls_renew longer, and deploy")


@pytest.mark.parametrize(("left", "where"), [(31, ""), (30, "notes"), (8, "notes"), (7, "problems"), (-1, "problems")])
def test_the_authority_s_own_end_counts_too(authority, monkeypatch, left, where):
    made = datetime.timedelta(days=left, seconds=30)
    monkeypatch.setattr(authorities, "LASTS", made)
    monkeypatch.setattr(authorities, "EARLIER", 2 * abs(made))
    found = judged(300, authority.issue("kafka", NAMES, 1).trusted)
    assert found["authority"]["days"] == left
    for key in ("notes", "problems"):
        lines = told(found, key)
        assert len(lines) == (key == where), lines
        assert all(line.startswith(f"the certificate of the authority {expiry.when(left)}") for line in lines)


@pytest.mark.parametrize(("left", "where"), [(31, ""), (30, "notes"), (8, "notes"), (7, "problems"), (-1, "problems")])
def test_the_end_of_the_clients_authority_counts_as_well(authority, monkeypatch, left, where):
    made = datetime.timedelta(days=left, seconds=30)
    monkeypatch.setattr(authorities, "LASTS", made)
    monkeypatch.setattr(authorities, "EARLIER", 2 * abs(made))
    found = judged(300, clients=authority.issue("orders", [], 1).trusted)
    assert found["authority"] is None and found["client_authority"]["days"] == left
    for key in ("notes", "problems"):
        lines = told(found, key)
        assert len(lines) == (key == where), lines
        assert all(line.startswith(f"the certificate of the clients' authority {expiry.when(left)}") for line in lines)
    assert judged(300, clients="# No client shows a certificate here.\n")["client_authority"] is None


def test_an_open_cluster_has_no_certificates_to_speak_of(tmp_path):
    found = document({"kafka1": Answer([Service("kafka")], {"service:kafka": UNIT}, {})}, {}, {})
    assert found["authority"] is None and found["hosts"]["kafka1"]["services"]["kafka"]["certificate"] is None
    of = support.target(support.inventory(tmp_path, kafka=["kafka1"]))
    assert site.nodes(of) == {}


@pytest.mark.parametrize(("left", "said"), [(59, ["ends in 59 days"]), (31, ["ends in 31 days"]), (30, [])])
def test_doctor_names_a_renewal_that_status_does_not_speak_of(left, said):
    one = Credential("/p", "/t", "kafka", "CN=kafka", (), "", 60 * DAY)
    change = Change(one, "~", ("in_time",), {"until": time.time() + left * DAY + 5})
    witness: Any = SimpleNamespace(name="kafka1", plan=SimpleNamespace(changes=[change]))
    found = list(of_doctor.ending(witness, "kafka"))
    assert [one.what for one in found] == [f"the certificate of kafka {text}" for text in said]


def seen(authority: Authority, shown: str | None = None, days: int = 300, **changes: Any) -> dict[str, Any]:
    """What a host says of a node, whose listeners show another certificate than there is on disk."""
    issued = authority.issue("kafka", NAMES, days)
    door = {"shown": shown or issued.text, "why": ""}
    both = {"certificate": issued.text, "trusted": issued.trusted, "doors": {"NODES": door, "SECURE": door}}
    return {"path": "/etc/kafka/tls/node.pem", "trust": "/etc/kafka/tls/ca.pem", **both, **changes}


def listed(authority: Authority, one: dict[str, Any], can_sign: bool = True) -> dict[str, Any]:
    return table.document({"kafka1": {"kafka": one}}, "site.ca/ca.crt", authority.certificate, can_sign, time.time())


def test_a_certificate_that_is_shown_everywhere_needs_no_remark(authority):
    found = listed(authority, seen(authority))
    (node,), (own,) = found["certificates"], found["authorities"]
    assert node["names"] == sorted(NAMES) and node["subject"] == "CN=kafka,O=acme" and node["days"] == 299
    assert node["authority"] == own["fingerprint"] == authority.fingerprint and node["signed_by_authority"]
    assert own["paths"] == ["site.ca/ca.crt", "kafka1:/etc/kafka/tls/ca.pem"]
    assert not list(table.remarks(node)) and "2 of 2" in table.page(found)


def test_one_that_was_renewed_on_disk_only_is_named_with_what_is_shown(authority):
    old = authority.issue("kafka", NAMES, 3)
    found = listed(authority, seen(authority, shown=old.text))
    assert "0 of 2" in table.page(found)
    serial, until = certificates.read(old.text).serial, expiry.written(old.until)
    (said,) = table.remarks(found["certificates"][0])
    assert f"kafka still shows {serial[:8]} (until {until[:10]}) at NODES, SECURE: a deploy changes that" in said


def test_what_is_missing_silent_foreign_or_ending_is_remarked(authority, tmp_path):
    silent = seen(authority, doors={"NODES": {"shown": "", "why": "Connection refused"}})
    assert list(table.remarks(listed(authority, silent)["certificates"][0])) == [
        "no answer at NODES: Connection refused"
    ]
    gone = seen(authority, certificate="", doors={})
    assert "there is no certificate" in next(table.remarks(listed(authority, gone)["certificates"][0]))
    foreign = Authority(tmp_path / "other.ca", "acme").issue("kafka", NAMES, 300)
    (said,) = table.remarks(listed(authority, seen(authority, trusted=foreign.trusted))["certificates"][0])
    assert "has not signed it" in said
    assert list(table.remarks(listed(authority, seen(authority, days=5))["certificates"][0])) == ["it ends in 4 days"]
    assert "its key is not here" in table.page(listed(authority, seen(authority), can_sign=False))


def test_an_authority_that_is_being_replaced_is_a_line_of_its_own_and_says_when_it_signs(authority):
    authority.issue("kafka", NAMES, 1)
    succession.announce(authority)
    found = listed(authority, seen(authority))
    assert [(one["turn"], one["can_sign"], len(one["paths"])) for one in found["authorities"]] == [
        ("now", True, 2),
        ("next", False, 2),
    ]
    assert "it signs next, and is trusted already: `invoke certs.rotate-ca` goes on" in table.page(found)
    succession.succeed(authority)
    found = listed(authority, seen(authority))
    assert [one["turn"] for one in found["authorities"]] == ["now", "before"]
    assert not list(table.remarks(found["certificates"][0]))
    both = seen(authority)
    succession.retire(authority)
    found = listed(authority, both)
    assert [(one["turn"], len(one["paths"])) for one in found["authorities"]] == [("now", 2), ("before", 1)]


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_it_fits_its_terminal(authority, width):
    old = authority.issue("kafka", NAMES, 3)
    for line in table.page(listed(authority, seen(authority, shown=old.text)), Terminal(width)).splitlines():
        assert len(line) <= width, line


def test_an_open_cluster_is_one_sentence(tmp_path, capsys, monkeypatch):
    support.inventory(tmp_path, kafka=["kafka1"])
    (path,) = tmp_path.glob("*.yml")
    assert certs.listing(Run(hosts=str(path)), as_json=False) == 0
    assert capsys.readouterr().out == f"{certs.NONE}\n"
    assert certs.listing(Run(hosts=str(path)), as_json=True) == 0
    assert json.loads(capsys.readouterr().out) == {"certificates": [], "authorities": [], "clients": []}


def test_no_key_leaves_its_host(authority, tmp_path):
    issued = authority.issue("kafka", NAMES, 1)
    (tmp_path / "node.pem").write_text(f"# a note\n{issued.text}")
    (tmp_path / "ca.pem").write_text(issued.trusted)
    node = {"path": str(tmp_path / "node.pem"), "trust": str(tmp_path / "ca.pem"), "doors": {"NODES": "127.0.0.1:1"}}
    found = onhost.look({"nodes": {"kafka": node}}, lambda event: None)["kafka"]
    assert "PRIVATE" in issued.text and "PRIVATE" not in str(found)
    assert certificates.read(found["certificate"]) == certificates.read(issued.text)
    assert found["doors"]["NODES"] == {"shown": "", "why": "Connection refused"}
