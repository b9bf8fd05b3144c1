"""The hosts that the tools deploy to, and the inventories that reach them, directly or through proxies."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from bench import peers
from bench.tools import Job
from cli.common import load_inventory
from lab import engine
from lab.inventory import hosts_of
from lab.lab import Lab

# What is on hosts only if they hold the other kind of cluster.
FOREIGN = {"prod3": "/etc/kafka-controller", "prod3-kraft": "/etc/zookeeper"}


class Ground:
    """Three lab hosts for one kind of cluster, and the directory in which a bench writes what it needs.

    shipped: the inventory, "prod3" or "prod3-kraft". Both use the same hosts.
    """

    def __init__(self, lab: Lab, folder: Path, shipped: str) -> None:
        self.lab, self.folder, self.shipped = lab, folder, shipped
        self.hosts = [lab.host(base) for base in hosts_of(lab.root, shipped)]

    @property
    def bootstrap(self) -> list[str]:
        """The addresses of the brokers for clients on this machine."""
        return [f"127.0.0.1:{self.lab.ports(host)['kafka']}" for host in self.hosts]

    @property
    def ssh_ports(self) -> list[int]:
        return [self.lab.ports(host)["ssh"] for host in self.hosts]

    def up(self) -> None:
        """Have the hosts: as they are, or new ones where they hold the other kind of cluster."""
        self.lab.up(self.hosts)
        if self.lab.exec(self.hosts[0], ["test", "-e", FOREIGN[self.shipped]]).returncode == 0:
            self.bare()

    def bare(self) -> None:
        """Remove the hosts and start new ones, on which nothing is deployed."""
        self.lab.down(self.hosts)
        self.lab.up(self.hosts)

    def job(self, ports: Mapping[int, int] | None = None) -> Job:
        """The deployment of the inventory. ports: SSH port of a host -> port of the proxy that leads there."""
        return write_job(
            self.folder,
            yaml.safe_load(self.lab.inventory(self.shipped).read_text()),
            self.lab.state.known_hosts,
            ports or {},
        )


def ready_for_peers(containers: Iterable[str]) -> None:
    """Put on the hosts what the peers' package operations leave there when they run for the first time: Ansible's
    library for apt, and the note of the last update of the lists that pyinfra looks at."""
    note = "/var/lib/apt/periodic/update-success-stamp"
    # A bare host has no package lists, and keeps none: fetching them is the peers' own work.
    lists = "/var/lib/apt/lists"
    fetched = f"{{ apt-get update -q && apt-get install -qy python3-apt && rm -rf {lists}/*; }}"
    install = f"if ls {lists}/*Packages*; then apt-get install -qy python3-apt; else {fetched}; fi"
    script = (
        f"{{ dpkg -s python3-apt || {install}; }} > /tmp/python3-apt.log 2>&1"
        f" && mkdir -p /var/lib/apt/periodic && touch {note}"
    )
    for container in containers:
        engine.docker("exec", container, "sh", "-c", script)


def idle(containers: Iterable[str]) -> None:
    """Wait until no host makes its class archives in the background any more; a deployment does not wait for that."""
    for container in containers:
        made = "systemctl is-active -q kafka-class-archive kafka-service-archive"
        wait = f"for i in $(seq 600); do {made} || exit 0; sleep 1; done; exit 1"
        engine.docker("exec", container, "sh", "-c", wait, timeout=700)


def write_job(folder: Path, inventory: Any, known_hosts: Path, ports: Mapping[int, int]) -> Job:
    """Write an inventory and its peers' form, with a known_hosts for the ports at which the hosts are reached."""
    folder.mkdir(parents=True, exist_ok=True)
    keys = folder / "known_hosts"
    keys.write_text(moved_keys(known_hosts.read_text(), ports))
    inventory = moved(inventory, ports)
    inventory["all"]["vars"]["ansible_ssh_common_args"] = f"-o UserKnownHostsFile={keys}"
    ours, theirs = folder / "hosts.yml", folder / "peers.yml"
    ours.write_text(yaml.safe_dump(inventory, sort_keys=False))
    theirs.write_text(json.dumps(peers.inventory(load_inventory(str(ours)))))
    return Job(ours, theirs)


def moved(inventory: Any, ports: Mapping[int, int]) -> Any:
    """An inventory with other SSH ports; pure."""
    if isinstance(inventory, dict):
        return {
            key: ports.get(value, value) if key == "ansible_port" else moved(value, ports)
            for key, value in inventory.items()
        }
    return [moved(item, ports) for item in inventory] if isinstance(inventory, list) else inventory


def moved_keys(known_hosts: str, ports: Mapping[int, int]) -> str:
    """known_hosts with other SSH ports; pure."""
    return re.sub(
        r"^\[127\.0\.0\.1\]:(\d+)",
        lambda found: f"[127.0.0.1]:{ports.get(int(found[1]), int(found[1]))}",
        known_hosts,
        flags=re.MULTILINE,
    )
