"""Packages of Debian and its relatives."""

from __future__ import annotations

import glob
import os
import time
from typing import Any, Callable, Dict, List, Optional, Sequence

from .failure import Failure
from .files import text_of

DPKG_STATUS = "/var/lib/dpkg/status"
# Held by apt and dpkg while they work; the frontend's for as long as a whole run of unattended-upgrades.
LOCKS = (
    "/var/lib/dpkg/lock-frontend",
    "/var/lib/dpkg/lock",
    "/var/lib/apt/lists/lock",
    "/var/cache/apt/archives/lock",
)
LOCK_SECONDS = 600.0  # an upgrade of the whole system may take minutes
POLL_SECONDS = 1.0


def status(path: str = DPKG_STATUS) -> str:
    """dpkg's own record of all packages, which takes no process start."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError as error:
        raise Failure(f"cannot read {path}: {error.strerror}", advice="only Debian and Ubuntu are supported") from error


def find(status: str, name: str) -> Optional[Dict[str, Any]]:
    """{installed, version} of a package that is in the state `install ok installed`, for any architecture. Pure."""
    status, start = f"\n\n{status}", f"\n\nPackage: {name}\n"
    at = status.find(start)
    while at >= 0:
        lines = status[at + 2 :].split("\n\n", 1)[0].split("\n")
        fields = dict(line.split(": ", 1) for line in lines if ": " in line and not line.startswith(" "))
        if fields.get("Status", "").endswith(" ok installed"):
            return {"installed": True, "version": fields.get("Version", "")}
        at = status.find(start, at + 2)
    return None


def holder(path: str) -> int:
    """The pid of the process that holds a lock file of apt's; 0 when none does."""
    import fcntl
    import struct

    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return 0
    try:
        # struct flock of 64-bit Linux: type, whence, start, length, pid
        asked = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, _, _, _, pid = struct.unpack("hhqqi", fcntl.fcntl(descriptor, fcntl.F_GETLK, asked))
        return 0 if kind == fcntl.F_UNLCK else int(pid) or -1
    finally:
        os.close(descriptor)


def wait_for_locks(emit: Callable[[Dict[str, Any]], None], locks: Sequence[str] = LOCKS) -> None:
    """Wait until nobody else is at work with packages, saying who. Raises Failure after LOCK_SECONDS."""
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        held = next(((path, pid) for path in locks for pid in [holder(path)] if pid), None)
        if held is None:
            return
        path, pid = held
        name = text_of(f"/proc/{pid}/comm").strip() if pid > 0 else ""
        who = f"{name or 'a process'} (pid {pid})" if pid > 0 else "a process of another namespace"
        if time.monotonic() > deadline:
            raise Failure(
                f"{who} still holds {path}, which installing needs, after {LOCK_SECONDS:.0f} s",
                advice=f"let it finish (`ps -fp {pid}` on the host says what it does), then deploy again",
            )
        emit({"text": f"waiting for {who} to release {path}"})
        time.sleep(POLL_SECONDS)


def _apt(arguments: List[str], emit: Callable[[Dict[str, Any]], None]) -> List[str]:
    """Run apt-get, streaming its lines; the last ones. Raises Failure with them."""
    import subprocess

    argv = ["apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=120", "-o", "Acquire::Retries=3", *arguments]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    process = subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment
    )
    assert process.stdout is not None
    lines: List[str] = []
    for raw in process.stdout:
        line = raw.decode("utf-8", "replace").rstrip().rpartition("\r")[2].strip()
        if line:
            lines = [*lines[-20:], line]
            emit({"text": line[:100]})
    if process.wait():
        raise Failure(
            f"apt-get failed with exit code {process.returncode}: {' '.join(argv)}",
            details=lines[-10:],
            advice="fix the host's package sources (try the command there), then deploy again",
        )
    return lines


def install(name: str, emit: Callable[[Dict[str, Any]], None]) -> None:
    """Install a package; package lists are fetched when there are none or when they turn out stale."""
    import subprocess

    wait_for_locks(emit)
    # A run that was killed inside dpkg leaves it half done; this is a no-op otherwise.
    subprocess.run(
        ["dpkg", "--configure", "-a"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    wanted = ["install", "--no-install-recommends", name]
    if glob.glob("/var/lib/apt/lists/*Packages*"):
        try:
            _apt(wanted, emit)
            return
        except Failure:
            emit({"text": "package lists may be old, fetching them"})
        update = ["update"]
    else:
        # A third of what lists cost is the packages' descriptions, which nobody here reads. Not where there are lists:
        # apt removes the descriptions that it does not fetch.
        update = ["-o", "Acquire::Languages=none", "update"]
    wait_for_locks(emit)
    _apt(update, emit)
    _apt(wanted, emit)
