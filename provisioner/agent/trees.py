"""What is in directories: whose it is, and how it is removed without following a link or entering a mounted disk.

What a service puts into a directory is a list of (pattern of a name, pattern of the files in it): a file where the
second is "", a directory with such files and no other directory in it, or, with ANYTHING, whatever is in there.
"""

from __future__ import annotations

import os
import re
from typing import List, Optional, Sequence

from ..words import some

Holds = Sequence[Sequence[str]]

ANYTHING = "**"
FILE_SYSTEMS = "lost+found"  # the file system's own, in the root of each


def directories(folder: str) -> List[str]:
    """Paths of the directories right in a folder, links left out; sorted."""
    try:
        return sorted(entry.path for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False))
    except (FileNotFoundError, NotADirectoryError):
        return []


def strangers(path: str, holds: Holds) -> List[str]:
    """Names in a directory of what the service has not put there; sorted."""
    return sorted(entry.name for entry in os.scandir(path) if _inner(entry, holds) is None)


def ours(path: str, holds: Holds) -> List[str]:
    """Names in a directory of what the service has put there; sorted."""
    found = sorted(entry.name for entry in os.scandir(path) if _inner(entry, holds) is not None)
    return [name for name in found if name != FILE_SYSTEMS]


def purge(path: str, holds: Holds) -> None:
    """Remove from a directory, which itself may be a mounted disk, what the service has put there."""
    mounted = _mounts()
    for entry in list(os.scandir(path)):
        inner = _inner(entry, holds)
        if inner is None or entry.name == FILE_SYSTEMS:
            continue
        if entry.is_dir(follow_symlinks=False):
            _purge_below(entry.path, inner, mounted)
        else:
            os.unlink(entry.path)


def _inner(entry: "os.DirEntry[str]", holds: Holds) -> Optional[str]:
    """The pattern of what is in an entry that is the service's ("" for a file); None for one that is not."""
    directory = entry.is_dir(follow_symlinks=False)
    for name, inner in holds:
        named = bool(inner) is directory and re.fullmatch(name, entry.name)
        if named and (inner in ("", ANYTHING) or _like(entry.path, inner)):
            return inner
    return None


def _like(path: str, inner: str) -> bool:
    """Whether a directory has files of this pattern, or nothing at all, and no directory in it."""
    entries = list(os.scandir(path))
    if any(entry.is_dir(follow_symlinks=False) for entry in entries):
        return False
    return not entries or any(re.fullmatch(inner, entry.name) for entry in entries)


def _purge_below(path: str, inner: str, mounted: "frozenset[str]") -> None:
    if path in mounted:
        return
    for entry in list(os.scandir(path)):
        if entry.is_dir(follow_symlinks=False):
            _purge_below(entry.path, inner, mounted)
        elif (inner == ANYTHING or re.fullmatch(inner, entry.name)) and entry.path not in mounted:
            os.unlink(entry.path)
    if not os.listdir(path):
        os.rmdir(path)


def _mounts() -> "frozenset[str]":
    """Where something is mounted. A bind mount shows nowhere else: it has the device number of what is around it."""
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
            places = [line.split()[4] for line in file]
    except OSError:
        return frozenset()
    return frozenset(re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), place) for place in places)


def remove_rendered(path: str) -> None:
    """Remove the files right in a directory that a template of ours has made, such as an earlier version's."""
    for entry in list(os.scandir(path)):
        if entry.is_file(follow_symlinks=False):
            with open(entry.path, "rb") as file:
                ours = b"Rendered from templates/" in file.read(200)
            if ours:
                os.unlink(entry.path)


def remove_directory(path: str) -> str:
    """Remove an empty directory. Why it stays ("it holds a, b"), "" when it is gone."""
    held = sorted(os.listdir(path))
    if held:
        return f"it holds {some(held, 4)}"
    try:
        os.rmdir(path)
    except OSError as error:  # a mounted disk
        return str(error.strerror)
    return ""
