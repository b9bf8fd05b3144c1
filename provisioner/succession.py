"""How the key of an authority is replaced, while nobody ever meets a certificate that they do not trust.

1. ANNOUNCED: `ca.crt` has the old authority and the new one. The old one signs, and both are trusted.
2. SUCCEEDED: the new one stands first and signs. Both are trusted.
3. RETIRED: only the new one is left; the old one is in `retired.crt` until no node trusts it.

Every node has to be at a step before the next one is taken. The folder says which step it is, and each begins with one
file that is replaced: a run that was cut off anywhere is finished by the next one, and any deploy brings nodes to the
step of the folder. Authorities are numbered in their names, so that it is seen who is behind: a copy of the folder of
another machine, or the nodes.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from provisioner import authority as authorities
from provisioner import certificates
from provisioner.authority import CERTIFICATE, KEY, NEXT_KEY, PUBLIC, SECRET
from provisioner.errors import Refused

if TYPE_CHECKING:
    from provisioner.authority import Authority
    from provisioner.certificates import Certificate

RETIRED = "retired.crt"
_NUMBER = re.compile(r"(?:^|,)CN=authority (\d+) of ")


class Step(enum.IntEnum):
    """How far it is, by what is in the folder."""

    SETTLED = 0
    ANNOUNCED = 1
    SUCCEEDED = 2
    RETIRED = 3


def step(authority: Authority) -> Step:
    """Where an authority stands. Raises ConfigError."""
    if authority.others:
        known = authority.known
        return Step.ANNOUNCED if number(known[1]) > number(known[0]) else Step.SUCCEEDED
    return Step.RETIRED if (authority.folder / RETIRED).exists() else Step.SETTLED


def number(one: Certificate) -> int:
    """Of an authority, by its name: the first one of a folder is 1."""
    found = _NUMBER.search(one.subject)
    return int(found[1]) if found else 1


def announce(authority: Authority) -> None:
    """Make the next one, which is trusted from now on, too. Raises ConfigError, or Refused where the key of the present
    one is not here: whoever has that goes on."""
    authority.require_key()
    _require(authority, Step.SETTLED)
    name = f"authority {number(authority.known[0]) + 1} of {authority.folder.stem}"
    key, certificate = authorities.new(authority.organization, name)
    authorities.write(authority.folder / ".gitignore", authorities.UNSHARED, PUBLIC)
    # The certificate last: with it, the next one is there.
    authorities.write(authority.folder / NEXT_KEY, authorities.private(key), SECRET)
    _trust(authority, authority.certificate + authorities.pem(certificate).decode())


def succeed(authority: Authority) -> None:
    """Let the next one sign. Raises ConfigError, or Refused where its key is not here."""
    _require(authority, Step.ANNOUNCED)
    old, new = certificates.blocks(authority.certificate)
    path = authority.folder / NEXT_KEY
    if authority.sealed(KEY) and not authority.sealed(NEXT_KEY):
        raise Refused(
            f"{KEY} is encrypted by ansible-vault, and {path}, which takes its place, is not",
            advice=f"ansible-vault encrypt {path}, with the same password",
        )
    try:
        fits = authorities.key_of(authority.read_key(NEXT_KEY)) == certificates.read(new).key
    except FileNotFoundError:
        raise authorities.lost(authority.folder, NEXT_KEY) from None
    if not fits:
        raise Refused(f"{path} is not the key of the second certificate in {CERTIFICATE}", advice="bring it back")
    _trust(authority, new + old)
    path.replace(authority.folder / KEY)


def retire(authority: Authority) -> None:
    """Trust the old one no more."""
    _require(authority, Step.SUCCEEDED)
    new, old = certificates.blocks(authority.certificate)
    authorities.write(authority.folder / RETIRED, old.encode(), PUBLIC)
    _trust(authority, new)


def settle(authority: Authority) -> None:
    """Forget the old one: no node trusts it any more."""
    (authority.folder / RETIRED).unlink(missing_ok=True)


def _require(authority: Authority, wanted: Step) -> None:
    if step(authority) is not wanted:
        raise Refused(f"{authority.folder} has changed meanwhile", advice="the same command goes on from there")


def _trust(authority: Authority, text: str) -> None:
    authorities.write(authority.folder / CERTIFICATE, text.encode(), PUBLIC)
    authority.forget()


def behind(known: Sequence[Certificate], signed_by: str, trusted: Sequence[Certificate]) -> str:
    """Why a node must not get what a folder says, since the folder is the older of the two; "" where it is not. known:
    in the folder; signed_by: the fingerprint of who has signed the node's certificate; trusted: what the node trusts.
    Pure."""
    own, here, there = known[0], {one.key for one in known}, {one.key for one in trusted}
    newer = [one for one in trusted if number(one) > number(own)]
    if any(one.key not in here for one in newer):
        return "the node trusts the authority that comes after the one here"
    if any(one.key == signed_by for one in newer):
        return "the node has a certificate of the authority that comes after the one that signs here"
    older = [one for one in known if number(one) < number(own)]
    if signed_by == own.key and any(one.key not in there for one in older):
        return "the node does not trust the authority any more that came before the one here"
    return ""
