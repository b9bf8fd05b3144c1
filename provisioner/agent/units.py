"""systemd units: what they are doing and saying. `jobs.py` starts and stops them."""

from __future__ import annotations

import os
from typing import Any, Dict, List, Optional, Tuple

from .failure import Failure

PROPERTIES = (
    "Id",
    "LoadState",
    "ActiveState",
    "SubState",
    "UnitFileState",
    "NeedDaemonReload",
    "MainPID",
    "NRestarts",
    "Result",
    "ExecMainStartTimestampMonotonic",
    "InactiveEnterTimestampMonotonic",
)


def show(names: Tuple[str, ...]) -> Dict[str, Optional[Dict[str, Any]]]:
    """The state of all named units with one process start. Raises Failure when systemd does not answer."""
    output = ask(["show", "--property=" + ",".join(PROPERTIES), *(f"{name}.service" for name in names)])
    blocks = output.strip().split("\n\n")
    return {name: parse(block) for name, block in zip(names, blocks)}


def ask(arguments: List[str]) -> str:
    """What `systemctl` answers to these arguments. Raises Failure when systemd does not answer."""
    code, output = _output(["systemctl", *arguments])
    if code:
        raise Failure("systemd does not answer", details=output.splitlines()[-3:])
    return output


def reset(unit: str) -> None:
    """Let systemd forget that a unit has failed, and how often; nothing for one that is not loaded."""
    _output(["systemctl", "reset-failed", f"{unit}.service"])


def _output(argv: List[str]) -> Tuple[int, str]:
    """A command's exit code, and what it says on both of its outputs. The one that every run needs, so it does without
    `subprocess`, whose import takes longer than the command."""
    readable, writable = os.pipe()
    try:
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, writable, 1),
            (os.POSIX_SPAWN_DUP2, writable, 2),
        ]
        child = os.posix_spawnp(argv[0], argv, os.environ, file_actions=actions)
    finally:
        os.close(writable)
    with open(readable, "rb") as pipe:
        output = pipe.read()
    status = os.waitpid(child, 0)[1]
    return (os.WEXITSTATUS(status) if os.WIFEXITED(status) else -1), output.decode("utf-8", "replace")


def parse(block: str) -> Optional[Dict[str, Any]]:
    """One block of `systemctl show`; None for a unit that has no file and does not run. Pure."""
    found = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
    if found.get("LoadState") == "not-found" and found.get("ActiveState") != "active":
        return None
    return {
        "enabled": found.get("UnitFileState") == "enabled",
        # A unit between two tries of Restart= is not serving.
        "active": found.get("ActiveState") in ("active", "reloading"),
        "sub": found.get("SubState", ""),
        "reload": found.get("NeedDaemonReload") == "yes",
        "pid": int(found.get("MainPID") or 0),
        "restarts": int(found.get("NRestarts") or 0),
        "result": found.get("Result", ""),
        "started_monotonic_us": int(found.get("ExecMainStartTimestampMonotonic") or 0),
        "stopped_monotonic_us": int(found.get("InactiveEnterTimestampMonotonic") or 0),
    }


def last_lines(unit: str, count: int = 15) -> List[str]:
    """The unit's newest journal lines, without time and host."""
    import subprocess

    argv = ["journalctl", "-u", f"{unit}.service", "-n", str(count), "--no-pager", "-o", "cat"]
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [line for line in done.stdout.decode("utf-8", "replace").splitlines() if line.strip()]
