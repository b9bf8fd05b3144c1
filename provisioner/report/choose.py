"""Which report fits: live lines on a terminal, plain ones elsewhere (a file, CI, NO_COLOR)."""

from __future__ import annotations

import sys
from typing import TextIO

from provisioner.report.plain import PlainReporter
from provisioner.report.reporter import Reporter
from provisioner.report.terminal import plain_wanted


def reporter(stream: TextIO | None = None) -> Reporter:
    """The reporter that fits `stream` (stdout when None)."""
    stream = stream or sys.stdout
    unicode = (stream.encoding or "").lower().replace("-", "").startswith("utf")
    if plain_wanted() or not unicode or not stream.isatty():
        return PlainReporter(stream)
    from provisioner.report.live import LiveReporter

    return LiveReporter(stream)
