"""A verifiable producer and consumer, after Kafka's own system tests: what was acknowledged must be readable, in order.

Nothing on the client's side hides a loss: acks=all, no idempotence, one request in flight so that retries keep the
order, and every acknowledgement is noted with its time. They reach the cluster by its external listeners, from this
machine.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic
from kafka.errors import NodeNotReadyError, UnknownBrokerIdError
from kafka.net.manager import KafkaConnectionManager

from .serving import delete_topic, eventually

PER_SECOND = 50  # records: enough to see a gap of a tenth of a second, little enough for a busy machine
PARTITIONS = 3
QUIET = 60.0  # seconds without a record after which a reader gives up


def loads(bootstrap: Sequence[str]) -> Iterator[Callable[..., Load]]:
    """The body of a fixture: yields a maker of loads, each on a topic of its own; these go at the end. The maker takes
    fields of `Load`."""
    topics: list[str] = []

    def make(**fields: Any) -> Load:
        topics.append(f"load-{uuid.uuid4().hex[:8]}")
        return Load(**{"bootstrap": bootstrap, "topic": topics[-1], **fields})

    yield make
    for topic in topics:
        delete_topic(",".join(bootstrap), topic)


def make_topic(
    bootstrap: Sequence[str],
    name: str,
    partitions: int,
    client: Mapping[str, Any],
    copies: int = 3,
    least: int | None = 2,
) -> bool:
    """Make a topic, with a client of its own each time: one keeps the controller that it was told of, and not the
    brokers of that moment, so one that began while that broker was down never finds it (kafka-python 3)."""
    config = {} if least is None else {"min.insync.replicas": str(least)}
    topic = NewTopic(name, num_partitions=partitions, replication_factor=copies, topic_configs=config)
    with contextlib.closing(KafkaAdminClient(bootstrap_servers=list(bootstrap), **client)) as admin:
        admin.create_topics([topic], timeout_ms=30_000)
    return True


@dataclass
class Load:
    """Produces from `with` to its end, and reads along; `verdict()` afterwards drains the topic from the beginning."""

    bootstrap: Sequence[str]
    topic: str
    copies: int = 3
    least: int | None = 2  # copies that acks=all needs; None: what the brokers say
    client: Mapping[str, Any] = field(default_factory=dict)  # how its clients connect
    acks: dict[int, float] = field(default_factory=dict)  # record number -> when it was acknowledged
    refused: list[str] = field(default_factory=list)
    followed: set[int] = field(default_factory=set)  # what the consumer that reads along has seen
    sent: int = 0

    def __enter__(self) -> Load:
        # In the middle of a roll there are too few brokers for its copies, for a moment.
        eventually(
            lambda: make_topic(self.bootstrap, self.topic, PARTITIONS, self.client, self.copies, self.least),
            seconds=60,
            what=f"the topic {self.topic}",
        )
        self._producer = KafkaProducer(
            bootstrap_servers=list(self.bootstrap),
            acks="all",
            enable_idempotence=False,
            linger_ms=0,
            max_in_flight_requests_per_connection=1,
            delivery_timeout_ms=120_000,
            request_timeout_ms=10_000,
            max_block_ms=60_000,
            reconnect_backoff_max_ms=250,
            **self.client,
        )
        ask_on_its_own_connection(self._producer._sender._client._manager)
        self._ending, self._done = threading.Event(), threading.Event()
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._produce, self._follow)]
        for thread in self._threads:
            thread.start()
        self.more(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._threads[0].join(timeout=150)
        self._producer.close(timeout=120)
        self._done.set()
        self._threads[1].join(timeout=QUIET + 30)

    def more(self, count: int = 50, seconds: float = 30.0) -> None:
        """Wait until `count` more records are acknowledged, as Kafka's own tests do within 30 s after every action."""
        wanted, deadline = len(self.acks) + count, time.monotonic() + seconds
        while len(self.acks) < wanted:
            assert time.monotonic() < deadline, f"{len(self.acks)} acknowledged, {wanted} not within {seconds:.0f} s"
            time.sleep(0.02)

    def longest_gap(self, since: float = 0.0) -> float:
        """Seconds, the longest that any partition went without an acknowledgement: what its slowest client noticed.
        since: of those gaps that ended after this time (`time.monotonic`)."""
        began, ended = self.slowest(since)
        return ended - began

    def slowest(self, since: float = 0.0) -> tuple[float, float]:
        """When the longest gap began and ended; as `longest_gap`."""
        found = (0.0, 0.0)
        for partition in range(PARTITIONS):
            acked = self.acks.copy()  # more may come meanwhile
            times = sorted(at for number, at in acked.items() if number % PARTITIONS == partition)
            pairs = (pair for pair in itertools.pairwise(times) if pair[1] >= since)
            found = max(found, *pairs, key=lambda pair: pair[1] - pair[0])
        return found

    def verdict(self) -> None:
        """Assert that nothing was lost: acknowledged minus consumed is empty, and per partition the order is that of
        sending. Unacknowledged records may be there or not, and a record whose acknowledgement was lost twice."""
        assert len(self.acks) >= 100, f"only {len(self.acks)} records were acknowledged: that proves nothing"
        drained = self._drain()
        lost = set(self.acks) - {number for numbers in drained.values() for number in numbers}
        assert not lost, f"{len(lost)} of {len(self.acks)} acknowledged records lost: {sorted(lost)[:10]}"
        unseen = set(self.acks) - self.followed
        assert not unseen, f"the consumer that read along missed {len(unseen)}: {sorted(unseen)[:10]}"
        for partition, numbers in drained.items():
            firsts = list(dict.fromkeys(numbers))
            assert firsts == sorted(firsts), f"{self.topic}-{partition} is out of order"
        assert not self.refused, f"{len(self.refused)} records were given up: {self.refused[:3]}"

    def _produce(self) -> None:
        began = time.monotonic()
        while not self._ending.is_set():
            number, self.sent = self.sent, self.sent + 1
            future = self._producer.send(self.topic, b"%d" % number, partition=number % PARTITIONS)
            future.add_callback(self._acknowledged, number)
            future.add_errback(lambda error: self.refused.append(repr(error)))
            time.sleep(max(0.0, began + self.sent / PER_SECOND - time.monotonic()))

    def _acknowledged(self, number: int, metadata: object) -> None:
        self.acks[number] = time.monotonic()

    def _consumer(self, **how: Any) -> tuple[KafkaConsumer, list[TopicPartition]]:
        return reader(self.bootstrap, self.topic, PARTITIONS, **self.client, **how)

    def _follow(self) -> None:
        # Twice a second what has come, and not each record as it comes: that is a question and an answer for each.
        consumer, _ = self._consumer(fetch_min_bytes=1 << 20, fetch_max_wait_ms=500)
        quiet = time.monotonic()
        while not (self._done.is_set() and self.acks.keys() <= self.followed) and time.monotonic() - quiet < QUIET:
            for records in consumer.poll(timeout_ms=200).values():
                self.followed.update(int(record.value) for record in records)
                quiet = time.monotonic()
        consumer.close()

    def _drain(self) -> dict[int, list[int]]:
        """{partition: record numbers in order}, from the beginning to the end as it is now."""
        consumer, partitions = self._consumer()
        # In pieces: this client waits for one broker all of the time that it is given, also for one that is gone.
        ends = eventually(
            lambda: consumer.end_offsets(partitions, timeout_ms=10_000), seconds=QUIET, what="the ends of the load"
        )
        found: dict[int, list[int]] = defaultdict(list)
        quiet = time.monotonic()
        while any(consumer.position(partition) < ends[partition] for partition in partitions):
            for partition, records in consumer.poll(timeout_ms=1000).items():
                found[partition.partition] += [int(record.value) for record in records]
                quiet = time.monotonic()
            assert time.monotonic() - quiet < QUIET, f"the drain stands still before {ends}"
        consumer.close()
        return found


def reader(
    bootstrap: Sequence[str], topic: str, partitions: int, **how: Any
) -> tuple[KafkaConsumer, list[TopicPartition]]:
    """A consumer of all partitions of a topic, at their beginning, and these. how: further settings of it."""
    consumer = KafkaConsumer(
        bootstrap_servers=list(bootstrap), enable_auto_commit=False, reconnect_backoff_max_ms=250, **how
    )
    ask_on_its_own_connection(consumer._client._manager)
    assigned = [TopicPartition(topic, number) for number in range(partitions)]
    consumer.assign(assigned)
    consumer.seek_to_beginning(*assigned)
    return consumer, assigned


def ask_on_its_own_connection(manager: KafkaConnectionManager) -> None:
    """Have a client learn who leads whatever its other connections wait for, and leave a broker that is gone alone.

    This client asks who leads on a connection on which nothing else is under way. On a slow machine all serving brokers
    owe it acknowledgements, and what remains is the broker that is gone: a proxy accepts connections in its name and
    closes them, which this client takes for a success and tries again at once, a hundred times a second. That made
    gaps of up to 109 s, and cost as much CPU as the rest of a test. The connections to the bootstrap addresses are
    used for nothing else after the start.

    A partition's leader may be missing in the list of brokers that came with it, just after it has gone. This client's
    sender then fails in each turn before it reads anything, and never hears of the next leader: 230,000 times in ten
    minutes, on a whole CPU.
    """
    connect = manager.get_connection
    doors = list(manager.cluster._bootstrap_brokers)

    def patient(node_id: Any, *args: Any, **how: Any) -> Any:
        before = manager._conns.get(node_id)
        try:
            connection = connect(node_id, *args, **{**how, "reset_backoff_on_connect": False})
        except UnknownBrokerIdError:
            manager.cluster.request_update()
            manager.update_backoff(node_id)
            raise NodeNotReadyError(node_id) from None
        if connection is not before:
            connection.close_future.add_errback(lambda _: manager.update_backoff(node_id))
        return connection

    def door() -> Any:
        free = [node for node in doors if not manager.connection_delay(node)]
        return min(free, key=lambda node: (node not in manager._conns, random.random()), default=None)

    manager.get_connection, manager.least_loaded_node = patient, door
