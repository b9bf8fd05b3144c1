"""A certificate as a resource on a host that is in memory."""

from __future__ import annotations

from typing import Any

from provisioner.authority import Authority
from provisioner.resources import Credential, differing, from_wire
from provisioner.resources.digest import sha256

DAY = 24 * 3600
NAMES = ("127.0.0.1", "kafka1")


class FakeSystem:
    """Files in memory, with owner and mode."""

    def __init__(self) -> None:
        self.files: dict[str, tuple[Any, dict]] = {}

    def path_state(self, path):
        return {"type": "file", **self.files[path][1]} if path in self.files else None

    def read_text(self, path):
        return self.files[path][0] if path in self.files else None

    def digest(self, path):
        content = self.files[path][0]
        return sha256(content.encode() if isinstance(content, str) else content)

    def write(self, path, data, owner, group, mode):
        content = data if path.endswith(".jks") else data.decode()
        self.files[path] = (content, {"owner": owner, "group": group, "mode": mode})

    def remove(self, path):
        del self.files[path]


def wanted(
    authority: Authority, names=NAMES, days=100, renew=60 * DAY, subject="CN=kafka,O=acme", stores=False
) -> Credential:
    return Credential(
        "/etc/kafka/tls/node.pem",
        "/etc/kafka/tls/ca.pem",
        "kafka",
        subject,
        names,
        authority.fingerprint,
        renew,
        others=authority.others,
        stores=stores,
        issue=lambda: authority.issue("kafka", names, days),
    )


def deployed(system: FakeSystem, one: Credential) -> tuple[str, ...]:
    """Fix it as the agent does; what still differs."""
    there = from_wire(one.wire(content=True))
    actual = there.read(system)
    differs = differing(there.expected(), actual)
    if differs:
        there.fix(system, actual, differs)
    return differing(there.expected(), there.read(system))
