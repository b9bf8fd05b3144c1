"""The rules of the quorum: in which order ZooKeeper servers restart, may this one go down now, and is it back. Pure.

The states come from `cluster.metadata.zookeeper.probe.status`, asked of every member of the ensemble.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from cluster.metadata.keeper import DOWN, LEADS
from provisioner.refusal import Refusal

MODES = ("leader", "follower", "standalone")  # of servers that vote; an observer is not part of the quorum


@dataclass(frozen=True)
class Member:
    """One server of the ensemble. mode: "" when it does not serve, and why; synced: a leader's synced followers;
    connections: of clients, the one that asked among them."""

    mode: str = ""
    why: str = ""
    synced: int | None = None
    connections: int = 0

    @classmethod
    def from_status(cls, status: Mapping[str, Any]) -> Member:
        """From a probe's answer."""
        if not status["serving"]:
            return cls(why=status["why"])
        return cls(
            mode=status["mode"], synced=status.get("synced_followers"), connections=status.get("connections") or 0
        )

    @property
    def serving(self) -> bool:
        """Whether it is part of the quorum."""
        return self.mode in MODES


def majority(size: int) -> int:
    """How many servers of an ensemble must serve."""
    return size // 2 + 1


def has_quorum(members: Mapping[str, Member]) -> bool:
    """Whether the ensemble serves. members: the whole ensemble; empty when it cannot be asked, and is taken to."""
    return not members or sum(member.serving for member in members.values()) >= majority(len(members))


def may_go_down(members: Mapping[str, Member], name: str) -> Refusal | None:
    """None when the others keep the quorum without this server; else why not. members: the whole ensemble by host."""
    needed = majority(len(members))
    if not members[name].serving or len(members) - 1 < needed:
        return None  # waiting would not help: `downtime` says what it costs
    others = {host: member for host, member in members.items() if host != name}
    serving = [host for host, member in others.items() if member.serving]
    if len(serving) < needed:
        return Refusal(
            f"{name} must stay up: {len(serving)} of the other ZooKeeper servers serve, the quorum needs {needed}",
            _silent(others),
        )
    return _not_in_sync(members)


def may_lose_a_broker(members: Mapping[str, Member]) -> Refusal | None:
    """None when a broker may go down now; else why not. A broker registers in ZooKeeper when it starts, so the
    quorum must exist and must not need every remaining server: all of them serve, or one more can be spared.

    members: the whole ensemble; empty when it is not in the inventory and cannot be asked.
    """
    needed = majority(len(members))
    serving = sum(member.serving for member in members.values())
    if serving == len(members) or serving > needed:
        return None
    return Refusal(
        f"no broker may go down: {serving} of {len(members)} ZooKeeper servers serve and the quorum needs {needed}, so "
        "that it might not be able to register afterwards",
        _silent(members),
    )


def departure(members: Mapping[str, Member], leaving: Collection[str]) -> Refusal | None:
    """What the ensemble loses when these servers are removed; None when the quorum stays, or does not exist anyway.

    members: the whole ensemble, which the servers that stay are configured with, so that its majority stays the same.
    """
    needed = majority(len(members))
    serving = [host for host, member in members.items() if member.serving]
    staying = [host for host in serving if host not in leaving]
    if len(serving) < needed or len(staying) >= needed:
        return None
    return Refusal(
        f"without {', '.join(leaving)}, {len(staying)} of {len(members)} ZooKeeper servers serve and the quorum needs "
        f"{needed}: brokers could not register, topics could not change",
        _silent({host: member for host, member in members.items() if host not in leaving}),
    )


def _silent(members: Mapping[str, Member]) -> tuple[str, ...]:
    return tuple(f"{host}: {member.why}" for host, member in members.items() if not member.serving)


def _not_in_sync(members: Mapping[str, Member]) -> Refusal | None:
    """A leader that still brings a follower up to date: another loss now could cost the quorum."""
    followers = sum(member.mode == "follower" for member in members.values())
    for host, member in members.items():
        if member.mode == "leader" and member.synced is not None and member.synced < followers:
            return Refusal(f"{host} leads, and only {member.synced} of {followers} followers are in sync with it")
    return None


def downtime(members: Mapping[str, Member], name: str) -> Refusal | None:
    """What a restart of this server costs in any case; None when the others keep the quorum."""
    if len(members) == 1:
        return Refusal(f"{name} is the only ZooKeeper server: while it restarts, brokers wait for it")
    if len(members) == 2:
        return Refusal(f"{name} is one of two ZooKeeper servers: while it restarts there is no quorum")
    return None


def not_back(members: Mapping[str, Member], name: str) -> Refusal | None:
    """What is still missing after this server's restart before the next one may go; None when it is fully back."""
    member = members[name]
    if not member.serving:
        return Refusal(f"{name} does not serve: {member.why}")
    leaders = [host for host, other in members.items() if other.mode == "leader"]
    if len(members) > 1 and len(leaders) != 1:
        return Refusal(f"the ensemble has {len(leaders)} leaders" + (f": {', '.join(leaders)}" if leaders else ""))
    return _not_in_sync(members)


def restart_order(members: Mapping[str, Member]) -> dict[str, str]:
    """Servers that are down first (they cost nothing), then followers, the leader last, so that only one election is
    needed; each with why it stands there."""
    rank, why = {"": 0, "leader": 2}, {"": DOWN, "leader": LEADS}
    order = sorted(members, key=lambda host: rank.get(members[host].mode, 1))
    return {host: why.get(members[host].mode, "") for host in order}
