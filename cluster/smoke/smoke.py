"""The smoke check, through every listener: records that are written can be read, complete, once and in order.

Runs on a broker host, or, with the same arguments, on any machine that reaches the listeners. One temporary topic with
a partition led by each broker. A leg is one listener of one broker: its producer writes to the partition that broker
leads, its consumer group reads everything from the start. A listener that is reached on some brokers only is read on
those, without a group. Topic and groups are deleted in any case.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, Optional

from kafka import TopicPartition

from cluster.protocol import client, wire
from cluster.records.tools import passing
from cluster.smoke.check import Check, report
from cluster.smoke.closed import let_in
from cluster.smoke.leg import Leg, LegFailure, from_dict, showing
from cluster.smoke.reach import reach
from cluster.smoke.topic import Admin

if TYPE_CHECKING:
    from provisioner.agent.waiting import Emit

RECORDS = 100  # per leg
# Up to this a real join is worth its time; Kafka's default of 3000 ms would be most of the whole check.
JOIN_DELAY_WORTH_IT = 250  # milliseconds
THREADS = 8


def run(args: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """The whole check over the given legs, from here.

    args: legs (dicts of Leg); cluster_id: which cluster must answer, optional; records per leg (100); timeout in
    seconds for each step (20); join: "auto" joins the consumer group when the broker does not hold joins back (else
    partitions are assigned and offsets committed in the group without joining), "always" waits for it; strangers: keys
    with a certificate (PEM) that no secured listener may take; client: one that listeners for clients with certificates
    take, "" where there is none.
    Returns what `check.report` does. The first event, {cluster_id, legs}, says which legs are "unreachable" from here,
    so that the caller can try them elsewhere. Does not raise for a failing leg; whoever calls decides what a failure
    means.
    """
    with passing(args.get("client", ""), ".pem") as path:  # Python takes certificates from files only
        return _run(args, showing([from_dict(leg) for leg in args["legs"]], path), emit)


def _run(args: dict[str, Any], legs: Sequence[Leg], emit: Emit) -> dict[str, Any]:
    started = time.monotonic()
    timeout = float(args.get("timeout", 20))
    reached, reasons, view = reach(legs, args.get("cluster_id"))
    _quiet(emit)(
        {
            "cluster_id": view.get("cluster_id"),
            "legs": [{**leg.shown(), "status": "unreachable" if leg in reasons else "reached"} for leg in legs],
        }
    )
    check: Optional[_Check] = None
    if reached:
        check = _Check(reached, sorted(view["brokers"]), int(args.get("records", RECORDS)), timeout, _quiet(emit))
        with _interruptible(), Admin(reached, timeout) as admin:
            check.run(admin, args.get("join", "auto"))
            check.failures += let_in(reached, args["strangers"], timeout) if args.get("strangers") else []
    return report(legs, reasons, view, check, started)


class _Check(Check):
    """The check with the native client. timeout: seconds for each step."""

    join = False

    def __init__(self, legs: Sequence[Leg], brokers: Sequence[int], count: int, timeout: float, emit: Emit) -> None:
        super().__init__(legs, brokers, count, emit)
        self.timeout = timeout
        self.maybe: set[bytes] = set()

    def run(self, admin: Admin, join: str) -> None:
        """Create, produce, consume, compare, delete; deletes whatever happened before."""
        try:
            self._guarded("create", partial(self._create, admin))
            if self.failures:
                return
            self.emit({"text": f"topic {self.topic}, a partition led by each of {wire.ids(self.leaders)}"})
            with ThreadPoolExecutor(max_workers=THREADS) as pool:
                list(pool.map(self._produce_to, self.leaders))
                self.tried(self.legs[0], "consume", lambda: self._choose_groups(admin, join))
                # Readers do not affect each other, and if brokers hold back joins, all legs wait at the same time.
                list(pool.map(lambda leg: self.tried(leg, "consume", partial(self._read_back, leg)), self.legs))
        finally:
            self._guarded("delete", lambda: admin.delete_groups(self.groups.values()))
            self._guarded("delete", lambda: admin.delete(self.topic))

    def _guarded(self, step: str, action: Callable[[], Any]) -> None:
        # Administration is done for all legs; the first one stands for it, as its listener carries it.
        self.tried(self.legs[0], step, action)

    def _create(self, admin: Admin) -> None:
        self.swept = admin.sweep()
        admin.create(self.topic, self.placement)

    def _produce_to(self, broker: int) -> None:
        # One listener after the other: the order in the partition, which is compared later, must be known.
        for leg in [leg for leg in self.legs if leg.broker == broker]:
            self.tried(leg, "produce", partial(self._produce, leg))

    def _produce(self, leg: Leg) -> None:
        partition, values = self.payloads(leg)
        self.maybe.update(values)
        # No retries and no idempotence: a broker that needs a second try, or takes a record twice, must show.
        producer = client.producer(
            leg.endpoint,
            acks="all",
            enable_idempotence=False,
            retries=0,
            max_block_ms=int(self.timeout * 1000),
            request_timeout_ms=int(self.timeout * 500),
        )
        try:
            sent = [(value, producer.send(self.topic, value=value, partition=partition)) for value in values]
            for value, future in sent:
                future.get(timeout=self.timeout)
                self.maybe.discard(value)
                self.expected[partition].append(value)
        finally:
            producer.close(timeout=1)
        self.emit({"text": f"{leg}: {len(values)} records written"})

    def _choose_groups(self, admin: Admin, join: str) -> None:
        self.join = join == "always" or admin.join_delay() <= JOIN_DELAY_WORTH_IT
        for leg in filter(self._whole, self.legs):
            self.groups[leg] = admin.group_at(leg.broker, self.group(leg))

    def _whole(self, leg: Leg) -> bool:
        """Whether the leg's listener is reached on every broker of the check."""
        return {other.broker for other in self.legs if other.listener == leg.listener} == set(self.leaders)

    def _read_back(self, leg: Leg) -> None:
        # A listener that is reached on some brokers only is read on those, and without a group: its coordinator may be
        # one of the others at any time, as when leaders move back to their preferred brokers after a roll.
        here = {other.broker for other in self.legs if other.listener == leg.listener}
        partitions = [index for index, broker in enumerate(self.leaders) if broker in here]
        actual = self._consume(leg, self.groups.get(leg), partitions, join=self.join)
        self.compare(leg, actual, self.maybe)
        self.passed[leg] = sum(len(values) for values in actual.values())
        self.emit({"text": f"{leg}: {self.passed[leg]} records read back, the same, in order"})

    def _consume(
        self, leg: Leg, group: Optional[str], partitions: Sequence[int], *, join: bool
    ) -> dict[int, list[bytes]]:
        """All records of the partitions, read from the start; with a group, its offsets are committed and read
        back."""
        consumer = client.consumer(
            leg.endpoint,
            group_id=group,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=100,
            retry_backoff_ms=20,
            session_timeout_ms=10_000,
            request_timeout_ms=int(self.timeout * 500),
        )
        wanted = [TopicPartition(self.topic, partition) for partition in partitions]
        found: dict[int, list[bytes]] = {partition: [] for partition in partitions}
        try:
            if group and join:
                consumer.subscribe([self.topic])
            else:
                consumer.assign(wanted)
            deadline = time.monotonic() + self.timeout

            def left() -> int:  # milliseconds; without them, the client waits forever for an unreachable coordinator
                return max(1, int(1000 * (deadline - time.monotonic())))

            ends = consumer.end_offsets(wanted, timeout_ms=left())
            while True:
                for at, batch in consumer.poll(timeout_ms=100).items():
                    found[at.partition] += [record.value for record in batch]
                if set(wanted) <= consumer.assignment() and all(
                    (consumer.position(at, timeout_ms=left()) or 0) >= ends[at] for at in wanted
                ):
                    break
                if time.monotonic() > deadline:
                    if not consumer.assignment():
                        raise LegFailure(leg, "consume", f"group {group} got no partitions in {self.timeout:.0f} s")
                    return found  # what is missing shows in the comparison
            if group:
                consumer.commit(timeout_ms=left())
            for at in wanted if group else ():
                stored = consumer.committed(at, timeout_ms=left())
                if stored != ends[at]:
                    raise LegFailure(leg, "consume", f"group {group}: committed {ends[at]}, stored {stored}")
        finally:
            consumer.close(autocommit=False)
        return found


def _quiet(emit: Emit) -> Emit:
    """An emit for all threads that never fails: when the other side hung up, cleaning up matters more than telling."""

    lock = threading.Lock()

    def safe(event: dict[str, Any]) -> None:
        with lock, contextlib.suppress(OSError, ValueError):
            emit(event)

    return safe


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Make a termination an exception, as Ctrl-C is: the topic is deleted before the process ends."""

    def stop(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield  # signals go to the main thread; there is nothing to set here
        return
    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
