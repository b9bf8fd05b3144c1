"""Notices that nobody reads standard output any more, also while there is nothing to write: `consume | head -1`.

Writing to a pipe without a reader fails; but a verb that waits for the next record may not write for hours.
"""

from __future__ import annotations

import os
import select
import stat
import sys
import threading
from collections.abc import Callable


def watched(gone: Callable[[], None], file: int | None = None) -> None:
    """Call `gone`, in a thread of its own, as soon as the reader of standard output has gone. Only pipes and sockets
    have one that can go. file: another descriptor than standard output's."""
    descriptor = _standard_output() if file is None else file
    if descriptor is None:
        return
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
        threading.Thread(target=_wait, args=(descriptor, gone), name="reader", daemon=True).start()


def _standard_output() -> int | None:
    try:
        return sys.stdout.fileno()
    except (AttributeError, OSError, ValueError):  # closed, or no file at all
        return None


def _wait(descriptor: int, gone: Callable[[], None]) -> None:
    poll = select.poll()
    poll.register(descriptor, 0)  # no event is asked for: an error and a hang-up are reported anyway
    poll.poll()
    gone()
