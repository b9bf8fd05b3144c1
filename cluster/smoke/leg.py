"""A leg of the smoke check: one listener of one broker, and how a leg fails. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Optional, Tuple

from cluster.endpoint import PLAINTEXT, Endpoint, Login

# What may be wrong with a leg, in the order the check goes through them.
STEPS = ("create", "produce", "consume", "compare", "delete", "refuse")


@dataclass(frozen=True)
class Leg:
    """One listener of one broker, at the address it advertises. login: of a SASL_SSL listener, as `Login` takes it, and
    of one at which clients show a certificate (certificate)."""

    broker: int
    listener: str
    host: str
    port: int
    protocol: str = PLAINTEXT
    login: Optional[Tuple[str, ...]] = None
    certificate: bool = False

    def __repr__(self) -> str:
        return f"Leg({self})"  # without the password

    @property
    def endpoint(self) -> Endpoint:
        """Where it is reached."""
        return Endpoint(self.host, self.port, self.protocol, Login(*self.login) if self.login else None)

    @property
    def address(self) -> str:
        """host:port, for people."""
        return str(self.endpoint)

    def __str__(self) -> str:
        return f"broker {self.broker}, listener {self.listener} ({self.address})"

    def to_dict(self) -> dict[str, Any]:
        """The leg as JSON-able data; `from_dict` is the way back."""
        return dict(self.__dict__)

    def shown(self) -> dict[str, Any]:
        """The same without its login, for whoever is told of the leg."""
        return {name: value for name, value in self.__dict__.items() if name != "login"}


def from_dict(data: dict[str, Any]) -> Leg:
    """The inverse of `Leg.to_dict`, also of what JSON has made of it."""
    return Leg(**{**data, "login": tuple(data["login"]) if data.get("login") else None})


def showing(legs: Sequence[Leg], path: str) -> list[Leg]:
    """The legs, with a key with a certificate at those where clients show one. path: of the file with both."""
    return [
        replace(leg, login=(*leg.login[:1], "", "", path)) if leg.certificate and leg.login else leg for leg in legs
    ]


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
