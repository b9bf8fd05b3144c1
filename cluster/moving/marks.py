"""Distinguishes throttles that this toolkit has set from those of somebody else, by marks in the cluster itself, so
that any later run, from any machine, removes the former and leaves the latter. Pure, without imports.

- A broker's rate is ours if the setting that MARKS has for it is set as well. (A broker accepts settings that it
  does not know.) Any other rate stays, and limits our moves, too: a broker has one rate, and since it hides
  the value like a secret, the toolkit could not restore it.
- A broker's rate for moves between its own directories (KIP-113) is marked in the same way: DIRECTORIES.
- In a topic's list, the entries behind MARK (a copy on a broker that cannot exist) are ours. The entries before it are
  somebody else's. "*" already means every copy, and stays.
"""

from __future__ import annotations

RATES = ("leader.replication.throttled.rate", "follower.replication.throttled.rate")
MARKS = {rate: f"provisioner.{rate}" for rate in RATES}
DIRECTORIES = "replica.alter.log.dirs.io.max.bytes.per.second"
DIRECTORIES_MARK = f"provisioner.{DIRECTORIES}"
OF_DIRECTORIES = (DIRECTORIES, DIRECTORIES_MARK)
OF_BROKER = (*RATES, *MARKS.values(), *OF_DIRECTORIES)
LEADERS, FOLLOWERS = "leader.replication.throttled.replicas", "follower.replication.throttled.replicas"
LISTS = (LEADERS, FOLLOWERS)
MARK = "0:2147483647"
EVERY = "*"


def is_ours(value: str) -> bool:
    """Whether a topic's list has entries of ours."""
    return MARK in _entries(value)


def others(value: str) -> str:
    """The entries of a topic's list that somebody else has set."""
    entries = _entries(value)
    return ",".join(entries[: entries.index(MARK)] if MARK in entries else entries)


def with_ours(value: str, ours: str) -> str:
    """A topic's list with these copies as our entries, instead of the present ones."""
    theirs = others(value)
    return theirs if theirs == EVERY else ",".join(filter(None, [theirs, MARK, ours]))


def _entries(value: str) -> list[str]:
    return [entry.strip() for entry in value.split(",") if entry.strip()]
