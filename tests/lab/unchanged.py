"""Proof that a refused or careless run has changed nothing: what hosts look like, before and after, and the difference.

    with unchanged(single):                      # one LabHost, or several
        refused = single.deploy(..., expect=2)

    before = snapshot(cluster.hosts)             # or by hand
    ...
    assert before.difference(snapshot(cluster.hosts)) == []

A snapshot holds owner, mode and kind of what a person or a deploy makes, the content of configuration (/etc, /home and
others: see `whole_host.py`), and the processes of the services.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from .hosts import LabHost

PROGRAM = Path(__file__).with_name("whole_host.py")
NOTHING = "nothing there"


@dataclass(frozen=True)
class Snapshot:
    """{host: {path or unit: its state in words}}."""

    found: Mapping[str, Mapping[str, str]]

    def difference(self, later: Snapshot) -> list[str]:
        """What is other, new or gone later, a line each: "kafka1: /srv: directory root:root 0755 -> directory ..."."""
        lines = []
        for host in sorted({*self.found, *later.found}):
            before, after = self.found.get(host, {}), later.found.get(host, {})
            for thing in sorted({*before, *after}):
                was, now = before.get(thing, NOTHING), after.get(thing, NOTHING)
                if was != now:
                    lines.append(f"{host}: {thing}: {was} -> {now}")
        return lines


def snapshot(hosts: LabHost | Sequence[LabHost]) -> Snapshot:
    """What these hosts look like now; all are asked at the same time, which takes a fraction of a second."""
    asked = [hosts] if isinstance(hosts, LabHost) else list(hosts)
    with ThreadPoolExecutor(max(len(asked), 1)) as pool:
        return Snapshot(dict(zip((host.base for host in asked), pool.map(_look, asked), strict=True)))


@contextlib.contextmanager
def unchanged(hosts: LabHost | Sequence[LabHost]) -> Iterator[None]:
    """Assert that nothing changes on these hosts in this block."""
    before = snapshot(hosts)
    yield
    difference = before.difference(snapshot(hosts))
    assert not difference, "\n".join(difference)


def _look(host: LabHost) -> dict[str, str]:
    done = host.lab.exec(host.base, ["python3", "-"], input=PROGRAM.read_text())
    assert done.returncode == 0, done.stdout + (done.stderr or "")
    found: dict[str, str] = json.loads(done.stdout)
    return found
