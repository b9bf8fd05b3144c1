"""Hosts and inventories that cannot work: one clear message each, nothing half-written, and a way back.

What needs no host to be refused is in tests/unit/test_cli.py. Here an empty host is refused again and again and
stays empty; a deployed one is broken by a variable and comes back when it is taken back.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from lab import engine
from lab.lab import Lab

from .hosts import NO_SELECTOR, LabHost, counts

BASE = "kafka4"  # not one of the prod3 inventory, whose hosts other tests may have deployed
# What a deploy leaves, from its first change to its last.
TRACES = (
    "getent passwd kafka zookeeper; ls -d /opt/*kafka* /opt/*zookeeper* /etc/kafka /var/lib/kafka /usr/lib/jvm 2>&-"
)


@pytest.fixture(scope="module")
def empty(bare_lab: Lab, host: Callable[[str], LabHost]) -> Iterator[LabHost]:
    """A host on which nothing of ours is, for all tests of this module."""
    bare_lab.recreate(BASE)
    yield host(BASE)
    bare_lab.down([BASE])


def refuse(host: LabHost, *variables: str, expect: int = 2, **options: object) -> str:
    """The message of a deploy that is refused by preflight and has changed nothing at all."""
    before = traces(host)
    extra = [word for variable in variables for word in ("--extra-vars", variable)]
    output = host.deploy(*extra, expect=expect, **options)
    assert "Traceback" not in output and "Apply" not in output
    assert counts(output, host.name)["touched"] == 0 and counts(output, host.name)["failed"] >= 1
    assert f"error: {host.name}: " in output and "\n  -> " in output
    assert traces(host) == before
    return output


def traces(host: LabHost) -> str:
    return host.sh(TRACES, expect=None)


@contextlib.contextmanager
def small_disk(host: LabHost, path: str, size: str) -> Iterator[None]:
    """A file system of its own, and hardly any room on it, at `path`."""
    host.sh(f"mkdir -p {path} && mount -t tmpfs -o size={size} tmpfs {path}")
    try:
        yield
    finally:
        host.sh(f"umount -l {path}")


@contextlib.contextmanager
def stranger(host: LabHost, port: int) -> Iterator[None]:
    """Another program that listens on the port."""
    pid = host.sh(f"setsid python3 -m http.server {port} >/dev/null 2>&1 </dev/null & echo $!")
    try:
        deadline = time.monotonic() + 20
        while f":{port} " not in host.sh("ss -Hltn"):
            assert time.monotonic() < deadline, f"nothing listens on {port}"
            time.sleep(0.05)
        yield
    finally:
        host.sh(f"kill {pid}")


# -- an empty host stays empty


def test_everything_wrong_with_a_host_is_said_at_once(empty):
    port = empty.lab.ports(BASE)["kafka"]
    with small_disk(empty, "/mnt/data", "20m"), stranger(empty, port):
        output = refuse(
            empty,
            "kafka_heap=900g",
            "os_nofile=99999999",
            "kafka_data_dirs=[/mnt/data/kafka]",
            "zookeeper_disk_min=900t",
            "java_home=/opt/no-jdk",
        )
    for part in (
        "the heaps (zookeeper 128 MiB + kafka 900 GiB) do not fit into",
        "files and 99999999 are asked for",
        "/mnt/data/kafka has 20 MiB free, 1 GiB are needed",
        "/var/lib/zookeeper/data has",
        f"port {port}, which kafka.service needs, is in use by python3 (pid ",
        "there is no Java at /opt/no-jdk",
    ):
        assert part in output
    assert counts(output, empty.name)["failed"] == output.count(f"error: {empty.name}: ") == 6


@pytest.mark.parametrize(
    ("release", "said"),
    [
        ('JAVA_VERSION="1.8.0_412"', "not on Java 8"),
        ("", "does not say its"),
    ],
)
def test_a_java_that_does_not_fit_is_refused(empty, release, said):
    empty.sh("mkdir -p /opt/jdk/bin && printf '#!/bin/sh\\n' > /opt/jdk/bin/java && chmod 755 /opt/jdk/bin/java")
    empty.sh(f"echo '{release}' > /opt/jdk/release")
    output = refuse(empty, "java_home=/opt/jdk")
    assert said in output and ("set java_home to a Java that fits" in output or "`release` file" in output)


def test_another_operating_system_is_refused_with_the_ones_that_work(empty):
    empty.sh("cp --remove-destination /etc/os-release /etc/os-release.kept")
    try:
        empty.sh('printf \'ID=slackware\\nVERSION_ID="15.0"\\nPRETTY_NAME="Slackware 15.0"\\n\' > /etc/os-release')
        output = refuse(empty)
    finally:
        empty.sh("mv /etc/os-release.kept /etc/os-release")
    assert "Slackware 15.0 is not supported" in output and "debian 12" in output and "ubuntu 22.04" in output


def test_no_python_and_too_old_a_python_are_told_apart(empty):
    output = refuse(empty, "ansible_python_interpreter=/usr/bin/nonexistent")
    assert "there is no /usr/bin/nonexistent" in output and "install python3 (>= 3.8)" in output
    # The real interpreter that says it is an older one.
    empty.sh(
        "cat > /usr/local/bin/python3.6 <<'END'\n#!/usr/bin/python3\nimport sys\nsys.version_info = (3, 6, 9)\n"
        "exec(compile(sys.argv[-1], '<agent>', 'exec'), {'__name__': '__main__'})\nEND\n"
        "chmod 755 /usr/local/bin/python3.6"
    )
    output = refuse(empty, "ansible_python_interpreter=/usr/local/bin/python3.6")
    assert "Python is 3.6.9, at least 3.8 is needed" in output and "ansible_python_interpreter" in output


def test_a_host_without_systemd_is_refused(empty, lab):
    """A container of the lab's image whose PID 1 is sshd."""
    name = f"{lab.name}-no-systemd"
    image = engine.docker("inspect", "--format", "{{.Config.Image}}", empty.name).stdout.strip()
    keys = "/home/ops/.ssh/authorized_keys"
    prepare = f"ssh-keygen -A && mkdir -p /run/sshd /home/ops/.ssh && echo '{lab.state.public_key}' > {keys}"
    start = f"{prepare} && chown -R ops:ops /home/ops && exec /usr/sbin/sshd -D"
    engine.docker("run", "--detach", "--name", name, "--publish", "127.0.0.1::22", image, "sh", "-c", start)
    try:
        port = engine.docker("port", name, "22").stdout.split()[0].rpartition(":")[2]
        known_hosts = empty.inventory.parent / "no-systemd-known-hosts"
        host = LabHost(lab, BASE, empty.inventory)
        arguments = (f"ansible_port={port}", f"ansible_ssh_common_args=-o UserKnownHostsFile={known_hosts}")
        extra = [word for argument in arguments for word in ("--extra-vars", argument)]
        deadline = time.monotonic() + 30
        while "unreachable=1" in (output := host.invoke("deploy", *extra, "--accept-new-host-keys").stdout):
            assert time.monotonic() < deadline, output
        found = host.invoke("deploy", *extra)
        assert found.returncode == 2, found.stdout
        assert f"{empty.name}: PID 1 is sshd, not systemd" in found.stdout and "Apply" not in found.stdout
        assert "systemd does not answer" not in found.stdout and "Traceback" not in found.stdout
    finally:
        engine.docker("rm", "--force", "--volumes", name)


class Altered(BaseHTTPRequestHandler):
    """A repository in which somebody changed every file."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"not the jar that was locked")

    def log_message(self, *arguments: object) -> None:
        pass


def test_files_that_are_not_the_locked_ones_never_reach_a_host(empty, tmp_path):
    with ThreadingHTTPServer(("127.0.0.1", 0), Altered) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        env = {"PROVISIONER_CACHE": str(tmp_path), "PROVISIONER_MAVEN_URL": f"http://127.0.0.1:{server.server_port}"}
        before = traces(empty)
        output = empty.deploy(expect=1, env=env)
        server.shutdown()
    assert ".jar is not the file that was asked for" in output and "expected" in output and "got" in output
    assert f"http://127.0.0.1:{server.server_port}/" in output and "do not use it" in output
    assert "Traceback" not in output and "Failed after" in output and "changed=" not in output
    assert traces(empty) == before
    kept = [path for folder in ("blobs", "closures") for path in (tmp_path / folder).rglob("*") if path.is_file()]
    assert (tmp_path / "blobs").is_dir() and not any(path.stat().st_size for path in kept)


def test_a_disk_that_fills_up_leaves_nothing_half_unpacked_and_the_next_deploy_goes_on(empty):
    with small_disk(empty, "/opt", "40m"):
        output = empty.deploy("--no-smoke", expect=2)
        assert f"error: {empty.name}: archive:/opt/" in output and "No space left on device" in output
        assert "free some space" in output and "Traceback" not in output
        left = empty.sh("ls -A /opt")
        assert "zookeeper" in left and "kafka" not in left and "~" not in left
    # Now the file system that holds the agent and what is sent to it: no room for the one, then for the other.
    with small_disk(empty, "/var/lib/provisioner", "64k"):
        output = empty.deploy("--no-smoke", expect=2)
        assert "cannot install the agent" in output and "the disk is full: free some space" in output
    with small_disk(empty, "/var/lib/provisioner", "8m"):
        output = empty.deploy("--no-smoke", expect=2)
        assert "No space left on device" in output and "free some space" in output
        assert empty.sh("find /var/lib/provisioner/cache -type f", expect=None) == ""
    output = empty.deploy()
    assert "Smoke check passed" in output and counts(output, empty.name)["failed"] == 0


# -- a deployed host: refused before anything changes, or broken and fixed


@pytest.mark.quick
def test_an_identity_does_not_change_once_there_is_data(single):
    before = single.pids()
    output = single.deploy(
        "--extra-vars",
        "kafka_broker_id=7",
        "--extra-vars",
        "zookeeper_myid=9",
        "--extra-vars",
        "kafka_heap=400m",
        expect=2,
    )
    assert "belongs to broker id (kafka_broker_id) 1" in output and "the inventory says 7" in output
    assert "belongs to ZooKeeper server id (zookeeper_myid) 1" in output and "the inventory says 9" in output
    assert "Apply" not in output and single.pids() == before
    assert "broker.id=1" in single.sh("cat /etc/kafka/server.properties").replace(" ", "")


def test_a_strangers_port_is_refused_for_a_running_service_too(single):
    with stranger(single, 9555):
        output = single.deploy("--extra-vars", "kafka_port=9555", expect=2)
    assert "port 9555, which kafka.service needs, is in use by python3 (pid " in output and "Apply" not in output


def test_a_part_of_a_deploy_does_not_take_the_services_own_ports_for_taken(single):
    output = single.deploy("--tags", "os", "--no-smoke")
    assert counts(output, single.name)["touched"] == 0 and counts(output, single.name)["skipped"] > 0


@pytest.mark.parametrize(
    ("unit", "variable", "evidence"),
    [
        ("kafka", f"kafka_config={{replica.selector.class: {NO_SELECTOR}}}", "cannot be cast to class"),
        ("zookeeper", "zookeeper_jvm_opts=['-XX:NoSuchOption']", "Unrecognized VM option 'NoSuchOption'"),
    ],
)
def test_a_service_that_does_not_start_shows_its_last_words_and_is_mended_by_taking_it_back(
    single, unit, variable, evidence
):
    output = single.deploy("--extra-vars", variable, expect=2, timeout=120)
    assert f"error: {single.name}: " in output and unit in output and evidence in output
    assert f"journalctl -u {unit}" in output and "Traceback" not in output
    output = single.deploy()
    assert "Smoke check passed" in output
    assert single.sh(f"systemctl is-active {unit}") == "active"
