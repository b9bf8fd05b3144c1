"""Asks the person at the terminal before something that cannot be taken back."""

from __future__ import annotations

import sys

from provisioner.errors import UsageError
from provisioner.report import Reporter


def confirm(show: Reporter, question: str, yes: bool, otherwise: str) -> None:
    """Go on after a yes, or with --yes. Raises UsageError else, and where there is no terminal to ask at.

    otherwise: what that means: "nothing was deleted".
    """
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(f"{otherwise}: there is no terminal to ask at", advice="to go ahead, add --yes")
    with show.paused():
        answer = input(f"{question} [y/N] ")
    if answer.strip().lower() not in ("y", "yes"):
        raise UsageError(otherwise)
