"""How the machine under the services is, from files alone: what slows them down or hurts them one day."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any, Dict, List, Optional

from .files import text_of

if TYPE_CHECKING:
    from collections.abc import Callable

    Emit = Callable[[dict[str, Any]], None]


def look(args: Dict[str, Any], emit: Emit) -> Dict[str, Any]:
    """args: paths (of data), secrets (files that only services may read).

    Returns swap (names of active swap areas), swappiness, huge_pages ("always", "madvise", "never", None), journal_kept
    (over a reboot), inodes {path: {free, total}}, open_secrets {path: permission bits} of the secrets that everybody
    may read; None for what cannot be known.
    """
    return {
        "swap": swaps(text_of("/proc/swaps")),
        "swappiness": _number(text_of("/proc/sys/vm/swappiness")),
        "huge_pages": chosen(text_of("/sys/kernel/mm/transparent_hugepage/enabled")),
        "journal_kept": os.path.isdir("/var/log/journal"),
        "inodes": {path: inodes(path) for path in args["paths"] if os.path.isdir(path)},
        "open_secrets": {path: mode for path in args["secrets"] if (mode := open_to_all(path))},
    }


def swaps(text: str) -> List[str]:
    """The active swap areas in the text of /proc/swaps. Pure."""
    return [line.split()[0] for line in text.splitlines()[1:] if line.strip()]


def chosen(text: str) -> Optional[str]:
    """The word in brackets, as the kernel marks a choice: "always [madvise] never". Pure."""
    return next((word[1:-1] for word in text.split() if word.startswith("[")), None)


def inodes(path: str) -> Dict[str, int]:
    """How many files the disk of a path can still take; total 0 where it does not count them."""
    found = os.statvfs(path)
    return {"free": found.f_favail, "total": found.f_files}


def open_to_all(path: str) -> int:
    """The permission bits of a file that every user can read or change; 0 where none can, or it is not there."""
    try:
        mode = stat.S_IMODE(os.stat(path).st_mode)
        folder = os.path.dirname(os.path.realpath(path))
        while os.stat(folder).st_mode & 0o001 and folder != "/":
            folder = os.path.dirname(folder)
    except OSError:
        return 0
    return mode if folder == "/" and mode & 0o006 else 0


def _number(text: str) -> Optional[int]:
    return int(text) if text.strip().isdigit() else None
