"""The user of a smoke check: what it may do and when, and that nobody is ever deleted for it."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.protocol.login import MECHANISM
from cluster.users.rules import from_wire
from provisioner.errors import HostFailed
from roles.kafka import visitor
from roles.shared import tls
from tests.support import roles as support


@pytest.mark.parametrize("fails", [False, True])
def test_it_has_rights_for_the_time_of_a_check_and_stays_without_any(tmp_path, fails):
    found = support.inventory(tmp_path, kafka=["kafka1"], kafka_security="required")
    tls.authority(found).issue("kafka", ["kafka1"], 1)
    asked: list[dict[str, Any]] = []

    def call(host: str, request: Any, event: Any = None) -> dict[str, Any]:
        asked.append(request.wire()["args"])
        return {}

    driver: Any = support.target(found)
    try:
        with visitor.admitted(call, driver) as ((_, user, password), strangers, client):
            assert len(strangers) == 1 and not client
            assert len(asked) == 1 and asked[0]["passwords"] == {user: {MECHANISM: password}}
            if fails:
                raise HostFailed("a record is missing")
    except HostFailed:
        assert fails
    during, after = asked
    assert during["add"] == after["remove"] and not during["remove"] and not after["add"]
    assert {from_wire(one).name for one in during["add"]} == {"provisioner-smoke-", "kafka-cluster"}
    assert after["passwords"] == {user: {MECHANISM: None}}, "one that nobody knows"
    # A broker that reads of a deleted user as it starts may forget all others.
    assert not during["delete"] and not after["delete"]
