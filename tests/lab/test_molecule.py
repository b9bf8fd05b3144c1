"""The molecule scenarios pass: created, converged, idempotent, verified from outside, destroyed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lab.lab import Lab

from .cluster import CHEAP
from .hosts import ROOT, lab_name


@pytest.mark.parametrize(("scenario", "variables", "hosts"), [("single", {}, []), ("prod3", CHEAP, ["--java"])])
def test_molecule_scenario(scenario: str, variables: dict[str, Any], hosts: list[str]):
    lab = f"{lab_name()}-mol"
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "LAB": lab, "PATH": path, "NO_COLOR": "1"}
    environment["HOST_FLAGS"] = json.dumps(hosts)
    environment["DEPLOY_FLAGS"] = json.dumps(["--extra-vars", json.dumps(variables)])
    try:
        done = subprocess.run(
            [sys.executable, "-m", "molecule", "test", "-s", scenario],
            cwd=ROOT / "tests",
            env=environment,
            text=True,
            timeout=900,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
    finally:
        Lab(lab, root=ROOT).down()
    recap = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)
    assert done.returncode == 0, recap[-6000:]
    assert re.search(rf"{scenario} +: actions=6 +successful=6", recap), recap[-2000:]
