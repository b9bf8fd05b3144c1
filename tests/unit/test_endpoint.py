"""A broker's address: as text, and as what connects."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from cluster import endpoint
from cluster.endpoint import Endpoint, Login, sharing
from cluster.protocol.hello import describe, hello
from provisioner.agent.framed import receive
from provisioner.resources import jks


@pytest.mark.parametrize(
    ("text", "parts", "address"),
    [
        ("kafka1:9092", ("kafka1", 9092, "PLAINTEXT"), "kafka1:9092"),
        ("[fd00::1]:9093", ("fd00::1", 9093, "PLAINTEXT"), "[fd00::1]:9093"),
        ("SSL://[::1]:9094", ("::1", 9094, "SSL"), "[::1]:9094"),
    ],
)
def test_an_endpoint_survives_the_wire(text: str, parts: tuple[str, int, str], address: str):
    found = Endpoint.parse(text)
    assert found == Endpoint(*parts) and hash(found) == hash(Endpoint(*parts))
    assert (found.to_wire(), str(found)) == (text, address)


@pytest.mark.parametrize("text", ["kafka1", "kafka1:", "kafka1:port"])
def test_what_has_no_port_is_no_address(text: str):
    with pytest.raises(ValueError):
        Endpoint.parse(text)


def test_the_other_brokers_are_spoken_to_like_the_one_that_was_asked():
    assert Endpoint("kafka1", 9093, "SSL").sibling("kafka2", 9094) == Endpoint("kafka2", 9094, "SSL")
    assert Endpoint("kafka1", 9092) != Endpoint("kafka1", 9092, "SSL")


def test_a_client_is_given_every_broker_that_may_answer():
    config = Endpoint("kafka1", 9092).client_config([Endpoint("::1", 9093)])
    assert config == {"bootstrap_servers": ["kafka1:9092", "[::1]:9093"], "security_protocol": "PLAINTEXT"}
    assert Endpoint("kafka1", 9092).properties() == {
        "bootstrap.servers": "kafka1:9092",
        "security.protocol": "PLAINTEXT",
    }


CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the node of this host has its key."""
    monkeypatch.setattr(endpoint, "TLS_FOLDERS", (str(tmp_path),))
    (tmp_path / "node.pem").touch()
    (tmp_path / "ca.pem").write_text(CERTIFICATE)
    return tmp_path


@pytest.mark.parametrize("login", [None, Login(CERTIFICATE, "alice", "a-password")])
def test_tools_read_stores_of_java_only_where_the_broker_reads_nothing_else(folder: Path, login: Login | None):
    asked = Endpoint("kafka1", 9094, "SASL_SSL" if login else "SSL", login)
    found = asked.properties()
    assert found["ssl.truststore.type"] == "PEM" and "JKS" not in found.values()
    (folder / "ca.jks").write_bytes(jks.of_trusted(CERTIFICATE))
    found = asked.properties()
    assert (found["ssl.truststore.type"], found["ssl.truststore.location"]) == ("JKS", str(folder / "ca.jks"))
    assert "PEM" not in found.values() and "ssl.truststore.certificates" not in found
    assert found.get("ssl.keystore.location") == (None if login else str(folder / "node.jks"))
    (folder / "ca.jks").write_bytes(jks.of_trusted(CERTIFICATE * 2))
    assert asked.properties()["ssl.truststore.type"] == "PEM", "one that is left over is none"


def test_a_connection_sends_at_once():
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        Endpoint("127.0.0.1", server.getsockname()[1]).connect(1.0) as connection,
    ):
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert connection.gettimeout() == 1.0


@pytest.mark.parametrize(
    ("protocol", "why"),
    [
        ("SSL", "speaks TLS, and this host has no certificate (/etc/kafka/tls/node.pem)"),
        ("SASL_PLAINTEXT", "speaks SASL_PLAINTEXT, and wants a user and a password"),
        ("SASL_SSL", "speaks SASL_SSL, and wants a user and a password"),
    ],
)
def test_a_listener_that_wants_what_is_not_here_is_refused_in_one_sentence_before_anything_is_sent(
    protocol: str, why: str
):
    secured = Endpoint("kafka1", 9093, protocol)
    for use in (secured.connect, secured.client_config):
        with pytest.raises(OSError) as refused:
            use()
        assert describe(refused.value) == f"kafka1:9093 {why}"


def test_a_login_is_in_no_text():
    place = Endpoint("kafka1", 9094, "SASL_SSL", Login("PEM", "alice", "a-secret-of-hers"))
    other = place.sibling("kafka2", 9094)
    assert other.login == place.login
    for text in (repr(place), str(place), place.to_wire(), repr(place.login)):
        assert "a-secret-of-hers" not in text


class Broker:
    """A listener that answers every request as one about no topics. taken: how many connections it has; hangs_up: after
    each answer."""

    def __init__(self, hangs_up: bool = False) -> None:
        self.taken, self.hangs_up = 0, hangs_up
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = Endpoint("127.0.0.1", self.listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.taken += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            while receive(connection, 1 << 16, "strange"):
                connection.sendall(struct.pack(">iiihi", 14, 1, 0, -1, -1))
                if self.hangs_up:
                    return


@pytest.fixture
def broker() -> Iterator[Broker]:
    made = Broker()
    yield made
    made.listener.close()


def test_a_thread_that_shares_asks_over_one_connection_and_the_others_over_their_own(broker: Broker) -> None:
    with sharing():
        for _ in range(3):
            hello(broker.endpoint)
        assert broker.taken == 1
        other = threading.Thread(target=hello, args=(broker.endpoint,))
        other.start()
        other.join()
        assert broker.taken == 2
    hello(broker.endpoint)
    hello(broker.endpoint)
    assert broker.taken == 4


def test_who_asks_with_a_name_of_their_own_shares_nothing(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Endpoint, "_context", lambda self: None)
    monkeypatch.setattr(Endpoint, "connect", lambda self, timeout: socket.create_connection((self.host, self.port)))
    with sharing():
        hello(broker.endpoint)
        hello(Endpoint(broker.endpoint.host, broker.endpoint.port, login=Login("an authority")))
        assert broker.taken == 2


def test_a_connection_on_which_something_failed_is_not_used_again(broker: Broker) -> None:
    with sharing():
        with pytest.raises(OSError, match="wrong"), broker.endpoint.talk():
            raise OSError("wrong")
        hello(broker.endpoint)
        assert broker.taken == 2


def test_one_that_the_other_side_has_closed_is_an_error_and_the_next_question_is_asked_anew() -> None:
    broker = Broker(hangs_up=True)
    with broker.listener, sharing():
        hello(broker.endpoint)
        with pytest.raises(OSError):
            hello(broker.endpoint)
        hello(broker.endpoint)
        assert broker.taken == 2


def test_what_shares_ends_with_nothing_open(broker: Broker) -> None:
    with sharing():
        with broker.endpoint.talk() as connection:
            pass
        assert connection.fileno() >= 0
    assert connection.fileno() < 0
