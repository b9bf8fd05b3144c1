"""The interface of a gate, and the gate of a role that has none of its own."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from provisioner.refusal import Refusal
from provisioner.run import rolling


class Gate(rolling.Gate, Protocol):
    """A gate of `roles/<name>/gate.py`: may a node restart, and what does its restart or removal cost?"""

    def downtime(self, host: str) -> Refusal | None:
        """What clients lose in any case by a restart on this host; None when nothing, or accepted."""

    def departure(self, leaving: Collection[str]) -> Refusal | None:
        """What is lost when these hosts of the run are removed; None when nothing, or no node of the service stays."""


class OneByOne:
    """A unit on which nothing else depends: one host at a time, each serving before the next (the restart itself
    waits for that)."""

    def order(self, hosts: Sequence[str]) -> dict[str, str]:
        """As in the inventory."""
        return dict.fromkeys(hosts, "")

    def permit(self, host: str) -> None:
        """At any time."""

    def relieve(self, host: str, before: None) -> bool:
        """Nothing to hand over."""
        return False

    def settle(self, host: str, before: None) -> None:
        """It serves."""

    def restore(self, hosts: Sequence[str]) -> str:
        """Nothing has moved."""
        return ""

    def downtime(self, host: str) -> None:
        """Nothing depends on it."""

    def departure(self, leaving: Collection[str]) -> None:
        """Nobody misses it."""
