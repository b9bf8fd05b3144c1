"""The results: a line of JSON per run in a file outside the clone, so that a bench can run in several parts."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Run:
    """One timed command. at: when, UTC, to the minute; commit: of this project, short; version: of the tool."""

    measure: str
    tool: str
    hosts: int
    seconds: float  # wall clock of the whole process
    cpu_seconds: float  # user and system, on the control machine, with its child processes
    peak_mib: float  # memory of its largest process on the control machine
    at: str
    commit: str
    version: str
    machine: str
    # The machine's load before the run, and values of some measures only: stall_seconds, sent_bytes, received_bytes.
    values: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Summary:
    """The figures of several runs of one command."""

    runs: int
    median: float
    low: float
    high: float


class Store:
    """The file with all runs; it need not exist."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def runs(self) -> list[Run]:
        """Every run, oldest first."""
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        return [Run(**json.loads(line)) for line in lines]

    def add(self, run: Run) -> None:
        """Append a run at once, so that an interrupted bench keeps what it has."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as out:
            out.write(json.dumps(asdict(run)) + "\n")

    def forget(self, measures: Iterable[str], tools: Iterable[str]) -> None:
        """Drop the runs of these measures by these tools, which are about to be measured anew."""
        gone = {(measure, tool) for measure in measures for tool in tools}
        kept = [run for run in self.runs() if (run.measure, run.tool) not in gone]
        if self.path.exists():
            self.path.write_text("".join(json.dumps(asdict(run)) + "\n" for run in kept))


def pick(runs: Iterable[Run], measure: str, tool: str, hosts: int | None = None) -> list[Run]:
    """The runs of one measure by one tool; hosts: only those with that number of hosts."""
    return [run for run in runs if (run.measure, run.tool) == (measure, tool) and hosts in (None, run.hosts)]


def summary(values: Sequence[float]) -> Summary:
    """Median, least and greatest. ValueError without values."""
    if not values:
        raise ValueError("nothing was measured")
    return Summary(len(values), statistics.median(values), min(values), max(values))


def ratio(of: Summary, to: Summary) -> float:
    """How many times as long: the quotient of two medians."""
    return of.median / to.median
