"""What the console tools print, understood; and the whole check against commands that answer like them."""

from __future__ import annotations

import itertools
import stat
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.partitioner.default import murmur2

from cluster.smoke import smoke_cli
from cluster.smoke.leg import Leg, LegFailure

LEG = Leg(1, "PLAINTEXT", "127.0.0.1", 9092)

DESCRIBE_39 = """
GROUP   TOPIC  PARTITION  CURRENT-OFFSET  LOG-END-OFFSET  LAG  CONSUMER-ID  HOST  CLIENT-ID
g       smoke  0          40              40              0    -            -     -
g       smoke  1          40              42              2    -            -     -
g       other  0          1               9               8    -            -     -
"""


def test_the_lag_of_our_topic_is_summed():
    assert smoke_cli.lag(DESCRIBE_39, "smoke") == 2


@pytest.mark.parametrize("text", ["", "Error: Consumer group 'g' does not exist.", DESCRIBE_39.replace(" 2 ", " - ")])
def test_no_committed_offsets_are_no_lag_of_zero(text):
    assert smoke_cli.lag(text, "smoke") is None


@given(st.integers(1, 40))
def test_each_partition_has_a_key_that_kafka_maps_to_it(partitions):
    keys = smoke_cli.keys_for(partitions)
    assert [(murmur2(key.encode()) & 0x7FFFFFFF) % partitions for key in keys] == list(range(partitions))


def test_lines_are_sorted_into_partitions_in_order():
    found = smoke_cli.by_partition("k1\ta\nk2\tb\nk1\tc\n", ["k1", "k2"])
    assert found == {0: [b"a", b"c"], 1: [b"b"]}


def test_a_line_of_a_stranger_is_not_dropped():
    assert smoke_cli.by_partition("null\thello\n", ["k1"]) == {0: [b"hello"]}


def script(path, text):
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_a_tool_runs_on_its_own_java(tmp_path, monkeypatch):
    monkeypatch.setenv("JAVA_HOME", "/nonexistent")
    script(tmp_path / "kafka-topics.sh", 'echo "${JAVA_HOME-its own} $KEPT"')
    monkeypatch.setenv("KEPT", "kept")
    assert smoke_cli.Tools(str(tmp_path), 5)(LEG, "create", "kafka-topics.sh") == "its own kept\n"


def test_a_tool_that_fails_is_told_with_its_error_line(tmp_path):
    script(tmp_path / "kafka-topics.sh", "echo WARN careful\necho 'java.lang.IllegalStateException: no' >&2\nexit 3\n")
    tools = smoke_cli.Tools(str(tmp_path), 5)
    with pytest.raises(LegFailure) as caught:
        tools(LEG, "create", "kafka-topics.sh", "--list")
    assert caught.value.error == "kafka-topics.sh ended with exit code 3: java.lang.IllegalStateException: no"


def test_a_missing_tool_and_one_that_hangs_are_told(tmp_path):
    script(tmp_path / "kafka-topics.sh", "exec sleep 5\n")
    with pytest.raises(LegFailure, match="still running after 0 s"):
        smoke_cli.Tools(str(tmp_path), 0.1)(LEG, "create", "kafka-topics.sh")
    with pytest.raises(LegFailure, match=r"cannot run .*No such file"):
        smoke_cli.Tools(str(tmp_path / "nowhere"), 1)(LEG, "create", "kafka-topics.sh")


class FakeKafka:
    """The four tools over a list of lines; `spoil` changes what the consumer gets to see."""

    timeout = 5.0

    def __init__(self, spoil=lambda lines: lines):
        self.topics, self.lines, self.groups, self.spoil = [], [], [], spoil

    def __call__(self, leg, step, name, *options, given=""):
        value = dict(itertools.pairwise(options))
        if name == "kafka-topics.sh":
            if "--create" in options:
                self.topics.append(value["--topic"])
            if "--delete" in options:
                self.topics.remove(value["--topic"])
            return "\n".join(self.topics)
        if name == "kafka-console-producer.sh":
            self.lines += given.splitlines()
            return ""
        group = value["--group"]
        if name == "kafka-console-consumer.sh":
            self.groups.append(group)
            return "\n".join(self.spoil(self.lines)[: int(value["--max-messages"])])
        if "--delete" in options:
            self.groups.remove(group)
            return ""
        surplus = max(len(self.spoil(self.lines)) - len(self.lines), 0)
        return f"GROUP TOPIC PARTITION CURRENT-OFFSET LOG-END-OFFSET LAG\n{group} {self.topics[0]} 0 1 1 {surplus}"


def check(spoil=lambda lines: lines):
    kafka: Any = FakeKafka(spoil)
    found = smoke_cli._Check(kafka, [LEG], [1], 5, lambda event: None)
    found.run()
    return found, kafka


def test_the_whole_check_passes_and_leaves_nothing():
    found, kafka = check()
    assert found.failures == []
    assert found.passed == {LEG: 5}
    assert (kafka.topics, kafka.groups) == ([], [])


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda lines: lines[:-1], "1 lost"),
        (lambda lines: lines[::-1], "out of order"),
        (lambda lines: [*lines, lines[0]], "has a lag of 1"),
    ],
)
def test_what_the_tools_do_not_notice_the_check_does_and_still_cleans_up(spoil, words):
    found, kafka = check(spoil)
    assert [failure.step for failure in found.failures] == ["compare"]
    assert words in found.failures[0].error
    assert found.passed == {}
    assert (kafka.topics, kafka.groups) == ([], [])
