"""Molecule's scenario of three hosts, on those that are there: found in order, and verified from outside.

What it makes, deploys and removes by itself is the scenario of one host; both have the same playbooks.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from . import quick_start
from .cluster import CHEAP, Cluster
from .hosts import lab_name
from .molecule import molecule

pytestmark = pytest.mark.second_lab


def test_three_hosts_are_looked_at_by_molecule(made3: Cluster, tmp_path: Path):
    variables = {**CHEAP, **quick_start.WITH_ARCHIVE}
    for command in ("converge", "verify"):
        said = molecule(command, "prod3", lab_name(), tmp_path, variables)
        assert re.search(r"^localhost : ok=\d", said, re.M) and not re.search("changed=[1-9]", said), said
