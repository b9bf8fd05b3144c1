"""What the roles ask of a host: resources, needs, and the questions behind them, for whole sites."""

from __future__ import annotations

import ast
import tarfile
from contextlib import nullcontext
from pathlib import Path

import pytest
import yaml

from provisioner.errors import ArtifactError, ConfigError
from provisioner.resources import Archive, Directory, File, Links, Package, Service, Sysctl
from provisioner.run.preflight import java_problems, merge
from roles import site
from roles.java import role as java
from roles.kafka import listeners
from roles.kafka import role as kafka_role
from roles.role import room
from roles.shared import commands, jvm, releases
from roles.zookeeper import role as zookeeper_role
from tests.support import roles as support

GIB = 2**30
MIB = 2**20


def needs(target):
    return merge(role.needs(target) for role in site.roles_for(target.host.groups))


def service(target, unit):
    return next(r for r in support.resources(target) if isinstance(r, Service) and r.unit == unit)


@pytest.mark.parametrize(
    ("memory", "kafka", "zookeeper"),
    [
        (1 * GIB, 512 * MIB, 256 * MIB),
        (2 * GIB, 512 * MIB, 256 * MIB),
        (8 * GIB, 2 * GIB, 1 * GIB),
        (16 * GIB, 4 * GIB, 1 * GIB),
        (64 * GIB, 6 * GIB, 1 * GIB),
        (4 * GIB + 12345, 1 * GIB, 512 * MIB),
    ],
)
def test_heaps_follow_the_memory_of_the_host(memory, kafka, zookeeper):
    assert (kafka_role.default_heap(memory), zookeeper_role.default_heap(memory)) == (kafka, zookeeper)


def test_heap_of_the_inventory_wins_and_both_heaps_are_checked_against_the_host(tmp_path):
    target = support.target(support.single(tmp_path, kafka_heap="700m"), memory=4 * GIB)
    assert needs(target).heaps == {"kafka": 700 * MIB, "zookeeper": 512 * MIB}
    assert "KAFKA_HEAP_OPTS=-Xms700m -Xmx700m\n" in support.text(target, "/etc/kafka/kafka.env")


@pytest.mark.parametrize(
    ("size", "text"), [(6 * GIB, "6g"), (512 * MIB, "512m"), (1536 * MIB, "1536m"), (1000, "1000")]
)
def test_a_size_is_written_for_the_jvm_without_rounding(size, text):
    assert jvm.jvm_size(size) == text


def test_a_role_says_its_services_without_rendering_anything(tmp_path, monkeypatch):
    target = support.target(support.three(tmp_path), "kafka2")
    among_all = [resource for resource in support.resources(target) if isinstance(resource, Service)]
    monkeypatch.setattr(target, "render", None)
    assert site.services(target) == among_all and [one.unit for one in among_all] == ["zookeeper", "kafka"]
    assert list(site.logs(["kafka"])) == ["kafka"] and list(site.data_dirs(target)) == ["zookeeper", "kafka"]


def test_roles_come_in_order_and_only_where_their_group_is():
    assert [role.name for role in site.roles_for(["kafka"])] == ["os", "java", "kafka"]
    assert [role.name for role in site.roles_for(["zookeeper", "other"])] == ["os", "java", "zookeeper"]
    assert [role.name for role in site.roles_for(["kafka", "zookeeper"], tags=["kafka", "os"])] == ["os", "kafka"]
    assert site.roles_for(["monitoring"]) == ()


@pytest.mark.parametrize("version", releases.known("kafka"))
def test_every_resource_of_a_host_is_named_once(tmp_path, version):
    keys = [r.key for r in support.resources(support.target(support.of_version(tmp_path, version)))]
    assert len(keys) == len(set(keys))


def test_a_host_holds_only_what_its_groups_need(tmp_path):
    site_inventory = support.inventory(tmp_path, kafka=["b1"], zookeeper=["z1"])
    broker = {r.key for r in support.resources(support.target(site_inventory, "b1"))}
    server = {r.key for r in support.resources(support.target(site_inventory, "z1"))}
    assert {"user:kafka", "service:kafka"} <= broker and not any("zookeeper.service" in key for key in broker)
    assert {"user:zookeeper", "service:zookeeper"} <= server and "user:kafka" not in server


def test_one_variable_switches_kafka_scala_and_zookeeper(tmp_path):
    def archives(**variables):
        target = support.target(support.single(tmp_path, **variables))
        return [r.path for r in support.resources(target) if isinstance(r, Archive)]

    assert archives(kafka_version="2.5.0") == ["/opt/apache-zookeeper-3.5.10", "/opt/kafka_2.12-2.5.0"]
    default = releases.release("kafka", "3.9.2")
    assert archives() == [f"/opt/apache-zookeeper-{default.paired['zookeeper']}", "/opt/kafka_2.13-3.9.2"]


@pytest.mark.parametrize("unit", ["kafka", "zookeeper"])
def test_a_service_records_exactly_the_inputs_that_it_declares(tmp_path, unit):
    target = support.target(support.single(tmp_path))
    inputs = service(target, unit).inputs
    text = support.text(target, f"/etc/systemd/system/{unit}.service")
    assert f"sha256sum {' '.join(inputs)} > {service(target, unit).record}'" in text
    written = {r.path for r in support.resources(target) if isinstance(r, File)}
    markers = {r.marker for r in support.resources(target) if isinstance(r, Archive)}
    assert set(inputs) - written - markers == {"/usr/lib/jvm/java-17-openjdk-amd64/release"}


@pytest.mark.parametrize("unit", ["kafka", "zookeeper"])
def test_the_service_user_can_read_every_input(tmp_path, unit):
    target = support.target(support.single(tmp_path))
    files = support.files(target)
    for path in service(target, unit).inputs:
        if path in files:
            file = files[path]
            assert file.mode & 0o004 or (file.mode & 0o040 and file.group == unit), path


def test_data_directories_are_guarded_and_zookeepers_inner_one_exists(tmp_path):
    variables = {"kafka_data_dirs": ["/d1/kafka", "/d2/kafka"], "zookeeper_txn_dir": "/d3/zk"}
    target = support.target(support.single(tmp_path, **variables))
    guarded = {r.path for r in support.resources(target) if isinstance(r, Directory) and r.once}
    zookeeper = {"/var/lib/zookeeper/data", "/var/lib/zookeeper/data/version-2", "/d3/zk", "/d3/zk/version-2"}
    assert guarded == {"/d1/kafka", "/d2/kafka"} | zookeeper
    assert "-Dzookeeper.datadir.autocreate=false" in support.text(target, "/etc/zookeeper/zookeeper.env")
    for unit, paths in (("kafka", "/d1/kafka /d2/kafka"), ("zookeeper", "/d3/zk")):
        line = next(
            line
            for line in support.text(target, f"/etc/systemd/system/{unit}.service").splitlines()
            if line.startswith("ReadWritePaths=")
        )
        assert line.endswith(paths)


def test_needs_of_a_member_name_its_identity_ports_and_peers(tmp_path):
    found = needs(support.target(support.three(tmp_path), "kafka2"))
    assert found.identity["/var/lib/kafka/data/meta.properties"]["expected"] == "2"
    assert found.identity["/var/lib/zookeeper/data/myid"]["expected"] == "2"
    assert found.ports == {
        2181: "zookeeper.service",
        2888: "zookeeper.service",
        3888: "zookeeper.service",
        9092: "kafka.service",
    }
    assert found.names == ("kafka1", "kafka2", "kafka3")


@pytest.mark.parametrize(
    ("system", "version", "arch", "package", "home"),
    [
        ("debian", "12", "amd64", "openjdk-17-jre-headless", "/usr/lib/jvm/java-17-openjdk-amd64"),
        ("debian", "13", "arm64", "openjdk-21-jre-headless", "/usr/lib/jvm/java-21-openjdk-arm64"),
        ("ubuntu", "20.04", "amd64", "openjdk-11-jre-headless", "/usr/lib/jvm/java-11-openjdk-amd64"),
        ("ubuntu", "24.04", "amd64", "openjdk-21-jre-headless", "/usr/lib/jvm/java-21-openjdk-amd64"),
    ],
)
def test_java_is_the_distributions_own(tmp_path, system, version, arch, package, home):
    facts = {"os": {"id": system, "version_id": version, "pretty": system}, "arch": arch}
    target = support.target(support.single(tmp_path), **facts)
    assert [r.package for r in support.resources(target) if isinstance(r, Package)] == [package]
    assert needs(target).java.java_home == home
    assert f"ExecStart={home}/bin/java " in support.text(target, "/etc/systemd/system/kafka.service")


def test_java_home_of_the_inventory_is_used_and_nothing_is_installed(tmp_path):
    target = support.target(support.single(tmp_path, java_home="/opt/jdk"))
    assert not [r for r in support.resources(target) if isinstance(r, Package)]
    assert needs(target).java.java_home == "/opt/jdk" and needs(target).java.package_major is None
    assert "/opt/jdk/release" in service(target, "kafka").inputs


def test_every_supported_system_has_a_java():
    from roles.java.role import DISTRIBUTION_JRE
    from roles.os.role import SUPPORTED

    assert {(name, version) for name, versions in SUPPORTED for version in versions} == set(DISTRIBUTION_JRE)


def test_an_unknown_system_is_reported_by_preflight_and_asks_for_java_home(tmp_path):
    target = support.target(support.single(tmp_path), os={"id": "void", "version_id": "1", "pretty": "Void"})
    assert needs(target).java is None
    with pytest.raises(ConfigError, match="no Java package is known for Void"):
        support.resources(target)


def test_kernel_settings_stay_off_the_running_kernel_where_asked(tmp_path):
    def sysctl(**variables):
        resources = support.resources(support.target(support.single(tmp_path, **variables)))
        return next(r for r in resources if isinstance(r, Sysctl))

    assert sysctl().live and sysctl().settings["vm.swappiness"] == 1
    assert not sysctl(os_sysctl_live=False).live


def test_a_release_archive_brings_its_own_commands(tmp_path):
    tgz = tmp_path / "kafka_2.13-3.9.2.tgz"
    tgz.write_bytes(b"only its identity is asked for here")
    target = support.target(support.single(tmp_path, kafka_archive=f"file:{tgz}"))
    archive = next(r for r in support.resources(target) if isinstance(r, Archive) and "kafka" in r.path)
    assert archive.identity.startswith("sha") and archive.path == "/opt/kafka_2.13-3.9.2"
    inside = [r.name for r in support.resources(target) if r.name.startswith(f"{archive.path}/")]
    assert inside == [f"{archive.path}/{name}" for name in ("native", "commands.jsa")], (
        "files of the archive must stay as its authors made them"
    )
    links = {n: t for r in support.resources(target) if isinstance(r, Links) for n, t in r.links.items()}
    assert links["kafka-topics.sh"] == links["kafka-run-class.sh"] == "/usr/local/lib/kafka-provisioner/kafka"


@pytest.mark.parametrize("version", releases.known("kafka"))
def test_every_official_command_is_on_everybodys_path(tmp_path, version):
    release = releases.release("kafka", version)
    target = support.target(support.of_version(tmp_path, version))
    on_path = {
        n
        for r in support.resources(target)
        if isinstance(r, Links) and r.directory == "/usr/local/bin"
        for n in r.links
    }
    assert set(release.commands) <= on_path
    assert ({"zkCli.sh", "zkServer.sh"} <= on_path) == bool(release.paired)


@pytest.mark.parametrize(
    ("product", "version", "jar"), [("kafka", "4.3.1", "kafka_2.13"), ("zookeeper", "3.8.6", "zookeeper")]
)
def test_a_release_archive_under_any_name_must_hold_the_version_that_is_asked_for(
    tmp_path, monkeypatch, product, version, jar
):
    monkeypatch.setenv("PROVISIONER_CACHE", str(tmp_path / "cache"))
    wanted = releases.release(product, version)
    for number, refused in ((version, False), ("3.0.0", True)):
        (tmp_path / f"{jar}-{number}.jar").write_bytes(b"x")
        path = tmp_path / "current.tgz"
        with tarfile.open(path, "w:gz") as tar:
            tar.add(tmp_path / f"{jar}-{number}.jar", f"release/libs/{jar}-{number}.jar")
        given = {f"{product}_archive": str(path), f"{product}_archive_sha512": ""}
        with pytest.raises(ArtifactError, match=f"it has no {product}") if refused else nullcontext():
            releases.source(wanted, given).obtain(lambda *_: None)


@pytest.mark.parametrize(
    ("version", "system", "needed", "refused"),
    [
        ("4.3.1", ("ubuntu", "20.04"), 17, "kafka 4.3.1 runs on Java 17 or newer, not on Java 11"),
        ("4.3.1", ("debian", "12"), 17, ""),
        ("4.3.1", ("debian", "13"), 17, ""),
        ("3.9.2", ("ubuntu", "20.04"), 11, ""),
    ],
)
def test_the_java_of_a_host_must_be_one_that_its_kafka_runs_on(tmp_path, version, system, needed, refused):
    names = dict(zip(("id", "version_id"), system, strict=True))
    need = java.needs(support.target(support.of_version(tmp_path, version), os={**names, "pretty": "x"})).java
    assert need.min == needed
    assert [summary for summary, _ in java_problems(need, None)] == ([refused] if refused else [])


def test_kafka_4_has_the_official_commands_of_its_own_bin_and_none_that_are_gone():
    old, new = (set(releases.release("kafka", version).commands) for version in ("3.9.2", "4.3.1"))
    assert old - new == {
        "kafka-mirror-maker.sh",
        "zookeeper-security-migration.sh",
        "zookeeper-server-start.sh",
        "zookeeper-server-stop.sh",
        "zookeeper-shell.sh",
    }
    assert new - old == {
        "kafka-console-share-consumer.sh",
        "kafka-groups.sh",
        "kafka-share-consumer-perf-test.sh",
        "kafka-share-groups.sh",
        "kafka-streams-groups.sh",
        "kafka-verifiable-share-consumer.sh",
    }
    assert {"kafka-storage.sh", "kafka-metadata-quorum.sh", "kafka-features.sh", "kafka-cluster.sh"} <= new


def test_stop_scripts_stop_the_unit_and_perf_tests_get_the_full_compiler():
    found = {command.name: command for command in commands.of(releases.release("kafka", "3.9.2"), site.stops())}
    assert found["kafka-server-stop.sh"].stops == "kafka.service"
    assert found["zookeeper-server-stop.sh"].stops == "zookeeper.service"
    assert found["kafka-topics.sh"].quick and not found["kafka-producer-perf-test.sh"].quick
    newer = {command.name: command for command in commands.of(releases.release("kafka", "4.3.1"), site.stops())}
    assert newer["kafka-groups.sh"].quick and not newer["kafka-verifiable-share-consumer.sh"].quick
    assert not found["kafka-server-start.sh"].quick


def test_listeners_are_completed_from_the_broker_wide_variables(tmp_path):
    entries = [{"name": "INTERNAL", "port": 9092}, {"name": "EXTERNAL", "port": 19092, "advertised_host": "127.0.0.1"}]
    host = support.single(tmp_path, kafka_listeners=entries, kafka_advertised_host="b.example").hosts["single1"]
    internal, external = listeners.of(host)
    assert internal == listeners.Listener("INTERNAL", 9092, "PLAINTEXT", "0.0.0.0", "b.example", 9092)
    assert (external.advertised_host, external.advertised_port) == ("127.0.0.1", 19092)
    assert listeners.inter_broker(host).name == "INTERNAL" and internal.local == "127.0.0.1:9092"


@pytest.mark.parametrize(
    ("groups", "logs"),
    [
        ({"kafka": ["a"], "zookeeper": ["a"]}, "-u kafka -u zookeeper,"),
        ({"kafka": ["a"], "zookeeper": ["b"]}, "-u kafka,"),
        ({"kafka": ["a"]}, "-u kafka,"),
        ({"kafka": ["a"], "kafka_controller": ["a"]}, "-u kafka -u kafka-controller,"),
        ({"kafka": ["a"], "kafka_controller": ["b"]}, "-u kafka,"),
    ],
)
def test_the_logs_to_read_are_those_of_the_host_that_is_named(tmp_path, groups, logs):
    lines = site.next_steps([support.target(support.inventory(tmp_path, **groups), "a")])
    assert f"journalctl {logs}" in lines[-1] and lines[0] == "bootstrap.servers: a:9092"


TWO_LISTENERS = [
    {"name": "INTERNAL", "port": 9092},
    {"name": "EXTERNAL", "port": 9094, "protocol": "SASL_SSL", "advertised_host": "{{ inventory_hostname }}.com"},
]


def test_after_a_deploy_clients_are_told_all_brokers_by_listener_those_for_clients_alone_first(tmp_path):
    inventory = support.three(tmp_path, kafka_listeners=TWO_LISTENERS, kafka_inter_broker_listener="INTERNAL")
    assert site.next_steps([support.target(inventory, "kafka2")])[:3] == [
        "bootstrap.servers (EXTERNAL, SASL_SSL): kafka1.com:9094,kafka2.com:9094,kafka3.com:9094",
        "bootstrap.servers (INTERNAL, the brokers' own): kafka1:9092,kafka2:9092,kafka3:9092",
        "On kafka2, in any shell:",
    ]


def test_a_service_is_ready_when_its_own_probe_says_so(tmp_path):
    target = support.target(support.three(tmp_path, kafka_start_stall="45s"), "kafka3")
    call = service(target, "kafka").ready
    assert (call.module, call.function) == ("cluster.state.serving", "ready")
    assert call.args["broker_id"] == 3 and call.args["bootstrap"] == "127.0.0.1:9092" and call.args["stall"] == 45
    assert Path(support.ROOT, *call.module.split(".")).with_suffix(".py").is_file()


@pytest.mark.parametrize("role", [role.name for role in site.ROLES])
def test_defaults_belong_to_their_role_and_say_what_they_are(role):
    lines = (support.ROOT / "roles" / room(role) / "defaults.yml").read_text().splitlines()
    for number, line in enumerate(lines):
        if line.startswith(tuple("abcdefghijklmnopqrstuvwxyz")):
            assert line.startswith(f"{room(role)}_") or (role, line) == ("kafka", "topics: !map {}"), line
            above = next(text for text in reversed(lines[:number]) if not text[:1].isalpha())
            assert above.startswith(("#", " ")), f"{line} has no comment"


@pytest.mark.parametrize("role", [role.name for role in site.ROLES])
def test_roles_do_no_input_or_output(role):
    tree = ast.parse((support.ROOT / "roles" / room(role) / "role.py").read_text())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not imported & {"os", "pathlib", "subprocess", "socket", "shutil", "fabric", "paramiko", "requests"}
    assert not [n for n in ast.walk(tree) if isinstance(n, ast.Call) and getattr(n.func, "id", "") == "open"]


@pytest.mark.parametrize("name", sorted(path.stem for path in (support.ROOT / "inventory").glob("*.yml")))
def test_the_inventories_that_are_shipped_are_sound(name):
    found = support.load(name, root=support.ROOT, specs=support.SPECS, checks=site.CHECKS)
    assert site.warnings(found) == []
    for host in found.hosts:
        assert support.resources(support.target(found, host))


def test_the_lab_inventories_have_the_ports_that_the_lab_forwards():
    names = ("single", "prod3", "single-kraft", "prod3-kraft")
    shipped = {name: yaml.safe_load((support.ROOT / "inventory" / f"{name}.yml").read_text()) for name in names}
    ports = {
        host: variables["ansible_port"]
        for inventory in shipped.values()
        for host, variables in inventory["all"]["children"]["kafka"]["hosts"].items()
    }
    assert ports == {"single1": 2221, "kafka1": 2231, "kafka2": 2232, "kafka3": 2233}
    loaded = support.load("prod3", root=support.ROOT, specs=support.SPECS, checks=site.CHECKS)
    external = [listeners.of(host)[1] for host in loaded.hosts.values()]
    assert (
        [listener.port for listener in external]
        == [listener.advertised_port for listener in external]
        == [19092, 29092, 39092]
    )
    assert {listener.advertised_host for listener in external} == {"127.0.0.1"}
