"""The user that a smoke check has, where listeners ask for one. It may use topics and groups of such checks only.

It stays, without a right and with a password that nobody knows: a broker that starts and reads of a deleted user in its
log may forget all others. (Kafka 3.9.2 and 4.3.1, ScramDelta.apply: the users of a mechanism are dropped when none is
left in the midst of the changes, in whatever order it comes to them. A snapshot of the metadata, made each hour, has no
deleted ones any more.)
"""

from __future__ import annotations

import contextlib
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from cluster.temporary import PREFIXES
from cluster.users import remote
from cluster.users.rules import CLUSTER, Rule
from provisioner import hidden
from provisioner.authority import Authority
from roles.kafka import given, listeners, users
from roles.shared import security

if TYPE_CHECKING:
    from provisioner.connect.requests import Call
    from provisioner.inventory.model import Host, Inventory

USER = f"{PREFIXES[0]}visitor"
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
def admitted(call: Call, driver: Driver, whole: bool = True) -> Iterator[Admitted]:
    """A user with rights for the time of a check. whole: whether all brokers are in this run; where some are not, they
    may still show the certificate of their node, and it is trusted, too."""
    host, password = driver.host, secrets.token_urlsafe(24)
    hidden.add(password)
    rules = [Rule(USER, "all", kind, PREFIXES[0], prefixed=True) for kind in ("topic", "group")]
    rules.append(Rule(USER, "describe-configs", "cluster", CLUSTER))
    trusted = given.trusted(driver.inventory).certificate if whole else given.trusted_in_part(driver.inventory)
    asked = listeners.door(host)
    call(driver.name, remote.change(users.door(host), passwords={USER: password}, add=rules).at(asked))
    try:
        yield (trusted, USER, password), _stranger(listeners.inter_broker(host).advertised_host)
    finally:
        nobodys = {USER: secrets.token_urlsafe(24)}
        call(driver.name, remote.change("", passwords=nobodys, remove=rules).at(asked))


def _stranger(name: str) -> str:
    """A key and a certificate as a node has it, of an authority that is made for it and then forgotten, and that one's
    own certificate."""
    with tempfile.TemporaryDirectory() as folder:
        made = Authority(Path(folder, "ca"), security.ORGANIZATION).issue(security.NAME, [name], LIFE)
    return made.text + made.trusted
