"""A quorum of controllers in front of what asks and changes it: answers as a test says, and changes as a real one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cluster.metadata import remote
from cluster.metadata.kraft.changes import DUPLICATE, NOT_FOUND
from tests.support.tables import Entry

LEVEL: dict[str, Any] = {"end_offset": 100, "silent_ms": 0, "behind_ms": 0}
GONE: dict[str, Any] = {"end_offset": -1, "silent_ms": None, "behind_ms": None}


class FakeQuorum:
    """voters, observers {(id, directory): state}; leader: its id, None for none. down: ids that do not answer; places
    {id: address} of voters. refuses: (error, why) of every change; lost: how many answers to changes do not arrive;
    resigns: whether a leader that was removed does so at once; done: the changes that were made, in order."""

    def __init__(self, *voters: int, leader: int | None = None) -> None:
        self.voters: dict[tuple[int, str], dict[str, Any]] = {(n, f"disk{n}"): dict(LEVEL) for n in voters}
        self.observers: dict[tuple[int, str], dict[str, Any]] = {}
        self.leader: int | None = leader if leader is not None else voters[0]
        self.high_watermark = 100
        self.down: set[int] = set()
        self.places: dict[int, str] = {}
        self.refuses: tuple[int, str] | None = None
        self.lost = 0
        self.resigns = True
        self.looks = 0
        self.then: dict[int, Callable[[], None]] = {}  # after so many looks, this happens
        self.done: list[str] = []

    @property
    def answers(self) -> dict[Entry, Any]:
        """For `FakeHosts`."""
        return {
            remote.kraft_quorum: self._quorum,
            remote.features: {"serving": True, "why": "", "finalised": {}, "supported": {}},
            remote.quorum_leader: self._through_broker,
            remote.add_voter: self._add,
            remote.remove_voter: self._remove,
        }

    def stop(self, number: int) -> None:
        """A voter that was stopped a while ago."""
        self.down.add(number)
        self.voters.update({key: dict(GONE) for key in self.voters if key[0] == number})

    def leads(self) -> dict[str, Any]:
        """What the leader says."""
        rows = [
            [{"id": n, "directory": directory, **state} for (n, directory), state in of.items()]
            for of in (self.voters, self.observers)
        ]
        places = {str(n): place for n, place in self.places.items()}
        said = {"leader": self.leader, "epoch": 5, "high_watermark": self.high_watermark, "places": places}
        return {**said, "voters": rows[0], "observers": rows[1]}

    def answer(self, number: int) -> dict[str, Any]:
        """What one controller says."""
        if number in self.down:
            why = "Connection refused"
            return {"serving": False, "why": why, "id": number, "leader": None, "is_leader": False}
        answer = {"serving": True, "why": "", "id": number, "leader": self.leader, "is_leader": number == self.leader}
        return {**answer, **self.leads()} if number == self.leader else answer

    def _quorum(self, host: str, args: Mapping[str, Any]) -> dict[str, Any]:
        self.looks += 1
        self.then.pop(self.looks, lambda: None)()
        return {name: self.answer(place[0]) for name, place in args["controllers"].items()}

    def _through_broker(self, host: str, args: Mapping[str, Any]) -> dict[str, Any]:
        if self.leader is None or self.leader in self.down:
            return {"serving": False, "why": "it knows no leader"}
        return {"serving": True, "why": "", **self.leads()}

    def _add(self, host: str, args: Mapping[str, Any]) -> dict[str, Any]:
        key = (args["voter"], args["directory"])
        if any(number == key[0] for number, _ in self.voters):
            return self._said(DUPLICATE)
        if self.refuses is None:
            self.voters[key] = self.observers.pop(key)
        return self._said(0, f"+ {key[0]} {key[1]} at {args['listeners'][0][1]} by {args['bootstrap']}")

    def _remove(self, host: str, args: Mapping[str, Any]) -> dict[str, Any]:
        key = (args["voter"], args["directory"])
        if key not in self.voters:
            return self._said(NOT_FOUND)
        if self.refuses is None:
            state = self.voters.pop(key)
            if key[0] not in self.down:
                self.observers.setdefault(key, state)
            if key[0] == self.leader and self.resigns:
                self.leader = next(number for number, _ in self.voters if number not in self.down)
        return self._said(0, f"- {key[0]} {key[1]} by {args['bootstrap']}")

    def _said(self, error: int, change: str = "") -> dict[str, Any]:
        if self.refuses:
            return {"done": False, "error": self.refuses[0], "why": self.refuses[1]}
        self.done += [change] if change else []
        if self.lost:
            self.lost -= 1
            return {"done": False, "error": None, "why": "timed out"}
        return {"done": error == 0, "error": error, "why": "" if error == 0 else f"error {error}"}
