"""certs.rotate-ca: another key for the authority of a closed cluster, in three rolling restarts."""

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
from roles.shared import security, tls

if TYPE_CHECKING:
    from pathlib import Path

    from provisioner.authority import Authority

READY = "--clients-ready"
GOES_ON = "the same command goes on from there"


def rotate(run: Run, ready: bool, yes: bool, accept_downtime: bool) -> int:
    """Go as far as it may, and answer with the exit code. ready: clients trust the new authority. Raises Refused and
    UsageError."""
    own = authority(run)
    step = succession.step(own)
    if step is Step.SETTLED:
        question = "Replace the key of the authority? Every node restarts three times, one after the other."
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


def authority(run: Run) -> Authority:
    """The authority whose key is here. Raises Refused, UsageError."""
    inventory = run.inventory()
    if not any(security.on(host) for host in inventory.hosts.values()):
        raise UsageError("the cluster is open: it has no authority", advice="kafka_security closes it")
    own = tls.authority(inventory)
    if not own.fingerprint:
        raise lost(own.folder)
    own.require_key()
    return own


def _reach(run: Run, own: Authority, yes: bool, accept_downtime: bool) -> int:
    """Bring all nodes to where the folder is, as a deploy does; its exit code."""
    step = succession.step(own)
    print(f"\n--> Step {step.value} of {Step.RETIRED.value}: {tls.STEPS[step]}", flush=True)
    code = deploying.deploy(run, "", yes=yes, accept_downtime=accept_downtime)
    if code:
        print(f"--> Step {step.value} is not complete: {GOES_ON}")
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


def _require_clients(place: Path, ready: bool) -> None:
    """Raise Refused where nobody says that clients trust the new authority."""
    if ready:
        return
    question = f"Do all clients trust what is in {place} now? Those that do not will be cut off."
    if terminal() and ask(question):
        return
    first, *details = _for_clients(place)
    raise Refused(
        "whether clients trust the new authority is not known here, and those that do not would be cut off",
        details=[first.removeprefix("--> "), *(line.strip() for line in details)],
        advice=f"when they do: the same command with {READY}",
    )
