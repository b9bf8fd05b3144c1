"""Files, links and directories of the host, each changed in one step, so that a reader never sees half of it.

They may be where a service can write, so that nothing is as it was a moment ago: see `walk.py`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from typing import Callable, Dict, List, Optional, TypeVar

from . import walk
from .failure import Failure

Made = TypeVar("Made")
TRIES = 8  # somebody who is quicker than this all the time does it on purpose


def replace(path: str, data: bytes, uid: int, gid: int, mode: int) -> None:
    """Replace a file in one step: temporary file beside it with its final owner and mode, fsync, rename."""
    try:
        with walk.above(path) as (folder, name):
            _replace(folder, name, data, uid, gid, mode)
    except FileNotFoundError as error:
        raise Failure(f"cannot write {path}: its directory {os.path.dirname(path)} does not exist") from error


def _replace(folder: int, name: str, data: bytes, uid: int, gid: int, mode: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

    def make(temporary: str) -> int:
        return os.open(temporary, flags, 0o600, dir_fd=folder)

    descriptor, temporary = _new(folder, name, make)
    try:
        with os.fdopen(descriptor, "wb") as out:
            out.write(data)
            out.flush()
            os.fchown(out.fileno(), uid, gid)
            os.fchmod(out.fileno(), mode)
            os.fsync(out.fileno())
        os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=folder)
        raise
    descriptor = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _new(folder: int, name: str, make: "Callable[[str], Made]") -> "tuple[Made, str]":
    """What `make` makes under a temporary name in a directory, and that name. An earlier run's, or whatever is planted
    there, goes; what cannot go is left alone."""
    temporary = f".{name}.new~"
    for attempt in range(TRIES):
        try:
            return make(temporary), temporary
        except FileExistsError:
            try:
                os.unlink(temporary, dir_fd=folder)
            except FileNotFoundError:
                pass
            except OSError:  # a directory
                temporary = f".{name}.{os.getpid()}.{attempt}.new~"
    raise OSError(errno.EEXIST, "somebody keeps making files of this name", temporary)


def link(path: str, target: str) -> None:
    """Make or repoint a symbolic link in one step."""
    with walk.above(path) as (folder, name):
        _, temporary = _new(folder, name, lambda new: os.symlink(target, new, dir_fd=folder))
        os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)


def make_directory(path: str) -> None:
    """Make a directory, and those above it that are missing; one that is there is left as it is."""
    missing = []
    while not os.path.lexists(path):
        missing.append(path)
        path = os.path.dirname(path)
    for place in reversed(missing):
        with walk.above(place) as (folder, name), contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o755, dir_fd=folder)


def settle(path: str, uid: int, gid: int, mode: int) -> None:
    """Give a directory its owner and mode. Raises OSError for what is no directory itself."""
    with walk.directory(path) as found:
        os.fchown(found, uid, gid)
        os.fchmod(found, mode)


def links_to(directory: str, target: str) -> List[str]:
    """Names of the links in a directory that lead to exactly this target; none when there is no directory."""
    try:
        entries = list(os.scandir(directory))
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [entry.name for entry in entries if entry.is_symlink() and os.readlink(entry.path) == target]


def remove(path: str) -> None:
    """Remove a file or link (never a directory)."""
    with walk.above(path) as (folder, name):
        if stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            raise Failure(f"{path} is a directory where a file should be", advice="move it away and deploy again")
        os.unlink(name, dir_fd=folder)


def leads_to(path: str) -> Optional[str]:
    """Where a link leads, as it says itself; None where there is no link."""
    try:
        return os.readlink(path)
    except OSError:
        return None


def text_of(path: str) -> str:
    """The text of a regular file; "" where it cannot be read."""
    try:
        return walk.read(path).decode("utf-8", "replace")
    except OSError:
        return ""


def pairs_of(text: str) -> Dict[str, str]:
    """The `key=value` lines of a configuration file of ours, comments left out. Nothing is unescaped."""
    lines = (line for line in text.splitlines() if line[:1] not in ("#", "!"))
    return {key.strip(): value.strip() for key, found, value in (line.partition("=") for line in lines) if found}
