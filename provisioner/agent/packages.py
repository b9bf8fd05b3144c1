"""Packages of Debian and its relatives."""

from __future__ import annotations

import glob
import os
from typing import Any, Callable, Dict, List

from .failure import Failure

DPKG_STATUS = "/var/lib/dpkg/status"


def installed(path: str = DPKG_STATUS) -> Dict[str, Dict[str, Any]]:
    """{name: {installed, version}} of every fully installed package, from dpkg's own record (no process start)."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read()
    except OSError as error:
        raise Failure(f"cannot read {path}: {error.strerror}", advice="only Debian and Ubuntu are supported") from error
    return parse(text)


def parse(text: str) -> Dict[str, Dict[str, Any]]:
    """The packages in `install ok installed` state of a dpkg status file. Pure."""
    found = {}
    for paragraph in text.split("\n\n"):
        name = version = ""
        ok = False
        for line in paragraph.split("\n"):
            if line.startswith("Package: "):
                name = line[9:]
            elif line.startswith("Status: "):
                ok = line.endswith(" ok installed")
            elif line.startswith("Version: "):
                version = line[9:]
        if name and ok:
            found[name] = {"installed": True, "version": version}
    return found


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
            advice="mend the host's package sources (try the command there), then deploy again",
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
