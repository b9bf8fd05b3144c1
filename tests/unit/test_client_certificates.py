"""Clients that show a certificate: listeners, users and files that follow, and what is refused."""

from __future__ import annotations

import re
import stat
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cli import client_config, issue
from cli.common import Run
from cli.tables import certs as table
from cluster.protocol.login import MECHANISM
from cluster.users import plan as planning
from cluster.users.wanted import LONGEST, User, parse
from provisioner import certificates, succession
from provisioner.authority import Authority
from provisioner.errors import ProvisionerError, Refused, UsageError
from provisioner.resources import File
from provisioner.resources.digest import sha256
from provisioner.run import plan as plans
from roles.kafka import client_certificates, listeners, verify
from roles.kafka.visitor import Admitted
from roles.shared import security, tls
from tests.support import roles as support

CERTS = {"name": "CERTS", "port": 9096, "clients": "certificates"}
LISTED = [{"name": "PLAINTEXT", "port": 9092}, CERTS]
ALICE = {"alice": {"certificate": True, "read": "orders"}}


def site(directory: Path, mode: str = "required", **variables: Any) -> Any:
    return support.inventory(
        directory, kafka=["kafka1"], **{"kafka_security": mode, "kafka_listeners": LISTED, **variables}
    )


def test_the_listener_is_there_only_while_the_cluster_is_closed(tmp_path):
    off, on = (site(tmp_path, mode).hosts["kafka1"] for mode in ("off", "required"))
    assert [one.name for one in listeners.of(off)] == ["PLAINTEXT"] and listeners.closed_off(off) == ["CERTS"]
    assert [(one.name, one.protocol) for one in listeners.of(on)] == [
        ("NODES", "SSL"),
        ("SECURE", "SASL_SSL"),
        ("CERTS", "SSL"),
    ]
    assert not listeners.closed_off(on) and listeners.inter_broker(off).name == "PLAINTEXT"
    (warning,) = [one for one in support.site.warnings(site(tmp_path, "off")) if "CERTS" in one]
    assert warning.endswith("is for clients with certificates: it is there once kafka_security is open or required")


def test_nodes_and_its_clients_trust_different_authorities(tmp_path):
    text = support.text(support.target(site(tmp_path)), "/etc/kafka/server.properties")
    found = dict(line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))
    assert found["listener.name.certs.ssl.client.auth"] == "required"
    assert found["listener.name.certs.ssl.truststore.location"] == "/etc/kafka/tls/clients.pem"
    for name in ("nodes", "controller_secure"):
        assert found[f"listener.name.{name}.ssl.truststore.location"] == "/etc/kafka/tls/ca.pem"
    others = [name for name in found if name.endswith("mapping.rules") or "clients.pem" in found[name]]
    assert sorted(others) == [
        f"listener.name.certs.ssl.{one}" for one in ("principal.mapping.rules", "truststore.location")
    ]
    assert "clients.pem" not in support.text(
        support.target(site(tmp_path, kafka_listeners=LISTED[:1])), "/etc/kafka/server.properties"
    )


@pytest.mark.parametrize(
    ("subject", "user"),
    [
        ("CN=alice,O=kafka-clients", "alice"),
        ("CN=a.b-c_1,O=kafka-clients", "a.b-c_1"),
        (security.SUBJECT, None),
        ("CN=kafka\\,O\\=kafka-provisioner,O=kafka-clients", None),
        ("CN=alice,O=acme", None),
        ("CN=alice,O=kafka-clients,O=kafka-provisioner", None),
        ("OU=x,CN=alice,O=kafka-clients", None),
        ("CN=User:*,O=kafka-clients", None),
    ],
)
def test_a_certificate_of_a_client_is_a_plain_name_or_nobody(subject, user):
    pattern, name = re.fullmatch(r"RULE:(.+)/(.+)/", security.MAPPING).groups()
    found = re.match(pattern, subject)
    assert name == "$1" and (found and found[1]) == user


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"kafka_listeners": [{**CERTS, "clients": "passwords"}]}, "clients must be certificates, or left out"),
        ({"kafka_listeners": [{**CERTS, "protocol": "SASL_SSL"}]}, "clients show certificates over SSL, not SASL_SSL"),
        ({"kafka_listeners": [CERTS], "mode": "off"}, "no listener for brokers among themselves"),
        (
            {"kafka_listeners": LISTED, "kafka_inter_broker_listener": "CERTS", "mode": "off"},
            "kafka_inter_broker_listener CERTS is not one of the listeners",
        ),
        ({"kafka_listeners": LISTED[:1], "kafka_users": ALICE}, "alice shows a certificate, and no listener takes one"),
        ({"kafka_users": {"alice": {"certificate": "yes, please"}}}, "certificate is neither true nor false"),
        ({"kafka_users": {"kafka": {"certificate": True}}}, "kafka cannot have a certificate"),
        ({"kafka_users": {"ANONYMOUS": {"certificate": True}}}, "ANONYMOUS cannot have a certificate"),
        ({"kafka_users": {"provisioner-x": {"certificate": True}}}, "begins as the users of this toolkit's own checks"),
        ({"kafka_users": {"a" * (LONGEST + 1): {"certificate": True}}}, "longer than the 64 characters"),
        ({"kafka_users": {"alice": {"certificate": False}}}, "alice has no password"),
    ],
)
def test_what_an_inventory_may_not_say(tmp_path, variables, said):
    with pytest.raises(ProvisionerError) as refused:
        site(tmp_path, **variables)
    assert said in "\n".join(line for one in getattr(refused.value, "errors", [refused.value]) for line in one.lines())


def users(**given: Any) -> list[User]:
    found, problems = parse(given, lambda *keys: "site.yml")
    assert not problems
    return found


def there(*names: str) -> dict[str, Any]:
    return {"users": {name: [MECHANISM] for name in names}, "right": {}, "rules": [], "quotas": {}}


def test_a_user_with_a_certificate_has_rules_and_quotas_and_no_password_is_set():
    plan = planning.make(users(alice={**ALICE["alice"], "quota": {"produce": 1024}}), there())
    assert not plan.set_passwords() and plan.changes == 1 and not plan.prunes
    assert [*planning.lines(plan, False)] == [("alice", "may read topic orders; quota: produce 1 KiB/s", "~")]
    both = planning.make(users(alice={"certificate": True, "password": "a-long-password"}), there())
    assert both.set_passwords() == {"alice": {MECHANISM: "a-long-password"}}


def test_a_password_from_before_the_certificate_becomes_one_that_nobody_knows():
    plan = planning.make(users(**ALICE), there("alice", "bob"))
    assert plan.set_passwords() == {"alice": {MECHANISM: None}} and [*plan.others] == ["bob"]
    ((_, said, action),) = planning.lines(plan, False)
    assert said.startswith("no longer a password by SCRAM-SHA-512; may read") and action == "~"


def planned(found: Any, content: str | None) -> tuple[Any, Any]:
    """A host on which all is as wanted, but for what is trusted of clients."""
    of = support.target(found)
    (own,) = [one for one in support.resources(of) if isinstance(one, File) and one.path == client_certificates.TRUSTED]
    state = None if content is None else {**own.expected(), "digest": sha256(content.encode()), "content": content}
    states = {own.key: state}
    return of, plans.make(of.name, [own], states)


def test_a_host_gets_what_it_trusts_only_from_the_authority_that_it_knows(tmp_path):
    found = site(tmp_path)
    for content in (None, client_certificates.NOBODY):  # the latter is there before such a listener is
        (error,) = client_certificates.objections(*planned(found, content))
        assert isinstance(error, Refused) and "their authority is not here" in str(error)
    own = client_certificates.authority(found)
    own.issue("alice", (), 1)
    assert client_certificates.objections(*planned(found, None)) == []
    other = Authority(tmp_path / "other", security.CLIENTS)
    other.issue("alice", (), 1)
    (error,) = client_certificates.objections(*planned(found, other.certificate))
    assert isinstance(error, Refused) and "would be locked out" in str(error)
    (own.folder / "ca.crt").write_text(own.certificate + other.certificate)
    assert client_certificates.objections(*planned(found, other.certificate)) == [], "one takes the other's place"


def test_a_machine_with_an_older_folder_does_not_lock_out_who_has_a_certificate_of_the_new_authority(tmp_path):
    found = site(tmp_path)
    own = client_certificates.authority(found)
    own.issue("alice", (), 1)
    older = own.certificate
    succession.announce(own)
    both = own.certificate
    assert client_certificates.objections(*planned(found, older)) == []
    (own.folder / "ca.crt").write_text(older)
    (error,) = client_certificates.objections(*planned(found, both))
    assert isinstance(error, Refused) and "trusts the authority that comes after the one here" in str(error)


@pytest.fixture
def closed(tmp_path: Path) -> Run:
    found = site(tmp_path, kafka_users={**ALICE, "bob": {"password": "a-password-of-bob"}})
    return Run(hosts=str(found.path))


def test_a_key_is_written_for_its_reader_only_and_signed_by_the_clients_authority(closed, tmp_path, capsys):
    out = tmp_path / "alice.pem"
    issue.issue(closed, "alice", str(out), 30, False)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    said = capsys.readouterr().out
    assert f"Made the authority of clients, {tmp_path / 'site.ca/clients'}" in said and "PRIVATE" not in said
    one, own = certificates.read(out.read_text()), client_certificates.authority(closed.inventory())
    assert one.subject == "CN=alice,O=kafka-clients" and not one.names
    assert certificates.signed_by(out.read_text(), own.certificate)
    assert not tls.authority(closed.inventory()).fingerprint, "the nodes' own is not made by this"
    before = out.read_text()
    with pytest.raises(UsageError, match="is there already, and nothing was changed"):
        issue.issue(closed, "alice", str(out), 30, False)
    assert out.read_text() == before
    issue.issue(closed, "alice", str(out), 30, True)
    assert out.read_text() != before and "Made the authority" not in capsys.readouterr().out


def test_certs_list_has_a_line_for_the_authority_of_clients(closed, tmp_path):
    own = client_certificates.authority(closed.inventory())
    own.issue("alice", (), 1)
    (one,) = clients = table.of_clients("site.ca/clients/ca.crt", own.certificate, True, time.time())
    assert one["fingerprint"] == own.fingerprint and one["can_sign"] and one["days"] > 3600
    found = table.document({}, "", "", False, time.time(), clients)
    (line,) = [line for line in table.page(found).splitlines() if line.startswith("(of clients)")]
    assert "site.ca/clients/ca.crt" in line and "its key is not here" not in line
    cannot = table.of_clients("site.ca/clients/ca.crt", own.certificate, False, time.time())
    assert "its key is not here" in table.page(table.document({}, "", "", False, time.time(), cannot))


@pytest.mark.parametrize(
    ("user", "out", "days", "said"),
    [
        ("carol", "carol.pem", 0, "carol is not one of kafka_users"),
        ("", "x.pem", 0, "which user?"),
        ("bob", "bob.pem", 0, "bob shows no certificate"),
        ("alice", "", 0, "--out is missing"),
        ("alice", "nowhere/alice.pem", 0, "is in no directory that exists"),
        ("alice", ".", 0, "is a directory"),
        ("alice", "alice.pem", -1, "--days -1 is no number of days"),
    ],
)
def test_what_is_not_issued(closed, tmp_path, monkeypatch, user, out, days, said):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=said):
        issue.issue(closed, user, out, days, True)
    assert not client_certificates.authority(closed.inventory()).fingerprint, "nothing was made"


def test_who_lacks_a_key_makes_no_certificate_and_no_second_authority(closed, tmp_path):
    own, out = tls.authority(closed.inventory()), tmp_path / "alice.pem"
    own.issue("kafka", ["kafka1"], 1)
    (own.folder / "ca.key").unlink()
    with pytest.raises(Refused, match="was deployed from another machine"):
        issue.issue(closed, "alice", str(out), 1, False)
    clients = client_certificates.authority(closed.inventory())
    clients.issue("alice", (), 1)
    (clients.folder / "ca.key").unlink()
    with pytest.raises(Refused, match="the key that signs it is not here"):
        issue.issue(closed, "alice", str(out), 1, False)
    assert not out.exists()


@pytest.mark.parametrize(
    ("form", "lines"),
    [
        ("java", ["security.protocol=SSL", "ssl.keystore.type=PEM", "ssl.keystore.location=/mnt/a.pem"]),
        ("librdkafka", ["ssl.certificate.location=/mnt/a.pem", "ssl.key.location=/mnt/a.pem"]),
        ("python", ["context.load_cert_chain('/mnt/a.pem')", "    'security_protocol': 'SSL',"]),
    ],
)
def test_each_client_is_told_where_its_key_is_and_whom_to_trust(closed, capsys, form, lines):
    own = tls.authority(closed.inventory())
    own.issue("kafka", ["kafka1"], 1)
    client_config.show(closed, "alice", form, "", "/mnt/a.pem")
    said = capsys.readouterr().out
    assert {*lines} <= {*said.splitlines()} and "kafka1:9096" in said and "sasl" not in said
    assert "ssl.ca.location" in said or own.certificate.splitlines()[1] in said
    client_config.show(closed, "alice", form, "")
    assert "alice.pem" in capsys.readouterr().out
    with pytest.raises(UsageError, match="bob shows no certificate"):
        client_config.show(closed, "bob", form, "", "/mnt/a.pem")


def test_the_smoke_check_goes_through_it_where_it_can_make_a_certificate_and_says_so_where_not(tmp_path):
    plan = verify.plan_smoke([support.target(site(tmp_path))])
    assert plan and not plan.skipped
    can = verify._with_logins(plan, Admitted(("ca", "u", "p"), (), "a key"))
    (leg,) = [one for one in can.legs if one.listener == "CERTS"]
    assert (
        leg.certificate
        and leg.login == ("ca", "u", "p")
        and leg in verify.elsewhere(can, {"legs": [{"listener": "CERTS", "status": "unreachable"}]})
    )
    cannot = verify._with_logins(plan, Admitted(("ca", "u", "p"), (), ""))
    assert [(one.listener, why) for one, why in cannot.skipped] == [
        ("CERTS", "the key that signs certificates of clients cannot be used here")
    ]
    assert {one.listener for one in cannot.legs} == {"NODES", "SECURE"}
    assert "a key" not in repr(Admitted((), (), "a key")) and replace(leg, login=None) in plan.legs
