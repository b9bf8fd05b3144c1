"""The verbs about certificates of a closed cluster."""

from __future__ import annotations

from cli.common import COMMON, SOURCES, Run, on_hosts

ROTATE = {
    "of_clients": "the authority of clients' certificates, instead of that of the nodes",
    "clients_ready": "clients trust the new authority, or with --of-clients: have certificates of it",
    "accept_downtime": "restart even where clients will notice it",
    "yes": "do not ask; downtime and clients need their own flags",
}
WHOLE = {name: text for name, text in COMMON.items() if name != "limit"}


@on_hosts("list", {"json": "as JSON, for machines"})
def list_(run: Run, json=False):
    """Show the certificates of a closed cluster: whose, until when, and which ones the processes show."""
    from cli import certs

    return certs.listing(run, json)


ISSUE = {
    "user": "whose: one of kafka_users, with certificate: true",
    "out": "the file to write both to, which only you can read",
    "days": "how long it is good; without it, as long as those of nodes (kafka_tls_lifetime)",
    "yes": "do not ask before a file is replaced",
}


@on_hosts("issue", ISSUE, common=SOURCES)
def issue(run: Run, user="", out="", days=0, yes=False):
    """Make a key and a certificate with which a client is a user. Asks no host."""
    from cli import issue as issuing

    issuing.issue(run, user, out, days, yes)


RENEW = {
    "accept_downtime": "restart even where clients will notice it",
    "yes": "do not ask; downtime needs its own flag",
}


@on_hosts("renew", RENEW)
def renew(run: Run, accept_downtime=False, yes=False):
    """Give the nodes of a closed cluster new keys and certificates now; who does not take them as it runs restarts."""
    from cli import renewal

    return renewal.renew(run, yes, accept_downtime)


@on_hosts("rotate-ca", ROTATE, common=WHOLE)
def rotate_ca(run: Run, of_clients=False, clients_ready=False, accept_downtime=False, yes=False):
    """Replace the key of an authority without an outage: both are trusted, certificates change, the new one is left."""
    from cli import rotation

    rotate = rotation.rotate_clients if of_clients else rotation.rotate
    return rotate(run, clients_ready, yes, accept_downtime)


HERE = {**SOURCES, "limit": COMMON["limit"]}


@on_hosts("request", {"new_key": "with another key than the one in use"}, common=HERE)
def request(run: Run, new_key=False):
    """Write a key and a request for each broker, for the company's authority to sign. Connects to no host."""
    from cli import given_certs

    given_certs.request(run, new_key)


IMPORT = {
    "signed": "a certificate that has come, or a folder with them; may be given again",
    "ca": "the file of what clients are to trust; without it, the one of the last import",
}


@on_hosts("import", IMPORT, common=HERE)
def import_(run: Run, signed=None, ca=""):
    """Put signed certificates beside their keys, if all can be used, and say what to set. Connects to no host."""
    from cli import given_certs

    given_certs.import_(run, signed, ca)
