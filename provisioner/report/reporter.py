"""What the engine and the roles report to the display, and the recap's rows."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from provisioner.errors import ProvisionerError


@dataclass
class Row:
    """One host's line of the recap: how many resources are as wanted, were changed, were left out; how many services
    took changes as they run, read files again as they run, and were restarted; what failed."""

    ok: int = 0
    changed: int = 0
    applied: int = 0
    reloaded: int = 0
    restarted: int = 0
    unreachable: int = 0
    failed: int = 0
    skipped: int = 0


@dataclass(frozen=True)
class End:
    """How a run ended. seconds: how long it took; next_steps: what to do next. failed: also where that is the doing of
    no host; unchanged: and nothing had been changed on any host."""

    rows: Mapping[str, Row]
    seconds: float
    next_steps: Sequence[str] = ()
    failed: bool = False
    unchanged: bool = False


class Reporter(Protocol):
    """Told by the engine and the roles what happens; from any thread. Use as a context manager."""

    def __enter__(self) -> Reporter: ...

    def __exit__(self, *exception: object) -> None: ...

    def paused(self) -> contextlib.AbstractContextManager[None]:
        """While this is entered the terminal belongs to a question, nothing is redrawn."""

    def phase(self, text: str) -> None:
        """A new part of the run begins."""

    def host(self, name: str, text: str) -> None:
        """What a host is doing now; replaces what it did before. Empty: nothing any more."""

    def change(self, name: str, resource: str, action: str, note: str = "") -> None:
        """A change made, or planned. action: "+", "~", "-", or a word such as "restart"."""

    def diff(self, name: str, resource: str, text: str) -> None:
        """A unified diff of a resource's content."""

    def progress(self, key: str, label: str, done: int, total: int | None) -> None:
        """`done` of `total` bytes of the transfer `key`; over when they are equal. total None: not known."""

    def note(self, text: str) -> None:
        """A sentence worth keeping."""

    def warning(self, text: str) -> None:
        """Something that is not an error but should be looked at."""

    def error(self, error: ProvisionerError) -> None:
        """An expected failure, in all its lines."""

    def recap(self, end: End) -> None:
        """The end: one line per host in Ansible's words, how long it took, what to do next."""
