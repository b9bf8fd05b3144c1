"""Paths as root walks them: through no link that a service could have planted.

A broker runs other people's code, and its user owns directories below which root reads logs and writes identities. What
is a directory at one moment is a link to /etc at the next. So a path is opened part by part, each relative to the
directory before it, and a link is followed only out of a directory in which nobody but root can make one. Files are
opened without waiting for anybody (a FIFO), and only regular ones are read.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from typing import Iterator, Tuple

LINKS = 40  # as the kernel follows at most
LIMIT = 64 << 20  # bytes of a file that is read whole; what is larger is none of ours
PIECE = 1 << 20
# Groups whose members are administrators: root's, and Debian's staff, to which /usr/local belongs.
ADMINISTRATORS = (0, 50)
_PLACE = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


@contextlib.contextmanager
def above(path: str, follow: bool = False) -> Iterator[Tuple[int, str]]:
    """(descriptor of the directory, name in it) of a path; nothing needs to have that name. follow: a link of root's
    that has it, too. Raises OSError for what is no directory on the way, and for a link that is not root's."""
    here, name = _enter(path, follow)
    try:
        yield here, name
    except OSError as error:
        # The name in the directory says nothing to whoever reads the message.
        if not str(error.filename2 or error.filename or "").startswith("/"):
            error.filename, error.filename2 = os.fspath(path), None
        raise
    finally:
        os.close(here)


@contextlib.contextmanager
def directory(path: str) -> Iterator[int]:
    """A descriptor of a directory that is at `path` itself. Raises OSError."""
    with above(path) as (here, name):
        found = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
    try:
        yield found
    finally:
        os.close(found)


def opened(path: str) -> int:
    """A descriptor for reading a regular file. Raises OSError, also for what is none."""
    try:
        found = os.open(path, os.O_RDONLY | _FILE)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
    else:
        # Where the kernel has arrived says whether it has followed a link: two calls instead of one a directory.
        if os.readlink(f"/proc/self/fd/{found}") == path:
            return _regular(found, path)
        os.close(found)
    with above(path, follow=True) as (here, name):
        return _regular(os.open(name, os.O_RDONLY | _FILE, dir_fd=here), path)


def read(path: str, limit: int = LIMIT) -> bytes:
    """The content of a regular file, at most `limit` bytes. Raises OSError."""
    found = opened(path)
    try:
        parts = []
        while limit > 0:
            part = os.read(found, min(PIECE, limit))
            if not part:
                break
            parts.append(part)
            limit -= len(part)
        return b"".join(parts)
    finally:
        os.close(found)


def _regular(found: int, path: str) -> int:
    kind = os.fstat(found).st_mode
    if stat.S_ISREG(kind):
        return found
    os.close(found)
    code = errno.EISDIR if stat.S_ISDIR(kind) else errno.EINVAL
    raise OSError(code, os.strerror(code) if stat.S_ISDIR(kind) else "not a regular file", path)


def _enter(path: str, follow: bool) -> Tuple[int, str]:
    """The directory of a path, which the caller closes, and the name in it."""
    path = os.fspath(path)
    left = _parts(path)
    here = os.open("/" if path.startswith("/") else ".", _PLACE)
    followed = 0
    try:
        while True:
            name = left.pop() if left else "."
            if not left and not (follow and _is_link(here, name)):
                return here, name
            try:
                if not left:
                    raise NotADirectoryError
                below = os.open(name, _PLACE, dir_fd=here)
            except NotADirectoryError:
                target = _roots_link(here, name, path)
                followed += 1
                if followed > LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path) from None
                left += _parts(target)
                if not target.startswith("/"):
                    continue
                below = os.open("/", _PLACE)
            os.close(here)
            here = below
    except FileNotFoundError:
        os.close(here)
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path) from None
    except BaseException:
        os.close(here)
        raise


def _parts(path: str) -> "list[str]":
    """The parts of a path, the first one last."""
    return [part for part in reversed(path.split("/")) if part not in ("", ".")]


def _is_link(here: int, name: str) -> bool:
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=here, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False


def _roots_link(here: int, name: str, path: str) -> str:
    """Where a link leads that nobody but root (who runs this) can have made. Raises OSError for any other."""
    link, around = os.stat(name, dir_fd=here, follow_symlinks=False), os.fstat(here)
    if not stat.S_ISLNK(link.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
    target = os.readlink(name, dir_fd=here)
    us = (0, os.geteuid())
    others = around.st_mode & 0o002 or (around.st_mode & 0o020 and around.st_gid not in ADMINISTRATORS)
    if around.st_uid not in us or (others and not (around.st_mode & stat.S_ISVTX and link.st_uid in us)):
        raise OSError(
            errno.ELOOP, f"{name} is a link to {target} that others than root can make, and is not followed", path
        )
    return target
