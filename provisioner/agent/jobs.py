"""Starting, stopping and restarting a unit, watched: what systemd waits for is said, and no wait is without an end.

`systemctl` only waits for a job of systemd's: the job goes on whatever becomes of that wait. So a wait may be given up
at any moment (the control machine has gone, the promised time is over) without leaving anything half-done.

A service that does not end is killed by systemd after the unit's TimeoutStopSec. A process that the kernel does not
let go (state D) outlives that as well, and then only a person can help.
"""

from __future__ import annotations

import subprocess
import time
from typing import Any, Callable, Dict, NamedTuple, Optional

from . import units
from .failure import Failure

Emit = Callable[[Dict[str, Any]], None]

LOOK_EVERY = 1.0  # seconds; most jobs are done before the first look
STOP_MARGIN = 30.0  # seconds after TimeoutStopSec in which the killed processes have to be gone
START_SECONDS = 420.0  # for all but the stop; a start may have to wait for the stop of what it stands on
PROPERTIES = (
    "ActiveState",
    "SubState",
    "MainPID",
    "TimeoutStopUSec",
    "ActiveExitTimestampMonotonic",
    "InactiveEnterTimestampMonotonic",
)
# systemd.time(7), as `systemctl show` prints a time span: "5min 30s", "1h 2ms", "infinity".
SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
# proc(5), /proc/PID/stat
STATES = {
    "R": "running",
    "S": "waiting",
    "D": "waiting for the kernel: a disk or a network file system that does not answer",
    "T": "stopped by a signal (SIGSTOP)",
    "t": "stopped by a debugger",
    "Z": "ended, and not yet collected by its parent",
    "I": "idle",
}


class Look(NamedTuple):
    """A unit at one moment. limit: seconds that systemd lets a stop take, None for no limit; left: when it last left
    the active state, ended: when it last became inactive or failed, both as `time.monotonic`."""

    state: str
    sub: str
    pid: int
    limit: Optional[float]
    left: float
    ended: float


def look(unit: str) -> Look:
    """The unit now. Raises Failure when systemd does not answer."""
    return parse(units.ask(["show", "--property=" + ",".join(PROPERTIES), f"{unit}.service"]))


def parse(text: str) -> Look:
    """The answer of `systemctl show`. Pure."""
    found = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    return Look(
        found.get("ActiveState", ""),
        found.get("SubState", ""),
        int(found.get("MainPID") or 0),
        span(found.get("TimeoutStopUSec", "")),
        int(found.get("ActiveExitTimestampMonotonic") or 0) / 1e6,
        int(found.get("InactiveEnterTimestampMonotonic") or 0) / 1e6,
    )


def span(text: str) -> Optional[float]:
    """Seconds of a time span as systemd prints it; None for "infinity" and for what is none. Pure."""
    total = 0.0
    for part in text.split():
        number = part.rstrip("abcdefghijklmnopqrstuvwxyz")
        unit = part[len(number) :]
        if unit not in SECONDS or not number.replace(".", "", 1).isdigit():
            return None
        total += float(number) * SECONDS[unit]
    return total if text.split() else None


def start(unit: str, emit: Emit) -> None:
    """`systemctl start`; a stop that is still under way is waited for. Raises Failure, with the unit's last log lines
    where it does not start."""
    _carry_out("start", unit, emit)


def restart(unit: str, emit: Emit) -> None:
    """`systemctl restart`, as `start`."""
    _carry_out("restart", unit, emit)


def stop(unit: str, emit: Emit) -> None:
    """`systemctl stop`, as `start`."""
    _carry_out("stop", unit, emit)


def _carry_out(verb: str, unit: str, emit: Emit) -> None:
    if verb != "stop":
        units.reset(unit)
    argv = ["systemctl", verb, f"{unit}.service"]
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    watch = Watch(verb, unit, emit)
    try:
        while True:
            try:
                output = process.communicate(timeout=LOOK_EVERY)[0].decode("utf-8", "replace")
                break
            except subprocess.TimeoutExpired:
                watch.see(look(unit), time.monotonic())
    finally:
        if process.poll() is None:  # the wait alone ends, the job goes on
            process.kill()
            process.wait()
    if watch.stopping:
        watch.over(look(unit))
    if process.returncode:
        raise Failure(
            f"{unit} does not {verb}",
            details=[
                f"command failed with exit code {process.returncode}: {' '.join(argv)}",
                *[line for line in output.splitlines() if line.strip()][-10:],
                *units.last_lines(unit),
            ],
            advice=f"see `journalctl -u {unit}` on the host; fix the cause and deploy again, it goes on from here",
        )


class Watch:
    """What is said about a job that takes longer than a moment, and when it has taken too long."""

    def __init__(self, verb: str, unit: str, emit: Emit) -> None:
        self.verb, self.unit, self._emit = verb, unit, emit
        self.stopping: Optional[Look] = None  # the last look at which it was being stopped
        self._since: Optional[float] = None  # when something else than the stop was first waited for

    def see(self, now: Look, clock: float) -> None:
        """Another look. clock: as `time.monotonic`. Raises Failure when the promised time is over."""
        if now.state == "deactivating":
            self.stopping = now
            most = f"at most {now.limit:.0f} s" if now.limit is not None else "without a limit"
            after = ", and then starts it" if self.verb != "stop" else ""
            self._emit(
                {
                    "text": f"stopping {self.unit}, {most}",
                    "goes_on": f"systemd goes on stopping {self.unit} there ({most} in all){after}",
                }
            )
            if now.limit is not None and clock - now.left > now.limit + STOP_MARGIN:
                raise still_running(self.unit, now, clock - now.left, process_state(now.pid))
            return
        self._since = clock if self._since is None else self._since
        self._emit({"text": f"starting {self.unit}"})
        if clock - self._since > START_SECONDS:
            raise Failure(
                f"{self.unit} does not {self.verb}: it is {now.sub} for {clock - self._since:.0f} s",
                details=units.last_lines(self.unit),
                advice=f"see `journalctl -u {self.unit}` on the host; fix the cause and deploy again",
            )

    def over(self, now: Look) -> None:
        """The job is over: say so when systemd had to kill the service."""
        before = self.stopping
        if before is None or before.limit is None or now.ended - before.left < before.limit:
            return
        self._emit(
            {
                "warning": f"{self.unit} did not end within {before.limit:.0f} s and was killed by systemd: its next "
                "start first checks the data that was open, which may take long. `invoke logs` shows what it waited for"
            }
        )


def still_running(unit: str, now: Look, seconds: float, process: str) -> Failure:
    """The failure of a stop that is not over after the promised time. process: what its main process does, "" for
    none. Pure."""
    what = f"main process {now.pid}: {process}" if process else "its main process has ended, another one has not"
    return Failure(
        f"{unit} is still there {seconds:.0f} s after its stop began; systemd kills it after {now.limit or 0:.0f} s",
        details=[f"unit {unit}.service: {now.state} ({now.sub})", what],
        advice=f"`systemctl status {unit}` on the host lists its processes; one that waits for the kernel ends when "
        "its disk answers (`dmesg`), or with a reboot. Then run the same command again, it goes on from there",
    )


def process_state(pid: int) -> str:
    """What the kernel says of a process: its state in words; "" for one that is not there."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return state_in(file.read())
    except OSError:
        return ""


def state_in(stat: str) -> str:
    """The state in the text of /proc/PID/stat, and the command's name. Pure."""
    name, _, rest = stat.partition("(")[2].rpartition(")")
    letter = rest.split()[0] if rest.split() else "?"
    return f"{name}, state {letter} ({STATES.get(letter, 'unknown')})"
