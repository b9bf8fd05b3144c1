"""A walk through the verbs about records and groups, on any version: what a person types, and what must come of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from . import clients
from .hosts import ROOT, LabHost, lab_name

LINES = "customer-7:two boxes\ncustomer-9:상자 하나\ncustomer-7:\n"


class Console:
    """The verbs about one host's cluster. arguments: what every one of them is given."""

    def __init__(self, host: LabHost, *arguments: str) -> None:
        self.host, self.arguments = host, arguments

    def __call__(self, verb: str, *arguments: str, expect: int = 0, stdin: str = "") -> str:
        """`invoke VERB`, asserted to end with this exit code; standard output and error together."""
        done = self.host.invoke(verb, *arguments, *self.arguments, stdin=stdin)
        assert done.returncode == expect, f"{verb}: exit code {done.returncode}, expected {expect}:\n{done.stdout}"
        return done.stdout


def topics(host: LabHost) -> set[str]:
    """All topics' names, by the official tool."""
    return set(host.sh(f"kafka-topics.sh --bootstrap-server {host.bootstrap} --list").split())


def walk(host: LabHost, *arguments: str) -> None:
    """All of it, on a deployed host; leaves it as it was."""
    run = Console(host, *arguments)
    topic, copy, group = (f"{name}-{uuid.uuid4().hex[:8]}" for name in ("walked", "copy", "walkers"))
    for name in (topic, copy):
        clients.create_topic(host, name)
    run("groups.list")  # the first of these verbs sends the agent and says so
    try:
        _records(run, topic, copy)
        _compressed(run, host, topic)
        _mistakes(run, topic)
        _groups(run, host, topic, group)
        _one_by_one(run, host, copy)
        _topics(run, topic, copy)
        _bench(run, host)
    finally:
        for name in (topic, copy):
            clients.delete_topic(host, name)


def _records(run: Console, topic: str, copy: str) -> None:
    keyed = ("--key-separator", ":", "--headers", "source=walk,empty=", "--compression", "zstd")
    assert run("produce", "--topic", topic, *keyed, stdin=LINES) == f"3 records, {topic}-0 offsets 0-2\n"
    shown = run(
        "consume",
        "--topic",
        topic,
        "--from-beginning",
        "--count",
        "3",
        "--format",
        "{partition}:{offset} {key}={value} {headers}",
    )
    assert shown == (
        "0:0 customer-7=two boxes source=walk,empty=\n"
        "0:1 customer-9=상자 하나 source=walk,empty=\n"
        "0:2 customer-7= source=walk,empty=\n"
    )
    special = '{"key": {"base64": "/w=="}, "value": null}\n{"value": {"base64": "AAo="}, "timestamp": 1700000000000}'
    assert "2 records" in run("produce", "--topic", topic, "--json", stdin=special)

    whole = run("consume", "--topic", topic, "--json")  # in a pipe: what is there
    assert run("consume", "--topic", topic, "--key", "customer-9") == "상자 하나\n"
    assert run("consume", "--topic", topic, "--grep", "(?i)BOXES$", "--format", "{offset}") == "0\n"
    assert run("consume", "--topic", topic, "--until", "2023-11-14T22:13:20Z", "--format", "{offset}") == ""
    assert "5 records" in run("produce", "--topic", copy, "--json", stdin=whole)
    again = run("consume", "--topic", copy, "--offset", "-5", "--count", "5", "--json")
    assert [{**json.loads(line), "topic": copy} for line in whole.splitlines()] == [
        json.loads(line) for line in again.splitlines()
    ]
    assert json.loads(again.splitlines()[4])["timestamp"] == 1_700_000_000_000

    shown = run(
        "consume",
        "--topic",
        topic,
        "--offset",
        "1",
        "--partition",
        "0",
        "--count",
        "9",
        "--timeout",
        "1s",
        "--format",
        "{offset}",
        expect=2,
    )
    assert shown == "1\n2\n3\n4\n4 of 9 records came; then none for 1.0 seconds\n"


def _one_by_one(run: Console, host: LabHost, topic: str) -> None:
    """A record from the command line, and one of a transaction that was given up, whose end has an offset, too."""
    assert "1 record, " in run("produce", "--topic", topic, "--value", "two\nlines", "--key", "k")
    assert run("consume", "--topic", topic, "--offset", "-1", "--format", "{key}={value}") == "k=two\nlines\n"
    clients.give_up(host, topic, b"given up")
    last = ("consume", "--topic", topic, "--offset", "-2")
    assert run(*last) == "given up\n" and run(*last, "--isolation", "read_committed") == ""


def _topics(run: Console, topic: str, copy: str) -> None:
    """What there is as code, made again, and emptied."""
    assert f"  {topic}: {{" in run("topics.export", "--topic", topic)
    assert f"No changes: {topic} exists as asked" in run("topics.create", "--topic", topic, "--partitions", "1")
    shown = run("topics.create", "--topic", topic, "--partitions", "2", expect=1)
    assert f"`invoke topics.alter --topic {topic} --partitions 2` changes it" in shown
    empty = ("topics.empty", "--topic", copy)
    assert f"No changes: {copy} has no such records" in run(*empty, "--before", "2023-11-15")
    assert f"  - {copy}: " in run(*empty, "--check") and "nothing was removed" in run(*empty, expect=1)
    assert f"records of {copy}" in run(*empty, "--before", "now", "--yes") and run("consume", "--topic", copy) == ""


def _compressed(run: Console, host: LabHost, topic: str) -> None:
    """What the official clients pack, and what they unpack."""
    for codec in ("gzip", "snappy", "lz4", "zstd"):
        host.sh(
            f"for n in $(seq 500); do echo {codec} packs what repeats itself $n; done | kafka-console-producer.sh"
            f" --bootstrap-server {host.bootstrap} --topic {topic} --compression-codec {codec}"
        )
        lines = run("consume", "--topic", topic, "--offset", "-500", "--count", "500").splitlines()
        assert lines == [f"{codec} packs what repeats itself {number}" for number in range(1, 501)]
    for codec in ("gzip", "lz4", "zstd"):
        text = "".join(f"{codec} {number}\n" for number in range(500))
        assert "500 records" in run("produce", "--topic", topic, "--compression", codec, stdin=text)
    shown = host.sh(
        f"kafka-console-consumer.sh --bootstrap-server {host.bootstrap} --topic {topic} --partition 0 --offset 2005"
        " --max-messages 1500 --timeout-ms 20000 2>/dev/null"
    )
    assert shown.splitlines() == [f"{codec} {number}" for codec in ("gzip", "lz4", "zstd") for number in range(500)]


def _mistakes(run: Console, topic: str) -> None:
    assert f"there is no topic {topic[:-1]}; did you mean {topic}?" in run(
        "produce", "--topic", topic[:-1], stdin="lost\n", expect=1
    )
    shown = run("produce", "--topic", topic, stdin="fits\n" + "x" * 1_200_000 + "\nafter\n", expect=2)
    assert (
        "line 2 is too large: 1200000 bytes, the topic takes " in shown and "acknowledged before: 1 record, " in shown
    )
    assert "line 1 has no key" in run("produce", "--topic", topic, "--key-separator", ":", stdin="none\n", expect=2)
    assert f"{topic} has no partition 7" in run("consume", "--topic", topic, "--partition", "7", expect=1)
    assert "--acks is 0" in run("produce", "--topic", topic, "--acks", "0", expect=1)


def _groups(run: Console, host: LabHost, topic: str, group: str) -> None:
    def described() -> list[str]:
        (line,) = (one for one in run("groups.describe", "--group", group).splitlines() if one.startswith(topic))
        return line.split()[1:5]

    read = ("--topic", topic, "--group", group, "--timeout", "5s", "--format", "{offset}")
    assert run("consume", *read, "--from-beginning", "--count", "2") == "0\n1\n"
    assert run("consume", *read, "--count", "1").splitlines()[-1] == "2"
    partition, committed, end, lag = described()
    assert (partition, committed) == ("0", "3") and int(lag) == int(end) - 3 > 0
    assert group in run("groups.list") and "did you mean" in run("groups.describe", "--group", group[:-1], expect=1)
    by_the_tool = host.sh(f"kafka-consumer-groups.sh --bootstrap-server {host.bootstrap} --describe --group {group}")
    assert f" 3               {end}" in by_the_tool or by_the_tool.split()[-6:-3] == ["3", end, lag], by_the_tool

    assert group in run("groups.list", "--lagging", "--topic", f"{topic[:-1]}*")
    assert "no group reads nothing" in run("groups.list", "--topic", "nothing")

    moving = ("--group", group, "--shift", "-2")
    shown = run("groups.reset", *moving, expect=1)
    assert "2 records read again" in shown and "nothing was moved: there is no terminal to ask at" in shown
    assert described()[1] == "3"
    assert "1 partition moved" in run("groups.reset", *moving, "--yes") and described()[1] == "1"
    assert "has no offset 99999" in run(
        "groups.reset", "--group", group, "--topic", topic, "--partition", "0", "--to", "99999", "--yes", expect=1
    )
    assert f"{int(end) - 1:,} records skipped" in run("groups.reset", "--group", group, "--to", "latest", "--yes")
    assert "No changes" in run("groups.reset", "--group", group, "--to", "latest", "--yes")
    assert described()[1:] == [end, end, "0"]
    assert f"no group reads {topic} and is behind" in run("groups.list", "--lagging", "--topic", topic)
    run("groups.delete", "--group", group, "--yes")
    assert f"there is no group {group}" in run("groups.describe", "--group", group, expect=1)


def _bench(run: Console, host: LabHost) -> None:
    left = "provisioner-bench-0000000001-left"
    clients.create_topic(host, left)
    shown = run("bench.produce", "--records", "20000", "--size", "100", "--partitions", "2", "--json")
    measured = json.loads(shown[shown.index("{\n") :])  # before it, on standard error, what takes long
    assert measured["records"] == 20_000 and measured["finished"] and measured["rate"] > 0
    assert 0 <= measured["p50"] <= measured["p95"] <= measured["p99"] <= measured["p999"] <= measured["max"] + 1
    shown = run("bench.consume", "--records", "20000", "--size", "100", "--json")
    measured = json.loads(shown[shown.index("{\n") :])
    assert measured["records"] >= 20_000 and measured["finished"] and measured["rate"] > 0 and measured["mb"] > 0
    assert not any(name.startswith("provisioner-bench") for name in topics(host))
    assert "provisioner-bench" not in run("groups.list")
    shown = run("bench.produce", "--records", "100000000000", expect=2)
    assert "there is no room for the records: nothing was written" in shown and f"{host.name}: /" in shown


class Piped(subprocess.Popen[bytes]):
    """`invoke VERB` with pipes at all its ends."""

    stdin: IO[bytes]
    stdout: IO[bytes]
    stderr: IO[bytes]

    def __init__(self, inventory: Path, verb: str, *arguments: str) -> None:
        command = [sys.executable, "-m", "invoke", verb, "--hosts", str(inventory), *arguments]
        environment = {**os.environ, "LAB": lab_name(), "PYTHONUNBUFFERED": "1"}
        pipe = subprocess.PIPE
        super().__init__(command, cwd=ROOT, env=environment, bufsize=0, stdin=pipe, stdout=pipe, stderr=pipe)


@contextmanager
def running(inventory: Path, verb: str, *arguments: str) -> Iterator[Piped]:
    """`invoke VERB` at work; gone when the block ends."""
    with Piped(inventory, verb, *arguments) as process:
        try:
            yield process
        finally:
            process.kill()


def said(process: Piped, text: bytes) -> bytes:
    """Read standard error until a line has this in it; that line."""
    for line in process.stderr:
        if text in line:
            return line
    raise AssertionError(f"ended without saying {text!r}")


@contextmanager
def conversation(inventory: Path, topic: str) -> Iterator[None]:
    """Somebody types a record every 50 ms while the block runs, somebody else reads along; at its end every record must
    have been acknowledged, and read once. The topic is there already."""
    ended = threading.Event()
    typed: list[bytes] = []

    def write(sink: IO[bytes]) -> None:
        while not ended.wait(0.05):
            typed.append(b"%d\n" % len(typed))
            sink.write(typed[-1])
        sink.close()

    with (
        running(inventory, "consume", "--topic", topic, "--follow") as reader,
        running(inventory, "produce", "--topic", topic, "--timeout", "60s") as typist,
    ):
        said(reader, b"what is written from now on")
        thread = threading.Thread(target=write, args=(typist.stdin,))
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
        assert f"{len(typed)} records, {topic}-".encode() in said(typist, b" records, ") and typist.wait(60) == 0
        assert len(typed) > 20 and sorted(reader.stdout.readline() for _ in typed) == sorted(typed)
