"""Logs: which lines of which files, journals and hosts come, in what order, and how they are shown."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from cli.common import Run
from cli.log_output import PATIENCE, Merged, local, together
from cli.logs import logs, window
from provisioner.agent import journal, loglines
from provisioner.agent.loglines import Wanted, backwards, head, records
from provisioner.errors import UsageError
from roles import site

ALL = Wanted()
GIVEN = {"since": "", "lines": "", "level": "", "grep": "", "probes": False}


def entry(text: str, who: str = "java", second: int = 1, priority: int = 6) -> bytes:
    found = {"MESSAGE": text, "SYSLOG_IDENTIFIER": who, "PRIORITY": str(priority)}
    return json.dumps({**found, "__REALTIME_TIMESTAMP": str(second * 10**6)}).encode()


def texts(entries: Sequence[Sequence[Any]]) -> list[str]:
    return [text for _, _, text in entries]


# -- on the host


def test_the_journal_gives_what_the_log_file_has_not():
    lines = [
        entry("Started kafka.service", "systemd"),
        entry("WARN slow (kafka.X)"),
        entry("\tat kafka.X"),
        entry("java.io.IOException: no"),
        entry("Error occurred during initialization of VM"),
        entry("ERROR bad (kafka.X)"),
    ]
    found = [text.split("] ", 1)[1] for text in texts(journal.of_journal("kafka", lines, True, ALL))]
    assert found == ["systemd: Started kafka.service", "java: Error occurred during initialization of VM"]
    assert len(journal.of_journal("kafka", lines, False, ALL)) == len(lines)


@pytest.mark.parametrize(
    ("level", "kept"),
    [
        ("INFO", ["Started", "exited", "Failed", "warning", "Error", "Exception"]),
        ("WARN", ["Failed", "warning", "Error", "Exception"]),
        ("ERROR", ["Error", "Exception"]),
    ],
)
def test_the_level_of_what_only_the_journal_has(level: str, kept: list[str]):
    lines = [
        entry("Started kafka.service", "systemd"),
        entry("kafka.service: Main process exited, code=exited", "systemd", priority=5),
        entry("kafka.service: Failed with result 'exit-code'", "systemd", priority=4),
        entry("OpenJDK 64-Bit Server VM warning: no"),
        entry("Error: Could not find or load main class"),
        entry('Exception in thread "main" java.lang.OutOfMemoryError: Java heap space'),
    ]
    found = texts(journal.of_journal("kafka", lines, True, Wanted(level)))
    assert len(found) == len(kept) and all(word in text for word, text in zip(kept, found, strict=True))


def test_a_stack_trace_is_part_of_its_line():
    lines = ["\tat x", "[2025-01-31 12:00:00,500] ERROR x", "\tat y", "2025-01-31 12:00:01,000 [m] INFO  z", ""]
    before = loglines.Record(7.0, "WARN", [])
    found = list(records(lines, before))
    first = time.mktime((2025, 1, 31, 12, 0, 0, 0, 0, -1)) + 0.5
    assert [(one.time, one.level, one.lines) for one in found] == [
        (7.0, "WARN", lines[:1]),
        (first, "ERROR", lines[1:3]),
        (first + 0.5, "INFO", lines[3:]),
    ]


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("[2025-01-31 12:00:00,500] WARN [ReplicaFetcher replicaId=1] slow (kafka.X)", "WARN"),
        ("2025-01-31 12:00:00,500 [QuorumPeer[myid=1](plain=[0:0:0:0:0:0:0:0]:2181)] ERROR o.a.z.s.X - no", "ERROR"),
        ("2025-01-31 12:00:00,500 [main] INFO  o.a.z.s.X - an ERROR that is none", "INFO"),
        ("[2025-01-31 12:00:00,500] INFORMAL", ""),
    ],
)
def test_levels_of_kafka_and_zookeeper(line: str, level: str):
    found = head(line)
    assert found is not None and found.level == level


def test_the_newest_lines_come_from_rotated_files_when_the_new_one_is_short(tmp_path: Path):
    log = tmp_path / "server.log"
    log.write_text("[2025-01-31 12:00:03,000] c\n")
    (tmp_path / "server.log.1").write_text("[2025-01-31 12:00:01,000] a\n[2025-01-31 12:00:02,000] b\n")
    assert texts(journal.newest("kafka", str(log), 2, 0.0, ALL)) == [
        "[2025-01-31 12:00:02,000] b",
        "[2025-01-31 12:00:03,000] c",
    ]
    oldest = time.mktime((2025, 1, 31, 12, 0, 2, 0, 0, -1))
    assert [text[-1] for text in texts(journal.newest("kafka", str(log), 9, oldest, ALL))] == ["b", "c"]


def test_a_file_is_read_from_its_end_and_no_further_than_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(loglines, "BLOCK", 64)
    big = tmp_path / "big.log"
    lines = [f"[2025-01-31 12:00:00,{number:03d}] INFO line {number}{' long' * (number % 40)}" for number in range(900)]
    lines[500:500] = ["", "\tat x", "Caused by: ü" + "y" * 300]
    big.write_text("\n".join(lines) + "\n")
    found = [line for record in backwards(str(big)) for line in reversed(record.lines)]
    assert found[::-1] == lines
    big.write_text("\n".join(lines))  # the last line is being written
    assert [line for record in backwards(str(big)) for line in reversed(record.lines)][::-1] == lines
    monkeypatch.setattr(loglines, "SCANNED", 1024)
    assert 0 < sum(len(record.lines) for record in backwards(str(big))) < 20
    big.write_text("")
    assert list(backwards(str(big))) == []


def test_lines_without_any_time_are_read_in_pieces(tmp_path: Path):
    big = tmp_path / "big.log"
    big.write_text("".join(f"line {number}\n" for number in range(100_000)))
    found = texts(journal.newest("kafka", str(big), 2, 0.0, ALL))
    assert found[-2:] == ["line 99998", "line 99999"] and len(found) == loglines.RECORD_LINES


LOG = """\
[2025-01-31 12:00:00,000] INFO Started (kafka.X)
[2025-01-31 12:00:01,000] ERROR no disk (kafka.X)
java.io.IOException: Stale file handle
\tat kafka.Y
[2025-01-31 12:00:02,000] WARN [Partition provisioner-smoke-1769846400-ab-0] slow (kafka.X)
[2025-01-31 12:00:03,000] ERROR provisioner-smoke-1769846400-ab cannot be written (kafka.X)
[2025-01-31 12:00:04,000] DEBUG Created orders (kafka.X)
"""


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Wanted(), [0, 1, 2, 3, 4, 5, 6]),
        (Wanted(level="INFO"), [0, 1, 2, 3, 4, 5]),
        (Wanted(level="ERROR"), [1, 2, 3, 5]),
        (Wanted(grep="disk|orders"), [1, 2, 3, 6]),
        (Wanted(grep="(?i)STARTED"), [0]),
        (Wanted(level="WARN", grep="slow"), [4]),
        (Wanted(hide={"kafka": "provisioner-smoke-"}), [0, 1, 2, 3, 5, 6]),
        (Wanted(hide={"zookeeper": "provisioner-smoke-"}), [0, 1, 2, 3, 4, 5, 6]),
    ],
)
def test_records_are_chosen_whole_in_a_file_and_while_it_grows(tmp_path: Path, wanted: Wanted, expected: list[int]):
    log = tmp_path / "server.log"
    log.write_text("")
    tail = journal.Tail("kafka", str(log), wanted)
    lines = LOG.splitlines()
    followed: list[str] = []
    with log.open("a") as file:
        for line in lines:
            file.write(f"{line}\n")
            file.flush()
            followed += texts(tail.more())
    assert followed == [lines[number] for number in expected]
    assert texts(journal.newest("kafka", str(log), 99, 0.0, wanted)) == followed


def test_a_word_in_a_stack_trace_brings_the_whole_record(tmp_path: Path):
    log = tmp_path / "server.log"
    log.write_text(LOG)
    assert texts(journal.newest("kafka", str(log), 99, 0.0, Wanted(grep="Stale"))) == LOG.splitlines()[1:4]


def test_the_last_lines_are_the_last_ones_that_are_wanted(tmp_path: Path):
    log = tmp_path / "server.log"
    noise = "".join(f"[2025-01-31 12:00:02,{number:03d}] INFO nothing\n" for number in range(900))
    log.write_text("[2025-01-31 12:00:00,000] WARN a\n[2025-01-31 12:00:01,000] WARN b\n" + noise)
    assert [text[-1] for text in texts(journal.newest("kafka", str(log), 1, 0.0, Wanted("WARN")))] == ["b"]


def test_a_followed_file_gives_whole_lines_once_also_over_a_rotation(tmp_path: Path):
    log = tmp_path / "server.log"
    log.write_text("old\n")
    tail = journal.Tail("kafka", str(log), ALL)
    assert tail.more() == []
    with log.open("a") as file:
        file.write("one\ntw")
    assert texts(tail.more()) == ["one"]
    with log.open("a") as file:
        file.write("o\n")
    assert texts(tail.more()) == ["two"]
    log.rename(tmp_path / "server.log.1")
    assert tail.more() == []
    log.write_text("three\n")
    assert texts(tail.more()) == ["three"] and tail.more() == []


@pytest.mark.parametrize(
    ("unit", "line"),
    [
        ("zookeeper", "2026-11-22 19:11:08,675 [NIOWorkerThread-4] INFO  o.a.z.s.NIOServerCnxn - {}"),
        ("kafka", "[2026-11-22 19:11:08,675] INFO {} (kafka.X)"),
        ("kafka-controller", "[2026-11-22 19:11:08,675] INFO {} (kafka.X)"),
    ],
)
def test_what_our_own_checks_leave_is_hidden_and_nothing_else(unit: str, line: str):
    ours = {
        "zookeeper": ["Processing mntr command from /127.0.0.1:47104", "Processing srvr command from /127.0.0.1:47105"],
        "kafka": ["Created log for partition provisioner-smoke-1795000000-ab12-0", "group provisioner-bench-1-ab"],
        "kafka-controller": ["Replayed TopicRecord for topic provisioner-smoke-defaults with topic ID x."],
    }
    theirs = ["Processing mntr command from /10.0.0.7:47104", "Processing dump command", "Created log for orders-0"]
    wanted = Wanted(hide=site.probes())
    kept = [text for text in [*ours[unit], *theirs] if wanted.keeps(unit, "INFO", [line.format(text)])]
    assert kept == theirs


# -- what is asked


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"lines": 50}),
        ({"since": "10m"}, {"since": 600.0}),
        ({"since": "2h", "lines": "5"}, {"since": 7200.0, "lines": 5}),
        ({"since": "1970-01-01T00:00:30Z"}, {"since": 999_970.0}),
        ({"level": "warn"}, {"lines": 50, "level": "WARN"}),
        ({"grep": "no (disk|space)"}, {"lines": 50, "grep": "no (disk|space)"}),
    ],
)
def test_the_flags_choose_what_is_read(given: dict[str, str], expected: dict[str, Any]):
    assert window({**GIVEN, **given, "probes": True}, 1_000_000.0) == expected
    assert window({**GIVEN, **given}, 1_000_000.0) == {**expected, "hide": site.probes()}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"since": "10"}, "--since 10: 10 has no unit"),
        ({"since": "x"}, "--since x: 'x' is not a duration"),
        ({"since": "2099-01-01"}, "--since 2099-01-01 is still to come: 2099-01-01 00:00:00"),
        ({"lines": "0"}, "--lines is 0"),
        ({"level": "warm"}, "--level is warm; did you mean WARN?"),
        ({"grep": "no("}, r"--grep no\( is no regular expression"),
    ],
)
def test_flags_that_mean_nothing_are_refused(given: dict[str, str], says: str):
    with pytest.raises(UsageError, match=says):
        window({**GIVEN, **given})


def test_logs_name_the_services_that_roles_run_when_asked_for_another_one():
    with pytest.raises(UsageError, match="unknown service java") as refused:
        logs(Run("single"), "java", follow=False, given=GIVEN)
    assert refused.value.details == ["services are: zookeeper, kafka-controller, kafka"]


# -- of all hosts


def test_answers_of_hosts_come_in_the_order_of_time():
    answers = {"b": {"entries": [[2, "kafka", "two"]]}, "a": {"entries": [[1, "kafka", "one"], [3, "kafka", "three"]]}}
    assert [(host, entry[2]) for host, entry in together(answers)] == [("a", "one"), ("b", "two"), ("a", "three")]


class Written:
    """What `Merged` writes, and a clock that is set by hand."""

    def __init__(self, *hosts: str) -> None:
        self.texts: list[str] = []
        self.now = 0.0
        self.merged = Merged(hosts, lambda lines: self.texts.extend(entry[2] for _, entry in lines), lambda: self.now)


def test_followed_lines_are_merged_by_time_at_their_start():
    written = Written("a", "b", "c")
    written.merged.take("b", [[2, "kafka", "two"], [5, "kafka", "five"]])
    written.merged.take("b", [[6, "kafka", "six"]])
    written.merged.take("a", [[1, "kafka", "one"], [9, "kafka", "nine"]])
    assert written.texts == []
    written.merged.take("c", [])
    assert written.texts == ["one", "two", "five", "six", "nine"]
    written.merged.take("a", [[7, "kafka", "late"]])
    assert written.texts[-1] == "late" and len(written.texts) == 6


def test_a_host_that_is_lost_or_silent_holds_up_nobody():
    written = Written("a", "b")
    written.merged.take("a", [[1, "kafka", "one"]])
    written.merged.lost("b")
    assert written.texts == ["one"]
    silent = Written("a", "b")
    silent.merged.take("a", [[1, "kafka", "one"]])
    silent.now = PATIENCE + 0.1
    silent.merged.take("a", [])
    assert silent.texts == ["one"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[2026-11-26 03:00:00,250] INFO x", "[2026-11-26 12:00:00,250+09:00] INFO x"),
        ("2026-11-26 03:00:00,250 [main] INFO x", "2026-11-26 12:00:00,250+09:00 [main] INFO x"),
        ("\tat x", "\tat x"),
        ("2026-11-26 03:00:00,250000 is no time of a log", "2026-11-26 03:00:00,250000 is no time of a log"),
    ],
)
def test_times_are_local_with_their_offset_wherever_the_host_is(monkeypatch: pytest.MonkeyPatch, text: str, shown: str):
    monkeypatch.setenv("TZ", "Asia/Seoul")
    time.tzset()
    try:
        assert local([1_795_662_000.25, "kafka", text]) == shown
    finally:
        monkeypatch.undo()
        time.tzset()
