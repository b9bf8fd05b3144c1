"""How a gate waits: as long as there is progress, and no longer than needed to know that there is none.

A copy makes progress by bytes, a starting node by what it logs and reads. A node that systemd no longer starts
does not come back by waiting: a roll does not repair a cluster.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from provisioner.agent.waiting import RESTARTS_EXCUSED
from provisioner.connect import requests
from provisioner.connect.requests import Call
from provisioner.errors import HostFailed
from provisioner.refusal import Refusal
from provisioner.run.rolling import Say

# Between two checks: a tenth of the time waited, since a check of a large cluster is work for its brokers.
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 1.0
ASK_SECONDS = 0.5  # between two questions about what grows: they cost more than the others
NOTHING: Mapping[str, Any] = MappingProxyType({})  # a default that nobody can change
SAY_SECONDS = 10.0  # between two messages that differ only in their figures
# A node outside --limit has no session, so systemd cannot be asked and only its silence is known. A node that
# systemd or somebody has just restarted answers by then, one that is down does not.
SILENT_SECONDS = 5.0
# A unit is stopped for a moment in every restart.
STOPPED_SECONDS = 1.0


@dataclass(frozen=True)
class Look:
    """What a gate sees. refusal: None when the roll may continue. progress: a value that changes with any progress.
    note: how far it is, as text. patience: seconds to wait without progress; None for the stall."""

    refusal: Refusal | None
    progress: Any = None
    note: str = ""
    patience: float | None = None


def wait(host: str, look: Callable[[], Look], stall: float, say: Say) -> None:
    """Check until there is no refusal. Raises HostFailed with the last one without progress for `stall` seconds, or
    for the patience of the check."""
    last: Any = None
    said: Refusal | None = None
    since = told = time.monotonic()
    pause = FIRST_PAUSE
    while (seen := look()).refusal is not None:
        refusal, now = seen.refusal, time.monotonic()
        if (refusal, seen.progress) != last:
            last, since = (refusal, seen.progress), now
        if refusal != said or now - told >= SAY_SECONDS:
            said, told = refusal, now
            listed = f": {', '.join(refusal.details)}" if refusal.details else ""
            say(host, f"waiting, {refusal.reason}{listed}" + (f"; {seen.note}" if seen.note else ""))
        if now - since >= min(stall, stall if seen.patience is None else seen.patience):
            raise HostFailed(
                refusal.reason,
                host=host,
                details=[*refusal.details, *([seen.note] if seen.note else [])],
                advice="bring back what is missing (deploy starts what is down), then run the same command again",
            )
        time.sleep(pause)
        pause = min(1.1 * pause, LONGEST_PAUSE)


class Seldom:
    """An answer that is asked for only so often, and in between remembered."""

    def __init__(self) -> None:
        self._at, self._question, self._answer = float("-inf"), None, None

    def ask(self, question: Any, ask: Callable[[], Any]) -> Any:
        """`ask()`, or its last answer to the same question when that is not old."""
        if question != self._question or time.monotonic() - self._at >= ASK_SECONDS:
            self._question, self._answer, self._at = question, ask(), time.monotonic()
        return self._answer


class Nodes:
    """Nodes of one unit that do not answer: whether they are coming, as systemd on their hosts says."""

    def __init__(
        self,
        unit: str,
        log_file: str,
        sessions: Collection[str],
        call: Call,
        places: Mapping[str, tuple[str, str, str]] = NOTHING,
    ) -> None:
        """log_file: what grows while the unit starts; "" for one without. sessions: the hosts that can be asked.
        places {node: (host, unit, log file)}: of nodes that are not called as their host, or are another unit."""
        self.unit, self.log_file, self.sessions, self.call = unit, log_file, sessions, call
        self.places = places
        self._deaths: dict[str, int] = {}  # how often it had died when it was first asked about
        self._seldom = Seldom()

    def missing(self, refusal: Refusal, why: Mapping[str, str]) -> Look:
        """The look at a refusal that only these nodes can end. why: {host: how it does not answer}."""
        if not why:
            return Look(refusal)
        asked = [node for node in why if self._place(node)[0] in self.sessions]
        states: dict[str, dict[str, Any]] = self._seldom.ask(tuple(asked), lambda: {h: self._state(h) for h in asked})
        judged = [
            judge(node, self._place(node)[1], why[node], states.get(node), self._deaths.get(node, 0)) for node in why
        ]
        return Look(
            replace(refusal, details=(*refusal.details, *(text for text, _ in judged))),
            progress=states,
            patience=min((limit for _, limit in judged if limit is not None), default=None),
        )

    def _state(self, node: str) -> dict[str, Any]:
        host, unit, log_file = self._place(node)
        state = self.call(host, requests.look_at_unit(unit, log_file))
        self._deaths.setdefault(node, state["died"])
        return state

    def _place(self, node: str) -> tuple[str, str, str]:
        return self.places.get(node, (node, self.unit, self.log_file))


def judge(host: str, unit: str, why: str, state: Mapping[str, Any] | None, deaths: int) -> tuple[str, float | None]:
    """(what a node that does not answer does, in a line; how long to wait for it, None: the stall). Pure.

    state: as `provisioner.agent.waiting.look` answers, None for a host that cannot be asked. deaths: how often the unit
    had died when the wait began.
    """
    if state is None:
        return f"{host}, which is not part of this run: {why}", SILENT_SECONDS
    if not state["state"]:
        return f"{host}: {unit} is not deployed there", 0.0
    if not state["coming"]:
        return f"{host}: {unit} does not run ({state['state']})", STOPPED_SECONDS
    if state["died"] - deaths > RESTARTS_EXCUSED:
        return f"{host}: {unit} starts and dies repeatedly", 0.0
    return f"{host}: {unit} is {state['state']} and does not answer yet ({why})", None
