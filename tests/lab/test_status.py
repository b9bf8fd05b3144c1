"""Looking at a real host: status, logs and doctor, when all is well and when it is not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid

import pytest

from .hosts import ROOT, LabHost, lab_name, status_json
from .serving import create_topic, delete_topic, eventually, produce

FOLLOWERS = "pgrep -fc '[j]ournalctl --follow'; true"
LEFT = "pgrep -fa '[j]ournalctl --follow|[P]ROVISIONER AGENT' | cut -c1-200"


def test_a_healthy_host_is_shown_with_its_roles_numbers_and_versions(single: LabHost):
    topic = f"status-{uuid.uuid4().hex[:8]}"
    create_topic(single.bootstrap, topic)
    try:
        produce(single.bootstrap, topic, ["x" * 10_000] * 10)
        found = status_json(single, expect=0)
        page = single.invoke("status")
    finally:
        delete_topic(single.bootstrap, topic)
    assert found["healthy"] is True and found["problems"] == []
    services = found["hosts"][single.name]["services"]
    kafka, zookeeper = services["kafka"], services["zookeeper"]
    assert kafka["version"] == "3.9.2" and zookeeper["version"] == "3.8.6"
    assert kafka["heap_max_bytes"] == 512 * 2**20 and 0 < kafka["heap_used_bytes"] < kafka["heap_max_bytes"]
    assert kafka["memory_bytes"] > 100 * 2**20 and kafka["uptime_seconds"] > 0 and kafka["restart_pending"] == []
    (disk,) = kafka["disks"]
    assert disk["path"] == "/var/lib/kafka/data" and disk["error"] is None
    assert 100_000 <= disk["data_bytes"] < disk["used_bytes"] <= disk["total_bytes"]
    assert zookeeper["mode"] == "standalone" and found["ensemble"]["leader"] == single.name
    cluster = found["cluster"]
    assert cluster["controller"] == 1 and cluster["brokers_registered"] == [1] == cluster["brokers_expected"]
    assert cluster["partitions"] >= 1 and cluster["leaders"] == {"1": cluster["partitions"]}
    assert all(cluster[key]["count"] == 0 for key in ("offline", "under_min_isr", "under_replicated"))

    own, (servers,) = cluster["internal"], cluster["bootstrap_servers"]
    assert own["partitions"] < cluster["partitions"] or cluster["topics"] == own["topics"]
    users = f"partitions: {cluster['partitions'] - own['partitions']} of {cluster['topics'] - own['topics']} topic"
    assert page.returncode == 0 and users in page.stdout, page.stdout
    assert servers["servers"] == single.bootstrap and f"\nbootstrap.servers: {single.bootstrap}\n" in page.stdout
    assert f"{single.name}  kafka      controller 1" in page.stdout and "standalone" in page.stdout
    assert page.stdout.rstrip().endswith("Healthy") and "\x1b" not in page.stdout


def test_a_stopped_broker_is_told_by_status_and_doctor_with_exit_code_2_and_neither_starts_it(single: LabHost):
    single.sh("systemctl stop kafka")
    try:
        found = status_json(single, expect=2)
        page, doctor = single.invoke("status"), single.invoke("doctor")
        assert single.sh("systemctl is-active kafka", expect=3) == "inactive"
    finally:
        single.sh("systemctl start kafka")
        eventually(lambda: single.invoke("status").returncode == 0, seconds=120, what="healthy again", every=1)
    assert found["healthy"] is False and found["cluster"] is None
    why = f"{single.name}: kafka does not run (dead): `invoke logs` shows why, `invoke deploy` starts it"
    assert found["problems"] == [why]
    assert page.returncode == 2 and "Not healthy:" in page.stdout and why in page.stdout
    assert doctor.returncode == 2 and why in doctor.stdout and "1 wrong" in doctor.stdout


def test_a_pending_restart_is_noted_and_is_not_a_fault(single: LabHost):
    file = "/etc/kafka/server.properties"
    single.sh(f"cp -a {file} /root/was && echo queued.max.requests=501 >> {file}")
    try:
        found = status_json(single, expect=0)
        page, doctor = single.invoke("status"), single.invoke("doctor")
    finally:
        single.sh(f"cp -a /root/was {file}")
    kafka = found["hosts"][single.name]["services"]["kafka"]
    assert kafka["restart_pending"] == ["/etc/kafka/server.properties"]
    note = "kafka runs with an older /etc/kafka/server.properties: the next deploy restarts it"
    assert note in page.stdout and "pending" in page.stdout and page.returncode == 0
    assert note in doctor.stdout and "1 thing differs from the inventory" in doctor.stdout and doctor.returncode == 0


def test_a_healthy_host_passes_the_doctor_who_changes_nothing(single: LabHost):
    state = "find /etc /opt /usr/local /var/lib/kafka/data/meta.properties -newer /root/mark"
    single.sh("touch /root/mark")
    pids = single.pids()
    done = single.invoke("doctor")
    assert done.returncode == 0 and "Nothing is wrong" in done.stdout
    assert single.sh(state) == "" and single.pids() == pids
    free = single.invoke("doctor", "--extra-vars", "kafka_disk_min=900t")
    assert free.returncode == 2 and "900 TiB are needed" in free.stdout and "free some space" in free.stdout


@pytest.mark.parametrize("verb", ["status", "logs", "doctor"])
def test_an_unreachable_host_is_shown_as_such_with_exit_code_4(single: LabHost, verb: str):
    done = single.invoke(verb, "--extra-vars", "ansible_port=1")
    assert done.returncode == 4 and "Traceback" not in done.stdout
    assert single.name in done.stdout and "cannot connect to 127.0.0.1:1" in done.stdout


def mark(host: LabHost, unit: str, text: str, level: str = "INFO") -> None:
    name = {"kafka": "server", "zookeeper": "zookeeper"}[unit]
    host.sh(f'echo "[$(date "+%F %T,%3N")] {level} {text}" >> /var/log/{unit}/{name}.log')


def test_logs_of_all_services_come_in_order_of_time_with_what_systemd_says(single: LabHost):
    first, second, third = (f"mark-{uuid.uuid4().hex}" for _ in range(3))
    mark(single, "zookeeper", first)
    mark(single, "kafka", second)
    mark(single, "zookeeper", third)
    done = single.invoke("logs", "--lines", "100000")  # back to the start of the service, whatever came after it
    assert done.returncode == 0, done.stdout
    assert done.stdout.index(first) < done.stdout.index(second) < done.stdout.index(third)
    (line,) = [line for line in done.stdout.splitlines() if second in line]
    assert line.startswith(f"{single.name} kafka ")
    assert "systemd: Started kafka.service" in done.stdout
    only = single.invoke("logs", "--service", "kafka", "--since", "1m", "--lines", "5")
    assert second in only.stdout and first not in only.stdout and len(only.stdout.splitlines()) <= 6


def test_logs_are_chosen_by_level_and_word_and_leave_out_what_our_own_checks_cause(single: LabHost):
    word = f"mark-{uuid.uuid4().hex}"
    mark(single, "kafka", f"harmless {word}")
    mark(single, "zookeeper", f"broken {word}", level="ERROR")
    assert single.invoke("status").returncode == 0  # asks the ZooKeeper server
    found = single.invoke("logs", "--grep", word)
    assert [line.split()[1] for line in found.stdout.splitlines()] == ["kafka", "zookeeper"], found.stdout
    worse = single.invoke("logs", "--grep", word, "--level", "error")
    assert "broken" in worse.stdout and len(worse.stdout.splitlines()) == 1, worse.stdout
    probe = "Processing (srvr|mntr) command from /127.0.0.1"
    hidden = single.invoke("logs", "--grep", probe)
    assert "nothing was logged with this --grep" in hidden.stdout, hidden.stdout
    assert "command from /127.0.0.1:" in single.invoke("logs", "--grep", probe, "--probes", "--lines", "1").stdout


def test_followed_logs_bring_new_lines_and_ctrl_c_ends_them_here_and_on_the_host(single: LabHost):
    text = f"mark-{uuid.uuid4().hex}"
    process = subprocess.Popen(
        [sys.executable, "-m", "invoke", "logs", "--follow", "--lines", "1", "--hosts", str(single.inventory)],
        cwd=ROOT,
        env={**os.environ, "LAB": lab_name()},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        eventually(lambda: single.sh(FOLLOWERS) == "1", seconds=60, what="it follows")
        mark(single, "kafka", text)
        killer = subprocess.Popen(["sh", "-c", f"sleep 60; kill -9 {process.pid}"], start_new_session=True)
        try:
            assert any(text in line for line in process.stdout), "the new line never came"
        finally:
            os.killpg(killer.pid, signal.SIGKILL)
            killer.wait()
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130
    assert all(line.startswith(f"{single.name} ") for line in rest.splitlines()), f"more than log lines: {rest}"
    eventually(lambda: single.sh(LEFT) == "", seconds=30, what="nothing of it is left on the host")


@pytest.mark.parametrize("flags", ["", "--follow"])
def test_a_reader_that_has_enough_ends_the_logs_without_complaint(single: LabHost, flags: str):
    for _ in range(2):
        mark(single, "kafka", "y" * 200)
    command = f"{sys.executable} -m invoke logs {flags} --lines 3 --hosts {single.inventory} 2>&1 | head -n 1"
    environment = {**os.environ, "LAB": lab_name()}
    process = subprocess.Popen(
        ["bash", "-c", command], cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        # With --follow, nothing more is written that could find out: it is noticed while waiting.
        output, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert len(output.splitlines()) == 1 and single.name in output, output
    eventually(lambda: single.sh(LEFT) == "", seconds=30, what="nothing of it is left on the host")
