"""Many small hosts: like the lab's, with Java preinstalled, so that thirty of them start within a minute."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from bench.ground import write_job
from bench.tools import Job
from lab import engine, image
from lab.lab import Lab

HEAP = "64m"  # of each ZooKeeper


class Crowd:
    """`count` hosts of their own in a lab, in a container network of their own. All are servers of one ensemble."""

    def __init__(self, lab: Lab, folder: Path, count: int) -> None:
        self.lab, self.folder = lab, folder
        self.hosts = [f"{lab.name}-node{number:02}" for number in range(1, count + 1)]
        self.network = f"{lab.project}_growth"

    @property
    def ssh_ports(self) -> list[int]:
        """In the order of `hosts`. The engine chose them; 0 for a host that has ended, which `Lab.admit` explains."""
        existing = engine.containers()
        return [int(existing[host].published.get(22, ":0").rsplit(":", 1)[1]) for host in self.hosts]

    def up(self) -> None:
        """Start the hosts that do not run yet, and authorize the lab's key on them."""
        existing = engine.containers()
        missing = [host for host in self.hosts if host not in existing]
        if missing:
            tag = self._image()
            if engine.run(["docker", "network", "inspect", self.network]).returncode:
                engine.docker("network", "create", self.network)
        for host in missing:
            # What lab/compose.yaml gives a host.
            engine.docker(
                "run",
                "--detach",
                "--name",
                host,
                "--hostname",
                host,
                "--network",
                self.network,
                "--cap-add",
                "SYS_ADMIN",
                "--cap-add",
                "NET_ADMIN",
                "--security-opt",
                "seccomp:unconfined",
                "--security-opt",
                "apparmor:unconfined",
                "--tmpfs",
                "/run",
                "--tmpfs",
                "/run/lock",
                "--stop-signal",
                "SIGRTMIN+3",
                "--publish",
                "127.0.0.1::22",
                tag,
            )
        self.lab.admit(dict(zip(self.hosts, self.ssh_ports, strict=True)))

    def down(self) -> None:
        """Remove them all, with their network."""
        existing = engine.containers()
        if gone := [host for host in self.hosts if host in existing]:
            engine.docker("rm", "--force", "--volumes", *gone)
        engine.run(["docker", "network", "rm", self.network])

    def job(self, ports: Mapping[int, int] | None = None) -> Job:
        """The deployment of the whole crowd; see `Ground.job`."""
        return write_job(self.folder, self.inventory(), self.lab.state.known_hosts, ports or {})

    def inventory(self) -> dict[str, Any]:
        """Ours, with ZooKeeper only; what the shipped one sets for lab hosts applies to these."""
        shipped = yaml.safe_load(self.lab.inventory("prod3").read_text())["all"]["vars"]
        kept = {name: value for name, value in shipped.items() if not name.startswith("kafka_")}
        hosts = {
            host: {"ansible_host": "127.0.0.1", "ansible_port": port, "zookeeper_myid": number}
            for number, (host, port) in enumerate(zip(self.hosts, self.ssh_ports, strict=True), 1)
        }
        return {"all": {"vars": {**kept, "zookeeper_heap": HEAP}, "children": {"zookeeper": {"hosts": hosts}}}}

    def _image(self) -> str:
        """The tag of the lab's image with what tools would install first: on thirty hosts that would measure Debian's
        packages."""
        base = image.ensure("bookworm", self.lab.say)
        tag = base.replace("kafka-lab:", "kafka-bench:")
        if engine.run(["docker", "image", "inspect", tag]).returncode:
            java = "apt-get update && apt-get install -y --no-install-recommends openjdk-17-jre-headless python3-apt"
            with tempfile.TemporaryDirectory() as empty:
                engine.docker(
                    "build",
                    "--tag",
                    tag,
                    *image.proxy_arguments(),
                    "--file",
                    "-",
                    empty,
                    input=f"FROM {base}\nRUN {java}\n",
                    env={"BUILDX_BUILDER": "default"},
                    timeout=1800,
                )
        return tag
