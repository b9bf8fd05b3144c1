"""The places at which `script/closing --each` cuts a deploy off, known by the lines that it writes. Pure.

Each place counts once for a change, however many deploys the change takes: each goes on where the one before it was cut
off, so the places come in the order of the way. In each rolling restart of a unit the three hosts have one place each,
the first has two: between its files and its restart, and, in the next deploy, as it comes up.
"""

from __future__ import annotations

import re
from typing import NamedTuple

HOSTS = 3
STOPS, STARTS = "stops", "starts"
ONLY, END = "the only step", "the end"
STEP = re.compile(r"--> Step \d+ of \d+: (.*)|  1\. (.*)")
CHANGE = re.compile(r"  [+~-] (\S+): (.*)")
RESTARTED = re.compile(r"restart service:(\S+) \(")
CONFIGS = {
    "file:/etc/zookeeper/zoo.cfg": "zookeeper",
    "file:/etc/kafka-controller/controller.properties": "kafka-controller",
    "file:/etc/kafka/server.properties": "kafka",
}


class Place(NamedTuple):
    """step: what the stage does; what: where in it. until: what the service of this unit and host has to do before the
    kill, STOPS or STARTS; "" where nothing is waited for."""

    step: str
    what: str
    unit: str = ""
    host: str = ""
    until: str = ""

    def __str__(self) -> str:
        return f"{self.step}: {self.what}"


class Cuts:
    """The places of one change. made: those that were given out."""

    def __init__(self) -> None:
        self.made: list[Place] = []
        self._turns: dict[tuple[str, str], list[str]] = {}  # (step, unit) -> the hosts that had their turn
        self._untried: tuple[str, str] | None = None  # (unit, host) with files that it was not restarted with
        self._step = self._phase = ""

    def begin(self) -> None:
        """Another deploy begins."""
        self._step, self._phase = ONLY, ""

    def place(self, line: str) -> Place | None:
        """Where a deploy is that has just written this line, if it is to be cut off there."""
        found = self._at(line)
        if found is None or any(one[:2] == found[:2] for one in self.made):
            return None
        if found.until == STARTS:
            self._untried = None
        elif found.unit and not found.until:
            self._untried = (found.unit, found.host)
        self.made.append(found)
        return found

    def _at(self, line: str) -> Place | None:
        if step := STEP.fullmatch(line):
            self._step, self._phase = step[1] or step[2], ""
            return Place(self._step, "planned")
        if line.startswith("--> "):
            self._phase = line[4:]
            if self._phase == "Verify":
                return Place(END, "in the smoke check")
            if self._phase != "Restart":
                return None
            if self._untried:
                unit, host = self._untried
                return Place(self._step, f"{unit} comes up", unit, host, STARTS)
            return Place(self._step, "before the first restart")
        found = CHANGE.match(line)
        return self._change(*found.groups()) if found else None

    def _change(self, host: str, what: str) -> Place | None:
        if self._phase == "Apply":
            return Place(self._step, "files are written")
        if self._phase in ("Users", "ZooKeeper"):
            return Place(END, f"{self._phase} changes")
        if self._phase != "Restart":
            return None
        if what.startswith("zookeeper:"):
            return Place(self._step, "ZooKeeper is anybody's again")
        if restarted := RESTARTED.match(what):
            unit = restarted[1]
            last = self._turn(unit, host) == HOSTS
            return Place(self._step, f"after the last restart of {unit}") if last else None
        path = next((path for path in CONFIGS if f"{what} ".startswith(f"{path} ")), "")
        if not path:
            return None
        unit = CONFIGS[path]
        number = self._turn(unit, host)
        if number == 1:
            return Place(self._step, f"between files and restart of {unit}", unit, host)
        return Place(self._step, f"{unit} goes down", unit, host, STOPS) if number == 2 else None

    def _turn(self, unit: str, host: str) -> int:
        """The number of the turn that this host has, from 1."""
        hosts = self._turns.setdefault((self._step, unit), [])
        if host not in hosts:
            hosts.append(host)
        return hosts.index(host) + 1
