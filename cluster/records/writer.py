"""Sends records to the leaders of a topic's partitions, and knows at every moment which are acknowledged.

One request to each leader at a time, built while the one before it is under way. With acks=all the producer is
idempotent (KIP-98): records that are resent after a lost answer are not written twice, and keep their order.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Optional

from kafka import errors as kafka_errors
from kafka.errors import KafkaError
from kafka.partitioner.default import murmur2
from kafka.protocol.producer import InitProducerIdRequest, ProduceRequest
from kafka.record.memory_records import MemoryRecordsBuilder

from cluster.cluster import Cluster, first_answer
from cluster.endpoint import Endpoint
from cluster.model import Broker
from cluster.protocol import wire
from cluster.records.lines import Record

BATCH_HEADER = 61  # bytes of a record batch before its records
ANSWER_MS = 10_000  # that a leader may wait for the other replicas
CONNECTION_SECONDS = 12.0  # longer than that, so that the leader's own answer comes first
RETRY_SECONDS = 0.1
ROUND_BYTES = 512 * 1024  # of one round of requests; large enough that the overhead of a request does not matter
LAST_WITH_NAMES = 12  # version of ProduceRequest; later ones name topics by an id
ALL, LEADER = -1, 1  # acks
SEQUENCES = 1 << 31


class Refused(Exception):
    """Records that were not, or not provably, written. unknown: whether they may have been."""

    def __init__(self, batch: Batch, reason: str, error: Optional[KafkaError], unknown: bool) -> None:
        super().__init__(reason)
        self.batch, self.reason, self.error, self.unknown = batch, reason, error, unknown


@dataclass(frozen=True)
class Batch:
    """One partition's share of a round. first, last: lines that it comes from; data: the record batch."""

    partition: int
    first: int
    last: int
    count: int
    data: bytes


def partition_for(key: Optional[bytes], partitions: int, sticky: int) -> int:
    """The partition of a record as the Java clients choose it: by the key's murmur2, else one for a whole round.
    Pure."""
    return sticky if key is None else (murmur2(key) & 0x7FFFFFFF) % partitions


class Round:
    """One request to each leader: per partition one batch, which may not be larger than `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._sizes: dict[int, int] = {}
        self._total = 0
        self.records: dict[int, list[Record]] = {}

    def add(self, partition: int, record: Record) -> bool:
        """Take a record, unless the round is full; one alone is always taken."""
        size = self._sizes.get(partition, BATCH_HEADER) + record.size
        full = self._total + record.size > ROUND_BYTES or (partition in self.records and size > self._limit)
        if self.records and full:
            return False
        self._sizes[partition] = size
        self._total += record.size
        self.records.setdefault(partition, []).append(record)
        return True


class Writer:
    """Writes rounds to `topic`, in order. A context manager.

    acks: ALL or LEADER; compression: the protocol's number; patience: seconds that a round may take, elections and
    restarts of brokers included; stopped: whether to give up waiting. Raises Refused, OSError and KafkaError.
    """

    def __init__(
        self, cluster: Cluster, topic: str, acks: int, compression: int, patience: float, stopped: Callable[[], bool]
    ) -> None:
        self._cluster, self.topic, self._acks, self._compression = cluster, topic, acks, compression
        self._patience, self._stopped = patience, stopped
        self._open: dict[int, wire.Connection] = {}
        self._leaders: dict[int, int] = {}
        self._brokers: Mapping[int, Broker] = {}
        self._producer = (-1, -1)
        self._sequences: dict[int, int] = {}
        self._pending: list[Batch] = []
        self._waiting: list[tuple[int, list[Batch]]] = []
        self._errors: dict[int, tuple[str, Optional[KafkaError]]] = {}  # partition -> why its last try failed
        self.acknowledged = 0
        self.offsets: dict[int, list[int]] = {}  # partition -> the first and the last

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self._open.values():
            connection.close()

    def begin(self, view: Mapping[str, Any]) -> int:
        """Read the leaders from the cluster's `view` and register as a producer; returns the number of partitions."""
        self._learn(view)
        if self._acks == ALL:
            self._producer = self._retried(self._init_producer, time.monotonic() + self._patience)
        return len(self._leaders)

    def sticky(self) -> int:
        """A partition for a round's records without keys: one that has a leader, if any has."""
        led = [partition for partition, leader in self._leaders.items() if leader >= 0]
        return random.choice(led or list(self._leaders))

    def send(self, records: Mapping[int, list[Record]]) -> None:
        """Send a round, when the one before it has been acknowledged."""
        batches = [self._batch(partition, of_it) for partition, of_it in records.items()]
        self.finish()
        self._pending = batches
        self._deadline = time.monotonic() + self._patience
        self._errors = {}
        self._transmit()

    def finish(self) -> None:
        """Wait until all sent records are acknowledged."""
        while self._pending:
            self._collect()
            if not self._pending:
                return
            batch = self._pending[0]
            reason, error = self._errors[batch.partition]
            if time.monotonic() > self._deadline or self._stopped():
                raise Refused(batch, reason, error, unknown=True)
            time.sleep(RETRY_SECONDS)
            try:
                self._learn(self._retried(self._ask_leaders, self._deadline))
            except (OSError, KafkaError):  # no broker answers: the records wait
                raise Refused(batch, reason, error, unknown=True) from None
            self._transmit()

    # -- one try ---------------------------------------------------------------------------------------------------

    def _batch(self, partition: int, records: list[Record]) -> Batch:
        sequence = self._sequences.get(partition, 0) if self._acks == ALL else -1
        producer, epoch = self._producer
        builder = MemoryRecordsBuilder(
            2, self._compression, 1 << 31, producer_id=producer, producer_epoch=epoch, base_sequence=sequence
        )
        now = int(time.time() * 1000)
        for record in records:
            builder.append(
                now if record.timestamp is None else record.timestamp, record.key, record.value, record.headers
            )
        builder.close()
        self._sequences[partition] = (sequence + len(records)) % SEQUENCES
        return Batch(partition, records[0].line, records[-1].line, len(records), bytes(builder.buffer()))

    def _transmit(self) -> None:
        by_leader: dict[int, list[Batch]] = {}
        for batch in self._pending:
            by_leader.setdefault(self._leaders.get(batch.partition, -1), []).append(batch)
        for leader, batches in by_leader.items():
            if leader not in self._brokers:
                self._failed(batches, "the partition has no leader", None)
                continue
            try:
                self._connection(leader).send(self._request(batches))
                self._waiting.append((leader, batches))
            except (OSError, KafkaError) as error:
                self._lost(leader, batches, error)

    def _request(self, batches: Iterable[Batch]) -> ProduceRequest:
        kind = ProduceRequest.TopicProduceData
        partitions = [kind.PartitionProduceData(index=batch.partition, records=batch.data) for batch in batches]
        return ProduceRequest(
            transactional_id=None,
            acks=self._acks,
            timeout_ms=ANSWER_MS,
            topic_data=[kind(name=self.topic, partition_data=partitions)],
            max_version=LAST_WITH_NAMES,
        )

    def _collect(self) -> None:
        """Read the answers to the requests; batches that remain in `_pending` must be resent."""
        waiting, self._waiting = self._waiting, []
        for leader, batches in waiting:
            try:
                answer = self._open[leader].receive()
            except (OSError, KafkaError) as error:
                self._lost(leader, batches, error)
                continue
            found = {one.index: one for topic in answer.responses for one in topic.partition_responses}
            for batch in batches:
                self._judge(batch, found[batch.partition])

    def _judge(self, batch: Batch, answer: Any) -> None:
        name = wire.name_of(answer.error_code)
        if not name or name == "DuplicateSequenceNumberError":
            self._pending.remove(batch)
            self.acknowledged += batch.count
            if not name:
                last = answer.base_offset + batch.count - 1
                self.offsets.setdefault(batch.partition, [answer.base_offset, last])[1] = last
            return
        error = kafka_errors.for_code(answer.error_code)(answer.error_message or "")
        reasons = [one.batch_index_error_message for one in answer.record_errors or () if one.batch_index_error_message]
        reason = reasons[0] if reasons else wire.describe(error)
        if not error.retriable:
            raise Refused(batch, reason, error, unknown=False)
        self._failed([batch], reason, error)

    def _lost(self, leader: int, batches: list[Batch], error: BaseException) -> None:
        connection = self._open.pop(leader, None)
        if connection:
            connection.close()
        self._failed(batches, f"broker {leader}: {wire.describe(error)}", None)

    def _failed(self, batches: Iterable[Batch], reason: str, error: Optional[KafkaError]) -> None:
        for batch in batches:
            self._errors[batch.partition] = (reason, error)

    # -- the cluster -----------------------------------------------------------------------------------------------

    def _connection(self, broker: int) -> wire.Connection:
        if broker not in self._open:
            self._open[broker] = wire.Connection(self._brokers[broker].endpoint, CONNECTION_SECONDS)
        return self._open[broker]

    def _endpoints(self) -> list[Endpoint]:
        return [self._cluster.bootstrap, *(broker.endpoint for broker in self._brokers.values())]

    def _learn(self, view: Mapping[str, Any]) -> None:
        """Update brokers and leaders; a topic that is unknown at the moment keeps its leaders."""
        self._brokers = view["brokers"] or self._brokers
        topic = view["topics"].get(self.topic)
        if topic and not topic.error:
            self._leaders = {one.partition: one.leader for one in topic.partitions}

    def _ask_leaders(self, endpoint: Endpoint) -> Mapping[str, Any]:
        with wire.Connection(endpoint) as connection:
            return connection.metadata([self.topic])

    def _init_producer(self, endpoint: Endpoint) -> tuple[int, int]:
        with wire.Connection(endpoint, CONNECTION_SECONDS) as connection:
            answer = connection.call(InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=60_000))
        wire.raise_for(answer.error_code)
        return answer.producer_id, answer.producer_epoch

    def _retried(self, ask: Callable[[Endpoint], Any], deadline: float) -> Any:
        """The answer of the first broker that has one, until the deadline. Raises the last error."""
        while True:
            try:
                return first_answer(self._endpoints(), ask)
            except (OSError, KafkaError) as error:
                retriable = isinstance(error, OSError) or getattr(error, "retriable", False)
                if not retriable or time.monotonic() > deadline or self._stopped():
                    raise
            time.sleep(RETRY_SECONDS)
