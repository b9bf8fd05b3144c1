"""Hosts that answer as a test says, in place of those that a Fleet is connected with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from provisioner.connect.requests import Event
from provisioner.resources import Request
from tests.support.tables import Entry, place


class FakeHosts:
    """`FakeHosts({remote.answering: {"10.0.0.1:9092": ""}})`: what hosts answer to the entries of the tables of remote
    calls, whichever host is asked. Stands in for `Fleet.call`; asked: [(host, request)], in order.

    An answer is the dictionary itself, or a function of (host, arguments) or of (host, arguments, event) that makes it.
    """

    def __init__(self, answers: Mapping[Entry, Any]) -> None:
        self._answers = {place(entry): answer for entry, answer in answers.items()}
        self.asked: list[tuple[str, Request]] = []

    def __call__(self, host: str, request: Request, event: Event | None = None) -> dict[str, Any]:
        where = (request.module, request.function)
        self.asked.append((host, request))
        assert where in self._answers, f"{host} was asked for {where}, to which it has no answer"
        answer = self._answers[where]
        if not callable(answer):
            return dict(answer)
        takes_event = answer.__code__.co_argcount - hasattr(answer, "__self__") > 2
        return dict(answer(host, request.args, event) if takes_event else answer(host, request.args))

    call = __call__

    def also(self, answers: Mapping[Entry, Any]) -> FakeHosts:
        """The same hosts, with answers to further entries."""
        self._answers |= {place(entry): answer for entry, answer in answers.items()}
        return self

    def to(self, *entries: Entry) -> list[Mapping[str, Any]]:
        """The arguments of every call of these entries, in order."""
        wanted = {place(entry) for entry in entries}
        return [request.args for _, request in self.asked if (request.module, request.function) in wanted]
