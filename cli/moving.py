"""Moves of copies, carried out by one host, and how they advance on the screen."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cluster.moving.layout import Move
from provisioner.connect.fleet import Fleet
from provisioner.errors import ProvisionerError, UsageError
from provisioner.inventory.model import Host
from provisioner.quantities import format_elapsed, format_size, parse_size
from provisioner.report.reporter import Reporter
from roles.kafka import listeners

STALL_SECONDS = 180.0


def rate_of(throttle: str) -> int | None:
    """Bytes per second of --throttle, None for no limit. Raises UsageError."""
    if throttle in ("none", "0"):
        return None
    try:
        return parse_size(throttle)
    except ValueError as error:
        raise UsageError(
            f"--throttle {throttle}: {error}", advice="bytes per second and broker, as in 50m; `none` for no limit"
        ) from None


def carry_out(fleet: Fleet, show: Reporter, driver: Host, moves: Sequence[Move], rate: int | None) -> dict[str, Any]:
    """Let the driver's host do the moves, and show how they advance; what `cluster.moving.reassign.work` returns.

    What is under way from before is waited for, too. rate: bytes per second and broker, None for no limit. Interrupted,
    what is under way goes on throttled; that is said, and the exception goes on.
    """
    arguments = {
        "bootstrap": listeners.door(driver),
        "throttle": rate,
        "stall": STALL_SECONDS,
        "moves": [{"topic": one.topic, "partition": one.partition, "replicas": one.after} for one in moves],
    }
    progress = Progress(show, driver.name)

    def ask(name: str) -> dict[str, Any]:
        answer: dict[str, Any] = fleet.sessions[name].request(
            "call", progress.event, module="cluster.moving.reassign", function="work", args=arguments
        )
        return answer

    try:
        done = fleet.each([driver.name], ask).check()[driver.name]
    except (KeyboardInterrupt, ProvisionerError):
        show.warning(
            "what is under way goes on in the cluster, with its throttle; the same command goes on with the rest and "
            "takes the throttle off"
        )
        raise
    progress.end()
    for topic in done["skipped"]:
        show.warning(f"{topic} was deleted meanwhile")
    return done


class Progress:
    """What is left, in one line: partitions, bytes, the rate, and how long it will take at that rate."""

    KEY = "rebalance"

    def __init__(self, show: Reporter, where: str, clock: Callable[[], float] = time.monotonic) -> None:
        """where: the host that does the work."""
        self._show, self._where, self._clock = show, where, clock
        self._began: tuple[float, int] | None = None
        self._total = 0

    def event(self, message: Mapping[str, Any]) -> None:
        """One report of the host."""
        if "left" not in message:
            return
        self._total = max(self._total, int(message["bytes"]))
        if not self._total:
            self._show.host(self._where, f"{counted(message['left'])} left")
            return
        self._show.host(self._where, "")
        missing, now = int(message["bytes_left"]), self._clock()
        if self._began is None or missing > self._began[1]:
            self._began = (now, missing)
        seconds, copied = now - self._began[0], self._began[1] - missing
        rate = copied / seconds if seconds > 0 else 0.0
        label = f"{counted(message['left'])} left"
        if rate:
            label += f", {format_size(int(rate))}/s, {format_elapsed(missing / rate)} to go"
        # Never complete before the host says so: partitions are left even when no bytes are.
        self._show.progress(self.KEY, label, min(self._total - missing, self._total - 1), self._total)

    def end(self) -> None:
        """All is done."""
        if self._total:
            self._show.progress(self.KEY, "copied", self._total, self._total)


def counted(number: int) -> str:
    """As in: 1 partition, 3 partitions."""
    return "1 partition" if number == 1 else f"{number} partitions"
