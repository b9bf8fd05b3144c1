"""One lab host as the tests use it: deployed to, looked at, and asked with `docker exec`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.hosts import name_for_clone
from lab.lab import Lab

ROOT = Path(__file__).resolve().parents[2]

# For the hosts that tests deploy: a service starts with 40 % less CPU. What a test is about does not depend on how far
# Java compiles; molecule deploys the inventories as they are shipped.
SERVICES = ("kafka", "kafka_controller", "zookeeper")
QUICK_START = {f"{service}_jvm_opts": ["-XX:TieredStopAtLevel=1"] for service in SERVICES}
# A value of replica.selector.class with which a broker does not start although no check can tell: the class is there,
# and only loading it shows that it selects nothing.
NO_SELECTOR = "org.apache.kafka.common.security.kerberos.KerberosLogin"


def run_invoke(
    *arguments: str, env: dict[str, str] | None = None, cwd: Path = ROOT, timeout: float = 300, stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `invoke ARGUMENTS` as a user does, without a terminal; exit code and output are the caller's to judge."""
    environment = {**os.environ, "LAB": lab_name(), **(env or {})}
    return subprocess.run(
        [sys.executable, "-m", "invoke", *arguments],
        cwd=cwd,
        env=environment,
        text=True,
        timeout=timeout,
        input=stdin if stdin is not None else "",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def status_json(host: LabHost, expect: int) -> dict[str, Any]:
    """`invoke status --json`, its exit code asserted: what is on stdout is JSON alone."""
    environment = {**os.environ, "LAB": lab_name()}
    command = [sys.executable, "-m", "invoke", "status", "--json", "--hosts", str(host.inventory)]
    done = subprocess.run(command, cwd=ROOT, env=environment, text=True, capture_output=True, timeout=120)
    assert done.returncode == expect, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def lab_name() -> str:
    return os.environ.get("LAB") or name_for_clone(str(ROOT))


@dataclass(frozen=True)
class LabHost:
    """One lab host and the inventory that deploys a single-host Kafka to it."""

    lab: Lab
    base: str
    inventory: Path

    @property
    def name(self) -> str:
        """The host's name in the inventory, and its container's."""
        return self.lab.host(self.base)

    @property
    def bootstrap(self) -> str:
        """Where Kafka answers, on the host and on this machine alike."""
        return f"127.0.0.1:{self.lab.ports(self.base)['kafka']}"

    def invoke(self, verb: str, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """`invoke VERB --hosts THIS ARGUMENTS`."""
        return run_invoke(verb, "--hosts", str(self.inventory), *arguments, **options)

    def deploy(self, *arguments: str, expect: int = 0, **options: Any) -> str:
        """`invoke deploy`, asserted to end with the expected exit code; its output."""
        done = self.invoke("deploy", *arguments, **options)
        assert done.returncode == expect, f"exit code {done.returncode}, expected {expect}:\n{done.stdout}"
        return done.stdout

    def sh(self, script: str, *, expect: int | None = 0, login: bool = False) -> str:
        """Run a shell script on the host as root (`docker exec`); its output, stdout and stderr together."""
        shell = ["bash", "-lc"] if login else ["bash", "-c"]
        done = self.lab.exec(self.base, [*shell, f"exec 2>&1\n{script}"])
        assert expect is None or done.returncode == expect, f"exit code {done.returncode}: {script}\n{done.stdout}"
        return done.stdout.strip()

    def wait_for_class_archive(self) -> None:
        """Return when the host does not (or no longer) make its class archives, which a deploy does not wait for."""
        made = "systemctl is-active -q kafka-class-archive kafka-service-archive"
        self.sh(f"for i in $(seq 500); do {made} || exit 0; sleep 1; done; exit 1")

    def pid(self, unit: str) -> str:
        """The main PID of a unit; "0" of one that does not run."""
        return self.sh(f"systemctl show -P MainPID {unit}")

    def pids(self) -> dict[str, str]:
        """{unit: main PID} of a broker and its ZooKeeper."""
        return {unit: self.pid(unit) for unit in ("zookeeper", "kafka")}


def counts(output: str, host: str) -> dict[str, int]:
    """The recap's numbers of one host: {"ok": 56, "changed": 0, ...}; touched: all that was done to it."""
    line = next(line for line in output.splitlines() if line.startswith(f"{host} ") and " ok=" in line)
    found = {key: int(value) for key, value in (pair.split("=") for pair in line.split(" : ")[1].split())}
    done = ("changed", "applied", "reloaded", "restarted")
    return {**found, "touched": sum(found.get(name, 0) for name in done)}
