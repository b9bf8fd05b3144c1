"""A deployed host: nothing to do the second time, and back by itself, or by the next deploy, after accidents."""

from __future__ import annotations

import re
import subprocess
import uuid
from collections.abc import Iterator

import pytest

from .hosts import LabHost, counts
from .serving import create_topic, delete_topic, eventually, produce, records, serves

# A killed broker's ZooKeeper session holds its id for up to 18 s; on a busy machine a start takes 20 s more.
BACK = 120


@pytest.fixture(scope="module")
def kept(deployed: LabHost) -> Iterator[str]:
    """A topic with three records that must outlive everything in this file."""
    topic = f"kept-{uuid.uuid4().hex[:8]}"
    create_topic(deployed.bootstrap, topic)
    produce(deployed.bootstrap, topic, ["one", "two", "three"])
    yield topic
    delete_topic(deployed.bootstrap, topic)


@pytest.mark.quick
def test_a_second_deploy_changes_nothing_and_restarts_nothing(single: LabHost):
    before = single.pids()
    output = single.deploy("--timings")
    found = counts(output, single.name)
    assert found["touched"] == 0 and found["failed"] == 0 and found["ok"] > 40
    header, *rows = output.partition("--> Timings\n")[2].splitlines()
    assert header.split() == ["seconds", "all", single.name]
    parts = {part: float(seconds) for part, seconds in (re.split(r"\s{2,}", row) for row in rows)}
    assert {"load the inventory", "ssh: key exchange", "agent", "read", "smoke"} <= set(parts)
    assert max(parts.values()) <= parts["smoke"] + 5 and parts["smoke"] > parts["smoke: produce PLAINTEXT"] > 0
    assert "No changes" in output and "Smoke check passed" in output
    assert f"\n  bootstrap.servers: {single.bootstrap}\n" in output
    assert single.pids() == before and "0" not in before.values()


@pytest.mark.parametrize("unit", ["kafka", "zookeeper"])
def test_a_killed_service_serves_again_by_itself_with_every_record(single: LabHost, kept: str, unit: str):
    before = single.pids()
    single.sh(f"kill -9 {before[unit]}")
    eventually(
        lambda: single.sh(f"systemctl is-active {unit}; systemctl show -P MainPID {unit}").split(),
        seconds=BACK,
        what=f"{unit} is there again",
    )
    eventually(lambda: serves(single.bootstrap), seconds=BACK, what=f"Kafka serves after kill -9 of {unit}")
    after = single.pids()
    assert after[unit] not in ("0", before[unit])
    # ZooKeeper's death is no reason for the broker to go: it reconnects.
    assert after["zookeeper"] == before["zookeeper"] or unit == "zookeeper"
    assert after["kafka"] == before["kafka"] or unit == "kafka"
    assert records(single.bootstrap, kept) == ["one", "two", "three"]


def test_a_rebooted_host_serves_again_by_itself_and_a_deploy_has_nothing_to_do(single: LabHost, kept: str):
    booted = single.sh("stat -c %Y /proc/1; cat /proc/1/stat | cut -d' ' -f22")
    subprocess.run(["docker", "restart", single.name], check=True, capture_output=True, timeout=120)
    eventually(lambda: serves(single.bootstrap), seconds=BACK, what="Kafka serves after a reboot")
    assert single.sh("stat -c %Y /proc/1; cat /proc/1/stat | cut -d' ' -f22") != booted
    assert records(single.bootstrap, kept) == ["one", "two", "three"]
    before = single.pids()
    assert counts(single.deploy(), single.name)["touched"] == 0
    assert single.pids() == before


def test_a_service_stopped_and_disabled_by_hand_is_started_and_enabled_by_a_deploy(single: LabHost, kept: str):
    zookeeper = single.pids()["zookeeper"]
    single.sh("systemctl disable --now kafka")
    plan = single.invoke("plan")
    assert plan.returncode == 0 and "service:kafka (enabled, active)" in plan.stdout
    assert single.sh("systemctl is-active kafka", expect=3) == "inactive", "the plan started it"
    output = single.deploy()
    assert counts(output, single.name)["touched"] == 1 and "Smoke check passed" in output
    assert single.sh("systemctl is-active kafka; systemctl is-enabled kafka") == "active\nenabled"
    assert single.pids()["zookeeper"] == zookeeper
    assert records(single.bootstrap, kept) == ["one", "two", "three"]


def test_both_services_are_sandboxed_while_they_serve(single: LabHost):
    assert serves(single.bootstrap)
    found = {}
    for unit in ("kafka", "zookeeper"):
        text = single.sh(f"systemctl is-active {unit}; systemd-analyze security --no-pager {unit}.service")
        assert text.startswith("active\n")
        match = re.search(r"Overall exposure level for \S+: ([0-9.]+)", text)
        assert match, text
        found[unit] = float(match[1])
    assert max(found.values()) <= 1.5, found


def test_a_lost_data_directory_stops_the_deploy_and_starts_nothing(single: LabHost, kept: str):
    single.sh("systemctl stop kafka && mv /var/lib/kafka/data /var/lib/kafka/elsewhere")
    try:
        output = single.deploy(expect=2)
        assert single.sh("systemctl is-active kafka; test -e /var/lib/kafka/data || echo absent", expect=0) == (
            "inactive\nabsent"
        )
    finally:
        single.sh("mv /var/lib/kafka/elsewhere /var/lib/kafka/data")
    assert "/var/lib/kafka/data (Kafka data) was there at an earlier deploy and is gone" in output
    assert "mount or restore it" in output and "Traceback" not in output
    assert counts(output, single.name)["failed"] == 1 and counts(output, single.name)["touched"] == 0
    output = single.deploy()
    assert counts(output, single.name)["touched"] == 1 and "service:kafka" in output
    assert records(single.bootstrap, kept) == ["one", "two", "three"]
