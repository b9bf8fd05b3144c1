"""Values of settings from the command line, or, for secrets, from a file, standard input or a question.

What stands on a command line is in the list of processes, which everybody on this machine can read, and in the shell's
history.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from cli.asking import secret
from cluster.settings.rules import assignments
from provisioner.errors import UsageError
from provisioner.secrets import is_secret

LIMIT = 1 << 20  # characters of a value


def given(sets: Sequence[str], files: Sequence[str], asked: Sequence[str]) -> dict[str, str]:
    """{name: value} of --set, --set-file and --ask. Raises UsageError."""
    found = assignments(sets)
    for name in filter(is_secret, found):
        where = "in the list of processes and in your shell's history"
        print(f"note: {name} is {where}: use --ask or --set-file", file=sys.stderr)
    names = [*found]
    for one in files:
        name, separator, place = one.partition("=")
        if not separator or not name.strip() or not place:
            raise UsageError(f"--set-file {name}: this is not NAME=FILE", advice="as in --set-file ssl.key.password=F")
        found[name.strip()] = _content(name.strip(), place)
        names.append(name.strip())
    for name in asked:
        found[name] = _answer(name)
        names.append(name)
    if len(names) != len(found):
        twice = next(name for name in names if names.count(name) > 1)
        raise UsageError(f"{twice} is given twice")
    return found


def _content(name: str, place: str) -> str:
    """A file's text without its last end of line."""
    try:
        text = sys.stdin.read(LIMIT + 1) if place == "-" else Path(place).expanduser().read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--set-file {name}: {place} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"--set-file {name}: {place} is not UTF-8 text") from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text or len(text) > LIMIT:
        raise UsageError(f"--set-file {name}: {place} is {'too large' if text else 'empty'}")
    return text


def _answer(name: str) -> str:
    if not sys.stdin.isatty():
        raise UsageError(f"--ask {name}: there is no terminal to ask on", advice=f"use --set-file {name}=- or a file")
    value = secret(f"{name}: ")
    if not value:
        raise UsageError(f"--ask {name}: nothing was typed")
    return value
