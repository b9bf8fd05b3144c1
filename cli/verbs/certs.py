"""The verbs about certificates of a closed cluster."""

from __future__ import annotations

from cli.common import COMMON, Run, on_hosts

ROTATE = {
    "clients_ready": "clients trust the new authority, so that nodes may get certificates of it",
    "accept_downtime": "restart even where clients will notice it",
    "yes": "do not ask; downtime and clients need their own flags",
}
WHOLE = {name: text for name, text in COMMON.items() if name != "limit"}


@on_hosts("list", {"json": "as JSON, for machines"})
def list_(run: Run, json=False):
    """Show the certificates of a closed cluster: whose, until when, and which ones the processes show."""
    from cli import certs

    return certs.listing(run, json)


@on_hosts("rotate-ca", ROTATE, common=WHOLE)
def rotate_ca(run: Run, clients_ready=False, accept_downtime=False, yes=False):
    """Replace the key of the authority without an outage: nodes trust both, get new certificates, trust the new one."""
    from cli import rotation

    return rotation.rotate(run, clients_ready, yes, accept_downtime)
