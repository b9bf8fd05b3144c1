"""A key with its certificate as a resource: what is sent, what is compared, when it is renewed."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from provisioner import certificates, succession
from provisioner.authority import Authority
from provisioner.resources import differing, from_wire
from tests.support.credentials import DAY, NAMES, FakeSystem, deployed, wanted


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "prod3.ca", "acme")


def test_a_new_one_is_made_while_it_is_sent_and_fits_then(authority: Authority):
    system, one = FakeSystem(), wanted(authority)
    assert "text" not in one.wire(content=False) and not authority.folder.exists(), "a look makes no authority"
    assert deployed(system, one) == ()
    text, state = system.files["/etc/kafka/tls/node.pem"]
    assert state == {"owner": "root", "group": "kafka", "mode": 0o640} and "PRIVATE KEY" in text
    assert system.files["/etc/kafka/tls/ca.pem"][0] == (authority.folder / "ca.crt").read_text()
    later = from_wire(wanted(authority).wire(content=False))
    assert differing(later.expected(), later.read(system)) == (), "and the next run changes nothing"
    assert "PRIVATE" not in repr(from_wire(one.wire(content=True)))


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        ({"names": (*NAMES, "kafka.example.com")}, ("names",)),
        ({"renew": 101 * DAY}, ("in_time",)),
        ({"subject": "CN=other,O=acme"}, ("subject",)),
    ],
)
def test_what_does_not_fit_is_made_anew(authority: Authority, change, differs):
    system = FakeSystem()
    deployed(system, wanted(authority))
    other = from_wire(wanted(authority, **change).wire(content=False))
    assert differing(other.expected(), other.read(system)) == differs


def test_one_of_another_authority_does_not_fit(authority: Authority, tmp_path: Path):
    system, other = FakeSystem(), Authority(tmp_path / "other.ca", "acme")
    other.issue("kafka", NAMES, 1)
    deployed(system, wanted(authority))
    one = from_wire(wanted(other).wire(content=False))
    assert differing(one.expected(), one.read(system)) == ("authority",)


def test_who_else_is_trusted_is_part_of_it(authority: Authority):
    system = FakeSystem()
    deployed(system, wanted(authority))
    first = system.files["/etc/kafka/tls/ca.pem"][0]
    succession.announce(authority)
    one = from_wire(wanted(authority).wire(content=False))
    assert differing(one.expected(), one.read(system)) == ("also_trusts",)
    assert deployed(system, wanted(authority)) == ()
    both = system.files["/etc/kafka/tls/ca.pem"][0]
    assert both == authority.certificate and both.startswith(first) and len(certificates.blocks(both)) == 2


def test_one_that_an_earlier_version_has_made_is_not_made_anew(authority: Authority):
    system = FakeSystem()
    deployed(system, wanted(authority))
    text, state = system.files["/etc/kafka/tls/node.pem"]
    without = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("# also_trusts"))
    assert without != text
    system.files["/etc/kafka/tls/node.pem"] = (without, state)
    one = from_wire(wanted(authority).wire(content=False))
    assert differing(one.expected(), one.read(system)) == ()


@pytest.mark.parametrize("path", ["/etc/kafka/tls/node.pem", "/etc/kafka/tls/ca.pem"])
def test_a_file_that_was_touched_is_made_anew(authority: Authority, path: str):
    system = FakeSystem()
    deployed(system, wanted(authority))
    text, state = system.files[path]
    system.files[path] = (text.replace("-----\nM", "-----\nN", 1), state)
    one = from_wire(wanted(authority).wire(content=False))
    assert differing(one.expected(), one.read(system)) == ("complete",)
    assert deployed(system, wanted(authority)) == ()


def test_a_file_of_somebody_elses_does_not_fit_and_breaks_nothing(authority: Authority):
    system = FakeSystem()
    system.write("/etc/kafka/tls/node.pem", b"hello", "root", "kafka", 0o640)
    one = from_wire(wanted(authority).wire(content=False))
    assert set(differing(one.expected(), one.read(system))) >= {"subject", "names", "complete", "in_time"}


def test_the_end_is_that_of_the_certificate(authority: Authority):
    system = FakeSystem()
    deployed(system, wanted(authority, days=100))
    until = wanted(authority).read(system)["until"]
    assert abs(until - time.time() - 100 * DAY) < 60
