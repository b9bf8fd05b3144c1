"""The container engine: runs its command line, and says in one sentence why it does not work.

Nothing is installed or started here; `script/bootstrap` does that.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from provisioner.errors import ProvisionerError

LAB_LABEL = "kafka-provisioner.lab"
OS_LABEL = "kafka-provisioner.os"
BOOTSTRAP = (
    "script/bootstrap installs and starts it on Debian (as root); elsewhere install Docker Engine or Docker Desktop"
)


@dataclass(frozen=True)
class Container:
    """One container of the engine. lab and os are empty where it is not one of ours."""

    name: str
    state: str  # "running", "exited", "created", "paused" ...
    lab: str
    os: str
    ports: str  # as `docker ps` writes them, empty unless running: "127.0.0.1:2221->22/tcp, ..."

    @property
    def published(self) -> dict[int, str]:
        """Port inside the container -> the address on this machine that leads to it; empty unless it runs."""
        return {int(inside): address for address, inside in re.findall(r"(\S+)->(\d+)/tcp", self.ports)}


def run(
    argv: Sequence[str], *, input: str | None = None, env: Mapping[str, str] | None = None, timeout: float = 600
) -> subprocess.CompletedProcess[str]:
    """Run a command with text in and out; the caller looks at the exit code. env is added to this process's own."""
    try:
        return subprocess.run(
            argv,
            input=input,
            stdin=subprocess.DEVNULL if input is None else None,
            capture_output=True,
            text=True,
            errors="replace",
            env={**os.environ, **(env or {})},
            timeout=timeout,
        )
    except FileNotFoundError:
        raise ProvisionerError(f"{argv[0]} is not installed", advice=BOOTSTRAP) from None
    except subprocess.TimeoutExpired:
        raise ProvisionerError(f"{' '.join(argv[:3])} gave no answer in {timeout:.0f} s") from None


def docker(
    *args: str, input: str | None = None, env: Mapping[str, str] | None = None, timeout: float = 600
) -> subprocess.CompletedProcess[str]:
    """Run `docker ARGS`; a failure is a ProvisionerError with the command, its exit code and its last lines."""
    result = run(["docker", *args], input=input, env=env, timeout=timeout)
    if result.returncode != 0:
        raise failure(["docker", *args], result)
    return result


def failure(argv: Sequence[str], result: subprocess.CompletedProcess[str]) -> ProvisionerError:
    """What a failed engine command means for the person who ran it."""
    said = (result.stderr.strip() or result.stdout.strip()).splitlines()
    text = "\n".join(said).lower()
    if "permission denied" in text and ("socket" in text or "daemon" in text):
        return ProvisionerError(
            "this user may not talk to the container engine",
            details=said[-1:],
            advice="run `sudo usermod -aG docker $USER` and log in again, or use root",
        )
    if "cannot connect to the docker daemon" in text or "is the docker daemon running" in text:
        return ProvisionerError(
            "the container engine does not run",
            details=said[-1:],
            advice="run `script/bootstrap`, or `sudo systemctl start docker` where Docker is a system service",
        )
    return ProvisionerError(
        f"`{' '.join(argv[:4])}` failed with exit code {result.returncode}", details=said[-8:], advice=None
    )


def compose_command() -> list[str]:
    """`docker compose` where the plugin is there, else the older `docker-compose`."""
    # The older one starts in half a second, so it is found by its file rather than asked for its version.
    if run(["docker", "compose", "version"]).returncode == 0:
        return ["docker", "compose"]
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    raise ProvisionerError("docker compose is not installed", advice=BOOTSTRAP)


def containers() -> dict[str, Container]:
    """Every container of the engine by name, ours and others', running or not."""
    fields = ["{{.Names}}", "{{.State}}", f'{{{{.Label "{LAB_LABEL}"}}}}', f'{{{{.Label "{OS_LABEL}"}}}}', "{{.Ports}}"]
    lines = docker("ps", "--all", "--no-trunc", "--format", "\t".join(fields), timeout=60).stdout.splitlines()
    found = (Container(*line.split("\t")) for line in lines)
    return {container.name: container for container in found}
