"""What somebody meant who typed what is no command line of ours: a verb or a flag that almost is one, a flag of another
verb, a value without its flag or a flag without its value. Pure.

Invoke would say "No idea what 'orders' is!" of all of these. What is right, and what only Invoke knows, is left to it.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple

from cli.examples import ELSEWHERE, EXAMPLES, FLAGS_ELSEWHERE
from cli.flags import Flag, Verbs, core
from cli.helping import example, spec
from provisioner.words import NEAR, some

HELP = ("-h", "--help")
# Invoke's flags that ask for no verb, or take what follows for themselves.
APART = ("--complete", "--list", "-l", "--version", "-V", "--print-completion-script", "--help", "-h")
INVENTORY_FILE = (".yml", ".yaml", ".ini", ".json")


class Known:
    """What a word may be beside a verb or a flag. program: as the command was called; names: of the "inventories",
    "services" and "roles" that there are, asked for only when something is wrong."""

    def __init__(self, verbs: Verbs, program: str, names: Callable[[str], Collection[str]]) -> None:
        self.verbs, self.program, self.names = verbs, program, names

    @property
    def inventories(self) -> Collection[str]:
        return self.names("inventories")

    @property
    def services(self) -> Collection[str]:
        return self.names("services")


class Wrong(NamedTuple):
    """What is wrong with a command line, and what to type. advice: a command, or what shows more."""

    summary: str
    advice: str


class Help(NamedTuple):
    """That the flags of a verb are asked for."""

    verb: str


class _Line:
    """A command line while it is read. done: the words that are right, left: those to come."""

    def __init__(self, known: Known, words: Sequence[str]) -> None:
        self.known, self.left = known, list(words)
        self.done: list[str] = []
        self.verb = ""

    def command(self, *words: str) -> str:
        """A command line as it would be typed; secrets that were typed are not said again."""
        return f"`{shlex.join([self.known.program, *map(_shown, words)])}`"


def read(words: Sequence[str], known: Known) -> Wrong | Help | None:
    """What is to be said of a command line; None where it is for Invoke to run it."""
    line = _Line(known, words)
    found: Wrong | Help | bool | None = _before(line)
    while found is None and line.left:
        word = line.left.pop(0)
        if word == "--":  # what follows is nobody's
            return None
        found = _flag(line, word) if word.startswith("-") and word != "-" else _word(line, word)
    return None if isinstance(found, bool) else found


def _before(line: _Line) -> Wrong | bool | None:
    """Invoke's own flags, before the first verb; True where they leave nothing to look at."""
    while line.left and line.left[0].startswith("-"):
        word = line.left[0]
        flag = next((one for one in core() if word.partition("=")[0] in one.typed), None)
        if flag is None:
            return _verb_first(line, word)
        if set(flag.names) & set(APART):
            return True
        line.left.pop(0)
        if flag.takes and "=" not in word and line.left:
            line.left.pop(0)
    return None


def _verb_first(line: _Line, word: str) -> Wrong:
    """A flag of a verb before the verb: `-hosts prod3`, `--hosts prod3 status`."""
    verbs = line.known.verbs
    later = next((one for one in line.left if one in verbs.names), "")
    typed, separator, value = word.partition("=")
    name = next((one for one in (typed, f"-{typed}") if verbs.having(one)), "")
    rest = line.left[1:]
    if not name:
        said = f"there is no flag {typed}" + _meant(_nearest(typed, [flag for flag in _all(verbs) if len(flag) > 2]))
        return Wrong(said, f"a verb comes first, then its flags: {line.command(*shlex.split(example('status')))}")
    verb = later or next(one for one in ("status", *verbs.having(name)) if verbs.find(one, name))
    if later:
        rest.remove(later)
    flag = verbs.find(verb, name)
    typed_again = [f"{name}={value}"] if separator else [name]
    if flag and flag.takes and not separator and not rest:
        rest = [_some_value(flag, verb, line.known)]
    return Wrong(f"{typed} stands before the verb", f"a verb comes first: {line.command(verb, *typed_again, *rest)}")


def _word(line: _Line, word: str) -> Wrong | None:
    """A word that is no flag and no flag's value: a verb, or a value whose flag was forgotten."""
    verbs = line.known.verbs
    if word in verbs.names:
        line.verb = word
        line.done.append(word)
        return None
    if not line.verb:
        return _no_verb(line, word)
    has = verbs.find
    wanted = [
        ("--hosts", word in line.known.inventories or word.endswith(INVENTORY_FILE)),
        ("--service", word in line.known.services),
        ("--tags", word in line.known.names("roles")),
        ("--set", "=" in word),
        ("--extra-vars", "=" in word),
        ("--topic", not _nearest(word, verbs.names)),
        ("--group", not _nearest(word, verbs.names)),
        ("--broker", word.isdigit()),
    ]
    flag = next((flag for flag, fits in wanted if fits and has(line.verb, flag)), "")
    if flag:
        while flag == "--topic" and line.left and not line.left[0].startswith("-"):
            word += f",{line.left.pop(0)}"
        command = line.command(*line.done, flag, word, *line.left)
        return Wrong(f"{_shown(word)} stands alone: a value comes after its flag", f"did you mean {command}?")
    near = _nearest(word, verbs.names)
    if near:
        return Wrong(f"there is no verb {word}{_meant(near)}", _shows(line, "", "the verbs"))
    return Wrong(
        f"{word} stands alone: {line.verb} takes flags, each with its name",
        f"as in {line.command(*shlex.split(example(line.verb)))}",
    )


def _no_verb(line: _Line, word: str) -> Wrong:
    verbs, known = line.known.verbs, line.known
    if word in verbs.groups:
        return _group(line, word)
    if word in known.inventories:
        as_in = line.command("status", "--hosts", word)
        return Wrong(f"{word} is an inventory, and a verb comes first", f"as in {as_in}")
    joined = f"{word}.{line.left[0]}" if line.left else ""
    plural = f"{word}s"
    near = (
        (joined if joined in verbs.names else "")
        or _begun(word, verbs.names)
        or (ELSEWHERE.get(word, ""))
        or _nearest(word, [*verbs.names, *verbs.groups])
    )
    if plural in verbs.groups:
        return _group(line, plural, word)
    if near in verbs.groups:
        return _group(line, near, word)
    if near:
        return Wrong(f"there is no verb {word}{_meant(near)}", f"as in {line.command(*shlex.split(example(near)))}")
    return Wrong(f"there is no verb {word}", _shows(line, "", "the verbs"))


def _group(line: _Line, group: str, typed: str = "") -> Wrong:
    """`invoke topics`, `invoke topics list`, `invoke topic`."""
    verbs = line.known.verbs
    inside = verbs.of(group)
    names = [name.partition(".")[2] for name in inside]
    word = line.left[0] if line.left and not line.left[0].startswith("-") else ""
    second = word if word in names else _nearest(word, names) if word else ""
    if second:
        command = line.command(f"{group}.{second}", *line.left[1:])
        return Wrong(f"{typed or group} {word} is one word here", f"did you mean {command}?")
    usual = next((name for name in inside if name.endswith((".list", ".status"))), inside[0])
    return Wrong(
        f"there is no verb {typed or group}; verbs are {some(inside, 9)}",
        f"as in {line.command(*shlex.split(example(usual)))}",
    )


def _flag(line: _Line, word: str) -> Wrong | Help | None:
    typed, separator, _ = word.partition("=")
    verbs = line.known.verbs
    flag = verbs.find(line.verb, typed)
    if flag is None:
        if typed in HELP:
            return Help(line.verb)
        if typed in FLAGS_ELSEWHERE and verbs.find(line.verb, FLAGS_ELSEWHERE[typed]):
            return _no_flag(line, typed)
        flag = next((one for one in core() if typed in one.typed), None)
    if flag is None:
        short = verbs.find(line.verb, typed[:2]) if not typed.startswith("--") else None
        if short and short.takes and not verbs.find(line.verb, f"-{typed}"):  # -iprod3
            line.done.append(word)
            return None
        return _no_flag(line, typed)
    if separator and not flag.takes:
        return Wrong(f"{typed} takes no value", f"as in {line.command(*line.done, typed, *line.left)}")
    line.done.append(word)
    if flag.takes and not separator:
        if not line.left or verbs.find(line.verb, line.left[0]):
            return _no_value(line, flag, typed)
        line.done.append(line.left.pop(0))
    return None


def _no_value(line: _Line, flag: Flag, typed: str) -> Wrong:
    value = _some_value(flag, line.verb, line.known)
    example = line.command(*line.done, value, *line.left)
    choice = f": it is {_choice(flag, line.known)}" if _choice(flag, line.known) else ""
    return Wrong(f"{typed} needs a value{choice}", f"as in {example}")


def _choice(flag: Flag, known: Known) -> str:
    names = _own(known) if flag.name == "--hosts" else known.services if flag.name == "--service" else ()
    return f"{some(names, 9)}" + ("; or a path" if names and flag.name == "--hosts" else "") if names else ""


def _no_flag(line: _Line, typed: str) -> Wrong:
    """A flag that the verb does not have."""
    verbs, verb = line.known.verbs, line.verb
    own = [name for flag in verbs.flags(verb) for name in flag.typed if len(name) > 2]
    twice = f"-{typed}" if not typed.startswith("--") else ""
    elsewhere = FLAGS_ELSEWHERE.get(typed, "")
    near = (twice if twice in own else "") or (elsewhere if elsewhere in own else "") or _begun(typed, own)
    others = [] if near else verbs.having(typed)
    if others:
        having = f"{some(others, 3)} {'has' if len(others) == 1 else 'have'} it"
        command = line.command(*_elsewhere(line, typed, others[0]))
        return Wrong(f"{verb} has no flag {typed}; {having}", f"as in {command}")
    near = near or _nearest(typed, own)
    if not near and (named := _nearest(typed, _all(verbs))):
        return _no_flag(line, named)
    advice = _shows(line, verb, "its flags")
    if near:
        found = verbs.find(verb, near)
        bare = found is not None and found.takes and not line.left
        words = _with_value(found, verb, line.known) if bare else [near, *line.left]
        return Wrong(f"{verb} has no flag {typed}{_meant(near)}", f"as in {line.command(*line.done, *words)}; {advice}")
    return Wrong(f"{verb} has no flag {typed}", advice)


def _elsewhere(line: _Line, typed: str, verb: str) -> list[str]:
    """What was typed, with a verb that has the flag; where that has not all of the other flags, the verb's example."""
    words = [verb, *line.done[line.done.index(line.verb) + 1 :], typed, *line.left]
    if all(line.known.verbs.find(verb, word.partition("=")[0]) for word in words if word.startswith("-")):
        return words
    usual = shlex.split(example(verb))
    return usual if typed in usual else [*usual, *_with_value(line.known.verbs.find(verb, typed), verb, line.known)]


def _with_value(flag: Flag | None, verb: str, known: Known) -> list[str]:
    if flag is None:
        return []
    return [flag.name, _some_value(flag, verb, known)] if flag.takes else [flag.name]


def _some_value(flag: Flag, verb: str, known: Known) -> str:
    """A value to show: an inventory that there is, the value in an example, or what stands for it."""
    if flag.name == "--hosts" and known.inventories:
        return next(iter(_own(known)))
    for one in (example(verb), *EXAMPLES.values()):
        words = shlex.split(one)
        if flag.name in words and words.index(flag.name) + 1 < len(words):
            return words[words.index(flag.name) + 1]
    return spec(flag).rpartition(" ")[2]


def _own(known: Known) -> Collection[str]:
    """The inventories that are no examples; all of them where there are only examples."""
    return [name for name in known.inventories if not name.startswith("example-")] or known.inventories


def _shows(line: _Line, verb: str, what: str) -> str:
    return f"{line.command('help', *([verb] if verb else []))} shows {what}"


def _shown(word: str) -> str:
    """A word as it may be said again: a build's log must not have a password for a misspelt flag beside it."""
    from provisioner.secrets import mask

    return mask(word)


def _meant(name: str) -> str:
    return f"; did you mean {name}?" if name else ""


def _all(verbs: Verbs) -> list[str]:
    return [name for verb in verbs.names for flag in verbs.flags(verb) for name in flag.typed]


def _begun(word: str, known: Iterable[str]) -> str:
    """The only name that begins like this; "" where there are several or none."""
    begun = [name for name in dict.fromkeys(known) if name.startswith(word)] if word.strip("-") else []
    return begun[0] if len(begun) == 1 else ""


def _nearest(word: str, known: Iterable[str]) -> str:
    """The most similar name, dashes at the beginning aside; "" where none is near."""
    import difflib  # a command line that is right needs none

    names = {name.lstrip("-"): name for name in known}
    close = difflib.get_close_matches(word.lstrip("-"), names, n=1, cutoff=NEAR)
    return names[close[0]] if close else ""
