"""--extra-vars as Ansible takes it: `key=value`, `@file.yml`, or a map `{key: value}` (JSON or YAML)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from provisioner.errors import ConfigError
from provisioner.inventory.yaml_source import Decrypt, Document, Raw, read
from provisioner.secrets import is_secret

FLAG = "--extra-vars"
_ADVICE = f"write {FLAG} key=value, {FLAG} @FILE, or {FLAG} '{{key: value}}'"


def parse(
    given: Sequence[str], known: Mapping[str, Any], problems: list[ConfigError], decrypt: Decrypt | None = None
) -> dict[str, Raw]:
    """The variables of all --extra-vars, later ones winning. What cannot be read is added to `problems`.

    Values have YAML's types: `a=1` is a number, `a=[1, 2]` a list, `a=` nothing. One flag holds one variable, so that
    a value may hold blanks; known: the variables whose name after a blank shows that two were meant. decrypt: for files
    that ansible-vault has encrypted, as for `yaml_source.read`.
    """
    found: dict[str, Raw] = {}
    for argument in given:
        try:
            found.update(_one(argument.strip(), known, problems, decrypt))
        except ConfigError as error:
            problems.append(error)
    return found


def _one(
    argument: str, known: Mapping[str, Any], problems: list[ConfigError], decrypt: Decrypt | None
) -> dict[str, Raw]:
    if argument.startswith("@"):
        try:
            path = Path(argument[1:]).expanduser()
        except RuntimeError:
            raise ConfigError(f"{FLAG} {argument}: there is no such user", advice=_ADVICE) from None
        document = read(path, argument[1:], decrypt)
        return document.variables(document.root, problems)
    if argument.startswith("{"):
        document = Document(argument, FLAG)
        return _placed(document.variables(document.root, problems))
    name, separator, value = argument.partition("=")
    name = name.strip()
    if not separator or not re.fullmatch(r"[A-Za-z_][\w-]*", name):
        word = re.match(r"[\w-]*", argument)
        said = repr(argument) if word and word[0] == argument else f"{word[0] if word else ''}..."
        raise ConfigError(f"{FLAG} {said} is not a variable", advice=_ADVICE)  # what follows may be a password
    second = [word for word in re.findall(r"\s([A-Za-z_]\w*)=", value) if word in known]
    if second:
        raise ConfigError(f"{FLAG} {name}=... also holds {second[0]}=", advice=f"give {FLAG} once for each variable")
    if value.lstrip().startswith("{{"):
        return {name: Raw(value, value, FLAG)}  # a shell has its own quotes; YAML's are not expected inside them
    document = Document(value, f"{FLAG} {name}", secret=is_secret(name))
    if document.root is None:
        return {name: Raw(None, "", FLAG)}
    raw = document.raw(document.root)
    return {name: Raw(raw.value, raw.text, FLAG)}


def _placed(variables: Mapping[str, Raw]) -> dict[str, Raw]:
    """On a command line a line number says nothing."""
    return {name: Raw(raw.value, raw.text, FLAG) for name, raw in variables.items()}
