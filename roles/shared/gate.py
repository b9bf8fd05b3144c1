"""What every gate answers, and the gate of a role that has none of its own."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from provisioner.refusal import Refusal
from provisioner.run import rolling


class Gate(rolling.Gate, Protocol):
    """A gate of `roles/<name>/gate.py`: what the roll asks, and what it costs that a node goes down or leaves."""

    def downtime(self, host: str) -> Refusal | None:
        """What clients would lose by a restart on this host whenever it happens; None when nothing, or accepted."""

    def departure(self, leaving: Collection[str]) -> Refusal | None:
        """What is lost when these hosts of the run leave for good; None when nothing, or nobody stays to miss it."""


class OneByOne:
    """A unit that nothing else stands on: one host at a time, each serving again before the next (the restart itself
    waits for that)."""

    def order(self, hosts: Sequence[str]) -> list[str]:
        """As in the inventory."""
        return list(hosts)

    def permit(self, host: str) -> None:
        """At any time."""

    def relieve(self, host: str, before: None) -> bool:
        """Nothing to hand over."""
        return False

    def settle(self, host: str, before: None) -> None:
        """It serves."""

    def downtime(self, host: str) -> None:
        """Nobody waits for it."""

    def departure(self, leaving: Collection[str]) -> None:
        """Nobody misses it."""
