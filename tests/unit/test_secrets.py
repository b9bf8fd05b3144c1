"""Which settings are secret: one rule, for the diff of a deploy, for what a role writes and for what verbs show."""

from __future__ import annotations

import pytest

from provisioner.secrets import MASK, is_secret, mask
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
    ],
)
def test_a_secret_is_known_by_its_name_wherever_it_would_be_shown(name: str, secret: bool):
    assert is_secret(name) is secret
    assert has_secret({name: "x1"}) is secret
    assert (mask(f"a=1\n{name}=x1\n") == f"a=1\n{name}={MASK}\n") is secret
    assert (mask(f"{name} = x1") == f"{name} ={MASK}") is secret
    assert mask(f"# {name}=x1") == f"# {name}=x1" and mask(f"{name}=") == f"{name}="
    assert not has_secret({name: None})
