"""Runs a command of molecule on a scenario, as a user does in tests/."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .hosts import ROOT


def molecule(command: str, scenario: str, lab: str, kept: Path, variables: Mapping[str, Any] | None = None) -> str:
    """`molecule COMMAND` on the hosts of a lab, asserted to pass; the end of what it says, its blanks single.

    kept: a folder for what molecule notes of the hosts. variables: for its deploys.
    """
    flags = ["--extra-vars", json.dumps(dict(variables))] if variables else []
    done = subprocess.run(
        [sys.executable, "-m", "molecule", command, "-s", scenario],
        cwd=ROOT / "tests",
        env={
            **os.environ,
            "LAB": lab,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "NO_COLOR": "1",
            "DEPLOY_FLAGS": json.dumps(flags),
            "MOLECULE_EPHEMERAL_DIRECTORY": str(kept),
        },
        text=True,
        timeout=900,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    said = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)[-6000:]
    assert done.returncode == 0, said
    return re.sub(r"[ \t]+", " ", said)
