"""A leg of the smoke check: one listener of one broker, and how a leg fails. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cluster.endpoint import PLAINTEXT, Endpoint

# What may be wrong with a leg, in the order the check goes through them.
STEPS = ("create", "produce", "consume", "compare", "delete")


@dataclass(frozen=True)
class Leg:
    """One listener of one broker, at the address it advertises."""

    broker: int
    listener: str
    host: str
    port: int
    protocol: str = PLAINTEXT

    @property
    def endpoint(self) -> Endpoint:
        """Where it is reached."""
        return Endpoint(self.host, self.port, self.protocol)

    @property
    def address(self) -> str:
        """host:port, for people."""
        return str(self.endpoint)

    def __str__(self) -> str:
        return f"broker {self.broker}, listener {self.listener} ({self.address})"

    def to_dict(self) -> dict[str, Any]:
        """The leg as JSON-able data; `Leg(**data)` is the way back."""
        return dict(self.__dict__)


class LegFailure(Exception):
    """A leg failed in one of STEPS."""

    def __init__(self, leg: Leg, step: str, error: str) -> None:
        super().__init__(f"{leg}, {step}: {error}")
        self.leg = leg
        self.step = step
        self.error = error

    def to_dict(self) -> dict[str, Any]:
        """{broker, listener, address, step, error}."""
        return {
            "broker": self.leg.broker,
            "listener": self.leg.listener,
            "address": self.leg.address,
            "step": self.step,
            "error": self.error,
        }
