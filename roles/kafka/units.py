"""Properties of a broker that count the same in different units."""

from __future__ import annotations

# The finer one wins in Kafka, so setting one replaces the others.
SYNONYMS = (
    frozenset({"log.retention.ms", "log.retention.minutes", "log.retention.hours"}),
    frozenset({"log.roll.ms", "log.roll.hours"}),
    frozenset({"log.roll.jitter.ms", "log.roll.jitter.hours"}),
)
