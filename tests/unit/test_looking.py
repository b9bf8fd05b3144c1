"""Tables of what is read on a host for status and doctor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cli.looking import look
from cluster import remote
from cluster.metadata import remote as nodes
from provisioner.agent import examine, process
from provisioner.connect import requests
from roles import doctor
from roles.kafka.doctor import clear_text
from tests.support.fake_hosts import FakeHosts
from tests.support.roles import single, target, three

MIB = 1 << 20


def test_the_heap_is_read_from_the_last_collection_and_its_limit_from_the_last_option():
    text = (
        "[1.1s][gc] GC(1) Pause Young (Normal) (G1 Evacuation Pause) 77M->27M(512M) 3.5ms\n"
        "[1.2s][gc,metaspace] GC(2) Metaspace: 42190K(42752K)->42190K(42752K)\n"
        "[1.3s][gc] GC(2) Pause Remark 180M->9M(512M) 42.116ms\n[1.4s][gc] GC(3) Concurrent Mark Cycle 4.2ms\n"
    )
    assert process.heap_used(text) == 9 * MIB and process.heap_used("") is None
    assert process.heap_max(["java", "-Xmx1g", "-Xmx512m", "-cp", "x"]) == 512 * MIB
    assert process.heap_max(["java"]) is None
    assert process.gc_log(["-Xlog:gc*:file=/var/log/kafka/gc.log:time"]) == "/var/log/kafka/gc.log"
    assert process.classpath(["java", "-cp", "/opt/kafka_2.12-2.5.0/libs/*", "Main"]) == "/opt/kafka_2.12-2.5.0/libs/*"
    assert process.soft_limit("Max open files            20000                20000   files\n") == 20000


SERVICE = {
    "disks": [{"path": "/data", "used_bytes": 50, "total_bytes": 100}],
    "heap_used_bytes": 10,
    "heap_max_bytes": 100,
    "open_files": 10,
    "open_files_max": 100,
}
MACHINE = {
    "swap": [],
    "swappiness": 60,
    "huge_pages": "madvise",
    "journal_kept": True,
    "inodes": {},
    "open_secrets": {},
}


@pytest.mark.parametrize(
    ("change", "says", "fix"),
    [
        ({"disks": [{"path": "/data", "used_bytes": 90, "total_bytes": 100}]}, "90 % full", "kafka_log_retention"),
        ({"heap_used_bytes": 90}, "even after a garbage collection", "kafka_heap"),
        ({"open_files": 90}, "90 of 100 files open", "os_nofile"),
    ],
)
def test_a_service_close_to_a_limit_is_told_with_the_mend(change: dict[str, object], says: str, fix: str):
    assert list(doctor.soon("kafka", SERVICE)) == []
    (found,) = doctor.soon("kafka", {**SERVICE, **change})
    assert says in found.what and fix in found.fix


@pytest.mark.parametrize(
    ("unit", "fix"),
    [("kafka", "kafka_log_retention"), ("zookeeper", "ZooKeeper stops when it"), ("exporter", "add space")],
)
def test_a_full_disk_is_shown_with_what_its_service_can_do_about_it(unit: str, fix: str):
    full = {**SERVICE, "disks": [{"path": "/data", "used_bytes": 90, "total_bytes": 100}]}
    (found,) = doctor.soon(unit, full)
    assert fix in found.fix


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"swap": ["/dev/sda2"]}, "swap is on"),
        ({"huge_pages": "always"}, "huge pages"),
        ({"journal_kept": False}, "lost at a reboot"),
        ({"inodes": {"/d": {"free": 1, "total": 100}}}, "1 more files"),
        ({"open_secrets": {"/etc/ssl/broker.pem": 0o644}}, "may read /etc/ssl/broker.pem (mode 0644)"),
    ],
)
def test_a_machine_that_will_hurt_is_told(change: dict[str, object], says: str):
    assert list(doctor.machine(MACHINE)) == []
    (found,) = doctor.machine({**MACHINE, **change})
    assert says in found.what


def test_kernel_files_are_read_as_the_kernel_writes_them():
    assert examine.chosen("always [madvise] never") == "madvise" and examine.chosen("") is None
    assert examine.swaps("Filename Type Size\n/dev/sda2 partition 1\n") == ["/dev/sda2"]


def test_plain_listeners_are_told_unless_only_this_machine_reaches_them():
    assert list(clear_text({"PLAINTEXT": "127.0.0.1:9092"}, 1)) == []
    assert len(list(clear_text({"PLAINTEXT": "kafka1:9092"}, 1))) == 1


def test_doctor_finds_plain_listeners_in_the_inventory(tmp_path: Path):
    zookeeper, found = doctor.inventory(three(tmp_path))
    assert found.what.startswith("listener PLAINTEXT (") and "PLAINTEXT: anybody" in found.what and not found.host
    assert zookeeper.what.startswith("ZooKeeper's ports 2181, 2888, 3888 take anybody") and not zookeeper.host
    secure = {"kafka_listeners": [{"name": "IN", "port": 9092, "bind": "127.0.0.1", "advertised_host": "127.0.0.1"}]}
    (port,) = doctor.inventory(single(tmp_path, **secure))
    assert port.what.startswith("ZooKeeper's port 2181 takes anybody")
    closed = {"clientPortAddress": "127.0.0.1"}
    assert list(doctor.inventory(single(tmp_path, **secure, zookeeper_config=closed))) == []


class Host(FakeHosts):
    """A host as `look` asks it, whose units all run."""

    def __init__(self) -> None:
        super().__init__(
            {
                nodes.zookeeper_status: {},
                nodes.zookeeper_ensemble: {"zoo": {"serving": True, "mode": "standalone"}},
                remote.broker_status: {},
                remote.running_version: {"version": "3.9.2", "protocol": None, "since": None},
                requests.look_at_processes: {},
            }
        )

    def read(self, host: str, *, lock: bool, resources: list[dict[str, Any]], wants: dict[str, Any]) -> dict[str, Any]:
        assert not lock
        state = {"active": True, "sub": "running", "enabled": True, "restarts": 0, "pid": 7, "disk": {}}
        states = {f"service:{one['unit']}": {**state, "started_monotonic_us": 1} for one in resources}
        return {"states": states, "disks": {path: {"free": 1, "total": 2} for path in wants["disks"]}}


def test_looking_at_services_renders_no_template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    host, seen = Host(), target(single(tmp_path))
    monkeypatch.setattr(seen, "render", None)
    found = look(host, seen)  # type: ignore[arg-type]
    assert [service.unit for service in found.services] == ["zookeeper", "kafka"]
    assert found.data["kafka"] == ["/var/lib/kafka/data"] and "/var/lib/zookeeper/data" in found.disks
    assert set(found.said) == {"zookeeper", "kafka"}
    assert host.to(remote.broker_status) and host.to(requests.look_at_processes)
