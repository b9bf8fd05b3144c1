"""Records and groups from the command line, on real hosts: streams both ways, and what happens when they are cut."""

from __future__ import annotations

import signal
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import clients, console
from .console import running, said
from .hosts import LabHost
from .serving import eventually


@pytest.fixture
def topic(single: LabHost) -> Iterator[str]:
    name = f"streamed-{uuid.uuid4().hex[:8]}"
    clients.create_topic(single, name)
    yield name
    clients.delete_topic(single, name)


def test_every_verb_about_records_and_groups_is_walked(single: LabHost):
    console.walk(single)


def test_a_typed_line_is_there_at_once_and_an_interrupt_says_what_was_acknowledged(single: LabHost, topic: str):
    with (
        running(single.inventory, "consume", "--topic", topic, "--follow") as reader,
        running(single.inventory, "produce", "--topic", topic) as typist,
    ):
        said(reader, b"what is written from now on")
        for word in (b"one\n", b"two\n"):
            typist.stdin.write(word)
            assert reader.stdout.readline() == word
        typist.stdin.write(b"no whole line")
        typist.send_signal(signal.SIGINT)
        assert typist.wait(20) == 130
        assert f"interrupted: 2 records, {topic}-0 offsets 0-1".encode() in typist.stderr.read()
        reader.send_signal(signal.SIGINT)
        assert reader.wait(20) == 130 and reader.stdout.read() == b"" == reader.stderr.read()


def test_a_large_file_goes_through_in_little_memory_and_comes_back_in_order(single: LabHost, topic: str, tmp_path):
    file = tmp_path / "lines"
    file.write_bytes(b"".join(b"%07d %s\n" % (number, b"x" * 190) for number in range(200_000)))
    with running(single.inventory, "produce", "--topic", topic) as process:
        with file.open("rb") as lines:
            while piece := lines.read(1 << 20):
                process.stdin.write(piece)
        status = Path(f"/proc/{process.pid}/status").read_text()
        peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
        process.stdin.close()
        summary = said(process, b"200000 records")
    assert peak < 100_000, "KiB: the file is 40 MB, and the program alone takes about 60"
    assert summary == f"200000 records, {topic}-0 offsets 0-199999\n".encode()
    with running(single.inventory, "consume", "--topic", topic, "--from-beginning", "--count", "200000") as reader:
        assert reader.stdout.read() == file.read_bytes() and reader.wait(20) == 0


def test_a_reader_that_goes_away_ends_it_quietly_and_its_group_reads_the_rest_again(single: LabHost, topic: str):
    lines = "".join(f"{number}\n" for number in range(50_000))
    assert single.invoke("produce", "--topic", topic, stdin=lines).returncode == 0
    group = f"heads-{uuid.uuid4().hex[:8]}"
    with running(single.inventory, "consume", "--topic", topic, "--from-beginning", "--group", group) as reader:
        assert reader.stdout.readline() == b"0\n"
        reader.stdout.close()
        assert reader.wait(30) == 1 and reader.stderr.read() == b""
    shown = single.invoke("groups.describe", "--group", group, "--json").stdout
    assert '"committed": 50000' not in shown, "what nobody has read is not committed"
    single.invoke("groups.delete", "--group", group, "--yes")


def test_a_reader_that_has_enough_ends_it_while_nothing_more_is_written(single: LabHost, topic: str):
    assert single.invoke("produce", "--topic", topic, "--value", "one").returncode == 0
    with running(single.inventory, "consume", "--topic", topic, "--from-beginning", "--follow") as reader:
        assert reader.stdout.readline() == b"one\n"
        reader.stdout.close()
        assert reader.wait(30) == 1 and reader.stderr.read() == b""


def test_a_broker_that_restarts_in_the_middle_costs_nothing(single: LabHost, topic: str):
    with (
        running(single.inventory, "consume", "--topic", topic, "--follow") as reader,
        running(single.inventory, "produce", "--topic", topic) as typist,
    ):
        said(reader, b"what is written from now on")
        typist.stdin.write(b"before\n")
        assert reader.stdout.readline() == b"before\n"
        single.sh("systemctl stop kafka")
        typist.stdin.write(b"meanwhile\n")
        single.sh("systemctl start kafka")
        typist.stdin.write(b"after\n")
        typist.stdin.close()
        assert reader.stdout.readline() + reader.stdout.readline() == b"meanwhile\nafter\n"
        assert f"3 records, {topic}-0 offsets 0-2".encode() in said(typist, b"3 records") and typist.wait(20) == 0


def test_a_broker_that_stays_away_is_told_with_what_was_acknowledged(single: LabHost, topic: str):
    with running(single.inventory, "produce", "--topic", topic, "--timeout", "2s") as typist:
        typist.stdin.write(b"before\n")
        eventually(lambda: clients.read_all(single, topic) == [b"before"], seconds=30, what="the first record")
        single.sh("systemctl stop kafka")
        try:
            typist.stdin.write(b"lost\n")
            assert typist.wait(60) == 2
        finally:
            single.sh("systemctl start kafka")
            clients.wait_until_it_answers(single)
            # It answers before it has heard of its topics.
            eventually(lambda: b"before" in clients.read_all(single, topic), seconds=60, what="the first record")
        shown = typist.stderr.read().decode()
    assert f"cannot write line 2 to {topic}-0: " in shown
    assert f"acknowledged before: 1 record, {topic}-0 offset 0" in shown
    assert "line 2: not acknowledged, may be written or not" in shown


def test_a_group_with_members_is_neither_moved_nor_deleted(single: LabHost, topic: str):
    group = f"busy-{uuid.uuid4().hex[:8]}"
    with running(single.inventory, "consume", "--topic", topic, "--group", group, "--follow") as reader:
        said(reader, b"what is written from now on")
        for verb in (("groups.reset", "--to", "earliest"), ("groups.delete",)):
            done = single.invoke(verb[0], "--group", group, *verb[1:], "--yes")
            assert done.returncode == 2 and f"group {group} is active (Stable)" in done.stdout, done.stdout
            assert "member provisioner at " in done.stdout
        assert single.invoke("produce", "--topic", topic, stdin="read\n").returncode == 0
        assert reader.stdout.readline() == b"read\n"
        reader.send_signal(signal.SIGINT)
        assert reader.wait(20) == 130
    shown = single.invoke("groups.describe", "--group", group).stdout
    assert shown.startswith(f"{group}: Empty, 0 members") and shown.splitlines()[-1].split()[1:5] == [
        "0",
        "1",
        "1",
        "0",
    ]
    single.invoke("groups.delete", "--group", group, "--yes")


def test_an_interrupted_bench_leaves_no_topic(single: LabHost):
    def there() -> bool:
        return any(name.startswith("provisioner-bench") for name in console.topics(single))

    with running(single.inventory, "bench.produce", "--records", "5000000", "--throughput", "1000") as process:
        eventually(there, seconds=60, what="the topic of the bench")
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert b"interrupted: the topic provisioner-bench-" in process.stderr.read()
    assert not there()
