"""A service's process as the kernel and its own start line show it: memory, heap, open files; without any JVM tool."""

from __future__ import annotations

import os
import re
import time
from typing import TYPE_CHECKING, Any, Dict, List, Optional

from . import walk

if TYPE_CHECKING:
    from collections.abc import Callable

    Emit = Callable[[dict[str, Any]], None]

_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
# "GC(16) Pause Young (Normal) (G1 Evacuation Pause) 195M->180M(512M) 31.787ms"
_COLLECTION = re.compile(r"GC\(\d+\) Pause .* \d+[KMG]->(\d+)([KMG])\((\d+)([KMG])\)")
GC_TAIL = 128 * 1024


def look(args: Dict[str, Any], emit: Emit) -> Dict[str, Any]:
    """What the processes use. args: services {name: a unit's state, as `units.show` answers}.

    Returns {name: {uptime, rss, heap_max, heap_used, classpath, open_files, open_files_max}} of those that run; seconds
    and bytes, None for what cannot be known. heap_used is what was left after the last garbage collection, from the
    JVM's own GC log: what is really in use, where the momentary value mostly shows how long ago that was.
    """
    running = {name: state for name, state in args["services"].items() if state and state["pid"]}
    return {
        name: {"uptime": uptime(state["started_monotonic_us"]), **of(state["pid"])} for name, state in running.items()
    }


def of(pid: int) -> Dict[str, Any]:
    """One process, as in `look`."""
    options = [part.decode("utf-8", "replace") for part in _read(f"/proc/{pid}/cmdline").split(b"\0")]
    status = _fields(_read(f"/proc/{pid}/status").decode("utf-8", "replace"))
    limits = _read(f"/proc/{pid}/limits").decode("utf-8", "replace")
    rss = status.get("VmRSS", "").split()
    return {
        "rss": int(rss[0]) * 1024 if rss else None,
        "heap_max": heap_max(options),
        "heap_used": heap_used(_tail(gc_log(options))),
        "classpath": classpath(options),
        "open_files": _open_files(pid),
        "open_files_max": soft_limit(limits),
    }


def heap_max(options: List[str]) -> Optional[int]:
    """Bytes of the last -Xmx, which is the one that Java obeys. Pure."""
    for option in reversed(options):
        found = re.fullmatch(r"-Xmx(\d+)([kmgt]?)", option, re.IGNORECASE)
        if found:
            return int(found[1]) * _UNITS[found[2].lower()]
    return None


def gc_log(options: List[str]) -> str:
    """Where this JVM writes its GC log; "" when it does not say. Pure."""
    for option in reversed(options):
        found = re.match(r"-Xlog:gc[^:]*:file=([^:]+)", option)
        if found:
            return found[1]
    return ""


def heap_used(text: str) -> Optional[int]:
    """Bytes in use after the last collection in a GC log; None when there is none. Pure."""
    found = None
    for found in _COLLECTION.finditer(text):  # noqa: B007  the last one counts
        pass
    return int(found[1]) * _UNITS[found[2].lower()] if found else None


def classpath(options: List[str]) -> str:
    """What follows -cp: it shows which version runs, whatever has been unpacked since. Pure."""
    places = [place for place, option in enumerate(options[:-1]) if option in ("-cp", "-classpath")]
    return options[places[-1] + 1] if places else ""


def soft_limit(limits: str) -> Optional[int]:
    """The soft limit of open files in the text of /proc/PID/limits. Pure."""
    for line in limits.splitlines():
        if line.startswith("Max open files"):
            value = line.split()[3]
            return int(value) if value.isdigit() else None
    return None


def uptime(started_monotonic_us: int) -> Optional[float]:
    """Seconds since systemd started a process; None when it did not."""
    return round(time.monotonic() - started_monotonic_us / 1e6, 1) if started_monotonic_us else None


def _open_files(pid: int) -> Optional[int]:
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:  # not even root may look, in a container without CAP_SYS_PTRACE
        return None


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def _tail(path: str) -> str:
    try:
        with os.fdopen(walk.opened(path), "rb") as file:
            file.seek(max(file.seek(0, os.SEEK_END) - GC_TAIL, 0))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""


def _fields(text: str) -> Dict[str, str]:
    return {key: value.strip() for key, value in (line.split(":", 1) for line in text.splitlines() if ":" in line)}
