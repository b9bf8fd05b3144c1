"""The user that a smoke check makes for itself, where listeners ask for one. It may use topics and groups of such
checks only, and goes with the check; one that a killed run has left goes with a later one."""

from __future__ import annotations

import contextlib
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from cluster.temporary import PREFIXES, topic_name
from cluster.users import remote
from cluster.users.rules import CLUSTER, Rule
from provisioner import hidden
from provisioner.authority import Authority
from roles.kafka import listeners, users
from roles.shared import security
from roles.shared.tls import authority

if TYPE_CHECKING:
    from provisioner.connect.requests import Call
    from provisioner.inventory.model import Host, Inventory

LIFE = 1  # days that the certificate is good which nobody may take


class Driver(Protocol):
    """The host that a check runs on: the used part of `provisioner.run.target.Target`."""

    @property
    def name(self) -> str: ...
    @property
    def host(self) -> Host: ...
    @property
    def inventory(self) -> Inventory: ...


# (what `Login` takes, for the listeners that want one; a key with a certificate (PEM) that no listener may take)
Admitted = tuple[tuple[str, ...], str]


@contextlib.contextmanager
def admitted(call: Call, driver: Driver) -> Iterator[Admitted]:
    """A user for the time of a check."""
    host = driver.host
    user, password = topic_name(secrets.token_hex(4)), secrets.token_urlsafe(24)
    hidden.add(password)
    rules = [Rule(user, "all", kind, PREFIXES[0], prefixed=True) for kind in ("topic", "group")]
    rules.append(Rule(user, "describe-configs", "cluster", CLUSTER))
    trusted = authority(driver.inventory.path).certificate
    asked = listeners.door(host)
    call(driver.name, remote.visit(users.door(host), passwords={user: password}, add=rules).at(asked))
    try:
        yield (trusted, user, password), _stranger(listeners.inter_broker(host).advertised_host)
    finally:
        call(driver.name, remote.change("", passwords={}, delete=[user], remove=rules).at(asked))


def _stranger(name: str) -> str:
    """A key and a certificate as a node has it, of an authority that is made for it and then forgotten."""
    with tempfile.TemporaryDirectory() as folder:
        made = Authority(Path(folder, "ca"), security.ORGANIZATION).issue(security.NAME, [name], LIFE)
    return made.text
