"""One variable changed: the plan says exactly what follows, the deploy does exactly that, once."""

from __future__ import annotations

import re
import time
from pathlib import Path

import yaml

from .hosts import LabHost, counts, run_invoke

HEAP = ("--extra-vars", "kafka_heap=600m")
RETENTION = ("--extra-vars", '{"kafka_config": {"log.retention.hours": 48}}')

# Everything that a plan could touch by mistake: content, modes, owners and times, links, units, processes.
PICTURE = """
find /etc/kafka /etc/zookeeper /etc/systemd/system /etc/sysctl.d /etc/security /etc/passwd /usr/local /opt \
    /var/lib/provisioner/once /var/lib/provisioner/archives -printf '%p %m %u %g %T@ %C@ %l\\n' | sort
find /etc/kafka /etc/zookeeper /etc/systemd/system /usr/local -type f -print0 | sort -z | xargs -0 sha256sum
systemctl show -P MainPID -P NRestarts -P UnitFileState kafka zookeeper
"""


def changed_lines(output: str) -> list[str]:
    """The lines of the diffs that go or come, as shown: indented by six blanks."""
    return [line.strip() for line in output.splitlines() if re.match(r" {6}([-+])(?!\1\1 )", line)]


def steady(output: str) -> list[str]:
    """An output without what differs between two equal runs: the time it took."""
    return [line for line in output.splitlines() if not re.search(r"(Finished in|sending the agent)", line)]


def test_a_larger_heap_is_planned_told_applied_once_and_in_force(single: LabHost):
    picture, before = single.sh(PICTURE), single.pids()
    plan = single.invoke("plan", *HEAP)
    assert plan.returncode == 0, plan.stdout
    assert changed_lines(plan.stdout) == [
        "-KAFKA_HEAP_OPTS=-Xms512m -Xmx512m",
        "+KAFKA_HEAP_OPTS=-Xms600m -Xmx600m",
    ]
    restart = f"~ {single.name}: restart service:kafka (needed: it would run with an older /etc/kafka/kafka.env)"
    assert restart in plan.stdout and "\n1 to change, 1 to restart\n" in plan.stdout
    assert " changed=1 restarted=1 " in plan.stdout, "the recap counts otherwise than the sum"
    assert single.sh(PICTURE) == picture, "the plan has changed something"

    began = time.monotonic()
    output = single.deploy("--no-smoke", *HEAP)
    restarting = time.monotonic() - began
    assert f"~ {single.name}: restart service:kafka (runs with an older /etc/kafka/kafka.env)" in output
    assert "restart service:zookeeper" not in output
    assert " changed=1 restarted=1 " in output, "the deploy counts otherwise than its plan"
    after = single.pids()
    assert after["zookeeper"] == before["zookeeper"] and after["kafka"] not in ("0", before["kafka"])
    assert "-Xmx600m" in single.sh(f"tr '\\0' '\\n' < /proc/{after['kafka']}/cmdline").splitlines()

    began = time.monotonic()
    again = single.deploy("--no-smoke", *HEAP)
    assert time.monotonic() - began < restarting, "a deploy without work takes as long as one with a restart"
    assert counts(again, single.name)["touched"] == 0 and single.pids() == after

    output = single.deploy()  # back to the inventory's own heap, with the smoke check
    assert counts(output, single.name)["touched"] == 2 and "Smoke check passed" in output
    assert "-Xmx512m" in single.sh(f"tr '\\0' '\\n' < /proc/{single.pids()['kafka']}/cmdline").splitlines()


def test_a_broker_property_is_planned_applied_and_in_force(single: LabHost):
    before = single.pids()
    plan = single.invoke("plan", *RETENTION)
    assert plan.returncode == 0, plan.stdout
    assert changed_lines(plan.stdout) == [
        "-log.retention.ms=604800000",
        "+# kafka_config sets this in another unit: log.retention.ms is left out",
        "+",
        "+# from kafka_config",
        "+log.retention.hours=48",
    ]
    assert "restart service:kafka (needed: it would run with an older /etc/kafka/server.properties)" in plan.stdout

    output = single.deploy("--no-smoke", "--diff", *RETENTION)
    assert changed_lines(output) == changed_lines(plan.stdout), "--diff shows something else than the plan did"
    assert counts(output, single.name)["touched"] == 2
    after = single.pids()
    assert after["zookeeper"] == before["zookeeper"] and after["kafka"] not in ("0", before["kafka"])
    described = single.sh(
        f"kafka-configs.sh --bootstrap-server {single.bootstrap} --entity-type brokers --entity-name 1 --describe --all"
    )
    assert re.search(r"^\s*log\.retention\.hours=48 ", described, re.M), described
    assert counts(single.deploy("--no-smoke", *RETENTION), single.name)["touched"] == 0
    assert single.pids() == after
    single.deploy("--no-smoke")


def test_what_a_restart_reads_is_left_out_together_with_it(single: LabHost):
    picture = single.sh(PICTURE)
    output = single.deploy("--no-smoke", "--no-restart", *HEAP)
    assert "kafka needs a new /etc/kafka/kafka.env; left out with its restart (--no-restart)" in output
    found = counts(output, single.name)
    assert (found["touched"], found["skipped"]) == (0, 1) and single.sh(PICTURE) == picture


def test_a_change_taken_back_before_the_restart_asks_for_none(single: LabHost):
    before = single.pids()
    # As a run leaves it that is cut off between the file and the restart.
    single.sh("sed -i 's/-Xms512m -Xmx512m/-Xms600m -Xmx600m/' /etc/kafka/kafka.env")
    output = single.deploy("--no-smoke", "--no-restart", *HEAP)
    assert "kafka runs with an older /etc/kafka/kafka.env; restart left out (--no-restart)" in output
    assert counts(output, single.name)["touched"] == 0 and single.pids() == before

    waiting = single.invoke("plan", *HEAP).stdout
    assert changed_lines(waiting) == [] and "\n0 to change, 1 to restart\n" in waiting
    assert "restart service:kafka" in waiting, "a restart that was left out is forgotten"

    back = single.invoke("plan")
    assert "\n1 to change, 0 to restart\n" in back.stdout and "restart service" not in back.stdout
    output = single.deploy("--no-smoke")
    assert counts(output, single.name)["touched"] == 1 and "restart service" not in output
    assert single.pids() == before


def test_a_port_that_is_to_change_with_a_later_restart_is_not_waited_for(single: LabHost):
    began, before = time.monotonic(), single.pids()
    output = single.deploy("--no-smoke", "--no-restart", "--extra-vars", "kafka_port=9192")
    assert "left out with its restart (--no-restart)" in output
    assert time.monotonic() - began < 60, "waited for a broker at the new port, where none is"
    assert "restart service" not in single.deploy("--no-smoke") and single.pids() == before


def test_every_way_to_ask_first_says_the_same_and_changes_nothing(single: LabHost):
    picture = single.sh(PICTURE)
    plan = steady(single.invoke("plan", *HEAP).stdout)
    assert f"  ~ {single.name}: file:/etc/kafka/kafka.env (content)" in plan
    without_diff = [line for line in plan if not line.startswith("      ")]
    assert without_diff != plan
    ways = {"deploy --check --diff": plan, "--dry deploy --diff": plan, "deploy --check": without_diff}
    for way, expected in ways.items():
        done = run_invoke(*way.split(), "--hosts", str(single.inventory), *HEAP)
        assert done.returncode == 0, done.stdout
        assert steady(done.stdout) == expected, way
    assert single.sh(PICTURE) == picture


def test_tags_leave_other_roles_alone_and_count_them_as_skipped(single: LabHost):
    everything = counts(single.deploy("--no-smoke"), single.name)
    assert everything["skipped"] == 0
    single.sh("chmod 0600 /etc/zookeeper/zoo.cfg; chmod 0600 /etc/kafka/log4j.properties")
    output = single.deploy("--no-smoke", "--tags", "kafka")
    found = counts(output, single.name)
    assert found["touched"] == 1 and "zoo.cfg" not in output
    assert found["ok"] + found["skipped"] == everything["ok"] and 0 < found["ok"] < found["skipped"] + found["ok"]
    assert single.sh("stat -c %a /etc/zookeeper/zoo.cfg /etc/kafka/log4j.properties").split() == ["600", "640"]
    assert counts(single.deploy("--no-smoke", "--tags", "zookeeper,os"), single.name)["touched"] == 1
    assert single.sh("stat -c %a /etc/zookeeper/zoo.cfg") == "644"


def test_an_unknown_tag_or_an_empty_limit_is_a_usage_error(single: LabHost):
    output = single.deploy("--tags", "kafak", expect=1)
    assert "unknown tag kafak" in output and "os, java, zookeeper, kafka" in output
    output = single.deploy("--limit", "nobody", expect=1)
    assert "nobody" in output and "Traceback" not in output


def test_a_host_left_out_by_limit_is_not_even_connected_to(single: LabHost, tmp_path: Path):
    content = yaml.safe_load(single.inventory.read_text())
    mine = content["all"]["children"]["kafka"]["hosts"][single.name]
    # Port 1 of this machine: nothing answers there.
    away = {**mine, "ansible_port": 1, "kafka_broker_id": 2, "kafka_port": 1092, "kafka_advertised_host": "192.0.2.1"}
    mine["kafka_advertised_host"] = single.name
    content["all"]["children"]["kafka"]["hosts"]["away"] = away
    both = tmp_path / "both.yml"
    both.write_text(yaml.safe_dump(content, sort_keys=False))
    done = run_invoke("plan", "--hosts", str(both))
    assert done.returncode == 4 and "away: cannot connect to 127.0.0.1:1" in done.stdout, done.stdout
    for limit in (single.name, "!away"):
        done = run_invoke("plan", "--hosts", str(both), "--limit", limit)
        assert done.returncode == 0, done.stdout
        assert "away" not in done.stdout and counts(done.stdout, single.name)["failed"] == 0
