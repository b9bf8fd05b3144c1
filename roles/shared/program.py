"""Runs a program with the classes of a locked version: the one place that starts Java on the control machine.

Only `invoke artifacts.lock` (and the test that compares our verdicts with Kafka's) needs it, so that Java is needed
only where versions are locked.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from provisioner.errors import ArtifactError

LONGEST = 300  # seconds


def run(source: Path, jars: Sequence[Path], *arguments: str, given: str = "") -> list[str]:
    """The lines that `source`, a Java file, writes when it runs with these jars. given: its standard input. Raises
    ArtifactError where there is no Java that compiles, and when the program fails."""
    command = [
        _executable(),
        "-XX:TieredStopAtLevel=1",
        "-cp",
        os.pathsep.join(map(str, jars)),
        str(source),
        *arguments,
    ]
    try:
        done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=LONGEST, encoding="utf-8")
    except FileNotFoundError:
        raise ArtifactError(
            "the properties of a version come from its own Java classes, and this machine has no java",
            advice="install a JDK (11 or newer) here and lock again; only locking needs it",
        ) from None
    except subprocess.TimeoutExpired:
        raise ArtifactError(f"{source.name} was not done after {LONGEST} seconds", advice="lock again") from None
    if done.returncode:
        raise ArtifactError(
            f"{source.name} failed with this version's classes",
            details=done.stderr.strip().splitlines()[:8],
            advice=f"it needs a JDK (11 or newer); where the definitions have moved, correct {source.name}",
        )
    return done.stdout.splitlines()


def _executable() -> str:
    """The Java of $JAVA_HOME, as every tool of Java's finds it, or the system's."""
    return str(Path(os.environ.get("JAVA_HOME") or "/usr") / "bin/java")


def objects(lines: Sequence[str]) -> list[dict[str, Any]]:
    """The JSON objects of lines that begin with one; what the classes say themselves is left out."""
    return [json.loads(line) for line in lines if line.startswith("{")]
