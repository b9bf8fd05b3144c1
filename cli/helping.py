"""What is shown when somebody asks what there is: all verbs, by what they are for, and one verb's flags. Pure.

Invoke sorts verbs and flags by the alphabet. Here a verb's example comes first, with its flags, then the verb's own,
then those that all verbs share.
"""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Collection, Iterable, Mapping, Sequence

from cli.examples import EXAMPLES, SECTIONS
from cli.flags import Flag, Verbs

WIDEST = 32  # cells of the names of flags; a longer one has its words on the next line
MOST = 100  # cells of a line: more are hard to read

# Flags that many verbs share, the most used first.
SHARED = (
    *("--hosts", "--limit", "--extra-vars", "--ask-become-pass", "--accept-new-host-keys"),
    *("--vault-password-file", "--vault-id", "--ask-vault-pass"),
)

# What stands for the value of a flag.
VALUES: Mapping[str, str] = {
    "--hosts": "NAME",
    "--extra-vars": "KEY=VALUE",
    "--limit": "HOSTS",
    "--vault-password-file": "FILE",
    "--vault-id": "LABEL@FILE",
    "--tags": "ROLES",
    "--topic": "NAME",
    "--group": "NAME",
    "--user": "NAME",
    "--transactional-id": "NAME",
    "--operation": "OPERATION",
    "--address": "ADDRESS",
    "--format": "FORMAT",
    "--set": "NAME=VALUE",
    "--set-file": "NAME=FILE",
    "--unset": "NAME",
    "--name": "NAME",
    "--ask": "NAME",
    "--file": "FILE",
    "--out": "FILE",
    "--partitions": "N",
    "--replication-factor": "N",
    "--partition": "N",
    "--count": "N",
    "--lines": "N",
    "--level": "LEVEL",
    "--grep": "REGEX",
    "--records": "N",
    "--timeout": "TIME",
    "--since": "TIME",
    "--until": "TIME",
    "--before": "TIME",
    "--interval": "TIME",
    "--listen": "TIME",
    "--retention": "TIME",
    "--retention-bytes": "SIZE",
    "--size": "SIZE",
    "--throttle": "RATE",
    "--shrink": "HOSTS",
    "--drain": "HOSTS",
    "--broker": "BROKER",
    "--service": "SERVICE",
}


def overview(verbs: Verbs, program: str, width: int, groups: Collection[str] = ()) -> str:
    """All verbs by what they are for, or only those of some groups. program: as the command is called."""
    width = min(width, MOST)
    chosen = [(title, _of(verbs, names, groups)) for title, names in SECTIONS]
    widest = max(len(name) for _, names in chosen for name in names)
    lines: list[str] = []
    if not groups:
        about = "installs Kafka on your hosts over SSH, verifies it, and keeps it as your inventory describes it."
        lines += [*textwrap.wrap(f"{program} {about}", width), ""]
    for title, names in chosen:
        if names:
            lines.append(f"{title}:")
            for name in names:
                lines += _row(name, first_sentence(verbs.says(name)), widest, width)
            lines.append("")
    first = next((names[0] for _, names in chosen if names), "") if groups else "deploy"
    lines.append(f"Flags and an example: {program} help {first}")
    if not groups:
        lines.append(f"Completion for your shell: {program} completion bash|zsh|fish")
    return "\n".join(lines)


def page(verbs: Verbs, verb: str, program: str, width: int) -> str:
    """One verb: what it does, an example, its flags: those of the example, its own, those that many verbs share."""
    width = min(width, MOST)
    lines = [*textwrap.wrap(verbs.says(verb), width), ""]
    lines += ["Example:", f"  {program} {example(verb)}", ""]
    flags = verbs.flags(verb)
    used = [flag for word in shlex.split(example(verb)) for flag in flags if word in flag.typed]
    own = [flag for flag in flags if flag not in used and flag.name not in SHARED]
    rest = sorted((flag for flag in flags if flag not in used and flag.name in SHARED), key=_among_shared)
    rows = {title: [(spec(flag), _said(flag)) for flag in ones] for title, ones in _titled(used + own, rest)}
    widest = min(max((len(name) for ones in rows.values() for name, _ in ones), default=0), WIDEST)
    for title, ones in rows.items():
        lines.append(f"{title}:")
        for name, said in ones:
            lines += _row(name, said, widest, width)
        lines.append("")
    return "\n".join(lines[:-1])


def example(verb: str) -> str:
    """A command line of the verb, without the program."""
    return EXAMPLES.get(verb, f"{verb} --hosts prod3")


def spec(flag: Flag) -> str:
    """How a flag is typed: "-i, --hosts NAME"."""
    name = f"--[no-]{flag.name[2:]}" if flag.off else flag.name
    value = f" {VALUES.get(flag.name, 'VALUE')}" if flag.takes else ""
    return ", ".join([*(short for short in flag.names[1:] if len(short) == 2), f"{name}{value}"])


def first_sentence(text: str) -> str:
    """Up to the first full stop that ends a sentence."""
    return text.partition(". ")[0].removesuffix(".")


def _among_shared(flag: Flag) -> int:
    return SHARED.index(flag.name)


def _said(flag: Flag) -> str:
    also = [name for name in flag.names[1:] if len(name) > 2]
    default = "on" if flag.default is True else flag.default
    notes = [*(f"also {name}" for name in also), *([f"default: {default}"] if default not in ("", False) else [])]
    return f"{flag.help} ({'; '.join(notes)})" if notes else flag.help


def _titled(own: Sequence[Flag], shared: Sequence[Flag]) -> Iterable[tuple[str, Sequence[Flag]]]:
    both = (("Flags", own), ("Which hosts, which values, and how they are reached", shared))
    return [(title, ones) for title, ones in both if ones]


def _of(verbs: Verbs, names: Iterable[str], groups: Collection[str]) -> list[str]:
    found = [one for name in names for one in (verbs.of(name) if name in verbs.groups else [name])]
    return [one for one in found if one in verbs.names and (not groups or one.partition(".")[0] in groups)]


def _row(name: str, said: str, widest: int, width: int) -> list[str]:
    """`  name   what it is`, in so many lines as are needed; the name alone when it is too long."""
    indent = " " * (widest + 4)
    wrapped = textwrap.wrap(said, max(width - len(indent), 24)) or [""]
    if len(name) > widest:
        return [f"  {name}", *(indent + line for line in wrapped)]
    return [f"  {name.ljust(widest)}  {wrapped[0]}".rstrip(), *(indent + line for line in wrapped[1:])]
