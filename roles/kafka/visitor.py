"""The user that a smoke check has, where listeners ask for one. It may use topics and groups of such checks only.

It stays, without a right and with a password that nobody knows: a broker that starts and reads of a deleted user in its
log may forget all others. (Kafka 3.9.2 and 4.3.1 without ZooKeeper, ScramDelta.apply: the users of a mechanism are
dropped when none is left in the midst of the changes, in whatever order it comes to them. A snapshot of the metadata,
made each hour, has no deleted ones any more. Where users are in ZooKeeper, nothing is left of the password.)
"""

from __future__ import annotations

import contextlib
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from cluster.protocol.login import MECHANISM
from cluster.temporary import PREFIXES
from cluster.users import remote
from cluster.users.rules import CLUSTER, Rule
from provisioner import hidden
from provisioner.authority import Authority
from provisioner.errors import ProvisionerError
from roles.kafka import client_certificates, given, listeners, users
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


class Admitted(NamedTuple):
    """login: what `Login` takes, at listeners that want one; strangers: keys with a certificate (PEM) that no listener
    may take; client: one that listeners for clients with a certificate take, "" where none can be made here."""

    login: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()
    client: str = ""

    def __repr__(self) -> str:
        return "Admitted()"  # all of it is secret


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
    call(driver.name, remote.change(users.door(host), passwords={USER: {MECHANISM: password}}, add=rules).at(asked))
    try:
        yield Admitted((trusted, USER, password), tuple(_strangers(host)), _client(driver))
    finally:
        call(driver.name, remote.change("", passwords={USER: {MECHANISM: None}}, remove=rules).at(asked))


def _client(driver: Driver) -> str:
    """A key and a certificate of the check's user, good for a day; without the rules that go with the check, it opens
    nothing. "" where no listener takes one, or the key that signs is not here."""
    if not listeners.with_certificates(driver.host):
        return ""
    own = client_certificates.authority(driver.inventory)
    try:
        return own.issue(USER, (), LIFE).text if own.fingerprint else ""
    except ProvisionerError:
        return ""


def _strangers(host: Host) -> Iterator[str]:
    """Keys and certificates as a node and a client have them, of authorities that are made for them and then
    forgotten, with those ones' own certificates."""
    own = listeners.inter_broker(host).advertised_host
    known = [(security.ORGANIZATION, security.NAME, [own])]
    known += [(security.CLIENTS, USER, [])] if listeners.with_certificates(host) else []
    for organization, name, names in known:
        with tempfile.TemporaryDirectory() as folder:
            made = Authority(Path(folder, "ca"), organization).issue(name, names, LIFE)
        yield made.text + made.trusted
