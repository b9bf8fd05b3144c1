"""A company's certificates at the listeners of clients: what an inventory may say, what brokers get, who is told."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from cli import given_certs
from cli.common import Run
from cli.tables import certs as table
from cluster.certificates import given as on_host
from cluster.protocol.login import MECHANISM
from provisioner.authority import SEALED, Authority
from provisioner.errors import ConfigError, ProvisionerError, UsageError
from provisioner.resources import Credential, File, Given, Gone, Service, from_wire
from provisioner.resources.given import with_heading
from provisioner.run.uninstall import removal
from roles.kafka import given, objections, service, verify
from roles.kafka.verify import Verdict
from roles.shared import security
from roles.status import Answer, document
from tests.support import roles as support
from tests.support.company import Company

DAY = 24 * 3600
PEM, CA = security.given_files("kafka")
VARIABLES: dict[str, Any] = {
    "kafka_tls_cert": "{{ inventory_dir }}/site.certs/{{ inventory_hostname }}.pem",
    "kafka_tls_key": "{{ inventory_dir }}/site.certs/{{ inventory_hostname }}.key",
    "kafka_tls_ca": "{{ inventory_dir }}/site.certs/ca.pem",
}
CLOSED: dict[str, Any] = {"kafka_security": "required", **VARIABLES}


@pytest.fixture
def site(tmp_path: Path) -> Any:
    """site(): the inventory of two brokers for which certificates have come."""

    def make(**variables: Any) -> Any:
        found = support.inventory(tmp_path, kafka=["kafka1", "kafka2"], **CLOSED, **variables)
        run = Run(hosts=str(found.path))
        given_certs.request(run, new_key=False)
        company = Company(tmp_path)
        company.sign(*(tmp_path / "site.certs").glob("*.csr"))
        given_certs.import_(run, [str(company.sent)], str(company.root))
        return found

    return make


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"kafka_tls_cert": "a.pem"}, "kafka_tls_cert is set without kafka_tls_key and kafka_tls_ca"),
        ({**CLOSED, "kafka_tls_ca": ""}, "kafka_tls_cert is set without kafka_tls_ca"),
        (
            {**CLOSED, "kafka_tls_cert": "{{ 'a.pem' if inventory_hostname == 'kafka1' else '' }}"},
            "kafka2: kafka_tls_key is set without kafka_tls_cert",
        ),
        (
            {**CLOSED, "kafka_tls_ca": "{{ inventory_hostname }}.pem"},
            "kafka_tls_ca differs between the brokers of one cluster",
        ),
        (VARIABLES, "kafka_tls_cert is set, and no listener would show the certificate: kafka_security is off"),
    ],
)
def test_what_an_inventory_may_not_say(tmp_path: Path, variables: dict[str, Any], said: str):
    with pytest.raises(ProvisionerError) as refused:
        support.inventory(tmp_path, kafka=["kafka1", "kafka2"], **variables)
    errors = getattr(refused.value, "errors", [refused.value])
    assert any(said in "\n".join(one.lines()) for one in errors), [one.lines() for one in errors]
    assert all(isinstance(one, ConfigError) and one.advice for one in errors)


def test_all_brokers_have_one_or_none(tmp_path: Path):
    brokers = {"kafka1": {}, "kafka2": VARIABLES}
    with pytest.raises(ConfigError, match="kafka_tls_cert is set for some brokers only") as refused:
        support.inventory(tmp_path, kafka=brokers, kafka_security="open")
    assert "not set for: kafka1" in refused.value.details


def test_listeners_of_clients_show_it_and_those_of_nodes_never_do(site):
    of = support.target(site(kafka_listeners=[{"name": "IN", "port": 9092}, {"name": "EX", "port": 9192}]), "kafka2")
    text = support.files(of)["/etc/kafka/server.properties"].content or ""
    found = dict(line.split("=", 1) for line in text.splitlines() if line.startswith("listener.name."))
    shown = {name.split(".")[2]: value for name, value in found.items() if name.endswith("ssl.keystore.location")}
    node = "/etc/kafka/tls/node.pem"
    assert shown == {"nodes": node, "controller_secure": node, "in_secure": PEM, "ex_secure": PEM}
    trusts = {value for name, value in found.items() if name.endswith("ssl.truststore.location")}
    assert trusts == {"/etc/kafka/tls/ca.pem"}, "a certificate of the company's must never be taken for a node's"
    by_path = support.files(of)
    assert (by_path[PEM].mode, by_path[PEM].group, by_path[PEM].secret) == (0o640, "kafka", True)
    assert "PRIVATE KEY" in (by_path[PEM].content or "") and "PRIVATE" not in (by_path[CA].content or "")
    (unit,) = (one for one in support.resources(of) if isinstance(one, Service) and one.unit == "kafka")
    assert {PEM, CA} <= {*unit.inputs}
    (credential,) = (one for one in support.resources(of) if isinstance(one, Credential))
    assert "kafka2" in credential.names
    own, clients = service.node(of), service.shown(of)
    assert own and clients and [*own.doors] == ["NODES", "CONTROLLER_SECURE"]
    assert [*clients.doors] == ["IN_SECURE", "EX_SECURE"] and clients.asked["path"] == PEM


def test_without_it_nothing_of_it_is_left_and_nothing_else_differs(tmp_path: Path):
    of = support.target(support.inventory(tmp_path, kafka=["kafka1"], kafka_security="required"))
    found = [one for one in support.resources(of) if isinstance(one, Gone)]
    assert [(one.path, one.named_by) for one in found] == [(path, "/etc/kafka/server.properties") for path in (PEM, CA)]
    own = service.node(of)
    assert own and "SECURE" in own.doors and service.shown(of) is None and PEM not in service.inputs(of)
    open_ = support.target(support.inventory(tmp_path, kafka=["kafka1"]))
    assert not any(isinstance(one, (Gone, Given)) for one in support.resources(open_))


def test_files_that_do_not_fit_are_refused_with_their_variables_and_an_uninstall_needs_none(site, tmp_path: Path):
    of = support.target(site(), "kafka1")
    assert objections.given.objections(of) == []
    more = support.target(support.inventory(tmp_path, kafka=["kafka1"], kafka_tls_names=["a.example.com"], **CLOSED))
    (error,) = given.objections(more)
    assert error.hosts == ["kafka1"] and "lacks a.example.com, by which clients reach it" in error.summary
    assert f"kafka_tls_cert: {tmp_path}/site.certs/kafka1.pem" in error.details
    (tmp_path / "site.certs" / "kafka1.key").write_bytes(SEALED + b"1.1;AES256\n00")
    (error,) = given.objections(of)
    assert "kafka1.key is encrypted by ansible-vault" in error.summary and error.advice and error.host == "kafka1"
    (tmp_path / "site.certs" / "kafka1.key").unlink()
    (error,) = given.objections(of)
    assert "kafka1.key is not here" in error.summary and error.advice
    assert PEM in [one.place for one in removal(support.resources(of), purge=False).rest]
    assert service.shown(of) is not None, "status asks without the files"


def test_a_host_tells_when_it_ends_and_keeps_the_key(tmp_path: Path):
    class System:
        def path_state(self, path):
            return {"type": "file", "owner": "root", "group": "kafka", "mode": 0o640}

        def read_bytes(self, path):
            return with_heading("-----BEGIN PRIVATE KEY-----\n", 1234, "kafka1.example.com").encode()

        def read_text(self, path):
            return self.read_bytes(path).decode()

    one = Given(PEM, "another", group="kafka", mode=0o640, secret=True)
    state = from_wire(one.wire(content=False)).read(System())
    assert state and state["until"] == 1234 and "content" not in state
    assert one.texts(state, ("digest",)).hidden and "another" not in repr(one)


@pytest.mark.parametrize(
    ("left", "where", "said"),
    [
        (31, "", ""),
        (30, "notes", "ends in 30 days, and no deploy renews it"),
        (8, "notes", "ends in 8 days"),
        (7, "problems", "ends in 7 days"),
        (-1, "problems", "has ended, and clients refuse it"),
    ],
)
def test_status_says_when_a_new_one_is_to_be_requested(left: int, where: str, said: str):
    unit = {"enabled": True, "active": True, "sub": "running", "restarts": 0, "disk": {}, "started": {}}
    state = {"until": int(time.time() + left * DAY) + 5}
    answer = Answer([Service("kafka")], {"service:kafka": unit}, {}, given={"kafka": state})
    found = document({"kafka1": answer}, {}, {"kafka": {"kafka1": 1}})
    assert found["hosts"]["kafka1"]["services"]["kafka"]["given_certificate"]["days"] == left
    for key in ("notes", "problems"):
        lines = [line for line in found[key] if "certificate" in line]
        assert len(lines) == (key == where)
        start = f"kafka1: the certificate that kafka shows to clients {said}"
        assert all(line.startswith(start) and "`invoke certs.request`" in line for line in lines), lines


def test_certs_list_has_a_line_for_it_and_none_for_the_company_s_authority(tmp_path: Path):
    own, other = Authority(tmp_path / "site.ca", "acme"), Authority(tmp_path / "company.ca", "Company")
    made = {"kafka": own.issue("kafka", ["kafka1"], 300), "kafka:clients": other.issue("kafka1", ["kafka1"], 20)}
    hosts = {
        unit: {
            "certificate": one.text,
            "trusted": one.trusted,
            "path": unit,
            "trust": "/t",
            "doors": {"A": {"shown": one.text, "why": ""}},
        }
        for unit, one in made.items()
    }
    found = table.document({"kafka1": hosts}, "site.ca/ca.crt", own.certificate, True, time.time())
    assert [(one["unit"], one["given"], one["days"]) for one in found["certificates"]] == [
        ("kafka", False, 299),
        ("kafka", True, 19),
    ]
    assert [one["fingerprint"] for one in found["authorities"]] == [own.fingerprint]
    assert found["certificates"][1]["authority"] == other.fingerprint
    assert list(table.remarks(found["certificates"][1])) == [
        "it ends in 19 days: request a new one (`invoke certs.request`)"
    ]


@pytest.mark.parametrize("there", [True, False])
def test_a_password_is_tried_with_both_authorities_and_the_name_that_clients_use(tmp_path, monkeypatch, there: bool):
    monkeypatch.setattr(on_host, "FOLDER", str(tmp_path))
    monkeypatch.setattr(on_host, "authority_here", lambda: "OWN\n")
    if there:
        (tmp_path / "given.pem").write_text(with_heading("-----BEGIN", 1, "kafka1.example.com"))
        (tmp_path / "given-ca.pem").write_text("COMPANY\n")
    found = on_host.login("alice", "secret")
    assert (found.authority, found.name) == (("OWN\nCOMPANY\n", "kafka1.example.com") if there else ("OWN\n", ""))
    assert MECHANISM and found.user == "alice"


def test_clients_are_told_what_to_trust(site, tmp_path: Path):
    found_by = site()
    found = given.trusted(found_by)
    assert found.certificate == (tmp_path / "root.pem").read_text() and found.path.name == "ca.pem"
    (tmp_path / "site.ca").mkdir()
    (tmp_path / "site.ca" / "ca.crt").write_text("OWN")
    assert given.trusted_in_part(found_by) == f"OWN{found.certificate}", "while some brokers show their node's"
    found_by = support.inventory(tmp_path, kafka=["kafka1"], kafka_security="required")
    assert given.trusted(found_by) == ("OWN", tmp_path / "site.ca" / "ca.crt")
    assert given.trusted_in_part(found_by) == "OWN"


LEGS = [verify.Leg(number, "SECURE", f"kafka{number}", 9094, "SASL_SSL") for number in (1, 2)]
REFUSED = "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed"


@pytest.mark.parametrize(
    ("how", "outcomes", "expected"),
    [
        ({"given": True}, [REFUSED, REFUSED], ["failed", "failed"]),
        ({"given": True}, ["", REFUSED], ["ok", "failed"]),
        ({"given": True}, ["Connection refused", REFUSED], ["skipped", "failed"]),
        ({"given": True, "whole": False}, ["", REFUSED], ["ok", "skipped"]),  # of a broker that --limit leaves out
        ({"given": False}, [REFUSED, REFUSED], ["skipped", "skipped"]),  # a proxy may show its own
    ],
)
def test_a_listener_whose_certificate_no_client_can_verify_is_not_skipped(how, outcomes, expected):
    plan = verify.Plan("kafka1", {1: "kafka1", 2: "kafka2"}, tuple(LEGS), **how)
    results = [
        {"broker": leg.broker, "listener": "SECURE", "status": "unreachable" if why else "ok", "why": why}
        for leg, why in zip(LEGS, outcomes, strict=True)
    ]
    answers = [("kafka1", {"legs": results, "failures": []})]
    found: list[Verdict] = verify.verdicts(plan, answers)
    assert [one.status for one in found] == expected
    named = [line for line in verify.failures(plan, answers, found) if f"{LEGS[0].listener} (" in line]
    assert len(named) == expected.count("failed")


def test_an_import_says_what_to_set_or_that_it_is_set(tmp_path: Path, capsys):
    inventory = support.inventory(tmp_path, kafka=["kafka1"], kafka_security="required")
    run = Run(hosts=str(inventory.path))
    with pytest.raises(UsageError, match="--signed is missing"):
        given_certs.import_(run, [], "")
    given_certs.request(run, new_key=False)
    assert "kafka1.csr: for kafka1, with a new key" in capsys.readouterr().out
    given_certs.request(run, new_key=False)
    assert "kafka1.csr: for kafka1, with the key that is there" in capsys.readouterr().out
    company = Company(tmp_path)
    company.sign(tmp_path / "site.certs" / "kafka1.csr")
    with pytest.raises(UsageError, match="--ca is missing"):
        given_certs.import_(run, [str(company.sent)], "")
    given_certs.import_(run, [str(company.sent)], str(company.root))
    said = capsys.readouterr().out
    for name, value in VARIABLES.items():
        assert f"  {name}: '{value}'\n" in said
    support.inventory(tmp_path, kafka=["kafka1"], **CLOSED)
    given_certs.import_(run, [str(company.sent)], "")
    assert "names these files already" in capsys.readouterr().out


def test_who_has_no_listener_of_clients_needs_no_certificate(tmp_path: Path):
    inventory = support.inventory(tmp_path, kafka=["kafka1"])
    with pytest.raises(ConfigError, match="no listener shows clients a certificate"):
        given_certs.request(Run(hosts=str(inventory.path)), new_key=False)


def test_a_public_file_is_readable_by_clients_on_the_host(site):
    trusts = support.files(support.target(site(), "kafka1"))[CA]
    assert type(trusts) is File and trusts.mode == 0o644
