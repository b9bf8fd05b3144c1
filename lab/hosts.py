"""Which hosts a lab can have, what they are called and where they answer. Pure: no I/O here.

The lab named "default" has the plain names and the well-known ports that the shipped inventories use. Every other
lab prefixes its hosts with its own name and takes a block of ports, so that any number of labs run side by side.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping

from provisioner.errors import UsageError

DEFAULT = "default"

# Host -> what it publishes on 127.0.0.1 in the default lab. lab/compose.yaml has the same numbers as its defaults.
HOSTS: dict[str, dict[str, int]] = {
    "single1": {"ssh": 2221, "kafka": 9092, "zookeeper": 2181},
    "kafka1": {"ssh": 2231, "kafka": 19092},
    "kafka2": {"ssh": 2232, "kafka": 29092},
    "kafka3": {"ssh": 2233, "kafka": 39092},
    "kafka4": {"ssh": 2234, "kafka": 49092},
    "kafka5": {"ssh": 2235, "kafka": 59092},
}

Ports = Mapping[str, Mapping[str, int]]

# Blocks for the other labs: below 32768, where Linux starts to hand out ports for outgoing connections.
FIRST_PORT, BLOCK, BLOCKS = 20000, 20, 600

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?")


def check_lab_name(name: str) -> str:
    """The name, if it can be part of a host name; UsageError otherwise."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be the name of a lab",
            advice="use 1 to 30 lower-case letters, digits and dashes, as in a host name",
        )
    return name


def prefix(lab: str) -> str:
    """What comes before every host name of a lab: nothing for the default one."""
    return "" if lab == DEFAULT else f"{lab}-"


def base_name(lab: str, host: str) -> str:
    """The host's name in the table above, given that name or the full one; UsageError lists the valid ones."""
    base = host.removeprefix(prefix(lab))
    if base not in HOSTS:
        raise UsageError(f"the lab has no host {host!r}", advice=f"its hosts are {', '.join(HOSTS)}")
    return base


def port_blocks(lab: str) -> Iterator[dict[str, dict[str, int]]]:
    """Port tables a lab may use, best first. The first one follows from the name, so that it is the same every time."""
    if lab == DEFAULT:
        yield {host: dict(ports) for host, ports in HOSTS.items()}
        return
    start = int.from_bytes(hashlib.sha256(lab.encode()).digest()[:4], "big")
    for step in range(BLOCKS):
        number = iter(range(FIRST_PORT + (start + step) % BLOCKS * BLOCK, FIRST_PORT + BLOCK * BLOCKS))
        yield {host: {use: next(number) for use in ports} for host, ports in HOSTS.items()}


def name_for_clone(path: str) -> str:
    """The name of the lab that the tests of the clone at this path use: never the user's, nor another clone's."""
    return "test-" + hashlib.sha256(path.encode()).hexdigest()[:8]
