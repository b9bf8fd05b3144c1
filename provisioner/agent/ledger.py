"""Which directories deploys have made on a host, and not found: an uninstall removes no others.

One marker a directory, in a folder that exists from a host's first deploy on. A host that an earlier version of the
toolkit has deployed guards data (`once/`) and has no such folder: nothing is known there, and all counts as made.
"""

from __future__ import annotations

import contextlib
import os
from typing import Any

from ..resources.digest import short

FOLDER = "made"


def begin(system: Any) -> None:
    """Start the record, unless this host was deployed before there was one."""
    if not _unknown(system):
        os.makedirs(system.marker_path(FOLDER), mode=0o700, exist_ok=True)


def note(system: Any, path: str) -> None:
    """Record that a deploy makes this directory, and those above that are missing; before it does, so that a killed run
    leaves none unrecorded."""
    while system.remembers(FOLDER) and not os.path.lexists(path):
        system.remember(_marker(path), path)
        path = os.path.dirname(path)


def made(system: Any, path: str) -> bool:
    """Whether a deploy has made this directory, as far as is known."""
    return system.remembers(_marker(path)) or _unknown(system)


def deployed(system: Any) -> bool:
    """Whether any deploy has changed this host, of whatever version of the toolkit."""
    return any(system.remembers(folder) for folder in (FOLDER, "once", "archives"))


def remove_above(system: Any, path: str) -> None:
    """Remove the empty directories above a path that a deploy had to make for it."""
    above = os.path.dirname(path)
    while system.remembers(_marker(above)) and os.path.isdir(above) and not os.listdir(above):
        os.rmdir(above)
        above = os.path.dirname(above)


def _unknown(system: Any) -> bool:
    """Whether this host was deployed before there was a record."""
    return system.remembers("once") and not system.remembers(FOLDER)


def _marker(path: str) -> str:
    return f"{FOLDER}/{short(path)}"


def prune(state: str) -> None:
    """Forget directories that are gone, with the folder when it is empty. state: where the agent keeps its memory."""
    folder = os.path.join(state, FOLDER)
    for name in os.listdir(folder) if os.path.isdir(folder) else ():
        with open(os.path.join(folder, name), encoding="utf-8", errors="surrogateescape") as file:
            there = os.path.lexists(file.read().strip())
        if not there:
            os.unlink(os.path.join(folder, name))
    with contextlib.suppress(OSError):  # not empty: something stays, and that a deploy has made it
        os.rmdir(folder)
