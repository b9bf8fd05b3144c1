"""Packages of Debian and its relatives."""

from __future__ import annotations

import glob
import os
from typing import Any, Callable, Dict, List, Optional

from .failure import Failure

DPKG_STATUS = "/var/lib/dpkg/status"


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
    _apt(["update"], emit)
    _apt(wanted, emit)
