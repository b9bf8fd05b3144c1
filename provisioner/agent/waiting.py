"""Waiting for a service that was just started: as long as something moves, and not a moment longer.

A broker that recovers its log may need an hour, a broken one nothing but the message. So the wait ends early when
systemd gave up or the process keeps dying, goes on while there is progress, and stops when nothing moved for a while.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Optional

from . import units, walk
from .failure import Failure

if TYPE_CHECKING:  # Python 3.8 cannot make these
    Emit = Callable[[dict[str, Any]], None]
    # An attempt answers (result, "") when the service is there, else (None, what it saw: "Connection refused").
    Attempt = Callable[[], tuple[dict[str, Any] | None, str]]

FIRST_PAUSE = 0.02
LONGEST_PAUSE = 0.25
UNIT_CHECK_EVERY = 0.5
# One death may be a race at boot (ZooKeeper was not serving yet), the second is a loop.
RESTARTS_TOLERATED = 1
# Deaths for a reason that passes by itself (`Unit.excuse`) are not a loop yet. At 5.5 s each, which is what a fast
# machine takes, these are longer than a session with ZooKeeper can be (maxSessionTimeout: 20 ticks of 2 s).
RESTARTS_EXCUSED = 12
# What systemd calls a unit that it does not start any more, unless it is told to.
GIVEN_UP = ("failed", "dead")
MIB = 1 << 20


class Unit:
    """A systemd unit that is being waited for: whether it still can come up, and whether it does anything.

    excuse: what its log says when it dies for a reason that passes by itself.
    """

    def __init__(
        self,
        name: str,
        log_file: str = "",
        excuse: str = "",
        show: Callable[[tuple[str, ...]], dict[str, Any]] = units.show,
    ) -> None:
        self.excuse = excuse
        self.name = name[: -len(".service")] if name.endswith(".service") else name
        self.log_file = log_file
        self._show = show
        self._restarts_before: Optional[int] = None
        self._pid = 0
        self._log_start = _size(log_file)

    def check(self) -> str:
        """What systemd says, in short. Raises Failure with the last log lines when the unit cannot come up."""
        state = self._show((self.name,)).get(self.name)
        if state is None:
            raise self.failure(f"there is no unit {self.name}.service")
        if self._restarts_before is None:
            self._restarts_before = state["restarts"]
        self._pid = state["pid"]
        died = state["restarts"] - self._restarts_before
        if died > (RESTARTS_EXCUSED if self._excused() else RESTARTS_TOLERATED):
            raise self.failure(f"{self.name} starts and dies repeatedly ({state['result']})")
        if state["sub"] == "failed":
            raise self.failure(f"{self.name} failed ({state['result']})")
        if state["sub"] == "dead":
            raise self.failure(f"{self.name} is stopped")
        return f"{state['sub']}, died {died} times" if died else str(state["sub"])

    def _excused(self) -> bool:
        return bool(self.excuse) and self.excuse in self.logged()

    def logged(self) -> str:
        """What its log file has had since the wait began, the last part of it."""
        return _tail(self.log_file, self._log_start)

    def work(self) -> tuple[int, int]:
        """Numbers that grow while the process does something: its log's size, and the MiB it has read."""
        return _size(self.log_file), _read_bytes(self._pid) // MIB

    def failure(self, summary: str) -> Failure:
        """A Failure that carries the evidence: errors of this start in the log file, then the journal's last lines."""
        details = [f"{self.log_file}: {line}" for line in errors_in(_tail(self.log_file, self._log_start))]
        details += [f"journal: {line}" for line in units.last_lines(self.name, 20)]
        return Failure(
            summary,
            details=details,
            advice=f"see `journalctl -u {self.name}`"
            + (f" and {self.log_file}" if self.log_file else "")
            + " on the host, fix the cause and run again",
        )


def look(args: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """How a service is doing at this moment, for who waits for it from elsewhere. args: unit, log_file.

    Returns state (what systemd says: "running", "auto-restart", "failed"; "" where there is no such unit), coming
    (whether it is up or still may come up by itself), died (how often systemd has started it again), and work: numbers
    that grow while the process does something. Never waits.
    """
    state = units.show((args["unit"],))[args["unit"]]
    if state is None:
        return {"state": "", "coming": False, "died": 0, "work": []}
    work = [_size(args["log_file"]), _read_bytes(state["pid"]) // MIB]
    return {"state": state["sub"], "coming": state["sub"] not in GIVEN_UP, "died": state["restarts"], "work": work}


def until(
    attempt: Attempt,
    *,
    what: str,
    timeout: float,
    stall: float,
    emit: Emit,
    unit: Optional[Unit] = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """Call `attempt` until it has a result; seconds taken are added to it as "seconds".

    what: for the messages ("broker 1 at 127.0.0.1:9092"). timeout, stall: seconds, the whole wait and the longest time
    in which neither the answers nor the unit's work may stand still.
    Raises Failure when the unit gave up, nothing moved for `stall` seconds, or `timeout` passed.
    """
    started = moved = clock()
    checked = float("-inf")
    pause = FIRST_PAUSE
    systemd = ""
    last: Optional[tuple[Any, ...]] = None
    while True:
        result, seen = attempt()
        now = clock()
        if result is not None:
            result["seconds"] = round(now - started, 3)
            return result
        if unit and now - checked >= UNIT_CHECK_EVERY:
            systemd = unit.check()
            checked = now
        progress = (seen, systemd, unit.work() if unit else ())
        if progress != last:
            if last is None or last[:2] != progress[:2]:
                emit({"text": f"waiting for {what}: {seen}" + (f" ({unit.name} {systemd})" if unit else "")})
            last, moved = progress, now
        reason = None
        if now - moved >= stall:
            reason = f"nothing moved for {stall:.0f} s"
        elif now - started >= timeout:
            reason = f"not there after {timeout:.0f} s, though something still moves"
        if reason:
            summary = f"{what}: {reason}; last seen: {seen}"
            raise unit.failure(summary) if unit else Failure(summary, advice="see the service's log on the host")
        sleep(pause)
        pause = min(pause * 1.3, LONGEST_PAUSE)


def errors_in(text: str, count: int = 6) -> list[str]:
    """The last lines of a log4j or logback log that say ERROR or FATAL, each with the cause that follows it. Pure."""
    found: list[str] = []
    for line in text.splitlines():
        if " ERROR " in line or " FATAL " in line:
            found.append(line[:300])
        elif found and line.startswith(("Caused by:", "java.", "org.apache.", "kafka.")):
            found.append("  " + line[:300])
    return found[-count:]


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size if path else 0
    except OSError:
        return 0


def _tail(path: str, start: int, most: int = 256 * 1024) -> str:
    """What was written to a log since `start` bytes, at most the last `most` bytes; "" when it cannot be read."""
    try:
        with os.fdopen(walk.opened(path), "rb") as file:
            size = file.seek(0, os.SEEK_END)
            begin = start if start <= size else 0  # rotated meanwhile: what is there is new
            file.seek(max(begin, size - most))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""


def _read_bytes(pid: int) -> int:
    # Log recovery of one big segment writes no line for minutes, but it reads.
    try:
        with open(f"/proc/{pid}/io", encoding="ascii") as file:
            return int(file.read().split()[1])
    except (OSError, ValueError, IndexError):
        return 0
