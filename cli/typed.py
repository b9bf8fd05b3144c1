"""What somebody typed, before Invoke reads it: a verb or a flag that almost is one, and a reader that leaves.

Invoke answers a misspelt verb with "No idea what 'deploi' is!", and `invoke --list | head` with a traceback. Both are
decided while tasks.py is read, by what is public of Invoke: its tasks, and the flags of each. What is not understood
here is left to Invoke.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from invoke import Collection, Program
from invoke.tasks import Task

PROGRAMS = ("invoke", "inv", "kafka-provisioner")


def prepare(namespace: Collection, argv: Sequence[str]) -> None:
    """For a command line of ours: end with a word about the nearest verb or flag, and let a list's reader leave."""
    if not argv or _program(argv[0]) not in PROGRAMS:
        return
    words = list(argv[1:])
    if lists(words):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # nothing is at work that had to be ended in order
    said = misspelt(words, namespace)
    if said:
        print(said.replace("`invoke ", f"`{_program(argv[0])} "), file=sys.stderr)
        sys.exit(1)


def _program(path: str) -> str:
    """What was typed: the command's name, or the module's after `python -m`."""
    place = Path(path)
    return (place.parent.name if place.name == "__main__.py" else place.name).replace("_", "-")


def lists(words: Sequence[str]) -> bool:
    """Whether only verbs or flags are shown. Pure."""
    return not words or words[0] in ("-l", "--list", "-h", "--help") or words[-1] in ("-h", "--help")


def misspelt(words: Sequence[str], namespace: Collection) -> str:
    """What to say of the first verb or flag that is none and has a near one; "" for all else. Pure."""
    if not words or words[0].startswith("-"):  # Invoke's own flags, before the verbs
        return ""
    tasks = _tasks(namespace)
    flags: Mapping[str, bool] = {}
    verb, left = "", list(words)
    while left:
        word = left.pop(0)
        if not word.startswith("-"):
            if word not in tasks:
                return _near(word, tasks, f"there is no verb {word}", "`invoke --list` shows the verbs")
            verb, flags = word, _flags(tasks[word])
            continue
        flag, value, _ = word.partition("=")
        if flag not in flags:
            return _near(flag, flags, f"{verb} has no flag {flag}", f"`invoke --help {verb}` shows its flags")
        if flags[flag] and not value and left:
            left.pop(0)
    return ""


def _near(word: str, known: Iterable[str], summary: str, advice: str) -> str:
    from provisioner.words import nearest

    begun = [name for name in known if name.startswith(word) and word not in ("", "-", "--")]
    near = begun[0] if len(begun) == 1 else nearest(word, known)
    return f"{summary}; did you mean {near}?\n  -> {advice}" if near else ""


def _tasks(namespace: Collection) -> Mapping[str, Task[Any]]:
    """{name as it is typed: task}."""
    return {name: namespace[name] for name in namespace.task_names}


def _flags(task: Task[Any]) -> Mapping[str, bool]:
    """{flag: whether a value follows it} of a verb, those included that Invoke understands everywhere."""
    program = Program()
    found = {
        f"--{name}" if len(name) > 1 else f"-{name}": argument.takes_value
        for argument in (*program.core_args(), *program.task_args())
        for name in argument.names
    }
    # Not the task's own arguments: asking for them takes the help from what Invoke shows later.
    for name, one in task.argspec(task.body).parameters.items():
        flag = f"--{name.strip('_').replace('_', '-')}"
        found[flag] = not isinstance(one.default, bool)
        if one.default is True:
            found[f"--no-{flag[2:]}"] = False
    return found
