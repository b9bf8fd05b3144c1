"""A lab cluster of three hosts for the tests of a roll: its inventory, which a test may change, and its hosts."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from kafka import KafkaAdminClient

from cli.common import load_inventory
from lab.lab import Lab

from . import quick_start
from .hosts import ROOT, LabHost, counts, lab_name, run_invoke
from .serving import eventually

BASES = ("kafka1", "kafka2", "kafka3")

# Half of what a deploy costs these hosts is the archive, which makes only the official commands start faster; it is
# looked at on single hosts.
CHEAP = {**quick_start.SEVERAL, "kafka_class_archive": False}

# What the shared cluster is first deployed with; test_topics goes on from there.
TOPICS: dict[str, dict[str, Any]] = {
    "orders": {"partitions": 3, "replication_factor": 3, "retention": "2d"},
    "events": {"retention_bytes": "1g", "config": {"cleanup.policy": "compact", "max.message.bytes": "2m"}},
}


@contextlib.contextmanager
def bare_cluster(lab: Lab, folder: Path, inventory: str = "prod3") -> Iterator[Cluster]:
    """kafka1 to kafka3, empty, with a shipped inventory of their own in this folder; gone when the block ends."""
    lab.down(BASES)
    lab.up(BASES)
    path = folder / f"{inventory}.yml"
    base = yaml.safe_load(lab.inventory(inventory).read_text())
    cluster = Cluster(tuple(LabHost(lab, name, path) for name in BASES), base, path)
    cluster.set()
    version = load_inventory(str(path)).hosts[cluster.hosts[0].name].vars["kafka_version"]
    quick_start.give(lab, BASES, folder, version)
    base["all"]["vars"] |= quick_start.WITH_ARCHIVE
    cluster.archive = version
    cluster.set()
    try:
        yield cluster
    finally:
        lab.down(BASES)


@dataclass
class Cluster:
    """kafka1 to kafka3. base: the inventory as shipped; path: the one that is deployed, rewritten by `set`.
    made: what the deploy said that found the hosts empty, where one did. archive: the version of Kafka that the one of
    quick_start on the hosts is of, where they have one."""

    hosts: tuple[LabHost, ...]
    base: Mapping[str, Any]
    path: Path
    made: str = ""
    archive: str = ""

    def set(self, everyone: Mapping[str, Any] | None = None, **hosts: Mapping[str, Any]) -> None:
        """Write the inventory: variables for every host, and for single ones by their short name (kafka2={...})."""
        content = yaml.safe_load(yaml.safe_dump(self.base))
        variables = {**CHEAP, **content["all"]["vars"], **(everyone or {})}
        if variables.get("kafka_version", self.archive) != self.archive:
            variables |= quick_start.SEVERAL  # an archive fits one version only
        content["all"]["vars"] = variables
        brokers = content["all"]["children"]["kafka"]["hosts"]
        for host in self.hosts:
            if host.name in brokers:
                brokers[host.name] |= hosts.get(host.base, {})
        self.path.write_text(yaml.safe_dump(content, sort_keys=False))

    def require_unchanged(self) -> None:
        """Assert that a deploy of the inventory as it is now changes no host."""
        output = self.invoke("deploy", "--no-smoke")
        assert [counts(output, host.name)["touched"] for host in self.hosts] == [0] * len(self.hosts), output

    def invoke(self, verb: str, *arguments: str, expect: int | None = 0) -> str:
        """`invoke VERB`, asserted to end with this exit code (None: any); its output."""
        done = run_invoke(verb, "--hosts", str(self.path), *arguments, timeout=600)
        assert expect in (None, done.returncode), f"exit code {done.returncode}, expected {expect}:\n{done.stdout}"
        return done.stdout

    @contextlib.contextmanager
    def running(self, verb: str, *arguments: str) -> Iterator[Running]:
        """`invoke VERB` in a process of its own; killed with all that it started when the block leaves it running."""
        log = self.path.with_name(f"{verb}.log")
        command = [sys.executable, "-m", "invoke", verb, "--hosts", str(self.path), *arguments]
        with log.open("w") as out:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**os.environ, "LAB": lab_name(), "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            found = Running(process, log)
            try:
                yield found
            finally:
                found.kill()

    @property
    def bootstrap(self) -> list[str]:
        """The external listeners, as clients on this machine know them."""
        return [host.bootstrap for host in self.hosts]

    def pids(self, unit: str) -> dict[str, str]:
        """{host: main PID} of one service."""
        return {host.base: host.pid(unit) for host in self.hosts}

    def everything(self) -> dict[str, str]:
        """{host: its services' states, PIDs and starts, and digests of what is configured and linked}: all that a
        command which changes nothing leaves as it is."""
        look = (
            "systemctl show -p ActiveState -p SubState -p MainPID -p NRestarts -p InvocationID kafka zookeeper;"
            "find /etc/kafka /etc/zookeeper /etc/systemd/system /opt /usr/local/bin -xdev -printf '%p %l %m %u %T@\\n'"
            " | sort | sha256sum; cat /etc/kafka/* /etc/zookeeper/* /var/lib/kafka/data/meta.properties | sha256sum"
        )
        return {host.base: host.sh(look) for host in self.hosts}

    def controller(self) -> int:
        """The id of the broker that is the controller; broker ids are the hosts' numbers."""
        admin = KafkaAdminClient(bootstrap_servers=self.bootstrap)
        try:
            return int(admin.describe_cluster()["controller_id"])
        finally:
            admin.close()

    def elsewhere(self) -> list[str]:
        """The partitions that another broker leads than the preferred one."""
        admin = KafkaAdminClient(bootstrap_servers=self.bootstrap)
        try:
            return [
                f"{topic['name']}-{one['partition_index']}"
                for topic in admin.describe_topics()
                for one in topic["partitions"]
                if one["leader_id"] != one["replica_nodes"][0]
            ]
        finally:
            admin.close()

    def zookeeper_leader(self) -> LabHost | None:
        """The host whose ZooKeeper leads the ensemble at this moment."""
        ask = "exec 3<>/dev/tcp/127.0.0.1/2181 && printf srvr >&3 && cat <&3"
        return next((host for host in self.hosts if "Mode: leader" in host.sh(ask, expect=None)), None)

    def absences(self, unit: str) -> list[tuple[float, float, str]]:
        """(stop began, process there again, host) of each host's last restart, in seconds of one clock."""
        found = []
        for host in self.hosts:
            shown = host.sh(
                f"systemctl show -P ActiveExitTimestampMonotonic -P ActiveEnterTimestampMonotonic {unit}"
            ).split()
            stopped, started = sorted(int(one) / 1e6 for one in shown)
            found.append((stopped, started, host.base))
        return sorted(found)


def restarted(output: str, unit: str) -> list[str]:
    """The hosts whose restart of a unit the output reports, in order, by their short names."""
    lines = [line for line in output.splitlines() if f": restart service:{unit} (" in line]
    return [line.split(":")[0].rsplit("-", 1)[-1].split()[-1] for line in lines if "needed:" not in line]


@dataclass
class Running:
    """A command at work."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def output(self) -> str:
        return self.log.read_text()

    def says(self, text: str, seconds: float = 120) -> None:
        """Wait until its output contains this; fails with the output when it ends without. Looks often: what
        is to be interrupted at this line may be over a quarter of a second later."""
        self.until(lambda: text in self.output, f"{text!r} in the output", seconds=seconds, every=0.02)

    def until(self, check: Callable[[], bool], what: str, *, seconds: float = 120, every: float = 0.2) -> None:
        """Wait for what it brings about; fails with the output when it ends without, or does not in time."""

        def look() -> bool:
            ended = self.process.poll() is not None
            done = check()
            if ended and not done:
                pytest.fail(f"it ended without: {what}\n{self.output}")
            return done

        try:
            eventually(look, seconds=seconds, what=what, every=every)
        except AssertionError as error:
            pytest.fail(f"{error}\n{self.output}")

    def end(self, expect: int = 0, seconds: float = 600) -> str:
        """Wait for its end, asserted to be this exit code; its output."""
        code = self.process.wait(timeout=seconds)
        assert code == expect, f"exit code {code}, expected {expect}:\n{self.output}"
        return self.output

    def kill(self) -> None:
        """SIGKILL to it and all that it started, if it still runs."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=30)
