"""A transactional producer at work while a cluster changes, and what a reader of committed records sees of it: each
batch whose commit was confirmed whole and once, and of those that were aborted nothing."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError

from tests.support.batches import PARTITIONS, problems, records

from .load import ask_on_its_own_connection, make_topic, reader
from .serving import eventually

EVERY = 0.2  # seconds from one batch to the next
ABORTED = 5  # each so many batches, one is aborted on purpose
ANSWER = 15.0  # seconds that an answer may take; then the producer is given up for a new one of the same id
ASKED_AGAIN = 3000  # milliseconds; this client waits so long for a coordinator that is gone, too
PAUSE = 0.2  # seconds, after a failure
QUIET = 60.0  # seconds without a record after which a reader gives up


@dataclass
class Transactions:
    """Writes batches in transactions from `with` to its end, and reads along; `verdict()` afterwards reads everything
    from the beginning.

    This client's own `commit_transaction` waits for ever when the coordinator is missing in what it knows of the
    cluster. So an answer has its time here; a producer that has none by then is left behind, and the next one of the
    same id fences it and aborts what it has left open. A gap a little longer than that is this client's: in a roll in
    which one of these waited 16 s, three of Java's (kafka-producer-perf-test.sh --transactional-id) had none of 0.7 s.
    """

    bootstrap: Sequence[str]
    topic: str
    client: Mapping[str, Any] = field(default_factory=dict)  # how its clients connect
    isolation: str = "read_committed"
    committed: dict[int, float] = field(default_factory=dict)  # batch -> when its commit was confirmed
    never: set[int] = field(default_factory=set)  # batches that nobody has asked to commit
    on_purpose: set[int] = field(default_factory=set)  # those of `never` whose records are all written
    open: set[int] = field(default_factory=set)  # batches whose commit was asked for, and not confirmed
    troubles: Counter[str] = field(default_factory=Counter)
    followed: dict[tuple[int, int], bytes] = field(default_factory=dict)  # (partition, offset) -> seen on the way
    producers: int = 0
    doing: str = ""  # what the producer waits for

    def __enter__(self) -> Transactions:
        eventually(
            lambda: make_topic(self.bootstrap, self.topic, PARTITIONS, self.client),
            seconds=60,
            what=f"the topic {self.topic}",
        )
        self._producer: KafkaProducer | None = None
        self._ending, self._done = threading.Event(), threading.Event()
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._write, self._follow)]
        for thread in self._threads:
            thread.start()
        self.more(3)
        return self

    def __exit__(self, *error: object) -> None:
        self._ending.set()
        self._threads[0].join(timeout=150)
        # Also where the last one is of no use: nothing is open when this one is there.
        self._drop()
        eventually(lambda: self._ready(), seconds=60, what="a producer that closes what is open")
        self._drop()
        self._done.set()
        self._threads[1].join(timeout=QUIET + 30)

    def more(self, count: int = 5, seconds: float = 60.0) -> None:
        """Wait until so many more commits are confirmed."""
        wanted, deadline = len(self.committed) + count, time.monotonic() + seconds
        while len(self.committed) < wanted:
            there = f"{len(self.committed)} batches committed; {dict(self.troubles)}"
            assert time.monotonic() < deadline, f"{there}; {wanted} not within {seconds:.0f} s"
            time.sleep(0.05)

    def longest_gap(self, since: float = 0.0) -> float:
        """Seconds, the longest without a commit. since: of those that ended after this time (`time.monotonic`)."""
        pairs = itertools.pairwise(self.committed.copy().values())
        return max((later - earlier for earlier, later in pairs if later >= since), default=0.0)

    def verdict(self) -> None:
        """Assert what this module says, of what was seen on the way and of what is there now."""
        assert len(self.committed) >= 20, f"only {len(self.committed)} batches were committed: that proves nothing"
        assert self.on_purpose, "no batch was aborted whose records were written: that proves nothing"
        on_the_way: dict[int, list[bytes]] = defaultdict(list)
        for (partition, _), value in sorted(self.followed.items()):
            on_the_way[partition].append(value)
        drained = eventually(self._drain, seconds=QUIET, what=f"all of {self.topic} read")
        for where, seen in (("from the beginning", drained), ("on the way", on_the_way)):
            found = [*problems(seen, self.committed, self.never, self.open)]
            assert not found, f"{self.topic}, read {where}: {'; '.join(found)}"

    def summary(self) -> str:
        """How many of each kind."""
        kinds = f"{len(self.committed)} committed, {len(self.on_purpose)} aborted on purpose, {len(self.open)} unknown"
        given_up = len(self.never - self.on_purpose)
        return f"{kinds}, {given_up} never asked to commit, {self.producers} producers: {dict(self.troubles)}"

    # -- the producer

    def _write(self) -> None:
        batch = 0
        while not self._ending.is_set():
            began = time.monotonic()
            try:
                self._transaction(batch, self._ready())
            except (KafkaError, AssertionError, TimeoutError) as error:
                self.troubles[f"{self.doing}: {type(error).__name__}"] += 1
                self._drop()
                time.sleep(PAUSE)
            batch += 1
            time.sleep(max(0.0, began + EVERY - time.monotonic()))

    def _transaction(self, batch: int, producer: KafkaProducer) -> None:
        manager, sender = producer._transaction_manager, producer._sender
        self.never.add(batch)
        self.doing = "records"
        producer.begin_transaction()
        sent = [producer.send(self.topic, value, partition=partition) for partition, value in records(batch)]
        until = time.monotonic() + ANSWER
        for one in sent:
            one.get(timeout=max(0.1, until - time.monotonic()))
        purpose = batch % ABORTED == ABORTED - 1
        self.doing = "an abort" if purpose else "a commit"
        if purpose:
            self.on_purpose.add(batch)
        else:
            self.open.add(batch)
            self.never.discard(batch)
        result = manager.begin_abort() if purpose else manager.begin_commit()
        sender.wakeup()
        if not result.wait(timeout_ms=ANSWER * 1000):
            raise TimeoutError
        if not purpose:
            self.committed[batch] = time.monotonic()
            self.open.discard(batch)

    def _ready(self) -> KafkaProducer:
        if self._producer is None:
            self.doing = "a producer"
            self._producer = KafkaProducer(
                bootstrap_servers=list(self.bootstrap),
                transactional_id=self.topic,
                acks="all",
                linger_ms=0,
                max_block_ms=int(ANSWER * 1000),
                request_timeout_ms=ASKED_AGAIN,
                delivery_timeout_ms=int(ANSWER * 1000),
                reconnect_backoff_max_ms=250,
                **self.client,
            )
            self.producers += 1
            ask_on_its_own_connection(self._producer._sender._client._manager)
            self._producer.init_transactions()
        return self._producer

    def _drop(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            with contextlib.suppress(Exception):  # what is under way, it says
                producer.close(timeout=0)
            producer._sender.force_close()

    # -- the reader

    def _consumer(self, isolation: str) -> tuple[KafkaConsumer, list[TopicPartition]]:
        how = {"isolation_level": isolation, "fetch_max_wait_ms": 500}
        return reader(self.bootstrap, self.topic, PARTITIONS, **self.client, **how)

    def _follow(self) -> None:
        """Read until nothing more can come; a reader that fails is replaced, and a record counts once."""
        heard = time.monotonic()
        while not self._read_all(heard):
            consumer, _ = self._consumer(self.isolation)
            try:
                while not self._read_all(heard):
                    for found in consumer.poll(timeout_ms=500).values():
                        self.followed.update({(one.partition, one.offset): one.value for one in found})
                        heard = time.monotonic()
            except KafkaError as error:
                self.troubles[f"reader: {type(error).__name__}"] += 1
                time.sleep(PAUSE)
            finally:
                with contextlib.suppress(Exception):
                    consumer.close()

    def _read_all(self, heard: float) -> bool:
        quiet = time.monotonic() - heard
        whole = self._done.is_set() and {int(one.partition(b":")[0]) for one in self.followed.values()} >= {
            *self.committed
        }
        return quiet > (3 if whole else QUIET if self._done.is_set() else 10 * QUIET)

    def _drain(self) -> dict[int, list[bytes]]:
        """{partition: values in order}. The end is that of all records: no transaction may hide what comes after it."""
        everything, partitions = self._consumer("read_uncommitted")
        with contextlib.closing(everything):
            ends = eventually(
                lambda: everything.end_offsets(partitions, timeout_ms=10_000), seconds=QUIET, what="the ends"
            )
        consumer, _ = self._consumer(self.isolation)
        found: dict[int, list[bytes]] = defaultdict(list)
        with contextlib.closing(consumer):
            quiet = time.monotonic()
            while any(consumer.position(partition) < ends[partition] for partition in partitions):
                for partition, got in consumer.poll(timeout_ms=1000).items():
                    found[partition.partition] += [one.value for one in got]
                    quiet = time.monotonic()
                where = [consumer.position(partition) for partition in partitions]
                assert time.monotonic() - quiet < QUIET, f"the drain stands still at {where} before {ends}"
        return found
