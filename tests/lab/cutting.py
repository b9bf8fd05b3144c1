"""Deploys that are cut off with -9: at a moment, or at each of their places (`tests/support/cuts.py`)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.support.cuts import STOPS, Cuts, Place

from .cluster import Cluster, Running

# Until a unit stops, and until it has started again; looked at as often as a host can.
LOOK = (
    "pid=$(systemctl show -P MainPID {0}); "
    'for i in $(seq 6000); do [ "$(systemctl show -P MainPID {0})" {1} ] {2}; done'
)
AWAITED = {
    True: LOOK.format("{0}", '= "$pid"', '&& [ "$(systemctl is-active {0})" = active ] || exit 0'),
    False: LOOK.format("{0}", '!= "$pid"', '&& [ "$(systemctl show -P MainPID {0})" != 0 ] && exit 0'),
}


@dataclass
class Journal:
    """What deploys have said, and when (`time.monotonic`)."""

    lines: list[tuple[float, str]] = field(default_factory=list)

    def note(self, line: str) -> None:
        self.lines.append((time.monotonic(), line.strip()))

    def during(self, began: float, ended: float) -> str:
        """Between which lines this was."""
        before = [line for at, line in self.lines if at <= began and line]
        after = [line for at, line in self.lines if at > ended and line]
        return f"between {before[-1] if before else ''!r} and {after[0] if after else ''!r}"


def cut_off(cluster: Cluster, seconds: float, *flags: str) -> str:
    """Kill -9 a deploy so long after it has begun; where that was."""
    with cluster.running("deploy", "--no-smoke", *flags) as run:
        run.says("--> Preflight")
        time.sleep(seconds)
        ended = run.process.poll()
        run.kill()
    phases = [line for line in run.output.splitlines() if line.startswith("--> ")]
    where = f"{seconds:.0f} s and {run.output.count('(runs with')} restarts, in {phases[-1].removeprefix('--> ')!r}"
    assert not ended, f"what goes on after a kill ended with {ended}:\n{run.output}"
    return f"killed after {where}" if ended is None else "at its end"


def cut_off_everywhere(cluster: Cluster, cuts: Cuts | None, journal: Journal, *flags: str) -> str:
    """Deploy until one comes to its end, each of the others cut off at the next place; what the last one said. Prints
    each place. cuts: None for the last one alone."""
    while True:
        if cuts:
            cuts.begin()
        with cluster.running("deploy", *flags) as run:
            place = _first_place(cluster, run, cuts, journal)
            if place is None:
                return run.end()
            run.kill()
            journal.note(f"(killed: {place})")
            print(f"  killed: {place}", flush=True)


def _first_place(cluster: Cluster, run: Running, cuts: Cuts | None, journal: Journal) -> Place | None:
    """Return when a deploy is at a place that is new, or at its end."""
    for line in _lines(run):
        journal.note(line)
        place = cuts.place(line) if cuts else None
        if place and place.until:
            host = next(one for one in cluster.hosts if one.name == place.host)
            host.sh(f"{AWAITED[place.until == STOPS].format(place.unit)}; exit 1")
        if place:
            assert not run.process.poll(), run.output
            return place
    return None


def _lines(run: Running) -> Iterator[str]:
    """What a command writes, as it comes, until its end."""
    with run.log.open() as log:
        begun, ended = "", False
        while not ended:
            ended = run.process.poll() is not None
            *whole, begun = (begun + log.read()).split("\n")
            yield from whole
            time.sleep(0.01)
