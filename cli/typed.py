"""What is typed, before Invoke reads it: who asks what there is gets it by what it is for, who mistyped gets what was
meant, and a shell that completes gets the rest of the word.

In a clone it is asked while Invoke reads tasks.py, the only place where the project has a word in what `invoke` does;
the command `kafka-provisioner` asks by itself. What is a run of verbs is left to Invoke.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from invoke import Collection as Namespace

from cli.flags import Verbs

INVOKE = ("invoke", "inv")
LISTS: tuple[list[str], ...] = (["-l"], ["--list"], ["-h"], ["--help"], ["help"], [])
WRONG = 1  # exit code of every mistake on a command line


class Answer(NamedTuple):
    """What is shown instead of a run of verbs, and with which exit code: on standard error where that is not 0."""

    text: str
    code: int = 0


def prepare(namespace: Namespace, argv: Sequence[str], programs: Sequence[str] = INVOKE) -> None:
    """For a command line of these programs that no verb answers: show the answer and end the program."""
    if not argv or program(argv[0]) not in programs:
        return
    found = answer(list(argv[1:]), Verbs(namespace), program(argv[0]))
    if found is None:
        return
    if not found.code:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # a list's reader may leave: nothing is at work
    if found.text:
        print(found.text, file=sys.stderr if found.code else sys.stdout)
    sys.exit(found.code)


def program(path: str) -> str:
    """What was typed: the command's name, or the module's after `python -m`."""
    place = Path(path)
    return (place.parent.name if place.name == "__main__.py" else place.name).replace("_", "-")


def answer(words: list[str], verbs: Verbs, called: str) -> Answer | None:
    """What to show for a command line; None where it is for Invoke to run it. called: the program's name."""
    if words[:1] == ["--complete"]:
        from cli import completing

        return Answer("\n".join(completing.lines(words[1:], verbs)))
    if words[:1] == ["completion"]:
        from cli import completing

        return _shell(words[1:], called)
    if words in LISTS or words[:1] == ["help"] or words[0] in ("-h", "--help"):
        return _help([word for word in words if word not in ("-h", "--help", "-l", "--list", "help")], verbs, called)
    from cli import meant

    found = meant.read(words, meant.Known(verbs, called, _names))
    if isinstance(found, meant.Help):
        return _help([found.verb], verbs, called)
    return Answer(f"{found.summary}\n  -> {found.advice}", WRONG) if found else None


def _help(words: list[str], verbs: Verbs, called: str) -> Answer:
    """The help of what the words name: nothing, a verb, or a group of verbs."""
    import shutil  # most command lines are no question

    from cli import helping, meant

    width = shutil.get_terminal_size().columns
    if not words:
        return Answer(helping.overview(verbs, called, width))
    if words[0] in verbs.names:
        return Answer(helping.page(verbs, words[0], called, width))
    if words[0] in verbs.groups:
        return Answer(helping.overview(verbs, called, width, words[:1]))
    wrong = meant.read(words[:1], meant.Known(verbs, called, _names))
    return Answer(f"{wrong.summary}\n  -> {wrong.advice}" if isinstance(wrong, meant.Wrong) else "", WRONG)


def _shell(words: list[str], called: str) -> Answer:
    """The script of a shell's completion."""
    from cli import completing

    if len(words) == 1 and words[0] in completing.SHELLS:
        return Answer(completing.script(words[0], called))
    said = f"there is no completion for {' '.join(words)}" if words else "completion of which shell?"
    commands = ", ".join(f"`{called} completion {one}`" for one in completing.SHELLS)
    return Answer(f"{said}\n  -> one of: {commands}", WRONG)


def _names(kind: str) -> Collection[str]:
    """What there is of a kind, on this machine."""
    if kind == "inventories":
        from cli.project import project
        from provisioner.inventory import naming

        return naming.names(project())
    from roles import site

    return site.SERVICES if kind == "services" else [role.name for role in site.ROLES]
