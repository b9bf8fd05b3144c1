"""The molecule scenarios pass: created, converged, idempotent, verified from outside, destroyed."""

from __future__ import annotations

from pathlib import Path

from lab.lab import Lab

from .hosts import ROOT, lab_name
from .molecule import molecule


def test_one_host_is_made_deployed_looked_at_and_removed(tmp_path: Path):
    lab = f"{lab_name()}-mol"
    try:
        recap = molecule("test", "single", lab, tmp_path)
    finally:
        Lab(lab, root=ROOT).down()
    assert "single : actions=6 successful=6" in recap, recap
