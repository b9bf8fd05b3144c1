"""The official command names on a host: they run the right class with the right defaults, for any user."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from provisioner.resources import Link, Links
from roles import site
from roles.shared import commands, releases
from tests.support import roles as support

VERSIONS = releases.known("kafka")


@pytest.fixture(params=VERSIONS)
def version(request):
    return request.param


@pytest.fixture
def host(tmp_path, version):
    """The commands of both products below a directory, with a java and a systemctl that say how they were called."""
    root = tmp_path / "root"
    target = support.target(support.single(tmp_path, kafka_version=version))
    for path, file in support.files(target).items():
        if "/bin/" in path or path.startswith(("/opt/", "/usr/local/")):
            place = root / path.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            # Scripts of a host name absolute paths; here they are moved below the directory.
            place.write_text(file.content.replace('"/opt/', f'"{root}/opt/'))
            place.chmod(file.mode)
    for resource in support.resources(target):
        if isinstance(resource, Links):
            for name, where in resource.links.items():
                link = root / resource.directory.lstrip("/") / name
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(where if not where.startswith("/") else root / where.lstrip("/"))
        elif isinstance(resource, Link) and resource.path in ("/opt/kafka", "/opt/zookeeper"):
            (root / resource.path.lstrip("/")).symlink_to(root / resource.target.lstrip("/"))
    fakes = tmp_path / "fakes" / "bin"
    fakes.mkdir(parents=True)
    for name in ("java", "systemctl"):
        (fakes / name).write_text(f'#!/bin/sh\nprintf "%s\\n" {name} "$@"\n')
        (fakes / name).chmod(0o755)
    return root


def run(host, name, *args, **environment):
    """(exit code, what java or systemctl was called with, standard error) of a command on the PATH."""
    fakes = host.parent / "fakes"
    found = subprocess.run(
        [host / "usr/local/bin" / name, *args],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env={"PATH": f"{fakes}/bin:{os.environ['PATH']}", "JAVA_HOME": str(fakes), **environment},
    )
    return found.returncode, found.stdout.splitlines(), found.stderr


def test_every_script_is_valid_for_sh_and_bash(host):
    files = [path for path in host.rglob("*") if path.is_file() and not path.is_symlink()]
    scripts = [path for path in files if path.read_text().startswith("#!/bin/sh")]
    assert len(scripts) == 6
    for path in scripts:
        for shell in (["sh", "-n"], ["bash", "--posix", "-n"]):
            assert subprocess.run([*shell, path], capture_output=True, check=False).stderr == b""


def test_every_command_runs_its_class_with_the_callers_arguments(host, version):
    kafka = releases.release("kafka", version)
    zookeeper = releases.release("zookeeper", kafka.paired["zookeeper"])
    for command in [*commands.of(kafka, site.stops()), *commands.of(zookeeper, site.stops())]:
        if not command.main or command.actions or command.absent:
            continue
        code, called, error = run(host, command.name, "--a b", "*")
        assert (code, error) == (0, ""), command.name
        assert called[0] == "java"
        assert called[called.index(command.main) :] == [command.main, *command.args, "--a b", "*"]
        heaps = [argument for argument in called if argument.startswith("-Xm")]
        assert heaps == (command.heap.split() or heaps) and heaps


def test_commands_see_the_jars_of_their_own_version_and_a_quiet_log(host, version):
    scala = releases.release("kafka", version).scala
    home = f"{host}/opt/kafka_{scala}-{version}"
    _, called, _ = run(host, "kafka-topics.sh", "--list")
    assert called[called.index("-cp") + 1] == f"{home}/libs/*"
    assert f"-Dlog4j.configuration=file:{home}/config/tools-log4j.properties" in called
    assert Path(f"{home}/config/tools-log4j.properties").is_file()
    _, called, _ = run(host, "connect-standalone.sh", "x.properties")
    assert f"-Dlog4j.configuration=file:{home}/bin/../config/connect-log4j.properties" in called


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("KAFKA_HEAP_OPTS", "-Xmx1g -Xms1g", ["-Xmx1g", "-Xms1g"]),
        ("KAFKA_OPTS", "-Djava.security.auth.login.config=/j -Dz=*", ["-Djava.security.auth.login.config=/j", "-Dz=*"]),
        ("KAFKA_JVM_PERFORMANCE_OPTS", "-XX:+UseZGC", ["-XX:+UseZGC"]),
        ("KAFKA_LOG4J_OPTS", "-Dlog4j.configuration=file:/mine", ["-Dlog4j.configuration=file:/mine"]),
        ("KAFKA_GC_LOG_OPTS", "-Xlog:gc", ["-Xlog:gc"]),
        ("JMX_PORT", "9999", ["-Dcom.sun.management.jmxremote.port=9999"]),
    ],
)
def test_the_callers_environment_wins(host, variable, value, expected):
    _, called, _ = run(host, "kafka-console-consumer.sh", **{variable: value})
    main = next(index for index, argument in enumerate(called) if argument.endswith("ConsoleConsumer"))
    for argument in expected:
        assert argument in called[:main]
    if variable == "KAFKA_HEAP_OPTS":
        assert [argument for argument in called if argument.startswith("-Xm")] == expected
    _, called, _ = run(host, "kafka-topics.sh", CLASSPATH="/extra.jar")
    assert called[called.index("-cp") + 1].startswith("/extra.jar:")


def class_archive(host, version):
    """The (empty) class archive of a host's Kafka, made now."""
    path = host / f"opt/kafka_{releases.release('kafka', version).scala}-{version}" / "commands.jsa"
    path.write_bytes(b"")
    return path


def with_our_java(host):
    """The scripts of a host rewritten so that its stand-in is the Java that they were rendered with."""
    for path in host.rglob("*"):
        if path.is_file() and not path.is_symlink():
            path.write_text(path.read_text().replace("/usr/lib/jvm/java-17-openjdk-amd64", str(host.parent / "fakes")))


def test_a_short_command_takes_its_classes_from_the_archive_and_a_long_one_does_not(host, version):
    with_our_java(host)
    used = f"-XX:SharedArchiveFile=/{class_archive(host, version).relative_to(host)}"
    _, called, _ = run(host, "kafka-topics.sh", "--list")
    assert used in called and "-XX:TieredStopAtLevel=1" in called
    assert called.index("-Xlog:disable") < called.index("-Xlog:all=error:stderr"), "errors are still said"
    for long in ("kafka-producer-perf-test.sh", "kafka-server-start.sh"):
        assert not {used, "-XX:TieredStopAtLevel=1"} & set(run(host, long, "x", LOG_DIR=str(host.parent))[1]), long


@pytest.mark.parametrize("environment", [{"JAVA_HOME": ""}, {"CLASSPATH": "/x.jar"}, {"archive": "missing"}, {}])
def test_an_archive_is_only_for_the_java_and_the_jars_that_it_was_made_with(host, version, environment):
    with_our_java(host)
    if not environment:
        other = host.parent / "other" / "bin"
        other.mkdir(parents=True)
        (other / "java").symlink_to(host.parent / "fakes/bin/java")
        environment = {"JAVA_HOME": str(other.parent)}
    if environment.pop("archive", "") != "missing":
        class_archive(host, version)
    code, called, _ = run(host, "kafka-topics.sh", "--list", **environment)
    given = any(argument.startswith("-XX:SharedArchiveFile") for argument in called)
    assert code == 0 and given == (environment == {"JAVA_HOME": ""}), "no JAVA_HOME is ours"


def test_stopping_goes_through_systemd(host):
    assert run(host, "kafka-server-stop.sh")[1] == ["systemctl", "stop", "kafka.service"]
    assert run(host, "zookeeper-server-stop.sh")[1] == ["systemctl", "stop", "zookeeper.service"]
    assert run(host, "zkServer.sh", "restart")[1] == ["systemctl", "restart", "zookeeper.service"]


def test_zkserver_status_prints_the_mode_or_fails(host):
    java = host.parent / "fakes" / "bin" / "java"
    code, out, error = run(host, "zkServer.sh", "status")
    assert code == 1 and "does not answer" in error
    java.write_text('#!/bin/sh\necho "Zookeeper version: x"\necho "Mode: leader"\n')
    code, out, _ = run(host, "zkServer.sh", "status")
    assert code == 0 and out[-1] == "Mode: leader"
    code, _, error = run(host, "zkServer.sh", "frobnicate")
    assert code == 1 and "usage: zkServer.sh" in error


def test_a_daemon_logs_to_a_directory_of_the_caller_or_says_what_to_set(host, tmp_path):
    code, _, error = run(host, "connect-distributed.sh", "-daemon", "w.properties", LOG_DIR="/proc/none")
    assert code == 1 and "set LOG_DIR" in error
    logs = tmp_path / "logs"
    code, out, error = run(host, "connect-distributed.sh", "-daemon", "w.properties", LOG_DIR=str(logs))
    assert (code, out, error) == (0, [], "")
    out_file = logs / "connectDistributed.out"
    for _ in range(200):
        if out_file.is_file() and out_file.read_text().endswith("w.properties\n"):
            break
        subprocess.run(["sleep", "0.01"], check=True)
    assert out_file.read_text().endswith("org.apache.kafka.connect.cli.ConnectDistributed\nw.properties\n")


def test_nothing_to_run_is_a_usage_error(host, version):
    code, _, error = run(host, "kafka-run-class.sh")
    assert code == 1 and error.startswith("usage: kafka-run-class.sh")
    if version == "2.5.0":  # later ones lack what it runs
        code, _, error = run(host, "trogdor.sh", "nothing")
        assert code == 1 and "usage: trogdor.sh agent|" in error
        code, called, _ = run(host, "trogdor.sh", "agent", "--x")
        assert called[-2:] == ["org.apache.kafka.trogdor.agent.Agent", "--x"]


def test_a_command_whose_classes_no_jar_has_says_so_instead_of_a_java_error(host, version):
    absent = releases.release("kafka", version).absent
    assert absent  # else this proves nothing: take a version that lacks something
    for name, why in absent.items():
        code, called, error = run(host, name, "--help")
        assert (code, called) == (1, []) and error.startswith(f"{name} has nothing to run here: {why}.\n")
        assert "kafka_archive" in error
