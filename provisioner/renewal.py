"""Certificates that are renewed before their time: which ones are to go, in a file of the authority's folder.

They are known by what they are, not by when they were made. So a run that was cut off is finished by the next one,
which leaves alone what has a new certificate already, and no clock is compared with another one's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from provisioner.authority import PUBLIC, write

FILE = "renewing"


def unwanted(folder: Path) -> Mapping[str, str]:
    """Those that are to go, and those that have gone: {sha256 (`credential.certificate_digest`): whose it was}."""
    try:
        lines = (folder / FILE).read_text().splitlines()
    except FileNotFoundError:
        return {}
    return dict(line.split(" ", 1) for line in lines if " " in line)


def left(folder: Path, there: Mapping[str, str]) -> list[str] | None:
    """Where a run was cut off, those that it has left; maybe none, and a restart. None where nothing was begun on these
    hosts. there {sha256: host}: what they have."""
    known = unwanted(folder)
    if not {*known.values()} & {*there.values()}:
        return None
    return [one for one in there if one in known]


def begin(folder: Path, there: Mapping[str, str]) -> None:
    """All that is there is to go."""
    _keep(folder, {**unwanted(folder), **there})


def end(folder: Path, hosts: Collection[str]) -> None:
    """These hosts have new ones, and run with them."""
    _keep(folder, {one: host for one, host in unwanted(folder).items() if host not in hosts})


def _keep(folder: Path, found: Mapping[str, str]) -> None:
    if found:
        write(folder / FILE, "".join(f"{one} {found[one]}\n" for one in sorted(found)).encode(), PUBLIC)
    else:
        (folder / FILE).unlink(missing_ok=True)
