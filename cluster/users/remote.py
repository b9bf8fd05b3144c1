"""The table of what may be called about users and their clients on a host: as `cluster/remote.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cluster.remote import ByBroker
from cluster.users.quotas import Change
from cluster.users.rules import Rule

Passwords = Mapping[str, Mapping[str, "str | None"]]  # {user: {mechanism: password; None: one that nobody knows}}


def look(door: str, passwords: Passwords) -> ByBroker:
    """The users that are there, and whether these passwords are theirs: `users.look.look`."""
    return ByBroker("cluster.users.look", "look", {"door": door, "passwords": dict(passwords)})


def change(
    door: str,
    *,
    passwords: Passwords,
    delete: Sequence[str] = (),
    add: Sequence[Rule] = (),
    remove: Sequence[Rule] = (),
    quotas: Mapping[str, Change] | None = None,
) -> ByBroker:
    """Make and remove users and rules, and change quotas: `users.onhost.change`."""
    wired = {"add": [one.to_wire() for one in add], "remove": [one.to_wire() for one in remove]}
    users = {"passwords": dict(passwords), "delete": list(delete), "quotas": dict(quotas or {})}
    return ByBroker("cluster.users.onhost", "change", {"door": door, **users, **wired})


def listen(broker: int, *, log: str, seconds: float, aside: Sequence[str]) -> ByBroker:
    """What a broker allows its users in the next seconds: `users.overheard.listen`."""
    args = {"broker": broker, "log": log, "seconds": seconds, "aside": list(aside)}
    return ByBroker("cluster.users.overheard", "listen", args)


def requests(broker: int, *, log: str, seconds: float, least: Mapping[str, int]) -> ByBroker:
    """Who asks a broker in old versions of requests in the next seconds: `users.requests.listen`. least {request: the
    lowest version that is new enough}."""
    args = {"broker": broker, "log": log, "seconds": seconds, "least": dict(least)}
    return ByBroker("cluster.users.requests", "listen", args)
