"""What a broker's host sees of the broker and its cluster, whenever the control machine asks: for `status --watch`.

One call lasts as long as somebody watches, so that the connection to the broker stays open and what was seen before
need not be asked again. Each broker is asked for the ends of the partitions that it leads, by its own host, and for
the sizes of those that have grown.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Optional

from kafka.errors import KafkaError
from kafka.protocol.admin import ListGroupsRequest

from cluster.cluster import sizes_at
from cluster.endpoint import Endpoint
from cluster.groups.groups import committed
from cluster.live import QUORUM, growth
from cluster.live.pace import Pace
from cluster.live.process import Process
from cluster.metadata.kraft import probe as quorum
from cluster.moving.moving import Moving
from cluster.protocol import wire
from cluster.state.node import settled
from cluster.state.probe import count
from cluster.topics import offsets
from provisioner.agent import facts

if TYPE_CHECKING:
    from cluster.model import Topic
    from provisioner.agent.feed import Feed
    from provisioner.agent.waiting import Emit

    Key = tuple[str, int]  # topic and number of a partition
    Places = dict[str, list[list[int]]]  # {topic: [[partition, first offset, end]]}

FIRSTS_SECONDS = 30.0  # first offsets change when retention deletes; brokers look every five minutes
SHORTEST_SECONDS = 0.25  # of a rate: over less it says little
SLOW_SECONDS = 5.0  # for what changes seldom, and takes a connection of its own


def look(args: dict[str, Any], emit: Emit, feed: Feed) -> dict[str, Any]:
    """Emit a sample now, and one for each byte or more that the feed brings, until it is stopped.

    args: bootstrap, broker (its id), unit, dirs (data directories), quorum (bool: the cluster keeps its metadata
    itself; then the quorum is asked for now and whenever a byte is QUORUM).
    Emits {"sample": as `Sampler.sample` returns it}. Returns nothing. Never raises for a dead broker.
    """
    sampler, wanted = Sampler(args), bool(args["quorum"])
    try:
        while True:
            emit({"sample": sampler.sample(wanted)})
            wish = feed.read()
            if wish is None:
                return {}
            wanted = QUORUM in wish
    finally:
        sampler.forget()


class Sampler:
    """Looks at one broker again and again. args: as for `look`."""

    def __init__(self, args: Mapping[str, Any]) -> None:
        self._args = args
        self._process = Process(args["unit"])
        self._connection: Optional[wire.Connection] = None
        self.forget()

    def forget(self) -> None:
        """Close the connection. What the broker has said is forgotten: it may come back with other leaders."""
        if self._connection is not None:
            self._connection.close()
        self._connection, self._pace = None, Pace()
        self._led: dict[str, list[int]] = {}
        self._before: Optional[growth.Reading] = None
        self._firsts: dict[Key, int] = {}
        self._told: dict[Key, tuple[int, int]] = {}
        self._adding: Mapping[Key, Sequence[int]] = {}

    def sample(self, with_quorum: bool) -> dict[str, Any]:
        """What is seen now: at (seconds, by a clock of this host's that never goes back); why ("", or why the broker
        does not answer); process, as `Process.look`; disks {path: {free, total}}; of a broker that answers what
        `_of_broker` returns, as far as it is due."""
        try:
            found = {"why": "", **self._of_broker(with_quorum)}
        except (OSError, KafkaError) as error:
            self.forget()
            found = {"why": wire.describe(error)}
        return {
            "at": time.monotonic(),
            **found,
            "process": self._process.look(serving=not found["why"]),
            "disks": facts.disks(self._args["dirs"]),
        }

    def _of_broker(self, with_quorum: bool) -> dict[str, Any]:
        """cluster, growth and places, groups, quorum: see the methods below. Raises OSError, KafkaError."""
        if self._connection is None:
            self._connection = wire.Connection(Endpoint.parse(self._args["bootstrap"]))
        connection, found = self._connection, {}
        if self._pace.due("cluster"):
            with self._pace.spending("cluster"):
                found["cluster"] = self._cluster(connection)
        # Before the ends: a group that reads on meanwhile is never taken to be beyond them.
        if self._pace.due("groups"):
            with self._pace.spending("groups"):
                found["groups"] = _groups(connection)
        if self._pace.due("growth"):
            with self._pace.spending("growth", SHORTEST_SECONDS):
                found.update(self._growth(connection))
        if with_quorum and self._pace.due("quorum"):
            with self._pace.spending("quorum", SLOW_SECONDS):
                found["quorum"] = quorum.through_broker({"bootstrap": self._args["bootstrap"]}, _quiet)
        return found

    def _cluster(self, connection: wire.Connection) -> dict[str, Any]:
        """The cluster as this broker sees it: brokers [ids], controller, topics, partition_count, under_replicated,
        offline (as `probe.count`), leads (partitions of this broker's)."""
        view = connection.metadata(None)
        self._led = led(view["topics"], self._args["broker"])
        partitions = [one for topic in view["topics"].values() for one in topic.partitions]
        if any(one.under_replicated for one in partitions):
            partitions = [settled(one, self._arriving().get(one.key, ())) for one in partitions]
        counted = count(partitions)
        return {
            "brokers": sorted(view["brokers"]),
            "controller": view["controller"],
            "topics": len(view["topics"]),
            **{key: counted[key] for key in ("partition_count", "under_replicated", "offline")},
            "leads": sum(map(len, self._led.values())),
        }

    def _arriving(self) -> Mapping[Key, Sequence[int]]:
        """{partition: the brokers that it is being copied to}: what has not arrived is not behind."""
        if self._pace.due("moving"):
            with self._pace.spending("moving", SLOW_SECONDS):
                try:
                    way = Moving(self._args["bootstrap"]).under_way()
                    self._adding = {key: adding for key, (_, adding) in way.items()}
                except (OSError, KafkaError):  # there is no controller at the moment
                    self._adding = {}
        return self._adding

    def _growth(self, connection: wire.Connection) -> dict[str, Any]:
        """growth {seconds, topics {topic: [records, bytes]}} since the last time, None the first time; places: the
        partitions that this broker leads, of those that have changed, as `Places`."""
        ends = offsets.led(connection, self._led, offsets.LATEST)
        at = time.monotonic()
        wanted = growth.to_measure(self._before, ends)
        measured = sizes_at(connection, wanted) if wanted else {}
        before, self._before = self._before, growth.complete(self._before, at, ends, measured)
        self._ask_firsts(connection, ends)
        now = {key: (self._firsts.get(key, 0), end) for key, end in ends.items()}
        changed = [key for key, place in now.items() if self._told.get(key) != place]
        self._told = now
        places: Places = {}
        for topic, number in changed:
            places.setdefault(topic, []).append([number, *now[topic, number]])
        since = None
        if before is not None:
            topics = {topic: list(grown) for topic, grown in growth.grown(before, self._before).items()}
            since = {"seconds": at - before.at, "topics": topics}
        return {"growth": since, "places": places}

    def _ask_firsts(self, connection: wire.Connection, ends: Mapping[Key, int]) -> None:
        """Ask for the first offsets of partitions that are new here, and now and then of all."""
        if self._pace.due("firsts"):
            with self._pace.spending("firsts", FIRSTS_SECONDS):
                self._firsts = offsets.led(connection, self._led, offsets.EARLIEST)
            return
        missing: dict[str, list[int]] = {}
        for topic, number in ends:
            if (topic, number) not in self._firsts:
                missing.setdefault(topic, []).append(number)
        if missing:
            self._firsts.update(offsets.led(connection, missing, offsets.EARLIEST))


def led(topics: Mapping[str, Topic], broker: int) -> dict[str, list[int]]:
    """{topic: its partitions that a broker leads}, without topics of which it leads none. Pure."""
    found = {
        name: [one.partition for one in topic.partitions if one.leader == broker] for name, topic in topics.items()
    }
    return {name: numbers for name, numbers in found.items() if numbers}


def _groups(connection: wire.Connection) -> dict[str, Any]:
    """{group: {state, committed {topic: {partition as text: offset}}, error}} of the groups that this broker
    coordinates. state: "" where the broker does not list it (before Kafka 2.6); error: why the offsets cannot be read.
    Raises OSError, KafkaError."""
    answer = connection.call(ListGroupsRequest())
    wire.raise_for(answer.error_code)
    found: dict[str, Any] = {}
    for one in answer.groups or ():
        at: dict[str, dict[str, int]] = {}
        error = ""
        try:
            for place in committed(connection, one.group_id):
                at.setdefault(place["topic"], {})[str(place["partition"])] = place["committed"]
        except KafkaError as refused:
            error = wire.describe(refused)
        found[one.group_id] = {"state": getattr(one, "group_state", None) or "", "committed": at, "error": error}
    return found


def _quiet(event: Mapping[str, Any]) -> None:
    """For a function that emits nothing here."""
