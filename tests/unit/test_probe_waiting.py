"""Waiting for a service: as long as something moves, not longer, and with the evidence when it ends badly."""

from __future__ import annotations

from typing import Any

import pytest

from provisioner.agent import units, waiting
from provisioner.agent.failure import Failure


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


def wait(attempts, *, unit=None, timeout=60.0, stall=10.0, clock=None):
    """Run `until` over a function of time that answers like an attempt; (result, events)."""
    clock = clock or Clock()
    events: list[Any] = []
    result = waiting.until(
        lambda: attempts(clock()),
        what="broker 1",
        timeout=timeout,
        stall=stall,
        emit=events.append,
        unit=unit,
        clock=clock,
        sleep=clock.sleep,
    )
    return result, events


def state(sub="running", restarts=0, result="success", pid=0):
    return {"sub": sub, "restarts": restarts, "result": result, "pid": pid, "active": sub == "running"}


def test_a_service_that_is_there_is_not_waited_for():
    result, events = wait(lambda now: ({"mode": "leader"}, ""))
    assert result == {"mode": "leader", "seconds": 0.0}
    assert events == []


def test_what_is_seen_is_told_once_per_change():
    def attempt(now):
        if now < 1:
            return None, "Connection refused"
        return (None, "no quorum") if now < 2 else ({}, "")

    result, events = wait(attempt)
    assert [event["text"] for event in events] == [
        "waiting for broker 1: Connection refused",
        "waiting for broker 1: no quorum",
    ]
    assert 2 <= result["seconds"] <= 2 + waiting.LONGEST_PAUSE


def test_nothing_moving_ends_the_wait_and_says_what_was_seen():
    clock = Clock()
    with pytest.raises(Failure, match="broker 1: nothing moved for 10 s; last seen: Connection refused"):
        wait(lambda now: (None, "Connection refused"), clock=clock)
    assert 10 <= clock.now < 11


def test_as_long_as_something_moves_the_wait_goes_on_until_the_timeout():
    clock = Clock()
    with pytest.raises(Failure, match="not there after 60 s, though something still moves"):
        wait(lambda now: (None, f"recovering segment {int(now / 5)}"), clock=clock)
    assert 60 <= clock.now < 61


def test_a_growing_log_is_progress(tmp_path):
    log = tmp_path / "server.log"
    log.write_text("")
    clock = Clock()

    def attempt(now):
        log.write_text("Recovering unflushed segment\n" * int(now))
        return ({}, "") if now > 40 else (None, "Connection refused")

    unit = waiting.Unit("kafka.service", str(log), show=lambda names: {"kafka": state()})
    result, _ = wait(attempt, unit=unit, clock=clock)
    assert result["seconds"] > 40


def test_bytes_read_are_progress_only_by_whole_mebibytes(monkeypatch):
    unit = waiting.Unit("kafka", show=lambda names: {"kafka": state(pid=7)})
    unit.check()
    monkeypatch.setattr(waiting, "_read_bytes", lambda pid: {7: 3 * waiting.MIB - 1}[pid])
    assert unit.work() == (0, 2)


@pytest.mark.parametrize(
    ("states", "message"),
    [
        ([state("failed", result="exit-code")], r"kafka failed \(exit-code\)"),
        ([state("dead")], "kafka is stopped"),
        ([None], "there is no unit kafka.service"),
        ([state(restarts=4), state("auto-restart", 5), state(restarts=6, result="exit-code")], "repeatedly"),
    ],
)
def test_a_unit_that_cannot_come_up_ends_the_wait_early(states, message, monkeypatch):
    monkeypatch.setattr(units, "last_lines", lambda unit, count: ["Address already in use"])
    answers = iter(states)
    last = states[-1]
    unit = waiting.Unit("kafka.service", show=lambda names: {"kafka": next(answers, last)})
    clock = Clock()
    with pytest.raises(Failure, match=message) as caught:
        wait(lambda now: (None, "Connection refused"), unit=unit, clock=clock)
    assert clock.now < 3
    assert caught.value.details == ["journal: Address already in use"]
    assert "journalctl -u kafka" in caught.value.advice


def test_one_death_at_boot_is_forgiven():
    answers = iter([state(restarts=2), state("auto-restart", 2), state(restarts=3)])
    unit = waiting.Unit("kafka", show=lambda names: {"kafka": next(answers, state(restarts=3))})
    result, events = wait(lambda now: ({}, "") if now > 5 else (None, "Connection refused"), unit=unit)
    assert result["seconds"] > 5
    assert "died 1 times" in events[-1]["text"]


def test_errors_of_this_start_are_the_evidence_older_ones_are_not(tmp_path, monkeypatch):
    monkeypatch.setattr(units, "last_lines", lambda unit, count: [])
    log = tmp_path / "server.log"
    log.write_text("[2024-01-01] ERROR an old story (kafka)\n")
    unit = waiting.Unit("kafka", str(log), show=lambda names: {"kafka": state("failed")})
    with log.open("a") as file:
        file.write("[2024-01-02] ERROR Fatal error during startup (kafka)\njava.io.IOException: disk full\n\tat x.y\n")
    with pytest.raises(Failure) as caught:
        unit.check()
    told = "\n".join(caught.value.details)
    assert "Fatal error during startup" in told
    assert "java.io.IOException: disk full" in told
    assert "old story" not in told


def test_deaths_for_a_reason_that_passes_are_waited_out_but_not_for_ever(tmp_path):
    log = tmp_path / "server.log"
    log.write_text("an earlier start: the id is taken\n")

    def unit(deaths):
        answers = iter([state(), state("auto-restart", restarts=deaths)])
        return waiting.Unit("kafka", str(log), "the id is taken", show=lambda names: {"kafka": next(answers)})

    looped = unit(waiting.RESTARTS_EXCUSED)
    looped.check()
    with pytest.raises(Failure, match="repeatedly"):
        looped.check()  # what an earlier start said is no excuse
    for deaths, excused in ((waiting.RESTARTS_EXCUSED, True), (waiting.RESTARTS_EXCUSED + 1, False)):
        dying = unit(deaths)
        dying.check()
        with log.open("a") as file:
            file.write("the id is taken\n")
        if excused:
            assert f"died {deaths} times" in dying.check()
        else:
            with pytest.raises(Failure, match="repeatedly"):
                dying.check()


def test_only_errors_and_their_causes_are_taken_from_a_log():
    text = "[t] INFO fine\nCaused by: nothing\n[t] FATAL bad (k)\nCaused by: a\n\tat b\n[t] WARN so so\n"
    assert waiting.errors_in(text) == ["[t] FATAL bad (k)", "  Caused by: a"]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (None, {"state": "", "coming": False, "died": 0}),
        (state("running"), {"state": "running", "coming": True, "died": 0}),
        (state("start-pre", restarts=2), {"state": "start-pre", "coming": True, "died": 2}),
        (state("auto-restart", restarts=1), {"state": "auto-restart", "coming": True, "died": 1}),
        (state("dead"), {"state": "dead", "coming": False, "died": 0}),
        (state("failed", restarts=5), {"state": "failed", "coming": False, "died": 5}),
    ],
)
def test_one_look_at_a_unit_says_whether_it_is_coming(monkeypatch, tmp_path, found, expected):
    monkeypatch.setattr(units, "show", lambda names: dict.fromkeys(names, found))
    log = tmp_path / "server.log"
    log.write_text("one line\n")
    answer = waiting.look({"unit": "kafka", "log_file": str(log)}, lambda event: None)
    work = answer.pop("work")
    assert answer == expected
    log.write_text("one line\nand another\n")
    again = waiting.look({"unit": "kafka", "log_file": str(log)}, lambda event: None)["work"]
    assert (again > work) == (found is not None), "a log that grows is work"
