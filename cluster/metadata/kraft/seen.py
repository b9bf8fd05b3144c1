"""The quorum at one look, as the rules and `status` read it. Pure.

It comes from `cluster.metadata.kraft.probe.quorum`, asked of every controller, or from the leader's answer alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cluster.protocol.flexible import NO_DIRECTORY

# ms. controller.quorum.fetch.timeout.ms by default: a voter that did not fetch for longer looks for another leader,
# and a leader that no majority fetches from for 1.5 times as long resigns (Kafka's LeaderState).
CAUGHT_UP = 2000


@dataclass(frozen=True)
class Replica:
    """A voter or an observer as the leader sees it. end_offset: -1 when unknown. silent_ms: since its last fetch,
    behind_ms: since it was level with the leader, both None when it was neither under this leader."""

    id: int
    directory: str = NO_DIRECTORY
    end_offset: int = -1
    silent_ms: int | None = None
    behind_ms: int | None = None

    @property
    def alive(self) -> bool:
        """Whether it fetches from the leader."""
        return self.silent_ms is not None and self.silent_ms < CAUGHT_UP

    def caught_up(self, goal: int = 0) -> bool:
        """Whether it is level with the leader, and has everything below the offset `goal`."""
        return self.behind_ms is not None and self.behind_ms < CAUGHT_UP and self.end_offset >= goal


@dataclass(frozen=True)
class Controller:
    """A controller of the inventory as it answers. why: "" when it does. leader: whom it takes for the leader."""

    id: int
    why: str = ""
    leader: int | None = None

    @property
    def serving(self) -> bool:
        return not self.why


@dataclass(frozen=True)
class Seen:
    """What is seen at one look: the controllers of the inventory by host, and what their leader says, where one does.
    high_watermark: -1 while the leader has confirmed nothing."""

    controllers: Mapping[str, Controller] = field(default_factory=dict)
    leader: int | None = None
    epoch: int = -1
    high_watermark: int = -1
    voters: tuple[Replica, ...] = ()
    observers: tuple[Replica, ...] = ()

    @classmethod
    def from_answers(cls, answers: Mapping[str, Mapping[str, Any]]) -> Seen:
        """From the answers of the probe. Of two that say they lead, the one with the older epoch does no longer."""
        controllers = {
            name: Controller(one["id"], "" if one["serving"] else one["why"], one["leader"])
            for name, one in answers.items()
        }
        leading = [one for one in answers.values() if one["is_leader"]]
        if not leading:
            return cls(controllers)
        return cls.from_leader(max(leading, key=lambda one: int(one["epoch"])), controllers)

    @classmethod
    def from_leader(cls, said: Mapping[str, Any], controllers: Mapping[str, Controller] | None = None) -> Seen:
        """From the leader's answer alone, as a broker passes it on."""
        voters, observers = (tuple(Replica(**one) for one in said[kind]) for kind in ("voters", "observers"))
        return cls(controllers or {}, said["leader"], said["epoch"], said["high_watermark"], voters, observers)

    @property
    def voting(self) -> set[int]:
        """The ids of the voters that fetch from the leader, and its own where it is a voter."""
        return {one.id for one in self.voters if one.alive or one.id == self.leader}

    def voter(self, number: int) -> Replica | None:
        """The voter with this id."""
        return next((one for one in self.voters if one.id == number), None)

    def end(self) -> int:
        """The leader's end offset; -1 when there is no leader. A leader that was removed is among the observers."""
        return next((one.end_offset for one in (*self.voters, *self.observers) if one.id == self.leader), -1)

    def other_disk(self, number: int) -> Replica | None:
        """The observer with the id of a voter that is not heard of: the controller came back with another disk."""
        voter = self.voter(number)
        if voter is None or voter.alive:
            return None
        return next((one for one in self.observers if one.id == number and one.alive), None)

    @property
    def fixed(self) -> bool:
        """Whether the voters stand in the configuration (kraft.version 0), so that none can be added or removed."""
        return any(one.directory == NO_DIRECTORY for one in self.voters)

    @property
    def followed(self) -> int | None:
        """The leader that controllers follow though it does not answer as one: it is about to be replaced, or only the
        host that asks does not reach it. None when one answers, or they know none."""
        named = [one.leader for one in self.controllers.values() if one.leader is not None]
        return max(sorted(set(named)), key=named.count) if named and self.leader is None else None

    @property
    def leader_name(self) -> str:
        """The leader's host, or its id; "nobody" without one."""
        return "nobody" if self.leader is None else self.name(self.leader)

    def name(self, number: int) -> str:
        """The host of a controller, or its id where the inventory does not know it."""
        return next((name for name, one in self.controllers.items() if one.id == number), f"controller {number}")
