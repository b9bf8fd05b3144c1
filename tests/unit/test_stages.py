"""A change that takes several rolling restarts: which stages are to go, and what each makes of the nodes."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from provisioner.agent import sockets
from provisioner.connect.fleet import Outcome
from provisioner.errors import Refused, Several
from provisioner.inventory.model import Host, Inventory
from provisioner.options import Options
from provisioner.report.plain import PlainReporter
from provisioner.resources import File
from provisioner.run import plan
from provisioner.run.deploy import Deploy
from provisioner.run.evidence import DOWNGRADE, NO_WAY_BACK, Consent, Objection, Witness
from provisioner.run.preparation import Prepared
from provisioner.run.stages import Stage, Way, at, to_go
from roles.kafka import clients, listeners, stages
from roles.shared import kraft, security
from tests.support import roles as support

PLAIN, SECURE = "CONTROLLER", "CONTROLLER_SECURE"
NAMES = (PLAIN, f"{PLAIN},{SECURE}", f"{SECURE},{PLAIN}", SECURE)  # of the controllers' listeners, stage by stage


@pytest.mark.parametrize(
    ("present", "goal", "expected"),
    [
        (set(), 3, []),  # a new cluster
        ({0}, 0, []),
        ({3}, 3, []),
        ({0}, 3, [1, 2, 3]),
        ({3}, 0, [2, 1, 0]),
        ({0, 1}, 3, [1, 2, 3]),  # cut off on the way to 1: that is completed first
        ({1, 2}, 3, [2, 3]),
        ({1, 2}, 0, [1, 0]),  # turned back in the middle
        ({2, 3}, 0, [2, 1, 0]),
        ({2}, 0, [1, 0]),
        ({0, 2}, 3, [1, 2, 3]),  # not by us: the one between them is what both understand
    ],
)
def test_the_way_goes_over_neighbours_and_begins_where_the_nodes_are(present, goal, expected):
    assert to_go(present, goal) == expected


def test_every_step_of_the_way_keeps_the_distance_between_two_nodes_at_one():
    for goal in (0, 3):
        for low in range(4):
            for present in ({low}, {low, min(low + 1, 3)}):
                for one in to_go(present, goal)[:1]:
                    assert all(abs(one - there) <= 1 for there in present)


def test_where_a_node_is_shows_in_the_names_of_the_controllers_listeners():
    assert [stages.position(names) for names in NAMES] == [0, 1, 2, 3]


def inventory(tmp_path, **variables) -> Inventory:
    return support.inventory(tmp_path, kafka=["a", "b"], kafka_controller=["a"], **variables)


@pytest.mark.parametrize("number", range(4))
def test_two_neighbouring_stages_have_the_listeners_over_which_the_nodes_of_both_speak(tmp_path, number):
    """What a node of a stage uses to reach another is there at the others of this stage and of those beside it."""
    found = [at(inventory(tmp_path), Stage("", {security.VARIABLE: mode})) for mode in security.WAY]

    def doors(one: Inventory) -> set[Any]:
        return {(door.name, door.port, door.protocol) for door in listeners.of(one.hosts["b"])}

    def controllers(one: Inventory) -> set[Any]:
        return {*kraft.listeners(one.hosts["a"])}

    used = listeners.inter_broker(found[number].hosts["a"])
    for beside in found[max(number - 1, 0) : number + 2]:
        assert (used.name, used.port, used.protocol) in doors(beside)
        assert kraft.listeners(found[number].hosts["b"])[0] in controllers(beside)


def test_a_stage_is_written_to_the_files_of_every_node(tmp_path):
    moved = at(inventory(tmp_path), Stage("", {security.VARIABLE: security.MOVED}))
    broker = support.files(support.target(moved, "b"))["/etc/kafka/server.properties"].content
    controller = support.files(support.target(moved, "a"))["/etc/kafka-controller/controller.properties"].content
    for text in (broker, controller):
        assert f"controller.listener.names={SECURE},{PLAIN}\n" in text
        assert "controller.quorum.bootstrap.servers=a:9095\n" in text
        assert "super.users=User:CN=kafka,O=kafka-provisioner;User:ANONYMOUS\n" in text
    assert "inter.broker.listener.name=NODES\n" in broker and "PLAINTEXT://0.0.0.0:9092" in broker
    assert "listeners=CONTROLLER_SECURE://0.0.0.0:9095,CONTROLLER://0.0.0.0:9093\n" in controller


def witness(of: Inventory, name: str, *names: str, listening: str = "PLAINTEXT://0.0.0.0:9092") -> Witness:
    target: Any = support.target(of, name)
    said = {"settings": {"listeners": listening}, "controllers": list(names)}
    roles = ["kafka", *(["kafka-controller"] if name == "a" else [])]
    return Witness(target, SimpleNamespace(), said=dict.fromkeys(roles, said))  # type: ignore[arg-type]


def nobody(host: str, request: Any, event: Any = None) -> dict[str, Any]:
    return {"to": [], "from": [], "busy": []}


def test_a_running_cluster_is_closed_in_three_stages_and_the_last_is_the_inventorys_own(tmp_path):
    of = inventory(tmp_path, kafka_security="open")
    way = stages.way([witness(of, "a", PLAIN), witness(of, "b", PLAIN)], nobody)
    assert way is not None and way.what == "kafka_security: off -> open"
    assert [dict(one.variables) for one in way.stages] == [
        {"kafka_security": security.ADDED},
        {"kafka_security": security.MOVED},
        {},
    ]
    assert way.lines()[0] == "kafka_security: off -> open: 3 rolling restarts, one after the other"


def test_what_runs_counts_as_well_as_what_is_on_disk(tmp_path):
    of = inventory(tmp_path, kafka_security="open")
    # Cut off between the file and the restart: it still runs as before, and no other may go further.
    way = stages.way([witness(of, "a", NAMES[1], NAMES[0]), witness(of, "b", NAMES[0])], nobody)
    assert way is not None and len(way.stages) == 3


def test_a_cluster_where_it_is_to_be_and_a_new_one_have_no_way_to_go(tmp_path):
    of = inventory(tmp_path, kafka_security="open")
    assert stages.way([witness(of, "a", SECURE), witness(of, "b", SECURE)], nobody) is None
    assert stages.way([witness(of, "a"), witness(of, "b")], nobody) is None
    (tmp_path / "other").mkdir()
    of = inventory(tmp_path / "other")
    assert stages.way([witness(of, "a", PLAIN), witness(of, "b", PLAIN)], nobody) is None


def test_no_node_is_left_behind(tmp_path):
    of = inventory(tmp_path, kafka_security="open")
    with pytest.raises(Refused) as refused:
        stages.way([witness(of, "a", PLAIN)], nobody)
    assert "not in this run: b" in "\n".join(refused.value.lines())
    only_brokers = [
        replace_said(witness(of, name, PLAIN)) for name in ("a", "b")
    ]  # as with --tags kafka: nothing is known of the controller
    with pytest.raises(Refused, match="some are not in this run"):
        stages.way(only_brokers, nobody)


def test_a_port_that_two_listeners_would_need_on_the_way_is_refused_before_it(tmp_path):
    of = inventory(tmp_path, kafka_security="required", kafka_secure_port=9092)
    with pytest.raises(Refused, match="port 9092 would be that of a listener with TLS and of one without"):
        stages.way([witness(of, "a", PLAIN), witness(of, "b", PLAIN)], nobody)


def replace_said(one: Witness) -> Witness:
    return one._replace(said={"kafka": one.said["kafka"]})


def test_clients_that_would_be_cut_off_are_named_and_the_nodes_own_connections_are_not(tmp_path):
    of = inventory(tmp_path, kafka_security="required")
    seen: dict[str, Any] = {
        # b's broker is connected to a (172.18.0.3:5000), and so are two programs of a client elsewhere.
        "a": {"to": [[9092, "172.18.0.3", 5000], [9092, "10.0.0.9", 1], [9092, "10.0.0.9", 2]], "from": [], "busy": []},
        # A person on b's host, beside the broker there.
        "b": {
            "to": [[9092, "172.18.0.3", 7]],
            "from": [["172.18.0.3", 5000, "kafka"], ["172.18.0.3", 7, "root"]],
            "busy": [],
        },
    }
    both = [witness(of, "a", PLAIN), witness(of, "b", PLAIN)]
    (found,) = clients.cut_off(both, lambda host, request, event=None: seen[host])
    assert found.details == ("a, port 9092: 10.0.0.9 (2 connections)", "b, port 9092: 172.18.0.3 (1 connection)")
    assert found.consent is not None and found.consent.flag == "--accept-downtime"
    assert clients.cut_off(both, nobody) == []
    seen["b"]["busy"] = ["kafka-class-archive"]  # what our own unit tries as root is no client
    (found,) = clients.cut_off(both, lambda host, request, event=None: seen[host])
    assert found.details == ("a, port 9092: 10.0.0.9 (2 connections)",)


def test_nobody_is_asked_for_clients_where_no_listener_is_closed(tmp_path):
    def asked(host: str, request: Any, event: Any = None) -> dict[str, Any]:
        raise AssertionError("asked")

    both = "NODES://:9091,PLAINTEXT://:9092,SECURE://:9094"
    for mode, listening in (("open", both), ("required", "NODES://:9091,SECURE://:9094"), ("off", "PLAINTEXT://:1")):
        (tmp_path / mode).mkdir()
        of = inventory(tmp_path / mode, kafka_security=mode)
        assert clients.cut_off([witness(of, "a", SECURE, listening=listening)], asked) == []


TABLE = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:2384 00000000:0000 0A 00000000:00000000 00:00000000 00000000   994        0 1 1
   1: 030012AC:2384 090012AC:0001 01 00000000:00000000 00:00000000 00000000   994        0 2 1
   2: 030012AC:A000 040012AC:2384 01 00000000:00000000 00:00000000 00000000     0        0 3 1
"""
SIX = """  sl  local_address remote_address st
   0: 0000000000000000FFFF0000030012AC:2384 0000000000000000FFFF0000090012AC:0002 01 0:0 0:0 0   994 0 4 1
"""


def test_established_connections_are_read_in_both_families():
    assert list(sockets.established([TABLE, SIX])) == [
        (("172.18.0.3", 9092), ("172.18.0.9", 1), 994),
        (("172.18.0.3", 40960), ("172.18.0.4", 9092), 0),
        (("172.18.0.3", 9092), ("172.18.0.9", 2), 994),
    ]


def test_who_is_connected_to_a_port_and_from_here_to_such_a_port(monkeypatch, tmp_path):
    texts = {"/proc/net/tcp": TABLE, "/proc/net/tcp6": SIX}
    monkeypatch.setattr(sockets, "text_of", texts.__getitem__)
    monkeypatch.setattr(sockets, "_UNITS", str(tmp_path))
    (tmp_path / "invocation:works.service").symlink_to("an-id")
    found = sockets.look({"ports": [9092], "units": ["works", "rests"]}, lambda event: None)
    assert found == {
        "to": [[9092, "172.18.0.9", 1], [9092, "172.18.0.9", 2]],
        "from": [["172.18.0.3", 40960, "root"]],
        "busy": ["works"],
    }


def test_a_stage_in_which_nothing_of_clients_restarts_is_no_rolling_restart():
    way = Way("a -> b", (Stage("brokers forget", {}), Stage("controllers begin anew", {}, rolls=False)))
    assert way.lines() == ["a -> b: 1 rolling restart", "  1. brokers forget", "  2. controllers begin anew"]
    twice = Way("a -> b", way.stages[:1] * 2)
    assert twice.lines()[0] == "a -> b: 2 rolling restarts, one after the other"


def object_to(agreed: Mapping[str, tuple[str, ...]]) -> tuple[Deploy, io.StringIO]:
    """The plan of a change in stages to which there are two objections, each of which a flag permits."""
    out = io.StringIO()
    said = [
        Objection("nothing leads back", consent=Consent(NO_WAY_BACK)),
        Objection("it is older", consent=Consent(DOWNGRADE)),
    ]
    made = Way("on -> off", (Stage("nodes leave", {}),), tuple(said[:1]))
    found: Any = SimpleNamespace(
        kept=lambda *_: None, way=lambda *_: made, judge=lambda *_: said[1:], downtime=lambda *_: []
    )
    one = Inventory("i", Path("i.yml"), {"a": Host("a", (), {}, {})}, {})
    run = Deploy(
        found,
        one,
        Options(Path(), Path(), check=True, agreed=agreed),
        PlainReporter(out, out),
        None,
    )
    target: Any = SimpleNamespace(name="a")
    file = File("/etc/x", "new")
    read = Prepared(0.0, target, plan.make("a", [file], {}), witness=Witness(target, plan.make("a", [file], {})))
    fleet: Any = SimpleNamespace(
        call=None, reporter=run.reporter, each=lambda names, work: Outcome({name: work(name) for name in names}, {})
    )
    preparation: Any = SimpleNamespace(again=lambda *_: read)
    run._take(fleet, preparation, {"a": read}, [])
    run._show_plan(fleet)
    return run, out


def test_a_plan_shows_what_a_flag_would_permit_and_below_it_what_a_deploy_asks_for():
    run, out = object_to({})
    assert "+ a: file:/etc/x" in out.getvalue() and "1. nodes leave" in out.getvalue()
    with pytest.raises(Several) as refused:
        run._refuse()
    assert refused.value.exit_code == 2
    lines = "\n".join(refused.value.lines())
    assert "--accept-no-way-back" in lines and "--accept-downgrade" in lines

    run, out = object_to({NO_WAY_BACK: (), DOWNGRADE: ()})
    assert "warning: nothing leads back (--accept-no-way-back)" in out.getvalue()
    run._refuse()
