"""What lands on a host: configuration for each topology, units that systemd accepts, logs that cannot fill a disk."""

from __future__ import annotations

import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

from cluster.settings.properties import parse
from provisioner.agent import waiting
from provisioner.resources import services_of
from roles.kafka import logs
from roles.shared import releases
from tests.support import roles as support

SERVER = "/etc/kafka/server.properties"
ZOO = "/etc/zookeeper/zoo.cfg"
UNITS = ("kafka", "zookeeper")


def server_properties(site, host=None):
    return parse(support.text(support.target(site, host), SERVER))


def unit_text(directory, unit, **variables):
    return support.text(
        support.target(support.single(directory, check=False, **variables)), f"/etc/systemd/system/{unit}.service"
    )


@pytest.mark.parametrize(
    ("brokers", "factor", "min_insync"), [(1, "1", "1"), (2, "2", "1"), (3, "3", "2"), (5, "3", "2")]
)
def test_replication_follows_the_number_of_brokers(tmp_path, brokers, factor, min_insync):
    names = [f"kafka{number}" for number in range(1, brokers + 1)]
    found = server_properties(support.inventory(tmp_path, kafka=names, zookeeper=names[:1]))
    for key in (
        "default.replication.factor",
        "offsets.topic.replication.factor",
        "transaction.state.log.replication.factor",
    ):
        assert found[key] == factor
    for key in ("min.insync.replicas", "transaction.state.log.min.isr"):
        assert found[key] == min_insync
    assert found["unclean.leader.election.enable"] == "false" and found["auto.create.topics.enable"] == "false"


@pytest.mark.parametrize("wait", ["replica.fetch.backoff.ms", "replica.fetch.wait.max.ms"])
def test_a_follower_does_not_wait_long_for_a_new_leader(tmp_path, wait):
    assert int(server_properties(support.three(tmp_path))[wait]) <= 200
    assert wait not in server_properties(support.single(tmp_path)), "a broker alone follows nobody"


def test_one_broker_does_not_wait_for_group_members(tmp_path):
    assert server_properties(support.single(tmp_path))["group.initial.rebalance.delay.ms"] == "0"
    assert server_properties(support.three(tmp_path))["group.initial.rebalance.delay.ms"] == "3000"
    assert (
        server_properties(support.single(tmp_path, kafka_group_initial_delay="1s"))["group.initial.rebalance.delay.ms"]
        == "1000"
    )


def test_one_broker_may_come_back_soon_after_a_kill(tmp_path):
    session = "zookeeper.session.timeout.ms"
    assert server_properties(support.single(tmp_path))[session] == "6000"
    assert server_properties(support.three(tmp_path))[session] == "18000"


def test_three_hosts_know_each_other_by_their_inventory_names(tmp_path):
    site = support.three(tmp_path)
    found = server_properties(site, "kafka2")
    assert found["broker.id"] == "2"
    assert found["zookeeper.connect"] == "kafka1:2181,kafka2:2181,kafka3:2181"
    assert found["advertised.listeners"] == "PLAINTEXT://kafka2:9092"
    zoo = parse(support.text(support.target(site, "kafka2"), ZOO))
    assert [zoo[f"server.{number}"] for number in (1, 2, 3)] == [f"kafka{number}:2888:3888" for number in (1, 2, 3)]
    assert zoo["quorumListenOnAllIPs"] == "true"
    assert support.text(support.target(site, "kafka3"), "/var/lib/zookeeper/data/myid") == "3\n"


def test_zookeeper_on_hosts_of_its_own_is_reached_by_name_and_not_waited_for_by_the_unit(tmp_path):
    site = support.inventory(tmp_path, kafka=["b1", "b2", "b3"], zookeeper=["z1", "z2", "z3"], zookeeper_port=2182)
    target = support.target(site, "b1")
    assert server_properties(site, "b1")["zookeeper.connect"] == "z1:2182,z2:2182,z3:2182"
    assert "zookeeper.service" not in support.text(target, "/etc/systemd/system/kafka.service")
    assert ZOO not in support.files(target)


def test_one_host_needs_no_name_for_its_own_zookeeper_and_no_ensemble(tmp_path):
    site = support.single(tmp_path, kafka_zookeeper_chroot="kafka")
    assert server_properties(site)["zookeeper.connect"] == "127.0.0.1:2181/kafka"
    assert not [key for key in parse(support.text(support.target(site), ZOO)) if key.startswith("server.")]
    unit = support.text(support.target(site), "/etc/systemd/system/kafka.service")
    assert "After=network-online.target zookeeper.service\n" in unit
    assert "Wants=network-online.target zookeeper.service\n" in unit


def test_listeners_and_rack_are_rendered(tmp_path):
    entries = [
        {"name": "INTERNAL", "port": 9092},
        {
            "name": "EXTERNAL",
            "port": 9094,
            "protocol": "ssl",
            "bind": "10.0.0.1",
            "advertised_host": "pub",
            "advertised_port": 443,
        },
    ]
    found = server_properties(support.single(tmp_path, kafka_listeners=entries, kafka_rack="r1"))
    assert found["listeners"] == "INTERNAL://0.0.0.0:9092,EXTERNAL://10.0.0.1:9094"
    assert found["advertised.listeners"] == "INTERNAL://single1:9092,EXTERNAL://pub:443"
    assert found["listener.security.protocol.map"] == "INTERNAL:PLAINTEXT,EXTERNAL:SSL"
    assert found["inter.broker.listener.name"] == "INTERNAL" and found["broker.rack"] == "r1"


@pytest.mark.parametrize(
    ("variables", "key", "value"),
    [
        ({"kafka_log_retention": "2d"}, "log.retention.ms", "172800000"),
        ({"kafka_log_retention_bytes": "10g"}, "log.retention.bytes", str(10 * 2**30)),
        ({}, "log.retention.bytes", "-1"),
        ({"kafka_log_segment": "256m"}, "log.segment.bytes", str(256 * 2**20)),
        ({"kafka_data_dirs": ["/a", "/b"]}, "log.dirs", "/a,/b"),
        ({"kafka_zookeeper_session": "9s"}, "zookeeper.session.timeout.ms", "9000"),
        ({"kafka_config": {"log.retention.hours": 48}}, "log.retention.hours", "48"),
        ({"kafka_config": {"num.io.threads": 16}}, "num.io.threads", "16"),
    ],
)
def test_variables_reach_server_properties_in_kafkas_units(tmp_path, variables, key, value):
    assert server_properties(support.single(tmp_path, **variables))[key] == value


def test_an_overridden_unit_of_time_displaces_the_finer_one(tmp_path):
    assert "log.retention.ms" not in server_properties(
        support.single(tmp_path, kafka_config={"log.retention.hours": 48})
    )


def test_zookeeper_purges_what_is_old_and_answers_only_harmless_commands(tmp_path):
    zoo = parse(support.text(support.target(support.single(tmp_path)), ZOO))
    assert (zoo["autopurge.purgeInterval"], zoo["autopurge.snapRetainCount"]) == ("24", "3")
    assert zoo["4lw.commands.whitelist"] == "srvr,ruok,mntr,stat" and zoo["admin.enableServer"] == "false"
    assert "dataLogDir" not in zoo
    own = {"zookeeper_config": {"maxSessionTimeout": 60000, "syncLimit": 9}, "zookeeper_txn_dir": "/t"}
    zoo = parse(support.text(support.target(support.single(tmp_path, **own)), ZOO))
    assert (zoo["maxSessionTimeout"], zoo["syncLimit"], zoo["dataLogDir"]) == ("60000", "9", "/t")


@pytest.mark.parametrize("version", releases.known("kafka"))
def test_every_file_says_where_it_comes_from(tmp_path, version):
    target = support.target(support.of_version(tmp_path, version))
    for path, file in support.files(target).items():
        if path.endswith("/myid"):
            continue  # ZooKeeper reads nothing but the number
        head = "\n".join((file.content or "").splitlines()[:2])
        assert f"Rendered from templates/{file.template} at deploy; edits are overwritten" in head, path
        assert (support.ROOT / "templates" / file.template).is_file()


def test_every_template_is_used(tmp_path):
    used = set()
    for version in releases.known("kafka"):
        target = support.target(support.of_version(tmp_path, version))
        used |= {file.template for file in support.files(target).values()}
    apart = support.inventory(tmp_path, kafka=["a"], kafka_controller=["b"])
    used |= {file.template for file in support.files(support.target(apart, "b")).values()}
    closed = support.inventory(tmp_path, kafka=["a"], kafka_security="required")
    used |= {file.template for file in support.files(support.target(closed)).values()}
    included = {"java/given.sh.j2", "kafka/bin/native.sh.j2", "kafka/bin/quick.sh.j2", "os/restart.j2", "os/sandbox.j2"}
    templates = support.ROOT / "templates"
    assert {str(path.relative_to(templates)) for path in templates.rglob("*.j2")} == (used - {""}) | included


def test_a_file_with_a_password_is_secret_and_closed(tmp_path):
    own = {"kafka_config": {"ssl.key.password": "x"}, "zookeeper_config": {"ssl.keyStore.password": "x"}}
    files = support.files(support.target(support.single(tmp_path, **own)))
    assert files[SERVER].secret and files[ZOO].secret
    assert files[SERVER].mode & 0o007 == 0 and files[ZOO].mode & 0o007 == 0
    files = support.files(support.target(support.single(tmp_path)))
    assert not files[SERVER].secret and not files[ZOO].secret


def test_the_logs_of_kafka_4_are_bounded_and_loud_parts_have_files_of_their_own(tmp_path):
    own = {"kafka_log_files": 3, "kafka_log_size": "2m"}
    files = support.files(support.target(support.of_version(tmp_path, "4.3.1", **own)))
    root = ElementTree.fromstring(files["/etc/kafka/log4j2.xml"].content)
    rolling = {one.get("name"): one for one in root.findall("Appenders/RollingFile")}
    assert len(rolling) == 6 and not root.findall("Appenders/File")
    for name, one in rolling.items():
        assert one.get("fileName") == f"/var/log/kafka/{name}.log" and one.get("filePattern").endswith(".log.%i")
        assert one.find("SizeBasedTriggeringPolicy").get("size") == str(2 * 2**20)
        assert one.find("DefaultRolloverStrategy").attrib == {"fileIndex": "min", "max": "3"}
    assert root.get("shutdownHook") == "disable", "what a stop does is logged"
    loggers = {one.get("name"): one.find("AppenderRef").get("ref") for one in root.findall("Loggers/Logger")}
    assert set(loggers.values()) == {*rolling} - {"server"}
    assert loggers["org.apache.kafka.controller"] == "controller"
    assert loggers["org.apache.kafka.storage.internals.log.LogCleaner"] == "log-cleaner"
    refs = [(one.get("ref"), one.get("level")) for one in root.findall("Loggers/Root/AppenderRef")]
    assert refs == [("server", None), ("journal", "WARN")]
    option = "-Dlog4j2.configurationFile=/etc/kafka/log4j2.xml -Dkafka.logs.dir=/var/log/kafka"
    assert f"KAFKA_LOG4J_OPTS={option}\n" in files["/etc/kafka/kafka.env"].content


def test_the_controllers_of_3_9_log_to_a_file_of_their_own_and_brokers_with_zookeeper_as_ever(tmp_path):
    logger = "log4j.logger.org.apache.kafka.controller=INFO, controller"
    both = support.inventory(tmp_path, kafka=["a"], kafka_controller=["a"], kafka_version="3.9.2")
    for file in ("/etc/kafka/log4j.properties", "/etc/kafka-controller/log4j.properties"):
        assert logger in support.text(support.target(both), file).splitlines()
    assert logger not in support.text(support.target(support.single(tmp_path)), "/etc/kafka/log4j.properties")


def test_no_old_log_kept_means_one_for_log4j_2_which_takes_no_less(tmp_path):
    target = support.target(support.of_version(tmp_path, "4.3.1", kafka_log_files=0))
    assert support.text(target, "/etc/kafka/log4j2.xml").count('max="1"') == 6


@pytest.mark.parametrize(
    ("version", "unit", "file", "told"),
    [
        ("3.9.2", "kafka", "/etc/kafka/log4j.properties", "-Dlog4j.configuration=file:/etc/kafka/log4j.properties"),
        ("4.3.1", "kafka", "/etc/kafka/log4j2.xml", "-Dlog4j2.configurationFile=/etc/kafka/log4j2.xml"),
        (
            "4.3.1",
            "kafka-controller",
            "/etc/kafka-controller/log4j2.xml",
            "-Dlog4j2.configurationFile=/etc/kafka-controller/log4j2.xml",
        ),
    ],
)
def test_a_unit_logs_where_its_release_and_its_name_say(version, unit, file, told):
    release = releases.release("kafka", version)
    assert logs.path(release, unit) == file
    assert logs.options(release, unit) == [told, f"-Dkafka.logs.dir=/var/log/{unit}"]


@pytest.mark.parametrize("version", ["2.5.0", "3.9.2"])
def test_logs_are_bounded(tmp_path, version):
    variables = {"kafka_version": version, "kafka_log_files": 3, "zookeeper_log_files": 4, "zookeeper_log_size": "2m"}
    files = support.files(support.target(support.single(tmp_path, **variables)))
    kafka = files["/etc/kafka/log4j.properties"].content
    assert kafka.count("=org.apache.log4j.RollingFileAppender") == kafka.count("MaxBackupIndex=3\n") > 1
    assert kafka.count(f"MaxFileSize={50 * 2**20}\n") == kafka.count("MaxBackupIndex=3\n")
    assert "FileAppender" not in kafka.replace("RollingFileAppender", "")
    xml = files.get("/etc/zookeeper/zookeeper-logback.xml")
    if xml:
        root = ElementTree.fromstring(xml.content)
        assert root.findtext(".//maxIndex") == "4" and root.findtext(".//maxFileSize") == "2048KB"
    else:
        text = files["/etc/zookeeper/zookeeper-log4j.properties"].content
        assert "MaxBackupIndex=4\n" in text and f"MaxFileSize={2 * 2**20}\n" in text
    for path, count in (("/etc/kafka/kafka.env", 3), ("/etc/zookeeper/zookeeper.env", 4)):
        assert re.search(
            rf"-Xlog:gc\*:file=/var/log/\w+/gc\.log:\S*filecount={count},filesize=\d+m", files[path].content
        )


def test_jvm_options_of_the_inventory_come_last(tmp_path):
    variables = {"kafka_jvm_opts": ["-XX:MaxGCPauseMillis=50", "-Dx=1"], "zookeeper_jvm_opts": ["-Dy=2"]}
    target = support.target(support.single(tmp_path, **variables))
    assert support.text(target, "/etc/kafka/kafka.env").endswith(" -XX:MaxGCPauseMillis=50 -Dx=1\n")
    assert support.text(target, "/etc/zookeeper/zookeeper.env").endswith(" -Dy=2\n")
    unit = support.text(target, "/etc/systemd/system/kafka.service")
    assert unit.index("$KAFKA_JVM_PERFORMANCE_OPTS") < unit.index("$KAFKA_OPTS kafka.Kafka")


def test_options_with_a_secret_are_not_on_the_command_line_and_a_change_of_them_is_a_restart(tmp_path):
    hidden = {"kafka": "-Djavax.net.ssl.keyStorePassword=x,#1", "zookeeper": "-Dzookeeper.a.superDigest=super:x1"}
    variables = {f"{unit}_jvm_opts": ["-Dx=1", option, "-Xss1m"] for unit, option in hidden.items()}
    target = support.target(support.single(tmp_path, **variables))
    plain = support.target(support.single(tmp_path))
    for unit, option in hidden.items():
        place = f"/etc/{unit}/secret.options"
        file, without = support.files(target)[place], support.files(plain)[place]
        assert f'\n"{option}"\n' in file.content and file.secret and (file.group, file.mode) == (unit, 0o640)
        environment = support.text(target, f"/etc/{unit}/{unit}.env")
        assert environment.endswith(f" -Dx=1 -Xss1m @{place}\n") and option not in environment
        assert '"' not in without.content and "@/" not in support.text(plain, f"/etc/{unit}/{unit}.env")
        for wanted, inside in ((target, True), (plain, False)):
            (service,) = [one for one in services_of(support.resources(wanted)) if one.unit == unit]
            assert (place in service.inputs) is inside


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_comes_back_stops_gently_and_has_its_limits(tmp_path, unit):
    lines = unit_text(tmp_path, unit, os_nofile=4711, **{f"{unit}_stop_timeout": "400s"}).splitlines()
    assert {
        "Restart=on-failure",
        "SuccessExitStatus=143",
        "TimeoutStopSec=400",
        "LimitNOFILE=4711",
        "KillMode=mixed",
        f"User={unit}",
        "WantedBy=multi-user.target",
    } <= set(lines)


def number(lines, key):
    return int(next(line.split("=")[1] for line in lines if line.startswith(f"{key}=")))


@pytest.mark.parametrize(
    ("variables", "session", "given_up"),
    [
        ({}, 18, 60),
        ({"kafka_zookeeper_session": "40s"}, 40, 100),
        ({"kafka_config": {"zookeeper.session.timeout.ms": 30000}}, 30, 80),
    ],
)
def test_a_broker_that_waits_for_zookeeper_is_not_given_up(tmp_path, variables, session, given_up):
    target = support.target(support.three(tmp_path, **variables))
    lines = support.text(target, "/etc/systemd/system/kafka.service").splitlines()
    interval, burst, pause = (number(lines, key) for key in ("StartLimitIntervalSec", "StartLimitBurst", "RestartSec"))
    properties = server_properties(support.three(tmp_path, **variables))
    wait, set_to = (int(properties[f"zookeeper.{of}.timeout.ms"]) / 1000 for of in ("connection", "session"))
    assert set_to == session
    assert burst * (pause + wait) > interval, "waiting for ZooKeeper never reaches the limit"
    assert burst * (pause + 3) <= given_up, "a broker that fails at once is failed within a minute or so"
    assert (burst - 1) * (pause + 1) > session + 10, "the session of a killed broker ends before it is given up"
    assert waiting.RESTARTS_EXCUSED * (pause + 1) > session + 10, "and before a deploy gives it up"


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_systemd_accepts_the_unit_and_rates_its_sandbox(tmp_path, unit):
    java = tmp_path / "java" / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text("#!/bin/sh\n")
    java.chmod(0o755)
    path = tmp_path / f"{unit}.service"
    path.write_text(unit_text(tmp_path, unit, java_home=str(tmp_path / "java")))
    analyze = ["systemd-analyze", "--no-pager"]
    verified = subprocess.run([*analyze, "verify", path], capture_output=True, text=True, check=False)
    # Other units of this machine, and that zookeeper.service is not one of them, are no concern here.
    complaints = [line for line in verified.stderr.splitlines() if line.startswith((str(path), path.name))]
    assert [line for line in complaints if "zookeeper.service not found" not in line] == []
    rated = subprocess.run([*analyze, "security", "--offline=yes", path], capture_output=True, text=True, check=False)
    overall = re.search(r"Overall exposure level for \S+: ([\d.]+)", rated.stdout)
    if overall is None:
        pytest.skip("this systemd-analyze cannot rate a file")
    assert float(overall[1]) <= 1.5
