"""Careless edits of a working inventory, deployed to a cluster with data under load: each is right for the cluster or
refused. `script/careless` runs them; tests/support/careless.py has the table.

After each: the exit code is one of the documented ones, there is no traceback, a refusal has changed nothing on any
host, and the hosts are the one cluster that they were, each asked directly. Then the base inventory is deployed again
if anything has changed. At the end, Kafka's own verdict on the load: what was acknowledged can be read.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from tests.support.careless import Edit, Stranger, edit
from tests.support.one_cluster import Views, lowered

from .cluster import Cluster
from .hosts import ROOT, LabHost, lab_name
from .load import Load
from .one_cluster import require_one, views
from .unchanged import Snapshot, snapshot

CODES = (0, 1, 2, 4, 5)  # docs/operations.md, "Exit codes"
SECONDS = 120.0  # for one deploy
PARTLY = ("--limit", "--tags")  # with these a deploy may pass by what is wrong


@dataclass(frozen=True)
class Outcome:
    """What became of an edit. wrong: why that is neither right nor refused."""

    edit: Edit
    code: int | None  # None: it did not end
    seconds: float
    said: str  # the first line of the error
    changed: bool
    wrong: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        if self.wrong:
            return "FAILED"
        if self.code == 0:
            return "accepted" if self.changed else "nothing"
        return "stopped" if self.changed else "refused"

    def __str__(self) -> str:
        flags = " ".join(self.edit.flags)
        code = "-" if self.code is None else self.code
        lines = [f"{self.edit.seed:4} {self.verdict:8} exit {code} {self.seconds:5.1f} s  {self.edit.name}  [{flags}]"]
        lines += [f"       {self.said}"] if self.said else []
        lines += [f"       !! {line}" for line in self.wrong]
        return "\n".join(lines)


@dataclass
class Ground:
    """A cluster under load, and a host of another one, to be careless with."""

    cluster: Cluster
    stranger: LabHost
    load: Load
    base: dict[str, Any] = field(init=False)
    views: Views = field(init=False)
    hosts: Snapshot = field(init=False)
    path: Path = field(init=False)

    def __post_init__(self) -> None:
        self.path = self.cluster.path.with_name("careless.yml")
        self.base = yaml.safe_load(self.cluster.path.read_text())
        self.views = views(self.cluster.hosts)
        self._look()

    def attempt(self, seed: int) -> Outcome:
        """Deploy the edit of a seed, and judge. The cluster is as the base inventory wants it afterwards, or the
        outcome says why not."""
        ports = self.stranger.lab.ports(self.stranger.base)
        made = edit(self.base, Stranger(self.stranger.name, ports["ssh"], ports["kafka"]), seed)
        self.path.write_text(yaml.safe_dump(made.inventory, sort_keys=False))
        began = time.monotonic()
        code, output = deploy(self.path, *made.flags)
        done = Outcome(made, code, time.monotonic() - began, first_error(output) if code else "", False)
        difference = self.hosts.difference(self._snapshot())
        wrong = list(self._wrong(done, output, difference))
        if difference or wrong:
            wrong += self._back()
        with contextlib.suppress(AssertionError):
            self.load.more(20)
            return replace(done, changed=bool(difference), wrong=tuple(wrong))
        return replace(done, changed=bool(difference), wrong=(*wrong, "the producer gets no acknowledgements"))

    def _wrong(self, done: Outcome, output: str, difference: Sequence[str]) -> Sequence[str]:
        made, wrong = done.edit, []
        if done.code is None:
            wrong.append(f"still running after {SECONDS:.0f} s")
        elif done.code not in CODES:
            wrong.append(f"exit code {done.code} is not documented")
        if "Traceback (most recent call last)" in output:
            wrong.append("a traceback")
        partly = bool(set(PARTLY) & set(made.flags))
        if difference and ((made.refused and not partly) or (done.code and not made.stops)):
            wrong.append(f"{len(difference)} things have changed, first {'; '.join(difference[:3])}")
        if made.refused and done.code == 0 and not partly:
            wrong.append("exit code 0")
        if any(line.startswith(f"{self.stranger.base}: ") for line in difference):
            wrong.append("the other cluster's host has changed")
        try:
            now = require_one(self.cluster.hosts, self.views, missing=1 if made.stops else 0)
            if not made.lowers:
                wrong += lowered(self.views, now)
        except AssertionError as error:
            wrong.append(str(error))
        return wrong

    def _back(self) -> Sequence[str]:
        """Deploy the base inventory; what is wrong afterwards."""
        code, output = deploy(self.cluster.path, "--no-smoke")
        if code != 0:
            return [f"the base inventory does not deploy any more: exit code {code}: {first_error(output)}"]
        try:
            require_one(self.cluster.hosts, self.views)
        except AssertionError as error:
            return [f"with the base inventory again: {error}"]
        self._look()
        return []

    def _look(self) -> None:
        self.hosts = self._snapshot()

    def _snapshot(self) -> Snapshot:
        return snapshot([*self.cluster.hosts, self.stranger])


def deploy(inventory: Path, *flags: str) -> tuple[int | None, str]:
    """`invoke deploy` as a user types it: exit code, None when it does not end in its time, and output."""
    process = subprocess.Popen(
        [sys.executable, "-m", "invoke", "deploy", "--hosts", str(inventory), *flags],
        cwd=ROOT,
        env={**os.environ, "LAB": lab_name()},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=SECONDS)
        return process.returncode, output
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGINT)
        try:
            output, _ = process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate(timeout=20)
        return None, output


def first_error(output: str) -> str:
    """The first line of what went wrong."""
    lines = [line for line in output.splitlines() if line and not line.startswith(("-->", " ", "warning: "))]
    return next((line for line in lines if line.startswith("error: ")), (lines or [""])[0])
