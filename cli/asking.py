"""Asks the person at the terminal before something that cannot be taken back, and for passwords."""

from __future__ import annotations

import getpass
import sys
import unicodedata

from provisioner.errors import UsageError
from provisioner.report.reporter import Reporter

# In English; in Korean; and what the keys y, or y e s, write while the keyboard is set to Korean.
YES = ("y", "yes", "네", "예", "ㅛ", "ㅛㄷㄴ")


def terminal() -> bool:
    """Whether somebody is there to ask."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def ask(question: str) -> bool:
    """The answer to a yes/no question. No answer is no: also the end of input (Ctrl-D), and bytes that are no text."""
    try:
        answer = input(f"{question} [y/N] ")
    except (EOFError, UnicodeDecodeError):
        print()  # the cursor still stands behind the question
        return False
    return unicodedata.normalize("NFC", answer).strip().lower() in YES


def secret(prompt: str) -> str:
    """What is typed without being shown. Raises UsageError at the end of input (Ctrl-D)."""
    try:
        return getpass.getpass(prompt)
    except EOFError:
        print(file=sys.stderr)
        raise UsageError(f"{prompt}nothing was typed") from None


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
