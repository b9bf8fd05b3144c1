"""What a person reads while a run goes on, and at its end."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from provisioner.errors import HostFailed, Several, Unreachable
from provisioner.report.choose import reporter
from provisioner.report.lines import change_line, clean, diff_style, escaped, put
from provisioner.report.live import LiveReporter, area_lines, bar_line
from provisioner.report.plain import PlainReporter
from provisioner.report.reporter import End, Row
from provisioner.report.terminal import ansi

MIB = 1024**2


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def plain():
    out, errors, clock = io.StringIO(), io.StringIO(), Clock()
    it: Any = PlainReporter(out, errors, clock=clock)
    it.out, it.err, it.clock = out, errors, clock
    return it


def text_of(line) -> str:
    return "".join(text for _, text in line)


@pytest.mark.parametrize(
    ("action", "note", "line"),
    [
        ("+", "", "  + h: file /etc/x"),
        ("~", "mode 0640 -> 0644", "  ~ h: file /etc/x (mode 0640 -> 0644)"),
        ("-", "", "  - h: file /etc/x"),
        ("restart", "env changed", "  ~ h: restart file /etc/x (env changed)"),
        ("start", "", "  ~ h: start file /etc/x"),
        ("remove", "", "  ~ h: remove file /etc/x"),
    ],
)
def test_a_change_is_a_sign_a_host_a_resource_and_a_reason(action, note, line):
    assert text_of(change_line("h", "file /etc/x", action, note)) == line


def test_plain_lines_in_their_order(plain):
    with plain:
        plain.phase("Apply")
        plain.host("h", "writing")
        plain.change("h", "file /etc/x", "~", "content")
        plain.diff("h", "file /etc/x", "--- a\n+++ b\n@@ -1 +1 @@\n-x\n+[bold]y[/]\n")
        plain.note("1 to change")
    assert plain.out.getvalue().splitlines() == [
        "--> Apply",
        "  ~ h: file /etc/x (content)",
        "      --- a",
        "      +++ b",
        "      @@ -1 +1 @@",
        "      -x",
        "      +[bold]y[/]",
        "1 to change",
    ]
    assert plain.err.getvalue() == ""


def test_errors_and_warnings_go_to_stderr_in_full(plain):
    plain.warning("clocks differ")
    failed = HostFailed("did not start", host="a", details=["exit code 1", "line one\nline two"], advice="Read the log")
    plain.error(Several([failed, Unreachable("no route", host="b")]))
    assert plain.out.getvalue() == ""
    assert plain.err.getvalue().splitlines() == [
        "warning: clocks differ",
        "error: a: did not start",
        "    exit code 1",
        "    line one",
        "    line two",
        "  -> Read the log",
        "error: b: no route",
    ]


def test_a_host_is_mentioned_when_it_stays_with_one_thing(plain):
    plain.host("a", "starting app.service")
    plain.host("b", "reading")
    plain.clock.now += 4
    plain.host("b", "")
    plain.mention()
    assert plain.out.getvalue() == ""
    plain.clock.now += 2
    plain.host("a", "starting app.service")  # saying it again is not something new
    plain.mention()
    plain.mention()
    assert plain.out.getvalue() == "  a: starting app.service (for 6.0 seconds)\n"
    plain.clock.now += 30
    plain.mention()
    assert plain.out.getvalue().splitlines()[1:] == ["  a: starting app.service (for 36.0 seconds)"]


def test_a_transfer_is_a_line_now_and_then_and_one_at_its_end(plain):
    plain.progress("k", "app 1.0", 0, 100 * MIB)
    plain.progress("k", "app 1.0", 10 * MIB, 100 * MIB)
    plain.clock.now += 6
    plain.progress("k", "app 1.0", 58 * MIB, 100 * MIB)
    plain.mention()
    plain.clock.now += 2
    plain.progress("k", "app 1.0", 100 * MIB, 100 * MIB)
    plain.progress("k", "app 1.0", 100 * MIB, 100 * MIB)
    assert plain.out.getvalue().splitlines() == [
        "  app 1.0: 58 % of 100 MiB (for 6.0 seconds)",
        "  app 1.0: 100 MiB in 8.0 seconds",
    ]


def test_a_transfer_that_failed_is_not_mentioned_again(plain):
    plain.progress("k", "app 1.0", 1, 2)
    plain.error(HostFailed("connection lost", host="a"))
    plain.clock.now += 60
    plain.mention()
    assert plain.out.getvalue() == ""


def test_nothing_is_mentioned_during_a_question_or_after_the_recap(plain):
    plain.host("a", "waiting")
    plain.clock.now += 60
    with plain.paused():
        plain.mention()
    assert plain.out.getvalue() == ""
    plain.recap(End({}, 1))
    written = plain.out.getvalue()
    plain.mention()
    assert plain.out.getvalue() == written


def test_threads_do_not_break_each_others_lines(plain):
    def report(name: str) -> None:
        for n in range(200):
            plain.change(name, f"resource {n}", "+")

    threads = [threading.Thread(target=report, args=(f"host{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = plain.out.getvalue().splitlines()
    assert len(lines) == 800
    assert all(re.fullmatch(r"  \+ host\d: resource \d+", line) for line in lines)


def test_hosts_cannot_control_the_terminal():
    assert clean("a\x1b[2J\x07b\tc\r\x9b1m") == "a[2Jb\tc1m"


@pytest.mark.parametrize(
    "sign",
    ["\u202e", "\u2066", "\u200f", "\u061c", "\u200b", "\ufeff", "\u2028", "\xad", "\U000e0041", "\u2060", "\x85"],
)
def test_hosts_cannot_make_a_line_look_like_another(sign: str):
    assert clean(f"topic {sign}x") == "topic x"
    assert escaped(f"topic {sign}x\n\ty".encode()) == f"topic {ascii(sign)[1:-1]}x\n\ty"


def test_text_of_any_language_is_left_as_it_is():
    text = "naïve 日本語 한국어 العربية 👍 Ελλάδα"
    assert clean(text) == escaped(text.encode()) == text


def test_bytes_that_are_no_text_are_shown_as_such():
    assert escaped(b"a\xff\x1b[2Jb\r\n") == "a\\xff\\x1b[2Jb\\r\n"


def test_what_a_stream_cannot_encode_is_replaced():
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", write_through=True)
    put(stream, "naïve → ok")
    assert raw.getvalue() == b"na?ve ? ok\n"


def test_a_reader_that_went_away_does_not_stop_the_run():
    code = (
        "import sys, time; from provisioner.report.choose import reporter\n"
        "with reporter() as it:\n"
        "    it.phase('one'); time.sleep(0.3)\n"
        "    for n in range(3): it.phase('more')\n"
        "print('reached', file=sys.stderr)\n"
    )
    root = Path(__file__).parents[2]
    command = f'"{sys.executable}" -c "$CODE" | head -n 1'
    done = subprocess.run(
        ["sh", "-c", command], env={**os.environ, "CODE": code}, cwd=root, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("--> one\n", "reached\n")


@pytest.mark.parametrize(
    ("line", "style"),
    [
        ("+x", "green"),
        ("-x", "red"),
        ("@@ -1 +1 @@", "cyan"),
        (" x", ""),
        ("--- a", "bold"),
        ("+++ b", "bold"),
        ("", ""),
    ],
)
def test_diff_colours(line, style):
    assert diff_style(line) == style


# -- the live area ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [30, 40, 60, 80, 200])
def test_the_live_area_fits_the_window(width):
    hosts = {"kafka1": ("restarting " + "very " * 50, 0.0), "a-host-with-a-rather-long-name.example.org": ("ok", 99.0)}
    transfers = [("sending " + "x" * 100, 5 * MIB, 10 * MIB), ("unknown size", 7 * MIB, None)]
    for line in area_lines(hosts, transfers, width, 100.0):
        assert len(text_of(line)) <= width


def test_the_live_area_says_what_each_host_does_and_for_how_long():
    lines = area_lines({"a": ("reading", 99.5), "host2": ("waiting for\napp.service", 88.0)}, [], 80, 100.0)
    assert [text_of(line) for line in lines] == ["  a      reading", "  host2  waiting for app.service  12 s"]


@pytest.mark.parametrize(
    ("done", "total", "width", "line"),
    [
        (5 * MIB, 10 * MIB, 80, f"  app  {'━' * 20}  50 % 5 MiB of 10 MiB"),
        (5 * MIB, 10 * MIB, 40, "  app  50 % 5 MiB"),
        (5 * MIB, None, 80, "  app 5 MiB"),
        (11 * MIB, 10 * MIB, 80, f"  app  {'━' * 20} 110 % 11 MiB of 10 MiB"),
    ],
)
def test_progress_bars(done, total, width, line):
    assert text_of(bar_line("app", done, total, width)) == line


def test_colours_end_where_they_began():
    assert ansi([("bold red", "a"), ("", "b"), ("green", "")]) == "\x1b[1;31ma\x1b[0mb"


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch):
    """A real terminal: (its stream, a function that ends it and answers with everything written to it)."""
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("NO_COLOR", "FORCE_COLOR", "CI"):
        monkeypatch.delenv(name, raising=False)
    master, slave = pty.openpty()
    stream = os.fdopen(slave, "w", encoding="utf-8")
    chunks: list[bytes] = []

    def drain() -> None:
        while True:
            try:
                chunk = os.read(master, 65536)
            except OSError:  # Linux's way to say that the other side is closed
                return
            if not chunk:
                return
            chunks.append(chunk)

    thread = threading.Thread(target=drain, daemon=True)
    thread.start()

    def everything() -> str:
        stream.close()
        thread.join(5)
        return b"".join(chunks).decode()

    yield stream, everything
    stream.close()
    os.close(master)


def test_a_quick_run_on_a_terminal_has_no_live_area(terminal):
    stream, everything = terminal
    with LiveReporter(stream, stream, delay=30) as it:
        it.host("a", "reading")
        it.phase("No changes")
        it.recap(End({"a": Row(ok=1)}, 0.4))
    written = everything()
    assert "\x1b[1m--> No changes\x1b[0m" in written
    assert "reading" not in written
    assert "\x1b[?25l" not in written  # the cursor was never hidden


def wait_until(condition, seconds: float = 5.0) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.01)


def test_a_longer_run_shows_hosts_below_and_lines_above_and_leaves_no_trace(terminal, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    stream, everything = terminal
    it = LiveReporter(stream, stream, delay=0)
    with it:
        it.host("a", "restarting [bold]app[/bold]")
        it.progress("k", "app 1.0 :smile:", MIB, 2 * MIB)
        wait_until(lambda: it._live is not None)
        it.change("a", "file [red]/etc/x[/red]", "~")
        with it.paused():
            assert it._live is None
        assert it._live is not None
        it.error(HostFailed("[b]oops[/b]", host="a"))
        it.recap(End({"a": Row(failed=1)}, 3, failed=True))
        assert it._live is None
    written = everything()
    for text in ("restarting [bold]app[/bold]", "app 1.0 :smile:", "file [red]/etc/x[/red]", "a: [b]oops[/b]"):
        assert text in written
    assert written.count("\x1b[?25l") == written.count("\x1b[?25h") > 0  # hidden, and shown again
    assert "restarting" not in written[written.rindex("\x1b[?25h") :]


def test_ctrl_c_leaves_the_terminal_as_it_was(terminal, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    stream, everything = terminal
    it = LiveReporter(stream, stream, delay=0)
    with pytest.raises(KeyboardInterrupt), it:
        it.host("a", "reading")
        wait_until(lambda: it._live is not None)
        raise KeyboardInterrupt
    assert everything().rstrip().rindex("\x1b[?25h") > 0
    assert it._live is None


@pytest.mark.parametrize(
    ("environment", "live"),
    [
        ({}, True),
        ({"NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
        ({"CI": "true"}, False),
        ({"NO_COLOR": ""}, True),
    ],
)
def test_the_reporter_that_fits_the_terminal(terminal, monkeypatch, environment, live):
    stream, _ = terminal
    for name, value in {"TERM": "xterm", "NO_COLOR": "", "CI": "", **environment}.items():
        monkeypatch.setenv(name, value)
    assert isinstance(reporter(stream), LiveReporter if live else PlainReporter)


def test_a_file_gets_plain_lines(tmp_path):
    with (tmp_path / "log").open("w") as stream:
        assert isinstance(reporter(stream), PlainReporter)
