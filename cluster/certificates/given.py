"""What a client on this host has to know where listeners of clients show a certificate that was given to the deploy.
Runs on the host."""

from __future__ import annotations

from cluster.endpoint import GIVEN_AUTHORITY, GIVEN_NODE, TLS_FOLDERS, Login, authority_here
from provisioner.agent.files import text_of
from provisioner.resources.credential import above

FOLDER = TLS_FOLDERS[0]  # of a broker


def login(user: str, password: str) -> Login:
    """As whom to ask the broker of this host at a listener of clients. Raises OSError.

    Both authorities are trusted, the nodes' and the one of the given certificate, since a broker shows what it read at
    its start. That certificate is for the name by which clients come, and not for the address on the host itself.
    """
    said, _ = above(text_of(f"{FOLDER}/{GIVEN_NODE}"))
    return Login(authority_here() + text_of(f"{FOLDER}/{GIVEN_AUTHORITY}"), user, password, name=said.get("name", ""))
