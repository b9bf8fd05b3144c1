"""Questions that are asked before their turn, all of a host's in one round trip.

What a service holds is brought to the inventory in steps, most of which find nothing to do. Each begins with a
question, which costs a round trip and, over TLS, a handshake; side by side they cost little more than one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from provisioner.connect import requests

if TYPE_CHECKING:
    from provisioner.connect.requests import Call, Event
    from provisioner.resources import Request


def asked(call: Call, host: str, first: Iterable[Request | None]) -> Call:
    """`call`, which knows the answers to these questions already. first: what the steps ask that host first, in their
    order; None for a step that does not. Raises HostFailed for what cannot be asked at all."""
    questions = [one for one in first if one is not None]
    if len(questions) < 2:
        return call
    found = call(host, requests.together({str(number): one for number, one in enumerate(questions)}))
    return _Ahead(call, {_key(host, questions[int(number)]): answer for number, answer in found.items()})


class _Ahead:
    """Each answer counts once, and none of them any more as soon as something else is asked: that may be a change, or
    comes after a wait."""

    def __init__(self, call: Call, answers: dict[str, dict[str, Any]]) -> None:
        self._call, self._answers = call, answers

    def __call__(self, host: str, request: Request, event: Event | None = None, /) -> dict[str, Any]:
        answer = self._answers.pop(_key(host, request), None) if self._answers else None
        if answer is not None:
            return answer
        self._answers.clear()
        return self._call(host, request, event)


def _key(host: str, request: Request) -> str:
    return json.dumps([host, request.wire()], sort_keys=True)
