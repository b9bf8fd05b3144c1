"""A broker's address: as text, and as what connects."""

from __future__ import annotations

import socket

import pytest

from cluster.endpoint import Endpoint
from cluster.protocol.hello import describe


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


def test_a_connection_sends_at_once():
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        Endpoint("127.0.0.1", server.getsockname()[1]).connect(1.0) as connection,
    ):
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert connection.gettimeout() == 1.0


@pytest.mark.parametrize("protocol", ["SSL", "SASL_PLAINTEXT", "SASL_SSL"])
def test_a_secured_listener_is_refused_in_one_sentence_before_anything_is_sent(protocol: str):
    secured = Endpoint("kafka1", 9093, protocol)
    for use in (secured.connect, secured.client_config, secured.properties):
        with pytest.raises(OSError) as refused:
            use()
        assert describe(refused.value) == f"kafka1:9093 speaks {protocol}; only PLAINTEXT is supported"
