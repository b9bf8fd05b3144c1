"""How a throttle that this toolkit has set is told from one that somebody else has: by marks in the cluster itself, so
that any later run, from any machine, removes the one and leaves the other. Pure, and needs nothing.

- A broker's rate is ours when the setting that MARKS has for it is there as well. (A broker accepts settings that it
  does not know.) Another one stays as it is, and holds for our moves, too: a broker has one rate, and since it keeps
  the value to itself as if it were a secret, nobody could put it back.
- Of a topic's list ours is what follows the entry MARK, a copy on a broker that cannot be. What stands before it is
  somebody else's. "*" is every copy already and stays.
"""

from __future__ import annotations

RATES = ("leader.replication.throttled.rate", "follower.replication.throttled.rate")
MARKS = {rate: f"provisioner.{rate}" for rate in RATES}
OF_BROKER = (*RATES, *MARKS.values())
LEADERS, FOLLOWERS = "leader.replication.throttled.replicas", "follower.replication.throttled.replicas"
LISTS = (LEADERS, FOLLOWERS)
MARK = "0:2147483647"
EVERY = "*"


def is_ours(value: str) -> bool:
    """Whether there is something of ours in a topic's list."""
    return MARK in _entries(value)


def others(value: str) -> str:
    """What of a topic's list somebody else has set."""
    entries = _entries(value)
    return ",".join(entries[: entries.index(MARK)] if MARK in entries else entries)


def with_ours(value: str, ours: str) -> str:
    """A topic's list with these copies as ours, instead of those that are."""
    theirs = others(value)
    return theirs if theirs == EVERY else ",".join(filter(None, [theirs, MARK, ours]))


def _entries(value: str) -> list[str]:
    return [entry.strip() for entry in value.split(",") if entry.strip()]
