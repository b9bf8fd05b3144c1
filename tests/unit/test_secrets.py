"""Which settings are secret: one rule, for the diff of a deploy, for what a role writes and for what verbs show."""

from __future__ import annotations

import pytest

from provisioner.secrets import MASK, is_secret, mask, shown
from roles.shared.properties import has_secret


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("ssl.keystore.password", True),
        ("SSL.KEY.PASSWORD", True),
        ("db_passwd", True),
        ("password.encoder.secret", True),
        ("delegation.token.master.key", True),
        ("delegation.token.secret.key", True),
        ("api_token", True),
        ("google.credentials", True),
        ("sasl.jaas.config", True),
        ("listener.name.sasl_ssl.plain.sasl.jaas.config", True),
        ("ssl.keystore.key", True),
        ("ssl.keystore.location", False),
        ("ssl.key.location", False),
        ("key.serializer", False),
        ("log.retention.ms", False),
        ("delegation.token.expiry.time.ms", False),
        ("sasl.oauthbearer.token.endpoint.url", False),
        ("broker.id", False),
        ("zookeeper.DigestAuthenticationProvider.superDigest", True),
        ("zookeeper.digest.enabled", False),
        ("javax.net.ssl.keyStorePassword", True),
        ("ssl.keyStore.passwordPath", False),
        ("ansible_become_pass", True),
        ("ansible_ssh_private_key_file", False),
        ("sslPrivateKey", True),
        ("basic.auth.user.info", True),
        ("password.encoder.iterations", False),
        ("bypass", False),
        ("monkey", False),
    ],
)
def test_a_secret_is_known_by_its_name_wherever_it_would_be_shown(name: str, secret: bool):
    assert is_secret(name) is secret
    assert has_secret({name: "x1"}) is secret
    assert (mask(f"a=1\n{name}=x1\n") == f"a=1\n{name}={MASK}\n") is secret
    assert (mask(f"{name} = x1") == f"{name} ={MASK}") is secret
    # What was commented out may still be the password of something.
    assert (mask(f"# {name}=x1") == f"# {name}={MASK}") is secret
    assert mask(f"{name}=") == f"{name}="
    assert not has_secret({name: None})


HIDDEN = "hunter2"


@pytest.mark.parametrize(
    "text",
    [
        "ssl.key.password: hunter2",
        "ssl.key.password hunter2",
        "ssl.key.password\thunter2",
        "  ssl.key.password = hunter2",
        "ssl.keystore.key=abc\\\n  hunter2\\\n  hunter2",
        "ssl.key.password=\\\nhunter2",
        "ssl.key.pass\\\n  word=hunter2",
        "ssl.key.password\\\n=hunter2",
        "ssl\\.key\\.p\\u0061ssword=hunter2",
        "#ssl.key.password=hunter2",
        "KAFKA_OPTS=-Xmx1g -Djavax.net.ssl.keyStorePassword=hunter2",
        "export STORE_PASSWORD=hunter2",
        "  ansible_become_pass: hunter2: x",
        "- {name: a, password: hunter2, more: hunter2}",
        '{"ssl.key.password": "hunter2"}',
        "<password>hunter2</password>",
        '<param name="password" value="hunter2"/>',
        'login=Module required username="a" password="hunter2";',
        "archive=https://user:hunter2@mirror/x",
        "x=-----BEGIN RSA PRIVATE KEY-----\nhunter2\nhunter2\n-----END RSA PRIVATE KEY-----",
        "x=-----BEGIN PRIVATE KEY-----\nhunter2",
    ],
)
def test_a_secret_is_hidden_in_whatever_form_a_file_has_it(text: str):
    masked = mask(f"before=1\n{text}\nlog.retention.ms=1")
    assert HIDDEN not in masked and MASK in masked and masked.startswith("before=1\n")
    assert masked.count("\n") == text.count("\n") + 2  # a diff keeps its lines


@pytest.mark.parametrize(
    "text",
    [
        "# kafka_config removes ssl.keystore.key",
        "# The password is: in the vault",
        "log.dirs=/a\\\n,/b",
        "KAFKA_OPTS=-Dcom.sun.management.jmxremote.password.file=/etc/x",
        "ssl.keystore.location: /etc/kafka/key",
        "if password then",
        "bootstrap=https://mirror:8443/a@b",
    ],
)
def test_what_is_no_secret_is_shown(text: str):
    assert mask(text) == text


def test_the_options_around_a_hidden_one_are_shown():
    assert mask("O=-Xmx1g -Da.password=x -Xms1g") == f"O=-Xmx1g -Da.password={MASK} -Xms1g"


def test_a_value_is_shown_without_its_secrets_at_any_depth():
    value = {"a": 1, "ssl.key.password": "x", "b": [{"token": "x"}, "sasl.jaas.config=x y"], "empty.password": ""}
    expected = {"a": 1, "ssl.key.password": MASK, "b": [{"token": MASK}, f"sasl.jaas.config={MASK}"]}
    assert shown(value) == {**expected, "empty.password": ""}
    assert shown("x", "ansible_password") == MASK and shown("x", "kafka_rack") == "x"
