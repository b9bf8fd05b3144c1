"""Moves copies of partitions between brokers, watches them arrive, and elects the preferred leaders at the end.

What is left to do is always read from the cluster, which continues the moves it was given even when this run ends.
So the work can be interrupted at any point, and the next run continues from there.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from kafka import errors as kafka_errors
from kafka.errors import KafkaError

from cluster.moving import heard, throttle
from cluster.moving.moving import Moving
from cluster.protocol import wire
from provisioner.agent.failure import Failure

if TYPE_CHECKING:
    from provisioner.agent.waiting import Emit

    Key = tuple[str, int]  # topic and number of a partition

POLL_SECONDS = 0.25
SIZES_SECONDS = 1.0
SETTLE_SECONDS = 0.5
# Partitions under way at the same time: enough to keep every broker busy; moves that have not begun do not begin when
# the run is interrupted.
AT_ONCE = 24
GONE = (kafka_errors.UnknownTopicOrPartitionError.errno, kafka_errors.InvalidTopicError.errno)


def look(args: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Where every copy is, and which moves are under way. args: bootstrap ("127.0.0.1:9092").

    Returns serving; when it is not: why. Else brokers {id as text: rack}, controller, under_way (number of partitions
    that are being moved), going (these, and those that arrived while it looked: [{topic, partition, replicas}], the
    replicas they go for), throttled (brokers and topics that have a throttle, as `throttle.find`), and partitions
    [Partition, with its size; the replicas of one under way are its target].
    """
    cluster = Moving(args["bootstrap"])
    try:
        view, goals, under_way = settled(cluster)
        sizes = cluster.sizes(view["brokers"].values())
        throttled = throttle.find(view["brokers"], view["topics"])
    except (OSError, KafkaError) as error:
        return {"serving": False, "why": wire.describe(error)}
    partitions = [
        found.but(replicas=tuple(goals.get(found.key, found.replicas))).measured(sizes.get(found.key, {}))
        for _, topic in sorted(view["topics"].items())
        for found in topic.partitions
    ]
    return {
        "serving": True,
        "brokers": {str(broker.id): broker.rack for broker in view["brokers"].values()},
        "controller": view["controller"],
        "under_way": under_way,
        "going": [{"topic": topic, "partition": number, "replicas": goal} for (topic, number), goal in goals.items()],
        "throttled": throttled,
        "partitions": [found.to_wire("size") for found in partitions],
    }


def settled(cluster: Moving) -> tuple[dict[str, Any], dict[Key, list[int]], int]:
    """The cluster, the targets of the partitions under way, and how many are still under way.

    A partition that has just arrived is no longer under way for the controller, while the broker that is asked may
    still list its old copies along with the new ones. Planning with those would add a copy. So the controller is asked
    first, and the brokers get time to receive its update.
    """
    goals = {key: goal for key, (goal, _) in cluster.under_way().items()}
    time.sleep(SETTLE_SECONDS)
    deadline = time.monotonic() + 10 * SETTLE_SECONDS
    while True:
        flying = cluster.under_way()
        goals.update({key: goal for key, (goal, _) in flying.items()})
        view = cluster.view()
        counts = {
            name: {len(goals.get(p.key, p.replicas)) for p in topic.partitions}
            for name, topic in view["topics"].items()
        }
        # The partitions of a topic have the same number of copies, except those that somebody has changed on purpose.
        if all(len(found) <= 1 for found in counts.values()) or time.monotonic() > deadline:
            return view, goals, len(flying)
        time.sleep(POLL_SECONDS)


def work(args: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Do the moves, those that are under way already included, and lead every partition by its preferred replica.

    args: bootstrap; moves [{topic, partition, replicas}]; going (what was under way when they were planned, in the same
    form: it may be done by now, and not every broker know it); throttle (bytes per second and broker, None: none);
    stall (seconds without progress after which it gives up); leaving (brokers that are to have no copy any more). Emits
    {"left", "bytes_left", "bytes"} as it goes. Returns partitions (moved), elected (leaders changed), skipped (topics
    deleted meanwhile), seconds, held and unaware (`heard.everywhere`): it is over when every broker knows of it.
    """
    cluster = Moving(args["bootstrap"])
    began = time.monotonic()
    queue, going = _by_key(args["moves"]), _by_key(args["going"])
    watch = Watch(cluster, queue, float(args["stall"]), going)
    try:
        before = cluster.view()
        goals = {**{key: goal for key, (goal, _) in cluster.under_way().items()}, **queue}
        throttle.replace(before, goals, args.get("throttle"))
        while watch.advance(emit):
            time.sleep(POLL_SECONDS)
        view = arrived(cluster, watch.goals)
        elected = cluster.elect(view)
        known = {one.key for topic in before["topics"].values() for one in topic.partitions}
        done = heard.Done(watch.goals, elected, args["leaving"], known)
        told = heard.everywhere(view["brokers"].values(), done, emit)
    except (OSError, KafkaError) as error:
        raise Failure(
            f"the cluster stopped answering: {wire.describe(error)}",
            advice="see `invoke status`, then run the same command again: it continues from there",
        ) from error
    finally:
        cluster.unthrottle()
    return {
        "partitions": watch.seen - len(watch.skipped),
        "elected": len(elected),
        "skipped": sorted(watch.skipped),
        "seconds": time.monotonic() - began,
        **told,
    }


def _by_key(moves: list[dict[str, Any]]) -> dict[Key, list[int]]:
    """{partition: the brokers it goes for}"""
    return {(move["topic"], move["partition"]): list(move["replicas"]) for move in moves}


def arrived(cluster: Moving, goals: dict[Key, list[int]]) -> dict[str, Any]:
    """The cluster, from a broker that knows that the moves are done.

    For the controller they are, while the broker that is asked may still list the old copies and the old in-sync
    replicas: then a new preferred leader does not look like one that could lead yet, and would be left out.
    """
    deadline = time.monotonic() + 10 * SETTLE_SECONDS
    while True:
        view = cluster.view()
        known = {found.key: found.replicas for topic in view["topics"].values() for found in topic.partitions}
        if all(known.get(key, tuple(goal)) == tuple(goal) for key, goal in goals.items()) or (
            time.monotonic() > deadline
        ):
            return view
        time.sleep(POLL_SECONDS)


class Watch:
    """The moves of one run: gives them to the controller, a few at a time, and keeps track of the rest. going: moves
    that the controller has had from before."""

    def __init__(self, cluster: Moving, queue: dict[Key, list[int]], stall: float, going: dict[Key, list[int]]) -> None:
        self.cluster, self.queue, self.stall = cluster, queue, stall
        self.skipped: set[str] = set()
        self.goals = {**going, **queue}  # of every partition that this run has moved, or watched
        self._bytes = 0
        self._missing: dict[tuple[Key, int], int] = {}
        self._measured = 0.0
        self._last: Any = None
        self._since = time.monotonic()

    @property
    def seen(self) -> int:
        """How many partitions this run has moved."""
        return len(self.goals)

    def advance(self, emit: Emit) -> bool:
        """Check the moves and give more; False when all are done. Raises Failure when there is no progress any more. A
        controller that goes down meanwhile is replaced by another one."""
        why = ""
        flying: dict[Key, Any] = {}
        try:
            flying = self.cluster.under_way()
            self.goals.update({key: goal for key, (goal, _) in flying.items() if key not in self.queue})
            if not flying and not self.queue:
                return False
            begun = self._start(flying)
            self._measure(flying, {**begun, **self.queue})
        except (OSError, KafkaError) as error:
            why = wire.describe(error)
            emit({})  # fails when the control machine no longer listens
        else:
            left, missing = len({*flying, *begun, *self.queue}), sum(self._missing.values())
            emit({"left": left, "bytes_left": missing, "bytes": self._bytes})
            state = (len(self.queue), sorted(flying), missing)
            if state != self._last:
                self._last, self._since = state, time.monotonic()
        if time.monotonic() - self._since > self.stall:
            names = [f"{topic}-{partition}" for topic, partition in sorted(flying)[:5]]
            raise Failure(
                f"no copy has advanced for {self.stall:.0f} s",
                details=[why or f"under way: {', '.join(names)}", f"not begun: {len(self.queue)}"],
                advice="see whether every broker is up (`invoke status`) and whether the throttle is above what "
                "producers write; then run the same command again, it continues from there",
            )
        return True

    def _start(self, flying: dict[Key, Any]) -> dict[Key, list[int]]:
        """Top up what is under way; the moves begun. A partition that is being moved elsewhere is redirected."""
        room = AT_ONCE - len(flying)
        again = [key for key in self.queue if key in flying]
        batch = [*again, *[key for key in self.queue if key not in flying][: max(0, room)]]
        if not batch:
            return {}
        begun = {}
        for key, (code, text) in self.cluster.assign({key: self.queue[key] for key in batch}).items():
            if code in GONE:
                self.skipped.add(key[0])
            elif code:
                raise Failure(
                    f"the cluster refuses to move {key[0]}-{key[1]} to brokers {wire.ids(self.queue[key])}",
                    details=[f"{wire.name_of(code)}: {text}"],
                    advice="no other move was begun; those under way continue",
                )
            goal = self.queue.pop(key)
            if not code:
                begun[key] = goal
        return begun

    def _measure(self, flying: dict[Key, Any], rest: dict[Key, list[int]]) -> None:
        """How many bytes are still missing: on the way, and of the rest."""
        if time.monotonic() - self._measured < SIZES_SECONDS:
            return
        self._measured = time.monotonic()
        view = self.cluster.view()
        sizes = self.cluster.sizes(view["brokers"].values())
        missing = {}
        for key, goal in {**{key: goal for key, (goal, _) in flying.items()}, **rest}.items():
            found = sizes.get(key, {})
            adding = (
                flying[key][1]
                if key in flying and key not in rest
                else [broker for broker in goal if broker not in found]
            )
            whole = max(found.values(), default=0)
            missing.update({(key, broker): max(0, whole - found.get(broker, 0)) for broker in adding})
        self._missing = missing
        self._bytes = max(self._bytes, sum(missing.values()))
