"""Whether a directory on this machine can be trusted: what is in the cache runs as root on every host.

The agent's code, compiled templates and digests of archives are kept there from run to run. Who else may write there,
or replace one of the directories above, would decide what is run.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from provisioner.errors import ArtifactError

ADVICE = "point PROVISIONER_CACHE at a directory of your own, or remove this one: what it holds is made again"


@lru_cache(maxsize=8)
def require_private(directory: Path) -> Path:
    """The directory, which need not exist, asked about once in a run. Raises ArtifactError where others may change it
    or what is right in it."""
    place = Path(os.path.realpath(directory))
    for path in _inside(place):
        why = against(path.lstat())
        if why:
            raise ArtifactError(f"{path} {why}: what is in it would run as root on every host", advice=ADVICE)
    for path in place.parents:
        state = path.stat() if path.exists() else None
        if state and state.st_mode & stat.S_IWOTH and not state.st_mode & stat.S_ISVTX:
            raise ArtifactError(
                f"{path} may be written by everybody, who can replace {place}",
                advice=f"`chmod o-w {path}`, or {ADVICE}",
            )
    return directory


def _inside(place: Path) -> Iterator[Path]:
    """The directory itself and those right in it."""
    if place.is_dir():
        yield place
        for entry in os.scandir(place):
            if entry.is_dir(follow_symlinks=False):
                yield Path(entry.path)


def against(state: os.stat_result) -> str:
    """What is wrong with a directory as one of our own; "" when nothing is. Pure but for names of groups."""
    mine = {0, os.geteuid(), int(os.environ.get("SUDO_UID", -1)) if os.geteuid() == 0 else 0}
    if state.st_uid not in mine:
        return f"belongs to another user ({state.st_uid})"
    if state.st_mode & stat.S_IWOTH:
        return "may be written by everybody"
    if state.st_mode & stat.S_IWGRP and not _private_group(state.st_uid, state.st_gid):
        return "may be written by a group"
    return ""


def _private_group(uid: int, gid: int) -> bool:
    """Whether a group is a user's own one, as distributions make it for each user: root's, or of the same name with no
    other member."""
    import grp
    import pwd

    try:
        user, group = pwd.getpwuid(uid).pw_name, grp.getgrgid(gid)
    except KeyError:
        return False
    return group.gr_name == user and set(group.gr_mem) <= {user}
