"""status --watch: throughput, lag and health of a cluster, again and again, over the connections that are open.

Every broker's host is asked for a sample when an interval begins, and answers over the stream that it was given at the
start. This side keeps the time, so that nothing goes on there when nobody looks here.
"""

from __future__ import annotations

import contextlib
import itertools
import re
import select
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol

from cli import reader, screen
from cli.cluster import opened
from cli.common import Run, for_machines
from cli.tables import watch as pages
from cli.watchers import Watchers
from cluster.live.picture import Picture
from provisioner.errors import ProvisionerError, Unreachable, UsageError
from provisioner.quantities import parse_duration

PATIENCE = 1.5  # seconds that a picture waits for the last sample
SHORTEST = 0.5  # seconds of an interval
INTERVAL = 2.0
STEP_SECONDS = 0.5  # a Ctrl-C that comes just as a wait begins, and a reader that has gone, are noticed at its end

Document = Mapping[str, Any]


def watch(run: Run, interval: str, count: str, as_json: bool) -> int:
    """Show the cluster until q, Ctrl-C or the last interval; the exit code: 0, however the cluster is.

    Raises UsageError for flags that mean nothing, and where no host is reached what connecting to them raises.
    """
    seconds, rounds = interval_of(interval), count_of(count)
    with opened(run) as cluster:
        wanted = {host.name for host in cluster.hosts.members}
        hosts = {host.name: host for host in cluster.brokers.values() if host.name in wanted}
        if not hosts:
            raise UsageError(f"--limit {cluster.hosts.options.limit} leaves no broker")
        targets = cluster.hosts.connect(hosts.values())
        if not targets:
            targets.check()
        for name in hosts:
            cluster.show.host(name, "")
        picture = cluster.picture(hosts, time.monotonic())
        watchers = Watchers(cluster, hosts, targets)
        watching = Watching(picture, watchers, list(hosts), {"interval_seconds": seconds, "inventory": run.hosts})
        for name, error in targets.errors.items():
            watching.lose(name, error)
        with contextlib.suppress(screen.Quit, KeyboardInterrupt), watchers:
            if screen.fits() and not as_json:
                with cluster.show.paused(), screen.Screen(watchers.wake) as terminal:
                    watching.run(OnScreen(terminal), seconds, rounds)
            else:
                watching.run(AsLines(watchers.wake, cluster.show.note, as_json), seconds, rounds)
    return 0


class Show(Protocol):
    """Where pictures go."""

    def see(self, found: Document, number: int) -> None:
        """Show a picture. number: counted from 0; the first one has no rates yet."""

    def wait(self, seconds: float) -> None:
        """Until something has come from a host, or the time is over."""


class Watching:
    """Asks in time, and puts together what comes. about: what every document begins with, but for its time."""

    def __init__(self, picture: Picture, watchers: Watchers, hosts: list[str], about: Document) -> None:
        self._picture, self._watchers, self._hosts, self._about = picture, watchers, hosts, about

    def lose(self, host: str, error: ProvisionerError) -> None:
        """A host cannot be asked."""
        kind = "unreachable: " if isinstance(error, Unreachable) else ""
        self._picture.lose(host, f"{kind}{error.summary}", time.monotonic())

    def run(self, show: Show, seconds: float, rounds: int | None) -> None:
        """Show a picture at once, and one in every interval. seconds: of an interval; rounds: how many, None: until
        something is raised."""
        due = time.monotonic()
        self._hear()
        for number in itertools.count():
            if number:  # streams begin with a sample
                self._ask()
            self._take(show, due + min(PATIENCE, seconds), lambda: not self._picture.missing())
            show.see(self._document(), number)
            if number == rounds:
                return
            due = max(due + seconds, time.monotonic())  # what was missed, as after Ctrl-Z, is not made up for
            self._take(show, due)

    def _ask(self) -> None:
        asker = self._picture.asker()
        for host in self._hosts:
            if not self._picture.owes(host) and self._watchers.ask(host, quorum=host == asker):
                self._picture.ask(host, time.monotonic())

    def _take(self, show: Show, until: float, enough: Callable[[], bool] = lambda: False) -> None:
        """What comes until then, or until it is enough."""
        while not enough() and (left := until - time.monotonic()) > 0:
            show.wait(left)
            self._hear()

    def _hear(self) -> None:
        for host, news in self._watchers.news():
            now = time.monotonic()
            if news is None:  # a stream begins with a sample
                self._picture.ask(host, now)
            elif isinstance(news, ProvisionerError):
                self.lose(host, news)
            else:
                self._picture.hear(host, news, now)

    def _document(self) -> Document:
        now = datetime.now().astimezone().isoformat(timespec="seconds")
        return {"time": now, **self._about, **self._picture.view(time.monotonic())}


class OnScreen:
    """On all of a terminal."""

    def __init__(self, terminal: screen.Screen) -> None:
        self._terminal = terminal
        self._last: Document | None = None
        self._news: list[str] = []

    def see(self, found: Document, number: int) -> None:
        if self._last is not None:
            self._news += [f"{clock(found)} {text}" for text in pages.news(self._last, found)]
            del self._news[: -pages.NEWS]
        self._last = found
        self._draw()

    def wait(self, seconds: float) -> None:
        if self._terminal.wait(seconds):
            self._draw()

    def _draw(self) -> None:
        if self._last is not None:
            self._terminal.draw(pages.screen(self._last, *self._terminal.size, self._news))


class AsLines:
    """A line for each interval, on standard output. wake: as `Watchers.wake`; note: shows what has happened."""

    def __init__(self, wake: int, note: Callable[[str], None], as_json: bool) -> None:
        self._note, self._json = note, as_json
        self._last: Document | None = None
        self._gone = threading.Event()
        self._wake = select.poll()
        self._wake.register(wake, select.POLLIN)
        reader.watched(self._gone.set)

    def see(self, found: Document, number: int) -> None:
        if self._last is not None:
            for text in pages.news(self._last, found):
                self._note(f"{clock(found)} {text}")
        self._last = found
        if number == 0 and not self._json:
            print(pages.heads(), flush=True)
        if number > 0:
            print(for_machines(found, indent=None) if self._json else pages.line(found), flush=True)

    def wait(self, seconds: float) -> None:
        self._wake.poll(min(seconds, STEP_SECONDS) * 1000)
        if self._gone.is_set():
            raise BrokenPipeError


def clock(found: Document) -> str:
    """The time of day of a document."""
    return str(found["time"])[11:19]


def interval_of(text: str) -> float:
    """--interval in seconds: a number of them, or a duration. Raises UsageError. Pure."""
    try:
        seconds = (
            float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else parse_duration(text) / 1000 if text else INTERVAL
        )
    except ValueError as error:
        raise UsageError(f"--interval: {error}", details=["write it like 5 or 5s or 1m"]) from None
    if seconds < SHORTEST:
        raise UsageError(f"--interval is {text}; at least {SHORTEST:g} s")
    return seconds


def count_of(text: str) -> int | None:
    """--count: how many intervals, None for no end. Raises UsageError. Pure."""
    if text and not re.fullmatch(r"[1-9]\d{0,8}", text):
        raise UsageError(f"--count is {text}; it is a number of intervals, 1 or more")
    return int(text) if text else None
