"""systemd units: what they are doing, and starting them with the reason when they do not start."""

from __future__ import annotations

import contextlib
import os
from typing import Any, Callable, Dict, List, Optional, Tuple

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
    argv = ["systemctl", "show", "--property=" + ",".join(PROPERTIES), *(f"{name}.service" for name in names)]
    code, output = _output(argv)
    if code:
        raise Failure("systemd does not answer", details=output.splitlines()[-3:])
    blocks = output.strip().split("\n\n")
    return {name: parse(block) for name, block in zip(names, blocks)}


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


def _try(verb: str, unit: str, run: Callable[..., str]) -> None:
    # A stop may take its time (controlled shutdown has a budget of five minutes), hence the long limit.
    with contextlib.suppress(Failure):  # not loaded yet: nothing to reset
        run(["systemctl", "reset-failed", f"{unit}.service"])
    try:
        run(["systemctl", verb, f"{unit}.service"], timeout=420)
    except Failure as failure:
        raise Failure(
            f"{unit} does not {verb}",
            details=[*failure.details, *last_lines(unit)],
            advice=f"see `journalctl -u {unit}` on the host; fix the cause and deploy again, it goes on from here",
        ) from failure


def start(unit: str, run: Callable[..., str]) -> None:
    """`systemctl start`, with the unit's last log lines when it fails."""
    _try("start", unit, run)


def restart(unit: str, run: Callable[..., str]) -> None:
    """`systemctl restart`, with the unit's last log lines when it fails."""
    _try("restart", unit, run)
