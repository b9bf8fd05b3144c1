"""How code on a host says that something expected went wrong: no traceback, just what a person needs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Optional


class Failure(Exception):
    """An expected failure on a host, sent to the control machine as data.

    summary: one sentence, what is wrong. details: lines of evidence (command, last lines of a log).
    advice: what to do next, one sentence. The host's name is added by the control machine, which knows it.
    """

    def __init__(self, summary: str, details: Iterable[str] = (), advice: Optional[str] = None) -> None:
        super().__init__(summary)
        self.summary = summary
        self.details = list(details)
        self.advice = advice
        self.resource: Optional[str] = None  # key of the resource in whose repair it happened, filled in by the agent


class Misnamed(Failure):
    """The failure of a name that was asked for and that nothing has: a mistake on the command line, whatever the state
    of the host. The control machine shows it as one, without the host."""
