"""Questions that are asked before their turn, in the request that reads a host.

What a service holds is brought to the inventory in steps, most of which find nothing to do. Each begins with a
question, which costs a round trip and, over TLS, a handshake; while the files of the host are read, it costs little.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from provisioner.connect.requests import Call, Event
    from provisioner.resources import Request

Answers = Mapping[str, dict[str, Any]]  # {`key` of a question: its answer}


def key(host: str, request: Request) -> str:
    """What an answer is found by."""
    return json.dumps([host, request.wire()], sort_keys=True)


class Ahead:
    """A `Call` that knows some answers. Each counts once, and none of them any more as soon as something else is asked:
    that may be a change, or comes after a wait."""

    def __init__(self, call: Call, answers: Answers) -> None:
        self._call, self._answers = call, dict(answers)

    def __call__(self, host: str, request: Request, event: Event | None = None, /) -> dict[str, Any]:
        answer = self._answers.pop(key(host, request), None) if self._answers else None
        if answer is not None:
            return answer
        self._answers.clear()
        return self._call(host, request, event)
