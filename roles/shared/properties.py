"""Java properties files: merges a user's own properties into a rendered file, so that each property appears once.

The file keeps the template's order; a property from the inventory replaces the template's line, with a comment.
Kafka and ZooKeeper read these files as ISO-8859-1, so that what is written holds ASCII only, and any text survives.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from provisioner.secrets import is_secret

_LINE = re.compile(r"^(?P<key>[^#!\s=:][^\s=:]*)\s*[=:]")


def text_of(value: Any) -> str:
    """A YAML value as Kafka and ZooKeeper write it: true, 3, or a,b,c for a list; a number as it was typed."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return ",".join(text_of(item) for item in value)
    return str(value)


def escaped(text: str) -> str:
    """A value as `java.util.Properties` reads exactly it back (its `load`): what is not printable ASCII as \\uXXXX, in
    UTF-16 as in Java; blanks at its ends so that they are seen."""
    body = text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    if not (body.isascii() and body.isprintable()):
        body = "".join(one if " " <= one <= "~" else _units(one) for one in body)
    if body.endswith(" "):
        body = f"{body[:-1]}\\u0020"
    return f"\\{body}" if body.startswith(" ") else body


def _units(sign: str) -> str:
    """The UTF-16 units of one character."""
    data = sign.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{data[at]:02x}{data[at + 1]:02x}" for at in range(0, len(data), 2))


def line_of(key: str, value: Any) -> str:
    """`key=value`, escaped so that java.util.Properties reads exactly that value back. key: a property's name."""
    return f"{key}={escaped(text_of(value))}"


def override(text: str, own: Mapping[str, Any], *, variable: str, synonyms: Sequence[frozenset[str]] = ()) -> str:
    """The properties file `text` with the user's `own` properties in it.

    An existing property is replaced in its place, a new one is added at the end, None removes one; each change
    carries a comment that names `variable`. synonyms: sets of properties that mean the same in different units, where
    the finer one would silently win: setting one of a set removes the others.
    """
    rivals = {key: group - {key} for group in synonyms for key in group if key in own}
    displaced = {rival for key, group in rivals.items() for rival in group if rival not in own and own[key] is not None}
    out: list[str] = []
    seen: set[str] = set()
    for line in text.rstrip("\n").split("\n"):
        match = _LINE.match(line)
        key = match["key"] if match else None
        if key in own:
            seen.add(str(key))
            value = own[str(key)]
            out.append(f"# {variable} removes {key}" if value is None else f"# from {variable}")
            out += [] if value is None else [line_of(str(key), value)]
        elif key in displaced:
            out.append(f"# {variable} sets this in another unit: {key} is left out")
        else:
            out.append(line)
    added = [line_of(key, value) for key, value in own.items() if key not in seen and value is not None]
    if added:
        out += ["", f"# from {variable}", *added]
    return "\n".join(out) + "\n"


def open_names(template: str, own: Mapping[str, Any], public: Collection[str]) -> tuple[str, ...]:
    """The properties of a file with secrets whose values hold none, so that its diff may show them: those of the
    template, and `public` ones. () for a file without secrets, of which all is shown that is not secret by its name."""
    if not has_secret(own):
        return ()
    known = {match["key"] for line in template.split("\n") if (match := _LINE.match(line))}
    return tuple(sorted(name for name in {*known, *public} if not is_secret(name)))


def has_secret(own: Mapping[str, Any]) -> bool:
    """Does any of these properties hold a password or key, so that not all of the file must be shown?"""
    return any(is_secret(key) for key, value in own.items() if value is not None)
