"""What is said of a stop that takes its time, and how it ends when it does not end."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path
from typing import Any

import pytest

from provisioner.agent import jobs
from provisioner.agent.failure import Failure
from provisioner.agent.jobs import Look, Watch

STOPPING = Look("deactivating", "stop-sigterm", 7, 330.0, 1000.0, 0.0)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5min 30s", 330.0),
        ("1h 2ms", 3600.002),
        ("1w 3d", 864000.0),
        ("500us", 0.0005),
        ("infinity", None),
        ("", None),
        ("soon", None),
    ],
)
def test_a_span_is_read_as_systemd_prints_it(text: str, seconds: float | None):
    assert jobs.span(text) == (seconds if seconds is None else pytest.approx(seconds))


def test_a_look_is_read_from_systemctl_show():
    text = (
        "ActiveState=deactivating\nSubState=stop-sigterm\nMainPID=7\nTimeoutStopUSec=5min 30s\n"
        "ActiveExitTimestampMonotonic=1000000000\nInactiveEnterTimestampMonotonic=0\n"
    )
    assert jobs.parse(text) == STOPPING


def test_a_stop_is_said_with_its_limit_and_what_goes_on_without_us():
    events: list[dict[str, Any]] = []
    Watch("restart", "app", events.append).see(STOPPING, 1040.0)
    assert events == [
        {
            "text": "stopping app, at most 330 s",
            "goes_on": "systemd goes on stopping app there (at most 330 s in all), and then starts it",
        }
    ]
    Watch("stop", "app", events.append).see(STOPPING._replace(limit=None), 1040.0)
    assert events[1]["goes_on"] == "systemd goes on stopping app there (without a limit in all)"


def test_a_start_behind_a_stop_says_both():
    events: list[dict[str, Any]] = []
    watch = Watch("start", "app", events.append)
    watch.see(STOPPING, 1040.0)
    watch.see(STOPPING._replace(state="activating", sub="start-pre"), 1050.0)
    assert [event["text"] for event in events] == ["stopping app, at most 330 s", "starting app"]
    with pytest.raises(Failure, match=r"app does not start: it is start-pre for 421 s"):
        watch.see(STOPPING._replace(state="activating", sub="start-pre"), 1471.0)


def test_a_stop_that_outlives_systemds_kill_fails_with_what_is_still_there(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(jobs, "process_state", lambda pid: f"java {pid}")
    watch = Watch("stop", "app", lambda event: None)
    late = STOPPING._replace(sub="final-sigkill")
    watch.see(late, 1000.0 + 330 + jobs.STOP_MARGIN)
    with pytest.raises(Failure) as failed:
        watch.see(late, 1000.0 + 331 + jobs.STOP_MARGIN)
    assert failed.value.summary.startswith(
        "app is still there 361 s after its stop began; systemd kills it after 330 s"
    )
    assert failed.value.details == ["unit app.service: deactivating (final-sigkill)", "main process 7: java 7"]
    assert "systemctl status app" in (failed.value.advice or "")


@pytest.mark.parametrize(("ended", "warned"), [(1012.0, False), (1329.9, False), (1330.2, True)])
def test_a_kill_by_systemd_is_a_warning(ended: float, warned: bool):
    events: list[dict[str, Any]] = []
    watch = Watch("restart", "app", events.append)
    watch.see(STOPPING, 1011.0)
    watch.over(Look("active", "running", 8, 330.0, 1000.0, ended))
    assert ("warning" in events[-1]) == warned
    if warned:
        assert events[-1]["warning"].startswith(
            "app did not end within 330 s and was killed by systemd: its next start"
        )


def test_a_process_is_described_as_the_kernel_shows_it():
    assert jobs.state_in("7 (java (x)) D 1 7").startswith("java (x), state D (waiting for the kernel: a disk")
    assert jobs.state_in("7 (java) T 1 7") == "java, state T (stopped by a signal (SIGSTOP))"
    assert jobs.process_state(os.getpid()).endswith("state R (running)")
    assert jobs.process_state(2**22 + 1) == ""


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A systemctl whose stop takes as long as the file `slow` says, and which shows a unit that is being stopped."""
    script = tmp_path / "systemctl"
    script.write_text(
        f"""#!/bin/sh
echo "$@" >> {tmp_path}/asked
case $1 in
show) cat {tmp_path}/shown ;;
stop|start|restart) sleep "$(cat {tmp_path}/slow)"; echo done; exit "$(cat {tmp_path}/code)" ;;
esac
"""
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    (tmp_path / "slow").write_text("0")
    (tmp_path / "code").write_text("0")
    (tmp_path / "shown").write_text("ActiveState=deactivating\nTimeoutStopUSec=5min 30s\nMainPID=0\n")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(jobs, "LOOK_EVERY", 0.05)
    monkeypatch.setattr(jobs.units, "last_lines", lambda unit: ["its last words"])
    return tmp_path


def test_a_quick_job_is_not_looked_at(systemctl: Path):
    events: list[dict[str, Any]] = []
    jobs.LOOK_EVERY = 5.0
    jobs.restart("app", events.append)
    assert (systemctl / "asked").read_text().splitlines() == ["reset-failed app.service", "restart app.service"]
    assert events == []


def test_a_slow_one_is_watched_and_a_failed_one_has_the_units_last_lines(systemctl: Path):
    left = int(time.monotonic() * 1e6)
    (systemctl / "shown").write_text(
        f"ActiveState=deactivating\nTimeoutStopUSec=5min 30s\nActiveExitTimestampMonotonic={left}\n"
    )
    (systemctl / "slow").write_text("0.4")
    (systemctl / "code").write_text("1")
    events: list[dict[str, Any]] = []
    with pytest.raises(Failure, match="app does not stop") as failed:
        jobs.stop("app", events.append)
    assert {event["text"] for event in events} == {"stopping app, at most 330 s"}
    assert failed.value.details[-2:] == ["done", "its last words"] and "exit code 1" in failed.value.details[0]
    assert "reset-failed" not in (systemctl / "asked").read_text(), "how a stop ended must stay visible"


def test_a_wait_that_is_given_up_leaves_no_process(systemctl: Path):
    (systemctl / "slow").write_text("60")

    def gone(event: dict[str, Any]) -> None:
        raise ConnectionError

    began = time.monotonic()
    with pytest.raises(ConnectionError):
        jobs.stop("app", gone)
    assert time.monotonic() - began < 30
