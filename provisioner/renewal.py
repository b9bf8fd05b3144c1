"""Certificates that are renewed before their time: which ones are to go, in a file of the authority's folder.

They are known by what they are, not by when they were made. So a run that was cut off is finished by the next one,
which leaves alone what has a new certificate already, and no clock is compared with another one's.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from provisioner.authority import PUBLIC, write

FILE = "renewing"


def unwanted(folder: Path) -> frozenset[str]:
    """The sha256 of each certificate that is to go (`credential.certificate_digest`)."""
    try:
        return frozenset((folder / FILE).read_text().split())
    except FileNotFoundError:
        return frozenset()


def begin(folder: Path, there: Iterable[str]) -> frozenset[str]:
    """Those that are to go of the ones that are there: what an earlier run has left; without any, all of them."""
    known, present = unwanted(folder), frozenset(there)
    if left := known & present:
        return left
    _keep(folder, known | present)
    return present


def end(folder: Path, gone: Iterable[str] | None) -> None:
    """Forget those that are gone; None: all."""
    _keep(folder, frozenset() if gone is None else unwanted(folder) - frozenset(gone))


def _keep(folder: Path, found: frozenset[str]) -> None:
    if found:
        write(folder / FILE, "".join(f"{one}\n" for one in sorted(found)).encode(), PUBLIC)
    else:
        (folder / FILE).unlink(missing_ok=True)
