"""Moves of copies, carried out by way of one host, and how they advance on the screen."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cluster import remote
from cluster.moving.layout import Move
from provisioner.connect.requests import Call
from provisioner.errors import ProvisionerError
from provisioner.quantities import format_elapsed, format_size
from provisioner.words import counted, some

if TYPE_CHECKING:
    from provisioner.report.reporter import Reporter

THROTTLE = 50 * 1024 * 1024  # bytes per second and broker, when nobody says
STALL_SECONDS = 180.0


def carry_out(
    call: Call,
    show: Reporter,
    host: str,
    bootstrap: str,
    moves: Sequence[Move],
    rate: int | None = THROTTLE,
    leaving: Iterable[int] = (),
    going: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Let a host do the moves by way of its broker, and show how they advance; what `reassign.work` returns.

    What is under way from before is waited for, too. rate: bytes per second and broker, None for no limit; leaving: the
    brokers that are emptied; going: what `copies_look` told of moves from before. Interrupted, what is under way goes
    on throttled; that is said, and the exception goes on. A broker that has not heard of it is a warning.
    """
    wanted = [{"topic": one.topic, "partition": one.partition, "replicas": one.after} for one in moves]
    progress = Progress(show, host)
    try:
        request = remote.move_copies(wanted, throttle=rate, stall=STALL_SECONDS, going=going, leaving=sorted(leaving))
        done = call(host, request.at(bootstrap), progress.event)
    except (KeyboardInterrupt, ProvisionerError):
        show.warning(
            "what is under way goes on in the cluster, with its throttle; the same command goes on with the rest and "
            "takes the throttle off"
        )
        raise
    progress.end()
    show.host(host, "")
    for topic in done["skipped"]:
        show.warning(f"{topic} was deleted meanwhile")
    for broker, names in done["unaware"].items():
        show.warning(
            f"broker {broker} still answers clients with the old state of {counted(len(names), 'partition')} "
            f"({some(names)}): the controller has made all changes, and has not reached this broker yet; "
            "see `invoke status`"
        )
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
        if "text" in message:
            self._show.host(self._where, str(message["text"]))
        if "left" not in message:
            return
        self._total = max(self._total, int(message["bytes"]))
        if not self._total:
            self._show.host(self._where, f"{counted(message['left'], 'partition')} left")
            return
        self._show.host(self._where, "")
        missing, now = int(message["bytes_left"]), self._clock()
        if self._began is None or missing > self._began[1]:
            self._began = (now, missing)
        seconds, copied = now - self._began[0], self._began[1] - missing
        rate = copied / seconds if seconds > 0 else 0.0
        label = f"{counted(message['left'], 'partition')} left"
        if rate:
            label += f", {format_size(int(rate))}/s, {format_elapsed(missing / rate)} to go"
        # Never complete before the host says so: partitions are left even when no bytes are.
        self._show.progress(self.KEY, label, min(self._total - missing, self._total - 1), self._total)

    def end(self) -> None:
        """All is copied. May be called again."""
        if self._total:
            self._show.progress(self.KEY, "copied", self._total, self._total)
            self._total = 0
