"""The status document and its page, from made-up answers of hosts."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from cli.tables.status import age, page
from cluster.model import Partition, Topic
from cluster.state.node import internal as internal_of
from cluster.state.node import settled
from provisioner.report.terminal import Terminal
from provisioner.resources import Service
from roles import site
from roles.role import Role
from roles.status import Answer, below, document, doubtful, version
from roles.zookeeper.split import Named

CONFIG = "/etc/kafka/server.properties"
NONE = {"count": 0, "first": []}
NUMBERS = {"kafka1": 1, "kafka2": 2, "kafka3": 3}
MEMBERS = {"zookeeper": NUMBERS, "kafka": NUMBERS}
SERVERS = [{"listener": "PLAIN", "protocol": "PLAINTEXT", "servers": "a:1,b:1,c:1", "between_brokers": True}]
UNTHROTTLED: dict[str, list[str]] = {"brokers": [], "topics": []}


def broker(number: int, **changes: Any) -> dict[str, Any]:
    """What a broker of three says."""
    return {
        "serving": True,
        "cluster_id": "c",
        "controller": 2,
        "brokers": [1, 2, 3],
        "topics": 1,
        "partition_count": 6,
        "internal": {"topics": 0, "partitions": 0},
        "bootstrap_servers": SERVERS,
        "under_replicated": NONE,
        "under_min_isr": NONE,
        "at_min_isr": NONE,
        "offline": NONE,
        "leaders": {"1": 2, "2": 2, "3": 2},
        "replicas": {"1": 6, "2": 6, "3": 6},
        "log_dirs": {"/data": {"size": 1000, "error": ""}},
        "under_way": 0,
        "throttled": {"ours": UNTHROTTLED, "others": UNTHROTTLED},
        **changes,
    }


def answer(number: int, mode: str = "follower", kafka: dict[str, Any] | None = None, **state: Any) -> Answer:
    unit = {
        "enabled": True,
        "active": True,
        "sub": "running",
        "pid": 7,
        "restarts": 0,
        "result": "success",
        "disk": {CONFIG: "a"},
        "started": {CONFIG: "a"},
        **state,
    }
    process = {
        "uptime": 100.0,
        "rss": 300 << 20,
        "heap_max": 512 << 20,
        "heap_used": 100 << 20,
        "open_files": 1,
        "open_files_max": 10,
        "classpath": "/opt/kafka_2.13-3.9.2/libs/*",
    }
    return Answer(
        services=[Service("zookeeper"), Service("kafka", (CONFIG,))],
        states={"service:zookeeper": {**unit, "active": True, "sub": "running"}, "service:kafka": unit},
        processes={"kafka": process, "zookeeper": process},
        disks={"/data": {"free": 60, "total": 100}},
        data={"kafka": ["/data"]},
        said={
            "zookeeper": {"serving": True, "mode": mode, "version": "3.8.6"},
            "kafka": broker(number) if kafka is None else kafka,
        },
    )


def three(**changed: Answer) -> dict[str, Any]:
    answers = {"kafka1": answer(1), "kafka2": answer(2, "leader"), "kafka3": answer(3)} | changed
    return document(answers, {}, MEMBERS)


@pytest.mark.parametrize(("led", "said"), [(True, "controller 101"), (False, "controller 2 (kafka2)")])
def test_in_a_migration_the_controller_is_whom_zookeeper_names_once_controllers_lead(led: bool, said: str):
    """A broker that they lead names any of the brokers to clients."""
    there = {"answers": True, "offset": 412, "since": 1000.0, "brokers": [1, 2, 3], "wanted": "dual", "suspects": {}}
    migration = {**there, "kraft": led, "controller": 101 if led else 2}
    found = three(**{f"kafka{n}": answer(n, kafka=broker(n, migration=migration)) for n in (1, 2, 3)})
    assert any(line.endswith(f"brokers registered, {said}") for line in below(found))


def test_a_whole_cluster_is_healthy_and_says_who_leads():
    found = three()
    assert found["healthy"] and found["problems"] == found["notes"] == []
    assert found["ensemble"]["leader"] == "kafka2" and found["ensemble"]["followers"] == ["kafka1", "kafka3"]
    assert found["cluster"]["controller_host"] == "kafka2"
    assert found["hosts"]["kafka1"]["services"]["kafka"]["version"] == "3.9.2"
    json.dumps(found)


@pytest.mark.parametrize(
    ("topics", "partitions", "internal", "line"),
    [
        (1, 6, (0, 0), "partitions: 6 of 1 topic, 0 under-replicated, 0 under min ISR, 0 offline"),
        (1, 50, (1, 50), "partitions: 0 of 0 topics and 50 of Kafka's own, 0 under-replicated,"),
        (4, 60, (2, 52), "partitions: 8 of 2 topics and 52 of Kafka's own, 0 under-replicated,"),
    ],
)
def test_topics_are_counted_as_topics_list_shows_them(topics, partitions, internal, line):
    own = dict(zip(("topics", "partitions"), internal, strict=True))
    view = broker(1, topics=topics, partition_count=partitions, internal=own)
    found = three(**{name: answer(number, kafka=view) for name, number in NUMBERS.items()})
    assert line in page(found)
    assert found["cluster"]["internal"] == own
    assert (found["cluster"]["topics"], found["cluster"]["partitions"]) == (topics, partitions), "as it always was"


def test_only_the_users_topics_and_partitions_count_as_such():
    names = {"orders": False, "__consumer_offsets": True, "provisioner-smoke-1-x": False}
    topics = [Topic(name, (Partition(name, 0, (1,)), Partition(name, 1, (1,))), own) for name, own in names.items()]
    assert internal_of(topics) == {"topics": 2, "partitions": 4}


def test_what_clients_are_given_is_said_as_their_configuration_has_it():
    found = three()
    assert found["cluster"]["bootstrap_servers"] == SERVERS
    assert "\nbootstrap.servers: a:1,b:1,c:1\n" in page(found)


DOWN = {"serving": False, "why": "Connection refused"}
BEHIND = {"count": 7, "first": [f"orders-{n}" for n in range(7)]}


@pytest.mark.parametrize(
    ("name", "changed", "problem"),
    [
        ("kafka1", answer(1, kafka=DOWN), "kafka1: kafka runs and does not serve: Connection refused"),
        ("kafka1", answer(1, kafka={}, active=False, sub="failed"), "kafka1: kafka does not run (failed)"),
        ("kafka1", answer(1, kafka=broker(1, under_replicated=BEHIND, brokers=[1, 2, 3, 4])), "7 partitions (orders-0"),
        ("kafka2", answer(2, "follower"), "ZooKeeper has no leader"),
        ("kafka1", answer(1, kafka=broker(1, log_dirs={"/data": {"size": 0, "error": "E"}})), "directory /data: E"),
    ],
)
def test_each_trouble_is_one_line_and_makes_it_unhealthy(name: str, changed: Answer, problem: str):
    found = three(**{name: changed})
    assert not found["healthy"] and len([line for line in found["problems"] if problem in line]) == 1
    assert problem in page(found)


def test_a_missing_broker_and_one_too_many_are_told_apart():
    view = broker(1, brokers=[1, 2, 9])
    found = three(kafka1=answer(1, kafka=view), kafka2=answer(2, "leader", kafka=view), kafka3=answer(3, kafka=DOWN))
    assert "broker 3 is not registered in the cluster" in found["problems"]
    assert found["notes"] == ["broker 9 is registered and not in the inventory"]


def test_a_split_is_one_problem_with_the_way_back_below_it():
    found = three(
        kafka1=answer(1, "standalone", kafka=broker(1, brokers=[1], controller=1)),
        kafka2=answer(2, "leader", kafka=broker(2, brokers=[2, 3])),
        kafka3=answer(3, kafka=broker(3, brokers=[2, 3])),
    )
    assert doubtful(found) and not found["healthy"]
    zookeeper, brokers = found["problems"]
    assert zookeeper == "kafka1 runs ZooKeeper alone, though the inventory has 3 servers"
    assert brokers.startswith(
        "the cluster is split: brokers 2, 3 (kafka2, kafka3) with controller 2; broker 1 (kafka1)"
    )
    assert found["ensemble"]["leader"] == "kafka2" and found["ensemble"]["standalone"] == ["kafka1"]
    assert [side["brokers"] for side in found["cluster"]["split"]] == [[2, 3], [1]]
    text = page(found)
    assert "ensemble: kafka2 leads, followed by kafka3; kafka1 runs apart" in text
    assert "kafka1  kafka      controller 1" in text and "kafka2  kafka      controller 2" in text
    assert "\n  -> to bring kafka1 back (docs/operations.md, " in text and "\n     4. `invoke deploy`" in text
    assert "\n     3. on kafka1, move aside" in text and "of /data every partition" in text
    json.dumps(found)
    assert not doubtful(three()) and three()["advice"] == []


def test_a_server_alone_is_a_problem_also_where_the_brokers_still_know_each_other():
    found = three(kafka1=answer(1, "standalone"))
    assert found["problems"] == ["kafka1 runs ZooKeeper alone, though the inventory has 3 servers"]
    assert found["cluster"]["split"] is None and doubtful(found)
    assert found["advice"][0].startswith("to bring kafka1 back") and "acknowledged" not in str(found["advice"])


def test_a_follower_with_other_data_than_its_leader_is_a_problem_with_the_way_back():
    def content(number: int, mode: str, znodes: int) -> Answer:
        whole = answer(number, mode)
        zookeeper = {**whole.said["zookeeper"], "zxid": "0x1", "znodes": znodes}
        return replace(whole, said={**whole.said, "zookeeper": zookeeper})

    found = three(
        kafka1=content(1, "follower", 140), kafka2=content(2, "leader", 141), kafka3=content(3, "follower", 141)
    )
    (problem,) = found["problems"]
    assert problem == "kafka1 follows kafka2 and has other data at the same transaction: 140 znodes instead of 141"
    assert doubtful(found) and found["advice"][0].startswith("to bring kafka1 back")


def test_servers_that_the_inventory_lacks_are_a_problem_and_those_not_told_of_yet_a_note():
    def told(*differs: tuple[str, ...]) -> dict[str, Any]:
        whole = answer(1)
        said = {**whole.said, "zookeeper": {**whole.said["zookeeper"], "differs": Named(*differs)}}
        return three(kafka1=replace(whole, said=said))

    (problem,) = told(("kafka4",), ())["problems"]
    assert problem == "kafka1: /etc/zookeeper/zoo.cfg names ZooKeeper servers that the inventory lacks: kafka4"
    (note,) = told((), ("kafka3",))["notes"]
    assert note == "kafka1: /etc/zookeeper/zoo.cfg does not name kafka3 yet: the next deploy does it"


def test_an_unreachable_host_is_listed_with_the_reason_and_the_others_are_still_judged():
    answers = {"kafka1": answer(1, "leader"), "kafka2": answer(2)}
    lost = {"kafka3": (False, "cannot connect")}
    found = document(answers, lost, MEMBERS)
    assert found["problems"] == ["kafka3: unreachable: cannot connect"]
    assert found["hosts"]["kafka3"] == {"reachable": False, "error": "cannot connect", "services": {}}
    assert found["cluster"]["brokers_registered"] == [1, 2, 3]


def test_a_restart_is_pending_when_the_process_started_with_something_else():
    found = three(kafka1=answer(1, disk={CONFIG: "b"}))
    assert found["healthy"] and found["hosts"]["kafka1"]["services"]["kafka"]["restart_pending"] == [CONFIG]
    assert any("kafka1" in line and line.endswith("pending") for line in page(found).splitlines())


def test_what_the_broker_takes_as_it_runs_is_no_pending_restart_and_what_it_has_not_taken_yet_is_noted():
    taken = {"path": CONFIG, "digest": "b", "changes": [], "refused": []}
    found = three(
        kafka1=answer(1, disk={CONFIG: "b"}, live=taken),
        kafka3=answer(3, disk={CONFIG: "b"}, live={**taken, "changes": ["x 1 -> 2 at run time"]}),
    )
    kafka = {name: host["services"]["kafka"] for name, host in found["hosts"].items()}
    assert [kafka[name]["restart_pending"] for name in kafka] == [[], [], []]
    assert kafka["kafka1"]["apply_pending"] == [] and kafka["kafka3"]["apply_pending"] == ["x 1 -> 2 at run time"]
    assert "kafka3: kafka: the next deploy applies, without a restart: x 1 -> 2 at run time" in found["notes"]
    assert not any(note.startswith("kafka1: ") for note in found["notes"])


def test_a_throttle_that_was_left_on_is_noted_with_the_mend_and_is_not_a_fault():
    def view(number: int, **who: dict[str, list[str]]) -> Answer:
        throttled = {"ours": UNTHROTTLED, "others": UNTHROTTLED, **who}
        return answer(number, "leader" if number == 2 else "follower", broker(number, throttled=throttled))

    topics = [f"t{number:02}" for number in range(12)]
    first, second = ({"brokers": [str(number)], "topics": topics} for number in (1, 2))
    found = three(kafka1=view(1, ours=first), kafka2=view(2, ours=second))
    assert found["healthy"]
    assert found["cluster"]["throttled"]["ours"] == {"brokers": [1, 2], "topics": {"count": 12, "first": topics[:10]}}
    (note,) = found["notes"]
    assert "(brokers 1, 2; topics t00, " in note and " t09 and 2 more)" in note and "`invoke rebalance`" in note
    assert note in page(found)

    theirs = three(kafka3=view(3, others={"brokers": ["3"], "topics": []}))
    (note,) = theirs["notes"]
    assert note.startswith("somebody else has throttled copies (broker 3): ") and "invoke rebalance" not in note


@pytest.mark.parametrize(
    ("isr", "adding", "replicas"),
    [
        ([1, 2], [], [4, 1, 2]),  # behind
        ([1, 2], [4], [1, 2]),  # on its way
        ([1, 2, 4], [4], [4, 1, 2]),  # arrived, and not yet known as such
        ([1], [4], [1, 2]),  # on its way, while another one is behind
    ],
)
def test_a_copy_that_is_being_made_is_none_that_is_behind(isr: list[int], adding: list[int], replicas: list[int]):
    partition = Partition("orders", 0, (4, 1, 2), leader=1, isr=tuple(isr))
    assert settled(partition, adding) == partition.but(replicas=tuple(replicas))


def test_partitions_under_way_are_what_the_controller_says():
    views = {number: broker(number, under_way=None if number == 1 else 3) for number in (1, 2, 3)}
    moving = three(
        kafka1=answer(1, kafka=views[1]), kafka2=answer(2, "leader", views[2]), kafka3=answer(3, kafka=views[3])
    )
    assert moving["cluster"]["under_way"] == 3 and "moving: 3 partitions under way" in page(moving)
    assert three()["cluster"]["under_way"] == 0 and "moving:" not in page(three())


@pytest.mark.parametrize(("width", "missing"), [(40, ["HEAP", "VERSION"]), (60, ["VERSION"]), (80, []), (120, [])])
@pytest.mark.parametrize("colour", [False, True])
def test_no_line_is_wider_than_the_terminal_and_every_host_is_there(width: int, missing: list[str], colour: bool):
    found = three(kafka1=answer(1, kafka=broker(1, under_replicated=BEHIND, brokers=[1, 2, 3, 4])))
    text = re.sub(r"\x1b\[[0-9;]*m", "", page(found, Terminal(width, colour)))
    assert max(map(len, text.splitlines())) <= width
    assert all(text.count(f"kafka{number} ") >= 2 for number in (1, 2, 3))
    assert "controller 2" in text and "40%" in text and "Not healthy:" in text
    # What is not shown is named, and the legend has no word of it.
    assert all(f"{head}" in text.partition("Not shown")[2] for head in missing)
    assert ("3.9.2" in text) == ("VERSION" not in missing) and ("after the last" in text) == ("HEAP" not in missing)


def test_what_matters_is_in_colour():
    ill = page(three(kafka1=answer(1, kafka=DOWN)), Terminal(80, colour=True))
    assert "\x1b[1;31mNot healthy:\x1b[0m" in ill and "\x1b[31mnot serving\x1b[0m" in ill
    well = page(three(), Terminal(80, colour=True))
    assert "\x1b[1;32mHealthy\x1b[0m" in well and "\x1b[32mcontroller 2\x1b[0m" in well and "\x1b[31m" not in well
    assert "\x1b" not in page(three(), Terminal(80))


def test_a_host_cannot_send_control_sequences_to_the_terminal():
    found = three(kafka1=answer(1, kafka={"serving": False, "why": "\x1b[2Jgone"}))
    assert "\x1b" not in page(found) and "gone" in page(found)


def test_a_service_of_a_role_without_a_status_part_is_shown_from_its_unit_alone(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(site, "ROLES", (*site.ROLES, Role("exporter", groups=("kafka",))))
    whole = answer(1, "leader")
    running = {"active": True, "sub": "running", "enabled": True, "restarts": 0, "disk": {}, "started": {}}

    def with_exporter(**state: Any) -> dict[str, Any]:
        states = {**whole.states, "service:exporter": {**running, **state}}
        processes = {**whole.processes, "exporter": {"uptime": 61.0}}
        seen = replace(whole, services=[*whole.services, Service("exporter")], states=states, processes=processes)
        return document({"kafka1": seen}, {}, {"zookeeper": {"kafka1": 1}, "kafka": NUMBERS})

    found = with_exporter()
    entry = found["hosts"]["kafka1"]["services"]["exporter"]
    assert found["healthy"] and entry["serving"] and entry["uptime_seconds"] == 61.0 and entry["version"] is None
    assert not {"mode", "synced_followers", "broker_id", "leaders"} & set(entry)
    (line,) = [line for line in page(found).splitlines() if " exporter " in line]
    assert line.split() == ["kafka1", "exporter", "serving", "1m", "-", "-", "-", "-", "-"]

    dead = with_exporter(active=False, sub="failed")
    assert not dead["hosts"]["kafka1"]["services"]["exporter"]["serving"]
    assert [line for line in dead["problems"] if line.startswith("kafka1: exporter does not run (failed)")]


def test_ages_and_versions_are_read_and_written():
    assert [age(seconds) for seconds in (None, 59, 61, 7200, 200_000)] == ["-", "59s", "1m", "2h", "2d"]
    assert version("/opt/apache-zookeeper-3.5.10/libs/*") == "3.5.10"
    assert version("/opt/kafka_2.12-2.5.0/libs/*") == "2.5.0" and version("/elsewhere") is None
