"""What is in directories: whose it is, and how it is removed without following a link or entering a mounted disk.

Directories are opened one in another and their entries removed through them: a service that is still at work may swap
a directory for a link at any moment.

What a service puts into a directory is a list of (pattern of a name, pattern of the files in it): a file where the
second is "", a directory with such files and no other directory in it, or, with ANYTHING, whatever is in there.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from typing import Iterator, List, Optional, Sequence

from ..words import some
from . import walk

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
    with walk.directory(path) as here:
        return sorted(entry.name for entry in os.scandir(here) if _inner(here, entry, holds) is None)


def ours(path: str, holds: Holds) -> List[str]:
    """Names in a directory of what the service has put there; sorted."""
    with walk.directory(path) as here:
        found = sorted(entry.name for entry in os.scandir(here) if _inner(here, entry, holds) is not None)
    return [name for name in found if name != FILE_SYSTEMS]


def purge(path: str, holds: Holds) -> None:
    """Remove from a directory, which itself may be a mounted disk, what the service has put there."""
    mounted = _mounts()
    with walk.directory(path) as here:
        for entry in list(os.scandir(here)):
            inner = _inner(here, entry, holds)
            if inner is None or entry.name == FILE_SYSTEMS:
                continue
            if entry.is_dir(follow_symlinks=False):
                _purge_below(here, entry.name, f"{path}/{entry.name}", inner, mounted)
            else:
                os.unlink(entry.name, dir_fd=here)


def _inner(here: int, entry: "os.DirEntry[str]", holds: Holds) -> Optional[str]:
    """The pattern of what is in an entry that is the service's ("" for a file); None for one that is not."""
    directory = entry.is_dir(follow_symlinks=False)
    for name, inner in holds:
        named = bool(inner) is directory and re.fullmatch(name, entry.name)
        if named and (inner in ("", ANYTHING) or _like(here, entry.name, inner)):
            return inner
    return None


def _like(here: int, name: str, inner: str) -> bool:
    """Whether a directory has files of this pattern, or nothing at all, and no directory in it."""
    with _below(here, name) as below:
        entries = list(os.scandir(below))
    if any(entry.is_dir(follow_symlinks=False) for entry in entries):
        return False
    return not entries or any(re.fullmatch(inner, entry.name) for entry in entries)


@contextlib.contextmanager
def _below(here: int, name: str) -> Iterator[int]:
    """A directory right in another one. Raises OSError for what is none by now, such as a link."""
    found = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
    try:
        yield found
    finally:
        os.close(found)


def _purge_below(around: int, name: str, path: str, inner: str, mounted: "frozenset[str]") -> None:
    """Remove what is in the directory `name` of another one, and it itself when it is empty then. path: of it."""
    if path in mounted:
        return
    with _below(around, name) as here:
        for entry in list(os.scandir(here)):
            place = f"{path}/{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                _purge_below(here, entry.name, place, inner, mounted)
            elif (inner == ANYTHING or re.fullmatch(inner, entry.name)) and place not in mounted:
                os.unlink(entry.name, dir_fd=here)
        empty = not os.listdir(here)
    if empty:
        os.rmdir(name, dir_fd=around)


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
    with walk.directory(path) as here:
        for entry in list(os.scandir(here)):
            if entry.is_file(follow_symlinks=False) and b"Rendered from templates/" in _head(here, entry.name):
                os.unlink(entry.name, dir_fd=here)


def _head(here: int, name: str) -> bytes:
    """The beginning of a file; nothing of what is none by now."""
    found = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
    try:
        return os.read(found, 200) if stat.S_ISREG(os.fstat(found).st_mode) else b""
    finally:
        os.close(found)


def remove_directory(path: str) -> str:
    """Remove an empty directory. Why it stays ("it holds a, b"), "" when it is gone."""
    with walk.directory(path) as here:
        held = sorted(os.listdir(here))
    if held:
        return f"it holds {some(held, 4)}"
    try:
        with walk.above(path) as (here, name):
            os.rmdir(name, dir_fd=here)
    except OSError as error:  # a mounted disk
        return str(error.strerror)
    return ""
