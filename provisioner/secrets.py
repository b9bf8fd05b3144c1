"""Which settings hold a secret, by their names, and how a text is shown without their values.

One list for all that is shown: diffs, plans, messages, excerpts of files, verbs. When in doubt, a value is hidden: a
diff that hides too much costs a look at the file, a password in the log of a build costs a rotation. What was decrypted
is hidden by its value, too (`hidden.py`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from provisioner.hidden import MASK, without

__all__ = ["HOLDS", "MASK", "is_secret", "mask", "shown"]

HOLDS = "# This file holds a password."  # the first line of files that are made with one

# Names of secrets: Kafka's, ZooKeeper's (superDigest), Java's (keyStorePassword) and Ansible's (ansible_become_pass).
_NAMES = re.compile(
    r"password|passwd|passphrase|(^|[._-])(pass|pwd|pw)$|secret|token|credential|jaas[._]config|digest$"
    r"|([._-]|^|private|api|access|secret)key$|auth\.user\.info$",
    re.IGNORECASE,
)
# What says where a secret is, of which kind, or how long it is good for, is none itself.
_ABOUT = re.compile(
    r"([._-](ms|seconds|location|path|file|files|url|uri|type|class|algorithm|iterations|length|name|provider)"
    r"|(path|file|location|type))$",
    re.IGNORECASE,
)
_CAMEL_KEY = re.compile(r"[a-z](Key)$")
# `name=value`, `name: value`, `"name": "value"`, `<name>value`, `name="..." value="..."`
_PAIR = re.compile(r"""([A-Za-z0-9_.-]+)(["']?\s*[=:>]\s*|["']\s+value\s*=\s*)(?=\S)""")
_OPTION = re.compile(r"(-D[^\s=]+=)(\S+)")
_LOGIN = re.compile(r"(://[^\s/:@]*:)[^\s/@]+@")
_PEM = re.compile(r"(-----BEGIN [A-Z ]*PRIVATE KEY-----).*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)
_KEY = re.compile(r"\s*((?:\\.|[^\\\s=:#!])(?:\\.|[^\\\s=:])*)(\s*[=:]\s*|\s+)")
_WORD = re.compile(r"[\w.-]+")
_ESCAPE = re.compile(r"\\(u([0-9A-Fa-f]{4})|.)")


def is_secret(name: str) -> bool:
    """Whether a setting is, by its name, a password, a key or another value that must not be shown."""
    return bool(_NAMES.search(name) or _CAMEL_KEY.search(name)) and not _ABOUT.search(name)


def mask(text: str, open_names: Collection[str] | None = None) -> str:
    """A text of a configuration file with the values of secrets hidden, in whatever form it has them: properties with
    continued lines and escapes in the names, YAML, JSON, XML, JVM options, logins in URLs and private keys. It has as
    many lines as before.

    open_names: of a properties file that is known to hold secrets, the names whose values are none. Of every other name
    the value is hidden then, and so is any line that is neither a comment nor such a setting: whose value it may be
    cannot be known.
    """
    text = without(text)
    if "PRIVATE KEY-----" in text:
        text = _PEM.sub(lambda found: found[1] + MASK + "\n" * found[0].count("\n") + found[2], text)
    out: list[str] = []
    lines = text.split("\n")
    while lines:
        whole = [lines.pop(0)]
        while lines and _continues(whole[-1]):
            whole.append(lines.pop(0))
        out += _logical(whole) if open_names is None else _strictly(whole, open_names)
    return "\n".join(out)


def _continues(line: str) -> bool:
    return (len(line) - len(line.rstrip("\\"))) % 2 == 1


def _strictly(lines: Sequence[str], open_names: Collection[str]) -> list[str]:
    """A line of properties, without what is not known to be no secret."""
    bare = lines[0].strip()
    if not "".join(lines).strip():
        return list(lines)
    if bare[:1] in "#!":
        # Java does not continue comments: what follows one is a line of its own.
        first = bare[0] + " " + MASK if any(map(is_secret, _WORD.findall(bare))) else _line(lines[0])
        return [first, *(_strictly(lines[1:], open_names) if len(lines) > 1 else ())]
    found = _KEY.match(bare)
    name = _unescaped(found[1]) if found and found[2].strip() else ""
    if name in open_names:
        return _logical(lines)
    # A name that is no secret's may be the end of a key that stood on several lines.
    return [f"{name}={MASK}" if is_secret(name) else MASK, *[MASK] * (len(lines) - 1)]


def _logical(lines: Sequence[str]) -> list[str]:
    """A line of properties, which may be continued over several, without secrets."""
    first = _line(lines[0])
    if len(lines) == 1:
        return [first]
    joined = "".join([lines[0][:-1], *(line.lstrip()[:-1] for line in lines[1:-1]), lines[-1].lstrip()])
    if _line(joined) == joined:
        return [_line(line) for line in lines]
    return [first if first != lines[0] else MASK, *[MASK] * (len(lines) - 1)]


def _line(line: str) -> str:
    """One line without secrets. Where one begins, all that follows is hidden; but JVM options end at a blank."""
    line = _LOGIN.sub(rf"\g<1>{MASK}@", line)
    line = _OPTION.sub(lambda found: found[1] + MASK if is_secret(found[1][2:-1]) else found[0], line)
    bare = line.lstrip().lstrip("#!").lstrip()
    comment = bare != line.lstrip()
    start = len(line) - len(bare)
    found = _KEY.match(bare)
    # In a comment, a name and a blank are words of a sentence.
    named = found and is_secret(_unescaped(found[1])) and (found[2].strip() or not comment)
    if found and named and bare[found.end() :]:
        return line[: start + found.end(1)] + (found[2].rstrip() or found[2]) + MASK
    for found in _PAIR.finditer(line):
        name = found[1]
        if is_secret(name) and not line[found.end() :].startswith(MASK) and not (comment and found.start() > start + 2):
            return line[: found.end()] + MASK
    return line


def _unescaped(name: str) -> str:
    """A name as Java reads it from a properties file."""
    return _ESCAPE.sub(lambda found: chr(int(found[2], 16)) if found[2] else found[1], name)


def shown(value: Any, name: str = "") -> Any:
    """A value for a message, without what is secret by its name, at any depth. name: of the value itself."""
    if name and is_secret(name) and value not in (None, ""):
        return MASK
    if isinstance(value, Mapping):
        return {key: shown(member, str(key)) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [shown(member) for member in value]
    return mask(value) if isinstance(value, str) else value
