"""What the hosts of a lab cluster say of it, each asked directly, for `tests.support.one_cluster` to judge."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.support.one_cluster import Views, broken

from .hosts import LabHost
from .serving import eventually

PROGRAM = Path(__file__).with_name("whole_cluster.py")


def views(hosts: Sequence[LabHost]) -> Views:
    """{host: its view}, all asked at the same time."""
    with ThreadPoolExecutor(len(hosts)) as pool:
        return dict(zip((host.base for host in hosts), pool.map(_view, hosts), strict=True))


def require_one(hosts: Sequence[LabHost], before: Views, *, missing: int = 0, seconds: float = 60) -> Views:
    """The views, once the hosts are the cluster that they were; AssertionError with all that is wrong otherwise."""

    def look() -> Views:
        now = views(hosts)
        wrong = broken(before, now, missing=missing)
        assert not wrong, "; ".join(wrong[:5]) + (f"; and {len(wrong) - 5} more" if len(wrong) > 5 else "")
        return now

    return eventually(look, seconds=seconds, what="the hosts are one cluster, as before")


def _view(host: LabHost) -> dict[str, Any]:
    done = host.lab.exec(host.base, ["python3", "-"], input=PROGRAM.read_text())
    assert done.returncode == 0, done.stdout + (done.stderr or "")
    found: dict[str, Any] = json.loads(done.stdout)
    return found
