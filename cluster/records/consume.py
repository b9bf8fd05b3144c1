"""Streams records of a topic. Waits while brokers restart and elect.

A group's offsets are committed only for records that the control machine has written out, once a second and at the end:
records that a broken pipe or a member without its partition did not write out are read by the next member.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Optional

from kafka import OffsetAndMetadata, TopicPartition
from kafka.errors import CommitFailedError, KafkaError, UnsupportedCodecError

from cluster import names
from cluster.cluster import Cluster, answering
from cluster.protocol import client, codecs
from cluster.records import shown
from cluster.records.chosen import Chosen, Ends
from cluster.topics import offsets
from provisioner.agent.failure import Failure

if TYPE_CHECKING:
    from kafka import KafkaConsumer

    from provisioner.agent.feed import Feed
    from provisioner.agent.waiting import Emit

POLL_MS = 200
CHUNK = 256 * 1024  # bytes of output in one event
FETCH_BYTES = 8 << 20  # that a broker may send at once
COMMIT_SECONDS = 1.0
COMMIT_TIMEOUT_MS = 5000
JOIN_SECONDS = 30.0  # least time that a group gets for the first assignment
LOOK_SECONDS = 5.0  # of silence, after which a deleted topic is looked for
MISSED = 3  # looks in a row that do not find it


def run(args: dict[str, Any], emit: Emit, feed: Feed) -> dict[str, Any]:
    """Emit records of a topic as lines ({"raw": bytes}) until `count`, the timeout, the end, or until the feed is
    stopped.

    args: bootstrap, topic; partition, or None for all; start, as `offsets.resolve` takes it; end, as `chosen.Ends`
    takes it; group, "" for none, whose committed offsets win over start ("earliest" or "latest"); key, grep: which
    records are written and counted (`chosen.Chosen`); committed (bool): only records of transactions that are; count
    and timeout (seconds without a record), or None; format, a template of `shown`, or None for JSON; zone, the time
    zone of its times, as `shown.by_template` takes it. For each event with lines the feed must bring a byte once they
    are written. Emits {"ready": true} when what is written from now on is sure to be seen.
    Returns records, stopped, assigned (bool), ended (bool: at `end`). Raises Failure.
    """
    codecs.install()
    topic, isolation = args["topic"], offsets.COMMITTED if args["committed"] else offsets.UNCOMMITTED
    with answering(f"read the topic {topic}"):
        cluster = Cluster(args["bootstrap"])
        view = names.topic_view(cluster, topic)
        partitions = names.partitions(view, topic, args["partition"])
        consumer = _consumer(args, cluster, view)
        try:
            ends = Ends(
                args["end"],
                lambda: offsets.ends(names.topic_view(cluster, topic), topic, partitions, args["end"], isolation),
            )
            ends.look()
            reader = _Reader(args, consumer, emit, feed, cluster, ends)
            if args["group"] and args["partition"] is None:
                consumer.subscribe([topic])
            else:
                consumer.assign([TopicPartition(topic, one) for one in partitions])
                reader.assigned = True
            if not args["group"]:
                for partition, (offset, _, _) in offsets.resolve(view, topic, partitions, args["start"]).items():
                    consumer.seek(TopicPartition(topic, partition), offset)
                emit({"ready": True})
            reader.read()
        except UnsupportedCodecError as error:
            raise Failure(f"this host cannot unpack records of {topic}: {error}") from None
        finally:
            consumer.close(autocommit=False)
    how = {"stopped": feed.stopped.is_set(), "assigned": reader.assigned, "ended": reader.ended}
    return {"records": reader.count, **how}


def _consumer(args: Mapping[str, Any], cluster: Cluster, view: Mapping[str, Any]) -> KafkaConsumer:
    latest = args["start"]["to"] == "latest" and args["group"]
    return client.consumer(
        cluster.bootstrap,
        # All brokers, so that the client does not depend on the one that was asked first.
        [broker.endpoint for broker in view["brokers"].values()],
        group_id=args["group"] or None,
        # Without a group this is for records that were deleted before they were read.
        auto_offset_reset="latest" if latest else "earliest",
        check_crcs=False,  # the broker has checked them, and they did not leave the cluster's network
        fetch_max_bytes=FETCH_BYTES,
        retry_backoff_ms=50,
        reconnect_backoff_max_ms=500,
        session_timeout_ms=10_000,
        isolation_level="read_committed" if args["committed"] else "read_uncommitted",
    )


class _Reader:
    """Reads, counts and commits."""

    def __init__(
        self, args: Mapping[str, Any], consumer: KafkaConsumer, emit: Emit, feed: Feed, cluster: Cluster, ends: Ends
    ) -> None:
        self._args, self._consumer, self._emit, self._feed, self._cluster = args, consumer, emit, feed, cluster
        key = None if args["key"] is None else args["key"].encode("utf-8", "surrogateescape")
        self._ends, self._chosen = ends, Chosen(key, args["grep"])
        self._line = shown.as_json if args["format"] is None else shown.by_template(args["format"], args["zone"])
        self._under_way: deque[dict[TopicPartition, int]] = deque()  # for each event, the positions behind it
        self._written: dict[TopicPartition, int] = {}  # to be committed
        self._missed = 0
        self.assigned = self.ended = False
        self.count = 0

    def read(self) -> None:
        """Run until the count, the timeout, the end or the stop."""
        wanted, timeout = self._args["count"], self._args["timeout"]
        limited = timeout is not None or self._args["end"]
        to_join = max(timeout or 0.0, JOIN_SECONDS) if limited else None
        quiet = committed = looked = time.monotonic()
        while not self._feed.stopped.is_set() and (wanted is None or self.count < wanted):
            # Of those that are not wanted, nobody knows how many there are.
            most = None if wanted is None or not self._chosen.all else wanted - self.count
            found = self._poll(most)
            now = time.monotonic()
            if not self.assigned:
                self._look_assigned()
            if found:
                self._give(found, wanted)
                quiet = looked = time.monotonic()
            if self._at_end():
                self.ended = True
                break
            patience = timeout if self.assigned else to_join
            if not found and patience is not None and now - quiet > patience:
                break
            if not found and now - looked > LOOK_SECONDS:
                self._still_there()
                looked = now
            self._hear(self._feed.read(timeout=0))
            if now - committed > COMMIT_SECONDS:
                self._commit()
                committed = now
        self._settle()

    def _at_end(self) -> bool:
        """Whether everything before the end has been read, of the partitions that are read here."""
        try:
            self._ends.look()
            places = self._consumer.assignment() if self.assigned else ()
            return self._ends.reached({place.partition: self._consumer.position(place) for place in places})
        except (OSError, KafkaError, Failure) as error:  # no broker answers at the moment: soon again
            if isinstance(error, Failure) or passing(error):
                return False
            raise

    def _poll(self, most: Optional[int]) -> Mapping[TopicPartition, list[Any]]:
        """Received records; none while no broker can be reached."""
        try:
            found: Mapping[TopicPartition, list[Any]] = self._consumer.poll(timeout_ms=POLL_MS, max_records=most)
        except (OSError, KafkaError) as error:
            if not passing(error):
                raise
            time.sleep(POLL_MS / 1000)
            return {}
        return found

    def _look_assigned(self) -> None:
        """Whether the group has given us partitions; with their positions, what is written from now on will be seen."""
        places = self._consumer.assignment()
        if places:
            for place in places:
                self._consumer.position(place)
            self.assigned = True
            self._emit({"ready": True})

    def _give(self, found: Mapping[TopicPartition, list[Any]], most: Optional[int]) -> None:
        """Send the wanted ones of these records on, `most` in all at most. What is not wanted is passed over like what
        was written: no member of the group need see it again."""
        pieces: list[bytes] = []
        places: dict[TopicPartition, int] = {}
        size = 0
        for place, records in found.items():
            for record in records:
                if self._ends.beyond(record) or self.count == most:
                    break
                places[place] = record.offset + 1
                if not self._chosen.keeps(record):
                    continue
                pieces.append(self._line(record))
                self.count += 1
                size += len(pieces[-1])
                if size >= CHUNK:
                    self._send(pieces, places)
                    pieces, places, size = [], {}, 0
        if pieces:
            self._send(pieces, places)
        elif self._under_way:  # not committed before what comes before it
            self._under_way[-1].update(places)
        else:
            self._written.update(places)

    def _send(self, pieces: list[bytes], places: dict[TopicPartition, int]) -> None:
        self._under_way.append(places)
        self._emit({"raw": b"".join(pieces)})

    def _hear(self, said: Optional[bytes]) -> bool:
        """Read which events the control machine has written out: a byte for each. False without news."""
        for _ in said or b"":
            self._written.update(self._under_way.popleft())
        return bool(said)

    def _settle(self) -> None:
        """Wait a moment for the confirmation of events under way, which also arrives after a stop; then commit."""
        while self._args["group"] and self._under_way and self._hear(self._feed.rest(COMMIT_SECONDS)):
            pass
        self._commit()

    def _commit(self) -> None:
        mine = self._consumer.assignment()
        positions = {place: OffsetAndMetadata(to, "", -1) for place, to in self._written.items() if place in mine}
        self._written = {}
        if positions and self._args["group"]:
            try:
                self._consumer.commit(positions, timeout_ms=COMMIT_TIMEOUT_MS)
            except CommitFailedError:  # the group has rebalanced: another member reads these records
                return
            except (OSError, KafkaError) as error:
                if not passing(error):
                    raise
                self._written = {**{place: at.offset for place, at in positions.items()}, **self._written}

    def _still_there(self) -> None:
        try:
            found = self._cluster.view([self._args["topic"]])["topics"]
        except (OSError, KafkaError):
            return  # the cluster is busy, or this broker down: the client knows others
        # A broker that has just started knows no topic yet.
        self._missed = 0 if found[self._args["topic"]].known else self._missed + 1
        if self._missed >= MISSED:
            raise Failure(f"the topic {self._args['topic']} has been deleted")


def passing(error: BaseException) -> bool:
    """Whether an error may pass, as during a restart or an election: the next try may succeed."""
    return isinstance(error, OSError) or bool(getattr(error, "retriable", False))
