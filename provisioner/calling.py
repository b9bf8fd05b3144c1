"""How this program was called, so that advice can be typed as it is shown: `invoke status` in a clone, and another name
where the package is installed and `invoke` would find no tasks."""

from __future__ import annotations

import re

USUAL = "invoke"  # what the texts of this project say
_COMMAND = re.compile(rf"`{USUAL} (?=[a-z])")
_called = USUAL


def call_it(name: str) -> None:
    """From now on, commands in advice begin with this name."""
    global _called
    _called = name


def spoken(text: str) -> str:
    """A text of ours, its commands as they can be typed here."""
    return text if _called == USUAL else _COMMAND.sub(f"`{_called} ", text)
