"""Speaking to a secured listener: TLS with both certificates, a login by name and password, and who is refused."""

from __future__ import annotations

import base64
import hashlib
import hmac
import socket
import ssl
import struct
import threading
from pathlib import Path
from unittest import mock

import pytest

from cluster import endpoint as module
from cluster.endpoint import Endpoint, Login
from cluster.protocol import login
from cluster.protocol.hello import describe
from cluster.smoke.closed import let_in
from cluster.smoke.leg import Leg, LegFailure, from_dict, showing
from provisioner.agent.framed import receive
from provisioner.authority import Authority

USER, PASSWORD = "alice", "a-password, with = and more"


class Server:
    """A listener that takes one user by SCRAM with one hash, as RFC 5802 has it, written apart from the client; with
    `mutual`, one that takes whoever shows a certificate of its authority. lies: it does not know the password and says
    that all is well."""

    def __init__(
        self, folder: Path, *, mutual: bool = False, lies: bool = False, open_: bool = False, bits: int = 512
    ) -> None:
        self.mutual, self.lies, self.open, self.hash = mutual, lies, open_, f"sha{bits}"
        self.mechanism = f"SCRAM-SHA-{bits}".encode()
        self.of = threading.local()  # each connection has a thread of its own
        authority = Authority(folder / "prod3.ca", "acme")
        made = authority.issue("kafka", ["127.0.0.1"], 1)
        self.authority, self.node = made.trusted, folder / "node.pem"
        self.node.write_text(made.text)
        (folder / "ca.pem").write_text(made.trusted)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.node)
        if mutual and not open_:
            self.context.load_verify_locations(cadata=made.trusted)
            self.context.verify_mode = ssl.CERT_REQUIRED
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        try:
            with self.context.wrap_socket(plain, server_side=True) as connection:
                known = self.mutual or self.open
                while True:
                    asked = receive(connection, 1 << 16, "strange")
                    key, _, number, size = struct.unpack_from(">hhih", asked)
                    body = asked[10 + size :]
                    if key == 17:
                        answer = struct.pack(">hih", 0 if body[2:] == self.mechanism else 33, 1, 13) + self.mechanism
                    elif key == 36:
                        answer, known = self._step(body[4:].decode(), known)
                    elif known:
                        answer = struct.pack(">ihi", 0, -1, -1)  # Metadata: no broker, no cluster, no controller
                    else:
                        return
                    connection.sendall(struct.pack(">ii", len(answer) + 4, number) + answer)
        except OSError:
            pass

    def _hmac(self, key: bytes, data: bytes) -> bytes:
        return hmac.new(key, data, self.hash).digest()

    def _step(self, text: str, known: bool) -> tuple[bytes, bool]:
        pairs = dict(part.split("=", 1) for part in text.removeprefix("n,,").split(","))
        salt, rounds = b"0123456789abcdef", 4096
        if "p" not in pairs:
            self.of.bare = text.removeprefix("n,,")
            self.of.user = pairs["n"].replace("=2C", ",").replace("=3D", "=")
            self.of.first = f"r={pairs['r']}server,s={base64.b64encode(salt).decode()},i={rounds}"
            return self._answer(0, self.of.first), known
        salted = hashlib.pbkdf2_hmac(self.hash, PASSWORD.encode(), salt, rounds)
        client_key = self._hmac(salted, b"Client Key")
        signed = f"{self.of.bare},{self.of.first},{text.rpartition(',p=')[0]}".encode()
        signature = self._hmac(hashlib.new(self.hash, client_key).digest(), signed)
        proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
        if self.lies:
            return self._answer(0, "v=" + base64.b64encode(b"x" * 64).decode()), True
        if self.of.user != USER or base64.b64decode(pairs["p"]) != proof:
            return struct.pack(">hh", 58, 6) + b"denied" + struct.pack(">i", 0), False
        proves = self._hmac(self._hmac(salted, b"Server Key"), signed)
        return self._answer(0, "v=" + base64.b64encode(proves).decode()), True

    @staticmethod
    def _answer(error: int, text: str) -> bytes:
        return struct.pack(">hhi", error, -1, len(text)) + text.encode()


@pytest.fixture
def serving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """serving(...): a Server, whose host this is."""
    servers: list[Server] = []

    def make(**how: bool) -> Server:
        monkeypatch.setattr(module, "TLS_FOLDERS", (str(tmp_path),))
        servers.append(Server(tmp_path, **how))
        return servers[-1]

    yield make
    for one in servers:
        one.listener.close()


def at(server: Server, protocol: str, who: Login | None = None, host: str = "127.0.0.1") -> Endpoint:
    return Endpoint(host, server.port, protocol, who)


def test_a_user_gets_in_by_name_and_password(serving):
    server = serving()
    at(server, "SASL_SSL", Login(server.authority, USER, PASSWORD)).connect().close()


def test_a_second_password_is_shown_by_the_other_mechanism(serving):
    server = serving(bits=256)
    at(server, "SASL_SSL", Login(server.authority, USER, PASSWORD, mechanism=login.SECOND)).connect().close()
    with pytest.raises(login.Refused, match="does not take SCRAM-SHA-512"):
        at(server, "SASL_SSL", Login(server.authority, USER, PASSWORD)).connect()


@pytest.mark.parametrize(("user", "password"), [(USER, "another"), ("bob", PASSWORD), ("al=i,ce", PASSWORD)])
def test_another_one_is_refused_as_the_broker_says(serving, user: str, password: str):
    server = serving()
    with pytest.raises(login.Refused) as said:
        at(server, "SASL_SSL", Login(server.authority, user, password)).connect()
    assert describe(said.value) == "denied"


def test_a_broker_that_does_not_know_the_password_is_not_believed(serving):
    server = serving(lies=True)
    with pytest.raises(login.Refused, match="another broker"):
        at(server, "SASL_SSL", Login(server.authority, USER, PASSWORD)).connect()


def test_the_node_of_this_host_shows_its_certificate_and_wants_the_brokers(serving):
    server = serving(mutual=True)
    at(server, "SSL").connect().close()
    with pytest.raises(ssl.SSLCertVerificationError):
        at(server, "SSL", host="localhost").connect()  # a name that the certificate does not have


def test_connections_share_what_was_read_of_a_certificate_until_it_is_replaced(serving, tmp_path: Path, monkeypatch):
    made = mock.Mock(side_effect=ssl.create_default_context)
    monkeypatch.setattr(ssl, "create_default_context", made)
    server = serving(mutual=True)
    for _ in range(3):
        at(server, "SSL").connect().close()
    assert made.call_count == 1
    foreign = Authority(tmp_path / "foreign" / "prod3.ca", "acme").issue("kafka", ["127.0.0.1"], 1).trusted
    (tmp_path / "new").write_text(foreign)
    (tmp_path / "new").replace(tmp_path / "ca.pem")
    with pytest.raises(ssl.SSLCertVerificationError):
        at(server, "SSL").connect()
    assert made.call_count == 2


def test_a_broker_of_another_authority_is_refused(serving, tmp_path: Path):
    server = serving()
    foreign = Authority(tmp_path / "foreign" / "prod3.ca", "acme").issue("kafka", ["127.0.0.1"], 1).trusted
    with pytest.raises(ssl.SSLCertVerificationError):
        at(server, "SASL_SSL", Login(foreign, USER, PASSWORD)).connect()


def test_a_certificate_is_for_the_name_that_was_meant_whatever_address_leads_there(serving):
    server = serving()
    who = Login(server.authority, USER, PASSWORD)
    for host, named, fits in (("127.0.0.1", "", True), ("localhost", "", False), ("localhost", "127.0.0.1", True)):
        place = at(server, "SASL_SSL", who._replace(name=named), host)
        if fits:
            place.connect().close()
        else:
            with pytest.raises(ssl.SSLCertVerificationError):
                place.connect()
    with pytest.raises(ssl.SSLCertVerificationError):
        at(server, "SASL_SSL", who._replace(name="kafka2")).connect()


def test_who_gets_in_by_trusting_another_authority_is_named(serving, tmp_path: Path):
    server = serving()
    # As if listeners showed a certificate of the stranger's authority, too.
    stranger = f"{server.node.read_text()}{server.authority}"
    (failure,) = let_in([leg(server, "SASL_SSL")], [stranger], 2.0)
    assert failure.error == "it lets in who trusts another authority only"


def leg(server: Server, protocol: str) -> Leg:
    known = (server.authority, USER, PASSWORD) if protocol == "SASL_SSL" else None
    return Leg(1, "DOOR", "127.0.0.1", server.port, protocol, known)


@pytest.mark.parametrize(("protocol", "how"), [("SASL_SSL", {}), ("SSL", {"mutual": True})])
def test_the_smoke_check_finds_closed_listeners_closed(serving, tmp_path: Path, protocol: str, how: dict[str, bool]):
    server = serving(**how)
    stranger = Authority(tmp_path / "foreign" / "prod3.ca", "acme").issue("kafka", ["127.0.0.1"], 1).text
    assert let_in([leg(server, protocol)], [stranger], 2.0) == []


@pytest.mark.parametrize(
    ("protocol", "expected"),
    [
        ("SASL_SSL", ["who says no name"]),
        ("SSL", ["who shows no certificate", "a certificate of another authority"]),
    ],
)
def test_the_smoke_check_names_who_gets_in(serving, tmp_path: Path, protocol: str, expected: list[str]):
    server = serving(open_=True)
    stranger = Authority(tmp_path / "foreign" / "prod3.ca", "acme").issue("kafka", ["127.0.0.1"], 1).text
    found: list[LegFailure] = let_in([leg(server, protocol)], [stranger], 2.0)
    assert [one.error for one in found] == [f"it lets in {who}" for who in expected]
    assert all(one.step == "refuse" for one in found)


def test_a_listener_of_clients_with_certificates_is_tried_where_no_node_is(serving, tmp_path: Path, monkeypatch):
    client = tmp_path / "client.pem"
    client.write_text(Authority(tmp_path / "clients", "acme").issue("alice", (), 1).text)
    stranger = Authority(tmp_path / "foreign", "acme").issue("alice", (), 1).text
    server = serving(open_=True)
    monkeypatch.setattr(module, "TLS_FOLDERS", (str(tmp_path / "nowhere"),))  # as on the machine of the operator
    known = Leg(1, "DOOR", "127.0.0.1", server.port, "SSL", (server.authority, USER, PASSWORD), certificate=True)
    (one,) = showing([known], str(client))
    assert one.login == (server.authority, "", "", str(client)), "it shows a key, and no password"
    assert [found.error for found in let_in([one], [stranger], 2.0)] == [
        "it lets in who shows no certificate",
        "it lets in a certificate of another authority",
    ]
    properties = one.endpoint.properties()
    assert properties["ssl.keystore.location"] == str(client) and not [name for name in properties if "sasl" in name]
    plain = leg(server, "SASL_SSL")
    assert showing([plain], str(client)) == [plain]


def test_an_open_listener_is_not_tried():
    assert let_in([Leg(1, "PLAINTEXT", "127.0.0.1", 1)], [], 0.1) == []


def test_the_password_of_a_leg_is_in_nothing_that_is_shown():
    one = Leg(1, "SECURE", "kafka1", 9094, "SASL_SSL", ("PEM", USER, "very-secret"))
    assert from_dict(one.to_dict()) == one
    assert "very-secret" not in f"{one} {one!r} {one.shown()} {one.endpoint!r}"


def test_java_reads_the_password_that_was_meant():
    assert login.jaas("alice", 'a"b\\c').endswith(r'username="alice" password="a\\"b\\\\c";')
