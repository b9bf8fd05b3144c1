"""upgrade.check: each problem that is planted in a cluster is found, and in a clean one none is; all hosts made up."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from cli import upgrade as verb
from cli.common import Run
from cluster import remote
from cluster.metadata import remote as of_metadata
from cluster.users import remote as of_users
from cluster.users import requests
from provisioner.connect.fleet import Outcome
from provisioner.errors import UsageError
from provisioner.report.plain import PlainReporter
from roles.kafka import upgrade as rules
from roles.kafka.upgrade import CHANGES, NOTE, STOPS
from roles.shared import catalogue, releases
from tests.support import roles as support
from tests.support.fake_hosts import FakeHosts
from tests.support.settings import of_topic, setting
from tests.unit.test_smoke_plan import FakeReporter

NAMES = ("kafka1", "kafka2", "kafka3")
NONE = {"count": 0, "first": []}


class World:
    """A cluster of three and its inventory; a test changes what it likes before it is looked at."""

    def __init__(self) -> None:
        self.now, self.to, self.zookeeper = "3.9.2", "4.3.1", False
        self.variables: dict[str, Any] = {}
        self.versions: dict[str, str] = {}
        self.protocol: str | None = None
        self.lines: dict[str, str] = {}
        self.dynamic: list[Any] = []
        self.topics: dict[str, dict[str, str]] = {"orders": {"retention.ms": "1000"}}
        self.health: dict[str, Any] = {}
        self.brokers = ["1", "2", "3"]
        self.silent: dict[str, str] = {}
        self.level = 21
        self.free = 10**11
        self.java = "17.0.1"
        self.heard: list[list[Any]] = []
        self.hosts = FakeHosts({})
        self.reads = 0

    def cluster(self, tmp_path) -> Any:
        servers = NAMES if self.zookeeper else None
        variables = {"kafka_version": self.now, **self.variables}
        inventory = support.inventory(tmp_path, list(NAMES), servers and list(servers), **variables)
        targets = {name: support.target(inventory, name) for name in NAMES}
        self.hosts = FakeHosts(self._answers())
        fleet = SimpleNamespace(
            call=self.hosts, read=self._read, each=lambda names, ask: Outcome({name: ask(name) for name in names}, {})
        )
        return SimpleNamespace(
            inventory=inventory,
            brokers={number: inventory.hosts[name] for number, name in enumerate(NAMES, 1)},
            fleet=fleet,
            show=FakeReporter(),
            lost={},
            hosts=SimpleNamespace(members=list(inventory.hosts.values()), connect=lambda hosts: Outcome(targets, {})),
            call=lambda request: self.hosts("kafka1", request.at("127.0.0.1:9092")),
            name=lambda broker: NAMES[broker - 1],
        )

    def look(self, tmp_path, seconds: float = 4.0) -> verb.Check:
        cluster = self.cluster(tmp_path)
        known = catalogue.of("kafka", self.to)
        assert known is not None
        found = verb.Check(Run(str(tmp_path / "site.yml")), cluster, releases.release("kafka", self.to), known)
        found.look(seconds)
        return found

    def _read(self, host: str, *, lock: bool, resources: list[Any], wants: Mapping[str, Any]) -> dict[str, Any]:
        assert not lock and not resources
        self.reads += 1
        text = "".join(f"{name}={value}\n" for name, value in {"num.partitions": "1", **self.lines}.items())
        return {
            "disks": {path: {"free": self.free, "read_only": 0} for path in wants["disks"]},
            **{key: [] for key in ("noexec", "unresolved")},
            **{key: {} for key in ("ports", "loopback")},
            "files": dict.fromkeys(wants["files"], text),
            "java": self.java,
        }

    def _answers(self) -> dict[Callable[..., Any], Any]:
        settings = {one.name: one.to_wire() for one in self.dynamic}
        topics = {
            name: {
                "internal": False,
                "partitions": [],
                "settings": {key: of_topic(key, value, own=True).to_wire() for key, value in own.items()},
            }
            for name, own in self.topics.items()
        }
        trouble = dict.fromkeys(("offline", "under_min_isr", "under_replicated"), NONE)
        return {
            remote.running_version: lambda host, args: {
                "version": self.versions.get(host, self.now),
                "protocol": self.protocol,
            },
            remote.cluster_status: {
                "serving": True,
                "brokers": {key: {} for key in self.brokers},
                **trouble,
                **self.health,
            },
            remote.broker_settings: {"settings": dict.fromkeys("123", settings), "silent": self.silent, "known": []},
            remote.topics_look: {"topics": topics},
            of_metadata.features: {"serving": True, "finalised": {"metadata.version": self.level}, "supported": {}},
            of_users.requests: {"heard": self.heard, "requests": 7},
        }


@pytest.fixture
def world() -> World:
    return World()


def changed(**attributes: Any) -> Callable[[World], None]:
    return lambda world: world.__dict__.update(attributes)


AUTHORIZER = {"authorizer.class.name": "kafka.security.authorizer.AclAuthorizer"}
DOWN = "log.message.downconversion.enable"
OLD_CLIENT = ["billing", "10.0.0.9", "sarama", "1.10", "FETCH", 2]
# {what is planted: (how, what it does, words of the sentence)}
PLANTED: dict[str, tuple[Callable[[World], None], str, str]] = {
    "a property of the inventory that is gone": (
        changed(variables={"kafka_config": {"leader.imbalance.per.broker.percentage": 10}}),
        STOPS,
        "leader.imbalance.per.broker.percentage is a property of 2.5.0, 3.9.2 and not",
    ),
    "a value of the inventory that stops the start": (
        changed(variables={"kafka_log_segment": "500k"}),
        STOPS,
        "log.segment.bytes takes a whole number, 1048576 or more",
    ),
    "a line by hand with a class that is gone": (
        changed(lines=AUTHORIZER),
        STOPS,
        "server.properties has authorizer.class.name, which the inventory does not have; in Kafka 4.3.1 it cannot name",
    ),
    "a line by hand with a property that is gone": (
        changed(lines={"control.plane.listener.name": "X"}),
        CHANGES,
        "server.properties has control.plane.listener.name",
    ),
    "a property at run time that is gone": (
        changed(dynamic=[setting(DOWN, cluster="false", default="true")]),
        CHANGES,
        f"{DOWN}=false is set at run time, and Kafka 4.3.1 ignores it",
    ),
    "a value at run time that is refused": (
        changed(dynamic=[setting("num.replica.fetchers", broker="0", default="1")]),
        STOPS,
        "num.replica.fetchers=0 is set at run time, and in Kafka 4.3.1 it takes a whole number, 1 or more",
    ),
    "a topic with an old format": (
        changed(topics={"old": {"message.format.version": "0.10.2"}}),
        CHANGES,
        "old has message.format.version=0.10.2: Kafka 4.3.1 writes only the newest format",
    ),
    "a topic with segments that are too small": (
        changed(topics={"b": {"segment.bytes": "1000"}, "a": {"segment.bytes": "1000"}}),
        STOPS,
        "a, b have segment.bytes=1000; in Kafka 4.3.1 it takes a whole number, 1048576 or more",
    ),
    "a copy that is behind": (
        changed(health={"under_replicated": {"count": 1, "first": ["orders-0"]}}),
        STOPS,
        "1 partition is under-replicated (a copy is behind or missing): orders-0",
    ),
    "a broker that is down": (changed(brokers=["1", "3"]), STOPS, "the broker is not part of the cluster"),
    "a broker that does not answer": (
        changed(silent={"2": "timed out"}),
        STOPS,
        "the broker does not answer: timed out",
    ),
    "an upgrade that was left half-done": (
        changed(versions={"kafka2": "2.5.0"}),
        STOPS,
        "brokers run different versions (2.5.0: kafka2; 3.9.2: kafka1, kafka3)",
    ),
    "metadata that is too old": (
        changed(level=5),
        STOPS,
        "metadata.version is finalised at 5, and Kafka 4.3.1 needs 7 (3.3-IV3)",
    ),
    "metadata that is behind": (
        changed(level=20),
        NOTE,
        "metadata.version is finalised at 20 (3.8-IV0), and 3.9.2 has",
    ),
    "a full disk": (changed(free=10**7), STOPS, "/opt has 9.5 MiB free"),
    "a Java that is too old": (
        changed(java="11.0.2", variables={"java_home": "/opt/java"}),
        STOPS,
        "kafka 4.3.1 runs on Java 17 or newer, not on Java 11",
    ),
    "a client that is too old": (
        changed(heard=[OLD_CLIENT]),
        STOPS,
        "billing at 10.0.0.9 (sarama 1.10) asks in versions that Kafka 4.3.1 does not take: FETCH 2 (takes 4)",
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_problem_is_found(world: World, tmp_path, name: str):
    plant, level, words = PLANTED[name]
    plant(world)
    found = rules.together(world.look(tmp_path).findings)
    assert [one for one in found if one.level == level and words in one.what], found
    assert {one.level for one in found} == {level}


def test_all_of_them_are_found_together(world: World, tmp_path):
    """Without those that take the place of another one: metadata is too old or behind, a version is one of two."""
    apart = ("a broker that is down", "an upgrade that was left half-done", "metadata that is behind")
    planted = {name: one for name, one in PLANTED.items() if name not in apart}
    together: dict[str, dict[str, Any]] = {"variables": {}, "lines": {}, "topics": {}}
    dynamic: list[Any] = []
    for plant, _, _ in planted.values():
        plant(world)
        for name, merged in together.items():
            merged |= getattr(world, name)
        dynamic += [one for one in world.dynamic if one not in dynamic]
    for name, merged in together.items():
        setattr(world, name, merged)
    world.dynamic = dynamic
    found = rules.together(world.look(tmp_path).findings)
    missing = [name for name, (_, _, words) in planted.items() if not any(words in one.what for one in found)]
    assert len(planted) == 14 and missing == []


def test_a_clean_cluster_has_no_finding(world: World, tmp_path):
    found = world.look(tmp_path)
    document = found.document()
    assert document["findings"] == [] and document["unreachable"] == [] and document["requests"] == 21
    assert document["defaults"]["log.message.timestamp.after.max.ms"] == {"before": "no limit", "after": "1 h"}
    assert document["defaults"]["group.coordinator.append.linger.ms"] == {"before": "10 ms", "after": "-1"}
    assert "process.roles" not in document["defaults"]


@pytest.mark.parametrize(
    ("planted", "code", "said"),
    [
        ("", 0, "Nothing stops an upgrade to 4.3.1"),
        ("a topic with an old format", 0, "Nothing stops an upgrade to 4.3.1, 1 thing to know"),
        ("a full disk", 2, "4 things to fix before an upgrade to 4.3.1"),
    ],
)
def test_the_page_and_the_document_say_the_same_and_how_it_ends(
    world: World, tmp_path, monkeypatch, capsys, planted, code, said
):
    if planted:
        PLANTED[planted][0](world)
    cluster, run = world.cluster(tmp_path), Run(str(tmp_path / "site.yml"))
    cluster.show = PlainReporter(sys.stdout)
    monkeypatch.setattr(verb, "opened", lambda run, stream: contextlib.nullcontext(cluster))
    assert verb.check(run, "4.3.1", "0", as_json=True) == code
    document = json.loads(capsys.readouterr().out)
    assert (document["from"], document["to"], document["requests"]) == ("3.9.2", "4.3.1", None)
    assert verb.check(run, "4.3.1", "0", as_json=False) == code
    page = capsys.readouterr().out
    assert [one for one in document["findings"] if one["what"] not in page or one["fix"] not in page] == []
    assert {one["where"] == list(NAMES) for one in document["findings"]} <= {code == 2}
    assert page.splitlines()[-1] == f"--> {said}"


def test_what_is_asked(world: World, tmp_path):
    """Two questions to each host, one for its clients, and four to the cluster."""
    world.look(tmp_path)
    assert world.reads == 3 and len(world.hosts.asked) == 3 + 4 + 3
    world.look(tmp_path, seconds=0)
    assert len(world.hosts.asked) == 3 + 4


def test_what_several_hosts_have_is_said_once_and_the_gravest_comes_first(world: World, tmp_path):
    world.lines = {"control.plane.listener.name": "X"}
    world.free, world.level = 10**7, 20
    found = rules.together(world.look(tmp_path).findings)
    assert [one.level for one in found] == sorted((one.level for one in found), key=rules.LEVELS.index)
    assert [one.where for one in found if "control.plane" in one.what] == [NAMES]


def test_a_cluster_with_zookeeper_hears_what_comes_first_not_to_remove_its_servers(world: World, tmp_path):
    world.zookeeper = True
    world.variables = {"kafka_config": {"num.replica.fetchers": 0}}
    found = rules.together(world.look(tmp_path).findings)
    assert ["has no ZooKeeper" in one.what for one in found] == [True, False]
    assert "go to 3.9.2 first" in found[0].fix and "num.replica.fetchers takes" in found[1].what


def test_to_a_version_with_zookeeper_it_stays_and_old_clients_do_not_matter(world: World, tmp_path):
    world.zookeeper, world.now, world.to = True, "2.5.0", "3.9.2"
    found = world.look(tmp_path)
    assert found.document()["findings"] == [] and found.requests is None
    assert "ssl.protocol" in found.document()["defaults"]
    world.protocol = "2.4"
    assert [(one.level, one.what) for one in world.look(tmp_path).findings] == [
        (CHANGES, "the upgrade before has not ended: brokers run 2.5.0 and speak protocol 2.4")
    ]


@pytest.mark.parametrize(
    ("now", "to", "words"), [("3.9.2", "3.9.2", "name the version"), ("4.3.1", "3.9.2", "downgrade")]
)
def test_a_version_that_is_not_newer_is_refused(world: World, tmp_path, now: str, to: str, words: str):
    world.now, world.to = now, to
    with pytest.raises(UsageError, match="is not newer") as caught:
        world.look(tmp_path)
    assert words in str(caught.value)


@pytest.mark.parametrize("given", ["x", "-1", "10m", "4"])
def test_how_long_to_listen_is_a_time_of_some_seconds(given: str):
    with pytest.raises(UsageError, match="--listen"):
        verb._seconds(given)
    assert (verb._seconds(""), verb._seconds("0"), verb._seconds("10s")) == (4.0, 0, 10)


# -- the request log: as 3.9.2, 4.3.1 and 2.5.0 write it

NEW = (
    '[2026-11-27 18:00:00,123] DEBUG Completed request:{"isForwarded":false,"requestHeader":{"requestApiKey":2,'
    '"requestApiVersion":0,"correlationId":3,"clientId":"a \\"b\\" }","requestApiKeyName":"LIST_OFFSETS",'
    '"requestApiVersionDeprecated":true},"request":{"name":"\\"connection\\":\\"9\\""},"response":{"topics":[]},'
    '"connection":"10.0.0.1:9092-10.0.0.9:55116-2%s","totalTimeMs":1.2,"listener":"PLAINTEXT",'
    '"clientInformation":{"softwareName":"sarama","softwareVersion":"1.10"}} (kafka.request.logger)'
)
OLD = (
    "[2026-11-27 18:00:00,123] DEBUG Completed request:RequestHeader(apiKey=LIST_OFFSETS, apiVersion=0, "
    'clientId=a "b" }, correlationId=3) -- {topics=[{name= from connection 1;}]},response:{topics=[]} '
    "from connection 10.0.0.1:9092-10.0.0.9:55116-2;totalTime:1.2,listener:PLAINTEXT,"
    "clientInformation:ClientInformation(softwareName=sarama, softwareVersion=1.10) (kafka.request.logger)"
)


@pytest.mark.parametrize("line", [NEW % "", NEW % "-7", OLD])
def test_a_request_is_read_with_who_asks(line: str):
    assert list(requests.parsed([line])) == [('a "b" }', "10.0.0.9", "sarama", "1.10", "LIST_OFFSETS", 0)]
    ours = line.replace('a \\"b\\" }', "provisioner").replace('a "b" }', "provisioner")
    assert not list(requests.parsed([ours, "a line of another kind", line[:120]]))


def test_the_address_of_a_client_may_be_one_of_ipv6():
    assert requests._address("0:0:0:0:0:0:0:1:9092-fe80:0:0:0:1:2:3:4:55116-2") == "fe80:0:0:0:1:2:3:4"
