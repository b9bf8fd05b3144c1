"""Files and links of the host, each changed in one step, so that a reader never sees half of it."""

from __future__ import annotations

import os
from typing import Dict, List, Optional

from .failure import Failure


def replace(path: str, data: bytes, uid: int, gid: int, mode: int) -> None:
    """Replace a file in one step: temporary file beside it with its final owner and mode, fsync, rename."""
    folder = os.path.dirname(path)
    temporary = os.path.join(folder, f".{os.path.basename(path)}.new~")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            out.write(data)
            out.flush()
            os.fchown(out.fileno(), uid, gid)
            os.fchmod(out.fileno(), mode)
            os.fsync(out.fileno())
        os.replace(temporary, path)
    except FileNotFoundError as error:
        raise Failure(f"cannot write {path}: its directory {folder} does not exist") from error
    finally:
        if os.path.lexists(temporary):
            os.unlink(temporary)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def link(path: str, target: str) -> None:
    """Make or repoint a symbolic link in one step."""
    temporary = f"{path}.new~"
    if os.path.lexists(temporary):
        os.unlink(temporary)
    os.symlink(target, temporary)
    os.replace(temporary, path)


def links_to(directory: str, target: str) -> List[str]:
    """Names of the links in a directory that lead to exactly this target; none when there is no directory."""
    try:
        entries = list(os.scandir(directory))
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [entry.name for entry in entries if entry.is_symlink() and os.readlink(entry.path) == target]


def remove(path: str) -> None:
    """Remove a file or link (never a directory)."""
    if os.path.isdir(path) and not os.path.islink(path):
        raise Failure(f"{path} is a directory where a file should be", advice="move it away and deploy again")
    os.unlink(path)


def leads_to(path: str) -> Optional[str]:
    """Where a link leads, as it says itself; None where there is no link."""
    try:
        return os.readlink(path)
    except OSError:
        return None


def text_of(path: str) -> str:
    """The text of a file; "" where it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def pairs_of(text: str) -> Dict[str, str]:
    """The `key=value` lines of a configuration file of ours, comments left out. Nothing is unescaped."""
    lines = (line for line in text.splitlines() if line[:1] not in ("#", "!"))
    return {key.strip(): value.strip() for key, found, value in (line.partition("=") for line in lines) if found}
