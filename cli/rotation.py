"""certs.rotate-ca: another key for the authority of a closed cluster, in three steps, each a deploy; or for that of its
clients, in two rolling restarts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli import deploying
from cli.asking import ask, confirm, terminal
from cli.common import Run
from provisioner import succession
from provisioner.authority import CERTIFICATE, KEY, NEXT_KEY, lost
from provisioner.errors import Refused, UsageError
from provisioner.report.choose import reporter
from provisioner.succession import Step
from provisioner.words import some
from roles.kafka import client_certificates
from roles.kafka.client_certificates import STEPS
from roles.shared import security, tls

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from provisioner.authority import Authority
    from provisioner.inventory.model import Inventory

READY = "--clients-ready"
GOES_ON = "the same command goes on from there"


def rotate(run: Run, ready: bool, yes: bool, accept_downtime: bool) -> int:
    """Go as far as it may, and answer with the exit code. ready: clients trust the new authority. Raises Refused and
    UsageError."""
    own = authority(run)
    step = succession.step(own)
    if step is Step.SETTLED:
        question = "Replace the key of the authority? Nodes that do not take it as they run restart three times."
        confirm(reporter(), question, yes, "nothing was changed")
        succession.announce(own)
    if step <= Step.ANNOUNCED:
        if code := _reach(run, own, yes, accept_downtime):
            return code
        place = own.folder / CERTIFICATE
        if step is Step.SETTLED:
            again = f"  then: the same command again, with {READY}"
            print("\n".join(["", *_for_clients(place), *_to_encrypt(own), again]))
            return 0
        _require_clients(place, ready)
        succession.succeed(own)
    if succession.step(own) is Step.SUCCEEDED:
        if code := _reach(run, own, yes, accept_downtime):
            return code
        succession.retire(own)
    if code := _reach(run, own, yes, accept_downtime):
        return code
    succession.settle(own)
    print(f"\n--> The key of the authority has been replaced. Commit and back up {own.folder}")
    print(f"    clients need only the new certificate from now on: {own.folder / CERTIFICATE}")
    return 0


def rotate_clients(run: Run, ready: bool, yes: bool, accept_downtime: bool) -> int:
    """The same of the authority of clients. Its certificates are shown to brokers only, which trust both of them after
    the first restart; from then on the new one signs. ready: clients have certificates of the new authority."""
    own, names = clients_authority(run)
    step = succession.step(own)
    if step is Step.SETTLED:
        question = "Replace the key of the clients' authority? Every broker restarts twice, one after the other."
        confirm(reporter(), question, yes, "nothing was changed")
        succession.announce(own)
    if step <= Step.ANNOUNCED:
        if code := _deploy(run, 1, 2, STEPS[Step.ANNOUNCED], yes, accept_downtime):
            return code
        succession.succeed(own)
        again = f"    then: the same command again, with {READY}"
        print("\n".join(["", *_for_users(own, names), again]))
        return 0
    if step is Step.SUCCEEDED:
        question = "Do all clients show certificates of the new authority? Others will not get in any more."
        _require(ready, question, "whether clients have certificates of the new authority", _for_users(own, names))
        succession.retire(own)
    if code := _deploy(run, 2, 2, STEPS[Step.RETIRED], yes, accept_downtime):
        return code
    succession.settle(own)
    print(f"\n--> The key of the clients' authority has been replaced. Commit and back up {own.folder}")
    return 0


def clients_authority(run: Run) -> tuple[Authority, list[str]]:
    """The authority of clients, whose key is here, and the users that show certificates of it. Raises Refused,
    UsageError."""
    inventory = run.inventory()
    _require_closed(inventory)
    own = client_certificates.authority(inventory)
    if not own.fingerprint:
        raise UsageError(
            f"clients have no authority here: there is no {own.folder / CERTIFICATE}",
            advice="`invoke certs.issue` makes it with the first certificate; "
            "the authority of the nodes is replaced without --of-clients",
        )
    own.require_key()
    return own, client_certificates.names(inventory)


def authority(run: Run) -> Authority:
    """The authority whose key is here. Raises Refused, UsageError."""
    inventory = run.inventory()
    _require_closed(inventory)
    own = tls.authority(inventory)
    if not own.fingerprint:
        raise lost(own.folder)
    own.require_key()
    return own


def _require_closed(inventory: Inventory) -> None:
    if not any(security.on(host) for host in inventory.hosts.values()):
        raise UsageError("the cluster is open: it has no authority", advice="kafka_security closes it")


def _reach(run: Run, own: Authority, yes: bool, accept_downtime: bool) -> int:
    """Bring all nodes to where the folder is, as a deploy does; its exit code."""
    step = succession.step(own)
    return _deploy(run, step.value, Step.RETIRED.value, tls.STEPS[step], yes, accept_downtime)


def _deploy(run: Run, number: int, last: int, what: str, yes: bool, accept_downtime: bool) -> int:
    print(f"\n--> Step {number} of {last}: {what}", flush=True)
    code = deploying.deploy(run, "", yes=yes, accept_downtime=accept_downtime)
    if code:
        print(f"--> Step {number} is not complete: {GOES_ON}")
    return code


def _for_clients(place: Path) -> list[str]:
    return [
        "--> All nodes trust the new authority beside the old one. Their certificates are still of the old one.",
        f"    Now give clients the new {place}: it has both (`invoke client.config` writes it, too).",
        "    A client that does not have it when the nodes get certificates of the new one is cut off.",
    ]


def _to_encrypt(own: Authority) -> list[str]:
    if not own.sealed(KEY):
        return []
    return [f"    {KEY} is encrypted: `ansible-vault encrypt {own.folder / NEXT_KEY}`, with the same password."]


def _for_users(own: Authority, names: Sequence[str]) -> list[str]:
    return [
        "--> The new authority of clients signs from now on, and brokers trust both.",
        f"    Now give each client a new certificate: `invoke certs.issue --user USER --out FILE` ({some(names)}).",
        f"    Other machines that issue some need {own.folder} as it is now.",
    ]


def _require_clients(place: Path, ready: bool) -> None:
    """Raise Refused where nobody says that clients trust the new authority."""
    question = f"Do all clients trust what is in {place} now? Those that do not will be cut off."
    _require(ready, question, "whether clients trust the new authority", _for_clients(place))


def _require(ready: bool, question: str, what: str, told: Sequence[str]) -> None:
    """Raise Refused where nobody says that clients can do without the old authority. told: what they need for that."""
    if ready or (terminal() and ask(question)):
        return
    first, *details = told
    raise Refused(
        f"{what} is not known here, and those that do not would be cut off",
        details=[first.removeprefix("--> "), *(line.strip() for line in details)],
        advice=f"when they do: the same command with {READY}",
    )
