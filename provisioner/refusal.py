"""Why a node must not go down now: what health rules answer instead of raising, so that they stay pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Refusal:
    """A restart or stop that must not happen. reason: one sentence. details: what it is based on, a line each. about:
    the things themselves, for a gate that looks further into them."""

    reason: str
    details: tuple[str, ...] = ()
    about: tuple[Any, ...] = ()
