"""A producer of transactions, and a group that reads and commits, at work while a cluster changes: what was committed
is there once and whole, what was aborted is not, and no offset of the group goes back."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic
from kafka.errors import KafkaError

PARTITIONS = 3
EACH = 0.2  # seconds from one transaction to the next
ABORTED = 5  # each of so many is aborted
PATIENCE = 60.0


@dataclass
class Transactions:
    """Writes one record to each partition in every transaction, from `with` to its end. committed, aborted: the numbers
    of those of which the cluster said so; of the others, nobody knows."""

    bootstrap: Sequence[str]
    topic: str
    committed: list[int] = field(default_factory=list)
    aborted: list[int] = field(default_factory=list)
    troubles: Counter[str] = field(default_factory=Counter)

    def __enter__(self) -> Transactions:
        with contextlib.closing(KafkaAdminClient(bootstrap_servers=list(self.bootstrap))) as admin:
            admin.create_topics([NewTopic(self.topic, num_partitions=PARTITIONS, replication_factor=3)])
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ending.set()
        self._thread.join(timeout=2 * PATIENCE)

    def verdict(self) -> None:
        """Assert that a reader of what is committed sees each transaction whole and once, and none that was aborted."""
        assert len(self.committed) >= 20, f"only {len(self.committed)} transactions: that proves nothing"
        seen: dict[int, Counter[int]] = defaultdict(Counter)
        for partition, value in self._read():
            seen[value][partition] += 1
        lost = [number for number in self.committed if len(seen[number]) < PARTITIONS]
        assert not lost, f"{len(lost)} committed transactions are not whole: {lost[:10]}"
        twice = [number for number, found in seen.items() if max(found.values(), default=0) > 1]
        assert not twice, f"{len(twice)} transactions are there twice: {twice[:10]}"
        shown = [number for number in self.aborted if seen[number]]
        assert not shown, f"{len(shown)} aborted transactions can be read: {shown[:10]}"

    def _work(self) -> None:
        number = 0
        while not self._ending.is_set():
            # Another one after a failure: what it left open is aborted by this one's beginning.
            producer = KafkaProducer(
                bootstrap_servers=list(self.bootstrap), transactional_id=self.topic, acks="all", linger_ms=0
            )
            try:
                producer.init_transactions()
                while not self._ending.is_set():
                    number += 1
                    self._transaction(producer, number)
                    time.sleep(EACH)
            except (KafkaError, AssertionError) as error:
                self.troubles[type(error).__name__] += 1
                time.sleep(EACH)
            finally:
                with contextlib.suppress(Exception):
                    producer.close(timeout=5)

    def _transaction(self, producer: KafkaProducer, number: int) -> None:
        producer.begin_transaction()
        sent = [producer.send(self.topic, b"%d" % number, partition=partition) for partition in range(PARTITIONS)]
        for one in sent:
            one.get(timeout=PATIENCE)
        if number % ABORTED == 0:
            producer.abort_transaction()
            self.aborted.append(number)
        else:
            producer.commit_transaction()
            self.committed.append(number)

    def _read(self) -> Iterator[tuple[int, int]]:
        with contextlib.closing(
            KafkaConsumer(
                bootstrap_servers=list(self.bootstrap), isolation_level="read_committed", enable_auto_commit=False
            )
        ) as consumer:
            partitions = [TopicPartition(self.topic, number) for number in range(PARTITIONS)]
            consumer.assign(partitions)
            consumer.seek_to_beginning(*partitions)
            ends = consumer.end_offsets(partitions)
            quiet = time.monotonic()
            while any(consumer.position(one) < ends[one] for one in partitions):
                for partition, records in consumer.poll(timeout_ms=500).items():
                    quiet = time.monotonic()
                    for record in records:
                        yield partition.partition, int(record.value)
                assert time.monotonic() - quiet < PATIENCE, "the transactions cannot be read to their end"


@dataclass
class Group:
    """A member of a group that reads a topic and commits, from `with` to its end."""

    bootstrap: Sequence[str]
    topic: str
    name: str
    read: int = 0
    back: list[str] = field(default_factory=list)  # committed offsets that were lower than before
    troubles: Counter[str] = field(default_factory=Counter)
    offsets: dict[TopicPartition, int] = field(default_factory=dict)

    def __enter__(self) -> Group:
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ending.set()
        self._thread.join(timeout=2 * PATIENCE)

    def verdict(self) -> None:
        """Assert that no offset went back, and that what is committed now is what was committed last."""
        assert self.read and self.offsets, "the group has read nothing: that proves nothing"
        assert not self.back, f"offsets went back: {self.back[:5]}"
        consumer = KafkaConsumer(bootstrap_servers=list(self.bootstrap), group_id=self.name, enable_auto_commit=False)
        with contextlib.closing(consumer):
            now = {one: consumer.committed(one) for one in self.offsets}
        lost = [f"{one}: {now[one]} after {offset}" for one, offset in self.offsets.items() if (now[one] or 0) < offset]
        assert not lost, f"committed offsets are lost: {lost}"

    def _work(self) -> None:
        while not self._ending.is_set():
            consumer = KafkaConsumer(
                self.topic,
                bootstrap_servers=list(self.bootstrap),
                group_id=self.name,
                auto_offset_reset="earliest",
                enable_auto_commit=False,
            )
            try:
                while not self._ending.is_set():
                    self.read += sum(map(len, consumer.poll(timeout_ms=500).values()))
                    self._commit(consumer)
            except (KafkaError, AssertionError) as error:
                self.troubles[type(error).__name__] += 1
                time.sleep(EACH)
            finally:
                with contextlib.suppress(Exception):
                    consumer.close()

    def _commit(self, consumer: KafkaConsumer) -> None:
        consumer.commit()
        for partition in consumer.assignment():
            there = consumer.committed(partition)
            if there is None:
                continue
            if there < self.offsets.get(partition, 0):
                self.back.append(f"{partition}: {there} after {self.offsets[partition]}")
            self.offsets[partition] = there
