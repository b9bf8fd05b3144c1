"""min.insync.replicas where the cluster holds it for all brokers: the inventory's value counts, without a restart."""

from __future__ import annotations

from typing import Any

import pytest

from cluster import remote
from cluster.endpoint import Endpoint
from cluster.protocol.flexible import Reader
from cluster.settings import dynamic, held
from provisioner.errors import ConfigError, HostFailed
from roles.kafka import in_sync
from roles.kafka_controller import service
from tests.support import roles as support
from tests.support.controllers import FEATURES_39, FEATURES_43, KNOWN, Asked, controller
from tests.support.fake_hosts import FakeHosts
from tests.support.settings import setting
from tests.support.shown import QUIET, Shown

NAME = "min.insync.replicas"
ALL = {**KNOWN, 18: (0, 4), 32: (1, 4)}
# What 4.3.1 says of the settings of all brokers: the value 2.
VALUE = bytes.fromhex("000000000200000104010" + "2146d696e2e696e73796e632e7265706c69636173023200030001030000" + "0000")
THREE = ["a", "b", "c"]


def look(answers: dict[int, bytes], known=ALL, asked: list[Asked] | None = None) -> dict[str, Any]:
    with controller(answers, known, asked) as port:
        return held.look({"bootstrap": f"127.0.0.1:{port}"}, print)


def test_the_value_that_the_cluster_holds():
    asked: list[Asked] = []
    found = look({18: FEATURES_43, 32: VALUE}, asked=asked)
    assert found == {"serving": True, "why": "", "held": True, "value": "2"}
    assert asked[-1] == (32, 4, b"\0\x02\x04\x01\x02\x14min.insync.replicas\0\0\0\0")


def test_without_the_feature_the_cluster_holds_nothing():
    asked: list[Asked] = []
    assert look({18: FEATURES_39}, asked=asked) == {"serving": True, "why": "", "held": False, "value": None}
    assert [key for key, _, _ in asked] == [18, 18]


def test_a_broker_that_does_not_answer_says_why():
    assert look({}) == {"serving": False, "why": "connection closed by the other side", "held": False, "value": None}


@pytest.mark.parametrize("answer", [b"", VALUE[:-4], VALUE[:5] + b"\0\x23" + VALUE[7:]])
def test_what_is_no_answer_is_an_error_of_the_connection(answer: bytes):
    with pytest.raises(OSError):
        held.value_in(Reader(answer))


A, B = "a=1\nmin.insync.replicas=1\n", "a=1\nmin.insync.replicas=2\n"


@pytest.mark.parametrize(
    ("features", "wanted", "refused"),
    [
        (FEATURES_43, B, []),
        (FEATURES_43, A, []),
        (FEATURES_39, B, [f"{NAME} is read at the start"]),
        (FEATURES_43, B.replace("a=1", "a=2"), ["a is read at the start"]),
        (FEATURES_39, B.replace("a=1", "a=2"), ["a is read at the start"]),
    ],
)
def test_a_controller_restarts_only_for_what_a_start_gives_it(features, wanted, refused):
    with controller({18: features, 32: VALUE}, ALL) as port:
        args = {"bootstrap": f"127.0.0.1:{port}", "started": A, "wanted": wanted}
        assert held.adopt(args, print) == {"changes": [], "refused": refused}


def test_a_controller_that_does_not_answer_restarts():
    with controller({}, ALL) as port:
        args = {"bootstrap": f"127.0.0.1:{port}", "started": A, "wanted": B}
        assert held.adopt(args, print)["refused"]


def test_the_controllers_unit_asks_it(tmp_path):
    site = support.inventory(tmp_path, kafka=["a"], kafka_controller=["a"], kafka_controller_port=9393)
    (unit,) = service.services(support.target(site))
    assert unit.live and unit.live.path in unit.inputs
    assert unit.live.call.function == "adopt" and unit.live.call.args == {"bootstrap": "127.0.0.1:9393"}


@pytest.mark.parametrize(("features", "names"), [(FEATURES_43, {NAME}), (FEATURES_39, set())])
def test_a_broker_is_told_only_what_the_cluster_does_not_hold(features, names):
    with controller({18: features}, ALL) as port:
        place = Endpoint("127.0.0.1", port)
        assert held.by_cluster(place, [NAME, "log.retention.ms"]) == names
    assert held.by_cluster(place, ["log.retention.ms"]) == frozenset()  # nobody is asked


@pytest.mark.parametrize("now", ["1", "2"])
def test_a_broker_takes_the_file_whatever_the_cluster_holds(now):
    found = {NAME: setting(NAME, cluster=now, static="1", default="1")}
    verdict = dynamic.judge({NAME: "1"}, {NAME: "2"}, found, {}, {NAME})
    assert verdict == dynamic.Verdict()
    # The cluster removes what was set on a broker when it begins to hold the setting: nothing of ours is left.
    ours = {NAME: {"values": ["2"], "done": True}}
    assert dynamic.judge({NAME: "1"}, {NAME: "2"}, found, ours, {NAME}) == dynamic.Verdict()


def judged(port: int) -> dict[str, Any]:
    """What a broker on this port is asked about a file that says 2 instead of 1."""
    place = {"bootstrap": f"127.0.0.1:{port}", "broker": 1}
    texts = {"started": f"{NAME}=1\n", "wanted": f"{NAME}=2\n"}
    return {**place, **texts, "memory": "none", "apply": False, "state": "/nonexistent"}


def test_a_broker_asks_whether_the_cluster_holds_what_is_set_for_all(monkeypatch):
    found = {NAME: setting(NAME, cluster="1", static="1")}
    monkeypatch.setattr(dynamic.brokers, "read", lambda here: ({1: found}, {}))
    with controller({18: FEATURES_43}, ALL) as port:
        assert dynamic.bring(judged(port), print) == {"changes": [], "refused": []}
    found[NAME] = setting(NAME, static="1", read_only=True)  # in no cluster: only to see that it is judged
    with controller({}, ALL) as port:
        answer = dynamic.bring(judged(port), print)
    assert answer["refused"] == [f"{NAME} is not taken at run time"]


def test_a_broker_that_stops_answering_restarts(monkeypatch):
    monkeypatch.setattr(dynamic.brokers, "read", lambda here: ({1: {NAME: setting(NAME, cluster="1")}}, {}))
    with controller({}, ALL) as port:
        args = {
            "bootstrap": f"127.0.0.1:{port}",
            "broker": 1,
            "memory": "none",
            "apply": False,
            "state": "/nonexistent",
        }
        answer = dynamic.bring({**args, "started": f"{NAME}=1\n", "wanted": f"{NAME}=2\n"}, print)
    assert answer["refused"] == ["its broker does not answer: connection closed by the other side"]


def said(value: str | None, serving: bool = True) -> dict[str, Any]:
    return {"serving": serving, "why": "", "held": value is not None, "value": value}


def run(tmp_path, answer: Any, check: bool = False, late: tuple[int, ...] = (), **site: Any):
    """(what the step returns, what it shows, what it has set) on three brokers."""
    hosts = FakeHosts(
        {remote.held_settings: answer, remote.alter_broker_settings: {"settings": {}, "late": list(late)}}
    )
    inventory = support.inventory(tmp_path, **{"kafka": THREE, **site})
    shown: Any = Shown()
    targets = [support.target(inventory, name) for name in THREE]
    done = in_sync.contents(hosts, targets, shown, check)
    return done, shown.changes, hosts.to(remote.alter_broker_settings)


@pytest.mark.parametrize(
    ("value", "variables", "change"),
    [
        ("2", {}, None),  # of three copies, one may be missing
        ("1", {}, "1 -> 2"),  # grown from one broker
        ("3", {}, "3 -> 2"),  # set by a person
        ("2", {"kafka_min_insync_replicas": 1}, "2 -> 1"),
        ("2", {"kafka_min_insync_replicas": 2}, None),
    ],
)
def test_the_inventorys_value_is_in_force(tmp_path, value, variables, change):
    done, shown, made = run(tmp_path, said(value), **variables)
    if change is None:
        assert (done, shown, made) == ({"a": (1, 0)}, [], [])
        return
    wanted = change.split()[-1]
    assert done == {"a": (0, 1)}
    assert shown == [("a", f"setting:{NAME}", "~", f"{change} for all brokers, no restart")]
    assert made == [{"bootstrap": "127.0.0.1:9092", "broker": None, "settings": {NAME: wanted}, "check": False}]
    assert run(tmp_path, said(value), check=True, **variables) == (done, shown, [])


def test_files_count_where_the_cluster_holds_nothing(tmp_path):
    assert run(tmp_path, said(None)) == ({}, [], [])


def test_another_broker_is_asked_where_one_does_not_answer(tmp_path):
    done, shown, made = run(tmp_path, lambda host, args: said("1", serving=host == "c"))
    assert done == {"c": (0, 1)} and shown[0][0] == "c" and len(made) == 1
    assert run(tmp_path, said("1", serving=False)) == ({}, [], [])


def test_a_broker_that_has_not_heard_of_it_is_an_error(tmp_path):
    with pytest.raises(HostFailed, match="not in force yet on 2, 3"):
        run(tmp_path, said("1"), late=(2, 3))


@pytest.mark.parametrize("site", [{"zookeeper": THREE}, {"kafka_version": "3.9.2"}])
def test_nobody_is_asked_where_no_cluster_holds_it(tmp_path, site):
    targets = [support.target(support.inventory(tmp_path, kafka=THREE, **site))]
    assert in_sync.contents(FakeHosts({}), targets, QUIET, False) == {}


def test_brokers_that_disagree_are_refused_where_the_cluster_holds_one_value(tmp_path):
    kafka = {"a": {"kafka_min_insync_replicas": 1}, "b": {}, "c": {}}
    with pytest.raises(ConfigError, match="holds one value for all of them") as caught:
        support.inventory(tmp_path, kafka=kafka)
    assert [*caught.value.details][:3] == ["a: 1", "b: 2", "c: 2"]
    # Elsewhere each broker's file counts.
    assert support.inventory(tmp_path, kafka=kafka, kafka_version="3.9.2").hosts
    assert support.inventory(tmp_path, kafka=kafka, zookeeper=THREE).hosts
