"""`kafka_security` with ZooKeeper: what servers and brokers are told in each stage, where they are by that, and whose
the znodes are."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from kafka.errors import NotControllerError

from cluster.metadata.zookeeper import rights, znodes
from cluster.metadata.zookeeper.evidence import servers
from cluster.protocol.login import MECHANISM, SECOND
from cluster.settings.properties import parse
from cluster.users import onhost
from provisioner.agent.failure import Failure
from provisioner.errors import Refused
from provisioner.inventory.model import Inventory
from provisioner.resources import Credential
from provisioner.run.evidence import Witness
from provisioner.run.stages import Stage, at
from roles.kafka import metadata, stages, zookeeper_stages
from roles.shared import security
from tests.support import roles as support

ZOO, KAFKA = "/etc/zookeeper/zoo.cfg", "/etc/kafka/server.properties"
OWNER = "CN=kafka,O=kafka-provisioner"


def inventory(directory: Any, **variables: Any) -> Inventory:
    return support.inventory(directory, kafka=["a", "b"], zookeeper=["a", "z"], **variables)


def texts(of: Inventory, mode: str, name: str = "a") -> dict[str, str]:
    """What is on a host in a stage, by path."""
    found = at(of, Stage("", {security.VARIABLE: mode}))
    return {path: one.content for path, one in support.files(support.target(found, name)).items()}


def test_a_closed_server_takes_nobody_in_the_clear_and_no_server_without_a_certificate(tmp_path):
    found = parse(texts(inventory(tmp_path), "required")[ZOO])
    assert found["secureClientPort"] == "2181" and "clientPort" not in found
    assert found["ssl.clientAuth"] == found["ssl.quorum.clientAuth"] == "need"
    assert found["sslQuorum"] == "true" and not [name for name in found if "ortUnification" in name]
    assert found["ssl.keyStore.location"] == "/etc/zookeeper/tls/node.pem"
    assert len(servers(found)) == 2
    assert parse(texts(inventory(tmp_path), "open")[ZOO]) == found, "clients of Kafka have no business there"


def test_open_and_required_are_one_to_the_servers_which_do_not_restart_for_it(tmp_path):
    of = inventory(tmp_path)
    found, wanted = (texts(of, mode, "z") for mode in ("open", "required"))
    assert ZOO in found and found == wanted


def test_a_closed_broker_keeps_rules_in_zookeeper_and_owns_what_it_makes_there(tmp_path):
    found = parse(texts(inventory(tmp_path), "required")[KAFKA])
    assert found["authorizer.class.name"] == "kafka.security.authorizer.AclAuthorizer"
    assert found["zookeeper.set.acl"] == found["zookeeper.ssl.client.enable"] == "true"
    assert found["zookeeper.ssl.keystore.location"] == "/etc/kafka/tls/node.pem"
    assert "CONTROLLER" not in str(found) and found["listeners"].startswith("NODES://")


def test_2_5_0_reads_its_keys_from_stores_and_its_zookeeper_checks_no_names_among_servers(tmp_path):
    of = inventory(tmp_path, kafka_version="2.5.0")
    both = texts(of, "required")
    broker, server = parse(both[KAFKA]), parse(both[ZOO])
    for listener in ("nodes", "secure"):
        said = {name.rpartition(".ssl.")[2]: value for name, value in broker.items() if f".{listener}.ssl." in name}
        assert said["keystore.location"] == "/etc/kafka/tls/node.jks" and said["keystore.type"] == "JKS"
        assert said["truststore.location"] == "/etc/kafka/tls/ca.jks" and said["truststore.type"] == "JKS"
    assert broker["zookeeper.ssl.keystore.location"] == "/etc/kafka/tls/node.pem", "its client of ZooKeeper reads PEM"
    assert "fips-mode" not in server and server["ssl.quorum.hostnameVerification"] == "false"
    assert "ssl.hostnameVerification" not in server and server["ssl.enabledProtocols"] == "TLSv1.2"
    assert parse(both["/etc/kafka/tls/admin.properties"])["ssl.keystore.location"] == "/etc/kafka/tls/node.jks"
    assert "/etc/kafka/tls/node.jks" in both["/etc/systemd/system/kafka.service"], "its inputs"
    closed = at(of, Stage("", {security.VARIABLE: "required"}))
    found = [one for one in support.resources(support.target(closed, "a")) if isinstance(one, Credential)]
    assert {one.group: one.stores for one in found} == {"kafka": True, "zookeeper": False}
    newer = texts(inventory(tmp_path), "required")
    assert ".jks" not in str(newer) and parse(newer[ZOO])["fips-mode"] == "true"
    assert not [name for name in parse(newer[ZOO]) if "ostnameVerification" in name]


def test_an_open_server_is_what_it_was(tmp_path):
    found = texts(inventory(tmp_path), "off")
    assert parse(found[ZOO])["clientPort"] == "2181" and "ssl" not in found[ZOO]
    assert "zoo.cfg /run" not in found["/etc/systemd/system/zookeeper.service"], "no unit of an open cluster changes"


def test_each_unit_of_a_host_reads_a_key_of_its_own(tmp_path):
    of = inventory(tmp_path, kafka_security="required")
    here = [one for one in support.resources(support.target(of, "a")) if isinstance(one, Credential)]
    assert {one.path: one.group for one in here} == {
        "/etc/zookeeper/tls/node.pem": "zookeeper",
        "/etc/kafka/tls/node.pem": "kafka",
    }
    (alone,) = [one for one in support.resources(support.target(of, "z")) if isinstance(one, Credential)]
    assert (alone.group, alone.subject) == ("zookeeper", OWNER) and "z" in alone.names


def test_where_a_node_is_shows_in_its_file(tmp_path):
    of = inventory(tmp_path)
    found = [texts(of, mode) for mode in security.WAY]
    assert [metadata.server_position(parse(one[ZOO])) for one in found] == [0, 1, 2, 3]
    assert [zookeeper_stages.broker(parse(one[KAFKA])) for one in found] == [0, 1, 2, 3]


def test_a_listener_that_an_inventory_calls_like_ours_is_not_ours(tmp_path):
    own = [{"name": "NODES", "port": 9092}]
    found = parse(texts(inventory(tmp_path, kafka_listeners=own), "off")[KAFKA])
    assert found["inter.broker.listener.name"] == "NODES" and zookeeper_stages.broker(found) == 0


def clear(text: str) -> set[bool]:
    """Whether a server takes clients, of those who speak TLS (True) and who do not."""
    found = parse(text)
    return {"secureClientPort" in found} | ({True} if found.get("client.portUnification") else set())


def in_quorum(text: str) -> tuple[bool, set[bool]]:
    """Whether a server speaks TLS with the others, and whom of them it takes."""
    found = parse(text)
    speaks = found.get("sslQuorum") == "true"
    return speaks, {speaks} | ({True, False} if found.get("portUnification") == "true" else set())


@pytest.mark.parametrize("number", range(4))
def test_whoever_is_in_a_stage_is_taken_by_the_servers_of_it_and_of_its_neighbours(tmp_path, number):
    of = inventory(tmp_path)
    found = [texts(of, mode) for mode in security.WAY]
    broker = parse(found[number][KAFKA]).get("zookeeper.ssl.client.enable") == "true"
    for beside in found[max(number - 1, 0) : number + 2]:
        assert broker in clear(beside[ZOO])
        assert in_quorum(found[number][ZOO])[0] in in_quorum(beside[ZOO])[1]


def witness(of: Inventory, name: str, *modes: str, active: bool = True, changes: Any = ()) -> Witness:
    """A host with the files of a stage, that runs with those of another one, if one is given."""
    disk, runs = (texts(of, mode, name) for mode in (modes[0], modes[-1]))
    said: dict[str, Any] = {}
    if "zookeeper" in of.hosts[name].groups:
        running = parse(runs[ZOO]) if modes[-1] != "off" else {}
        said["zookeeper"] = {"settings": parse(disk[ZOO]), "running": running}
    if "kafka" in of.hosts[name].groups:
        running = parse(runs[KAFKA]) if len(modes) > 1 else {}
        said["kafka"] = {"settings": parse(disk[KAFKA]), "running": running, "controllers": []}
    plan: Any = SimpleNamespace(changes=changes)
    return Witness(support.target(of, name), plan, said=said, active=tuple(said) if active else ())


def nobody(host: str, request: Any, event: Any = None) -> dict[str, Any]:
    return {"to": [], "from": [], "busy": []}


@pytest.mark.parametrize(
    ("there", "mode", "expected"),
    [
        ([("off",), ("off",), ("off",)], "required", [security.ADDED, security.MOVED, None]),
        ([("off",), ("off",), ("off",)], "off", []),
        ([("required",), ("required",), ("required",)], "open", []),  # a roll of the usual kind
        ([("open",), ("open",), ("open",)], "off", [security.MOVED, security.ADDED, None]),
        # Cut off between file and restart: it runs as before.
        ([(security.ADDED, "off"), ("off",), ("off",)], "open", [security.ADDED, security.MOVED, None]),
        ([(security.MOVED,), (security.ADDED,), (security.ADDED,)], "open", [security.MOVED, None]),
        ([(security.MOVED,), (security.ADDED,), (security.ADDED,)], "off", [security.ADDED, None]),
    ],
)
def test_the_way_of_servers_and_brokers_begins_where_they_are(tmp_path, there, mode, expected):
    of = inventory(tmp_path, kafka_security=mode)
    hosts = [witness(of, name, *modes) for name, modes in zip(("a", "b", "z"), there, strict=True)]
    way = stages.way(hosts, nobody)
    assert [one.variables.get(security.VARIABLE) for one in (way.stages if way else ())] == expected


def test_no_server_is_left_behind(tmp_path):
    of = inventory(tmp_path, kafka_security="open")
    with pytest.raises(Refused) as refused:
        stages.way([witness(of, name, "off") for name in ("a", "b")], nobody)
    assert "not in this run: z" in "\n".join(refused.value.lines())


def test_some_hosts_of_a_new_cluster_do_not_begin_an_authority(tmp_path):
    of = inventory(tmp_path, kafka_security="open")
    made = [SimpleNamespace(resource=one, actual=None) for one in support.resources(support.target(of, "a"))]
    new = witness(of, "a", "off", changes=made)._replace(said={"kafka": {"settings": {}, "running": {}}})
    with pytest.raises(Refused, match="other hosts may have one already"):
        stages.way([new], nobody)


class Tree:
    """What a server holds. vanishes: a znode that goes while the others are given away."""

    def __init__(self, *paths: str, vanishes: str = "") -> None:
        self.rights = dict.fromkeys(paths, rights.ANYBODY)
        self.order: list[str] = []
        self.vanishes = vanishes

    def __enter__(self) -> Tree:
        return self

    def __exit__(self, *_: object) -> None: ...

    def children(self, path: str) -> list[str]:
        assert path != "/zookeeper", "what is ZooKeeper's own cannot be given away"
        below = path.rstrip("/") + "/"
        return [one for one in self.rights if one.startswith(below) and "/" not in one[len(below) :] and one != "/"]

    def acl(self, path: str) -> list[znodes.Right]:
        return self.rights[path]

    def set_acl(self, path: str, given: list[znodes.Right]) -> None:
        if path == self.vanishes:
            raise znodes.ZooKeeperError(znodes.NO_NODE, "no such node")
        self.rights[path] = given
        self.order.append(path)


PATHS = ("/", "/brokers", "/brokers/ids", "/brokers/ids/1", "/config", "/zookeeper", "/zookeeper/quota")


def test_what_is_there_is_given_to_the_nodes_and_back_the_root_last(monkeypatch):
    tree = Tree(*PATHS, vanishes="/brokers/ids/1")
    monkeypatch.setattr(znodes, "connected", lambda servers, protocol: tree)
    args = {"connect": "127.0.0.1:2181", "owner": OWNER}
    assert rights.look(args, print) == {"answers": True, "own": False}
    rights.take(args, print)
    assert rights.look(args, print) == {"answers": True, "own": True}
    assert sorted(tree.order) == ["/", "/brokers", "/brokers/ids", "/config"] and tree.order[-1] == "/"
    assert tree.rights["/config"] == [znodes.Right(31, "x509", OWNER)]
    assert rights.release(args, print) == {"changed": True} and tree.order[-1] == "/"
    assert rights.release(args, print) == {"changed": False}
    assert set(map(tuple, tree.rights.values())) == {tuple(rights.ANYBODY)}


def test_a_server_that_takes_no_tls_has_nothing_to_give_back_and_one_that_does_not_answer_stops_the_run(monkeypatch):
    tree = Tree(*PATHS)

    def connected(servers: list[str], protocol: str) -> Tree:
        if protocol == "SSL":
            raise ConnectionResetError(104, "Connection reset")
        return tree

    monkeypatch.setattr(znodes, "connected", connected)
    assert rights.release({"connect": "127.0.0.1:2181"}, print) == {"changed": False} and not tree.order
    assert rights.look({"connect": "127.0.0.1:2181", "owner": OWNER}, print)["answers"] is False
    tree.rights["/"] = [znodes.Right(31, "x509", OWNER)]
    monkeypatch.setattr(tree, "set_acl", None)
    with pytest.raises(Failure, match="cannot make what is in ZooKeeper the nodes' own: Connection reset"):
        rights.take({"connect": "127.0.0.1:2181", "owner": OWNER}, print)


class Broker:
    """One that answers a request about users. code: of the error in its answer."""

    def __init__(self, code: int) -> None:
        self.code, self.asked = code, 0

    def __enter__(self) -> Broker:
        return self

    def __exit__(self, *_: object) -> None: ...

    def call(self, request: Any) -> Any:
        self.asked += 1
        return SimpleNamespace(results=[SimpleNamespace(user="u", error_code=self.code, error_message=None)])


def test_a_request_names_a_user_once_and_a_new_password_comes_before_the_old_one_goes():
    asked: list[Any] = []

    class Listening(Broker):
        def call(self, request: Any) -> Any:
            asked.append(request)
            return super().call(request)

    broker = Listening(0)
    wanted = {"u": {MECHANISM: None, SECOND: "a-password"}, "v": {MECHANISM: "a-password"}}
    onhost.alter_users(broker, wanted, {"w": [MECHANISM, SECOND]}, lambda: broker)  # type: ignore[arg-type,return-value]
    said = [
        [(one.name, one.mechanism, getattr(one, "iterations", 0)) for one in (*each.upsertions, *each.deletions)]
        for each in asked
    ]
    assert said == [[("v", 2, 4096)], [("u", 1, 4096)], [("u", 2, 4097), ("w", 2, 0)], [("w", 1, 0)]]


def test_only_the_controller_takes_users_where_zookeeper_has_them():
    here, controller = Broker(NotControllerError.errno), Broker(0)
    onhost.alter_users(here, {"u": {MECHANISM: "a-password"}}, {}, lambda: controller)  # type: ignore[arg-type,return-value]
    assert (here.asked, controller.asked) == (1, 1)
    here = Broker(0)
    onhost.alter_users(here, {}, {"u": [MECHANISM]}, lambda: controller)  # type: ignore[arg-type,return-value]
    assert (here.asked, controller.asked) == (1, 1), "others forward it"
    with pytest.raises(NotControllerError):  # a new one is elected at this moment
        moved = Broker(NotControllerError.errno)
        onhost.alter_users(moved, {}, {"u": [MECHANISM]}, lambda: moved)  # type: ignore[arg-type,return-value]
