"""The rules of the quorum: in which order controllers restart, may this one go down now, and is it back. Pure.

Time alone would not do: a voter whose disk lags fetches often, and may be the one that the next restart leaves the
quorum to. So a voter has caught up when it was level with the leader a moment ago *and* has everything that was
confirmed at the first look.
"""

from __future__ import annotations

from collections.abc import Collection

from cluster.metadata.keeper import DOWN, LEADS
from cluster.metadata.kraft.seen import CAUGHT_UP, Replica, Seen
from cluster.protocol.flexible import NO_DIRECTORY
from provisioner.refusal import Refusal
from provisioner.words import counted

NO_LEADER = "the controllers have no leader"


def majority(size: int) -> int:
    """How many voters must confirm a change."""
    return size // 2 + 1


def has_quorum(seen: Seen) -> bool:
    """Whether it accepts changes now; also when there are no controllers to ask, and it is taken to."""
    if not seen.controllers:
        return True
    alive = sum(one.alive for one in seen.voters)
    return seen.leader is not None and seen.high_watermark >= 0 and alive >= majority(len(seen.voters))


def may_go_down(seen: Seen, name: str, goal: int | None = None) -> Refusal | None:
    """None when the others keep the quorum, and the leader or its successor has no gap, without this controller; else
    why not. goal: the high watermark of the first look at it, None for this one.

    It must stay up when any other voter has not caught up: a roll goes on only in a healthy quorum.
    """
    controller = seen.controllers[name]
    if not controller.serving or max(len(seen.controllers), len(seen.voters)) <= 2:
        return None  # waiting would not help: `downtime` says what it costs
    if refusal := _unsure(seen):
        return Refusal(f"{name} must stay up: {refusal.reason}", refusal.details)
    if seen.voter(controller.id) is None or seen.other_disk(controller.id):
        return None  # it has no vote, so nobody waits for it
    wanted = seen.high_watermark if goal is None else goal
    others = [one for one in seen.voters if one.id != controller.id]
    behind = [one for one in others if not one.caught_up(wanted)]
    if behind:
        reason = f"{len(behind)} of the {counted(len(others), 'other voter')} of the quorum"
        verb = "has" if len(behind) == 1 else "have"
        return Refusal(
            f"{name} must stay up: {reason} {verb} not caught up with {seen.leader_name}, which leads",
            tuple(_lag(seen, one, wanted) for one in behind),
        )
    if len(others) < majority(len(seen.voters)):
        without = [host for host, one in seen.controllers.items() if seen.voter(one.id) is None]
        return Refusal(
            f"{name} must stay up: the quorum has only {counted(len(seen.voters), 'voter')}",
            tuple(f"{host} is no voter" for host in without),
        )
    return None


def may_lose_a_broker(seen: Seen) -> Refusal | None:
    """None when a broker may go down now; else why not. A broker registers with the leader when it starts, so the
    quorum must not need every voter that is left: all of them have caught up, or one more can be spared.

    Also None when there are no controllers to ask.
    """
    if not seen.controllers:
        return None
    if refusal := _unsure(seen):
        reason = f"no broker may go down: {refusal.reason}, so that it might not be able to register afterwards"
        return Refusal(reason, refusal.details)
    needed = majority(len(seen.voters))
    behind = [one for one in seen.voters if not one.caught_up()]
    ready = len(seen.voters) - len(behind)
    if not behind or ready > needed:
        return None
    return Refusal(
        f"no broker may go down: {ready} of {counted(len(seen.voters), 'voter')} of the quorum have caught up and it "
        f"needs {needed}, so that the broker might not be able to register afterwards",
        tuple(_lag(seen, one, 0) for one in behind),
    )


def not_back(before: Seen | None, after: Seen, name: str, goal: int) -> Refusal | None:
    """What is still missing after this controller's restart before the next one may go; None when it is fully back.

    before: as it was seen before the restart, None when it was not. goal: the leader's end offset at the first look
    after it. It is back when the same id and directory is a voter again that has caught up with that.
    """
    controller = after.controllers[name]
    if not controller.serving:
        return Refusal(f"{name} does not answer: {controller.why}")
    if refusal := _unsure(after):
        return refusal
    was = before.voter(controller.id) if before else None
    voter = after.voter(controller.id)
    if newcomer := after.other_disk(controller.id):
        return _another_disk(name, controller.id, voter, newcomer)
    if voter is None:
        return Refusal(f"{name} was a voter of the quorum and is none after its restart") if was else None
    if was and was.directory != voter.directory:
        return _another_disk(name, controller.id, was, voter)
    if not voter.caught_up(goal):
        return Refusal(f"{name} has not caught up with {after.leader_name}, which leads", (_lag(after, voter, goal),))
    return None


def downtime(controllers: Collection[str], name: str) -> Refusal | None:
    """What a restart of this controller costs in any case; None when the others keep the quorum. controllers: all of
    the inventory's."""
    meanwhile = "topics cannot change, partitions get no new leaders and brokers cannot register"
    if len(controllers) == 1:
        return Refusal(f"{name} is the only controller: while it restarts, {meanwhile}")
    if len(controllers) == 2:
        return Refusal(f"{name} is one of two controllers, which need each other: while it restarts, {meanwhile}")
    return None


def departure(seen: Seen, leaving: Collection[str]) -> Refusal | None:
    """Why these hosts' controllers must not be removed; None when none of them has a vote. A voter that is gone counts
    until somebody takes it out of the quorum (KIP-853), and until then the quorum bears one loss less."""
    if seen.leader is None:
        unknown = f"{NO_LEADER}: whether {', '.join(leaving)} can be spared is not known"
        return Refusal(unknown, _silent(seen))
    voting = [name for name in leaving if seen.voter(seen.controllers[name].id)]
    if not voting:
        return None
    needed = majority(len(seen.voters))
    gone = {seen.controllers[name].id for name in voting}
    staying = [one for one in seen.voters if one.alive and one.id not in gone]
    first = f"`invoke quorum.remove --controller {voting[0]}`" + (", then the next one" if voting[1:] else "")
    if len(staying) >= needed:
        vote, them = ("is a voter", "it") if len(voting) == 1 else ("are voters", "them")
        reason = f"{', '.join(voting)} {vote} of the quorum, which would go on counting on {them}"
        return Refusal(reason, (f"first {first}",))
    return Refusal(
        f"without {', '.join(voting)}, {len(staying)} of {counted(len(seen.voters), 'voter')} of the quorum answer "
        f"and it needs {needed}: brokers could not register, topics could not change",
        (*_silent(seen, without=leaving), f"first {first}"),
    )


def may_leave(seen: Seen, number: int, goal: int | None = None) -> Refusal | None:
    """None when the quorum can do without the voter with this id for good; else why not. goal: the high watermark of
    the first look, None for this one.

    A voter that leaves does not count any more as soon as the leader has noted it, so those that stay have to confirm
    it (KIP-853): a majority of them has to have caught up. The leader may leave, too.
    """
    name = seen.name(number)
    if refusal := _unsure(seen):
        return Refusal(f"{name} must stay a voter: {refusal.reason}", refusal.details)
    staying = [one for one in seen.voters if one.id != number]
    if not staying:
        return Refusal(f"{name} is the only voter of the quorum: without it, nobody would keep the metadata")
    if seen.fixed:
        return Refusal(f"{name} must stay a voter: the quorum is fixed in its configuration (kraft.version 0)")
    wanted = seen.high_watermark if goal is None else goal
    behind = [one for one in staying if not one.caught_up(wanted)]
    ready, needed = len(staying) - len(behind), majority(len(staying))
    if ready >= needed:
        return None
    return Refusal(
        f"{name} must stay a voter: {ready} of the {counted(len(staying), 'voter')} that would stay "
        f"{'has' if ready == 1 else 'have'} caught up with {seen.leader_name}, which leads, and {needed} are needed",
        tuple(_lag(seen, one, wanted) for one in behind),
    )


def restart_order(seen: Seen) -> dict[str, str]:
    """Controllers that are down first (they cost nothing), then the others, the leader last, so that only one election
    is needed; each with why it stands there."""

    def rank(name: str) -> int:
        controller = seen.controllers[name]
        return 0 if not controller.serving else 2 if controller.id == seen.leader else 1

    return {name: (DOWN, "", LEADS)[rank(name)] for name in sorted(seen.controllers, key=rank)}


def _unsure(seen: Seen) -> Refusal | None:
    """Why nobody knows how far the voters are."""
    if seen.followed is not None:
        return Refusal(f"{seen.name(seen.followed)}, which leads the controllers, does not answer", _silent(seen))
    if seen.leader is None:
        return Refusal(NO_LEADER, _silent(seen))
    if seen.high_watermark < 0:
        return Refusal(f"{seen.leader_name} has just begun to lead and has confirmed nothing yet")
    return None


def _silent(seen: Seen, without: Collection[str] = ()) -> tuple[str, ...]:
    silent = {name: one.why for name, one in seen.controllers.items() if not one.serving and name not in without}
    return tuple(f"{name}: {why}" for name, why in silent.items())


def _lag(seen: Seen, voter: Replica, goal: int) -> str:
    """How far a voter is behind, in a line that changes only with what it has: a gate takes a change for progress."""
    name = seen.name(voter.id)
    if voter.end_offset < 0:
        return f"{name}: not heard of since {seen.leader_name} leads"
    if voter.end_offset < goal:
        return f"{name}: has the metadata up to offset {voter.end_offset} of {goal}"
    if voter.alive:
        return f"{name}: more than {CAUGHT_UP // 1000} s behind the leader"
    return f"{name}: not heard of for more than {CAUGHT_UP // 1000} s"


def _another_disk(name: str, number: int, old: Replica | None, new: Replica) -> Refusal:
    return Refusal(
        f"{name} came back with another metadata directory: the voter {number} of the quorum is the old one, which has "
        "to be removed before this one is added",
        (f"voter: directory {old.directory if old else NO_DIRECTORY}", f"{name}: directory {new.directory}"),
    )
