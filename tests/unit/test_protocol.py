"""What brokers go on speaking after an upgrade, and until when."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from cluster.settings.properties import parse
from provisioner.errors import ConfigError, ProvisionerError
from provisioner.run.evidence import Witness
from provisioner.run.stages import at
from roles.kafka import kept, protocol
from roles.shared import since
from tests.support import roles as support

CONFIG = "/etc/kafka/server.properties"
KEY = protocol.PROPERTY


def told(text: str) -> str | None:
    return parse(text).get(KEY)


def witness(of: Any, name: str, link: str, disk: str = "", *, restarts: bool = False) -> Witness:
    """A broker whose files are of a version and name a protocol."""
    settings = {"broker.id": "1", **({KEY: disk} if disk else {})}
    said: Any = {"settings": settings, "running": {}, "link": f"/opt/kafka_2.13-{link}"}
    plan: Any = SimpleNamespace(restarts=[SimpleNamespace(service=SimpleNamespace(unit="kafka"))] if restarts else [])
    return Witness(support.target(of, name), plan, said={"kafka": said}, active=("kafka",))


def processes(**running: str) -> Any:
    """What the brokers say that run: {host: version, or version/protocol where they are told one, or "" for none}."""

    def call(host: str, request: Any, event: Any = None) -> dict[str, Any]:
        assert (request.module, request.function) == ("cluster.state.running", "look")
        version, _, told = running[host].partition("/")
        return {"version": version or None, "protocol": told or None}

    return call


def nobody(host: str, request: Any, event: Any = None) -> dict[str, Any]:
    raise AssertionError(f"{host} was asked, which costs a round trip")


@pytest.mark.parametrize(
    ("brokers", "running", "expected"),
    [
        ([("2.5.0",), ("2.5.0",), ("2.5.0",)], "2.5.0 2.5.0 2.5.0", "2.5"),
        # Killed when all had the new version, and none ran it.
        ([("3.9.2",), ("3.9.2",), ("3.9.2",)], "2.5.0 2.5.0 2.5.0", "2.5"),
        # Killed in the middle of the roll.
        ([("3.9.2", "2.5"), ("3.9.2", "2.5"), ("3.9.2",)], "3.9.2/2.5 2.5.0 2.5.0", "2.5"),
        # All of them run it: what this run would change is only the protocol.
        ([("3.9.2", "2.5"), ("3.9.2", "2.5"), ("3.9.2", "2.5")], "3.9.2/2.5 3.9.2/2.5 3.9.2/2.5", "2.5"),
        ([("3.9.2", "2.5-IV0")], "3.9.2/2.5-IV0", "2.5"),
        ([("3.9.2", "2.5")], "-", "2.5"),  # it is down
        # A restart for another reason.
        ([("3.9.2",), ("3.9.2",), ("3.9.2",)], "3.9.2 3.9.2 3.9.2", None),
        # The way back: what they speak is what 2.5.0 does.
        ([("3.9.2", "3.9")], "3.9.2/3.9", None),
    ],
)
def test_a_new_version_goes_on_in_the_protocol_of_then(tmp_path, brokers, running, expected):
    names = [f"kafka{number}" for number, _ in enumerate(brokers, 1)]
    of = support.inventory(tmp_path, kafka=names, zookeeper=names)
    there = [witness(of, name, *one, restarts=True) for name, one in zip(names, brokers, strict=True)]
    running = [one.strip("-") for one in running.split()]
    found = kept.kept(there, processes(**dict(zip(names, running, strict=True))))
    assert (found.variables[protocol.VARIABLE] if found else None) == expected
    if found:
        after = at(of, found)
        assert told(support.text(support.target(after, "kafka1"), CONFIG)) == expected
        older = any(link == "2.5.0" for link, *_ in brokers)
        assert ("step 1 of 2" in found.what and "kafka_version: 2.5.0 with --accept-downgrade" in found.what) is older
        (first, second) = protocol.next_step([support.target(after, "kafka1")])
        assert "speak protocol 2.5: that version can come back" in first and "kafka_protocol: '3.9'" in second


def test_the_way_back_tells_no_protocol(tmp_path):
    of = support.inventory(tmp_path, kafka=["a"], zookeeper=["a"], kafka_version="2.5.0")
    assert kept.kept([witness(of, "a", "3.9.2", "2.5", restarts=True)], processes(a="3.9.2/2.5")) is None
    assert told(support.text(support.target(of, "a"), CONFIG)) is None


def test_a_run_without_changes_asks_nobody(tmp_path):
    of = support.inventory(tmp_path, kafka=["a"], zookeeper=["a"])
    assert kept.kept([witness(of, "a", "3.9.2")], nobody) is None
    found = kept.kept([witness(of, "a", "3.9.2", "2.5")], nobody)
    assert found and found.variables == {protocol.VARIABLE: "2.5"}


@pytest.mark.parametrize("given", [{"kafka_protocol": "3.9"}, {"kafka_config": {KEY: "3.9"}}])
def test_what_the_inventory_says_counts_and_what_it_gives_up_is_said(tmp_path, given):
    of = support.inventory(tmp_path, kafka=["a"], zookeeper=["a"], **given)
    found = kept.kept([witness(of, "a", "3.9.2", "2.5", restarts=True)], processes(a="3.9.2/2.5"))
    assert found and not found.variables
    assert found.what == (
        "upgrade, step 2 of 2: brokers speak protocol 3.9, not 2.5; no version before 3.9 can come back then"
    )
    assert kept.kept([witness(of, "a", "3.9.2", "2.5")], nobody) is None, "nothing restarts"
    assert kept.kept([witness(of, "a", "3.9.2", "3.9", restarts=True)], processes(a="3.9.2/3.9")) is None


def test_without_zookeeper_the_first_step_of_an_upgrade_leaves_features_alone(tmp_path):
    of = support.inventory(tmp_path, kafka=["a"], kafka_version="4.3.1")
    found = kept.kept([witness(of, "a", "3.9.2", restarts=True)], nobody)
    assert found and not found.variables
    assert found.what == (
        "upgrade, step 1 of 2: brokers run 4.3.1, and features stay as they are; kafka_version: 3.9.2 with "
        "--accept-downgrade goes back, until step 2 (kafka_features: '4.3') makes that impossible"
    )
    assert kept.kept([witness(of, "a", "4.3.1", restarts=True)], nobody) is None


def test_new_brokers_and_those_without_zookeeper_are_told_nothing(tmp_path):
    of = support.inventory(tmp_path, kafka=["a"], zookeeper=["a"])
    new = witness(of, "a", "3.9.2", restarts=True)._replace(
        said={"kafka": {"settings": {}, "running": {}, "link": None}}
    )
    assert kept.kept([new], nobody) is None
    assert told(support.text(support.target(of, "a"), CONFIG)) is None
    of = support.inventory(tmp_path, kafka=["a"])
    assert kept.kept([witness(of, "a", "4.3.1", "3.9", restarts=True)], nobody) is None


@pytest.mark.parametrize(
    ("variables", "keeper", "expected"),
    [
        ({"kafka_protocol": "2.5"}, True, ""),
        ({"kafka_protocol": "3.9"}, True, ""),
        ({"kafka_protocol": "4.0"}, True, "newer than Kafka 3.9.2"),
        ({"kafka_protocol": "3.9.2"}, True, "no version: '3.9.2'"),
        ({"kafka_protocol": "latest"}, True, "no version: 'latest'"),
        ({"kafka_protocol": "2.5", "kafka_config": {KEY: "2.5"}}, True, "both set"),
        ({"kafka_protocol": "4.3"}, False, "for clusters with ZooKeeper"),
    ],
)
def test_a_protocol_that_there_is_not_is_refused(tmp_path, variables, keeper, expected):
    def load() -> Any:
        return support.inventory(tmp_path, kafka=["a"], zookeeper=["a"] if keeper else None, **variables)

    if not expected:
        load()
        return
    with pytest.raises(ProvisionerError) as refused:
        load()
    assert isinstance(refused.value, ConfigError) and expected in "\n".join(refused.value.lines())


def test_brokers_of_one_cluster_speak_one_protocol(tmp_path):
    with pytest.raises(ConfigError, match="kafka_protocol differs"):
        support.inventory(tmp_path, kafka={"a": {"kafka_protocol": "2.5"}, "b": {}}, zookeeper=["a"])


@pytest.mark.parametrize(
    ("brokers", "expected"),
    [
        ([("3.9.2", None), ("3.9.2", None)], ""),
        ([("3.9.2", "3.9"), ("3.9.2", "3.9-IV0")], ""),
        ([(None, None)], ""),
        (
            [("3.9.2", "2.5"), ("3.9.2", "2.5")],
            "run 3.9.2 and speak protocol 2.5 among themselves: `kafka_protocol: '3.9'`",
        ),
        (
            [("3.9.2", "2.5"), ("2.5.0", None), (None, None)],
            "(2.5.0: kafka2; 3.9.2: kafka1): `invoke deploy` brings all",
        ),
        ([("2.10.0", "2.9"), ("2.9.0", None)], "(2.9.0: kafka2; 2.10.0: kafka1)"),
    ],
)
def test_status_says_where_an_upgrade_stands(brokers, expected):
    entries = {f"kafka{n}": {"version": version, "protocol": told} for n, (version, told) in enumerate(brokers, 1)}
    said = "\n".join(protocol.notes({**entries, "lost": {}}, 0))
    assert expected in said and bool(said) == bool(expected)


def test_status_says_for_how_long_an_upgrade_stands_there():
    times = ("2026-11-20T10:00:00Z", "2026-11-20T10:05:00Z", None)
    brokers = {
        f"kafka{n}": {"version": "3.9.2", "protocol": "2.5", "version_since": time} for n, time in enumerate(times)
    }
    (said,) = protocol.notes(brokers, since.read("2026-11-23T10:06:00Z"))
    assert said.startswith("brokers have run 3.9.2 for 3 days and speak protocol 2.5 among themselves")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "less than a minute"), (60, "1 minute"), (7199, "1 hour"), (86399, "23 hours"), (86400 * 9, "9 days")],
)
def test_how_long_is_said_in_the_largest_unit(seconds, said):
    assert since.ago(["1970-01-01T00:00:00Z"], seconds) == f" for {said}"
    assert since.ago([None], seconds) == "" and since.read(str(since.written(seconds))) == seconds
