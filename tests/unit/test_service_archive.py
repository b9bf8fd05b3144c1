"""The class archive of KRaft's services: what is deployed for it, and the script that makes it, run with a stand-in
for Java."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from provisioner.resources import Derived
from roles.kafka import service, service_archive
from roles.kafka_controller import service as of_controller
from tests.support import roles as support

THREE = ["kafka1", "kafka2", "kafka3"]
APART: dict[str, Any] = {"kafka": THREE, "kafka_controller": THREE}
FIVE: dict[str, Any] = {"kafka": ["b"], "kafka_controller": ["c1", "c2", "c3"]}
UNITS = {"kafka": service.UNIT, "kafka-controller": of_controller.UNIT}


def kraft(tmp_path, name="kafka1", **given):
    return support.target(support.inventory(tmp_path, **(given or APART)), name)


def derived(target):
    return [one for one in support.resources(target) if isinstance(one, Derived)]


@pytest.mark.parametrize("unit", UNITS)
def test_a_service_takes_the_archive_only_once_it_is_there_and_no_restart_is_asked_for_it(tmp_path, unit):
    target = kraft(tmp_path)
    lines = support.text(target, UNITS[unit]).splitlines()
    options = service_archive.options(target)
    assert f"EnvironmentFile=-{options}" in lines, "one that is missing stops no start"
    # Otherwise systemd warns at each start of a variable that nobody has set.
    assert lines.index("Environment=KAFKA_ARCHIVE_OPTS=") < lines.index(f"EnvironmentFile=-{options}")
    (start,) = (line for line in lines if line.startswith("ExecStart="))
    # First, so that the inventory's own options win: -Xshare:off, for one.
    assert start.split()[1] == "$KAFKA_ARCHIVE_OPTS"
    for of in (service.inputs(target), of_controller.inputs(target)):
        assert options not in of and service_archive.place(target) not in of


def test_with_zookeeper_or_without_the_archive_the_units_know_nothing_of_it(tmp_path):
    old = support.target(support.three(tmp_path), "kafka1")
    off = support.target(support.inventory(tmp_path, **APART, kafka_class_archive=False), "kafka1")
    for target in (old, off):
        assert service_archive.place(target) == service_archive.options(target) == ""
        texts = {path: str(one.content) for path, one in support.files(target).items()}
        assert not [path for path, text in texts.items() if "ARCHIVE_OPTS" in text or service_archive.UNIT in text]
        assert service_archive.UNIT not in [one.unit for one in derived(target)]
    assert "ExecStart=/usr/lib/jvm/java-17-openjdk-amd64/bin/java $KAFKA_HEAP_OPTS" in support.text(old, service.UNIT)


@pytest.mark.parametrize(
    ("given", "name"),
    [(APART, "kafka1"), (FIVE, "b"), (FIVE, "c1"), ({"kafka": ["a"]}, "a")],
)
def test_each_host_makes_it_once_after_its_services_out_of_its_own_files(tmp_path, given, name):
    target = kraft(tmp_path, name, **given)
    (one,) = (one for one in derived(target) if one.unit == service_archive.UNIT)
    keys = [resource.key for resource in support.resources(target)]
    services = [number for number, key in enumerate(keys) if key.startswith("service:")]
    assert keys.count(one.key) == 1 and keys.index(one.key) > max(services)
    assert one.path == service_archive.place(target) and service_archive.SCRIPT in one.inputs
    assert [path.rpartition("/")[2] for path in one.inputs[:-1]] == ["libjvm.so", "modules", "*"]
    unit = support.text(target, f"/etc/systemd/system/{service_archive.UNIT}.service")
    for line in ("CPUSchedulingPolicy=idle", "IOSchedulingClass=idle", "PrivateNetwork=yes", "CapabilityBoundingSet="):
        assert line in unit.splitlines()
    files = support.files(target)
    owned = files[service_archive.SCRIPT]
    assert (owned.owner, owned.group, owned.mode) == ("root", "root", 0o755)


JAVA = """#!/bin/sh
echo "$@" >> {calls}
for argument; do
  case $argument in
    -XX:SharedArchiveFile=*) {dump}; echo made > "${{argument#*=}}"; exit ;;
    -XX:DumpLoadedClassList=*)
      printf '%s\\n' 'kafka/Kafka id: 7' 'kafka/Kafka id: 9' 'a/Lambda source: jrt:/x' 'b/B id: 8' > "${{argument#*=}}"
      {start}
      trap 'exit 143' TERM
      while :; do sleep 0.05; done ;;
  esac
done
"""
STARTED = """
for argument; do
  case $argument in -Dkafka.logs.dir=*) echo "[x] Kafka Server started" > "${argument#*=}/server.log" ;; esac
done
"""


class Making:
    """The script on made-up files below a directory, with a stand-in for Java."""

    def __init__(self, directory: Path) -> None:
        target = kraft(directory)
        self.home, self.calls, self._script = directory / "home", directory / "calls", directory / "script"
        java, config = directory / "java", directory / "log4j2.xml"
        for path in (self.home / "libs/a.jar", java / "lib/server/libjvm.so", java / "lib/modules", java / "bin/java"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("a")
        config.write_text('fileName="/var/log/kafka/server.log"')
        self._java = java / "bin/java"
        text = support.text(target, service_archive.SCRIPT)
        for was, now in (
            (service_archive.place(target).rpartition("/")[0], self.home),
            ("/usr/lib/jvm/java-17-openjdk-amd64", java),
            (service_archive.SCRIPT, self._script),
            ("/etc/kafka/log4j2.xml", config),
        ):
            text = text.replace(was, str(now))
        self._script.write_text(text)

    def run(self, start: str = STARTED, dump: str = ":") -> tuple[int, str]:
        """(exit code, output). start, dump: what Java does, as a line of shell."""
        self._java.write_text(JAVA.format(calls=self.calls, start=start, dump=dump))
        self._java.chmod(0o755)
        environment = {"PATH": "/usr/bin:/bin", "TMPDIR": str(self.home.parent)}
        command = ["sh", str(self._script)]
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, env=environment
        )
        return done.returncode, done.stdout


@pytest.fixture
def making(tmp_path: Path) -> Making:
    """The script, to be run."""
    return Making(tmp_path)


def test_the_script_makes_the_archive_then_the_options_and_last_the_record(making, tmp_path):
    code, output = making.run()
    assert (code, output) == (0, "")
    home = making.home
    archive = home / "services.jsa"
    assert archive.read_text() == "made\n" and archive.stat().st_mode & 0o777 == 0o644
    options = home / "services.jsa.env"
    assert options.read_text() == f"KAFKA_ARCHIVE_OPTS=-Xshare:auto -XX:SharedArchiveFile={archive}\n"
    assert options.stat().st_mode & 0o777 == 0o644
    stamps = (home / "services.jsa.inputs").read_text().splitlines()
    assert any(line.startswith(f"{home}/libs/a.jar 1 ") for line in stamps) and len(stamps) == 4
    made = {archive.name, options.name, f"{archive.name}.inputs"}
    assert {one.name for one in home.iterdir()} == {"libs", *made}
    assert not list(tmp_path.glob("tmp.*")), "it leaves nothing behind"
    calls = making.calls.read_text().splitlines()
    assert len(calls) == 3 and "format --standalone" in calls[0]
    assert calls[2].endswith(f"-cp {home}/libs/* none"), "the class path of the units"


@pytest.mark.parametrize(
    ("fault", "said"),
    [({"start": "exit 1"}, "the node that tells which classes Kafka loads did not start"), ({"dump": "exit 1"}, "")],
)
def test_what_fails_leaves_the_services_as_they_are(making, fault, said):
    code, output = making.run(**fault)
    assert code == 1 and said in output
    assert [one.name for one in making.home.iterdir()] == ["libs"], "no options for an archive that is not there"


def test_classes_are_listed_once_without_numbers_and_without_those_that_no_archive_keeps(making, tmp_path):
    kept = tmp_path / "kept"
    copy = 'for a; do case $a in -XX:SharedClassListFile=*) cp "${a#*=}" ' + str(kept) + " ;; esac; done"
    assert making.run(dump=copy)[0] == 0
    assert kept.read_text().splitlines() == ["b/B", "kafka/Kafka"]
