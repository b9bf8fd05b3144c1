"""Completion: what may stand where the cursor is. The shell asks `PROGRAM --complete -- PROGRAM WORDS`, of which the
last one is being typed, and gets a candidate a line, with what it is behind a tab. Pure but for `lines` and `script`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from cli.flags import Flag, Verbs
from cli.helping import first_sentence
from cli.known import LISTS, Names

SCRIPTS = Path(__file__).parent / "completion"
SHELLS = ("bash", "zsh", "fish")
HERE = {"help": "the flags of a verb, and an example", "completion": "the script of a shell: bash, zsh, fish"}

# (flag without dashes, what --hosts is, verb) -> what the value may be
Values = Callable[[str, str, str], Names]


def script(shell: str, program: str) -> str:
    """What a shell reads to complete the program's words."""
    name = re.sub(r"\W", "_", program)
    return (SCRIPTS / shell).read_text(encoding="utf-8").format(program=program, name=name).rstrip("\n")


def lines(words: Sequence[str], verbs: Verbs) -> list[str]:
    """The candidates for `-- PROGRAM WORDS`, on this machine. What cannot be read offers nothing, and no traceback is
    written into somebody's prompt."""
    from cli.known import Local
    from cli.project import project
    from provisioner.errors import ProvisionerError

    def values(flag: str, hosts: str, verb: str) -> Names:
        try:
            return Local(project(), hosts, verb).of(flag)
        except (ProvisionerError, OSError, ValueError, KeyError):
            return {}

    typed = [*words[2:]] or [""]
    return [f"{name}\t{said}" if said else name for name, said in candidates(typed, verbs, values).items()]


def candidates(words: Sequence[str], verbs: Verbs, values: Values) -> dict[str, str]:
    """{what may stand in the place of the last word: what it is}. Pure."""
    (*before, word), cut = _joined(words)
    found = _candidates(before, word, verbs, values)
    return {name[cut:]: said for name, said in found.items() if name.startswith(word)}


def _joined(words: Sequence[str]) -> tuple[list[str], int]:
    """The words, and how much of the last one the shell does not see: bash takes `--set=a` for the three words `--set`,
    `=` and `a`, and `web:!b` for `web`, `:` and `!b`."""
    whole: list[str] = []
    cut = 0
    for number, word in enumerate(words):
        separator = bool(re.fullmatch(r"[=:]+", word))
        after = number > 0 and bool(re.fullmatch(r"[=:]+", words[number - 1]))
        if whole and (separator or after):
            cut = len(whole[-1]) + (len(word) if separator else 0)
            whole[-1] += word
        else:
            cut = 0
            whole.append(word)
    return whole, cut


def _candidates(before: Sequence[str], word: str, verbs: Verbs, values: Values) -> Mapping[str, str]:
    verb, flag, given = _read(before, verbs)
    if before[:1] == ["completion"]:
        return dict.fromkeys(SHELLS, "")
    if not verb:
        names = {name: first_sentence(verbs.says(name)) for name in verbs.names}
        groups = dict.fromkeys(verbs.groups, "") if before[:1] == ["help"] else HERE
        return {**names, **groups}
    hosts = given.get("--hosts", "")
    typed, separator, begun = word.partition("=")
    if flag is None and separator and (own := verbs.find(verb, typed)) and own.takes:
        return {f"{typed}={name}": said for name, said in _values(own, begun, hosts, verb, values).items()}
    if flag is not None:
        return _values(flag, word, hosts, verb, values)
    free = [one for one in verbs.flags(verb) if one.many or one.name not in given]
    return {name: one.help for one in free for name in one.typed if len(name) > 2} | {"--help": "the flags, an example"}


def _values(flag: Flag, begun: str, hosts: str, verb: str, values: Values) -> Mapping[str, str]:
    """Of a list, what may follow its last comma, with what is before it."""
    name = flag.name[2:]
    known = values(name, hosts, verb)
    head, comma, _ = begun.rpartition(",") if name in LISTS else ("", "", "")
    there = head.split(",")
    return {f"{head}{comma}{one}": said for one, said in known.items() if one not in there}


def _read(before: Iterable[str], verbs: Verbs) -> tuple[str, Flag | None, dict[str, str]]:
    """Of the words before the last one: the verb; the flag that waits for its value; {flag: value} of what is given."""
    verb, waiting = "", None
    given: dict[str, str] = {}
    for word in before:
        if waiting is not None:
            given[waiting.name], waiting = word, None
        elif word in verbs.names:
            verb, given = word, {}
        elif verb and word.startswith("-"):
            typed, separator, value = word.partition("=")
            flag = verbs.find(verb, typed)
            if flag:
                given[flag.name] = value
                waiting = flag if flag.takes and not separator else None
    return verb, waiting, given
