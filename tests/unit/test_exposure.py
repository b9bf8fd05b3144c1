"""What doctor says of settings that leave a node open."""

from __future__ import annotations

import os

import pytest

from provisioner.agent import examine
from roles.shared import exposure, security

CLOSED = {
    "listeners": "NODES://0.0.0.0:9091,SECURE://0.0.0.0:9094",
    "listener.security.protocol.map": "CONTROLLER_SECURE:SSL,NODES:SSL,SECURE:SASL_SSL",
    "authorizer.class.name": security.AUTHORIZER,
    "super.users": f"User:{security.SUBJECT}",
    "allow.everyone.if.no.acl.found": "false",
    "listener.name.nodes.ssl.keystore.location": "/etc/kafka/tls/node.pem",
}


@pytest.mark.parametrize(
    ("changed", "mode", "said"),
    [
        ({}, "required", None),
        (
            {"listener.security.protocol.map": "NODES:SSL, SECURE:SASL_PLAINTEXT"},
            "off",
            "SECURE (port 9094) is SASL_PLAIN",
        ),
        ({"listener.security.protocol.map": "NODES:SSL,SECURE:SASL_SSL,OTHER:SASL_PLAINTEXT"}, "off", None),  # not open
        ({"allow.everyone.if.no.acl.found": "true"}, "required", "allow.everyone.if.no.acl.found is true"),
        ({"allow.everyone.if.no.acl.found": "true"}, "open", None),  # as everybody is let in anyway, which is said
        ({"allow.everyone.if.no.acl.found": "true", "authorizer.class.name": ""}, "off", None),  # of no effect
        ({"super.users": "User:alice;User:ANONYMOUS"}, "off", "super.users has ANONYMOUS"),
        ({"super.users": "User:ANONYMOUS2"}, "off", None),
        ({"ssl.enabled.protocols": "TLSv1.2, TLSv1.1"}, "off", "ssl.enabled.protocols has TLSv1.1, which"),
        ({"ssl.enabled.protocols": "TLSv1.2,TLSv1.3"}, "off", None),
        ({"listener.name.secure.ssl.enabled.protocols": "TLSv1"}, "required", "has TLSv1, which"),
        ({"ssl.endpoint.identification.algorithm": ""}, "off", "can pose as a broker"),
        ({"ssl.endpoint.identification.algorithm": "https"}, "off", None),
    ],
)
def test_each_opening_is_named_once_and_nothing_else(changed, mode, said):
    found = [one.what for one in exposure.findings({**CLOSED, **changed}, mode)]
    assert len(found) == bool(said) and all(said in one for one in found), found


def test_an_open_cluster_in_the_clear_has_nothing_to_be_found_here():
    assert not [*exposure.findings({"listeners": "PLAINTEXT://:9092"}, "off"), *exposure.findings({}, "off")]


def test_keys_are_the_files_that_only_the_node_may_read():
    other = {"ssl.keystore.location": "/etc/ssl/b.p12", "ssl.truststore.location": "/etc/ssl/ca.pem"}
    assert exposure.secret_files({**CLOSED, **other}) == ["/etc/kafka/tls/node.pem", "/etc/ssl/b.p12"]


@pytest.mark.parametrize(
    ("folder", "mode", "open_"),
    [(0o755, 0o644, True), (0o755, 0o640, False), (0o750, 0o644, False), (0o755, 0o602, True)],
)
def test_a_file_is_open_where_everybody_gets_to_it(tmp_path, monkeypatch, folder, mode, open_):
    place = tmp_path / "tls"
    place.mkdir()
    (place / "node.pem").write_text("key")
    (place / "node.pem").chmod(mode)
    place.chmod(folder)
    # Folders above are those of a test, which nobody else gets to.
    stat = os.stat

    def seen(path, **how):
        found = stat(path, **how)
        if str(path) in str(tmp_path):
            return os.stat_result((0o40755, *found[1:]))
        return found

    monkeypatch.setattr(examine.os, "stat", seen)
    assert examine.open_to_all(str(place / "node.pem")) == (mode if open_ else 0)


def test_a_file_that_is_not_there_is_not_open():
    assert examine.open_to_all("/nonexistent/node.pem") == 0
