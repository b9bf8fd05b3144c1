"""Quotas of a user: how much of each broker it may use before the broker slows it down. Pure; runs on both sides.

Kafka calls them client quotas (KIP-546); here are those of a user as a whole, whatever its clients are called.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Mapping, NamedTuple, Optional

from provisioner.quantities import format_size, parse_size

Quota = Mapping[str, float]  # {Kafka's key: value}
Change = Mapping[str, Optional[float]]  # the same; None for what is removed


class Kind(NamedTuple):
    """key: Kafka's name; unit: of a value in text; expected: what an inventory writes."""

    key: str
    unit: str
    expected: str
    parse: Callable[[Any], float]


def _rate(value: Any) -> float:
    """Bytes in a second. Raises ValueError, also for -1, which other sizes take as no limit."""
    if not isinstance(value, (int, str)) or parse_size(value) < 1:
        raise ValueError
    return float(parse_size(value))


def _number(value: Any) -> float:
    """A positive number. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError
    found = float(value)
    if not 0 < found < 1e15:
        raise ValueError
    return found


SIZE = "a size in each second, as in 10m"
KINDS = {
    "produce": Kind("producer_byte_rate", "/s", SIZE, _rate),
    "consume": Kind("consumer_byte_rate", "/s", SIZE, _rate),
    "requests": Kind("request_percentage", " %", "the percentage of one thread's time, as in 50", _number),
    "mutations": Kind("controller_mutation_rate", "/s", "partitions created or deleted in a second, as in 10", _number),
}
_BY_KEY = {kind.key: name for name, kind in KINDS.items()}


def change(wanted: Quota, there: Quota) -> Dict[str, Optional[float]]:
    """What is to be set and removed so that a user has exactly the wanted quota."""
    removed: Dict[str, Optional[float]] = {key: None for key in there if key not in wanted}
    return {**removed, **{key: value for key, value in wanted.items() if there.get(key) != value}}


def text(quota: Change) -> str:
    """For people: "produce 10 MiB/s, requests 50 %"; what is removed is unlimited."""
    known = [*_BY_KEY]
    order = sorted(quota, key=lambda key: (known.index(key) if key in known else len(known), key))
    return ", ".join(_one(key, quota[key]) for key in order)


def named(quota: Quota) -> Dict[str, float]:
    """By the names that an inventory has for them; a kind that this toolkit does not know by Kafka's."""
    return {_BY_KEY.get(key, key): value for key, value in quota.items()}


def _one(key: str, value: Optional[float]) -> str:
    name = _BY_KEY.get(key, key)
    if value is None:
        return f"{name} unlimited"
    size = name in KINDS and KINDS[name].expected == SIZE
    return f"{name} {format_size(int(value)) if size else f'{value:g}'}{KINDS[name].unit if name in KINDS else ''}"
