"""Commands that the agent runs on the host."""

from __future__ import annotations

from typing import List

from .failure import Failure


def run(argv: List[str], timeout: float = 120) -> str:
    """Run a command to its end; its output, or a Failure with command, exit code and last lines."""
    import subprocess

    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout
        )
    except FileNotFoundError as error:
        raise Failure(f"command not found: {argv[0]}") from error
    except subprocess.TimeoutExpired as error:
        raise Failure(f"command still running after {timeout:.0f} s: {' '.join(argv)}") from error
    text = done.stdout.decode("utf-8", "replace")
    if done.returncode:
        raise Failure(
            f"command failed with exit code {done.returncode}: {' '.join(argv)}",
            details=[line for line in text.splitlines() if line.strip()][-10:],
        )
    return text
