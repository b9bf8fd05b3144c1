"""What of the records is acknowledged, when brokers answer, refuse, move or die: the cluster is a stand-in."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

import pytest
from kafka.record.memory_records import MemoryRecords

from cluster import model
from cluster.endpoint import Endpoint
from cluster.records import produce, writer
from cluster.records.lines import Parser, Record
from cluster.records.writer import Refused, Round, Writer, partition_for

NOT_LEADER, TIMED_OUT, TOO_LARGE, OUT_OF_ORDER, DUPLICATE = 6, 7, 10, 45, 46


class Broker:
    """Partitions and their logs; idempotent as KIP-98 says. script: what to do with the next requests, "lose" takes a
    request and drops the connection, "refuse" refuses it, a number answers with that error code."""

    def __init__(self, partitions=2, brokers=2):
        self.leaders = {number: number % brokers for number in range(partitions)}
        self.brokers = {number: model.Broker(number, Endpoint(f"b{number}", 1)) for number in range(brokers)}
        self.logs: dict[int, list[Any]] = {number: [] for number in range(partitions)}
        self.sequences = {}
        self.script = []

    def view(self, topics=None):
        found = [model.Partition("t", one, (leader,), leader=leader) for one, leader in self.leaders.items()]
        return {"brokers": self.brokers, "topics": {"t": model.Topic("t", tuple(found))}}

    def append(self, broker, batch_of):
        action = self.script.pop(0) if self.script else None
        if action == "refuse":
            raise ConnectionRefusedError(111, "Connection refused")
        answers = []
        for part in batch_of:
            code = action if isinstance(action, int) else NOT_LEADER if self.leaders[part.index] != broker else 0
            base = -1
            if not code:
                batch = MemoryRecords(part.records).next_batch()
                base = len(self.logs[part.index])
                seen = self.sequences.setdefault(part.index, {})
                if batch.has_producer_id() and batch.base_sequence in seen:
                    base = seen[batch.base_sequence]
                elif batch.has_producer_id() and batch.base_sequence != base:  # this log has no other producer
                    code, base = OUT_OF_ORDER, -1
                else:
                    seen[batch.base_sequence] = base
                    self.logs[part.index] += [record.value for record in batch]
            answers.append(
                SimpleNamespace(
                    index=part.index, error_code=code, base_offset=base, error_message=None, record_errors=[]
                )
            )
        if action == "lose":
            raise ConnectionResetError(104, "Connection reset by peer")
        return SimpleNamespace(responses=[SimpleNamespace(partition_responses=answers)])


@pytest.fixture
def broker(monkeypatch):
    broker = Broker()

    class Connection:
        def __init__(self, endpoint, timeout=5.0):
            self.broker, self.asked = int(endpoint.host[1:]), []

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.close()

        def close(self):
            self.asked = None

        def send(self, request):
            self.asked.append(request.topic_data[0].partition_data)

        def receive(self):
            return broker.append(self.broker, self.asked.pop(0))

        def call(self, request):
            return SimpleNamespace(error_code=0, producer_id=7, producer_epoch=0)

        def metadata(self, topics):
            return broker.view()

    monkeypatch.setattr(writer.wire, "Connection", Connection)
    monkeypatch.setattr(writer, "RETRY_SECONDS", 0.001)
    return broker


def begun(broker, acks=writer.ALL, patience=5.0, stopped=lambda: False):
    cluster: Any = SimpleNamespace(bootstrap=Endpoint("b0", 1))
    made = Writer(cluster, "t", acks, 0, patience, stopped)
    made.begin(broker.view())
    return made


def records(*values, first=1):
    return [Record(first + number, None, value, []) for number, value in enumerate(values)]


def test_rounds_are_acknowledged_in_order(broker):
    made = begun(broker)
    made.send({0: records(b"a", b"b"), 1: records(b"c")})
    assert made.acknowledged == 0  # under way
    made.send({0: records(b"d")})
    assert made.acknowledged == 3  # the one before is done
    made.finish()
    assert made.acknowledged == 4 and made.offsets == {0: [0, 2], 1: [0, 0]}
    assert broker.logs == {0: [b"a", b"b", b"d"], 1: [b"c"]}


@pytest.mark.parametrize("first", ["lose", "refuse", NOT_LEADER, TIMED_OUT])
def test_what_fails_for_a_moment_is_sent_again_and_written_once(broker, first):
    broker.script = [first, first]
    made = begun(broker)
    made.send({0: records(b"a", b"b")})
    made.send({0: records(b"c")})
    made.finish()
    assert broker.logs[0] == [b"a", b"b", b"c"] and made.acknowledged == 3 and made.offsets == {0: [0, 2]}


def test_records_go_to_a_leader_that_has_moved(broker):
    made = begun(broker)
    broker.leaders[0] = 1
    made.send({0: records(b"a")})
    made.finish()
    assert broker.logs[0] == [b"a"]


def test_a_broker_that_says_it_has_it_already_has_acknowledged(broker):
    broker.script = [DUPLICATE]
    made = begun(broker)
    made.send({0: records(b"a")})
    made.finish()
    assert made.acknowledged == 1 and made.offsets == {}


def test_patience_ends_and_says_which_lines_are_not_known(broker):
    broker.script = ["lose"] * 1000
    made = begun(broker, patience=0.05)
    made.send({0: records(b"a", b"b", first=12)})
    with pytest.raises(Refused, match="broker 0: Connection reset by peer") as refused:
        made.finish()
    assert refused.value.unknown and (refused.value.batch.first, refused.value.batch.last) == (12, 13)
    assert made.acknowledged == 0


def test_a_cluster_that_nobody_reaches_any_more_is_told_with_the_lines(broker, monkeypatch):
    broker.script = ["refuse"] * 1000
    made = begun(broker, patience=0.05)
    made.send({0: records(b"a", first=7)})

    def unreached(address):
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(made, "_ask_leaders", unreached)
    with pytest.raises(Refused, match="broker 0: Connection refused") as refused:
        made.finish()
    assert refused.value.unknown and refused.value.batch.first == 7


def test_who_is_stopped_waits_no_longer(broker):
    broker.script = ["refuse"] * 1000
    made = begun(broker, patience=1000, stopped=lambda: True)
    made.send({0: records(b"a")})
    with pytest.raises(Refused):
        made.finish()


def test_a_refusal_for_good_is_not_tried_again(broker):
    broker.script = [TOO_LARGE]
    made = begun(broker)
    made.send({0: records(b"a")})
    with pytest.raises(Refused) as refused:
        made.finish()
    assert not refused.value.unknown and type(refused.value.error).__name__ in produce.TOO_LARGE
    assert broker.logs[0] == []


def test_without_idempotence_there_is_no_producer_id(broker):
    broker.script = ["lose"]
    made = begun(broker, acks=writer.LEADER)
    made.send({0: records(b"a")})
    made.finish()
    assert broker.logs[0] == [b"a", b"a"] and made.acknowledged == 1


def test_a_round_is_full_by_its_bytes_and_its_batches():
    found = Round(limit=1000)
    assert found.add(0, Record(1, None, b"x" * 5000, []))  # alone it is always taken, the broker says what it thinks
    assert not found.add(0, Record(2, None, b"", []))
    assert found.add(1, Record(3, None, b"x" * 800, []))
    assert not found.add(1, Record(4, None, b"x" * 200, []))
    many = Round(limit=1 << 30)
    added = list(itertools.takewhile(lambda n: many.add(n % 3, Record(n, None, b"x" * 1000, [])), range(10_000)))
    assert 500 <= len(added) <= writer.ROUND_BYTES // 1000


@pytest.mark.parametrize(("key", "partition"), [(b"21", 3), (b"foobar", 0), (b"abc", 4), (None, 5)])
def test_keys_go_where_the_java_clients_send_them(key, partition):
    # Kafka's UtilsTest.testMurmur2: -973932308, -790332482, 479470107; made positive as by Utils.toPositive, modulo 7.
    assert partition_for(key, 7, sticky=5) == partition


# -- the whole of produce, with a feed in place of the control machine ------------------------------------------------


class Fed:
    """A feed that brings these pieces; b"" stands for a moment in which nothing comes."""

    def __init__(self, *pieces):
        self.pieces = list(pieces)
        self.stopped = SimpleNamespace(is_set=lambda: False)

    def read(self, timeout=None):
        if timeout is None and self.pieces and not self.pieces[0]:
            self.pieces.pop(0)
        if not self.pieces:
            return None
        return self.pieces.pop(0) if self.pieces[0] or timeout is None else b""


def pumped(broker, feed, limit=10_000, parser=None, partition=None):
    made, said = begun(broker), []
    rounds = produce._Rounds(made, limit, 2, partition, True)
    produce._pump(feed, parser or Parser(b"", False, []), rounds, lambda: said.append(made.acknowledged))
    return made, said


def test_what_is_typed_is_acknowledged_before_the_next_line_is_waited_for(broker):
    _, said = pumped(broker, Fed(b"one\n", b"", b"two\nthr", b"", b"ee"), partition=0)
    assert said == [1, 2, 3] and broker.logs[0] == [b"one", b"two", b"three"]


def test_a_line_that_cannot_be_written_is_named(broker):
    with pytest.raises(
        ValueError, match=r"line 2 is too large: 2000 bytes, the topic takes 1000 \(max.message.bytes\)"
    ):
        pumped(broker, Fed(b"ok\n" + b"x" * 2000 + b"\n"), limit=1000)
    with pytest.raises(ValueError, match="line 1: partition 2 does not exist, only 0 to 1"):
        pumped(broker, Fed(b'{"value": "v", "partition": 2}\n'), parser=Parser(b"", True, []))


def test_a_typed_line_that_cannot_be_written_is_warned_of_and_the_next_one_is_written(broker):
    made, warned = begun(broker), []  # type: ignore[var-annotated]
    rounds = produce._Rounds(made, 1000, 2, 0, True)
    lines: Any = Fed(b"a:one\n", b"", b"two\nb:three\n", b"", b"c:" + b"x" * 2000 + b"\nd:four\n")
    produce._pump(lines, Parser(b":", False, []), rounds, lambda: None, warned.append)
    assert broker.logs[0] == [b"one", b"three", b"four"] and made.acknowledged == 3
    assert warned == [
        "line 2 has no key: it does not contain ':'; it was not written",
        "line 4 is too large: 2001 bytes, the topic takes 1000 (max.message.bytes); it was not written",
    ]


def test_records_without_keys_do_not_all_go_to_one_partition(broker):
    lines = b"".join(b"%05d" % number + b"x" * 1000 + b"\n" for number in range(5000))
    made, _ = pumped(broker, Fed(lines), limit=1 << 20)
    assert made.acknowledged == 5000 and all(broker.logs.values())
    assert sorted(value[:5] for log in broker.logs.values() for value in log) == [b"%05d" % n for n in range(5000)]
