"""Uninstall on a real host: what goes, what stays, and that a deploy works again on what stayed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator

import pytest

from lab.lab import Lab

from .hosts import ROOT, LabHost, lab_name
from .serving import create_topic, eventually, produce, records

# Everything by these names, wherever on the host's disk; a link counts.
FIND = (
    r"find / -xdev \( -path /proc -o -path /sys -o -path /run \) -prune -o "
    r"\( -iname '*kafka*' -o -iname '*zookeeper*' -o -iname '*provision*' -o -name 'zk*.sh' \) -print"
)
KEPT = ("/var/lib/kafka", "/var/lib/zookeeper", "/var/log/kafka", "/var/log/zookeeper", "/var/lib/provisioner")


@pytest.fixture(scope="module")
def cleared(lab: Lab, host: Callable[[str], LabHost]) -> Iterator[tuple[LabHost, set[str]]]:
    """One empty host for this file, and what by these names is on it from the start; each test deploys first, which is
    quick when the one before it has."""
    lab.recreate("kafka1")
    found = host("kafka1")
    yield found, set(found.sh(FIND).splitlines())
    lab.down(["kafka1"])


def identity(host: LabHost) -> str:
    return host.sh(
        "grep -E 'broker.id|cluster.id' /var/lib/kafka/data/meta.properties; cat /var/lib/zookeeper/data/myid"
    )


def test_data_and_ids_outlive_an_uninstall_and_nothing_else_does(cleared: tuple[LabHost, set[str]]):
    host, untouched = cleared
    host.deploy("--no-smoke")
    topic = f"kept-{uuid.uuid4().hex[:8]}"
    create_topic(host.bootstrap, topic)
    produce(host.bootstrap, topic, ["one", "two", "three"])
    before, pids = identity(host), host.pids()
    host.sh("mkdir /opt/kafka-of-mine /etc/kafka/mine && echo yes > /etc/kafka/mine/file")

    refused = host.invoke("uninstall")
    assert refused.returncode == 1 and "nothing was removed" in refused.stdout and "--yes" in refused.stdout
    assert host.pids() == pids, "it stopped a service although nobody agreed"

    done = host.invoke("uninstall", "--yes")
    assert done.returncode == 0, done.stdout
    for thing in ("service kafka", "/opt/kafka_2.13-3.9.2", "/etc/zookeeper/zoo.cfg"):
        assert f"- {host.name}: {thing}" in done.stdout
    assert re.search(r"/usr/local/bin/\S+\.sh and \d\d more links", done.stdout)
    assert "Stays" in done.stdout and "/etc/kafka stays: it holds mine" in done.stdout
    assert "jre-headless stays" in done.stdout

    foreign = ["/opt/kafka-of-mine", "/etc/kafka"]
    left = set(host.sh(FIND).splitlines()) - untouched - set(foreign)
    assert {path for path in left if not path.startswith(KEPT)} == set()
    assert host.sh("cat /etc/kafka/mine/file; ls -d /opt/kafka-of-mine") == "yes\n/opt/kafka-of-mine"
    units = host.sh("systemctl list-units --all --plain --no-legend 'kafka*' 'zookeeper*'; pgrep -c java", expect=1)
    assert units == "0"
    assert host.sh("stat -c %U /var/lib/kafka/data /var/lib/zookeeper/data") == "kafka\nzookeeper"

    host.sh("rm -r /opt/kafka-of-mine /etc/kafka")
    again = host.invoke("uninstall", "--yes")
    assert again.returncode == 0 and "Nothing of the toolkit is on these hosts" in again.stdout

    assert "Smoke check passed" in host.deploy()
    assert identity(host) == before
    assert records(host.bootstrap, topic) == ["one", "two", "three"]


def test_a_killed_uninstall_is_finished_by_the_next_and_a_purge_leaves_nothing(cleared: tuple[LabHost, set[str]]):
    host, untouched = cleared
    host.deploy("--no-smoke")
    process = subprocess.Popen(
        [sys.executable, "-m", "invoke", "uninstall", "--hosts", str(host.inventory), "--purge-data", "--yes"],
        cwd=ROOT,
        env={**os.environ, "LAB": lab_name()},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    eventually(
        lambda: host.sh("systemctl is-active kafka", expect=None) != "active", seconds=60, what="the broker is stopping"
    )
    process.kill()
    process.wait(10)
    assert host.sh("test -e /opt/kafka/.provisioned && echo half") == "half", "killed too late to prove anything"

    done = host.invoke("uninstall", "--purge-data", "--yes")
    assert done.returncode == 0, done.stdout
    assert "every topic and record on these hosts is lost" in done.stdout
    assert set(host.sh(FIND).splitlines()) == untouched
    assert host.sh("getent passwd kafka zookeeper; getent group kafka zookeeper", expect=2) == ""
    plan = host.invoke("plan")
    assert plan.returncode == 0 and "user:kafka" in plan.stdout, plan.stdout


def test_an_empty_host_is_shown_as_such_by_every_verb_that_looks(bare: Callable[..., LabHost]):
    host = bare(base="kafka2")
    status = host.invoke("status")
    assert status.returncode == 2
    assert "kafka is not installed: deploy it" in status.stdout and "Traceback" not in status.stdout
    doctor = host.invoke("doctor")
    assert doctor.returncode == 0, doctor.stdout
    assert "nothing is deployed here yet" in doctor.stdout and "Nothing is wrong" in doctor.stdout
    logs = host.invoke("logs")
    assert logs.returncode == 0 and "nothing was logged; is it deployed?" in logs.stdout
    removed = host.invoke("uninstall")
    assert removed.returncode == 0 and "Nothing of the toolkit is on these hosts" in removed.stdout
    assert host.sh("ls /opt /etc/systemd/system | grep -iE 'kafka|zookeeper'", expect=1) == ""
