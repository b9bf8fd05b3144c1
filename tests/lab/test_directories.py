"""Directories, files, users and groups that are not ours: refused before anything changes, or used and left as found.

On the shared `single` each refusal proves that nothing has changed; a host of its own has all of it before its first
deploy.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from lab.lab import Lab

from .hosts import ROOT, LabHost, counts
from .serving import create_topic, eventually, produce
from .unchanged import snapshot, unchanged

BASE = "kafka4"  # not one of the prod3 inventory, whose hosts other tests may have deployed


def extra(**variables: object) -> tuple[str, str]:
    return "--extra-vars", json.dumps(variables)


# Data directories that the inventory alone shows to be none, and what is said of each.
NOT_ITS_OWN: tuple[tuple[dict[str, object], str], ...] = (
    ({"kafka_data_dirs": ["/"]}, "kafka_data_dirs: / is the root of the file system"),
    ({"kafka_data_dirs": ["/srv"]}, "kafka_data_dirs: /srv is shared with everything else on the host"),
    ({"kafka_data_dirs": ["/home"]}, "kafka_data_dirs: /home is hidden from services (ProtectHome)"),
    ({"kafka_data_dirs": ["/tmp"]}, "kafka_data_dirs: /tmp is emptied, and private to each service (PrivateTmp)"),
    ({"kafka_data_dirs": ["/etc/kafka"]}, "kafka_data_dirs: /etc/kafka is in /etc, which belongs to the system"),
    ({"kafka_data_dirs": ["/srv/../etc/kafka"]}, "'/srv/../etc/kafka' has . or .. in it"),
    ({"kafka_data_dirs": ["/data/%i"]}, "kafka_data_dirs: /data/%i has '%' in it"),
    ({"kafka_data_dirs": ["data/kafka"]}, "'data/kafka' does not begin with /"),
    ({"kafka_data_dirs": []}, "it needs one path at least"),
    ({"kafka_data_dirs": ["/var/lib/kafka"]}, "use /var/lib/kafka/data; data that is there already must be moved"),
    ({"kafka_data_dirs": ["/var/lib/zookeeper/data"]}, "is in /var/lib/zookeeper, which only zookeeper can reach"),
    ({"zookeeper_data_dir": "/etc"}, "zookeeper_data_dir: /etc belongs to the system"),
)


def test_a_data_directory_that_is_not_the_services_own_is_refused_before_any_connection(single: LabHost):
    with unchanged(single):
        for variables, said in NOT_ITS_OWN:
            refused = single.invoke("deploy", *extra(**variables), "--yes")
            assert refused.returncode == 1 and said in refused.stdout, refused.stdout
            assert "\n  -> " in refused.stdout and "Traceback" not in refused.stdout
        assert single.invoke("uninstall", *extra(kafka_data_dirs=["/srv"]), "--purge-data", "--yes").returncode == 1


# What a host shows, by the data directory that is asked for: how it came to be, and what is said of it.
GROUND = {
    "/srv/strange": (
        "mkdir -p /srv/strange/photos; echo x > /srv/strange/a",
        "holds what is not Kafka data: a, photos",
    ),
    "/srv/link": ("mkdir /srv/real; ln -s /srv/real /srv/link", "name the real path, /srv/real, in the inventory"),
    "/srv/disk": ("mkdir -p /srv/disk/lost+found", "use a directory below it, such as /srv/disk/kafka"),
    "/srv/file/kafka": ("echo x > /srv/file", "/srv/file is a file, and /srv/file/kafka needs a directory"),
    "/srv/etc/kafka": ("ln -s /etc /srv/etc", "is really /etc/kafka, which is in /etc, which belongs to the system"),
    "/srv/twin/data": ("ln -s /var/lib/kafka /srv/twin", "which is /var/lib/kafka/data as well"),
    "/srv/closed/kafka": ("mkdir -m 0700 /srv/closed", "cannot reach /srv/closed/kafka: /srv/closed is root:root 0700"),
    "/srv/read/kafka": (
        "mkdir /srv/read && mount -t tmpfs -o ro tmpfs /srv/read",
        "/srv/read/kafka cannot be written: its file system is mounted read-only",
    ),
}


@pytest.fixture
def ground(single: LabHost) -> Iterator[LabHost]:
    """`single` with something of everything in /srv."""
    single.sh("set -e\n" + "\n".join(make for make, _ in GROUND.values()))
    yield single
    single.sh("umount /srv/read; rm -rf --one-file-system /srv/*")


def test_what_a_host_shows_of_its_directories_is_refused_by_plan_and_deploy_alike(ground: LabHost):
    chosen = extra(kafka_data_dirs=["/var/lib/kafka/data", *GROUND])
    with unchanged(ground):
        for verb in ("plan", "deploy"):
            refused = ground.invoke(verb, *chosen)
            assert refused.returncode == 2, refused.stdout
            for path, (_, said) in GROUND.items():
                assert f"error: {ground.name}: " in refused.stdout and path in refused.stdout
                assert said in refused.stdout, refused.stdout
            assert "Apply" not in refused.stdout and "Traceback" not in refused.stdout


@pytest.mark.parametrize("path", ["/opt/kafka", "/etc/kafka/kafka.env", "/etc/sysctl.d/60-kafka.conf"])
def test_a_directory_in_the_place_of_a_link_or_a_file_is_found_before_anything_changes(single: LabHost, path: str):
    single.sh(f"mv {path} /root/kept && mkdir {path}; chmod 0600 /etc/kafka/log4j.properties")
    try:
        with unchanged(single):
            output = single.deploy(expect=2)
    finally:
        single.sh(f"rmdir {path} && mv /root/kept {path}; chmod 0640 /etc/kafka/log4j.properties")
    assert f"{path} is a directory where a " in output and "move it away and deploy again" in output


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_agent_that_reads_ends_with_the_run_that_was_ended(single: LabHost, how: signal.Signals):
    # Services that stand still accept connections and never answer: the agent is in a system call for 5 s with each.
    processes = " ".join(single.pids().values())
    agents = "pgrep -c -f '[p]rovisioner.agent.main'"
    single.sh(f"kill -STOP {processes}")
    try:
        run = subprocess.Popen(
            [sys.executable, "-m", "invoke", "plan", "--hosts", str(single.inventory)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        eventually(lambda: single.sh(agents, expect=None) != "0", seconds=30, what="the agent is at work")
        time.sleep(1)
        assert run.poll() is None and single.sh(agents, expect=None) != "0", "it did not wait"
        run.send_signal(how)
        eventually(lambda: single.sh(agents, expect=None) == "0", seconds=3, what="the agent is gone")
        run.wait(10)
    finally:
        run.kill()
        single.sh(f"kill -CONT {processes}")


@pytest.fixture(scope="module")
def lived_in(lab: Lab, host: Callable[[str], LabHost]) -> Iterator[LabHost]:
    """A host with a past: a user kafka of a person's, other people's files, and programs and links in our places."""
    lab.recreate(BASE)
    found = host(BASE)
    found.sh(
        "groupadd staff2 && useradd --gid staff2 --create-home --shell /bin/bash kafka && mkdir -p /srv/disk/kafka"
        " && echo precious > /srv/disk/letter && mkdir /srv/homes && ln -s /srv/homes /var/lib/kafka"
        " && mkdir -p /opt/kafka/libs /opt/kafka_2.13-3.9.2/libs && touch /opt/kafka_2.13-3.9.2/libs/own.jar"
        " && echo mine > /usr/local/bin/kafka-topics.sh"
    )
    yield found
    lab.down([BASE])


def test_a_host_with_a_past_is_refused_with_everything_in_the_way_and_left_as_it_was_by_an_uninstall(lived_in: LabHost):
    host = lived_in
    chosen = extra(kafka_data_dirs=["/srv/disk/kafka", "/srv/made/kafka"])
    for name in ("plan", "deploy"):
        with unchanged(host):
            refused = host.invoke(name, *chosen)
        assert refused.returncode == 2, refused.stdout
        for said in (
            "/var/lib/kafka is a link to /srv/homes where a directory should be",
            "`mount --bind /srv/homes /var/lib/kafka` does what the link does",
            "/opt/kafka is a directory where a link to /opt/kafka_2.13-3.9.2 should be",
            "/opt/kafka_2.13-3.9.2 holds files that no deploy has put there: libs",
            "/usr/local/bin/kafka-topics.sh is a file where a link of ours should be",
        ):
            assert said in refused.stdout, refused.stdout

    host.sh("rm -r /var/lib/kafka /opt/kafka /opt/kafka_2.13-3.9.2 /usr/local/bin/kafka-topics.sh")
    before = snapshot(host)
    person = host.sh("getent passwd kafka; id kafka")
    output = host.deploy(*chosen)
    assert "Smoke check passed" in output and counts(host.deploy("--no-smoke", *chosen), host.name)["touched"] == 0
    assert host.sh("getent passwd kafka; id kafka") == person, "the user was changed"
    assert host.sh("ps -o user=,group= -p $(systemctl show -P MainPID kafka)").split() == ["kafka", "kafka"]
    assert host.sh("stat -c '%U %G %a' /srv /srv/disk /srv/disk/letter /srv/disk/kafka").splitlines() == [
        "root root 755",
        "root root 755",
        "root root 644",
        "kafka kafka 750",
    ]
    create_topic(host.bootstrap, "kept")
    produce(host.bootstrap, "kept", ["one"])
    host.sh("echo mine > /srv/disk/kafka/notes.txt; echo mine > /var/log/zookeeper/notes.txt")

    done = host.invoke("uninstall", "--purge-data", "--yes", *chosen)
    assert done.returncode == 0, done.stdout
    for said in (
        "/srv/disk/kafka stays: it was there before the first deploy, and holds notes.txt",
        "/var/log/zookeeper stays: it holds notes.txt",
        "the user kafka stays: no deploy is on record as having made it",
    ):
        assert f"{host.name}: {said}" in done.stdout, done.stdout
    assert host.sh("getent passwd kafka; id kafka") == person
    assert host.sh("getent passwd zookeeper; getent group zookeeper kafka", expect=None) == ""
    assert host.sh("ls -A /srv/disk/kafka; cat /srv/disk/letter; ls /srv") == "notes.txt\nprecious\ndisk\nhomes"
    again = host.invoke("uninstall", "--purge-data", "--yes", *chosen)
    assert "Nothing of the toolkit is on these hosts" in again.stdout, again.stdout

    # Nothing else is left of us (but Java's package), and the next deploy looks at what stayed as at other people's.
    different = [line.split(": ")[1] for line in before.difference(snapshot(host))]
    ours = {path for path in different if re.search("kafka|zookeeper|provisioner|^/(srv|home|opt|root)", path)}
    record = {path for path in ours if path.startswith("/var/lib/provisioner/made")}  # that a deploy made the last one
    assert ours - record == {"/srv/disk/kafka", "/srv/disk/kafka/notes.txt", "/var/log/zookeeper"}
    refused = host.invoke("plan", *chosen)
    assert refused.returncode == 2 and "/srv/disk/kafka holds what is not Kafka data: notes.txt" in refused.stdout
