"""Stores of keys in Java's own format, read back as Java's own code does. That Java reads them, too, a broker of Kafka
2.5.0 shows (tests/lab/test_closed_old.py)."""

from __future__ import annotations

import base64
import hashlib
import struct
from pathlib import Path
from typing import Any

import pytest

from cli import client_config
from cli.common import Run
from provisioner import certificates
from provisioner.authority import Authority, Issued, new, pem
from provisioner.resources import differing, from_wire, jks
from roles.shared import tls
from tests.support import roles as support
from tests.support.credentials import FakeSystem, deployed, wanted

PASSWORD = "changeit".encode("utf-16-be")


class Reader:
    """The fields of a store, one after the other."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, size: int) -> bytes:
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self, form: str = ">I") -> int:
        (found,) = struct.unpack(form, self.take(struct.calcsize(form)))
        return int(found)

    def text(self) -> str:
        return self.take(self.number(">H")).decode()

    def certificate(self) -> bytes:
        assert self.text() == "X.509"
        return self.take(self.number())


def entries(store: bytes) -> list[dict[str, Any]]:
    """What is in a store whose digest is right."""
    content, digest = store[:-20], store[-20:]
    assert digest == hashlib.sha1(PASSWORD + b"Mighty Aphrodite" + content).digest()
    reader, found = Reader(content), []
    assert (reader.number(), reader.number()) == (0xFEEDFEED, 2)
    for _ in range(reader.number()):
        one: dict[str, Any] = {"kind": reader.number(), "alias": reader.text(), "date": reader.number(">Q")}
        if one["kind"] == 1:
            one["key"] = reader.take(reader.number())
            one["chain"] = [reader.certificate() for _ in range(reader.number())]
        else:
            one["chain"] = [reader.certificate()]
        found.append(one)
    assert reader.at == len(content)
    return found


def recovered(protected: bytes) -> bytes:
    """The key under the protection, as sun.security.provider.KeyProtector recovers it."""
    algorithm = bytes.fromhex("300e060a2b060104012a021101010500")
    at = certificates._element(protected, 0)[0]
    assert protected[at : at + len(algorithm)] == algorithm
    begins, ends = certificates._element(protected, at + len(algorithm))
    assert ends == len(protected)
    content = protected[begins:ends]
    hidden, digest, stream = content[20:-20], content[:20], b""
    while len(stream) < len(hidden):
        digest = hashlib.sha1(PASSWORD + digest).digest()
        stream += digest
    key = bytes(one ^ other for one, other in zip(hidden, stream, strict=False))
    assert content[-20:] == hashlib.sha1(PASSWORD + key).digest()
    return key


def der(text: str, kind: str) -> list[bytes]:
    parts = text.split(f"-----BEGIN {kind}-----\n")[1:]
    return [base64.b64decode(part.split("-----END")[0]) for part in parts]


@pytest.fixture
def issued(tmp_path: Path) -> Issued:
    return Authority(tmp_path / "prod3.ca", "acme").issue("kafka", ["kafka1"], 9)


def test_a_store_holds_the_key_and_its_certificate(issued: Issued):
    (one,) = entries(jks.of_key(f"# what is in here\n{issued.text}"))
    assert (one["kind"], one["date"]) == (1, 0)
    assert [recovered(one["key"])] == der(issued.text, "PRIVATE KEY")
    assert one["chain"] == der(issued.text, "CERTIFICATE")


@pytest.mark.parametrize("size", [1, 19, 20, 21, 127, 128, 255, 256, 70_000])
def test_a_key_of_any_length_comes_back(size: int):
    key = bytes(number % 251 for number in range(size))
    text = f"-----BEGIN PRIVATE KEY-----\n{base64.b64encode(key).decode()}\n-----END PRIVATE KEY-----\n"
    (one,) = entries(jks.of_key(text))
    assert recovered(one["key"]) == key and one["chain"] == []


def test_each_authority_that_is_trusted_has_an_entry_of_its_own(issued: Issued):
    both = issued.trusted + pem(new("acme", "another")[1]).decode()
    found = entries(jks.of_trusted(both))
    assert [one["kind"] for one in found] == [2, 2] and len({one["alias"] for one in found}) == 2
    assert [one["chain"][0] for one in found] == der(both, "CERTIFICATE")


def test_the_same_text_makes_the_same_bytes_and_another_key_others(issued: Issued, tmp_path: Path):
    assert jks.of_key(issued.text) == jks.of_key(issued.text)
    other = Authority(tmp_path / "prod3.ca", "acme").issue("kafka", ["kafka1"], 9)
    assert jks.of_key(issued.text) != jks.of_key(other.text)
    with pytest.raises(ValueError):
        jks.of_key(issued.trusted)


STORE, TRUST = "/etc/kafka/tls/node.jks", "/etc/kafka/tls/ca.jks"


def test_a_host_whose_kafka_reads_no_pem_has_the_stores_beside_it(tmp_path: Path):
    authority, system = Authority(tmp_path / "prod3.ca", "acme"), FakeSystem()
    assert deployed(system, wanted(authority, stores=True)) == ()
    assert system.files[STORE][1] == {"owner": "root", "group": "kafka", "mode": 0o640}
    assert system.files[TRUST][1]["mode"] == 0o644
    (one,) = entries(system.files[STORE][0])
    assert [recovered(one["key"])] == der(system.read_text("/etc/kafka/tls/node.pem"), "PRIVATE KEY")
    later = from_wire(wanted(authority, stores=True).wire(content=False))
    assert differing(later.expected(), later.read(system)) == (), "and the next run changes nothing"
    assert STORE in later.rewritten() and set(later.present(system)) == set(system.files)


@pytest.mark.parametrize("path", [STORE, TRUST])
@pytest.mark.parametrize("how", ["gone", "another", "open", "a folder"])
def test_a_store_that_is_not_the_one_of_the_files_is_noticed(tmp_path: Path, path: str, how: str):
    authority, system = Authority(tmp_path / "prod3.ca", "acme"), FakeSystem()
    deployed(system, wanted(authority, stores=True))
    content, state = system.files.pop(path)
    if how == "another":
        system.files[path] = (content[:-1], state)
    elif how == "open":
        system.files[path] = (content, {**state, "mode": 0o666})
    elif how == "a folder":
        system.files[path] = (content, {**state, "type": "directory"})
    later = from_wire(wanted(authority, stores=True).wire(content=False))
    assert differing(later.expected(), later.read(system)) == ("complete",)


def test_stores_go_with_the_next_certificate_once_kafka_reads_pem(tmp_path: Path):
    authority, system = Authority(tmp_path / "prod3.ca", "acme"), FakeSystem()
    deployed(system, wanted(authority, stores=True))
    assert deployed(system, wanted(authority)) == () and STORE in system.files, "they are no reason for another one"
    system.remove("/etc/kafka/tls/node.pem")
    assert deployed(system, wanted(authority)) == ()
    assert set(system.files) == {"/etc/kafka/tls/node.pem", "/etc/kafka/tls/ca.pem"}


def test_a_client_of_such_a_cluster_gets_its_trust_in_a_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    users: dict[str, Any] = {"kafka_users": {"alice": {"password": "a-password-of-alice"}}}
    of = support.inventory(
        tmp_path, kafka=["a"], zookeeper=["a"], kafka_version="2.5.0", kafka_security="required", **users
    )
    own, out = tls.authority(of), tmp_path / "alice.properties"
    own.issue("kafka", ["a"], 1)
    run = Run(hosts=str(of.path))
    client_config.show(run, "alice", "java", str(out))
    said = capsys.readouterr().out
    found = out.read_text()
    assert f"ssl.truststore.location={out}.jks\n" in found and "ssl.truststore.type=JKS\n" in found
    assert (tmp_path / "alice.properties.jks").read_bytes() == jks.of_trusted(own.certificate)
    assert f"Wrote {out}.jks: what a client of this cluster trusts" in said and "PEM" not in found
    client_config.show(run, "alice", "java", "")
    assert "ssl.truststore.location=alice.jks\n" in capsys.readouterr().out
    client_config.show(run, "alice", "librdkafka", "")
    assert "ssl.ca.location" in capsys.readouterr().out
