"""The official commands on hosts that are not as one would like: a noexec /tmp, and a JAVA_HOME that is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from . import clients
from .hosts import LabHost, counts
from .noexec import noexec_tmp, require_codecs
from .serving import eventually

OURS = "/usr/lib/jvm/java-17-openjdk-amd64"
PROFILE = "/etc/profile.d/java-home.sh"


@pytest.fixture
def strict(single: LabHost) -> Iterator[LabHost]:
    """The deployed host with a noexec /tmp."""
    with noexec_tmp(single):
        yield single


@pytest.fixture
def java_home(single: LabHost) -> Iterator[Callable[[str], None]]:
    """java_home("/nonexistent"): what every login shell, and every process that PAM starts, has from now on."""
    kept = single.sh("cat /etc/environment")

    def everywhere(path: str) -> None:
        single.sh(f"echo export JAVA_HOME={path} > {PROFILE}; echo JAVA_HOME={path} >> /etc/environment")

    yield everywhere
    single.sh(f"rm -f {PROFILE}; cat > /etc/environment <<'END'\n{kept}\nEND")


def test_records_of_every_compression_are_written_and_read_with_a_noexec_tmp(strict: LabHost):
    require_codecs(strict, "root", "ops")


def test_a_command_that_is_killed_leaves_nothing_to_clean_up(strict: LabHost):
    topic = "killed-readers"
    clients.create_topic(strict, topic)
    try:
        strict.sh(
            f"for codec in snappy zstd; do echo x | kafka-console-producer.sh --bootstrap-server {strict.bootstrap}"
            f" --topic {topic} --compression-codec $codec; done"
        )
        reading = f"kafka-console-consumer.sh --bootstrap-server {strict.bootstrap} --topic {topic} --from-beginning"
        strict.sh(f"su - ops -c '{reading} > ~/read 2>&1 & echo $! > ~/pid'")
        eventually(lambda: strict.sh("grep -c x ~ops/read", expect=None) == "2", seconds=60, what="both records")
        # The library is mapped from where the deploy has put it, or was mapped from there at once.
        mapped = strict.sh("grep -o '/[^ ]*\\.so' /proc/$(cat ~ops/pid)/maps | grep -e zstd -e snappy | sort -u")
        native = strict.sh("readlink -f /opt/kafka") + "/native/"
        assert len(mapped.split()) == 2 and all(path.startswith(native) for path in mapped.split()), mapped
        strict.sh("kill -9 $(cat ~ops/pid); rm ~ops/pid ~ops/read")
        assert strict.sh("find /tmp -type f -name '*.so*'") == ""
    finally:
        clients.delete_topic(strict, topic)


def test_the_libraries_belong_to_root_and_a_deploy_repairs_them(single: LabHost):
    shown = single.sh("stat -c '%U %a %n' /opt/kafka/native/* | sort").splitlines()
    assert [line.split()[:2] for line in shown] == [["root", "644"]] * 2, shown
    single.sh("echo x >> /opt/kafka/native/libsnappyjava.so")
    output, native = single.deploy("--no-smoke"), "/opt/kafka_2.13-3.9.2/native"
    assert counts(output, single.name)["touched"] == 1
    assert f"~ {single.name}: extract:{native} (1 altered: libsnappyjava.so)" in output


@pytest.mark.parametrize(("user", "path"), [("root", "/nonexistent"), ("ops", "/etc")])
def test_a_login_shell_with_a_wrong_java_home_runs_every_command(
    single: LabHost, java_home: Callable[[str], None], user: str, path: str
):
    java_home(path)
    asking = {
        "kafka-topics.sh": f"--bootstrap-server {single.bootstrap} --list",
        "zookeeper-shell.sh": "127.0.0.1:2181 get /brokers/ids/1",
        "zkServer.sh": "status",
    }
    for command, arguments in asking.items():
        shown = single.sh(f"su - {user} -c '{command} {arguments}'").splitlines()
        line = f"{command}: JAVA_HOME={path} is ignored: there is no Java. Using {OURS}"
        assert [other for other in shown if "JAVA_HOME" in other] == [line] and len(shown) > 1, shown
    said = single.sh(f"su - {user} -c 'JAVA_HOME={OURS} kafka-topics.sh --version'")
    assert said == "3.9.2", "a Java that works is used without a word"


def test_the_toolkits_own_use_of_the_commands_works_under_both(strict: LabHost, java_home: Callable[[str], None]):
    java_home("/nonexistent")
    for verb in (("smoke", "--cli"), ("bench.produce", "--records", "1000", "--size", "100", "--compression", "zstd")):
        done = strict.invoke(*verb)
        assert done.returncode == 0 and "UnsatisfiedLink" not in done.stdout, done.stdout
    strict.sh("rm /opt/kafka/commands.jsa; systemctl start kafka-class-archive")
    strict.wait_for_class_archive()
    shown = strict.sh("systemctl show -P Result kafka-class-archive; stat -c %U /opt/kafka/commands.jsa")
    assert shown.split() == ["success", "root"]


def test_a_deploy_that_would_install_where_nothing_can_run_is_refused_before_it_changes_anything(single: LabHost):
    before = single.sh("find /etc/kafka /usr/local /opt -xdev -printf '%p %m %u %T@\\n' | sort | sha256sum")
    single.sh("mount --bind /usr/local/lib /usr/local/lib && mount -o remount,bind,noexec /usr/local/lib")
    try:
        output = single.deploy(expect=2)
    finally:
        single.sh("umount /usr/local/lib")
    assert "/usr/local/lib is mounted noexec, and what the commands are links to cannot run there" in output
    assert "-> mount its file system without noexec" in output
    assert single.sh("find /etc/kafka /usr/local /opt -xdev -printf '%p %m %u %T@\\n' | sort | sha256sum") == before
