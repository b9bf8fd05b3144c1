"""Runs one command and measures its cost on this machine: wall clock, processor time, memory."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from provisioner.errors import ProvisionerError

SCRATCH = "SCRATCH"  # as a value of the environment: a directory of this run's own, gone afterwards


@dataclass(frozen=True)
class Command:
    """What is typed: the words, added environment, and the directory it runs in (None: this one)."""

    argv: Sequence[str]
    environment: Mapping[str, str]
    directory: Path | None = None


@dataclass(frozen=True)
class Cost:
    """What a finished command took. cpu_seconds with all child processes it waited for; peak_mib of the largest one.

    load: of the machine just before, processes that run or want to, the average over a minute.
    """

    seconds: float
    cpu_seconds: float
    peak_mib: float
    load: float
    output: str


def run(command: Command, log: Path) -> Cost:
    """Run to the end; output to a file, as a process that it leaves behind would keep a pipe open.

    ProvisionerError with the last lines when it fails: what did not work is not timed.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as out, tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as scratch:
        added = {name: scratch if value == SCRATCH else value for name, value in command.environment.items()}
        load, began = os.getloadavg()[0], time.monotonic()
        process = subprocess.Popen(
            command.argv,
            env={**os.environ, **added},
            cwd=command.directory,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            raise
        seconds = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
    output = log.read_text(errors="replace")
    if process.returncode != 0:
        raise ProvisionerError(
            f"`{' '.join(command.argv[:3])}` ended with exit code {process.returncode}",
            details=output.strip().splitlines()[-25:],
            advice=f"its whole output is in {log}",
        )
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, load, output)
