"""Writes a stream of lines as records of a topic, all acknowledged; typed lines are sent at once.

Only lines under way are held in memory: input is cut into lines, collected in rounds, sent, and dropped when
acknowledged. Lines that arrive together are sent together, so a file moves in large batches and a typed line alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Optional

from cluster import names
from cluster.cluster import Cluster, answering
from cluster.protocol import codecs
from cluster.records.lines import Lines, Parser, Record, summary
from cluster.records.writer import BATCH_HEADER, Refused, Round, Writer, partition_for
from cluster.settings import configs
from provisioner.agent.failure import Failure

if TYPE_CHECKING:
    from provisioner.agent.feed import Feed
    from provisioner.agent.waiting import Emit

LIMIT = "max.message.bytes"
TOO_LARGE = ("MessageSizeTooLargeError", "RecordListTooLargeError", "InvalidMessageSizeError")


def run(args: dict[str, Any], emit: Emit, feed: Feed) -> dict[str, Any]:
    """Write the lines of the feed to a topic, until it ends or is stopped.

    args: bootstrap, topic; acks (-1 all, 1 leader); compression (a name of `codecs.NUMBERS`); separator, text between
    key and value, "" for none; json (bool), lines are objects; headers [[name, text]]; partition, or None;
    patience, seconds that a batch may wait for its acknowledgement; typed (bool): a line that cannot be a record is
    left out with a {"warning": text}, instead of ending it all.
    Emits {"ready": partitions} when the first line may come, and {"acknowledged": n} as they are.
    Returns records, offsets {partition as text: [first, last]}, stopped. Raises Failure, which says how many records
    were acknowledged before.
    """
    codecs.install()
    if not codecs.available(args["compression"]):
        raise Failure(
            f"this host cannot compress with {args['compression']}: it has no {codecs.LIBRARIES[args['compression']]}",
            advice="gzip is always there",
        )
    cluster, topic = Cluster(args["bootstrap"]), args["topic"]
    view = names.topic_view(cluster, topic)
    names.partitions(view, topic, args["partition"])
    writer = Writer(
        cluster, topic, args["acks"], codecs.NUMBERS[args["compression"]], float(args["patience"]), feed.stopped.is_set
    )
    with writer, answering(f"write to the topic {topic}"):
        partitions = writer.begin(view)
        emit({"ready": partitions})
        parser = Parser(args["separator"].encode(), args["json"], [(n, text.encode()) for n, text in args["headers"]])
        rounds = _Rounds(writer, _limit(cluster, topic), partitions, args["partition"], args["compression"] == "none")
        try:
            try:
                warn = (lambda text: emit({"warning": text})) if args["typed"] else None
                _pump(feed, parser, rounds, lambda: emit({"acknowledged": writer.acknowledged}), warn)
            except ValueError as error:
                rounds.settle()  # the lines before the one that cannot be written are sent
                raise Failure(f"{error}; this line and those after it were not written", _written(writer)) from None
        except Refused as refused:
            raise _failure(topic, refused, writer, feed.stopped.is_set()) from None
    offsets = {str(partition): found for partition, found in sorted(writer.offsets.items())}
    return {"records": writer.acknowledged, "offsets": offsets, "stopped": feed.stopped.is_set()}


def _pump(
    feed: Feed,
    parser: Parser,
    rounds: _Rounds,
    tell: Callable[[], None],
    warn: Optional[Callable[[str], None]] = None,
) -> None:
    """Write the lines of the feed. warn: is told of a line that cannot be a record, which is left out; None: it raises
    ValueError."""
    lines = Lines()
    data: Optional[bytes] = b""
    while data is not None:
        data = feed.read(timeout=0)
        if data == b"":  # nothing waits: it may be a while
            rounds.settle()
            tell()
            data = feed.read()
        if data is None and feed.stopped.is_set():
            break  # an incomplete line is not written
        for line in lines.rest() if data is None else lines.add(data):
            try:
                rounds.add(parser.record(line))
            except ValueError as error:
                if warn is None:
                    raise
                warn(f"{error}; it was not written")
    rounds.settle()
    tell()


class _Rounds:
    """Records into rounds, each sent when it is full."""

    def __init__(self, writer: Writer, limit: int, partitions: int, partition: Optional[int], bare: bool) -> None:
        """limit: bytes of a batch; partition: for all records that name none; bare: they are not compressed."""
        self._writer, self._limit, self._partitions = writer, limit, partitions
        self._fixed, self._bare = partition, bare
        self._next()

    def _next(self) -> None:
        self._round, self._sticky = Round(self._limit), self._writer.sticky()

    def add(self, record: Record) -> None:
        """Take a record. Raises ValueError for one that no broker would accept."""
        if self._bare and record.size - 40 + BATCH_HEADER > self._limit:
            raise ValueError(
                f"line {record.line} is too large: {record.size - 40} bytes, the topic takes {self._limit} ({LIMIT})"
            )
        partition = record.partition if self._fixed is None else self._fixed
        if partition is None:
            partition = partition_for(record.key, self._partitions, self._sticky)
        if partition >= self._partitions:
            raise ValueError(
                f"line {record.line}: partition {partition} does not exist, only 0 to {self._partitions - 1}"
            )
        if not self._round.add(partition, record):
            self.send()
            self._round.add(partition, record)

    def send(self) -> None:
        """Send the collected records."""
        if self._round.records:
            records = self._round.records
            self._next()
            self._writer.send(records)

    def settle(self) -> None:
        """Send the collected records, and wait until all are acknowledged."""
        self.send()
        self._writer.finish()


def _limit(cluster: Cluster, topic: str) -> int:
    with cluster.any() as connection:
        found = configs.describe(connection, configs.TOPIC, [topic], [LIMIT])
    return int(found[topic][LIMIT].value or 0)


def _failure(topic: str, refused: Refused, writer: Writer, stopped: bool) -> Failure:
    batch = refused.batch
    lines = f"line {batch.first}" if batch.first == batch.last else f"lines {batch.first} to {batch.last}"
    details = _written(writer)
    if refused.unknown:
        details.append(f"{lines}: not acknowledged, may be written or not")
    if stopped:
        return Failure(f"stopped while {topic}-{batch.partition} did not answer: {refused.reason}", details)
    name = type(refused.error).__name__ if refused.error else ""
    advice = "see `invoke status`, then write the rest"
    if name in TOO_LARGE:
        advice = f"send smaller records, or raise {LIMIT} of the topic"
    elif "NotEnoughReplicas" in name:
        advice = "too few replicas are in sync for min.insync.replicas: `invoke status` names the brokers that are down"
    elif not refused.unknown:
        advice = "fix that line, then write the rest"
    return Failure(f"cannot write {lines} to {topic}-{batch.partition}: {refused.reason}", details, advice)


def _written(writer: Writer) -> list[str]:
    return [f"acknowledged before: {summary(writer.acknowledged, writer.topic, writer.offsets)}"]
