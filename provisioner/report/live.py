"""The report on a terminal: lines that stay, and below them a live area with one line per host and per transfer.

The live area appears only when a run takes longer than a moment: a deploy that changes nothing is over before, and
neither flickers nor waits for `import rich` (40 ms). Until then lines are coloured by hand.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TextIO

from provisioner.errors import ProvisionerError
from provisioner.quantities import format_size
from provisioner.report import cells
from provisioner.report.lines import LineReporter, clean, put
from provisioner.report.reporter import End
from provisioner.report.terminal import Span, terminal

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

_BAR = 20


class LiveReporter(LineReporter):
    """delay: seconds until the live area appears."""

    def __init__(
        self,
        stream: TextIO,
        errors: TextIO | None = None,
        *,
        delay: float = 0.4,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream, self._errors = stream, errors or sys.stderr
        self._delay, self._clock = delay, clock
        # Two locks: rich's redrawing thread asks for the state while a writing thread waits for rich.
        self._output = threading.RLock()
        self._state = threading.Lock()
        self._hosts: dict[str, tuple[str, float]] = {}
        self._transfers: dict[str, tuple[str, int, int | None]] = {}
        self._live: Live | None = None
        self._timer: threading.Timer | None = None
        self._wanted = False  # the moment has passed, and the run is not over
        self._pauses = 0

    def __enter__(self) -> LiveReporter:
        self._timer = threading.Timer(self._delay, self._begin)
        self._timer.daemon = True
        self._timer.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._timer:
            self._timer.cancel()
        with self._output:
            self._timer, self._wanted = None, False
            self._hide()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        with self._output:
            self._pauses += 1
            self._hide()
        try:
            yield
        finally:
            with self._output:
                self._pauses -= 1
                self._show()

    def host(self, name: str, text: str) -> None:
        with self._state:
            if not text:
                self._hosts.pop(name, None)
            elif self._hosts.get(name, ("",))[0] != text:
                self._hosts[name] = (text, self._clock())

    def progress(self, key: str, label: str, done: int, total: int | None) -> None:
        with self._state:
            if total is not None and done >= total:
                self._transfers.pop(key, None)
            else:
                self._transfers[key] = (label, done, total)

    def error(self, error: ProvisionerError) -> None:
        super().error(error)
        with self._state:
            self._transfers.clear()  # what failed will not go on

    def recap(self, end: End) -> None:
        with self._output:
            self._wanted = False
            self._hide()
        super().recap(end)

    def _begin(self) -> None:
        import rich.live  # noqa: F401  before the lock, so that no thread waits for it

        with self._output:
            if self._timer is not None:
                self._wanted = True
                self._show()

    def _show(self) -> None:
        if self._live is not None or not self._wanted or self._pauses:
            return
        from rich.console import Console
        from rich.live import Live

        console = Console(file=self._stream, highlight=False, markup=False, emoji=False)
        self._live = Live(
            console=console,
            get_renderable=lambda: self._area(console.width),
            transient=True,
            refresh_per_second=8,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()

    def _hide(self) -> None:
        live, self._live = self._live, None
        if live is not None:
            live.stop()

    def _area(self, width: int) -> Text:
        from rich.text import Text

        with self._state:
            hosts, transfers = dict(self._hosts), list(self._transfers.values())
        lines = area_lines(hosts, transfers, width, self._clock())
        text = Text("\n", no_wrap=True, overflow="ellipsis").join(
            Text.assemble(*map(_for_rich, line)) for line in lines
        )
        text.no_wrap, text.overflow = True, "ellipsis"
        return text

    def _write(self, line: list[Span]) -> None:
        with self._output:
            if self._live is None:
                for text in terminal(self._stream).lines(*line):
                    put(self._stream, text)
                return
            from rich.text import Text

            for part in terminal(self._stream).folded(line):
                self._live.console.print(Text.assemble(*map(_for_rich, part)), soft_wrap=True)

    def _complain(self, lines: list[list[Span]]) -> None:
        """To stderr, which on a terminal is the same screen: the live area makes room."""
        with self.paused():
            for line in lines:
                for text in terminal(self._errors).lines(*line):
                    put(self._errors, text)


def area_lines(
    hosts: dict[str, tuple[str, float]],
    transfers: Sequence[tuple[str, int, int | None]],
    width: int,
    now: float,
) -> list[list[Span]]:
    """The live area: `  node1  restarting app.service  12 s` per host, then a bar per transfer; `width` columns."""
    column = min(max((cells.width(clean(name)) for name in hosts), default=0), max(width // 3, 8))
    lines: list[list[Span]] = []
    for name, (text, since) in hosts.items():
        waited = f"  {now - since:.0f} s" if now - since >= 2 else ""
        room = max(width - column - 4 - len(waited), 8)
        head = cells.padded(_cut(clean(name), column), column)
        lines.append([("bold", f"  {head}  "), ("", _cut(clean(text), room)), ("dim", waited)])
    for label, done, total in transfers:
        lines.append(bar_line(label, done, total, width))
    return lines


def bar_line(label: str, done: int, total: int | None, width: int) -> list[Span]:
    """A transfer on one line of `width` columns: label, bar, share and size; in a narrow window no bar."""
    share = f" {100 * done // total:3d} %" if total else ""
    amount = f" {format_size(done)}" + (f" of {format_size(total)}" if total and width >= 80 else "")
    bar: list[Span] = []
    taken = 2 + len(share) + len(amount)
    if total and width >= 60:
        filled = min(_BAR, _BAR * done // total)
        bar = [("", "  "), ("green", "━" * filled), ("dim", "━" * (_BAR - filled))]
        taken += 2 + _BAR
    text = _cut(clean(label), max(width - taken, 8))
    return [("", f"  {text}"), *bar, ("", share), ("dim", amount)]


def _for_rich(span: Span) -> tuple[str, str]:
    return span[1], span[0]


def _cut(text: str, width: int) -> str:
    return cells.cut(" ".join(text.split()), width)
