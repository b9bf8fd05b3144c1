"""Settings, for both sides: where a value comes from, how it can change, and which values are equal."""

from __future__ import annotations

import re
from typing import Any, Optional

# The protocol's numbers of sources (DescribeConfigsResponse.ConfigSource), as people say them. "dynamic cluster": the
# default of all brokers, set at run time.
SOURCES = {
    1: "dynamic topic",
    2: "dynamic broker",
    3: "dynamic cluster",
    4: "static file",
    5: "default",
    6: "dynamic logger",
}
OWN, DYNAMIC_BROKER, DYNAMIC_CLUSTER, STATIC, DEFAULT = (SOURCES[number] for number in range(1, 6))

# How a broker's setting can change (KIP-226). A broker only says whether it can; which settings must be set
# on each broker separately is listed in Kafka's documentation ("Dynamic Update Mode: per-broker") and the same in the
# code of 2.5.0 and 3.9.2 (DynamicBrokerConfig): listeners, and what secures them.
READ_ONLY, PER_BROKER, ANYWHERE = "read-only", "per-broker", "cluster-wide"
_BEGINNINGS = ("ssl.", "sasl.", "listener.name.")
_NAMES = ("listeners", "advertised.listeners", "listener.security.protocol.map", "principal.builder.class")

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")


def by_itself(name: str) -> bool:
    """Whether a setting that can change at run time must be set on each broker by itself."""
    return name in _NAMES or name.startswith(_BEGINNINGS)


def same(one: Optional[str], other: Optional[str]) -> bool:
    """Whether a broker takes both for the same: 0.50 is 0.5, True is true, "a, b" is "a,b"."""
    return one is other if one is None or other is None else _canonical(one) == _canonical(other)


def _canonical(value: str) -> Any:
    text = value.strip()
    if _NUMBER.fullmatch(text):
        from decimal import Decimal  # every run imports this file on the host, and few compare numbers

        return Decimal(text)
    if text.lower() in ("true", "false"):
        return text.lower()
    return [part.strip() for part in text.split(",")]
