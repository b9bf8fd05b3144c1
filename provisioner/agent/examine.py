"""How the machine under the services is, from files alone: what slows them down or hurts them one day."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Dict, List, Optional

from .files import text_of

if TYPE_CHECKING:
    from collections.abc import Callable

    Emit = Callable[[dict[str, Any]], None]


def look(args: Dict[str, Any], emit: Emit) -> Dict[str, Any]:
    """args: paths (of data). Returns swap (names of active swap areas), swappiness, huge_pages ("always", "madvise",
    "never", None), journal_kept (over a reboot), inodes {path: {free, total}}; None for what cannot be known."""
    return {
        "swap": swaps(text_of("/proc/swaps")),
        "swappiness": _number(text_of("/proc/sys/vm/swappiness")),
        "huge_pages": chosen(text_of("/sys/kernel/mm/transparent_hugepage/enabled")),
        "journal_kept": os.path.isdir("/var/log/journal"),
        "inodes": {path: inodes(path) for path in args["paths"] if os.path.isdir(path)},
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


def _number(text: str) -> Optional[int]:
    return int(text) if text.strip().isdigit() else None
