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
    target = support.target(support.of_version(tmp_path, version))
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
    (fakes.parent / "release").write_text('JAVA_VERSION="17.0.21.1"\n')
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
    assert len(scripts) == (6 if with_zookeeper(host) else 5)  # without, the services have a class archive, too
    for path in scripts:
        for shell in (["sh", "-n"], ["bash", "--posix", "-n"]):
            assert subprocess.run([*shell, path], capture_output=True, check=False).stderr == b""


def test_every_command_runs_its_class_with_the_callers_arguments(host, version):
    kafka = releases.release("kafka", version)
    every = [kafka, *(releases.release(*other) for other in kafka.paired.items())]
    for command in (command for release in every for command in commands.of(release, site.stops())):
        if not command.main or command.actions or command.absent:
            continue
        code, called, error = run(host, command.name, "--a b", "*")
        assert (code, error) == (0, ""), command.name
        assert called[0] == "java"
        assert called[called.index(command.main) :] == [command.main, *command.args, "--a b", "*"]
        heaps = [argument for argument in called if argument.startswith("-Xm")]
        assert heaps == (command.heap.split() or heaps) and heaps


def with_zookeeper(host):
    """Whether ZooKeeper goes with this Kafka."""
    return (host / "opt/zookeeper").is_symlink()


def test_commands_see_the_jars_of_their_own_version_and_a_quiet_log(host, version):
    scala = releases.release("kafka", version).scala
    option, file = (
        ("-Dlog4j.configuration=file:", "log4j.properties")
        if with_zookeeper(host)
        else ("-Dlog4j2.configurationFile=", "log4j2.xml")
    )
    home = f"{host}/opt/kafka_{scala}-{version}"
    _, called, _ = run(host, "kafka-topics.sh", "--list")
    assert called[called.index("-cp") + 1] == f"{home}/libs/*"
    assert f"{option}{home}/config/tools-{file}" in called
    assert Path(f"{home}/config/tools-{file}").is_file()
    _, called, _ = run(host, "connect-standalone.sh", "x.properties")
    assert f"{option}{home}/bin/../config/connect-{file}" in called
    for name, start in (("connect-standalone.sh", "connect-"), ("kafka-server-start.sh", "")):
        _, called, _ = run(host, name, "x.properties", LOG_DIR=str(host.parent))
        assert (
            f"{option}{home}/bin/../config/{start}{file}" in called and Path(f"{home}/config/{start}{file}").is_file()
        )


def test_a_file_of_log4j_1_is_still_read_by_kafka_4(host):
    mine = "-Dlog4j.configuration=file:/mine"
    _, called, _ = run(host, "kafka-topics.sh", KAFKA_LOG4J_OPTS=mine)
    assert mine in called and ("-Dlog4j1.compatibility=true" in called) == (not with_zookeeper(host))
    _, called, _ = run(host, "kafka-topics.sh")
    assert "-Dlog4j1.compatibility=true" not in called


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
        (other.parent / "release").write_text('IMPLEMENTOR="X"\nJAVA_VERSION="21"\n')
        environment = {"JAVA_HOME": str(other.parent)}
    if environment.pop("archive", "") != "missing":
        class_archive(host, version)
    code, called, _ = run(host, "kafka-topics.sh", "--list", **environment)
    given = any(argument.startswith("-XX:SharedArchiveFile") for argument in called)
    assert code == 0 and given == (environment == {"JAVA_HOME": ""}), "no JAVA_HOME is ours"


ZK_COMMAND, KAFKA_COMMAND = "zkCli.sh", "kafka-topics.sh"


# One command of each product that goes with a Kafka: there is no ZooKeeper for 4.x.
PAIRED = [version for version in VERSIONS if releases.release("kafka", version).paired]
ROWS = [*((version, KAFKA_COMMAND) for version in VERSIONS), *((version, ZK_COMMAND) for version in PAIRED)]
each_command = pytest.mark.parametrize(("version", "command"), ROWS, indirect=["version"])


TOO_OLD = 'echo "Picked up JAVA_TOOL_OPTIONS: -version" >&2; echo \'java version "1.7.0_80"\' >&2'


def java_at(place, *, release="", says=""):
    """A Java with this release file, or one that says this to -version; what it is called with otherwise."""
    (place / "bin").mkdir(parents=True)
    if release:
        (place / "release").write_text(release)
    (place / "bin/java").write_text(f'#!/bin/sh\n[ "$1" != -version ] || {{ {says or ":"}; exit; }}\necho other "$@"\n')
    (place / "bin/java").chmod(0o755)
    return place


@each_command
def test_another_java_that_is_first_in_the_path_is_not_used(host, tmp_path, command):
    with_our_java(host)
    other = java_at(tmp_path / "other", release='JAVA_VERSION="1.7.0_80"\n')
    code, called, error = run(host, command, "x", JAVA_HOME="", PATH=f"{other}/bin:{os.environ['PATH']}")
    assert (code, called[0], error) == (0, "java", "")


@each_command
@pytest.mark.parametrize(
    ("made", "why"),
    [
        (lambda place: place, "there is no Java"),
        (lambda place: (place / "bin/java").mkdir(parents=True), "there is no Java"),
        (lambda place: java_at(place).joinpath("bin/java").chmod(0o644), "there is no Java"),
        (lambda place: java_at(place), "what is there is no Java that runs"),
        (lambda place: java_at(place, release='JAVA_VERSION="1.7.0_80"\n'), "Java 7 is too old, {} needs {} or newer"),
        (lambda place: java_at(place, says=TOO_OLD), "Java 7 is too old, {} needs {} or newer"),
    ],
)
def test_a_java_home_that_does_not_work_is_ignored_in_one_line(host, version, tmp_path, command, made, why):
    with_our_java(host)
    place = tmp_path / "their java"
    made(place)
    code, called, error = run(host, command, "x", JAVA_HOME=str(place))
    kafka = releases.release("kafka", version)
    product = f"zookeeper {kafka.paired['zookeeper']}" if command == ZK_COMMAND else f"kafka {version}"
    needed = 8 if command == ZK_COMMAND else kafka.java_min
    ours = host.parent / "fakes"
    assert (code, called[0]) == (0, "java"), error
    assert error == f"{command}: JAVA_HOME={place} is ignored: {why.format(product, needed)}. Using {ours}\n"


@each_command
@pytest.mark.parametrize(
    "how",
    [
        {"release": 'IMPLEMENTOR="X"\nJAVA_VERSION="17.0.15"\n'},
        {"release": 'JAVA_VERSION="24-ea"\n'},
        {"says": "echo 'openjdk version \"17.0.15\" 2025-04-15' >&2"},
    ],
)
def test_a_java_home_that_works_is_used_without_a_word(host, tmp_path, command, how):
    with_our_java(host)
    code, called, error = run(host, command, "x", JAVA_HOME=str(java_at(tmp_path / "their java", **how)))
    assert (code, error) == (0, "") and called[0].startswith("other -Xm")


@each_command
def test_without_java_home_the_deployed_java_runs_them_also_from_their_own_directory(host, command):
    with_our_java(host)
    direct = host / "opt" / ("zookeeper" if command == ZK_COMMAND else "kafka") / "bin" / command
    environment = {"PATH": os.environ["PATH"]}
    for script in (direct, host / "usr/local/bin" / command):
        found = subprocess.run([script, "x"], capture_output=True, text=True, env=environment, check=False)
        assert (found.returncode, found.stdout.splitlines()[0], found.stderr) == (0, "java", "")


def test_the_libraries_of_a_command_are_those_that_the_deploy_has_unpacked(host, version):
    (host.parent / "fakes/bin/java").write_text('#!/bin/sh\necho "$LD_LIBRARY_PATH" "$@"\n')
    native = f"/opt/kafka_{releases.release('kafka', version).scala}-{version}/native"
    snappy = f"-Dorg.xerial.snappy.lib.path={native}"
    for command in ("kafka-console-producer.sh", "kafka-producer-perf-test.sh", "kafka-server-start.sh"):
        (called,) = run(host, command, "x", LOG_DIR=str(host.parent))[1]
        assert called.startswith(f"{native} ") and f" {snappy} " in called, command
    mine = "-Dorg.xerial.snappy.lib.path=/mine"
    (called,) = run(host, KAFKA_COMMAND, KAFKA_OPTS=mine, LD_LIBRARY_PATH="/theirs")[1]
    assert called.startswith(f"/theirs:{native} ") and called.index(snappy) < called.index(mine), "the last one counts"


@pytest.mark.parametrize("command", ["kafka-console-producer.sh", "connect-standalone.sh"])
def test_the_scripts_of_a_release_archive_get_the_libraries_as_well(tmp_path, command):
    tgz = tmp_path / "kafka_2.13-3.9.2.tgz"
    tgz.write_bytes(b"only its identity is asked for here")
    target = support.target(support.single(tmp_path, kafka_archive=f"file:{tgz}"))
    launcher = tmp_path / command
    text = support.text(target, "/usr/local/lib/kafka-provisioner/kafka")
    launcher.write_text(text.replace('"/opt/kafka/bin', f'"{tmp_path}/official').replace("/proc/self/mounts", "mounts"))
    launcher.chmod(0o755)
    (tmp_path / "mounts").write_text("/dev/sda / ext4 rw 0 0\n")
    (tmp_path / "official").mkdir()
    (tmp_path / "official" / command).write_text('#!/bin/sh\necho "$LD_LIBRARY_PATH|$KAFKA_OPTS|$JAVA_HOME|$*"\n')
    (tmp_path / "official" / command).chmod(0o755)
    environment = {"PATH": os.environ["PATH"], "KAFKA_OPTS": "-Dmine=1"}
    shown = subprocess.run(
        [launcher, "--a b"], capture_output=True, text=True, cwd=tmp_path, env=environment, check=True
    )
    library, options, java, arguments = shown.stdout.rstrip("\n").split("|")
    native = "/opt/kafka_2.13-3.9.2/native"
    snappy = [] if command.startswith("connect-") else [f"-Dorg.xerial.snappy.lib.path={native}"]
    assert (library, options.split(), arguments) == (native, [*snappy, "-Dmine=1"], "--a b")
    assert java == "/usr/lib/jvm/java-17-openjdk-amd64"


def test_the_commands_of_a_zookeeper_release_archive_get_their_library_as_well(tmp_path):
    tgz = tmp_path / "apache-zookeeper-3.8.6-bin.tar.gz"
    tgz.write_bytes(b"only its identity is asked for here")
    target = support.target(support.single(tmp_path, zookeeper_archive=f"file:{tgz}"))
    launcher = tmp_path / "zkSnapShotToolkit.sh"
    text = support.text(target, "/usr/local/lib/kafka-provisioner/zookeeper")
    launcher.write_text(text.replace('"/opt/zookeeper/bin', f'"{tmp_path}/official'))
    (tmp_path / "official").mkdir()
    (tmp_path / "official" / launcher.name).write_text('#!/bin/sh\necho "$JVMFLAGS|$JAVA_HOME"\n')
    for path in (launcher, tmp_path / "official" / launcher.name):
        path.chmod(0o755)
    environment = {"PATH": os.environ["PATH"], "JVMFLAGS": "-Dmine=1"}
    shown = subprocess.check_output([launcher], text=True, env=environment)
    native = "-Dorg.xerial.snappy.lib.path=/opt/apache-zookeeper-3.8.6/native"
    assert shown == f"{native} -Dmine=1|/usr/lib/jvm/java-17-openjdk-amd64\n"


@pytest.mark.parametrize(
    ("mounts", "given"),
    [
        ("/dev/sda / ext4 rw,noatime 0 0\n", False),
        ("/dev/sda / ext4 rw 0 0\ntmpfs /tmp tmpfs rw,nosuid,noexec 0 0\n", True),
        ("/dev/sda / ext4 rw 0 0\nx /tmp tmpfs rw,noexec 0 0\nx /tmp tmpfs rw 0 0\n", False),
        ("/dev/sda / ext4 rw,noexec 0 0\n", True),
        ("/dev/sda / ext4 rw 0 0\nx /tmpfiles tmpfs rw,noexec 0 0\nx /run tmpfs noexec 0 0\n", False),
    ],
)
def test_plug_ins_get_a_library_of_ours_only_where_their_own_cannot_be_loaded(host, mounts, given):
    table = host.parent / "mounts"
    table.write_text(mounts)
    for path in host.rglob("*"):
        if path.is_file() and not path.is_symlink():
            path.write_text(path.read_text().replace("/proc/self/mounts", str(table)))
    for command, environment in (("connect-standalone.sh", {}), (KAFKA_COMMAND, {"CLASSPATH": "/x.jar"})):
        _, called, error = run(host, command, "x", **environment)
        assert error == "" and any("snappy.lib.path" in argument for argument in called) == given, command


@pytest.mark.parametrize(("java", "used"), [("1.8.0_412", ["2.5.0", "3.9.2"]), ("16.0.2", ["2.5.0", "3.9.2"])])
def test_kafka_4_needs_java_17_and_older_ones_are_content_with_less(host, version, tmp_path, java, used):
    with_our_java(host)
    place = java_at(tmp_path / "their java", release=f'JAVA_VERSION="{java}"\n')
    _, called, error = run(host, KAFKA_COMMAND, "x", JAVA_HOME=str(place))
    assert called[0].startswith("other -Xm") == (version in used) == (error == "")
    assert error == "" or f"kafka {version} needs 17 or newer" in error


def test_stopping_goes_through_systemd(host):
    assert run(host, "kafka-server-stop.sh")[1] == ["systemctl", "stop", "kafka.service"]
    if with_zookeeper(host):
        assert run(host, "zookeeper-server-stop.sh")[1] == ["systemctl", "stop", "zookeeper.service"]
        assert run(host, "zkServer.sh", "restart")[1] == ["systemctl", "restart", "zookeeper.service"]


@pytest.mark.parametrize("version", ["2.5.0", "3.9.2"], indirect=True)
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
    if "trogdor.sh" not in releases.release("kafka", version).absent:
        code, _, error = run(host, "trogdor.sh", "nothing")
        assert code == 1 and "usage: trogdor.sh agent|" in error
        code, called, _ = run(host, "trogdor.sh", "agent", "--x")
        assert called[-2:] == ["org.apache.kafka.trogdor.agent.Agent", "--x"]


@pytest.mark.parametrize("version", ["2.5.0", "3.9.2"], indirect=True)
def test_a_command_whose_classes_no_jar_has_says_so_instead_of_a_java_error(host, version):
    absent = releases.release("kafka", version).absent
    assert absent  # else this proves nothing: take a version that lacks something
    for name, why in absent.items():
        code, called, error = run(host, name, "--help")
        assert (code, called) == (1, []) and error.startswith(f"{name} has nothing to run here: {why}.\n")
        assert "kafka_archive" in error
