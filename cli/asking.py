"""Asks the person at the terminal before something that cannot be taken back."""

from __future__ import annotations

import sys

from provisioner.errors import UsageError
from provisioner.report.reporter import Reporter


def terminal() -> bool:
    """Whether somebody is there to ask."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def ask(question: str) -> bool:
    """The answer to a yes/no question; nothing is no."""
    return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")


def confirm(show: Reporter, question: str, yes: bool, otherwise: str) -> None:
    """Go on after a yes, or with --yes. Raises UsageError after a no, and where there is no terminal to ask at.

    otherwise: what that means: "nothing was deleted".
    """
    if yes:
        return
    if not terminal():
        raise UsageError(f"{otherwise}: there is no terminal to ask at", advice="add --yes to go ahead")
    with show.paused():
        agreed = ask(question)
    if not agreed:
        raise UsageError(otherwise)
