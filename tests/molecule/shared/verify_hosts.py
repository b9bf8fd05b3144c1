"""What a deployed host looks like from outside our own code: testinfra, over SSH, on every host of the scenario."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
import testinfra

from lab.inventory import hosts_of
from lab.lab import Lab

ROOT = Path(__file__).resolve().parents[3]
LAB = Lab(os.environ["LAB"], root=ROOT)
HOSTS = hosts_of(ROOT, os.environ["SCENARIO"])


@pytest.fixture(scope="module")
def sockets():
    """Where connections are kept: each look is a command of its own, and to connect costs more than to look."""
    with tempfile.TemporaryDirectory(prefix="ssh-") as folder:
        yield folder


@pytest.fixture(scope="module", params=HOSTS)
def host(request, sockets):
    return testinfra.get_host(
        f"ssh://ops@127.0.0.1:{LAB.ports(request.param)['ssh']}",
        sudo=True,
        ssh_identity_file=str(LAB.state.key),
        controlpath=f"{sockets}/{request.param}",
        ssh_extra_args=f"-o UserKnownHostsFile={LAB.state.known_hosts}",
    )


@pytest.mark.parametrize("name", ["zookeeper", "kafka"])
def test_service_runs_is_enabled_and_is_sandboxed(host, name):
    service = host.service(name)
    assert service.is_running and service.is_enabled
    exposure = (
        host.check_output(f"systemd-analyze security --no-pager {name}.service | tail -n 1").split(":")[1].split()[0]
    )
    assert float(exposure) <= 1.5


@pytest.mark.parametrize("name", ["zookeeper", "kafka"])
def test_service_has_a_user_without_a_shell(host, name):
    user = host.user(name)
    assert user.exists and user.shell == "/usr/sbin/nologin" and user.group == name


def test_configuration_belongs_to_root_and_is_readable_by_the_service_only(host):
    file = host.file("/etc/kafka/server.properties")
    assert (file.user, file.group, file.mode) == ("root", "kafka", 0o640)
    assert file.contains("auto.create.topics.enable=false")


def test_data_is_closed_to_others(host):
    directory = host.file("/var/lib/kafka/data")
    assert directory.is_directory and (directory.user, directory.mode) == ("kafka", 0o750)


def test_broker_listens_and_java_is_a_headless_one(host):
    assert host.socket("tcp://0.0.0.0:2181").is_listening or host.socket("tcp://:::2181").is_listening
    packages = host.check_output("dpkg-query -W -f='${Package}\\n' 'openjdk-*-jre-headless'")
    assert packages


def test_official_tools_are_on_everybodys_path(host):
    with host.sudo("ops"):
        topics = host.run("kafka-topics.sh --version")
    assert topics.succeeded and "3.9" in topics.stdout
