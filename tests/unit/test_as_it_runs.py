"""A cluster that its inventory is ahead of is asked as it runs."""

from __future__ import annotations

from typing import Any

import pytest

from provisioner.errors import Unreachable
from roles.kafka import listeners, stages
from roles.shared import security
from tests.support import roles as support

PLAIN, SECURE = "CONTROLLER", "CONTROLLER_SECURE"
OFF, ADDED, MOVED, CLOSED = PLAIN, f"{PLAIN},{SECURE}", f"{SECURE},{PLAIN}", SECURE
NODES, INNER = "SSL://127.0.0.1:9091", "127.0.0.1:9092"


def differing(tmp_path, wanted: str, running: dict[str, list[str] | None], everyone: str = "true") -> Any:
    """running: {host: names of the controllers' listeners, on disk and as it runs; None: it is not reached}."""

    def call(host: str, request: Any, event: Any = None) -> dict[str, Any]:
        names = running[host]
        if names is None:
            raise Unreachable("no route", host=host)
        return {"controllers": names, "settings": {}, "running": {security.DECIDED[-1]: everyone} if names else {}}

    inventory = support.inventory(tmp_path, kafka=[*running], kafka_controller=["a"], kafka_security=wanted)
    return stages.as_it_runs(call, [*running], inventory)


@pytest.mark.parametrize(
    ("wanted", "running", "door"),
    [
        ("required", {"a": [OFF, OFF], "b": [OFF, OFF]}, INNER),  # edited, not deployed yet
        ("open", {"a": [OFF, OFF], "b": [OFF, OFF]}, INNER),
        ("required", {"a": [ADDED, ADDED], "b": [ADDED, OFF]}, INNER),  # cut off in the first stage
        ("required", {"a": [MOVED, MOVED], "b": [MOVED, ADDED]}, INNER),  # in the second
        ("required", {"a": [CLOSED, CLOSED], "b": [CLOSED, MOVED]}, NODES),  # in the last
        ("off", {"a": [CLOSED, CLOSED], "b": [CLOSED, CLOSED]}, NODES),  # on the way back
        ("off", {"a": [OFF, OFF], "b": [OFF, ADDED]}, None),  # ... where all have what the inventory says
        ("required", {"a": None, "b": [OFF, OFF]}, INNER),
    ],
)
def test_nodes_are_asked_where_the_one_that_is_furthest_behind_listens(tmp_path, wanted, running, door):
    found = differing(tmp_path, wanted, running)
    if door is None:
        assert found is None
        return
    inventory, said = found
    assert {listeners.door(host) for host in inventory.hosts.values()} == {door}
    assert f"of the inventory ({wanted})" in said and "`invoke deploy`" in said


@pytest.mark.parametrize(
    ("wanted", "running"),
    [
        ("off", {"a": [OFF, OFF]}),
        ("required", {"a": [CLOSED, CLOSED]}),
        ("open", {"a": [CLOSED, CLOSED]}),  # these two differ only in listeners of clients
        ("required", {"a": []}),  # nothing is deployed, or there is ZooKeeper
        ("required", {"a": None}),
    ],
)
def test_what_runs_as_the_inventory_says_is_asked_as_that_says(tmp_path, wanted, running):
    assert differing(tmp_path, wanted, running) is None


@pytest.mark.parametrize(("everyone", "mode"), [("true", "open"), ("false", "required")])
def test_what_is_closed_is_known_as_open_or_required(tmp_path, everyone, mode):
    inventory, _ = differing(tmp_path, "off", {"a": [CLOSED, CLOSED]}, everyone)
    assert security.mode(inventory.hosts["a"]) == mode
